import contextlib
from collections.abc import Sequence

import pytest

from lobby.connectors.v1.events_pb2 import AccountStateChanged, MessageReceived
from lobby.events.v1.batch_pb2 import Batch, Event
from lobby.identity.v1.events_pb2 import ContactGroup, ContactMerged
from lobby.routing.v1.events_pb2 import ConversationAssigned, ConversationOpened, ConversationRef
from lobby_common.events.stream import Received
from lobby_gateway.domain import Principal
from lobby_gateway.live import items, place
from lobby_gateway.live.feed import GOING_AWAY, TOO_SLOW, Ended, Feed
from lobby_gateway.live.hub import Hub
from lobby_gateway.live.owners import Owners, heard_in, may_hear
from lobby_gateway.live.place import NOWHERE, Head
from lobby_gateway.live.streams import Extent


def event(payload) -> Event:
    return Event(type=payload.DESCRIPTOR.full_name, workspace_id="w", payload=payload.SerializeToString())


def batch(*payloads) -> Batch:
    found = Batch()
    segment = found.segments.add(lane=0, first=7, count=len(payloads))
    segment.events.extend(map(event, payloads))
    return found


def reference(conversation_id: str = "conv") -> ConversationRef:
    return ConversationRef(conversation_id=conversation_id, account_id="a", chat="c", contact_id="p")


def hear(owners: Owners, *payloads):
    return [heard for _, heard in heard_in(batch(*payloads), owners, lambda *_: True)]


def test_an_item_names_what_changed_and_holds_no_text():
    item = items.item_of(3, event(MessageReceived(message_id="m", account_id="a", text="secret", display_name="Ana")))
    text = item.json("id-1")
    assert '"message_id":"m"' in text
    assert "secret" not in text
    assert "Ana" not in text
    assert "contact_id" not in text


def test_an_item_of_a_conversation_names_all_that_it_is_about():
    item = items.item_of(1, event(ConversationAssigned(conversation=reference(), agent_id="g", message_id="m")))
    assert item.type == "conversation_assigned"
    assert item.ids == {
        "conversation_id": "conv",
        "message_id": "m",
        "contact_id": "p",
        "account_id": "a",
        "agent_id": "g",
    }


def test_a_merge_names_the_person_after_it():
    item = items.item_of(1, event(ContactMerged(merge_id="x", group=ContactGroup(contact_id="p"))))
    assert item.ids["contact_id"] == "p"


@pytest.mark.parametrize(
    "strange", [Event(type="lobby.future.v1.Thing"), Event(type="lobby.connectors.v1.MessageReceived", payload=b"\xff")]
)
def test_an_event_that_this_gateway_does_not_know_is_passed_over(strange):
    assert items.item_of(1, strange) is None


def test_types_are_the_events_in_snake_case():
    assert {"message_received", "message_identified", "conversation_assigned", "count_changed", "resync"} <= set(
        items.types()
    )
    assert "conversation_ref" not in items.types()


def test_an_agent_hears_of_the_pool_and_of_his_own():
    owners = Owners()
    for agent, hears in (("", True), ("me", True), ("other", False)):
        (heard,) = hear(owners, ConversationAssigned(conversation=reference(f"conv-{agent}"), agent_id=agent))
        assert may_hear("me", heard) is hears


def test_a_new_conversation_that_goes_to_another_at_once_is_not_heard():
    opened, assigned = hear(
        Owners(),
        ConversationOpened(conversation=reference()),
        ConversationAssigned(conversation=reference(), agent_id="other"),
    )
    assert may_hear("me", opened) is False
    assert may_hear("me", assigned) is False


def test_an_agent_hears_that_a_conversation_left_his_screen():
    owners = Owners()
    hear(owners, ConversationAssigned(conversation=reference(), agent_id="me"))
    (left,) = hear(owners, ConversationAssigned(conversation=reference(), agent_id="other"))
    assert may_hear("me", left) is True
    (later,) = hear(owners, MessageReceived(message_id="m", account_id="a", chat="c"))
    assert later.item.ids["conversation_id"] == "conv"
    assert may_hear("me", later) is False


def test_what_events_did_not_tell_only_routing_knows():
    (heard,) = hear(Owners(), MessageReceived(message_id="m", account_id="a", chat="c"))
    assert may_hear("me", heard) is None


