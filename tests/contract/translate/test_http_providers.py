"""The engines behind HTTP: what they are asked, and what each of their failures is called here."""

import asyncio

import pytest
import pytest_asyncio

from lobby_translate.chain import Chain
from lobby_translate.providers.apertium import Apertium
from lobby_translate.providers.contract import Failure
from lobby_translate.providers.libretranslate import LibreTranslate
from tests.contract.translate.servers import ApertiumStub, Fault, LibreTranslateStub

GARBAGE = [b"", b"<html>hotel wifi</html>", b"null", b"[]", b"{}", b'{"translatedText": 7, "responseData": 7}',
           b'{"translatedText": ["a", "b", "c", "d"], "responseData": {"translatedText": ["a"]}}',
           b"[" * 100_000, b"\xff\xfe\x00", b'"' + b"x" * 2_000_000 + b'"']  # fmt: skip


@pytest_asyncio.fixture
async def libre():
    async with LibreTranslateStub().running() as stub:
        provider = LibreTranslate(stub.url, "a-key")
        yield stub, provider
        await provider.close()
    assert stub.wrong == []


@pytest_asyncio.fixture
async def apertium():
    async with ApertiumStub().running() as stub:
        provider = Apertium(stub.url)
        yield stub, provider
        await provider.close()
    assert stub.wrong == []


@pytest_asyncio.fixture(params=["libretranslate", "apertium"])
async def either(request):
    """Each of them with a pair that it serves: English to Spanish."""
    kind, stub_kind = {
        "libretranslate": (lambda url: LibreTranslate(url, "a-key"), LibreTranslateStub),
        "apertium": (Apertium, ApertiumStub),
    }[request.param]
    async with stub_kind().running() as stub:
        provider = kind(stub.url)
        yield stub, provider
        await provider.close()


async def test_libretranslate_is_asked_in_its_own_names(libre):
    stub, provider = libre
    await provider.directory.refresh()
    assert await provider.translate("en", "pt", ["where is my shoe"], 5) == ["onde is my sapato"]
    assert await provider.translate("en", "zh-Hans", ["shoe", "where"], 5) == ["鞋", "onde"]
    assert [(each["source"], each["target"]) for each in stub.asked] == [("en", "pb"), ("en", "zh")]
    assert stub.asked[0]["api_key"] == "a-key"


async def test_libretranslate_s_pairs_are_tags(libre):
    _, provider = libre
    assert provider.serves("en", "th"), "it may be asked for all it could know until it was heard"
    await provider.directory.refresh()
    assert {("en", "pt-BR"), ("zh-Hant", "vi")} <= provider.pairs()
    assert provider.serves("pt", "zh-Hans")
    assert not provider.serves("en", "th")
    assert not provider.serves("ar-Latn", "en")


async def test_a_wrong_key_is_refused_as_such(libre):
    stub, provider = libre
    stub.key = "another"
    assert await provider.translate("en", "es", ["shoe"], 5) == [Failure("auth")]


async def test_a_pair_that_libretranslate_does_not_know_is_unsupported(libre):
    _, provider = libre
    assert await provider.translate("en", "th", ["shoe"], 5) == [Failure("unsupported_pair")]


async def test_apertium_is_asked_for_its_own_pairs(apertium):
    stub, provider = apertium
    await provider.directory.refresh()
    assert await provider.translate("en", "es", ["where is my shoe", "shoe"], 5) == ["onde is my zapato", "zapato"]
    assert stub.asked[0]["langpair"] == "eng|spa"
    assert await provider.translate("id", "ms", ["shoe"], 5) == ["kasut"]


async def test_apertium_s_pairs_are_tags(apertium):
    _, provider = apertium
    await provider.directory.refresh()
    assert {("en", "es"), ("id", "ms")} <= provider.pairs()
    assert provider.serves("pt-BR", "es")
    assert not provider.serves("en", "pt")


async def test_a_pair_that_apertium_has_not_installed_is_unsupported(apertium):
    _, provider = apertium
    assert await provider.translate("en", "pt", ["shoe"], 5) == [Failure("unsupported_pair")]


async def test_a_pair_that_is_broken_there_is_unavailable(apertium):
    _, provider = apertium
    assert await provider.translate("ru", "uk", ["да"], 5) == [Failure("unavailable")]


@pytest.mark.parametrize(
    ("status", "headers", "failure"),
    [
        (401, {}, Failure("auth")), (403, {}, Failure("auth")), (429, {"Retry-After": "7"}, Failure("rate", 7.0)),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, Failure("rate")), (456, {}, Failure("quota")),
        (500, {}, Failure("unavailable")), (502, {}, Failure("unavailable")), (503, {}, Failure("unavailable")),
        (503, {"Retry-After": "30"}, Failure("unavailable", 30.0)), (504, {}, Failure("timeout")),
        (413, {}, Failure("too_long")), (302, {"Location": "http://127.0.0.1:9/"}, Failure("unavailable")),
        (404, {}, Failure("unavailable")), (529, {}, Failure("rate")),
    ],
)  # fmt: skip
async def test_statuses_are_typed_failures(either, status, headers, failure):
    stub, provider = either
    stub.faults.append(Fault(status=status, headers=headers, body=b'{"error": "no"}'))
    assert await provider.translate("en", "es", ["shoe"], 5) == [failure]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_a_failure_of_every_text(either, body):
    stub, provider = either
    stub.faults.append(Fault(body=body))
    (answer,) = await provider.translate("en", "es", ["shoe"], 5)
    assert isinstance(answer, Failure)
    assert answer.kind in {"bad_output", "unavailable"}


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_for_a_directory_leaves_what_was_known(either, body):
    stub, provider = either
    await provider.directory.refresh()
    before = provider.pairs()
    stub.faults.append(Fault(body=body))
    await provider.directory.refresh()
    assert provider.pairs() == before or body == b"[]"


async def test_a_server_that_hangs_is_a_timeout_in_time(either):
    stub, provider = either
    stub.faults.append(Fault(hang=True))
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await provider.translate("en", "es", ["shoe"], 0.2) == [Failure("timeout")]
    assert loop.time() - started < 2


async def test_a_server_that_hangs_up_is_unavailable(either):
    stub, provider = either
    stub.faults.append(Fault(drop=True))
    assert await provider.translate("en", "es", ["shoe"], 5) == [Failure("unavailable")]


async def test_a_server_that_is_not_there_is_unavailable():
    for provider in (LibreTranslate("http://127.0.0.1:9"), Apertium("http://127.0.0.1:9")):
        assert await provider.translate("en", "es", ["shoe"], 5) == [Failure("unavailable")]
        assert await provider.directory.refresh() is False
        await provider.close()


async def test_the_breaker_obeys_the_server_s_wish_and_probes_with_one_text(either):
    stub, provider = either
    now = [0.0]
    chain = Chain([provider], clock=lambda: now[0])
    stub.faults.append(Fault(status=429, headers={"Retry-After": "20"}))
    (outcome,) = await chain.translate("en", "es", ["where is my shoe"], 5.0)
    assert outcome.reason == "all_open"
    now[0] = 19.0
    await chain.translate("en", "es", ["where is my shoe"], 5.0)
    assert len(stub.asked) == 1
    now[0] = 21.0
    outcomes = await chain.translate("en", "es", ["where is my shoe", "where is the shoe"], 5.0)
    assert [outcome.provider for outcome in outcomes] == [provider.name] * 2
