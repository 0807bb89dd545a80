import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest_asyncio

from lobby_common.errors import Exhausted
from lobby_gateway import passwords
from lobby_gateway.passwords import NOBODYS, Hasher

WORD = "Phở bò tái"


@pytest_asyncio.fixture
async def hasher():
    # A password a thousandth as dear: what is tested here does not depend on it.
    async with aclosing(Closing(n=2**4)) as made:
        yield made


class Closing(Hasher):
    """One that closes as `aclosing` wants it."""

    aclose = Hasher.close


async def test_a_password_is_right_and_every_other_is_not(hasher):
    kept = await hasher.hash(WORD)
    assert await hasher.is_right(WORD, kept)
    for other in ("", WORD + " ", WORD.lower(), WORD[:-1]):
        assert not await hasher.is_right(other, kept)


async def test_the_same_letters_are_the_same_password_however_they_are_composed(hasher):
    kept = await hasher.hash("Pho\u031b\u0309 bo\u0300 ta\u0301i")
    assert await hasher.is_right(WORD, kept)


async def test_two_hashes_of_one_password_have_nothing_in_common(hasher):
    first, second = await hasher.hash(WORD), await hasher.hash(WORD)
    assert first.salt != second.salt
    assert first.digest != second.digest


async def test_a_hash_says_by_which_parameters_it_was_made(hasher):
    kept = await hasher.hash(WORD)
    async with aclosing(Closing(n=2**5)) as stronger:
        assert await stronger.is_right(WORD, kept)
        assert (await stronger.hash(WORD)).n == 2**5
    assert not await hasher.is_right(WORD, replace(kept, n=2**5))


async def test_neither_digest_nor_salt_is_printed(hasher):
    kept = await hasher.hash(WORD)
    assert "digest" not in repr(kept)
    assert "salt" not in repr(kept)


async def test_nobody_waits_in_a_queue_that_is_long(hasher, monkeypatch):
    monkeypatch.setattr(passwords, "_MOST_WAITING", 2)
    results = await asyncio.gather(*(hasher.is_right(WORD, NOBODYS) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in results] == [bool, bool, Exhausted]
    assert not await hasher.is_right(WORD, NOBODYS)


async def test_who_leaves_the_queue_leaves_no_place_taken(hasher, monkeypatch):
    monkeypatch.setattr(passwords, "_MOST_WAITING", 1)
    asking = asyncio.ensure_future(hasher.is_right(WORD, NOBODYS))
    await asyncio.sleep(0)
    asking.cancel()
    async with asyncio.timeout(5):
        while hasher._waiting:
            await asyncio.sleep(0)
    assert not await hasher.is_right(WORD, NOBODYS)
