"""What is told of a message that was there before: edits, deletions, reactions, receipts."""

from collections.abc import Sequence
from datetime import datetime

from lobby_common.events import Tx
from lobby_common.ids import is_id
from lobby_connectors import events
from lobby_connectors.directory import Directory
from lobby_connectors.domain import sending
from lobby_connectors.domain.items import Deletion, Edit, Reaction, Receipt
from lobby_connectors.domain.kinds import Direction
from lobby_connectors.domain.webhooks import SourcedFact, fact_id, occurred
from lobby_connectors.store import messages
from lobby_connectors.store.messages import Hit, Target


async def apply(tx: Tx, facts: Sequence[SourcedFact], directory: Directory) -> list[bool]:
    """The facts have changed their messages, or wait for them. Returns for each whether it was news.

    Applying twice changes nothing: an older edit or reaction loses to a newer one, deliveries only move forward.
    """
    if not facts:
        return []
    hits = await messages.find_targets(tx.conn, [_asked(n, each) for n, each in enumerate(facts)])
    work = _Work(tx, directory)
    news = [n in hits and work.apply(each, hits[n]) for n, each in enumerate(facts)]
    await messages.update(tx.conn, list(work.changed.values()))
    await messages.insert_parts(tx.conn, work.parts)
    waiting = {n: fact_id(each.account_id, each.fact) for n, each in enumerate(facts) if n not in hits}
    fresh = await messages.insert_waiting(tx.conn, [(waiting[n], facts[n]) for n in waiting])
    for n, waiting_id in waiting.items():
        news[n] = waiting_id in fresh
        fresh.discard(waiting_id)
    return news


def _asked(n: int, sourced: SourcedFact) -> tuple[int, str, str, str, str | None]:
    fact = sourced.fact
    if isinstance(fact, Receipt):
        ours, _ = _opaque(fact)
        return n, sourced.account_id, fact.platform_message_id, "", ours
    return n, sourced.account_id, fact.platform_message_id, fact.chat, None


def _opaque(receipt: Receipt) -> tuple[str | None, int]:
    """Returns our message's id and the part, from what the platform gives back with a receipt."""
    ours, _, part = receipt.opaque.partition(".")
    return (ours, int(part) if part.isdecimal() and len(part) < 3 else 0) if is_id(ours) else (None, 0)  # noqa: PLR2004  # parts are few


class _Work:
    """Applies facts to targets, and remembers what has to be written."""

    def __init__(self, tx: Tx, directory: Directory) -> None:
        self._tx = tx
        self._directory = directory
        self.changed: dict[str, Target] = {}
        self.parts: list[tuple[str, str, str, int, int]] = []

    def apply(self, sourced: SourcedFact, hit: Hit) -> bool:
        """The target is as the fact says. Returns whether that was news."""
        fact = sourced.fact
        at, _ = occurred(fact.time, sourced.received_time)
        if isinstance(fact, Edit):
            changed = self._edit(hit.target, fact, at, sourced)
        elif isinstance(fact, Deletion):
            changed = self._delete(hit.target, at, sourced)
        elif isinstance(fact, Reaction):
            changed = self._react(hit.target, fact, at, sourced)
        else:
            changed = self._receive(hit, fact, at, sourced)
        if changed:
            self.changed[hit.target.message_id] = hit.target
        return changed

    def _edit(self, target: Target, edit: Edit, at: datetime, sourced: SourcedFact) -> bool:
        late = target.edit_time is not None and at <= target.edit_time
        if late or target.delete_time is not None:
            return False
        # Platforms tell edits that change no word: a preview was added, or the same edit is told with another time.
        reworded = target.text != edit.text
        target.text = edit.text
        target.edit_time = at
        if reworded and target.direction is Direction.INBOUND:
            events.tell_edited(self._tx, target, at, cause_id=sourced.webhook_id, traceparent=sourced.traceparent)
        return True

    def _delete(self, target: Target, at: datetime, sourced: SourcedFact) -> bool:
        if target.delete_time is not None:
            return False
        target.text = ""
        target.delete_time = at
        if target.direction is Direction.INBOUND:
            events.tell_deleted(self._tx, target, at, cause_id=sourced.webhook_id, traceparent=sourced.traceparent)
        return True

    def _react(self, target: Target, reaction: Reaction, at: datetime, sourced: SourcedFact) -> bool:
        late = target.reaction_time is not None and at < target.reaction_time
        if late or reaction.emojis == target.reactions:
            return False
        target.reactions = reaction.emojis
        target.reaction_time = at
        events.tell_reaction(self._tx, target, at, cause_id=sourced.webhook_id, traceparent=sourced.traceparent)
        return True

    def _receive(self, hit: Hit, receipt: Receipt, at: datetime, sourced: SourcedFact) -> bool:
        target = hit.target
        before = target.standing
        if before is None:
            return False
        part = hit.part if hit.part is not None else _opaque(receipt)[1]
        generation = hit.generation if hit.part is not None and hit.generation is not None else before.generation
        named = self._name(target, hit, receipt, part, before.generation)
        after = sending.by_receipt(before, part, generation, receipt.delivery, refusal=receipt.refusal, at=at)
        if after is None:
            return named
        target.standing = after
        target.delivery_time = at
        account = self._directory.find(target.account_id)
        if account and before.accept_time is None and after.accept_time is not None:
            events.tell_sent(self._tx, account.platform, target, after.accept_time, cause_id=sourced.webhook_id)
        if after.delivery is not before.delivery:
            events.tell_delivery(self._tx, target, at, cause_id=sourced.webhook_id)
        return True

    def _name(self, target: Target, hit: Hit, receipt: Receipt, part: int, generation: int) -> bool:
        """A receipt that found its message by our own id tells the platform's."""
        if hit.part is not None or not receipt.platform_message_id:
            return False
        if part == 0 and not target.platform_message_id:
            target.platform_message_id = receipt.platform_message_id
        else:
            self.parts.append((target.account_id, receipt.platform_message_id, target.message_id, part, generation))
        return True
