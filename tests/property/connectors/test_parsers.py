"""Whatever is posted, a parser ends in items or in a ParseError: never in anything else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobby_connectors.domain import items
from lobby_connectors.domain.webhooks import fact_id, message_id
from lobby_connectors.platforms.reading import LONGEST_ID, ParseError
from lobby_connectors.platforms.registry import PLATFORMS

FOLDER = Path(__file__).parents[2] / "payloads"
RECORDED = {
    name: [json.loads(path.read_bytes()) for path in sorted((FOLDER / name).glob("*.json"))] for name in PLATFORMS
}

KEYS = sorted(
    {
        key
        for bodies in RECORDED.values()
        for body in bodies
        for key in json.dumps(body).split('"')[1::2]
        if len(key) < 30
    }
)
TEXT = st.text(st.characters(codec=None), max_size=40)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**18, 10**5000),
    st.floats(),
    TEXT,
    st.sampled_from(KEYS),
    st.just("x" * 70_000),
    st.just("\x00"),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | TEXT, inner, max_size=6),
    max_leaves=25,
)


def spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from spots(child, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


@st.composite
def changed(draw: st.DrawFn, name: str) -> bytes:
    """A recorded body with something else at one or two of its spots."""
    body = draw(st.sampled_from(RECORDED[name]))
    for _ in range(draw(st.integers(1, 2))):
        body = put(body, draw(st.sampled_from(list(spots(body)))), draw(JSON))
    return dump(body)


def dump(value: Any) -> bytes:
    try:
        return json.dumps(value).encode()
    except ValueError:  # numbers of more digits than str() gives
        return b'{"entry":' + b"9" * 5000 + b"}"


def check(name: str, body: bytes) -> None:
    reason = "$"
    sections: list[items.Section] = []
    try:
        sections = PLATFORMS[name].parse(body, "scope").sections
    except ParseError as error:
        reason = str(error)
    assert reason.startswith("$")
    for section in sections:
        assert len(section.address) <= LONGEST_ID
        for item in section.items:
            check_item(item)


def check_item(item: items.Item) -> None:
    # A backslash that a customer typed before "u0000" is two in JSON, and no NUL.
    assert b"\\u0000" not in msgspec.json.encode(item).replace(rb"\\", b"")
    match item:
        case items.Message() | items.Echo():
            assert message_id("account", item)
            assert item.customer.chat
            assert item.customer.identifiers
            ids = (item.platform_message_id, item.customer.chat, item.reply_to)
            assert all(len(each) <= LONGEST_ID for each in ids)
        case items.Edit() | items.Deletion() | items.Reaction() | items.Receipt():
            assert fact_id("account", item)
            assert len(item.platform_message_id) <= LONGEST_ID


@pytest.mark.parametrize("name", PLATFORMS)
@given(body=st.binary(max_size=200))
@settings(deadline=None)
def test_bytes_end_in_items_or_an_error_with_its_path(name, body):
    check(name, body)


@pytest.mark.parametrize("name", PLATFORMS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_json_ends_in_items_or_an_error_with_its_path(name, data):
    check(name, dump(data.draw(JSON)))


@pytest.mark.parametrize("name", PLATFORMS)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_recorded_body_with_something_else_in_it_ends_so_too(name, data):
    check(name, data.draw(changed(name)))


@pytest.mark.parametrize("name", PLATFORMS)
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_recorded_body_with_broken_bytes_ends_so_too(name, data):
    body = json.dumps(data.draw(st.sampled_from(RECORDED[name]))).encode()
    at = data.draw(st.integers(0, len(body)))
    broken = data.draw(st.sampled_from([b"\x00", b"\xff", b"\\u0000", b"\\ud83d", b"\xed\xa0\x80", b"[" * 2000, b""]))
    check(name, body[:at] + broken + body[data.draw(st.integers(at, len(body))) :])


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("inner", [b"[", b'{"a":', b'{"entry":[', b'{"events":[', b'{"update_id":1,"message":{"text":'])
def test_nesting_100000_deep_is_an_error_with_its_path(name, inner):
    check(name, inner * 100_000)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", PLATFORMS)
@given(data=st.data())
@settings(max_examples=20_000, deadline=None)
def test_a_recorded_body_with_something_else_in_it_ends_so_too_at_length(name, data):
    check(name, data.draw(changed(name)))
