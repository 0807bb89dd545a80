"""ShareService: links to sheets, and the door that they open."""

import asyncio
import base64
from collections.abc import Callable
from datetime import datetime

import grpc

from lobby.counter.v1.sheet_service_pb2 import GetSheetRequest
from lobby.counter.v1.sheet_service_pb2_grpc import SheetServiceStub
from lobby.gateway.v1 import share_service_pb2 as pb
from lobby.gateway.v1.link_pb2 import Link as LinkProto
from lobby.gateway.v1.share_service_pb2_grpc import ShareServiceServicer
from lobby_common import caller, pages
from lobby_common.config import Secret
from lobby_common.errors import Exhausted, Invalid
from lobby_common.events import EventLog, Tx
from lobby_common.ids import new_id
from lobby_common.requests import answer_once
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_gateway import domain, entropy, link_store, links, metrics, sharing
from lobby_gateway.links import Link, Visit
from lobby_gateway.passwords import NOBODYS, Hashed, Hasher

_REFUSED_AFTER = 0.5
"""Seconds after which a password is refused, whatever is wrong: how long it took tells nothing."""


class ShareApi(ShareServiceServicer):
    """Serves links. Whether a sheet is there, and whose it is, the counter says."""

    def __init__(
        self, log: EventLog, counter: grpc.aio.Channel, master_key: Secret, deleted: Callable[[str], None]
    ) -> None:
        """`deleted` is told the id of each link that was deleted here."""
        self._log = log
        self._sheets = SheetServiceStub(counter)
        self._master_key = base64.b64decode(master_key.reveal())
        self._deleted = deleted
        self._known, self._unknown = Hasher(), Hasher()

    async def close(self) -> None:
        """No password is worked on any more."""
        await self._known.close()
        await self._unknown.close()

    async def CreateLink(self, request: pb.CreateLinkRequest, context: object) -> pb.CreateLinkResponse:
        """Makes a link; asked again with the same request_id it gives the same link and token."""
        await self._check_sheet(request.sheet_id)
        link = Link(
            link_id=new_id(),
            workspace_id=caller.current().workspace_id,
            sheet_id=request.sheet_id,
            display_name=request.display_name,
            create_time=utc_now(),
            expire_time=_end(request),
        )
        token = self._token(link.workspace_id, request.request_id)
        password = await self._known.hash(request.password)
        async with self._log.transaction() as tx:
            answer = await self._create(tx, link, token, password, request.request_id)
        # The token is not part of the answer that is kept.
        answer.token = token
        return answer

    async def ListLinks(self, request: pb.ListLinksRequest, context: object) -> pb.ListLinksResponse:
        """Lists links, oldest first."""
        await self._check_sheet(request.sheet_id)
        size = pages.size(request.page_size)
        found = await link_store.list_links(
            self._log.pool,
            caller.current().workspace_id,
            request.sheet_id,
            pages.decode_after(request.page_token),
            size + 1,
        )
        answer = pb.ListLinksResponse(links=[_link(link) for link in found[:size]])
        if len(found) > size:
            last = found[size - 1]
            answer.next_page_token = pages.encode(last.create_time.isoformat(), last.link_id)
        return answer

    async def DeleteLink(self, request: pb.DeleteLinkRequest, context: object) -> pb.DeleteLinkResponse:
        """Deletes a link."""
        async with self._log.transaction() as tx:
            after = await sharing.delete_link(tx.conn, caller.current(), request.sheet_id, request.link_id, utc_now())
        self._deleted(after.link_id)
        return pb.DeleteLinkResponse(link=_link(after))

    async def OpenLink(self, request: pb.OpenLinkRequest, context: object) -> pb.OpenLinkResponse:
        """Gives a key to whoever knows the password."""
        refused_at = asyncio.get_running_loop().time() + _REFUSED_AFTER
        secret = entropy.new_secret()
        visit = await self._open(request.token, request.password, secret)
        if visit is None:
            await asyncio.sleep(refused_at - asyncio.get_running_loop().time())
            raise links.not_found()
        metrics.LINK_OPENINGS.labels("opened").inc()
        return pb.OpenLinkResponse(secret=secret, sheet_id=visit.link.sheet_id, expire_time=to_proto(visit.expire_time))

    async def _check_sheet(self, sheet_id: str) -> None:
        """Raises NotFound SHEET_NOT_FOUND for a sheet of another workspace too: the counter looks in the caller's."""
        await self._sheets.GetSheet(GetSheetRequest(sheet_id=sheet_id))

    def _token(self, workspace_id: str, request_id: str) -> str:
        if not request_id:
            return entropy.new_token()
        return domain.token_of(domain.repeatable_entropy(self._master_key, "link", workspace_id, request_id))

    async def _create(self, tx: Tx, link: Link, token: str, password: Hashed, request_id: str) -> pb.CreateLinkResponse:
        async def make() -> pb.CreateLinkResponse:
            await sharing.add_link(tx.conn, caller.current(), link, token, password)
            return pb.CreateLinkResponse(link=_link(link))

        return await answer_once(tx, "CreateLink", request_id, pb.CreateLinkResponse, make)

    async def _open(self, token: str, password: str, secret: str) -> Visit | None:
        """Returns a visit whose key has this secret, None for a token or password that is none. Raises Exhausted."""
        found = await self._count_guess(token)
        if found is None:
            # Works as long as for a link that there is, and in a queue of its own: nonsense keeps no partner waiting.
            await self._unknown.is_right(password, NOBODYS)
            metrics.LINK_OPENINGS.labels("unknown").inc()
            return None
        link, kept = found
        if await self._known.is_right(password, kept):
            async with self._log.transaction() as tx:
                return await sharing.let_in(tx.conn, token, secret, utc_now())
        metrics.LINK_OPENINGS.labels("wrong_password").inc()
        async with self._log.transaction() as tx:
            await sharing.turn_away(tx.conn, link)
        return None

    async def _count_guess(self, token: str) -> tuple[Link, Hashed] | None:
        try:
            async with self._log.transaction() as tx:
                return await sharing.count_guess(tx.conn, token, utc_now())
        except Exhausted:
            metrics.LINK_OPENINGS.labels("too_many").inc()
            raise


def _end(request: pb.CreateLinkRequest) -> datetime | None:
    if not request.HasField("expire_time"):
        return None
    try:
        return from_proto(request.expire_time)
    except OverflowError:
        raise Invalid("INVALID_EXPIRE_TIME", "expire_time lies in the years 1 to 9999") from None


def _link(link: Link) -> LinkProto:
    return LinkProto(
        link_id=link.link_id,
        sheet_id=link.sheet_id,
        display_name=link.display_name,
        create_time=to_proto(link.create_time),
        expire_time=to_proto(link.expire_time) if link.expire_time else None,
        delete_time=to_proto(link.delete_time) if link.delete_time else None,
        last_open_time=to_proto(link.last_open_time) if link.last_open_time else None,
        wrong_passwords=link.wrong_passwords,
    )
