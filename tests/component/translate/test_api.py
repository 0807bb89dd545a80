"""What translate answers."""

import asyncio

import pytest

from lobby.translate.v1 import translate_service_pb2 as pb
from lobby_common import ids
from lobby_common.errors import Invalid
from lobby_translate import store
from tests.component.translate.conftest import Story, status_of
from tests.unit.translate.engines import Engine, Hanging, failing


async def test_a_reply_goes_into_the_customer_s_language(hall, story):
    await hall.hear(story.says("onde está o meu outro sapato"))
    translation = await hall.reply("where my shoe 12345? 😊", agent_languages=["en"])
    assert translation.text == "onde meu sapato 12345? 😊"
    assert (translation.language, translation.provider, status_of(translation)) == ("pt", "engine", "translated")


async def test_a_reply_is_remembered(hall, story, engine):
    await hall.hear(story.says("onde está o meu outro sapato"))
    await hall.reply("where my shoe")
    assert (await hall.reply("Where my shoe!")).provider == "memory"
    assert len(engine.asked) == 1


async def test_a_reply_in_the_language_wished(hall):
    translation = await hall.reply("where other shoe", "es", agent_languages=["en"])
    assert translation.language == "es"


async def test_a_reply_in_the_customer_s_language_is_sent_as_written(hall, story):
    await hall.hear(story.says("onde está o meu outro sapato"))
    translation = await hall.reply("o seu sapato chegou ontem na loja", agent_languages=["en"])
    assert status_of(translation) == "same_language"


async def test_a_customer_who_writes_arabic_in_latin_letters_is_answered_in_arabic(hall, story):
    await hall.hear(story.says("salam akhi kam se3r el shipping"))
    translation = await hall.reply("one moment please", agent_languages=["en"])
    assert (translation.language, translation.text) == ("ar", "لحظة من فضلك")


async def test_a_reply_to_a_customer_of_unknown_language_is_sent_as_written(hall):
    translation = await hall.reply("where my shoe")
    assert (status_of(translation), translation.reason) == ("same_language", "undetermined")


async def test_a_reply_without_words_has_nothing_to_translate(hall, story):
    await hall.hear(story.says("onde está o meu outro sapato"))
    assert status_of(await hall.reply("👍 12345")) == "nothing_to_translate"


async def test_an_undetermined_reply_is_taken_for_the_agent_s_language(hall, story):
    await hall.hear(story.says("onde está o meu outro sapato"))
    assert (await hall.reply("qwrt zxcvb", agent_languages=["en"])).source_language == "en"


async def test_a_reply_that_cannot_be_translated_says_why(make_hall):
    hall = make_hall(failing("unavailable"))
    await hall.hear(hall.story.says("onde está o meu outro sapato"))
    translation = await hall.reply("where is my shoe now")
    assert (status_of(translation), translation.reason, translation.text) == ("untranslated", "all_open", "")
    assert (await hall.reply("where is my shoe now", "th")).reason == "no_provider"


async def test_a_chat_of_another_workspace_is_unknown(hall, story):
    await hall.hear(story.says("onde está o meu outro sapato"))
    other = Story(account_id=story.account_id, chat=story.chat)
    assert (await hall.reply("where my shoe", story=other)).reason == "undetermined"


@pytest.mark.parametrize("language", ["klingon!", "日本", "x"])
async def test_a_language_that_is_none_is_refused(hall, language):
    with pytest.raises(Invalid) as refused:
        await hall.reply("where my shoe", language)
    assert refused.value.reason == "UNKNOWN_LANGUAGE"


async def test_messages_are_read_in_the_reader_s_language(hall, story, engine):
    kept = story.says("onde outro sapato")
    await hall.hear(story.assigned("en"), kept)
    await hall.work()
    engine.asked.clear()
    translations = await hall.read(
        "en", (kept.payload.message_id, "onde outro sapato"), (ids.new_id(), "meu sapato chegou ontem"), ("x", "👍")
    )
    assert [each.text for each in translations] == ["where other shoe", "my shoe arrived yesterday", ""]
    assert [status_of(each) for each in translations] == ["translated", "translated", "nothing_to_translate"]
    assert engine.asked == [["meu sapato chegou ontem"]]


async def test_reading_tells_nothing(hall, story):
    said = story.says("onde outro sapato")
    await hall.hear(said)
    told = len(hall.told)
    await hall.read("en", (said.payload.message_id, "onde outro sapato"))
    assert len(hall.told) == told


