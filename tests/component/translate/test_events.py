"""What is told about customers' texts."""

import asyncio

import pytest

from lobby_common import ids
from lobby_translate import store
from tests.component.translate.conftest import Story, status_of, until
from tests.unit.translate.engines import Engine, failing


async def test_without_an_agent_the_language_alone_is_told(hall, story):
    (told,) = await hall.hear(story.says("Onde está o meu outro sapato?"))
    assert (told.language, told.version, told.customer_language) == ("pt", 1, "pt")
    assert not told.HasField("translation")
    assert told.basis == "vote"
    assert told.chat == story.chat


async def test_events_carry_their_cause_and_trace(hall, story):
    said = story.says("Onde está o meu outro sapato?")
    await hall.hear(said)
    (envelope,) = hall.envelopes
    assert (envelope.cause_id, envelope.traceparent) == (said.event.id, said.event.traceparent)
    assert envelope.key == f"{story.account_id}/{story.chat}"
    assert envelope.workspace_id == story.workspace_id


async def test_a_language_the_agent_reads_needs_no_translation(hall, story):
    await hall.hear(story.assigned("en", "pt"))
    (told,) = await hall.hear(story.says("Onde está o meu outro sapato?"))
    assert status_of(told.translation) == "same_language"
    assert await hall.waiting() == 0


async def test_a_phrase_is_told_translated_at_once(hall, story):
    await hall.hear(story.assigned("zh-Hans"))
    (told,) = await hall.hear(story.says("quanto custa? 😊"))
    assert (told.translation.text, told.translation.provider) == ("多少钱？ 😊", "phrases")


async def test_emoji_have_nothing_to_translate(hall, story):
    await hall.hear(story.assigned("en"))
    (told,) = await hall.hear(story.says("👍👍"))
    assert status_of(told.translation) == "nothing_to_translate"
    assert told.language == "und"


async def test_a_pair_that_nobody_serves_is_told_with_its_reason(hall, story):
    await hall.hear(story.assigned("th"))
    (told,) = await hall.hear(story.says("onde está o meu outro sapato"))
    assert (status_of(told.translation), told.translation.reason) == ("untranslated", "no_provider")
    assert await hall.waiting() == 0


async def test_unknown_words_are_undetermined(hall, story):
    await hall.hear(story.assigned("en"))
    (told,) = await hall.hear(story.says("qwrt zxcvb"))
    assert (told.language, told.translation.reason) == ("und", "undetermined")


async def test_other_texts_are_told_twice_first_the_language_then_the_translation(hall, story):
    await hall.hear(story.assigned("en"))
    (first,) = await hall.hear(story.says("onde outro sapato 12345 😊"))
    assert not first.HasField("translation")
    (second,) = await hall.work()
    assert (first.version, second.version) == (1, 2)
    assert second.translation.text == "where other shoe 12345 😊"
    assert second.translation.provider == "engine"
    assert (second.translation.source_language, second.translation.language) == ("pt", "en")
    assert await hall.waiting() == 0


async def test_what_one_replica_is_about_to_claim_another_passes_over(hall, story):
    """An engine that is paid for is asked once."""
    await hall.hear(story.assigned("en"))
    await hall.hear(story.says("onde outro sapato"))
    async with hall.pool.acquire() as one, hall.pool.acquire() as other:
        async with one.transaction():
            assert len(await store.claim_jobs(one, 10)) == 1
            async with asyncio.timeout(5):
                assert await store.claim_jobs(other, 10) == []
        assert await store.claim_jobs(other, 10) == []


async def test_what_was_translated_once_comes_from_the_memory(hall, story, engine):
    await hall.hear(story.assigned("en"))
    await hall.hear(story.says("onde outro sapato"))
    await hall.work()
    (told,) = await hall.hear(story.says("ONDE outro sapato!! 😊"))
    assert (told.translation.text, told.translation.provider) == ("where other shoe!! 😊", "memory")
    assert len(engine.asked) == 1


async def test_the_memory_belongs_to_the_workspace(hall, story, engine):
    await hall.hear(story.assigned("en"), story.says("onde outro sapato"))
    await hall.work()
    other = Story()
    await hall.hear(other.assigned("en"), other.says("onde outro sapato"))
    await hall.work()
    assert len(engine.asked) == 2


async def test_the_same_wish_of_many_is_asked_once(hall, story, engine):
    await hall.hear(story.assigned("en"), *(story.says("onde outro sapato") for _ in range(20)))
    told = await hall.work()
    assert len(told) == 20
    assert engine.asked == [["onde outro sapato"]]


async def test_an_assignment_translates_the_last_twenty_texts(hall, story):
    await hall.hear(*(story.says(f"onde outro sapato {number}") for number in range(100, 125)))
    await hall.hear(story.assigned("en"))
    told = await hall.work()
    assert sorted(one.translation.text for one in told) == [f"where other shoe {number}" for number in range(105, 125)]
    assert {one.version for one in told} == {2}


