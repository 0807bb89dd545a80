"""Of a person who was forgotten all figures stay, and no digest of an address; who writes from there is another one."""

from datetime import timedelta

import pytest

from lobby_counter.events import chat_id
from lobby_counter.explaining import Explaining
from lobby_counter.forgetting import Forgetter
from tests.component.counter.story import at
from tests.component.counter.test_wait_figures import causes


async def digests(counter, story, chat: str) -> int:
    """In how many rows of any table there is the digest of an address."""
    found = {chat_id(story.id("account", account), chat) for account in ("WA1", "WA2")}
    held = 0
    for table in await counter.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'counter'"):
        for row in await counter.pool.fetch(f'SELECT * FROM "{table["tablename"]}"'):
            held += any(digest in str(dict(row)) for digest in found)
    return held


async def pass_(counter) -> None:
    """Everybody is looked at once more."""
    await counter.pool.execute("UPDATE forgetting SET due_time = now()")
    assert await Forgetter(counter.log).take()


@pytest.fixture
async def life(counter, story):
    """He wrote to two accounts and was answered too late at one, for want of a translation."""
    written = story.says("A", "WA1", at("10:00"), chat="+66811111111")
    await counter.hear(
        written,
        story.translates(written, "th", status="untranslated", reason="timeout", when=at("10:00")),
        story.assigns("A", "WA1", "ann", at("10:00")),
        story.owes("A", "WA1", at("10:00"), agent="ann"),
        story.answers("A", "WA1", at("10:20"), agent="ann", chat="+66811111111"),
        story.ends_wait("A", "WA1", at("10:00"), at("10:20"), agent="ann"),
        story.says("A", "WA2", at("11:00"), chat="+66811111111"),
        story.says("B", "WA1", at("11:00")),
    )


async def figures(counter) -> tuple:
    """All that is counted, as it is now."""
    return (await counter.counts(group_by=["GROUP_BY_ACCOUNT"])), causes((await counter.wait_figures()).totals)


async def test_digests_go_and_every_figure_stays(counter, story, life):
    before = await figures(counter)
    assert await digests(counter, story, "+66811111111") > 0
    await counter.hear(story.erases("A", "A"))
    assert await Forgetter(counter.log).take()
    for _ in range(3):
        await pass_(counter)
    assert await digests(counter, story, "+66811111111") == 0
    assert await counter.pool.fetchval("SELECT count(*) FROM forgetting") == 0
    assert await digests(counter, story, "chat of B") > 0
    assert await figures(counter) == before
    await Explaining(counter.log, counter.calendars).finish()
    assert await figures(counter) == before
    assert not await Forgetter(counter.log).take()


async def test_who_writes_from_the_address_later_is_somebody_else(counter, story, life):
    await counter.hear(story.erases("A", "A"))
    await Forgetter(counter.log).take()
    await counter.hear(
        story.says("A again", "WA1", at("12:00"), chat="+66811111111"),
        story.answers("A again", "WA1", at("12:01"), agent="bob", chat="+66811111111"),
    )
    totals = (await counter.counts()).totals
    assert (totals.new, totals.repeat, totals.served) == (3, 1, 2)
    for _ in range(3):
        await pass_(counter)
    await counter.hear(story.answers("A again", "WA1", at("12:02"), agent="bob", chat="+66811111111"))
    assert (await counter.counts()).totals == type(totals)(
        **{field.name: getattr(totals, field.name) for field, _ in totals.ListFields() if field.name != "messages_out"},
        messages_out=3,
    )


async def test_what_was_on_its_way_is_his_and_leaves_no_digest(counter, story, life):
    await counter.hear(story.erases("A", "A"))
    await Forgetter(counter.log).take()
    late = story.says("A", "WA1", at("09:00"), chat="+66811111111")
    await counter.hear(
        story.answers("A", "WA2", at("11:30"), agent="ann", chat="+66811111111"),
    )
    await pass_(counter)
    await counter.hear(
        late,
        story.translates(late, "th", status="untranslated", reason="timeout", when=at("09:00") + timedelta(seconds=1)),
    )
    await pass_(counter)
    await pass_(counter)
    assert await digests(counter, story, "+66811111111") == 0
    totals = (await counter.counts()).totals
    assert (totals.messages_in, totals.messages_out, totals.served, totals.new) == (4, 2, 1, 2)


async def test_told_twice_and_of_somebody_unknown_it_is_harmless(counter, story, life):
    before = await figures(counter)
    await counter.hear(story.erases("A", "A"), story.erases("A", "A"), story.erases("Z", "Z"))
    await counter.hear(story.erases("A", "A"), replica=1)
    while await Forgetter(counter.log).take():
        pass
    assert await figures(counter) == before
