"""What webhooks say becomes messages, changes of messages, and events: one transaction for all of them."""

from collections.abc import Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from lobby_common.events import Tx
from lobby_connectors import events
from lobby_connectors.app import facts, states
from lobby_connectors.directory import Directory
from lobby_connectors.domain import accounts as account_rules
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.items import (
    AccountNotice,
    Arrival,
    Callback,
    Deletion,
    Echo,
    Edit,
    IdentifierChange,
    Ignored,
    Message,
    Reaction,
    Receipt,
)
from lobby_connectors.domain.kinds import State
from lobby_connectors.domain.webhooks import (
    Reading,
    Said,
    SourcedFact,
    Verdict,
    Webhook,
    begin,
    fact_id,
    message_id,
    occurred,
)
from lobby_connectors.platforms.interface import FetchesProfiles
from lobby_connectors.platforms.registry import find_ability
from lobby_connectors.store import accounts as account_store
from lobby_connectors.store import messages as store
from lobby_connectors.store.messages import MessageRow

_MOST_NUMBERS = 20
"""Numbers of its own that one webhook can teach an account."""


class Left(Struct):
    """What is left to do after the commit, off the event path."""

    callbacks: list[tuple[Account, str]] = []
    writers: list[tuple[Account, str]] = []
    """Customers of whose profiles webhooks do not bring all."""
    accounts_changed: bool = False


class After(Protocol):
    """Takes what is left to do."""

    def take(self, left: Left) -> None:
        """It will be done; never blocks."""


async def record(
    tx: Tx, readings: Sequence[Reading], directory: Directory, *, again: bool = False
) -> tuple[list[Verdict], Left]:
    """What the readings say is stored and told. Returns a verdict for each, and what is left to do.

    `again`: they were taken in before, perhaps only in part; what is there from then counts as new, as it did.
    """
    recording = _Recording(tx, directory, readings)
    await recording.insert(again=again)
    for index, reading in enumerate(readings):
        for said in reading.said:
            recording.take(index, reading.webhook, said)
    await recording.finish()
    return recording.verdicts, recording.left


