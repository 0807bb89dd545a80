"""Laws of transcoding: whatever a message says comes through JSON unchanged, and no input breaks more than itself."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from lobby_common.errors import Invalid
from lobby_gateway import descriptors, transcode
from lobby_gateway.transcode import decode, names, strict_json
from lobby_gateway.transcode.times import format_time, parse_time

ROUTES = descriptors.routes()
WITH_BODY = [route for route in ROUTES if route.takes_body]
WITH_QUERY = [route for route in ROUTES if not route.takes_body]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
times = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
SCALARS = {
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
}


def value_of(field: FieldDescriptor):
    """JSON values that the field takes."""
    if names.is_map(field):
        return st.dictionaries(texts, value_of(names.entry_fields(field)[1]), max_size=3)
    single = single_of(field)
    return st.lists(single, max_size=3) if field.is_repeated else single


def single_of(field: FieldDescriptor):
    if names.is_message(field, names.TIMESTAMP):
        return times.map(lambda at: at.isoformat().replace("+00:00", "Z"))
    if field.message_type is not None:
        return body_of(field.message_type)
    if field.enum_type is not None:
        return st.sampled_from(sorted(names.numbers(field.enum_type)))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode())
    return SCALARS.get(field.cpp_type, texts)


def body_of(message):
    fields = [field for field in names.fields_of(message) if not names.is_update_mask(field)]
    return st.fixed_dictionaries({}, optional={field.name: value_of(field) for field in fields})


bodies = st.sampled_from(WITH_BODY).flatmap(lambda route: st.tuples(st.just(route), body_of(route.request.DESCRIPTOR)))


def ids_of(route):
    return dict.fromkeys(route.template.variables, "id-1")


@given(bodies)
def test_what_a_body_says_comes_back_as_json(case):
    route, body = case
    request = transcode.request_of(route, ids_of(route), b"", json.dumps(body).encode())
    shown = transcode.to_json(request)
    assert contains(shown, {**body, **ids_of(route)})


def contains(shown, said) -> bool:
    """Everything that was said is shown; times are compared as times."""
    if isinstance(said, dict):
        return all(contains(shown[name], member) for name, member in said.items())
    if isinstance(said, list):
        return len(shown) == len(said) and all(map(contains, shown, said))
    if isinstance(said, str) and isinstance(shown, str) and shown != said:
        return parse_time(shown) == parse_time(said) is not None
    return shown == said


@given(bodies)
def test_camel_case_says_the_same(case):
    route, body = case
    camel = {route.request.DESCRIPTOR.fields_by_name[name].json_name: value for name, value in body.items()}
    one, other = (transcode.request_of(route, ids_of(route), b"", json.dumps(each).encode()) for each in (body, camel))
    assert one == other


@given(bodies)
def test_a_patch_says_what_it_sets(case):
    route, body = case
    request = transcode.request_of(route, ids_of(route), b"", json.dumps(body).encode())
    if route.verb == "PATCH" and "update_mask" in request.DESCRIPTOR.fields_by_name:
        assert set(request.update_mask.paths) == set(body) - set(route.template.variables)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def near_misses(draw):
    """Bodies with names that exist and values that need not fit."""
    route = draw(st.sampled_from(WITH_BODY))
    fields = sorted(names.fields(route.request.DESCRIPTOR))
    return route, draw(st.dictionaries(st.sampled_from(fields) | st.text(max_size=5), anything, max_size=4))


@given(near_misses())
def test_a_body_that_does_not_fit_is_invalid_and_nothing_else(case):
    route, body = case
    try:
        request = transcode.request_of(route, ids_of(route), b"", json.dumps(body).encode())
    except Invalid as error:
        error.message.encode()
    else:
        assert isinstance(request, Message)
        request.SerializeToString()


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"NaN")
@example(b"-Infinity")
@example(b"1e99999")
@example(b"9" * 10_000)
@example(b'{"a":1,"a":2}')
@example(b"\xef\xbb\xbf{}")
@example(b'{"a":"\\ud800"}')
@example(b"\xff\xfe{\x00}\x00")
def test_bytes_are_json_or_invalid(body):
    try:
        value = strict_json.parse(body)
    except Invalid as error:
        error.message.encode()
    else:
        assert isinstance(value, dict | list | str | int | float | bool | None)


@pytest.mark.parametrize("field", ["display_name", "languages"])
@given(st.text(st.characters()), st.sampled_from(["\x00", "\ud800", "\udfff"]), st.text(st.characters()))
def test_a_text_with_nul_or_half_a_pair_is_invalid(field, before, bad, after):
    route = next(each for each in WITH_BODY if each.rpc.endswith("CreateAgent"))
    text = before + bad + after
    body = json.dumps({field: [text] if field == "languages" else text})
    assume("\x00" in text or _has_half_a_pair(json.loads(json.dumps(text))))  # two halves may meet in a whole one
    with pytest.raises(Invalid, match="INVALID_TEXT") as caught:
        transcode.request_of(route, {}, b"", body.encode())
    assert field in caught.value.message


def _has_half_a_pair(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


@given(st.sampled_from(WITH_QUERY), st.binary(max_size=100))
@example(WITH_QUERY[0], b"&" * 1_000)
@example(WITH_QUERY[0], b"page_size=1&" * 1_000)
@example(WITH_QUERY[0], b"page_size=%FF")
@example(WITH_QUERY[0], b"page_size=nan")
@example(WITH_QUERY[0], b"page_size=1e5")
def test_a_query_fits_or_is_invalid(route, query):
    try:
        transcode.request_of(route, ids_of(route), query, b"").SerializeToString()
    except Invalid as error:
        error.message.encode()


@given(times, st.integers(-23 * 60, 23 * 60))
def test_a_time_means_the_same_with_any_offset(at, minutes):
    local = at.astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_time(local.isoformat()) == parse_time(at.isoformat().replace("+00:00", "Z"))


@given(times)
def test_a_time_comes_back_as_it_was(at):
    shown = format_time(parse_time(at.isoformat()))
    assert shown.endswith("Z")
    assert datetime.fromisoformat(shown) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01 00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-01-01T00:00:00.1234567890Z",
        "٢٠٢٦-01-01T00:00:00Z",
    ],
)
def test_what_is_no_rfc_3339_time_is_none(text):
    assert parse_time(text) is None


def test_a_plus_that_nobody_escaped_is_still_an_offset():
    route = next(each for each in WITH_QUERY if each.rpc.endswith("GetCounts"))
    request = transcode.request_of(route, {}, b"from=2026-01-01T08:00:00+08:00&to=2026-01-02T00:00:00Z", b"")
    assert transcode.to_json(request)["from"] == "2026-01-01T00:00:00Z"


def test_an_enum_that_is_none_lists_those_there_are():
    route = next(each for each in WITH_QUERY if each.rpc.endswith("ListConversations"))
    for text in (b"unspecified", b"OWED", b"1", b""):
        with pytest.raises(Invalid, match="owed, open, closed, all"):
            transcode.request_of(route, {}, b"state=" + text, b"")


def test_an_unknown_field_is_named_with_its_path():
    route = next(each for each in WITH_BODY if each.path.endswith("ConversationService/SendMessage"))
    body = json.dumps({"attachments": [{"kind": "image", "size": 3}]}).encode()
    with pytest.raises(Invalid, match=r"UNKNOWN_FIELD: attachments\[0\].size") as caught:
        transcode.request_of(route, ids_of(route), b"", body)
    assert caught.value.reason == "UNKNOWN_FIELD"


def test_the_path_wins_over_the_body():
    route = next(each for each in WITH_BODY if each.rpc.endswith("ClaimConversation"))
    request = transcode.request_of(route, {"conversation_id": "path"}, b"", b'{"conversation_id": "body"}')
    assert request.conversation_id == "path"


@settings(deadline=None)
@given(st.integers(2, 50_000))
def test_many_names_twice_are_found_quickly(count):
    body = "{" + ",".join(f'"{number % (count // 2)}":1' for number in range(count)) + "}"
    with pytest.raises(Invalid, match="DUPLICATE_FIELD"):
        strict_json.parse(body.encode())


def test_a_value_that_this_gateway_does_not_know_is_left_out():
    response = next(each for each in ROUTES if each.rpc.endswith("GetAccount")).response()
    response.account.platform = 99
    assert "platform" not in transcode.to_json(response)["account"]
    assert decode.query_names(response) == []