def test_what_belongs_to_nobody_is_for_everybody():
    (heard,) = hear(Owners(), AccountStateChanged(account_id="a"))
    assert may_hear("me", heard) is True


def test_old_conversations_are_forgotten():
    owners = Owners(most=2)
    for number in range(3):
        hear(owners, ConversationAssigned(conversation=reference(str(number)), agent_id="me"))
    assert [owners.owner(str(number)) for number in range(3)] == [None, "me", "me"]


def test_a_place_moves_on_in_one_stream_only():
    at = NOWHERE.at(2, Head(5, 10)).after(2, 12, 3)
    assert at.heads[2].sequence == 11
    assert (at.producer, at.shown) == (2, 3)
    assert at.past(2, 12).heads[2].sequence == 12
    assert at.past(2, 12).shown == 0


@pytest.mark.parametrize("text", ["", "x", "AAAA", "é", "=", "AQ", "A" * 200, "../..", place.encode(NOWHERE) + "AA"])
def test_a_text_that_is_no_id_is_no_place(text):
    assert place.decode(text) is None


def test_where_to_read_on():
    extent = Extent(epoch=9, first=5, last=20)
    assert extent.next_after(Head(9, 10)) == 11
    assert extent.next_after(Head(9, 4)) == 5
    assert extent.next_after(Head(9, 20)) == 21
    assert extent.next_after(Head(9, 3)) is None
    assert extent.next_after(Head(9, 21)) is None
    assert extent.next_after(Head(8, 10)) is None
    assert extent.next_after(Head(0, 0)) is None
    assert Extent(epoch=9, first=1, last=3).next_after(Head(0, 0)) == 1


class Gate:
    """Lets everything pass."""

    async def still_holds(self, secret, principal) -> bool:
        return True

    async def is_visible(self, principal, item) -> bool:
        return True


def listening(hub: Hub, role: str = "owner"):
    return hub.listening(Principal("w", "k", role, "me" if role == "agent" else "", False))


async def test_a_screen_that_reads_too_slowly_is_cut_off():
    hub = Hub(None, queue=2)
    with listening(hub) as listener:
        for heard in hear(Owners(), *[MessageReceived(message_id=str(number)) for number in range(3)]):
            listener.offer(heard, NOWHERE)
        assert listener.is_cut_off
        with pytest.raises(Ended) as ended:
            await anext(Feed(hub, None, Gate()).frames(listener, "", ""))
        assert ended.value.code == TOO_SLOW


async def test_what_comes_while_a_screen_is_let_in_again_is_shown_to_it_once():
    hub = Hub(None, queue=5)
    with listening(hub) as listener:
        told = batch(MessageReceived(message_id="m"))
        hub._take(0, Received(1, told.SerializeToString()))
        frames = Feed(hub, None, Gate()).frames(listener, "", place.encode(NOWHERE))
        assert (await anext(frames)).item.ids["message_id"] == "m"
        assert listener.hints.empty()


async def test_a_screen_that_joins_while_a_batch_waits_for_an_earlier_one_reads_anew():
    hub = Hub(None, queue=5)
    told = [batch(MessageReceived(message_id=str(number))) for number in range(4)]
    for each, (lane, first) in zip(told, ((1, 1), (1, 3), (2, 1), (1, 2)), strict=True):
        each.segments[0].lane, each.segments[0].first = lane, first
    with listening(hub):
        for sequence, each in enumerate(told[:3], 1):
            hub._take(0, Received(sequence, each.SerializeToString()))
        with listening(hub) as late:
            assert late.hints.get_nowait().item.type == "resync"


def placed(*places: tuple[int, int]) -> list[bytes]:
    """Batches of one message each, by lane and position, as they are in a stream."""
    told = [batch(MessageReceived(message_id=f"{lane}.{first}")) for lane, first in places]
    for each, (lane, first) in zip(told, places, strict=True):
        each.segments[0].lane, each.segments[0].first = lane, first
    return [each.SerializeToString() for each in told]


def shown(listener) -> list[str]:
    found = []
    while not listener.hints.empty():
        item = listener.hints.get_nowait().item
        found.append(item.ids["message_id"] if item.ids else item.type)
    return found


def overdue(hub: Hub, monkeypatch) -> None:
    monkeypatch.setattr("lobby_gateway.live.lanes.PATIENCE", -1.0)
    hub._show_overdue(0)


