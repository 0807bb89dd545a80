"""The conservation checker: what was done and seen outside is held against what Lobby holds when it is quiet again.

One function an invariant (C1 to C12), each pure: a history and what was observed in, sentences about what is wrong out.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.history import Delivery, History
from tests.chaos.observed import Observed, Span

DRAINED_WITHIN = 30.0
"""Seconds from the end of a fault, or of the writing, to the last effect."""
P99 = 0.25
"""Seconds within which 99 of 100 webhooks are answered while nothing is wrong."""
QUIET_AFTER = 10.0
"""Seconds after a fault that still belong to it."""
_ENOUGH = 200
"""Answers below which a percentile says nothing."""
_NAMED = 5
"""Ids that a sentence names at most."""
_SENT = ("sent", "delivered", "read")


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, and the ids that show it."""

    invariant: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.sentence}"


def check(history: History, observed: Observed) -> list[Violation]:
    """Returns what does not hold; nothing where all is as it should be."""
    return [
        Violation(invariant, sentence) for invariant, rule in INVARIANTS.items() for sentence in rule(history, observed)
    ]


def accepted_is_kept_once(history: History, observed: Observed) -> Iterator[str]:
    """C1: a webhook is kept as often as it was answered 200, and what it says once; doubt allows one more, not two.

    None that its platform signed is refused for good.
    """
    raw = Counter((each.account, each.digest) for each in observed.raw)
    for each in _genuine(history):
        kept = raw[each.account, each.digest]
        if not each.accepted <= kept <= each.accepted + each.unsure:
            yield f"{_name(each)}: 200 {each.accepted} times, unsure {each.unsure} times, kept {kept} times"
        if each.refused:
            yield f"{_name(each)} is genuine, and was refused for good {each.refused} times"
    stored = Counter((each.account, each.message) for each in observed.stored)
    for each in history.messages:
        there = stored[each.account, each.message]
        if there > 1 or (each.accepted and not there):
            yield f"{_name(each)} is {there} messages"


def nothing_is_made_up(history: History, observed: Observed) -> Iterator[str]:
    """C2: nothing is there that nobody wrote."""
    written = {(each.account, each.message) for each in history.messages}
    made_up = [each.message for each in observed.stored if (each.account, each.message) not in written]
    yield from _about("messages that nobody wrote", made_up)
    genuine = {(each.account, each.digest) for each in _genuine(history)}
    foreign = [raw.digest for raw in observed.raw if (raw.account, raw.digest) not in genuine and not raw.is_receipt]
    yield from _about("webhooks that no platform signed", foreign)
    taken = [_name(each) for each in history.deliveries if each.kind == "forged" and each.accepted]
    yield from _about("webhooks with a wrong signature that were answered 200", taken)


def ledger_balances(history: History, observed: Observed) -> Iterator[str]:
    """C3: what was accepted is new, duplicate, ignored or in quarantine, and new is what was written; nothing else."""
    for raw in observed.raw:
        if raw.state != "pending" and raw.said != raw.new + raw.duplicate + raw.ignored + raw.problems:
            yield f"webhook {raw.digest[:12]} said {raw.said} things, of which more or fewer are accounted for: {raw}"
    for account, rows in _by(observed.raw, lambda each: each.account).items():
        wanted = sum(each.account == account for each in observed.stored) + _facts(history, observed, account)
        new = sum(row.new for row in rows if not row.is_receipt)
        if new != wanted:
            yield f"account {account} took in {wanted} things once and counts {new} as new"
        told = next((each for each in observed.proof.get("accounts", ()) if each["account_id"] == account), None)
        sums = {
            "accepted": sum(row.said for row in rows),
            "new": sum(row.new for row in rows),
            "duplicate": sum(row.duplicate for row in rows),
            "ignored": sum(row.ignored for row in rows),
            "quarantined": sum(row.problems for row in rows),
        }
        if told is None or any(told[name] != value for name, value in sums.items()):
            yield f"the proof says {told} of account {account}, its webhooks say {sums}"
    if not observed.proof.get("balanced") or observed.proof.get("missed"):
        yield f"the proof does not balance: missed {observed.proof.get('missed')}, {observed.proof.get('stages')}"


