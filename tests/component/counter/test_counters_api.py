"""CounterService and CampaignService: what they take, refuse and show."""

from datetime import UTC, datetime
from typing import Any

import pytest

from lobby.counter.v1 import campaign_service_pb2, counter_service_pb2
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Exhausted, Invalid, NotFound
from lobby_common.times import to_proto
from tests.component.counter.story import Story, an_id, at


async def call(api, method: str, request: Any, story: Story) -> Any:
    """The answer to the owner."""
    with caller.use(Caller(story.workspace_id, "owner")):
        return await getattr(api, method)(request, None)


async def create(counter, story: Story, request_id: str = "", **policy: Any) -> Any:
    request = counter_service_pb2.CreateCounterRequest(display_name="July", policy=policy, request_id=request_id)
    return (await call(counter.counters, "CreateCounter", request, story)).counter


async def get(counter, story: Story, counter_id: str) -> Any:
    request = counter_service_pb2.GetCounterRequest(counter_id=counter_id)
    return (await call(counter.counters, "GetCounter", request, story)).counter


async def listed(counter, story: Story, **page: Any) -> Any:
    return await call(counter.counters, "ListCounters", counter_service_pb2.ListCountersRequest(**page), story)


async def run(counter, story: Story, accounts: str, start: str, end: str = "", **request: Any) -> Any:
    """CreateCampaign."""
    request = campaign_service_pb2.CreateCampaignRequest(
        display_name="July",
        account_ids=[story.id("account", account) for account in accounts.split()],
        start_time=to_proto(at(start)),
        end_time=to_proto(at(end)) if end else None,
        **request,
    )
    return (await call(counter.campaigns, "CreateCampaign", request, story)).campaign


async def change(counter, story: Story, campaign_id: str, mask: str = "", **fields: Any) -> Any:
    request = campaign_service_pb2.UpdateCampaignRequest(campaign_id=campaign_id, **fields)
    request.update_mask.paths.extend(mask.split())
    return (await call(counter.campaigns, "UpdateCampaign", request, story)).campaign


async def reason(awaitable, error: type[Exception]) -> str:
    """The reason with which it is refused."""
    with pytest.raises(error) as raised:
        await awaitable
    return raised.value.reason


async def test_a_policy_is_shown_as_it_is_frozen_with_its_defaults_filled_in(counter, story):
    made = await create(counter, story, window_days=30, platforms=["PLATFORM_LINE"], base_mode="BASE_MODE_EXCLUDE")
    policy = made.policy
    assert (policy.window_days, policy.close_after_days, policy.time_zone) == (30, 3, "Asia/Shanghai")
    assert (policy.dedupe_level, policy.base_mode, list(policy.platforms)) == (3, 2, [3])
    assert not policy.HasField("reentry_gap_days")
    assert (made.display_name, made.policy_version, made.HasField("create_time")) == ("July", 1, True)
    await counter.recounts.finish()
    ready = await get(counter, story, made.counter_id)
    assert (ready.policy, ready.create_time, ready.state) == (policy, made.create_time, ready.STATE_READY)


async def test_the_database_refuses_to_change_a_policy(counter, story):
    await create(counter, story)
    with pytest.raises(Exception, match="never changed"):
        await counter.pool.execute("UPDATE counter SET window_days = 7")


async def test_the_workspaces_own_counter_is_there_without_being_made(counter, story):
    own = await get(counter, story, story.workspace_id)
    assert (own.counter_id, own.display_name, own.state) == (story.workspace_id, "", own.STATE_READY)
    assert [each.counter_id for each in (await listed(counter, story)).counters] == [story.workspace_id]


async def test_counters_are_listed_page_by_page_the_own_first(counter, story):
    made = [(await create(counter, story)).counter_id for _ in range(3)]
    first = await listed(counter, story, page_size=3)
    second = await listed(counter, story, page_size=3, page_token=first.next_page_token)
    assert [each.counter_id for each in first.counters] == [story.workspace_id, *made[:2]]
    assert ([each.counter_id for each in second.counters], second.next_page_token) == (made[2:], "")
    assert await reason(listed(counter, story, page_token="WzFd"), Invalid) == "BAD_PAGE_TOKEN"


async def test_the_same_request_again_makes_no_second_counter(counter, story):
    made = [await create(counter, story, request_id="once") for _ in range(2)]
    assert made[0] == made[1]
    assert len((await listed(counter, story)).counters) == 2


@pytest.mark.parametrize(
    ("policy", "error", "expected"),
    [
        ({"time_zone": "Mars/Olympus"}, Invalid, "INVALID_TIME_ZONE"),
        ({"account_ids": ["WA1"]}, Invalid, "INVALID_ACCOUNT_ID"),
        ({"campaign_id": "no id"}, NotFound, "CAMPAIGN_NOT_FOUND"),
        ({"campaign_id": an_id("unknown")}, NotFound, "CAMPAIGN_NOT_FOUND"),
    ],
)
async def test_a_bad_policy_is_refused(counter, story, policy, error, expected):
    assert await reason(create(counter, story, **policy), error) == expected
    assert len((await listed(counter, story)).counters) == 1


async def test_a_workspace_has_so_many_counters(counter, story, monkeypatch):
    monkeypatch.setattr("lobby_counter.commands.MOST_COUNTERS", 1)
    monkeypatch.setattr("lobby_counter.commands.MOST_CAMPAIGNS", 1)
    await create(counter, story)
    assert await reason(create(counter, story), Exhausted) == "TOO_MANY_COUNTERS"
    await run(counter, story, "WA1", "10:00")
    assert await reason(run(counter, story, "WA2", "10:00"), Exhausted) == "TOO_MANY_CAMPAIGNS"


