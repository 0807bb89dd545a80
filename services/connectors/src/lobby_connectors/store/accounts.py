"""Accounts; credentials are sealed here and opened here, nowhere else."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lobby_common.events.log import Connection
from lobby_connectors.domain.accounts import Account, Former
from lobby_connectors.domain.kinds import State
from lobby_connectors.sealing import Sealer
from lobby_connectors.store import QUERIES

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_FIRST = "00000000-0000-0000-0000-000000000000"


async def read_changed(conn: Connection, sealer: Sealer, since: datetime | None) -> list[tuple[Account, bool]]:
    """Returns accounts changed since then, each with whether it is gone."""
    rows = await conn.fetch(QUERIES["read_accounts"], since or _BEGINNING)
    return [(account_of(row, sealer), row["delete_time"] is not None) for row in rows]


async def find(conn: Connection, sealer: Sealer, account_ids: Sequence[str]) -> list[tuple[Account, bool]]:
    """Returns accounts by id, each with whether it is gone."""
    rows = await conn.fetch(QUERIES["find_accounts"], account_ids)
    return [(account_of(row, sealer), row["delete_time"] is not None) for row in rows]


async def lock(conn: Connection, sealer: Sealer, account_id: str, workspace_id: str) -> Account | None:
    """Returns an account to be changed."""
    row = await conn.fetchrow(QUERIES["lock_account"], account_id, workspace_id)
    return None if row is None else account_of(row, sealer)


async def list_page(
    conn: Connection, sealer: Sealer, workspace_id: str, after: tuple[datetime, str] | None, limit: int
) -> list[Account]:
    """Returns a workspace's accounts after one, oldest first."""
    create_time, account_id = after or (_BEGINNING, _FIRST)
    rows = await conn.fetch(QUERIES["list_accounts"], workspace_id, create_time, account_id, limit)
    return [account_of(row, sealer) for row in rows]


async def insert(conn: Connection, sealer: Sealer, account: Account, *, webhook_due: bool) -> None:
    """The account is there; `webhook_due`: its platform is told where to post."""
    await conn.execute(
        QUERIES["insert_account"],
        account.account_id,
        account.workspace_id,
        account.platform,
        account.display_name,
        _seal(sealer, account.account_id, account.credentials),
        account.api_base_url,
        json.dumps(dict(account.settings)),
        account.address,
        account.owner,
        account.state,
        webhook_due,
    )


async def update(conn: Connection, sealer: Sealer, account: Account, *, webhook_due: bool) -> None:
    """The account is as given."""
    await conn.execute(
        QUERIES["update_account"],
        account.account_id,
        account.display_name,
        _seal(sealer, account.account_id, account.credentials),
        account.api_base_url,
        json.dumps(dict(account.settings)),
        account.address,
        account.owner,
        account.state,
        account.state_reason,
        webhook_due,
        _seal_former(sealer, account),
    )


async def delete(conn: Connection, account_id: str, workspace_id: str) -> bool:
    """The account is gone. Returns whether it was there."""
    return bool(await conn.fetchval(QUERIES["delete_account"], account_id, workspace_id))


async def move_state(
    conn: Connection, account_id: str, state: State, reason: str, *, told: datetime | None, sources: Collection[State]
) -> Any:
    """The account is in the state, if it was in one of `sources`. Returns its row where that changed it."""
    return await conn.fetchrow(QUERIES["move_state"], account_id, state, reason, told, list(sources))


async def learn_numbers(conn: Connection, account_id: str, numbers: Sequence[str]) -> None:
    """The numbers are the account's own."""
    await conn.execute(QUERIES["learn_numbers"], account_id, list(numbers))


def _seal(sealer: Sealer, account_id: str, credentials: Mapping[str, str]) -> bytes:
    return sealer.seal(json.dumps(dict(credentials)).encode(), account_id)


def _seal_former(sealer: Sealer, account: Account) -> bytes | None:
    if not account.former:
        return None
    told = [{"credentials": dict(each.credentials), "until": each.until.isoformat()} for each in account.former]
    return sealer.seal(json.dumps(told).encode(), account.account_id)


def _open_former(sealer: Sealer, sealed: bytes | None, account_id: str) -> tuple[Former, ...]:
    told = json.loads(sealer.open(sealed, account_id)) if sealed else ()
    return tuple(Former(each["credentials"], datetime.fromisoformat(each["until"])) for each in told)


def account_of(row: Any, sealer: Sealer) -> Account:
    """Returns the account in a row."""
    return Account(
        account_id=row["account_id"],
        workspace_id=row["workspace_id"],
        platform=row["platform"],
        display_name=row["display_name"],
        credentials=json.loads(sealer.open(row["credentials"], row["account_id"])),
        api_base_url=row["api_base_url"],
        settings=json.loads(row["settings"]),
        address=row["address"],
        owner=row["owner"],
        numbers=tuple(row["numbers"]),
        state=State(row["state"]),
        state_reason=row["state_reason"],
        state_time=row["state_time"],
        told_time=row["told_time"],
        create_time=row["create_time"],
        update_time=row["update_time"],
        former=_open_former(sealer, row["former_secrets"], row["account_id"]),
    )