async def test_reading_uses_the_language_found_in_the_chat(hall, story):
    first, second = story.says("onde está o meu outro sapato"), story.says("qwrt zxcvb")
    await hall.hear(first, second)
    (translation,) = await hall.read("en", (second.payload.message_id, "qwrt zxcvb"))
    assert translation.source_language == "pt"


async def test_messages_of_another_workspace_are_unknown(hall, story):
    said = story.says("onde outro sapato")
    await hall.hear(story.assigned("en"), said)
    await hall.work()
    (translation,) = await hall.read("en", (said.payload.message_id, "?"), workspace_id=ids.new_id())
    assert translation.text == ""


async def test_every_message_has_an_answer_in_its_place(make_hall):
    hall = make_hall(failing("timeout"))
    texts = ["onde está o meu sapato", "where is my shoe", "你好，这款还有货吗，谢谢你们", "👍", "qwrt zxcvb", ""]
    translations = await hall.read("en", *((ids.new_id(), text) for text in texts))
    assert [each.reason or status_of(each) for each in translations] == [
        "timeout", "same_language", "no_provider", "nothing_to_translate", "undetermined", "nothing_to_translate",
    ]  # fmt: skip


async def test_reading_takes_two_seconds_at_most(make_hall):
    hall = make_hall(Hanging(str))
    loop = asyncio.get_running_loop()
    started = loop.time()
    (translation,) = await hall.read("en", (ids.new_id(), "onde está o meu sapato"))
    assert translation.reason == "timeout"
    assert loop.time() - started < 2.5


async def test_the_same_text_read_by_many_at_once_is_asked_once(hall, engine):
    message = (ids.new_id(), "onde outro sapato")
    answers = await asyncio.gather(*(hall.read("en", message) for _ in range(10)))
    assert {each.text for (each,) in answers} == {"where other shoe"}
    assert len(engine.asked) == 1


async def test_a_reader_who_leaves_does_not_take_the_others_answer_along(make_hall):
    gate = asyncio.Event()

    class Slow(Engine):
        async def translate(self, source, target, texts, seconds):
            await gate.wait()
            return ["where other shoe"] * len(texts)

    hall = make_hall(Slow(str))
    message = (ids.new_id(), "onde outro sapato")
    first = asyncio.create_task(hall.read("en", message))
    await asyncio.sleep(0)
    second = asyncio.create_task(hall.read("en", message))
    while not hall.translator._flights:
        await asyncio.sleep(0.01)
    first.cancel()
    gate.set()
    (answer,) = await second
    assert answer.text == "where other shoe" or answer.reason == "timeout"


async def test_what_a_second_choice_made_is_remembered_briefly(make_hall, engine):
    hall = make_hall(failing("unavailable"), engine)
    await hall.read("en", (ids.new_id(), "onde outro sapato"))
    kept = await hall.pool.fetchval("SELECT expire_time - make_time FROM memory")
    assert kept.days == 1
    hall = make_hall(engine)
    await hall.read("en", (ids.new_id(), "meu sapato chegou ontem"))
    assert await hall.pool.fetchval("SELECT max(expire_time - make_time) FROM memory") > kept * 80


async def test_what_is_past_its_time_is_forgotten(hall, engine):
    await hall.hear(hall.story.says("onde outro sapato"))
    await hall.read("en", (ids.new_id(), "onde outro sapato"))
    await hall.pool.execute("UPDATE memory SET expire_time = now()")
    assert (await hall.read("en", (ids.new_id(), "onde outro sapato")))[0].provider == "engine"
    await hall.pool.execute("UPDATE memory SET expire_time = now()")
    async with hall.pool.acquire() as conn:
        await store.drop_expired(conn, 0)
    assert await hall.pool.fetchval("SELECT count(*) FROM memory") == 0
    assert await hall.pool.fetchval("SELECT count(*) FROM message_text") == 0


async def test_languages_are_listed_with_who_serves_them(hall):
    pairs = {(each.source, each.target): list(each.providers) for each in
             (await hall.api.ListLanguages(pb.ListLanguagesRequest(), None)).languages}  # fmt: skip
    assert pairs["en", "pt"] == ["phrases", "engine"]
    assert pairs["zh-Hans", "vi"] == ["phrases"]
    assert ("en", "en") not in pairs
