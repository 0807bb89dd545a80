"""The `lobby` command."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from lobby_cli import place, show
from lobby_cli.calls import Calls, RefusedError
from lobby_cli.sheets import BrokenError, ended, verify
from lobby_cli.statements import find_break
from lobby_cli.watch import watch as watch_items

APP = typer.Typer(no_args_is_help=True, add_completion=False, help="Lobby from the command line.")
WORKSPACE = typer.Typer(no_args_is_help=True, help="Workspaces.")
KEY = typer.Typer(no_args_is_help=True, help="API keys.")
ACCOUNT = typer.Typer(no_args_is_help=True, help="Connected channel accounts.")
SHEET = typer.Typer(no_args_is_help=True, help="Sheets, by which two parties settle.")
APP.add_typer(WORKSPACE, name="workspace")
APP.add_typer(KEY, name="key")
APP.add_typer(ACCOUNT, name="account")
APP.add_typer(SHEET, name="sheet")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for programs.")]


def call(work: Callable[[Calls], Awaitable[Any]]) -> Any:
    """Returns what `work` returns; a refusal ends the command with exit code 1 and its words."""

    async def run() -> Any:
        async with Calls.to(place.find()) as calls:
            return await work(calls)

    try:
        return asyncio.run(run())
    except (RefusedError, place.NowhereError) as error:
        show.error(error)
        raise typer.Exit(1) from None


@WORKSPACE.command("create")
def workspace_create(
    display_name: Annotated[str, typer.Argument(help="Its name.")],
    time_zone: Annotated[str, typer.Option(help="IANA time zone of its days.")] = "UTC",
    json_: AsJson = False,
) -> None:
    """Makes a workspace and its owner key, which is shown this once. Works on the machine that runs Lobby."""
    try:
        database_url = os.environ.get("LOBBY_DATABASE_URL") or place.find().database_url
    except place.NowhereError as error:
        show.error(error)
        raise typer.Exit(1) from None
    words = ["workspace", "create", "--display-name", display_name, "--time-zone", time_zone]
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "lobby_gateway", *words],
        env=os.environ | {"LOBBY_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        show.error(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "failed")
        raise typer.Exit(1)
    made = json.loads(done.stdout)
    if json_:
        show.as_json(made)
    else:
        show.OUT.print(f"workspace [bold]{made['workspace_id']}[/]\nowner key [bold]{made['api_key']}[/] (shown once)")


@KEY.command("create")
def key_create(
    role: Annotated[str, typer.Argument(help="owner, supervisor, agent, viewer or partner.")],
    agent: Annotated[str, typer.Option(help="The agent it acts for, for role agent.")] = "",
    name: Annotated[str, typer.Option(help="A name for people.")] = "",
    json_: AsJson = False,
) -> None:
    """Makes a key; its secret is shown this once."""
    body = {"role": role, "agent_id": agent, "display_name": name}
    made = call(lambda calls: calls.gateway("POST", "/v1/keys", body))
    if json_:
        show.as_json(made)
    else:
        show.OUT.print(f"key [bold]{made['key']['key_id']}[/]\nsecret [bold]{made['secret']}[/] (shown once)")


@KEY.command("list")
def key_list(json_: AsJson = False) -> None:
    """Lists the keys, without secrets."""
    keys = call(lambda calls: calls.all_of("/v1/keys", "keys"))
    if json_:
        show.as_json({"keys": keys})
        return
    fields = ("key_id", "role", "agent_id", "display_name", "create_time", "revoke_time")
    show.table("keys", fields, [[key.get(field) for field in fields] for key in keys])


@KEY.command("revoke")
def key_revoke(key_id: str, json_: AsJson = False) -> None:
    """Revokes a key."""
    answer = call(lambda calls: calls.gateway("DELETE", f"/v1/keys/{quote(key_id, safe='')}"))
    if json_:
        show.as_json(answer)
    else:
        show.OUT.print(f"revoked [bold]{answer['key']['key_id']}[/]")


@ACCOUNT.command("add")
def account_add(
    platform: Annotated[str, typer.Argument(help="whatsapp, telegram or line.")],
    name: Annotated[str, typer.Option(help="A name for people.")] = "",
    credential: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, repeatable.")] = None,
    setting: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, repeatable.")] = None,
    api_base_url: Annotated[str, typer.Option(help="Another address of the platform's API.")] = "",
    json_: AsJson = False,
) -> None:
    """Connects an account and shows the address for the platform's webhooks."""
    body = {
        "platform": platform,
        "display_name": name or platform,
        "credentials": _pairs(credential),
        "settings": _pairs(setting),
        "api_base_url": api_base_url,
    }
    made = call(lambda calls: calls.gateway("POST", "/v1/accounts", body))
    if json_:
        show.as_json(made)
    else:
        account = made["account"]
        show.OUT.print(f"account [bold]{account['account_id']}[/]\nwebhooks to [bold]{account['webhook_url']}[/]")


