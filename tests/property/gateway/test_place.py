import re

from hypothesis import given
from hypothesis import strategies as st

from lobby_gateway.live import place
from lobby_gateway.live.place import PRODUCERS, Head, Place

heads = st.builds(Head, st.integers(0, 2**16 - 1), st.integers(0, 2**40))
places = st.tuples(*[heads] * len(PRODUCERS)).flatmap(
    lambda found: (
        st.just(Place(found))
        | st.builds(Place, st.just(found), st.integers(0, len(PRODUCERS) - 1), st.integers(1, 1_000))
    )
)


@given(places)
def test_a_place_is_its_id_and_an_id_its_place(at):
    text = place.encode(at)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text)
    assert place.decode(text) == at


@given(st.text(max_size=80))
def test_a_text_is_a_place_or_none(text):
    found = place.decode(text)
    assert found is None or place.encode(found) == text
