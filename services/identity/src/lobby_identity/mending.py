"""People and identifiers that were lost are again whom identity itself has named before.

Hearing an event anew would meet a stranger where the identifier is gone: what was told of it knows better.
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from lobby.connectors.v1.events_pb2 import MessageReceived
from lobby.events.v1.event_log_service_pb2 import EventRef
from lobby.identity.v1.events_pb2 import MessageIdentified
from lobby_common.events import EventLog, Incoming
from lobby_common.events.log import Connection
from lobby_common.log import get_logger
from lobby_common.times import from_proto
from lobby_identity import store
from lobby_identity.domain import profile as profiles
from lobby_identity.domain.identifiers import CRM_ID, Address, ChannelUserId, ContactId, Key, WorkspaceId, address
from lobby_identity.domain.profile import Hints, Profile
from lobby_identity.domain.resolution import Newcomer, born_of, born_with, contact_of
from lobby_identity.store import Lost, erasing

_LOG = get_logger("mending")


@dataclass(frozen=True, slots=True)
class Named:
    """A message, and whom identity named as its writer."""

    event_id: str
    workspace_id: WorkspaceId
    message: MessageReceived
    said: MessageIdentified

    @property
    def channel_user_id(self) -> ChannelUserId:
        """Who wrote it."""
        return ChannelUserId(self.said.channel_user_id)


async def restore(conn: Connection, log: EventLog, events: Sequence[Incoming]) -> list[Incoming]:
    """Writers of messages who were named are there, with their identifiers. Returns the other events, to be heard."""
    unheard: list[Incoming] = []
    named: list[Named] = []
    for each in await without_forgotten(conn, log, events):
        said = await _find_named(conn, log, each)
        if said is None or not isinstance(each.payload, MessageReceived):
            unheard.append(each)
        else:
            named.append(Named(each.event.id, WorkspaceId(each.event.workspace_id), each.payload, said))
    await _restore_people(conn, named)
    born = await store.find_born(conn, [_born_with(each, key) for each in named for key in _ids(each)])
    await store.restore_identifiers(conn, [lost for each in named for lost in _identifiers(each, born)])
    return unheard


async def without_forgotten(conn: Connection, log: EventLog, events: Sequence[Incoming]) -> list[Incoming]:
    """Returns the events but for messages of people who were forgotten: that these lead nowhere is as it should be."""
    writers: dict[str, ChannelUserId] = {}
    for each in events:
        said = await _find_named(conn, log, each)
        if said is not None:
            writers[each.event.id] = ChannelUserId(said.channel_user_id)
    forgotten = await erasing.find_erased(conn, set(writers.values())) if writers else set()
    return [each for each in events if writers.get(each.event.id) not in forgotten]


def _identifiers(each: Named, born: Container[ChannelUserId]) -> list[Lost]:
    """Returns the identifiers of a message, each with whom it led to, as far as that is certain."""
    first_seen = from_proto(each.message.occurred_time)
    of_ids = dict(_holders_of_ids(each, born))
    return [
        Lost(given, holder, each.message.platform, first_seen)
        for given in _addresses(each)
        if (holder := of_ids.get(given.key) if given.key.kind == CRM_ID else each.channel_user_id)
    ]


def _addresses(each: Named) -> list[Address]:
    return [
        address(each.workspace_id, given.kind, given.scope, given.value)
        for given in each.message.identifiers
        if given.value
    ]


def _ids(each: Named) -> list[Key]:
    """Returns the ids of the workspace's own systems that a message names."""
    return [given.key for given in _addresses(each) if given.key.kind == CRM_ID]


def _holders_of_ids(each: Named, born: Container[ChannelUserId]) -> Iterator[tuple[Key, ChannelUserId]]:
    """Yields those ids that came with this message: its writer was born with the first, another is whom it made."""
    wrote_first = born_of(each.event_id, from_proto(each.message.occurred_time)) == each.channel_user_id
    for place, key in enumerate(_ids(each)):
        made = _born_with(each, key)
        if made in born:
            yield key, made
        elif wrote_first and place == 0:
            yield key, each.channel_user_id


def _born_with(each: Named, key: Key) -> ChannelUserId:
    return born_of(born_with(each.event_id, key), from_proto(each.message.occurred_time))


async def _restore_people(conn: Connection, named: Sequence[Named]) -> None:
    """Who is not there is born again from what he wrote, where it is certain which contact he began as."""
    by_user: dict[ChannelUserId, list[Named]] = defaultdict(list)
    for each in named:
        by_user[each.channel_user_id].append(each)
    born = await store.find_born(conn, by_user)
    linked = await store.find_linked(conn, {ContactId(each.said.contact_id) for each in named})
    people: list[tuple[Newcomer, Profile]] = []
    for user, wrote in by_user.items():
        contact_id = born.get(user) or first_contact(user, wrote, linked)
        if contact_id is None:
            _LOG.warning("contact_unknown", channel_user_id=user)
        else:
            people.append(_reborn(user, contact_id, wrote))
    if people:
        await store.restore_people(conn, people)


def first_contact(user: ChannelUserId, wrote: Sequence[Named], linked: set[ContactId]) -> ContactId | None:
    """Returns the contact that a channel user began as, from messages that he wrote.

    The message that made him tells. Another one names the person's canonical contact, which is his own as long as that
    was never linked with another; None where it was.
    """
    for each in wrote:
        at = from_proto(each.message.occurred_time)
        if born_of(each.event_id, at) == user:
            return contact_of(each.event_id, at)
    named = ContactId(wrote[-1].said.contact_id)
    return None if named in linked else named


def _reborn(user: ChannelUserId, contact_id: ContactId, wrote: Sequence[Named]) -> tuple[Newcomer, Profile]:
    profile = Profile()
    for each in wrote:
        hints = each.message
        at = from_proto(hints.occurred_time)
        profile = profiles.learn(
            profile, Hints(at, hints.display_name, hints.locale, hints.country, greeting=hints.greeting)
        )
    first_seen = min(from_proto(each.message.occurred_time) for each in wrote)
    newcomer = Newcomer(user, contact_id, wrote[0].workspace_id, wrote[0].message.platform, first_seen)
    return newcomer, profile


async def _find_named(conn: Connection, log: EventLog, each: Incoming) -> MessageIdentified | None:
    """Returns what was told of the message, None where nothing was."""
    ref = EventRef(service=each.producer, lane=each.lane, position=each.position, event_id=each.event.id)
    at = await log.find_applied(conn, ref)
    if at is None:
        return None
    for _, told in await log.find_told(conn, at):
        if told.cause_id == each.event.id and told.type == MessageIdentified.DESCRIPTOR.full_name:
            return MessageIdentified.FromString(told.payload)
    return None
