"""Heat map, two periods side by side, and what campaigns brought."""

from datetime import timedelta
from typing import Any

import pytest

from lobby.connectors.v1.account_pb2 import PLATFORM_TELEGRAM, PLATFORM_WHATSAPP
from lobby.counter.v1 import report_service_pb2 as pb
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import Invalid
from lobby_common.times import to_proto
from tests.component.counter.story import Story, at

A_DAY = timedelta(days=1)


async def ask(counter, story: Story, method: str, who: Caller | None = None, **fields: Any) -> Any:
    request = getattr(pb, f"{method}Request")()
    for name, value in fields.items():
        field = {"start": "from", "end": "to"}.get(name, name)
        if field in ("from", "to", "other_from", "other_to"):
            getattr(request, field).CopyFrom(to_proto(value))
        elif field == "group_by":
            request.group_by.extend(value)
        else:
            setattr(request, field, value)
    with caller.use(who or Caller(story.workspace_id, "owner")):
        return await getattr(counter.reports, method)(request, None)


async def test_a_heat_map_adds_up_the_weeks_by_wall_clock(counter, story):
    await counter.hear(
        story.says("a", "WA1", at("10:20")),
        story.says("b", "WA1", at("10:50") - A_DAY * 7),
        story.says("a", "WA1", at("11:10")),
    )
    cells = (await ask(counter, story, "GetHeatMap")).cells
    # 22 November 2026 is a Sunday.
    assert [(each.weekday, each.hour, each.new, each.messages_in) for each in cells] == [(7, 10, 2, 2), (7, 11, 0, 1)]
    nepal = (await ask(counter, story, "GetHeatMap", time_zone="Asia/Kathmandu")).cells
    assert [(each.weekday, each.hour, each.new) for each in nepal] == [(7, 8, 2), (7, 8, 0)][:1]
    with pytest.raises(Invalid) as raised:
        await ask(counter, story, "GetHeatMap", time_zone="Mars/Olympus")
    assert raised.value.reason == "INVALID_TIME_ZONE"


async def test_two_periods_stand_side_by_side_and_the_other_one_is_the_one_before(counter, story):
    await counter.hear(
        story.says("a", "WA1", at("10:00") - A_DAY),
        story.says("a", "TG1", at("10:00")),
        story.says("b", "TG1", at("11:00")),
    )
    found = await ask(counter, story, "GetPeriodComparison", start=at("00:00"), end=at("00:00") + A_DAY, group_by=[2])
    assert (found.other_from, found.other_to) == (to_proto(at("00:00") - A_DAY), to_proto(at("00:00")))
    rows = {each.counts.platform: (each.counts.new, each.counts.repeat, each.other.new) for each in found.rows}
    assert rows == {PLATFORM_WHATSAPP: (0, 0, 1), PLATFORM_TELEGRAM: (1, 1, 0)}
    assert (found.totals.counts.new, found.totals.other.new) == (1, 1)
    with pytest.raises(Invalid) as raised:
        await ask(
            counter, story, "GetPeriodComparison", start=at("00:00"), other_from=at("02:00"), other_to=at("01:00")
        )
    assert raised.value.reason == "INVALID_PERIOD"


async def test_touches_tell_the_truly_new_from_those_found_to_be_known_later(counter, story):
    await counter.hear(
        story.says("t", "TG1", at("10:00"), campaign="T1"), story.says("w", "WA1", at("14:00"), campaign="W9")
    )
    await counter.hear(story.says("other", "WA1", at("15:00"), campaign="W9"))
    await counter.hear(story.merges("m", "t", ["t", "w"], version=1))
    rows = (await ask(counter, story, "GetTouches")).rows
    found = {(each.campaign_id, each.platform): (each.people, each.new, each.repeat, each.found_later) for each in rows}
    assert found == {("T1", PLATFORM_TELEGRAM): (1, 1, 0, 0), ("W9", PLATFORM_WHATSAPP): (2, 1, 1, 1)}
    assert [row.campaign_id for row in rows] == ["W9", "T1"]
    agent = Caller(story.workspace_id, "agent", agent_id=story.id("agent", "ann"))
    assert not (await ask(counter, story, "GetTouches", agent)).rows
