"""Webhooks are parsed, and what they say is brought to the account that it is about."""

from lobby_connectors.directory import Directory
from lobby_connectors.domain.items import AccountNotice, Section
from lobby_connectors.domain.webhooks import Reading, Said, Webhook
from lobby_connectors.platforms.reading import ParseError
from lobby_connectors.platforms.registry import PLATFORMS


def read(webhook: Webhook, directory: Directory) -> Reading:
    """Returns what the webhook says. Never raises: what is not understood is among the problems."""
    platform = PLATFORMS[webhook.account.platform]
    scope = platform.user_scope(webhook.account.settings, webhook.account.workspace_id)
    try:
        parsed = platform.parse(webhook.body, scope)
    except ParseError as error:
        return Reading(webhook, [], [str(error)])
    except Exception as error:  # noqa: BLE001  # a bug in a parser costs a parse again, not the platform's message
        return Reading(webhook, [], [f"the parser failed: {type(error).__name__}"], fault=True)
    reading = Reading(webhook, [], list(parsed.problems))
    for section in parsed.sections:
        _bring(reading, section, directory)
    return reading


def names_unknown(reading: Reading) -> bool:
    """Returns whether it names an account that is not known here; another replica may have connected it just now."""
    return any(problem.startswith(_UNKNOWN) for problem in reading.problems)


_UNKNOWN = "names no account of this workspace: "


def _bring(reading: Reading, section: Section, directory: Directory) -> None:
    own = reading.webhook.account
    account = directory.at_address(own, section.address)
    if account is None:
        reading.problems.append(f"{_UNKNOWN}{section.address}")
        return
    for item in section.items:
        if isinstance(item, AccountNotice) and section.owner:
            owned = directory.owned_by(account, section.owner)
            if not owned:
                reading.problems.append(f"{_UNKNOWN}{section.owner}")
            reading.said.extend(Said(each, item) for each in owned)
        else:
            reading.said.append(Said(account, item))
    unknown = set(section.numbers) - set(account.numbers)
    if unknown:
        reading.learned.append((account.account_id, tuple(sorted(unknown))))