async def test_an_assignment_renders_at_once_what_is_known(hall, story):
    await hall.hear(
        story.says("quanto custa?"), story.says("👍"), story.says("how long does the delivery take to Lisbon")
    )
    told = await hall.hear(story.assigned("en"))
    assert sorted(map(status_of, (one.translation for one in told))) == [
        "nothing_to_translate", "same_language", "translated",
    ]  # fmt: skip


async def test_an_assignment_to_the_same_languages_tells_nothing(hall, story):
    await hall.hear(story.assigned("en"), story.says("quanto custa?"))
    assert await hall.hear(story.assigned("en", minute=1, agent_id="another")) == []


async def test_back_from_the_pool_to_the_same_language_tells_nothing(hall, story):
    await hall.hear(story.assigned("en"), story.says("quanto custa?"))
    assert await hall.hear(story.assigned(minute=1)) == []
    assert await hall.hear(story.assigned("en", minute=2)) == []


async def test_another_agent_s_language_makes_new_versions(hall, story):
    await hall.hear(story.assigned("en"), story.says("quanto custa?"))
    (told,) = await hall.hear(story.assigned("zh-Hans", minute=1))
    assert (told.version, told.translation.text) == (2, "多少钱？")


async def test_the_same_outcome_for_other_languages_is_no_news(hall, story):
    await hall.hear(story.assigned("th"), story.says("onde está o meu outro sapato"))
    assert await hall.hear(story.assigned("th", "ja", minute=1)) == []


async def test_an_older_assignment_that_comes_late_changes_nothing(hall, story):
    await hall.hear(story.assigned("en", minute=5), story.says("quanto custa?"))
    assert await hall.hear(story.assigned("zh-Hans", minute=1)) == []


async def test_what_waits_for_another_language_is_dropped_with_it(hall, story):
    await hall.hear(story.assigned("en"), story.says("onde outro sapato"))
    await hall.hear(story.assigned("es", minute=1))
    told = await hall.work()
    assert [one.translation.language for one in told] == ["es"]


async def test_texts_of_the_pool_wait_for_their_agent(hall, story):
    await hall.hear(story.assigned("en"))
    await hall.hear(story.assigned(minute=1))
    (told,) = await hall.hear(story.says("onde outro sapato"))
    assert not told.HasField("translation")


async def test_a_repeated_message_tells_nothing(hall, story):
    said = story.says("quanto custa?")
    assert len(await hall.hear(said, said)) == 1
    assert await hall.hear(said) == []


async def test_the_language_of_a_chat_is_sticky(hall, story):
    told = await hall.hear(
        story.says("onde está o meu outro sapato"), story.says("thanks"), story.says("ok"), story.says("obrigado")
    )
    assert [one.language for one in told] == ["pt", "en", "pt", "pt"]
    assert [one.customer_language for one in told] == ["pt"] * 4
    assert told[2].basis == "sticky"


async def test_a_customer_who_changes_language_is_followed(hall, story):
    await hall.hear(story.says("onde está o meu outro sapato"))
    (told,) = await hall.hear(story.says("Sorry, can we please continue in English from now on?"))
    assert told.customer_language == "en"


async def test_locale_and_country_are_hints(hall, story):
    (told,) = await hall.hear(story.says("ya boleh", country="MY"))
    assert told.language == "ms"


async def test_messages_without_text_tell_nothing(hall, story):
    assert await hall.hear(story.says(""), story.says("  \n ")) == []


async def test_an_edit_is_a_new_version_of_the_text(hall, story):
    said = story.says("quanto custa?")
    await hall.hear(story.assigned("en"), said)
    (told,) = await hall.hear(story.edits(said.payload.message_id, "muito obrigado"))
    assert (told.version, told.translation.text) == (2, "Thank you very much")


async def test_an_edit_drops_what_was_made_and_wished_of_the_old_text(hall, story, engine):
    said = story.says("onde outro sapato")
    await hall.hear(story.assigned("en"), said)
    (edited,) = await hall.hear(story.edits(said.payload.message_id, "meu sapato chegou ontem"))
    assert not edited.HasField("translation")
    (told,) = await hall.work()
    assert told.translation.text == "my shoe arrived yesterday"
    assert engine.asked == [["meu sapato chegou ontem"]]
    assert (edited.version, told.version) == (2, 3)


async def test_an_edit_that_comes_first_is_the_message(hall, story):
    message_id = ids.new_id()
    (told,) = await hall.hear(story.edits(message_id, "onde está o meu outro sapato"))
    assert (told.version, told.language) == (1, "pt")
    assert await hall.hear(story.says("onde", message_id)) == []


