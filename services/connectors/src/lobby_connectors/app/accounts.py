"""Accounts: connected, changed, disconnected. Credentials go in and never come out."""

import dataclasses
import secrets
from collections.abc import Mapping

from lobby_common import caller, pages
from lobby_common.errors import Invalid, NotFound
from lobby_common.events import EventLog, Tx
from lobby_common.events.log import Connection
from lobby_common.ids import is_id, new_id
from lobby_common.times import utc_now
from lobby_connectors import events
from lobby_connectors.addresses import AddressRules
from lobby_connectors.directory import Directory
from lobby_connectors.domain import accounts as rules
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.kinds import State
from lobby_connectors.domain.pacing import own_pace
from lobby_connectors.platforms.interface import Platform, SetsWebhook
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.sealing import Sealer
from lobby_connectors.store import accounts as store
from lobby_connectors.store import gates


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to change; None stays."""

    display_name: str | None
    credentials: Mapping[str, str]
    api_base_url: str | None
    settings: Mapping[str, str]
    disabled: bool | None
    drop_former_secrets: bool = False
    """What was replaced signs nothing from now on, instead of for a day longer."""


class Accounts:
    """The accounts of the caller's workspace."""

    def __init__(self, log: EventLog, sealer: Sealer, directory: Directory, addresses: AddressRules) -> None:
        self._log = log
        self._sealer = sealer
        self._directory = directory
        self._addresses = addresses

    async def create(
        self,
        tx: Tx,
        *,
        platform: str,
        display_name: str,
        credentials: Mapping[str, str],
        api_base_url: str,
        settings: Mapping[str, str],
    ) -> Account:
        """The account is connected.

        Raises Invalid PLATFORM_NOT_SUPPORTED, MISSING_CREDENTIAL, BAD_CREDENTIAL, BAD_SETTING, API_BASE_URL_REFUSED.
        """
        known = PLATFORMS.get(platform)
        if known is None:
            raise Invalid("PLATFORM_NOT_SUPPORTED", f"{platform or 'this platform'} cannot be connected yet")
        given = _checked(known, credentials)
        _check_pace(known, settings)
        now = utc_now()
        account = Account(
            account_id=new_id(),
            workspace_id=caller.current().workspace_id,
            platform=platform,
            display_name=_clean(display_name) or platform,
            credentials=given,
            api_base_url=self._addresses.api_base(api_base_url),
            settings=_clean_all(settings),
            address=known.address(given),
            owner=known.owner(given),
            numbers=(),
            state=State.STARTING,
            state_reason="",
            state_time=now,
            told_time=None,
            create_time=now,
            update_time=now,
        )
        await store.insert(tx.conn, self._sealer, account, webhook_due=isinstance(known, SetsWebhook))
        return account

    async def get(self, account_id: str) -> Account:
        """Returns an account. Raises NotFound."""
        async with self._log.pool.acquire() as conn:
            return await self._lock(conn, account_id)

    async def list(self, page_size: int, page_token: str) -> tuple[list[Account], str]:
        """Returns a page of accounts, oldest first, and the token of the next."""
        size = pages.size(page_size)
        after = pages.decode_after(page_token)
        async with self._log.pool.acquire() as conn:
            found = await store.list_page(conn, self._sealer, caller.current().workspace_id, after, size + 1)
        more = len(found) > size
        last = found[size - 1] if more else None
        return found[:size], pages.encode(last.create_time.isoformat(), last.account_id) if last else ""

    async def update(self, account_id: str, changes: Changes) -> Account:
        """The account has the changes. Raises NotFound, Invalid."""
        async with self._log.transaction() as tx:
            before = await self._lock(tx.conn, account_id)
            after = self._changed(before, changes)
            fresh = dict(after.credentials) != dict(before.credentials) or after.api_base_url != before.api_base_url
            due = fresh and isinstance(PLATFORMS[after.platform], SetsWebhook)
            await store.update(tx.conn, self._sealer, after, webhook_due=due)
            if (after.state, after.state_reason) != (before.state, before.state_reason):
                events.tell_state(
                    tx,
                    account_id=after.account_id,
                    workspace_id=after.workspace_id,
                    platform=after.platform,
                    state=after.state,
                    reason=after.state_reason,
                    at=after.state_time,
                )
        if fresh or after.state is not before.state:
            # Not above: whoever settles a call locks the account after its gate.
            async with self._log.pool.acquire() as conn:
                await gates.free_account(conn, account_id)
        await self._directory.refresh()
        return await self.get(account_id)

    async def delete(self, account_id: str) -> None:
        """The account is disconnected; what it brought stays. Raises NotFound."""
        async with self._log.transaction() as tx:
            account = await self._lock(tx.conn, account_id)
            await store.delete(tx.conn, account_id, account.workspace_id)
        await self._directory.refresh()

    async def _lock(self, conn: Connection, account_id: str) -> Account:
        found = None
        if is_id(account_id):
            found = await store.lock(conn, self._sealer, account_id, caller.current().workspace_id)
        if found is None:
            raise NotFound("ACCOUNT_NOT_FOUND", "there is no such account in this workspace")
        return found

    def _changed(self, account: Account, changes: Changes) -> Account:
        platform = PLATFORMS[account.platform]
        if changes.credentials:
            credentials = _checked(platform, {**account.credentials, **changes.credentials})
            account = rules.replaced(account, credentials, platform.signing_credentials, utc_now())
        _check_pace(platform, changes.settings)
        state, reason = _state(account, changes)
        moved = (state, reason) != (account.state, account.state_reason)
        return dataclasses.replace(
            account,
            display_name=account.display_name if changes.display_name is None else _clean(changes.display_name),
            former=() if changes.drop_former_secrets else account.former,
            api_base_url=account.api_base_url
            if changes.api_base_url is None
            else self._addresses.api_base(changes.api_base_url),
            settings={**account.settings, **_clean_all(changes.settings)},
            address=platform.address(account.credentials),
            owner=platform.owner(account.credentials),
            state=state,
            state_reason=reason,
            state_time=utc_now() if moved else account.state_time,
        )


def _state(account: Account, changes: Changes) -> tuple[State, str]:
    """New credentials and switching on begin anew; switching off ends every other state."""
    if changes.disabled:
        return State.DISABLED, "switched_off"
    on_again = changes.disabled is False and account.state is State.DISABLED
    if on_again or (changes.credentials and account.state is not State.DISABLED):
        return State.STARTING, ""
    return account.state, account.state_reason


def _checked(platform: Platform, credentials: Mapping[str, str]) -> dict[str, str]:
    given = {name: value.strip() for name, value in _clean_all(credentials).items()}
    for name, value in given.items():
        if not value.isprintable():
            raise Invalid("BAD_CREDENTIAL", f"the credential {name} holds a character that no credential has")
    for name in platform.required_credentials:
        if not given.get(name):
            raise Invalid("MISSING_CREDENTIAL", f"{platform.name} needs the credential {name}")
    if isinstance(platform, SetsWebhook):
        given = platform.complete(given, secrets.token_urlsafe(32))
    return given


def _check_pace(platform: Platform, settings: Mapping[str, str]) -> None:
    try:
        own_pace(settings, platform.limits.fastest)
    except ValueError as error:
        raise Invalid("BAD_SETTING", str(error)) from None


def _clean(text: str) -> str:
    """PostgreSQL cannot hold NUL."""
    return text.replace("\x00", "\ufffd")


def _clean_all(values: Mapping[str, str]) -> dict[str, str]:
    return {_clean(name): _clean(value) for name, value in values.items()}
