"""Identifiers that were lost lead again to whom identity itself has named before.

Hearing an event anew would meet a stranger where the identifier is gone: what was told of it knows better.
"""

from collections.abc import Sequence

from lobby.connectors.v1.events_pb2 import MessageReceived
from lobby.events.v1.event_log_service_pb2 import EventRef
from lobby.identity.v1.events_pb2 import MessageIdentified
from lobby_common.events import EventLog, Incoming
from lobby_common.events.log import Connection
from lobby_common.times import from_proto
from lobby_identity import store
from lobby_identity.domain.identifiers import ChannelUserId, WorkspaceId, address
from lobby_identity.store import Lost


async def restore(conn: Connection, log: EventLog, events: Sequence[Incoming]) -> list[Incoming]:
    """Identifiers of messages whose writers were named are there. Returns the other events: they are to be heard."""
    unheard: list[Incoming] = []
    lost: list[Lost] = []
    for each in events:
        named = await _find_named(conn, log, each)
        if named is None or not isinstance(each.payload, MessageReceived):
            unheard.append(each)
            continue
        for given in each.payload.identifiers:
            found = address(WorkspaceId(each.event.workspace_id), given.kind, given.scope, given.value)
            first_seen = from_proto(each.payload.occurred_time)
            lost.append(Lost(found, ChannelUserId(named), each.payload.platform, first_seen))
    await store.restore_identifiers(conn, lost)
    return unheard


async def _find_named(conn: Connection, log: EventLog, each: Incoming) -> str | None:
    """Returns the channel user that was told to have written the message, None where nothing was told of it."""
    ref = EventRef(service=each.producer, lane=each.lane, position=each.position, event_id=each.event.id)
    at = await log.find_applied(conn, ref)
    if at is None:
        return None
    for _, told in await log.find_told(conn, at):
        if told.cause_id == each.event.id and told.type == MessageIdentified.DESCRIPTOR.full_name:
            return MessageIdentified.FromString(told.payload).channel_user_id
    return None