def applied_is_what_was_told(history: History, observed: Observed) -> Iterator[str]:
    """C4: every service applied all that was told, each position once, and nothing had to be made again."""
    stored = [each.message_id for each in observed.stored]
    for service, ids in (
        ("routing", [message for message, _, _ in observed.routed]),
        ("translate", observed.translated),
        ("counter", observed.counted),
    ):
        yield from _about(f"messages that {service} does not have", set(stored) - set(ids))
        yield from _about(f"messages that only {service} has", set(ids) - set(stored))
        yield from _about(f"messages that {service} has twice", _twice(ids))
    for service, log in observed.logs.items():
        yield from _tiles(f"{service}'s log", log.spans, log.heads)
    for (consumer, producer), hearing in observed.hearings.items():
        heads = observed.logs[producer].heads if producer in observed.logs else {}
        for lane, head in heads.items():
            if hearing.positions.get(lane, 0) != head:
                yield f"{consumer} stands at {hearing.positions.get(lane, 0)} of {head} in {producer}'s lane {lane}"
        yield from _tiles(f"what {consumer} heard of {producer}", hearing.spans, hearing.positions)
    yield from _about("effects that had to be made again", observed.mended)


def figures_count_each_once(history: History, observed: Observed) -> Iterator[str]:
    """C5: the figures are the numbers of distinct messages, sends and people."""
    writers = {(each.account, each.chat) for each in _kept(history, observed)}
    platforms = _platforms(history)
    people = {(platforms.get(account, account), chat) for account, chat in writers}
    expected = {
        "messages_in": len(observed.stored),
        "messages_out": sum(each.accepted for each in observed.outbound),
        "new": len(people),
        "repeat": len(writers) - len(people),
    }
    for name, value in expected.items():
        if observed.totals.get(name) != value:
            yield f"{name} is {observed.totals.get(name)} where {value} were distinct"
    if observed.people != len(people):
        yield f"identity knows {observed.people} people where {len(people)} wrote"
    if observed.entries != len(writers):
        yield f"counter has {observed.entries} entries where {len(writers)} came in"


def order_is_kept(history: History, observed: Observed) -> Iterator[str]:
    """C6: messages stand in routing, and came on every screen, in the order in which their conversation was written."""
    written = {(each.account, each.message): each for each in history.messages}
    told = {
        each.message_id: written[each.account, each.message]
        for each in observed.stored
        if (each.account, each.message) in written
    }
    for conversation, rows in _by(observed.routed, lambda row: row[1]).items():
        numbers = [told[message].n for message, _, _ in sorted(rows, key=lambda row: row[2]) if message in told]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"routing has conversation {conversation} in the order {_broken(numbers)}"
    for screen, shown in history.shown.items():
        yield from _screen_in_order(screen, shown, told)


def nothing_is_left(history: History, observed: Observed) -> Iterator[str]:
    """C7: all that was told was published and is in the stream, and nothing waits."""
    for service, log in observed.logs.items():
        late = [lane for lane, head in log.heads.items() if log.published.get(lane, 0) != head]
        yield from _about(f"lanes of {service} that are not marked as published to their ends", late)
        if log.streamed is not None:
            yield from _about(f"batches of {service} that its stream does not hold", log.batch_ids - log.streamed)
            yield from _about(f"batches in {service}'s stream that were never committed", log.streamed - log.batch_ids)
    for what, number in observed.left.items():
        if number:
            yield f"{number} {what}"


def quarantine_is_the_poison(history: History, observed: Observed) -> Iterator[str]:
    """C8: in quarantine is the poison that was sent, and nothing else."""
    poison = {(each.account, each.digest): each for each in history.deliveries if each.kind == "poison"}
    caught = {(raw.account, raw.digest) for raw in observed.raw if raw.state == "quarantined"}
    yield from _about("webhooks in quarantine that are no poison", [digest for _, digest in caught - poison.keys()])
    swallowed = [digest for key, each in poison.items() if each.accepted and key not in caught for digest in (key[1],)]
    yield from _about("poison that is not in quarantine", swallowed)
    yield from _about("events in quarantine", observed.poison_events)


