from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lobby_gateway import domain, entropy
from lobby_gateway.domain import Principal
from lobby_gateway.keyring import FRESH_SECONDS, Keyring


class Database:
    def __init__(self) -> None:
        self.asked = 0
        self.known = {}

    async def find(self, hashes):
        self.asked += 1
        return {each: self.known[each] for each in hashes if each in self.known}


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def secret(database):
    secret = entropy.new_secret()
    database.known[domain.hash_of(secret)] = Principal("w", "k", "owner", "", False)
    return secret


async def test_a_key_is_looked_up_once_in_a_while(database, secret):
    now = [0.0]
    keyring = Keyring(database.find, lambda: now[0])
    for _ in range(3):
        assert (await keyring.principal(secret)).key_id == "k"
    assert database.asked == 1
    now[0] = FRESH_SECONDS
    await keyring.principal(secret)
    assert database.asked == 2


async def test_a_revoked_key_is_forgotten_soon(database, secret):
    now = [0.0]
    keyring = Keyring(database.find, lambda: now[0])
    await keyring.principal(secret)
    database.known.clear()
    now[0] = FRESH_SECONDS
    assert FRESH_SECONDS < 5
    assert await keyring.principal(secret) is None


async def test_a_key_revoked_here_is_forgotten_at_once(database, secret):
    keyring = Keyring(database.find)
    await keyring.principal(secret)
    database.known.clear()
    keyring.forget("k")
    assert await keyring.principal(secret) is None


async def test_a_key_revoked_while_it_was_looked_up_is_not_remembered(database, secret):
    async def find(hashes):
        found = await database.find(hashes)
        database.known.clear()
        keyring.forget("k")
        return found

    keyring = Keyring(find)
    await keyring.principal(secret)
    assert await keyring.principal(secret) is None


async def test_a_text_that_is_no_key_costs_no_question(database):
    assert await Keyring(database.find).principal("lobby_guess") is None
    assert database.asked == 0


END = datetime(2026, 11, 27, tzinfo=UTC)


async def test_a_key_ends_at_its_end_also_in_memory(database, secret):
    now = [END - timedelta(seconds=1)]
    keyring = Keyring(database.find, lambda: 0.0, lambda: now[0])
    [found] = database.known
    database.known[found] = replace(database.known[found], expire_time=END)
    assert await keyring.principal(secret) is not None
    now[0] = END
    assert await keyring.principal(secret) is None
    assert database.asked == 1


async def test_a_key_that_has_ended_holds_nowhere_though_the_database_knows_it(database, secret):
    [found] = database.known
    database.known[found] = replace(database.known[found], expire_time=END)
    assert await Keyring(database.find, now=lambda: END).principal(secret) is None


async def test_all_keys_that_a_link_gave_are_forgotten_with_it(database, secret):
    other = entropy.new_secret()
    for number, each in enumerate((secret, other)):
        database.known[domain.hash_of(each)] = Principal("w", f"k{number}", "partner", "", False, "s", "link")
    keyring = Keyring(database.find)
    for each in (secret, other):
        await keyring.principal(each)
    database.known.clear()
    keyring.forget("link")
    assert [await keyring.principal(each) for each in (secret, other)] == [None, None]
