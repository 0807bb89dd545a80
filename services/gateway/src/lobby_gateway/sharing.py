"""Use-cases of links: load, decide, save, put on record."""

from datetime import datetime
from typing import Any

from lobby_common.caller import Caller
from lobby_common.events.log import Connection
from lobby_common.ids import is_id, new_id
from lobby_gateway import domain, link_store, links, store
from lobby_gateway.links import Link, Visit
from lobby_gateway.passwords import Hashed


async def add_link(conn: Connection, caller: Caller, link: Link, token: str, password: Hashed) -> None:
    """The link opens from the commit on. Raises Invalid INVALID_EXPIRE_TIME, Conflict TOO_MANY_LINKS."""
    await store.lock_workspace(conn, link.workspace_id)
    links.check_new(link, await link_store.count_links(conn, link.workspace_id, link.sheet_id))
    await link_store.add_link(conn, link, domain.hash_of(token), password)
    end = link.expire_time.isoformat() if link.expire_time else None
    await _record(conn, link, caller.actor, "link_created", display_name=link.display_name, expire_time=end)


async def delete_link(conn: Connection, caller: Caller, sheet_id: str, link_id: str, at: datetime) -> Link:
    """Returns the link, deleted. Raises NotFound LINK_NOT_FOUND."""
    known = is_id(link_id)
    before = await link_store.lock_link(conn, caller.workspace_id, sheet_id, link_id) if known else None
    if before is None:
        raise links.not_found()
    after = links.delete(before, at)
    if after != before:
        await link_store.save_link(conn, after)
        await _record(conn, after, caller.actor, "link_deleted")
    return after


async def count_guess(conn: Connection, token: str, at: datetime) -> tuple[Link, Hashed] | None:
    """Returns the link that a token opens and its password, None where none does. Raises Exhausted TOO_MANY_GUESSES.

    The guess counts as wrong from the commit on, also where this process dies before it knows.
    """
    found = await link_store.lock_link_by_token(conn, domain.hash_of(token))
    if found is None or not found[0].holds(at):
        return None
    link, password = found
    after = links.guess(link, at)
    await link_store.save_link(conn, after)
    return after, password


async def let_in(conn: Connection, token: str, secret: str, at: datetime) -> Visit:
    """Whoever gave the right password has a key. Raises NotFound LINK_NOT_FOUND: it was deleted meanwhile."""
    found = await link_store.lock_link_by_token(conn, domain.hash_of(token))
    if found is None or not found[0].holds(at):
        raise links.not_found()
    visit = links.visit(found[0], new_id(), at)
    link, end = visit.link, visit.expire_time.isoformat()
    await link_store.save_link(conn, link)
    await link_store.add_visit(conn, visit, domain.hash_of(secret))
    await _record(conn, link, link.link_id, "link_opened", key_id=visit.key_id, expire_time=end)
    return visit


async def turn_away(conn: Connection, link: Link) -> None:
    """A wrong password is on record."""
    await _record(conn, link, link.link_id, "link_refused", wrong_passwords=link.wrong_passwords)


async def _record(conn: Connection, link: Link, actor: str, action: str, **detail: Any) -> None:
    await store.audit(
        conn,
        workspace_id=link.workspace_id,
        actor=actor,
        action=action,
        subject_id=link.link_id,
        detail={"sheet_id": link.sheet_id} | detail,
    )