def sends_are_sent_once(history: History, observed: Observed) -> Iterator[str]:
    """C9: what the gateway took is one message, sent at most once, and what became of it is what the platform knows."""
    took = Counter(token for token, _ in observed.platform_took)
    for send in history.sends:
        rows = [each for each in observed.outbound if send.token in each.text]
        if send.status == 200 and [each.message_id for each in rows] != [send.message_id]:
            named = [each for each in observed.outbound if each.message_id == send.message_id]
            yield f"send {send.token}, taken as {send.message_id}, is the messages {rows}; under its id is {named}"
        if send.status != 200 and rows:
            yield f"send {send.token} was refused ({send.status} {send.reason}), and is there all the same"
        if took[send.token] > 1:
            yield f"send {send.token} left {took[send.token]} times ({send.platform})"
        for row in rows:
            if row.delivery in ("queued", "sending"):
                yield f"send {send.token} is {row.delivery} for ever"
            if row.delivery in _SENT and not took[send.token]:
                yield f"send {send.token} is {row.delivery}, and the platform never had it"
            if row.delivery == "failed" and took[send.token]:
                yield f"send {send.token} failed, and the platform has it"
    known = {send.token for send in history.sends}
    yield from _about("sends at the platform that nobody wrote", took.keys() - known)


def audit_names_each_command_once(history: History, observed: Observed) -> Iterator[str]:
    """C10: each key that was made is in the audit log once, and there is no other."""
    audited = Counter(observed.audited_keys)
    made = {key_id for key_id in history.keys.values() if key_id}
    yield from _about("keys that were made without a trace", [key for key in made if audited[key] != 1])
    yield from _about("keys in the audit log that nobody asked for", audited.keys() - made)
    yield from _about("keys that were refused", [token for token, key_id in history.keys.items() if not key_id])


def logs_keep_secrets(history: History, observed: Observed) -> Iterator[str]:
    """C11: no log shows a text, an address of a customer, or a secret."""
    yield from _about("places in logs with what must not be there", observed.leaks)


def times_are_kept(history: History, observed: Observed) -> Iterator[str]:
    """C12: all is quiet soon, and webhooks are answered soon while nothing is wrong.

    What the machine itself is late by, measured beside, is allowed on top: it is the same for all.
    """
    if history.seconds_to_drain > DRAINED_WITHIN:
        yield f"it took {history.seconds_to_drain:.1f} s until all was quiet"
    quiet = [each.took for each in history.answers if each.status == 200 and _is_quiet(each.at, history)]
    late = [seconds for at, seconds in history.lateness if _is_quiet(at, history)]
    if len(quiet) >= _ENOUGH:
        limit = P99 + 10 * (percentile(late, 0.99) if late else 0.0)
        if (p99 := percentile(quiet, 0.99)) > limit:
            yield f"99 of 100 webhooks were answered within {p99 * 1e3:.0f} ms where {limit * 1e3:.0f} are allowed"


Rule = Callable[[History, Observed], Iterator[str]]

INVARIANTS: dict[str, Rule] = {
    "C1": accepted_is_kept_once,
    "C2": nothing_is_made_up,
    "C3": ledger_balances,
    "C4": applied_is_what_was_told,
    "C5": figures_count_each_once,
    "C6": order_is_kept,
    "C7": nothing_is_left,
    "C8": quarantine_is_the_poison,
    "C9": sends_are_sent_once,
    "C10": audit_names_each_command_once,
    "C11": logs_keep_secrets,
    "C12": times_are_kept,
}


@dataclass(frozen=True)
class Balance:
    """The two numbers that matter, and how many they are of."""

    messages: int
    lost: int
    doubled: int


