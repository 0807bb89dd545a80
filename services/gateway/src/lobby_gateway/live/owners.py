"""To whom conversations belong, as far as the events told lately; what an agent may hear follows from it."""

from collections import OrderedDict
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from lobby.events.v1.batch_pb2 import Batch
from lobby_gateway.live import items as live_items
from lobby_gateway.live.items import Item

_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Heard:
    """An item, and to whom its conversation belonged before and after the batch that told it; None: not known."""

    item: Item
    before: str | None
    after: str | None


class Owners:
    """The agents of conversations, and the conversations of chats; the oldest are forgotten."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._agents: OrderedDict[str, str] = OrderedDict()
        self._conversations: OrderedDict[tuple[str, str], str] = OrderedDict()

    def hear(self, items: Sequence[Item]) -> list[Heard]:
        """Learns from the items of one batch and returns them, each with its conversation and its owners.

        An agent never hears of a conversation that passed through the pool within one batch on its way to another.
        """
        before = {item.ids["conversation_id"]: self.owner(item.ids["conversation_id"]) for item in items}
        for item in items:
            self._learn(item)
        heard = []
        for known in map(self._completed, items):
            conversation = known.ids["conversation_id"]
            after = self.owner(conversation)
            heard.append(Heard(known, before.get(conversation, after), after))
        return heard

    def owner(self, conversation_id: str) -> str | None:
        """Returns the agent, "" for the pool, None where it is not known."""
        return self._agents.get(conversation_id)

    def _learn(self, item: Item) -> None:
        conversation = item.ids["conversation_id"]
        if not conversation:
            return
        if item.is_assignment:
            _remember(self._agents, conversation, item.ids["agent_id"], self._most)
        if item.chat:
            _remember(self._conversations, (item.ids["account_id"], item.chat), conversation, self._most)

    def _completed(self, item: Item) -> Item:
        """The item with its conversation, where the chat tells it."""
        if item.ids["conversation_id"] or not item.chat:
            return item
        found = self._conversations.get((item.ids["account_id"], item.chat), "")
        return replace(item, ids={**item.ids, "conversation_id": found})


def _remember(memory: OrderedDict, key: object, value: str, most: int) -> None:  # type: ignore[type-arg]  # two kinds of key
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > most:
        memory.popitem(last=False)


def may_hear(agent_id: str, heard: Heard) -> bool | None:
    """Returns whether the agent may hear the item; None where only routing knows.

    Its conversation is his or the pool's, or it was and he has to take it off his screen.
    """
    if not is_of_somebody(heard.item):
        return True
    owners = {owner for owner in (heard.before, heard.after) if owner is not None}
    if not owners:
        return None
    return bool(owners & {"", agent_id})


def is_of_somebody(item: Item) -> bool:
    """Returns whether the item tells of a conversation, a message or a contact; other items are for everybody."""
    return any(item.ids[name] for name in ("conversation_id", "message_id", "contact_id"))


def heard_in(
    batch: Batch, known: Owners, is_wanted: Callable[[str, str], bool], repeated: Container[int] = ()
) -> Sequence[tuple[int, Heard]]:
    """Returns what a batch tells, each with how many of its events were shown with it; `known` has learnt from it.

    Events that are `repeated`, counted from 1, are left out.
    """
    found: list[tuple[int, Item]] = []
    for shown, (version, event) in enumerate(live_items.events_of(batch), start=1):
        if shown not in repeated and is_wanted(event.workspace_id, event.type):
            item = live_items.item_of(version, event)
            if item is not None:
                found.append((shown, item))
    heard = known.hear([item for _, item in found])
    return list(zip((shown for shown, _ in found), heard, strict=True))