async def test_each_message_behind_something_that_never_came_brings_a_resync(monkeypatch):
    hub = Hub(None, queue=50)
    with listening(hub) as listener:
        for sequence, data in enumerate(placed((1, 1), (1, 3), (1, 5)), 1):
            hub._take(0, Received(sequence, data))
        assert shown(listener) == ["1.1"]
        overdue(hub, monkeypatch)
        assert shown(listener) == ["resync", "1.3", "resync", "1.5"]


async def test_a_screen_that_comes_back_over_something_that_never_came_reads_anew(monkeypatch):
    hub = Hub(None, queue=50)
    hub._take(0, Received(1, batch(MessageReceived(message_id="m")).SerializeToString()))
    with listening(hub):
        before, (data, late) = hub.place, placed((0, 9), (0, 10))
        hub._take(0, Received(2, data))
        overdue(hub, monkeypatch)
        hub._take(0, Received(3, late))
        after = hub.place
    for since, kind in ((before, "resync"), (after, "heartbeat")):
        with listening(hub) as listener:
            listener.hints.put_nowait(None)
            frames = Feed(hub, None, Gate()).frames(listener, "", place.encode(since))
            if kind == "resync":
                assert (await anext(frames)).item.type == kind
            else:
                with pytest.raises(Ended):
                    await anext(frames)


class Replaced:
    """A stream, and what is in it when it is looked at again."""

    def __init__(self, extent: Extent) -> None:
        self.now = extent

    async def extent(self, _: str) -> Extent:
        return self.now


async def test_from_what_was_shown_ahead_nobody_goes_on():
    """Its place could say only that less was shown, and it would be shown again."""
    hub = Hub(Replaced(Extent(7, 1, 0)), queue=50)
    await hub._start(0)
    with listening(hub) as listener:
        first, early, other, missing = placed((1, 1), (1, 3), (2, 1), (1, 2))
        for sequence, data in enumerate((first, early, other), 1):
            hub._take(0, Received(sequence, data))
        here = hub.here
        hub._take(0, Received(4, missing))
        hints = [listener.hints.get_nowait() for _ in range(4)]
    assert [hint.item.ids["message_id"] for hint in hints] == ["1.1", "2.1", "1.2", "1.3"]
    extent = Extent(7, 1, 4)
    resumable = [extent.next_after(hint.place.heads[0]) for hint in hints]
    assert resumable == [1, None, None, None]
    assert extent.next_after(here.heads[0]) is None
    assert extent.next_after(hub.here.heads[0]) == 5


@pytest.mark.parametrize(("message_id", "brings"), [("x-2", []), ("x-9", ["resync"])])
async def test_a_stream_that_was_set_back_and_filled_again_is_known_by_its_last_message(message_id, brings):
    stream = Replaced(Extent(7, 1, 0))
    hub = Hub(stream, queue=50)
    assert await hub._start(0) == 1
    hub._has_started(0)
    with listening(hub) as listener:
        for sequence, data in enumerate(placed((1, 1), (1, 2)), 1):
            hub._take(0, Received(sequence, data, f"x-{sequence}"))
        assert shown(listener) == ["1.1", "1.2"]
        stream.now = Extent(7, 1, 4)
        assert await hub._start(0) == 2
        for sequence, data in enumerate(placed((1, 2), (1, 3)), 2):
            hub._take(0, Received(sequence, data, message_id if sequence == 2 else f"x-{sequence}"))
        assert shown(listener) == [*brings, "1.3"]
    assert hub.is_whole_since(NOWHERE.at(0, Head(7, 1))) is not bool(brings)


async def test_what_was_shown_ahead_when_the_stream_broke_is_not_known_by_its_place():
    """It is heard again and passed over, so whoever stands before it would miss it, or be shown it twice."""
    stream = Replaced(Extent(7, 1, 0))
    hub = Hub(stream, queue=50)
    await hub._start(0)
    hub._has_started(0)
    with listening(hub) as listener:
        for sequence, data in enumerate(placed((1, 1), (1, 3), (2, 1)), 1):
            hub._take(0, Received(sequence, data))
        assert shown(listener) == ["1.1", "2.1"]
        stream.now = Extent(7, 1, 3)
        assert await hub._start(0) == 2
        assert shown(listener) == ["resync"]
    assert not hub.is_whole_since(hub.here)