def balance(history: History, observed: Observed) -> Balance:
    """Returns how many messages were answered 200, and how many of them are missing or there twice, anywhere."""
    ids = {(each.account, each.message): each.message_id for each in observed.stored}
    routed = Counter(message for message, _, _ in observed.routed)
    places = (routed, Counter(observed.translated), Counter(observed.counted))
    stored = Counter((each.account, each.message) for each in observed.stored)
    accepted = [(each.account, each.message) for each in history.messages if each.accepted]
    lost = [key for key in accepted if key not in ids or not all(place[ids[key]] for place in places)]
    doubled = [key for key in ids if stored[key] > 1 or any(place[ids[key]] > 1 for place in places)]
    return Balance(len(accepted), len(lost), len(doubled))


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _genuine(history: History) -> list[Delivery]:
    return [each for each in history.deliveries if each.kind != "forged"]


def _kept(history: History, observed: Observed) -> list[Delivery]:
    stored = {(each.account, each.message) for each in observed.stored}
    return [each for each in history.messages if (each.account, each.message) in stored]


def _facts(history: History, observed: Observed, account: str) -> int:
    """How many edits and receipts the account took in."""
    kept = {raw.digest for raw in observed.raw if raw.account == account and raw.state == "parsed"}
    return len({each.digest for each in history.deliveries if each.kind == "fact" and each.digest in kept})


def _platforms(history: History) -> dict[str, str]:
    """Accounts whose customers are the same people: those of one platform, which the ids of messages show."""
    return {each.account: "whatsapp" for each in history.messages if each.message.startswith("wamid.")}


def _tiles(what: str, spans: Iterable[Span], heads: dict[int, int]) -> Iterator[str]:
    """The spans of each lane follow each other from 1 to its head, without a gap and without an overlap."""
    lanes = _by(spans, lambda span: span.lane)
    for lane, head in heads.items():
        expected = 1
        for span in sorted(lanes.get(lane, []), key=lambda span: span.first):
            if span.first != expected:
                yield f"{what}, lane {lane}: after {expected - 1} comes {span.first}"
            expected = span.first + span.count
        if expected != head + 1:
            yield f"{what}, lane {lane}: ends at {expected - 1} instead of {head}"


def _screen_in_order(screen: int, shown: Sequence[str], told: dict[str, Delivery]) -> Iterator[str]:
    """A gap is allowed where a resync stands between."""
    last: dict[tuple[str, str], int] = {}
    loose: set[tuple[str, str]] = set()
    all_chats = {(each.account, each.chat) for each in told.values()}
    for message in shown:
        if not message:
            loose = set(all_chats)
        elif (each := told.get(message)) is not None:
            chat = (each.account, each.chat)
            before = last.get(chat, 0)
            if each.n <= before:
                yield f"screen {screen} was shown {_name(each)} after number {before}"
            elif each.n > before + 1 and chat not in loose:
                yield f"screen {screen} was shown {_name(each)} right after number {before}"
            loose.discard(chat)
            last[chat] = max(before, each.n)
    for chat, each in {(each.account, each.chat): each for each in told.values() if each.n}.items():
        end = max(other.n for other in told.values() if (other.account, other.chat) == chat)
        if last.get(chat, 0) < end and chat not in loose:
            yield f"screen {screen} was shown {last.get(chat, 0)} of {end} messages of chat {each.chat}"


def _by(rows: Iterable, key: Callable) -> dict:
    groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _twice(ids: Iterable[str]) -> list[str]:
    return [each for each, times in Counter(ids).items() if times > 1]


def _about(what: str, ids: Iterable) -> Iterator[str]:
    found = sorted(ids, key=str)
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        yield f"{len(found)} {what}: {', '.join(map(str, found[:_NAMED]))}{more}"


def _broken(numbers: Sequence[int]) -> str:
    """Where the numbers stop being 1, 2, 3, with what stands around."""
    at = next(index for index, n in enumerate(numbers, 1) if index != n)
    return f"… {', '.join(map(str, numbers[max(at - 3, 0) : at + 2]))} …"


def _name(each: Delivery) -> str:
    return f"{each.message or each.digest[:12]} (chat {each.chat}, number {each.n})"


def _is_quiet(at: float, history: History) -> bool:
    return not any(fault.began - 1 <= at <= fault.ended + QUIET_AFTER for fault in history.faults)
