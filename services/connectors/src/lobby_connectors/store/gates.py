"""The gates of accounts and chats: pauses and breakers, for all processes."""

from datetime import datetime

from lobby_common.events.log import Connection
from lobby_connectors.domain.breaker import Breaker
from lobby_connectors.store import QUERIES


async def lock(conn: Connection, account_id: str) -> tuple[Breaker, datetime]:
    """Returns an account's breaker, locked, and the database's time. Every claimed message's account has one."""
    row = await conn.fetchrow(QUERIES["lock_gate"], account_id)
    assert row is not None
    breaker = Breaker(row["shut"], row["window_time"], row["calls"], row["failures"], row["refusals"])
    return breaker, row["at"]


async def write(conn: Connection, account_id: str, breaker: Breaker) -> None:
    """The account's breaker is as given; one that opens holds calls back for ten seconds."""
    await conn.execute(
        QUERIES["write_gate"],
        account_id,
        breaker.shut,
        breaker.window_time,
        breaker.calls,
        breaker.failures,
        breaker.refusals,
    )


async def pause_account(conn: Connection, account_id: str, seconds: float) -> None:
    """No process calls the account for so long."""
    await conn.execute(QUERIES["pause_account"], account_id, seconds)


async def pause_chat(conn: Connection, account_id: str, chat: str, seconds: float) -> None:
    """No process writes to the chat for so long."""
    await conn.execute(QUERIES["pause_chat"], account_id, chat, seconds)


async def free_account(conn: Connection, account_id: str) -> None:
    """The account begins anew, and what waited for another try goes now."""
    await conn.execute(QUERIES["free_account"], account_id)


async def forget(conn: Connection) -> None:
    """Gates of chats that say nothing any more are gone."""
    await conn.execute(QUERIES["forget_gates"])