async def test_counters_and_campaigns_of_another_workspace_are_not_there(counter, story):
    other = Story("W2")
    made, campaign = await create(counter, story), await run(counter, story, "WA1", "10:00")
    await counter.hear(other.says("A", "WA1", at("10:00")))
    assert await reason(get(counter, other, made.counter_id), NotFound) == "COUNTER_NOT_FOUND"
    assert await reason(counter.counts(other, counter_id=made.counter_id), NotFound) == "COUNTER_NOT_FOUND"
    assert await reason(counter.entries(other, counter_id=made.counter_id), NotFound) == "COUNTER_NOT_FOUND"
    assert await reason(counter.counts(other, counter_id=story.workspace_id), NotFound) == "COUNTER_NOT_FOUND"
    assert await reason(create(counter, other, campaign_id=campaign.campaign_id), NotFound) == "CAMPAIGN_NOT_FOUND"
    assert await reason(change(counter, other, campaign.campaign_id, display_name="x"), NotFound)
    request = campaign_service_pb2.ListCampaignsRequest()
    assert not (await call(counter.campaigns, "ListCampaigns", request, other)).campaigns
    assert len((await listed(counter, other)).counters) == 1
    assert await counter.new_and_repeat(other) == (1, 0)


async def test_an_account_is_in_one_campaign_at_a_time(counter, story):
    first = await run(counter, story, "WA1 WA2", "10:00", "12:00")
    assert await reason(run(counter, story, "WA2 TG1", "11:00"), Conflict) == "ACCOUNT_IN_CAMPAIGN"
    after = await run(counter, story, "WA2 TG1", "12:00")
    longer = change(counter, story, first.campaign_id, end_time=to_proto(at("12:01")))
    assert await reason(longer, Conflict) == "ACCOUNT_IN_CAMPAIGN"
    await change(counter, story, after.campaign_id, account_ids=[story.id("account", "TG1")])
    longest = await change(counter, story, first.campaign_id, "end_time")
    assert not longest.HasField("end_time")


async def test_a_campaign_is_shown_as_it_was_made_and_changed(counter, story):
    made = await run(counter, story, "WA1", "10:00", request_id="once")
    assert made == await run(counter, story, "WA1", "10:00", request_id="once")
    assert made.start_time == to_proto(at("10:00"))
    renamed = await change(counter, story, made.campaign_id, display_name="August")
    assert (renamed.display_name, renamed.account_ids) == ("August", made.account_ids)
    got = await call(
        counter.campaigns, "GetCampaign", campaign_service_pb2.GetCampaignRequest(campaign_id=made.campaign_id), story
    )
    assert got.campaign == renamed


async def test_a_campaign_may_reach_from_the_first_to_the_last_moment_there_is(counter, story):
    whole = campaign_service_pb2.CreateCampaignRequest(
        display_name="always",
        account_ids=[story.id("account", "WA1")],
        start_time=to_proto(datetime.min.replace(tzinfo=UTC)),
        end_time=to_proto(datetime.max.replace(tzinfo=UTC)),
    )
    made = (await call(counter.campaigns, "CreateCampaign", whole, story)).campaign
    assert await reason(run(counter, story, "WA1", "10:00"), Conflict) == "ACCOUNT_IN_CAMPAIGN"
    page = await call(counter.campaigns, "ListCampaigns", campaign_service_pb2.ListCampaignsRequest(), story)
    assert list(page.campaigns) == [made]
    await counter.hear(story.says("a", "WA1", at("10:00")))
    assert await counter.new_and_repeat() == (1, 0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"mask": "display_name"}, "DISPLAY_NAME_REQUIRED"),
        ({"mask": "start_time"}, "START_TIME_REQUIRED"),
        ({"mask": "create_time"}, "BAD_UPDATE_MASK"),
        ({"account_ids": ["no id"]}, "INVALID_ACCOUNT_ID"),
        ({"end_time": to_proto(at("09:00"))}, "INVALID_PERIOD"),
        ({"end_time": {"seconds": 2**60}}, "INVALID_PERIOD"),
    ],
)
async def test_a_bad_change_of_a_campaign_is_refused(counter, story, fields, expected):
    made = await run(counter, story, "WA1", "10:00")
    assert await reason(change(counter, story, made.campaign_id, **fields), Invalid) == expected


async def test_a_campaign_that_ends_before_it_begins_is_refused(counter, story):
    assert await reason(run(counter, story, "WA1", "10:00", "10:00"), Invalid) == "INVALID_PERIOD"


async def test_entries_name_the_counter_and_the_rule_that_judged_them(counter, story):
    made = await create(counter, story)
    await counter.hear(story.says("A", "WA1", at("10:00")))
    for counter_id in (made.counter_id, story.workspace_id):
        (entry,) = await counter.entries(counter_id=counter_id)
        assert (entry.counter_id, entry.policy_version) == (counter_id, 1)


async def test_days_of_a_counters_figures_are_its_own(counter, story):
    made = await create(counter, story, time_zone="America/New_York")
    await counter.hear(story.says("A", "WA1", at("10:00")))
    (row,) = (await counter.counts(counter_id=made.counter_id, bucket="BUCKET_DAY")).rows
    assert row.bucket_start.ToJsonString() == "2026-11-21T05:00:00Z"