async def test_message_and_edit_in_one_batch_come_in_order(hall, story):
    said = story.says("quanto custa?")
    told = await hall.hear(story.edits(said.payload.message_id, "how long does it take"), said)
    assert [(one.version, one.language) for one in told] == [(1, "pt"), (2, "en")]


async def test_a_deleted_message_leaves_no_text_behind(hall, story):
    long = "onde outro sapato " * 5
    said = story.says(long)
    await hall.hear(story.assigned("en"), said)
    await hall.work()
    assert await hall.hear(story.deletes(said.payload.message_id)) == []
    for table in ("message_text", "translation", "translation_job", "memory"):
        assert await hall.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_message_deleted_before_it_came_stays_away(hall, story):
    message_id = ids.new_id()
    await hall.hear(story.deletes(message_id))
    assert await hall.hear(story.says("onde está o meu outro sapato", message_id)) == []
    assert await hall.pool.fetchval("SELECT count(*) FROM message_text") == 0


async def test_a_message_deleted_while_it_waits_is_not_told(hall, story):
    said = story.says("onde outro sapato")
    await hall.hear(story.assigned("en"), said)
    await hall.hear(story.deletes(said.payload.message_id))
    assert await hall.work() == []


async def test_a_batch_takes_three_statements_whatever_its_size(hall, story):
    # The first batch of a connection also asks for the types of its parameters.
    await hall.hear(story.assigned("en"), story.says("onde outro sapato"))
    hall.statements = 0
    await hall.hear(*(story.says(f"onde outro sapato {number}") for number in range(100, 400)))
    assert hall.statements <= 3


async def test_a_failure_is_told_once_and_retried(make_hall):
    fine = []
    hall = make_hall(Engine(lambda text: "where other shoe" if fine else failing("unavailable")._answer(text)))
    await hall.hear(hall.story.assigned("en"), hall.story.says("onde outro sapato"))
    (told,) = await hall.work()
    assert (status_of(told.translation), told.translation.reason) == ("untranslated", "all_open")
    await hall.make_due()
    assert await hall.work() == []
    fine.append(True)
    await hall.make_due()
    (told,) = await hall.work()
    assert (told.version, told.translation.text) == (3, "where other shoe")
    assert await hall.waiting() == 0


async def test_a_failure_is_given_up_after_ten_minutes(make_hall):
    hall = make_hall(failing("unavailable"))
    await hall.hear(hall.story.assigned("en"), hall.story.says("onde está o meu outro sapato"))
    hall.chain.providers[0]._pairs = frozenset({("pt", "en")})
    await hall.pool.execute("UPDATE translation_job SET expire_time = now()")
    (told,) = await hall.work()
    assert told.translation.reason == "all_open"
    assert await hall.waiting() == 0


@pytest.mark.parametrize("text", ["a\x00b onde está", "\x00", "x" * 65536, "好" * 20000, "\ufffe\uffff 😊"])
async def test_strange_texts_are_told_like_others(hall, story, text):
    await hall.hear(story.assigned("en"))
    (told,) = await hall.hear(story.says(text))
    assert told.language


async def test_a_job_that_breaks_the_worker_does_not_stop_its_neighbours(hall, story, monkeypatch):
    bad, good = story.says("sapato sapato sapato quebrado"), story.says("onde outro sapato")
    await hall.hear(story.assigned("en"), bad, good)
    grant = hall.translator.grant

    async def breaking(wishes, *rest):
        if any("quebrado" in wish.core for wish in wishes):
            raise RuntimeError("a bug")
        return await grant(wishes, *rest)

    monkeypatch.setattr(hall.translator, "grant", breaking)
    running = asyncio.create_task(hall.worker.run())

    async def told() -> bool:
        await hall.make_due()
        return any(one.message_id == good.payload.message_id and one.version == 2 for one in hall.told)

    await until(told)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_malformed_id_is_an_error_of_its_event(hall, story):
    with pytest.raises(ValueError, match="malformed"):
        await hall.hear(story.says("oi", "not-an-id"))


@pytest.mark.parametrize("first", ["message", "assignment"])
async def test_a_message_and_the_assignment_of_its_chat_meet_in_two_replicas(make_hall, engine, first):
    """Whoever comes second waits for the first to commit, and so sees it; also where the chat is not known yet."""
    one, other = make_hall(engine), make_hall(engine)
    story = one.story
    said, assigned = story.says("onde outro sapato"), story.assigned("en")
    earlier, later = (said, assigned) if first == "message" else (assigned, said)
    async with one.log.transaction() as tx:
        await one._events.apply(tx, [earlier])
        second = asyncio.create_task(other.hear(later))
        await until(lambda: _someone_waits(one))
    await second
    await one.work()
    assert [told.translation.text for told in one.told + other.told if told.HasField("translation")] == [
        "where other shoe"
    ]


async def _someone_waits(hall) -> bool:
    return await hall.pool.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