class _Recording:
    """One transaction's work."""

    def __init__(self, tx: Tx, directory: Directory, readings: Sequence[Reading]) -> None:
        self._tx = tx
        self._directory = directory
        self._readings = readings
        self._ids: dict[int, str] = {}
        self._new: dict[str, list[SourcedFact]] = {}
        self._again: set[str] = set()
        self._told: set[str] = set()
        self._facts: list[tuple[int, SourcedFact]] = []
        self._notices: list[tuple[int, Webhook, Said]] = []
        self.verdicts = [begin(reading) for reading in readings]
        self.left = Left(callbacks=[], writers=[])

    async def insert(self, *, again: bool) -> None:
        """The messages that are new are in the table, and facts without a row of their own are marked."""
        await self._place_echoes()
        rows: list[MessageRow] = []
        marks: list[tuple[str, str]] = []
        for reading in self._readings:
            for place, said in enumerate(reading.said, reading.place):
                item, account = said.item, said.account
                if isinstance(item, Message | Echo):
                    self._ids[id(said)] = message_id(account.account_id, item)
                    rows.append(_row(reading.webhook, account, self._ids[id(said)], item, place))
                elif isinstance(item, Arrival | IdentifierChange):
                    self._ids[id(said)] = fact_id(account.account_id, item)
                    marks.append((self._ids[id(said)], account.account_id))
        # In one order everywhere: transactions with the same messages wait for each other and never in a circle. It is
        # that of the platform's ids, because deliveries of one message may tell different times and so different ids.
        self._new = await store.insert(self._tx.conn, sorted(rows, key=itemgetter(2, 4, 14)))
        self._told = await store.insert_told(self._tx.conn, sorted(marks))
        if again:
            known = [row[0] for row in rows if row[0] not in self._new]
            self._again = await store.find_own(self._tx.conn, known, self._readings[0].webhook.webhook_id)

    async def _place_echoes(self) -> None:
        """Staff's app names a customer by every address it knows: the echo stands in the chat where he writes."""
        places = [
            (reading, place)
            for reading in self._readings
            for place, said in enumerate(reading.said)
            if isinstance(said.item, Echo) and len(said.item.customer.identifiers) > 1
        ]
        asked = [
            (n, reading.said[place].account.account_id, chat)
            for n, (reading, place) in enumerate(places)
            for chat in _echo_of(reading.said[place]).customer.addresses()
        ]
        for n, chat in (await store.find_chats(self._tx.conn, asked)).items():
            reading, place = places[n]
            said = reading.said[place]
            echo = _echo_of(said)
            reading.said[place] = Said(said.account, replace(echo, customer=replace(echo.customer, chat=chat)))

    def take(self, index: int, webhook: Webhook, said: Said) -> None:
        """One item is told, or kept for `finish`."""
        verdict, account = self.verdicts[index], said.account
        match said.item:
            case Message() as message:
                if self._is_new(index, said):
                    greeting = message.own_number not in self._directory.numbers(account.workspace_id)
                    events.tell_received(self._tx, webhook, account, self._ids[id(said)], message, greeting=greeting)
                    self._want_profile(account, message)
            case Echo() as echo:
                if self._is_new(index, said):
                    events.tell_echo(self._tx, webhook, account, self._ids[id(said)], echo)
            case Edit() | Deletion() | Reaction() | Receipt() as fact:
                self._facts.append((index, _sourced(webhook, account, fact)))
            case Ignored(rule):
                verdict.ignore(rule)
            case Callback(callback_id):
                self.left.callbacks.append((account, callback_id))
            case AccountNotice():
                self._notices.append((index, webhook, said))
            case _:
                self._tell_once(index, webhook, said)

    def _is_new(self, index: int, said: Said) -> bool:
        """Returns whether the message is new; of several deliveries in one transaction the first one is."""
        message = self._ids[id(said)]
        waited = self._new.pop(message, None)
        self.verdicts[index].count(new=waited is not None or message in self._again)
        self._again.discard(message)
        if waited is None:
            return False
        # Facts that waited were counted when they came.
        self._facts.extend((-1, fact) for fact in waited)
        return True

    def _tell_once(self, index: int, webhook: Webhook, said: Said) -> None:
        fact = self._ids[id(said)]
        fresh = fact in self._told
        self._told.discard(fact)
        self.verdicts[index].count(new=fresh)
        if not fresh:
            return
        if isinstance(said.item, Arrival):
            events.tell_arrival(self._tx, webhook, said.account, fact, said.item)
        elif isinstance(said.item, IdentifierChange):
            at, _ = occurred(said.item.time, webhook.received_time)
            events.tell_identifiers(
                self._tx,
                said.account,
                fact,
                said.item,
                at,
                traceparent=webhook.traceparent,
                cause_id=webhook.webhook_id,
            )

    def _want_profile(self, account: Account, message: Message) -> None:
        if find_ability(account.platform, FetchesProfiles):
            self.left.writers.append((account, message.customer.chat))

    async def finish(self) -> None:
        """Facts are applied, and accounts are in the states that the webhooks show."""
        news = await facts.apply(self._tx, [fact for _, fact in self._facts], self._directory)
        for (index, _), new in zip(self._facts, news, strict=True):
            if index >= 0:
                self.verdicts[index].count(new=new)
        await self._heard()
        for index, webhook, said in self._notices:
            self.verdicts[index].count(new=await self._notice(webhook, said))
        for reading in self._readings:
            learned: dict[str, set[str]] = {}
            for account_id, numbers in reading.learned:
                learned.setdefault(account_id, set()).update(numbers)
            for account_id, found in sorted(learned.items()):
                await account_store.learn_numbers(self._tx.conn, account_id, sorted(found)[:_MOST_NUMBERS])
                self.left.accounts_changed = True

    async def _heard(self) -> None:
        spoken = {reading.webhook.account.account_id: reading.webhook.account for reading in self._readings}
        for reading in self._readings:
            spoken.update((said.account.account_id, said.account) for said in reading.said)
        for account in spoken.values():
            state = account_rules.heard(account)
            if state is not None:
                sources = (State.STARTING, State.SILENT)
                await states.move(self._tx, account.account_id, state, "", sources=sources)
                self.left.accounts_changed = True

    async def _notice(self, webhook: Webhook, said: Said) -> bool:
        notice = said.item
        assert isinstance(notice, AccountNotice)
        at, _ = occurred(notice.time, webhook.received_time)
        if not account_rules.told(said.account, notice.state, notice.reason, at):
            return False
        self.left.accounts_changed = True
        return await states.move(self._tx, said.account.account_id, notice.state, notice.reason, told=at)


def _echo_of(said: Said) -> Echo:
    assert isinstance(said.item, Echo)
    return said.item


def _sourced(webhook: Webhook, account: Account, fact: Edit | Deletion | Reaction | Receipt) -> SourcedFact:
    return SourcedFact(
        fact,
        account.workspace_id,
        account.account_id,
        webhook.webhook_id,
        webhook.received_time,
        webhook.traceparent,
    )


def _row(webhook: Webhook, account: Account, row_id: str, message: Message | Echo, place: int) -> MessageRow:
    when, _ = occurred(message.time, webhook.received_time)
    # Platforms tell whole seconds: what one webhook says came in as it stands there, each a moment after the other.
    came = webhook.received_time + timedelta(microseconds=place)
    return (
        row_id,
        account.workspace_id,
        account.account_id,
        message.customer.chat,
        message.platform_message_id,
        isinstance(message, Echo),
        message.kind,
        message.text,
        store.attachments_json(message.attachments),
        message.time,
        when,
        came,
        message.reply_to,
        webhook.webhook_id,
        message.id_scope,
    )
