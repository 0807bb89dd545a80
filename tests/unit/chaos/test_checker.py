"""The checker is right about made-up histories: a true one passes, and each invariant has one that violates it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos import checker
from tests.chaos.history import Answer, Delivery, Fault, History, Send
from tests.chaos.observed import Hearing, Log, Observed, Outbound, Raw, Span, Stored

KEY, TOKEN = "key-1", "token-1"


def true_story(lengths: list[int], *, unsure: int = 0) -> tuple[History, Observed]:
    """Customers of account A wrote so many messages each, one of them was answered, poison and an edit came in."""
    said = [
        Delivery("A", "message", f"digest {chat} {n}", f"chat {chat}", f"wamid.{chat}.{n}", n, unsure=unsure)
        for chat, length in enumerate(lengths)
        for n in range(1, length + 1)
    ]
    other = [
        Delivery("A", "poison", "poison"),
        Delivery("A", "fact", "edit"),
        Delivery("A", "forged", "forged", accepted=0, refused=1),
    ]
    stored = [Stored(f"id {each.message}", "A", each.message) for each in said]
    ids = [each.message_id for each in stored]
    raw = [Raw("A", each.digest) for each in (*said, other[1])]
    raw += [Raw("A", "poison", state="quarantined", new=0, problems=1), Raw("A", "receipt", is_receipt=True)]
    spans = [Span(lane, 1, length) for lane, length in enumerate(lengths)]
    heads = dict(enumerate(lengths))
    log = Log(heads, heads, spans, frozenset({1, 2}), frozenset({1, 2}))
    account = {"account_id": "A", "accepted": len(raw), "new": len(raw) - 1, "duplicate": 0, "ignored": 0}
    history = History(
        deliveries=[*said, *other],
        sends=[Send(TOKEN, "A", "whatsapp", message_id="sent 1")],
        keys={"token-2": KEY},
        shown={0: ids, 1: ids},
        answers=[Answer(float(n), 0.01) for n in range(300)],
        lateness=[(float(n), 0.0) for n in range(300)],
        faults=[Fault("kill", 1000.0, 1001.0)],
        seconds_to_drain=2.0,
    )
    observed = Observed(
        raw=raw,
        stored=stored,
        routed=[(each.message_id, said[at].chat, said[at].n) for at, each in enumerate(stored)],
        translated=ids,
        counted=ids,
        entries=len(lengths),
        people=len(lengths),
        totals={"messages_in": len(said), "messages_out": 1, "new": len(lengths), "repeat": 0},
        logs={"connectors": log},
        hearings={("routing", "connectors"): Hearing(heads, spans)},
        outbound=[Outbound("sent 1", "A", f"answer {TOKEN}")],
        platform_took=[(TOKEN, "A")],
        proof={"accounts": [account | {"quarantined": 1}], "balanced": True, "missed": 0, "stages": []},
        audited_keys=[KEY],
    )
    return history, observed


lengths = st.lists(st.integers(1, 6), min_size=1, max_size=5)


@given(lengths)
def test_a_true_story_passes(lengths):
    assert checker.check(*true_story(lengths)) == []


@given(lengths, st.data())
def test_a_message_that_is_missing_anywhere_is_named(lengths, data):
    history, observed = true_story(lengths)
    lost = data.draw(st.sampled_from(observed.stored))
    place = data.draw(st.sampled_from(["stored", "routed", "translated", "counted"]))
    rest = [each for each in getattr(observed, place) if lost.message_id not in _ids(each)]
    violations = checker.check(history, replace(observed, **{place: rest}))
    named = [each for each in violations if each.invariant in ("C1", "C4")]
    assert any(lost.message in each.sentence for each in named)
    assert checker.balance(history, replace(observed, **{place: rest})).lost == 1


@given(lengths, st.data())
def test_a_message_that_is_there_twice_is_named(lengths, data):
    history, observed = true_story(lengths)
    place = data.draw(st.sampled_from(["stored", "routed", "translated", "counted"]))
    twice = data.draw(st.sampled_from(getattr(observed, place)))
    doubled = replace(observed, **{place: [*getattr(observed, place), twice]})
    assert {each.invariant for each in checker.check(history, doubled)} >= {"C1" if place == "stored" else "C4"}
    assert checker.balance(history, doubled).doubled == 1


@given(lengths, st.integers(0, 1))
def test_what_nobody_knows_may_be_there_once_and_may_be_missing(lengths, there):
    """A time-out: the platform does not know. Zero copies are right, and one is; two are not."""
    history, observed = true_story(lengths)
    unsure = Delivery("A", "message", "unsure", "chat 0", "wamid.unsure", lengths[0] + 1, accepted=0, unsure=2)
    history = replace(history, deliveries=[*history.deliveries, unsure])
    observed = replace(observed, raw=[*observed.raw, *[Raw("A", "unsure", new=1)] * there])
    if there:
        observed = replace(observed, stored=[*observed.stored, Stored("id unsure", "A", "wamid.unsure")])
    assert not [each for each in checker.check(history, observed) if each.invariant == "C1"]
    twice = replace(observed, stored=[*observed.stored, *[Stored("id unsure", "A", "wamid.unsure")] * 2])
    assert [each for each in checker.check(history, twice) if each.invariant == "C1"]


def test_a_resync_excuses_what_a_screen_was_not_shown_and_nothing_else():
    history, observed = true_story([5])
    ids = [each.message_id for each in observed.stored]
    assert checker.check(replace(history, shown={0: [ids[0], "", ids[3], ids[4]]}), observed) == []
    skipped = replace(history, shown={0: [ids[0], "", ids[2], ids[4]]})
    assert [each.invariant for each in checker.check(skipped, observed)] == ["C6"]


def _ids(row: object) -> object:
    return row if isinstance(row, str | tuple) else (row.message_id,)


def _changed(**changes: Callable) -> Callable:
    """The story with some fields of what was observed made anew from themselves."""
    return lambda history, observed: (
        history,
        replace(observed, **{name: change(getattr(observed, name)) for name, change in changes.items()}),
    )


def _told(**changes: Callable) -> Callable:
    """The same for the history."""
    return lambda history, observed: (
        replace(history, **{name: change(getattr(history, name)) for name, change in changes.items()}),
        observed,
    )


def _log(**changes: object) -> Callable:
    return _changed(logs=lambda logs: {"connectors": replace(logs["connectors"], **changes)})


def _hearing(**changes: object) -> Callable:
    return _changed(hearings=lambda all_: {key: replace(each, **changes) for key, each in all_.items()})


def _send(**changes: object) -> Callable:
    return _changed(outbound=lambda rows: [replace(rows[0], **changes)])


LIES = {
    "C1": {
        "an accepted webhook is not kept": _changed(raw=lambda rows: rows[1:]),
        "a webhook is kept more often than it was posted": _changed(raw=lambda rows: [*rows, rows[0]]),
        "a genuine webhook was refused": _told(deliveries=lambda all_: [replace(all_[0], refused=1), *all_[1:]]),
    },
    "C2": {
        "a message of nobody": _changed(stored=lambda rows: [*rows, Stored("id x", "A", "wamid.x")]),
        "a webhook of nobody": _changed(raw=lambda rows: [*rows, Raw("A", "x")]),
        "a forged webhook that was taken": _told(
            deliveries=lambda all_: [replace(each, accepted=1) if each.kind == "forged" else each for each in all_]
        ),
    },
    "C3": {
        "a webhook of which something is lost": _changed(raw=lambda rows: [replace(rows[0], said=2), *rows[1:]]),
        "a duplicate that counts as new": _changed(raw=lambda rows: [*rows, rows[0]]),
        "a proof that says otherwise": _changed(proof=lambda proof: proof | {"accounts": []}),
        "a proof that does not balance": _changed(proof=lambda proof: proof | {"balanced": False, "missed": 1}),
    },
    "C4": {
        "a consumer that stands still": _hearing(positions={0: 1, 1: 2}),
        "a position that was applied twice": _hearing(spans=[Span(0, 1, 2), Span(0, 2, 1), Span(1, 1, 2)]),
        "a position that was skipped": _hearing(spans=[Span(0, 2, 1), Span(1, 1, 2)]),
        "a hole in a log": _log(spans=[Span(0, 1, 2), Span(1, 2, 1)]),
        "an effect that was made again": _changed(mended=lambda _: ["event 1"]),
    },
    "C5": {
        "a message counted twice": _changed(totals=lambda totals: totals | {"messages_in": 5}),
        "a send not counted": _changed(totals=lambda totals: totals | {"messages_out": 0}),
        "a person counted twice": _changed(people=lambda people: people + 1),
        "an entry too many": _changed(entries=lambda entries: entries + 1),
    },
    "C6": {
        "a conversation out of order": _changed(
            routed=lambda rows: [(rows[0][0], rows[0][1], 2), (rows[1][0], rows[1][1], 1), *rows[2:]]
        ),
        "a screen that was shown one twice": _told(shown=lambda shown: {0: [*shown[0], shown[0][-1]]}),
        "a screen that missed one": _told(shown=lambda shown: {0: shown[0][1:]}),
        "a screen that missed the last": _told(shown=lambda shown: {0: shown[0][:-1]}),
    },
    "C7": {
        "a batch that was not published": _log(streamed=frozenset({1})),
        "a batch that was published and never committed": _log(streamed=frozenset({1, 2, 3})),
        "a mark behind the log": _log(published={0: 1, 1: 2}),
        "a webhook that waits": _changed(left=lambda _: {"webhooks wait": 1}),
    },
    "C8": {
        "a good webhook in quarantine": _changed(
            raw=lambda rows: [replace(rows[0], state="quarantined"), *rows[1:]],
        ),
        "poison that was swallowed": _changed(
            raw=lambda rows: [replace(each, state="parsed") if each.problems else each for each in rows]
        ),
        "an event in quarantine": _changed(poison_events=lambda _: ["event 1"]),
    },
    "C9": {
        "a send that is gone": _changed(outbound=lambda _: []),
        "a send that is two messages": _changed(
            outbound=lambda rows: [*rows, replace(rows[0], message_id="sent 2")],
        ),
        "a send that left twice": _changed(platform_took=lambda took: took * 2),
        "a send that never left": _changed(platform_took=lambda _: []),
        "a send that left and failed": _send(delivery="failed"),
        "a send under way for ever": _send(delivery="sending"),
        "a refused send that left": _told(sends=lambda sends: [replace(sends[0], status=409)]),
        "a send of nobody": _changed(platform_took=lambda took: [*took, ("token-9", "A")]),
    },
    "C10": {
        "a key without a trace": _changed(audited_keys=lambda _: []),
        "a key with two": _changed(audited_keys=lambda keys: keys * 2),
        "a trace without a key": _changed(audited_keys=lambda keys: [*keys, "key-2"]),
    },
    "C11": {"a text in a log": _changed(leaks=lambda _: ["gateway.log: hello"])},
    "C12": {
        "a drain without an end": _told(seconds_to_drain=lambda _: 31.0),
        "slow answers in quiet times": _told(answers=lambda all_: [replace(each, took=0.3) for each in all_]),
    },
}


@pytest.mark.parametrize(
    ("invariant", "lie"), [(invariant, lie) for invariant, lies in LIES.items() for lie in lies], ids=lambda each: each
)
def test_an_invariant_that_does_not_hold_is_seen(invariant, lie):
    assert invariant in {each.invariant for each in checker.check(*LIES[invariant][lie](*true_story([2, 2])))}


def test_every_invariant_has_a_lie_against_it():
    assert list(LIES) == list(checker.INVARIANTS)


def test_slow_answers_are_excused_by_faults_and_by_a_slow_machine():
    history, observed = true_story([2])
    slow = replace(history, answers=[replace(each, took=0.3) for each in history.answers])
    assert checker.check(replace(slow, faults=[Fault("kill", 0.0, 300.0)]), observed) == []
    assert checker.check(replace(slow, lateness=[(float(n), 0.05) for n in range(300)]), observed) == []
