"""A translation that is taken away by hand is named and comes back as it was told; none is asked for without need."""


async def kept(hall):
    return set(await hall.pool.fetch("SELECT message_id, target, text, provider FROM translation"))


async def test_translations_of_the_present_wording_come_back_as_they_were_told(hall, story):
    phrase, words = story.says("quanto custa?"), story.says("onde outro sapato 12345 😊")
    await hall.hear(story.assigned("en"), phrase, words)
    await hall.work()
    assert await hall.untranslated() == []
    before = await kept(hall)
    await hall.pool.execute("DELETE FROM translation")
    assert sorted(await hall.untranslated()) == ["How much is it?", "where other shoe 12345 😊"]
    assert await kept(hall) == before
    assert await hall.untranslated() == []


async def test_where_there_is_no_translation_by_right_none_is_missed(hall, story):
    said = [story.says(text) for text in ("where is my other shoe", "👍👍", "qwrt zxcvb", "onde outro sapato")]
    edited, deleted, waiting = story.says("quanto custa?"), story.says("muito obrigado"), story.says("onde sapato")
    await hall.hear(story.assigned("en"), *said, edited, deleted)
    await hall.work()
    await hall.hear(story.edits(edited.payload.message_id, "where is my shoe"), waiting)
    await hall.hear(story.deletes(deleted.payload.message_id))
    await hall.hear(story.assigned("es", minute=1))
    assert await hall.untranslated() == []


async def test_of_another_language_only_what_was_told_last_is_due(hall, story):
    await hall.hear(story.assigned("en"), story.says("onde outro sapato"))
    await hall.work()
    await hall.hear(story.assigned("es", minute=1))
    await hall.work()
    await hall.pool.execute("DELETE FROM translation WHERE target = 'en'")
    assert await hall.untranslated() == []
