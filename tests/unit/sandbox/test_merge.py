import copy

from hypothesis import given
from hypothesis import strategies as st

from lobby_sandbox.merge import Level, deep_merge, dig, lay_over

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def test_objects_merge_key_by_key_at_every_depth():
    assert deep_merge({"a": {"b": 1, "c": 2}}, {"a": {"c": 3, "d": 4}}) == {"a": {"b": 1, "c": 3, "d": 4}}


def test_arrays_merge_place_by_place_and_keep_what_is_left():
    assert deep_merge([{"a": 1}, {"b": 2}], [{"c": 3}]) == [{"a": 1, "c": 3}, {"b": 2}]
    assert deep_merge([{"a": 1}], [{}, {"b": 2}]) == [{"a": 1}, {"b": 2}]


def test_null_removes_a_key():
    assert deep_merge({"from": "66811111111", "id": "1"}, {"from": None}) == {"id": "1"}


@given(json_values)
def test_merging_nothing_changes_nothing(value):
    assert deep_merge(value, value if not isinstance(value, dict | list) else type(value)()) == value


@given(json_values, json_values)
def test_merging_changes_neither_argument(old, new):
    before = copy.deepcopy((old, new))
    deep_merge(old, new)
    assert (old, new) == before


def test_each_key_goes_to_the_first_level_that_claims_it():
    part = {"body": "hi"}
    message = {"id": "1", "text": part}
    body = {"entry": [message]}
    levels = [Level(body, frozenset({"entry"})), Level(message, frozenset({"id", "text"})), Level(part)]
    lay_over(levels, {"id": "2", "body": "ho", "preview": True})
    assert body == {"entry": [{"id": "2", "text": {"body": "ho", "preview": True}}]}


def test_outer_levels_have_the_last_word_in_whatever_order_they_are_named():
    for names in (("id", "entry"), ("entry", "id")):
        message = {"id": "1"}
        body = {"entry": [message]}
        payload = {"id": "2", "entry": [{"id": "3"}]}
        levels = [Level(body, frozenset({"entry"})), Level(message)]
        lay_over(levels, {name: payload[name] for name in names})
        assert body == {"entry": [{"id": "3"}]}


def test_digging_where_nothing_is_finds_none():
    assert dig({"a": [{"b": 1}]}, "a", 0, "b") == 1
    assert dig({"a": [{"b": 1}]}, "a", 1, "b") is None
    assert dig({"a": "text"}, "a", "b") is None
    assert dig(None, 0) is None
