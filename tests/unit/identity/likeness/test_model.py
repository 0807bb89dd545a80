"""Pairs weighed: what is rare says more, what is missing says nothing, and weights are found without answers."""

import random

import pytest

from lobby_identity.likeness import blocks, learning
from lobby_identity.likeness.comparing import BITS, CODE, EXACT, LEVELS, TEXT, align
from lobby_identity.likeness.grading import score_file
from lobby_identity.likeness.model import Model, Record
from lobby_identity.likeness.names import cuts
from lobby_identity.likeness.population import Population

NAMES = ["maria"] * 60 + ["nguyen"] * 35 + ["oluwaseun", "brzezinski", "kowalczyk", "abernathy", "featherstone"]
WEIGHTS = {"name": (0.8, 0.1, 0.03, 0.02, 0.05), "phone": (0.8, 0.05, 0.02, 0.01, 0.12)}


@pytest.fixture
def model() -> Model:
    populations = {
        "name": Population(((name,) for name in NAMES), TEXT),
        "phone": Population(((f"+84{n:09}",) for n in range(100)), CODE),
    }
    return Model({"name": "name", "phone": "code"}, populations, WEIGHTS, 0.001)


def record(name: str = "", *phones: str) -> Record:
    return Record(cuts(name), {"phone": tuple((phone,) for phone in phones)})


def test_a_rare_name_says_more_than_a_common_one(model: Model) -> None:
    rare = model.score(record("Brzezinski"), record("Brzezinski"))
    common = model.score(record("Maria"), record("Maria"))
    assert rare.bits > common.bits + 4


def test_nearly_a_rare_name_says_more_than_nearly_a_common_one(model: Model) -> None:
    rare = model.score(record("Brzezinski"), record("Brzezinsky"))
    common = model.score(record("Maria"), record("Marie"))
    assert rare.bits > common.bits


def test_what_one_of_them_lacks_says_nothing(model: Model) -> None:
    assert model.score(record(), record("Maria", "+84901")).reasons == ()


def test_words_stand_in_any_order(model: Model) -> None:
    one, other = record("Maria Kowalczyk"), record("Kowalczyk Maria")
    assert model.score(one, other).bits == pytest.approx(model.score(one, one).bits)


def test_a_score_is_the_same_from_both_sides(model: Model) -> None:
    one, other = record("Maria Kowalczyk", "+84901234567"), record("Kowalczik", "+84901234568", "+84777")
    assert model.score(one, other).bits == pytest.approx(model.score(other, one).bits)


def test_pictures_are_compared_by_the_bits_that_differ() -> None:
    shown = (1 << 64) - 1
    levels = [LEVELS[BITS.of((f"{shown:016x}",), (f"{shown >> bits:016x}",))] for bits in (0, 2, 3, 6, 7, 64)]
    assert levels == ["equal", "equal", "near", "near", "different", "different"]


def test_pictures_that_differ_in_three_bits_share_a_key() -> None:
    scheme = blocks.Scheme(towns={}, regions={}, codes={}, bits={"avatar": "a"})

    def keys(value: int) -> set[str]:
        return blocks.keys(Record((), {"avatar": ((f"{value:016x}",),)}), scheme)

    draw = random.Random(1)
    for _ in range(200):
        one = draw.getrandbits(64)
        other = one
        for bit in draw.sample(range(64), 3):
            other ^= 1 << bit
        assert keys(one) & keys(other)
    assert len(keys(0)) == 4


def test_the_closest_of_several_phones_counts(model: Model) -> None:
    score = model.score(record("", "+84901234567", "+84111"), record("", "+84222", "+84901234567"))
    assert [(reason.field, reason.level) for reason in score.reasons] == [("phone", "equal")]


def test_reasons_add_up_to_the_score_with_the_prior(model: Model) -> None:
    score = model.score(record("Maria", "+84901234567"), record("Maria", "+84901234567"))
    prior = model.score(record(), record())
    assert score.bits == pytest.approx(prior.bits + sum(reason.bits for reason in score.reasons))
    assert 0 < prior.probability < 0.01 < score.probability < 1


def test_chances_sum_up_to_one() -> None:
    for comparison in (TEXT, CODE, EXACT):
        population = Population(((name,) for name in NAMES), comparison)
        for value in (("maria",), ("never met",)):
            chances = [population.chance(value, level) for level in range(len(LEVELS))]
            assert all(0 < each < 1 for each in chances)
            # Of texts those that differ are not told from the few that are near.
            assert sum(chances) == pytest.approx(1, abs=0.05 if comparison is TEXT else 1e-9)


def test_each_row_gets_a_column_of_its_own() -> None:
    assert align([[5.0, 4.0], [5.0, 0.0]]) == (1, 0)


def noisy(name: str, chance: random.Random) -> str:
    place = chance.randrange(len(name))
    return name[:place] + chance.choice("abcdefghij") + name[place + 1 :] if chance.random() < 0.3 else name


def people(how_many: int) -> list[dict[str, str]]:
    """Two records of each person, one letter of the name or a missing phone apart."""
    chance = random.Random(7)
    rows = []
    for person in range(how_many):
        words = ["".join(chance.choice("bdfgklmnprstvaeiou") for _ in range(7)) for _ in range(2)]
        phone = f"09{chance.randrange(10**8):08}"
        for copy in range(2):
            name = " ".join(noisy(word, chance) for word in words)
            rows.append(
                {
                    "id": f"{person}-{copy}",
                    "display_name": name,
                    "country": "VN" if person % 2 else "TH",
                    "phone_text": phone if chance.random() < 0.5 else "",
                }
            )
    return rows


def test_people_are_found_without_any_answer_to_learn_from() -> None:
    scored = list(score_file(people(150)))
    found = {(a, b) for a, b, bits in scored if bits > 0}
    right = {(f"{person}-0", f"{person}-1") for person in range(150)}
    assert len(found & right) >= 140
    assert len(found - right) <= 3


def test_of_two_lists_nobody_is_compared_with_his_own_list() -> None:
    rows = [
        {"id": "a1", "src": "a", "display_name": "Maria Kowalczyk"},
        {"id": "a2", "src": "a", "display_name": "Maria Kowalczyk"},
        {"id": "b1", "src": "b", "display_name": "Maria Kowalczyk"},
    ]
    assert {(a, b) for a, b, _ in score_file(rows)} == {("a1", "b1"), ("a2", "b1")}


def test_learning_from_nothing_leaves_a_model(model: Model) -> None:
    learnt = learning.learn(model, [], 10)
    assert 0 < learnt.prior < 1
    assert all(sum(levels) == pytest.approx(1) for levels in learnt.weights.values())


def test_a_typed_phone_with_one_digit_missing_is_in_the_same_block() -> None:
    scheme = blocks.Scheme(towns={}, regions={}, codes={"phone": "p"}, bits={})
    assert blocks.keys(record("", "0901234567"), scheme) & blocks.keys(record("", "0901234568"), scheme)