class Told:
    """A stream of one service as a replica reads it that was not there when it was told."""

    def __init__(self, *told: bytes) -> None:
        self._told = [Received(sequence, data) for sequence, data in enumerate(told, 1)]

    async def extent(self, _: str) -> Extent:
        return Extent(7, 1, len(self._told))

    @contextlib.asynccontextmanager
    async def read(self, _: str, sequence: int):
        yield Reading(self._told[sequence - 1 :])


class Reading:
    def __init__(self, left: Sequence[Received]) -> None:
        self._left = list(left)

    async def receive(self, within: float | None = None) -> Received | None:
        return self._left.pop(0) if self._left else None


async def resumed(hub: Hub, since: str) -> list[str]:
    """What a screen that comes back is shown, with what the replica hears of its stream meanwhile."""
    found: list[items.Item] = []
    with listening(hub) as listener:
        for received in hub._streams._told[hub.place.heads[0].sequence :]:
            hub._take(0, received)
        listener.send_away()
        frames = Feed(hub, hub._streams, Gate()).frames(listener, "", since)
        with contextlib.suppress(Ended):
            while True:
                found.append((await anext(frames)).item)
    return [item.ids["message_id"] if item.ids else item.type for item in found]


@pytest.mark.parametrize(("heard", "sees"), [(2, []), (1, ["resync", "1.2"])])
async def test_a_screen_that_comes_to_a_replica_that_is_behind_it_is_shown_nothing_twice(heard, sees):
    ahead, behind = (Hub(Told(*placed((1, 1), (1, 2))), queue=50) for _ in range(2))
    for hub in (ahead, behind):
        hub.place = NOWHERE.at(0, Head(7, 0))
    with listening(ahead) as listener:
        for received in ahead._streams._told:
            ahead._take(0, received)
        last = [listener.hints.get_nowait() for _ in range(2)][-1]
    for received in behind._streams._told[:heard]:
        behind._take(0, received)
    assert await resumed(behind, place.encode(last.place)) == sees


async def test_what_was_said_again_while_a_screen_was_away_is_not_shown_to_it_again():
    told = Hub(Told(*placed((1, 1), (2, 1), (1, 1))), queue=50)
    told.place = NOWHERE.at(0, Head(7, 0))
    with listening(told) as listener:
        for received in told._streams._told:
            told._take(0, received)
        hints = [listener.hints.get_nowait() for _ in range(2)]
        assert listener.hints.empty()
    assert [hint.item.ids["message_id"] for hint in hints] == ["1.1", "2.1"]
    assert await resumed(told, place.encode(hints[1].place)) == ["resync"]


class Slow(Gate):
    """While it looks at a key something happens."""

    def __init__(self, happens) -> None:
        self._happens = happens

    async def still_holds(self, secret, principal) -> bool:
        self._happens()
        return True


async def test_a_heartbeat_is_not_ahead_of_what_is_queued(monkeypatch):
    monkeypatch.setattr("lobby_gateway.live.feed.HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr("lobby_gateway.live.feed.RECHECK_SECONDS", 0.0)
    hub = Hub(None, queue=5)
    told = placed((1, 1))
    with listening(hub) as listener:
        frames = Feed(hub, None, Slow(lambda: hub._take(0, Received(1, told[0])))).frames(listener, "", "")
        frame = await anext(frames)
        assert (frame.item.type, frame.id) == ("message_received", place.encode(NOWHERE.after(0, 1, 1)))


async def test_a_stopping_gateway_sends_its_screens_away_after_what_is_queued():
    hub = Hub(None, queue=5)
    with listening(hub) as listener:
        (heard,) = hear(Owners(), MessageReceived(message_id="m"))
        listener.offer(heard, NOWHERE)
        await hub.close()
        frames = Feed(hub, None, Gate()).frames(listener, "", "")
        assert (await anext(frames)).item.ids["message_id"] == "m"
        with pytest.raises(Ended) as ended:
            await anext(frames)
        assert ended.value.code == GOING_AWAY


async def test_an_agents_screen_is_not_offered_what_belongs_to_others():
    hub = Hub(None, queue=5)
    with listening(hub, "agent") as listener:
        for heard in hear(Owners(), ConversationAssigned(conversation=reference(), agent_id="other")):
            listener.offer(heard, NOWHERE)
        assert listener.hints.empty()
