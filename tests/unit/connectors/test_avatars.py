"""What a picture looks like, in 64 bits."""

import io
import itertools

import pytest
from PIL import Image

from lobby_connectors.app.avatars import hash_of
from tests.pictures import picture


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_size_and_format_hardly_change_it():
    for seed in range(20):
        hashes = [hash_of(picture(seed, *how)) for how in ((320, "JPEG"), (64, "JPEG"), (640, "PNG"), (160, "WEBP"))]
        assert all(len(each) == 16 for each in hashes)
        assert max(distance(one, other) for one, other in itertools.combinations(hashes, 2)) <= 6


def test_pictures_of_other_things_are_far_from_each_other():
    hashes = [hash_of(picture(seed)) for seed in range(40)]
    assert min(distance(one, other) for one, other in itertools.combinations(hashes, 2)) > 10


def test_it_is_the_difference_of_neighbours_row_by_row():
    ramp = Image.frombytes("L", (9, 8), bytes([*range(0, 90, 10), *range(90, 0, -10)] * 4))
    file = io.BytesIO()
    ramp.save(file, "PNG")
    assert hash_of(file.getvalue()) == "ff00" * 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a" + b"\0" * 20,
        picture(1)[:400],
        picture(1, form="PNG")[:60],
        picture(1, form="BMP"),
    ],
)
def test_what_is_no_picture_has_none(data):
    assert hash_of(data) == ""


def test_a_picture_that_shows_nothing_has_none():
    for colour in (0, 128, 255):
        file = io.BytesIO()
        Image.new("L", (200, 200), colour).save(file, "PNG")
        assert hash_of(file.getvalue()) == ""


def test_a_picture_that_is_small_as_a_file_and_vast_when_it_is_read_has_none():
    for side in (5_000, 12_000, 20_000):
        file = io.BytesIO()
        Image.new("1", (side, side)).save(file, "PNG")
        assert hash_of(file.getvalue()) == ""
