"""What the crowd's journals tell: every attempt with its answer, or without one."""

import asyncio

from tests.chaos import history
from tests.chaos.history import Send
from tests.chaos.journal import Journal, Tail, read


def test_attempts_are_accepted_refused_or_nobody_knows(tmp_path):
    journal = Journal(tmp_path / "customers.jsonl")
    journal.write("body", body=1, account="A", kind="message", digest="d", chat="c", message="m", n=1)
    for status in (None, 0, 503, 200, 200, 401):
        journal.write("sent", body=1)
        if status is not None:
            journal.write("answer", body=1, status=status, took=0.25)
    (delivery,) = history.load(tmp_path).deliveries
    assert (delivery.accepted, delivery.refused, delivery.unsure) == (2, 1, 3)
    assert {each.took for each in history.load(tmp_path).answers} == {0.25}


def test_screens_agents_and_keys_are_told_in_order(tmp_path):
    screens, agents = Journal(tmp_path / "screens.jsonl"), Journal(tmp_path / "agents.jsonl")
    screens.write("open", screen=0, after="")
    screens.write("open", screen=1, after="")
    screens.write("message_received", screen=0, message="m1")
    screens.write("resync", screen=0, message="")
    agents.write("send", token="t", account="A", platform="line")
    agents.write("send", token="never answered", account="A", platform="line")
    agents.write("send_answer", token="t", status=200, message_id="x", reason="")
    agents.write("key_made", token="k", status=200, key_id="key")
    told = history.load(tmp_path)
    assert told.shown == {0: ["m1", ""], 1: []}
    assert told.sends == [Send("t", "A", "line", 200, "x")]
    assert told.keys == {"k": "key"}


async def test_a_line_that_is_half_written_is_read_when_it_is_whole(tmp_path):
    path = tmp_path / "x.jsonl"
    journal, tail = Journal(path), Tail(path)
    keeping = asyncio.create_task(journal.keep())
    journal.write("one")
    with path.open("ab") as file:
        file.write(b'{"event": ')
    assert [line["event"] for line in tail.fresh()] == ["one"]
    assert [line["event"] for line in read(path)] == ["one"]
    with path.open("ab") as file:
        file.write(b'"two"}\n')
    assert [line["event"] for line in tail.fresh()] == ["two"]
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
