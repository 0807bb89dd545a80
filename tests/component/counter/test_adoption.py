"""A proposed policy beside the present one: who would change and why, before it is adopted; retired counters."""

from typing import Any

import pytest

from lobby.counter.v1 import count_service_pb2 as count_pb
from lobby.counter.v1 import counter_service_pb2 as pb
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Invalid, NotFound
from tests.component.counter.story import Story, an_id, at

NEW, REPEAT, NONE = count_pb.VERDICT_NEW, count_pb.VERDICT_REPEAT, count_pb.VERDICT_NONE


async def call(counter, story: Story, method: str, **fields: Any) -> Any:
    with caller.use(Caller(story.workspace_id, "owner", key_id="key")):
        return await getattr(counter.counters, method)(getattr(pb, f"{method}Request")(**fields), None)


async def refused(counter, story: Story, error: type[Exception], method: str, **fields: Any) -> str:
    with pytest.raises(error) as raised:
        await call(counter, story, method, **fields)
    return raised.value.reason


async def test_a_proposed_policy_says_who_would_change_and_why_before_it_is_adopted(counter, story):
    await counter.hear(story.says("a", "WA1", at("10:00")), story.says("a", "WA2", at("11:00")))
    await counter.hear(story.says("b", "WA1", at("12:00")))
    proposed = await counter.make_counter(dedupe_level="DEDUPE_LEVEL_ACCOUNT")
    compared = await call(counter, story, "GetCounterComparison", counter_id=proposed)
    found = {(each.verdict, each.reason, each.other_verdict, each.other_reason): each for each in compared.differences}
    assert {key: (each.entries, each.people) for key, each in found.items()} == {
        (NEW, "first", NEW, "first"): (2, 2),
        (NEW, "first", REPEAT, "same_identity"): (1, 1),
    }
    (entry,) = (await call(counter, story, "ListDifferences", counter_id=proposed)).entries
    assert (entry.contact_id, entry.account_id) == (story.id("contact", "a"), story.id("account", "WA2"))
    assert (entry.verdict, entry.other_verdict, entry.other_reason) == (NEW, REPEAT, "same_identity")
    assert (entry.HasField("repeat_of"), entry.HasField("other_repeat_of")) == (False, True)
    assert await counter.new_and_repeat() == (2, 1)
    adopted = (await call(counter, story, "AdoptCounter", counter_id=proposed)).counter
    assert (adopted.adopted, await counter.new_and_repeat()) == (True, (3, 0))
    assert {entry.counter_id for entry in await counter.entries()} == {proposed}
    assert await counter.new_and_repeat(counter_id=story.workspace_id) == (2, 1)
    await call(counter, story, "AdoptCounter", counter_id=story.workspace_id)
    assert await counter.new_and_repeat() == (2, 1)


async def test_what_is_no_entry_at_one_of_two_counters_differs(counter, story):
    await counter.hear(story.says("a", "WA1", at("10:00")), story.says("b", "TG1", at("11:00")))
    filtered = await counter.make_counter(account_ids=[story.id("account", "WA1")])
    (entry,) = (await call(counter, story, "ListDifferences", counter_id=filtered)).entries
    assert (entry.verdict, entry.reason, entry.other_verdict) == (NONE, "", NEW)
    (back,) = (
        await call(counter, story, "ListDifferences", counter_id=story.workspace_id, other_counter_id=filtered)
    ).entries
    assert (back.verdict, back.other_verdict) == (NEW, NONE)


async def test_differences_are_listed_page_by_page(counter, story):
    for hour in range(8, 13):
        await counter.hear(story.says("a", f"WA{hour}", at(f"{hour}:00")))
    proposed = await counter.make_counter(dedupe_level="DEDUPE_LEVEL_ACCOUNT")
    first = await call(counter, story, "ListDifferences", counter_id=proposed, page_size=3)
    second = await call(counter, story, "ListDifferences", counter_id=proposed, page_token=first.next_page_token)
    times = [each.occurred_time.seconds for each in (*first.entries, *second.entries)]
    assert (len(times), times, second.next_page_token) == (4, sorted(times), "")
    assert await refused(counter, story, Invalid, "ListDifferences", counter_id=proposed, page_token="WzFd") == (
        "BAD_PAGE_TOKEN"
    )


async def test_a_counter_that_still_judges_what_was_before_is_not_adopted(counter, story):
    await counter.hear(story.says("a", "WA1", at("10:00")))
    made = await counter.make_counter(wait=False, window_days=3)
    assert await refused(counter, story, Conflict, "AdoptCounter", counter_id=made) == "COUNTER_JUDGING"
    assert (await call(counter, story, "GetCounterComparison", counter_id=made)).judging


async def test_a_retired_counter_keeps_what_it_judged_and_judges_nothing_more(counter, story, monkeypatch):
    monkeypatch.setattr("lobby_counter.commands.MOST_COUNTERS", 1)
    await counter.hear(story.says("a", "WA1", at("10:00")))
    made = await counter.make_counter(window_days=3)
    retired = (await call(counter, story, "RetireCounter", counter_id=made)).counter
    assert retired.state == retired.STATE_RETIRED
    assert (await call(counter, story, "RetireCounter", counter_id=made)).counter == retired
    await counter.hear(story.says("b", "WA1", at("11:00")))
    assert await counter.new_and_repeat(counter_id=made) == (1, 0)
    assert await counter.new_and_repeat() == (2, 0)
    assert await refused(counter, story, Conflict, "AdoptCounter", counter_id=made) == "COUNTER_RETIRED"
    assert (await call(counter, story, "GetCounter", counter_id=made)).counter == retired
    assert await counter.make_counter(window_days=4)


async def test_what_somebody_counts_by_is_not_retired(counter, story):
    adopted = await counter.make_counter(window_days=3)
    await call(counter, story, "AdoptCounter", counter_id=adopted)
    for counter_id in (story.workspace_id, adopted):
        assert await refused(counter, story, Conflict, "RetireCounter", counter_id=counter_id) == "COUNTER_IN_USE"


async def test_counters_of_another_workspace_are_neither_compared_nor_adopted(counter, story):
    made = await counter.make_counter(window_days=3)
    other = Story("W2")
    for method in ("GetCounterComparison", "ListDifferences", "AdoptCounter", "RetireCounter"):
        assert await refused(counter, other, NotFound, method, counter_id=made) == "COUNTER_NOT_FOUND"
        assert await refused(counter, story, NotFound, method, counter_id=an_id("none")) == "COUNTER_NOT_FOUND"
