import time

import pytest

from lobby_translate.chain import Chain, Outcome
from lobby_translate.protect import protect
from tests.unit.translate.engines import Engine, Hanging, dictionary, failing

GOOD = dictionary(where="onde", is_="está", my="meu", parcel="pacote", now="agora")


async def ask(*engines: Engine, text: str = "where my parcel", seconds: float = 1.0) -> Outcome:
    (outcome,) = await Chain(engines).translate("en", "pt", [protect(text).core], seconds)
    return outcome


async def test_the_first_engine_that_serves_the_pair_translates():
    other = Engine(GOOD, name="other", pairs=[("en", "es")])
    assert await ask(other, Engine(GOOD, name="good")) == Outcome("onde meu pacote", "good")
    assert other.asked == []


async def test_no_engine_for_the_pair_is_no_provider():
    assert (await ask(Engine(GOOD, pairs=[("en", "es")]))).reason == "no_provider"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("timeout", "timeout"), ("unsupported_pair", "unsupported_pair"), ("bad_request", "bad_output"),
        ("auth", "all_open"), ("quota", "all_open"), ("rate", "all_open"), ("unavailable", "all_open"),
        ("too_long", "too_long"), ("bad_output", "bad_output"),
    ],
)  # fmt: skip
async def test_a_failure_becomes_its_reason_and_the_next_engine_s_chance(kind, reason):
    assert (await ask(failing(kind))).reason == reason
    assert (await ask(failing(kind), Engine(GOOD, name="next"))).provider == "next"


async def test_a_hanging_engine_leaves_time_for_the_next():
    started = time.monotonic()
    assert (await ask(Hanging(GOOD), Engine(GOOD, name="next"), seconds=1.0)).provider == "next"
    assert time.monotonic() - started < 0.95


async def test_a_hanging_engine_alone_is_a_timeout_in_time():
    started = time.monotonic()
    assert (await ask(Hanging(GOOD), seconds=0.1)).reason == "timeout"
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize(
    "garbage", ["", "where my parcel", "Here is the translation: x", "где моя посылка", "onde 7 pacote"]
)
async def test_garbage_goes_to_the_next_engine(garbage):
    bad = Engine(lambda _: garbage)
    assert (await ask(bad)).reason == "bad_output"
    assert (await ask(bad, Engine(GOOD, name="next"))).provider == "next"


async def test_too_many_answers_are_bad_output():
    class Chatty(Engine):
        async def translate(self, source, target, texts, seconds):
            return ["onde", "meu", "pacote"]

    assert (await ask(Chatty(GOOD))).reason == "bad_output"


async def test_marks_are_given_and_taken_back():
    engine = Engine(GOOD)
    outcome = await ask(engine, text="where my parcel 12345 now")
    assert engine.asked == [["where my parcel ZX0Z now"]]
    assert outcome.core == "onde meu pacote \x1a0\x1a agora"


async def test_an_engine_that_loses_marks_translates_around_them():
    engine = Engine(lambda text: GOOD(text.replace("ZX0Z ", "")))
    outcome = await ask(engine, text="where my 12345 parcel now")
    assert outcome.core == "onde meu \x1a0\x1a pacote agora"
    assert engine.asked[1] == ["where my", "parcel now"]


async def test_an_engine_that_loses_marks_and_fails_around_them_has_lost_them():
    engine = Engine(lambda text: "" if "ZX" not in text else "nada")
    assert (await ask(engine, text="where my 12345 parcel now")).reason == "placeholder_lost"


async def test_the_most_telling_reason_is_told():
    assert (await ask(failing("unavailable"), Engine(lambda _: ""), failing("timeout"))).reason == "bad_output"


async def test_a_text_over_an_engine_s_limit_goes_to_the_next():
    small = Engine(GOOD, max_chars=5)
    assert (await ask(small)).reason == "too_long"
    assert (await ask(small, Engine(GOOD, name="next"))).provider == "next"


async def test_texts_go_together_as_far_as_the_engine_takes_them():
    engine = Engine(GOOD, max_items=3)
    await Chain([engine]).translate("en", "pt", ["where my parcel"] * 7, 1.0)
    assert [len(batch) for batch in engine.asked] == [3, 3, 1]


async def test_one_bad_answer_does_not_spoil_its_neighbours():
    engine = Engine(lambda text: "" if "now" in text else GOOD(text))
    outcomes = await Chain([engine]).translate("en", "pt", ["where my parcel", "parcel now", "my parcel"], 1.0)
    assert [outcome.reason for outcome in outcomes] == ["", "bad_output", ""]


async def test_an_open_breaker_spares_the_engine():
    engine = failing("unavailable")
    chain = Chain([engine])
    for _ in range(8):
        (outcome,) = await chain.translate("en", "pt", ["where"], 1.0)
    assert len(engine.asked) == 5
    assert outcome.reason == "all_open"


async def test_a_breaker_belongs_to_a_pair():
    engine = failing("unavailable")
    chain = Chain([engine])
    for _ in range(6):
        await chain.translate("en", "pt", ["where"], 1.0)
    await chain.translate("pt", "en", ["onde"], 1.0)
    assert engine.asked[-1] == ["onde"]


async def test_after_its_pause_one_real_text_probes_the_engine_and_the_rest_follow():
    now = [0.0]
    fine = [False]
    engine = Engine(lambda text: GOOD(text) if fine[0] else failing("unavailable")._answer(text))
    chain = Chain([engine], clock=lambda: now[0])
    for _ in range(5):
        await chain.translate("en", "pt", ["where"], 1.0)
    engine.asked.clear()
    now[0], fine[0] = 6.0, True
    outcomes = await chain.translate("en", "pt", ["where", "my parcel", "parcel now"], 1.0)
    assert engine.asked == [["where"], ["my parcel", "parcel now"]]
    assert all(outcome.provider for outcome in outcomes)