def _pairs(words: list[str] | None) -> dict[str, str]:
    pairs = [word.partition("=") for word in words or ()]
    if any(not mark for _, mark, _ in pairs):
        raise typer.BadParameter("expected NAME=VALUE")
    return {name: value for name, _, value in pairs}


@ACCOUNT.command("list")
def account_list(json_: AsJson = False) -> None:
    """Lists the accounts and how they are."""
    accounts = call(lambda calls: calls.all_of("/v1/accounts", "accounts"))
    if json_:
        show.as_json({"accounts": accounts})
        return
    fields = ("account_id", "platform", "display_name", "state", "state_reason")
    show.table("accounts", fields, [[account.get(field) for field in fields] for account in accounts])


@APP.command()
def say(
    text: Annotated[str, typer.Argument(help="What the customer writes.")],
    platform: Annotated[str, typer.Option(help="whatsapp, telegram or line.")] = "whatsapp",
    customer: Annotated[str, typer.Option(help="Who writes: a phone, a number, a name.")] = "66811111111",
    account: Annotated[str, typer.Option(help="To which account; default: the first of the platform.")] = "",
    json_: AsJson = False,
) -> None:
    """A customer writes, through the sandbox."""

    async def work(calls: Calls) -> Any:
        account_id = account or await _first_account(calls, platform)
        body = {"account_id": account_id, "text": text}
        return await calls.sandbox(f"/{platform}/customers/{quote(customer, safe='')}/say", body)

    answer = call(work)
    if json_:
        show.as_json(answer)
    else:
        colour = "green" if answer["status"] == 200 else "red"  # noqa: PLR2004  # HTTP's OK
        show.OUT.print(f"[{colour}]the gateway said {answer['status']}[/]")
        if answer.get("message_id"):
            show.OUT.print(f"the platform's id [bold]{answer['message_id']}[/]")


async def _first_account(calls: Calls, platform: str) -> str:
    for account in await calls.all_of("/v1/accounts", "accounts"):
        if account["platform"] == platform:
            account_id: str = account["account_id"]
            return account_id
    raise RefusedError(f"there is no {platform} account: `lobby account add {platform}` first")


@APP.command()
def watch(json_: AsJson = False) -> None:
    """Shows messages flowing through the services, live."""
    try:
        call(lambda calls: watch_items(calls.items(), as_json=json_))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@APP.command()
def journey(message_id: str, json_: AsJson = False) -> None:
    """Draws a message's way through the services."""
    answer = call(lambda calls: calls.gateway("GET", f"/v1/messages/{quote(message_id, safe='')}/journey"))
    if json_:
        show.as_json(answer)
    else:
        show.journey(message_id, answer)


@APP.command()
def statements(
    file: Annotated[Path | None, typer.Argument(help="What --json showed earlier; no server is asked.")] = None,
    json_: AsJson = False,
) -> None:
    """Lists what each day's proof said and checks the chain of digests; exit code 1 where it is broken."""
    if file is None:
        listed = call(lambda calls: calls.all_of("/v1/proof/statements", "statements"))
    else:
        try:
            listed = json.loads(file.read_text())["statements"]
        except (OSError, ValueError, KeyError, TypeError):
            show.error(f"{file} holds no statements")
            raise typer.Exit(1) from None
    broken = find_break(listed)
    if json_:
        show.as_json({"statements": listed, "broken": broken})
    else:
        fields = ("number", "day", "accepted", "accounted", "missed", "balanced", "digest")
        show.table("statements", fields, [[each.get(field) for field in fields] for each in listed])
        show.OUT.print(f"[red]{broken}[/]" if broken else f"[green]{len(listed)} statements, the chain is whole[/]")
    if broken:
        raise typer.Exit(1)


@SHEET.command("export")
def sheet_export(sheet_id: str) -> None:
    """Writes the closed days of a sheet to the output, for `lobby sheet verify`; nothing where it breaks off."""
    with tempfile.TemporaryFile() as file:
        call(lambda calls: calls.download(f"/v1/exports/sheets/{quote(sheet_id, safe='')}", file))
        file.seek(0)
        shutil.copyfileobj(file, sys.stdout.buffer)


@SHEET.command("verify")
def sheet_verify(
    file: Annotated[Path, typer.Argument(help="An export of closed days; no server is asked.")], json_: AsJson = False
) -> None:
    """Computes a closed sheet again from its export and shows the digest; exit code 1 where it does not follow."""
    try:
        with file.open(encoding="utf-8", newline="\n") as lines:
            found = verify(ended(lines))
    except (OSError, UnicodeDecodeError, BrokenError) as error:
        show.error(f"{file}: {error}")
        raise typer.Exit(1) from None
    if json_:
        show.as_json(asdict(found))
    else:
        figures = ", ".join(f"{name} {number}" for name, number in found.total.items())
        show.OUT.print(
            f"sheet [bold]{found.sheet_id}[/]: {found.days} days closed, {figures}, {found.amount} {found.currency}\n"
            f"digest [bold]{found.digest}[/]"
        )


def main() -> None:
    """The door."""
    APP()
