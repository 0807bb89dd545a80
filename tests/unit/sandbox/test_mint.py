from datetime import UTC, datetime, timedelta

from lobby_sandbox.mint import Mint

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CROCKFORD = set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_a_sequence_only_grows():
    mint = Mint()
    numbers = [mint.next("update") for _ in range(5)]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_two_sequences_share_no_numbers():
    mint = Mint()
    assert abs(mint.next("update") - mint.next("message")) > 100


def test_a_restarted_mint_never_repeats_a_number():
    before = Mint(clock=lambda: NOON)
    last = [before.next("update") for _ in range(900)][-1]
    assert Mint(clock=lambda: NOON + timedelta(seconds=1)).next("update") > last


def test_snowflakes_have_eighteen_digits_and_grow():
    mint = Mint()
    flakes = [mint.snowflake() for _ in range(100)]
    assert all(len(flake) == 18 and flake.isdigit() for flake in flakes)
    assert flakes == sorted(set(flakes))


def test_a_ulid_begins_with_its_time():
    early, late = Mint(clock=lambda: NOON).ulid(), Mint(clock=lambda: NOON + timedelta(milliseconds=1)).ulid()
    assert len(early) == 26
    assert set(early + late) <= CROCKFORD
    assert early < late
    decoded = 0
    for character in early[:10]:
        decoded = decoded * 32 + sorted(CROCKFORD).index(character)
    assert decoded == int(NOON.timestamp() * 1000)


def test_digits_and_hexadecimals_have_the_length_asked_for():
    mint = Mint()
    assert all(len(mint.digits(9)) == 9 and len(mint.hex(7)) == 7 for _ in range(200))
