"""A customer is forgotten: his texts, their translations and what the memory keeps of them are gone; languages stay."""

import pytest

from lobby.routing.v1.events_pb2 import ConversationErased
from lobby_common import ids
from lobby_common.events.erasing import Eraser
from tests.component.translate.conftest import Story

TEXT = "Onde está o meu outro sapato?"


def erased(story: Story, *message_ids: str):
    payload = ConversationErased(
        conversation_id=story.conversation_id, account_id=story.account_id, message_ids=message_ids
    )
    return story.event(payload, producer="routing")


async def everything(hall) -> str:
    """All that the schema holds, once the log is looked through."""
    while await Eraser(hall.log).take():
        continue
    names = await hall.pool.fetch(
        "SELECT quote_ident(c.relname) AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'translate' AND c.relkind = 'r'"
    )
    rows = [row for name in names for row in await hall.pool.fetch(f"SELECT * FROM {name['name']}")]
    found = [each for row in rows for each in row.values()]
    return "\n".join(each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in found)


async def translated(hall, story, text: str = TEXT) -> str:
    """A text was translated by an engine, and the memory keeps it. Returns the message's id."""
    message_id = ids.new_id()
    await hall.hear(story.assigned("en"))
    await hall.hear(story.says(text, message_id))
    [told] = await hall.work()
    assert told.translation.text
    return message_id


@pytest.mark.parametrize("text", [TEXT, f"{TEXT} " * 4], ids=["short", "long"])
async def test_nothing_of_a_text_is_left_in_any_table(hall, story, text):
    message_id = await translated(hall, story, text)
    before = await everything(hall)
    assert "sapato" in before
    assert "the my other" in before
    await hall.hear(erased(story, message_id))
    left = await everything(hall)
    assert "sapato" not in left
    assert "the my other" not in left
    assert story.chat not in left


async def test_its_language_and_what_became_of_it_stay(hall, story):
    message_id = await translated(hall, story)
    query = "SELECT language, basis, status, provider FROM message WHERE message_id = $1"
    before = await hall.pool.fetchrow(query, message_id)
    await hall.hear(erased(story, message_id))
    assert await hall.pool.fetchrow(query, message_id) == before
    assert await hall.untranslated() == []


async def test_a_translation_for_another_reader_is_forgotten_too(hall, story):
    message_id = await translated(hall, story)
    await hall.read("es", (message_id, TEXT))
    await hall.hear(erased(story, message_id))
    assert await hall.pool.fetchval("SELECT count(*) FROM memory") == 0


async def test_what_was_answered_to_him_is_forgotten_too_and_answers_to_others_are_not(hall, story):
    message_id = await translated(hall, story)
    other = Story(workspace_id=story.workspace_id)
    await hall.reply("your other shoe arrived", "pt")
    await hall.reply("where", "pt", story=other)
    await hall.hear(erased(story, message_id))
    assert await hall.pool.fetchval("SELECT count(*) FROM memory") == 1


async def test_a_text_that_was_still_on_its_way_stays_away(hall, story):
    message_id = ids.new_id()
    await hall.hear(erased(story, message_id))
    assert await hall.hear(story.says(TEXT, message_id)) == []
    assert "sapato" not in await everything(hall)


async def test_what_waits_for_an_engine_is_not_translated_any_more(hall, story):
    message_id = ids.new_id()
    await hall.hear(story.assigned("en"))
    await hall.hear(story.says(TEXT, message_id))
    assert await hall.waiting() == 1
    await hall.hear(erased(story, message_id))
    assert await hall.waiting() == 0


async def test_who_writes_in_the_same_chat_later_keeps_his_texts_and_the_chat(hall, story):
    message_id = await translated(hall, story)
    await hall.hear(story.says("Meu sapato chegou ontem", later := ids.new_id()))
    await hall.hear(erased(story, message_id))
    rows = await hall.pool.fetch("SELECT message_id::text FROM message_text")
    assert [row["message_id"] for row in rows] == [later]
    assert await hall.pool.fetchval("SELECT count(*) FROM chat WHERE chat = $1", story.chat) == 1


async def test_hearing_of_it_twice_changes_nothing(hall, story):
    message_id = await translated(hall, story)
    await hall.hear(erased(story, message_id))
    before = await hall.pool.fetch("SELECT * FROM message")
    await hall.hear(erased(story, message_id))
    assert await hall.pool.fetch("SELECT * FROM message") == before
