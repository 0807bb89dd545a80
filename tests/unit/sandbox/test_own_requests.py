import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby_sandbox.contract import RefusedError
from lobby_sandbox.own_requests import PlanFaults, Register, Say, account_of, decode, moment_of, speech_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def said(**request):
    return speech_of("c1", decode(json.dumps({"account_id": "a1", **request}).encode(), Say), NOON)


def test_requests_may_be_written_in_camel_case():
    body = {"accountId": "a1", "webhookUrl": "http://h/w", "credentials": {"botToken": "1:a", "webhook_secret": "s"}}
    account = account_of("telegram", decode(json.dumps(body).encode(), Register))
    assert account.credentials == {"bot_token": "1:a", "webhook_secret": "s"}
    assert decode(b'{"next": [{"httpStatus": 500, "delayMs": 5}]}', PlanFaults).next[0].delay_ms == 5


def test_the_names_in_a_payload_are_left_alone():
    assert said(payload={"deliveryContext": {"isRedelivery": True}}).payload == {
        "deliveryContext": {"isRedelivery": True}
    }


def test_numbers_are_good_credentials_and_null_is_none():
    body = b'{"account_id": "a", "webhook_url": "http://h", "credentials": {"phone_number_id": 12, "x": null}}'
    assert account_of("whatsapp", decode(body, Register)).credentials == {"phone_number_id": "12"}


def test_secrets_do_not_show_when_an_account_is_printed():
    body = b'{"account_id": "a", "webhook_url": "http://h", "credentials": {"bot_token": "1:secret"}}'
    assert "secret" not in repr(account_of("telegram", decode(body, Register)))


@pytest.mark.parametrize("url", ["", "gateway", "ftp://h/w", "http://", "http://[::1", "//h/w"])
def test_a_webhook_url_must_be_a_web_address(url):
    with pytest.raises(RefusedError, match="webhook_url"):
        account_of("line", Register(account_id="a", webhook_url=url, credentials={}))


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22T19:00:00+07:00", NOON),
        (1795348800, NOON),
        (1795348800.5, NOON.replace(microsecond=500_000)),
    ],
)
def test_time_is_rfc_3339_or_unix_seconds(time, moment):
    assert moment_of(time) == moment
    assert said(text="hi", time=time).at == moment


@pytest.mark.parametrize("time", ["soon", "2026-11-22T12:00:00", 1795348800000, -1, 1e300, "1795348800"])
def test_other_times_are_refused(time):
    with pytest.raises(RefusedError, match="time"):
        moment_of(time)


def test_without_a_time_the_customer_writes_now():
    assert said(text="hi").at == NOON


def test_a_text_without_text_is_refused_but_not_an_empty_one():
    with pytest.raises(RefusedError, match="text"):
        said()
    assert said(text="").text == ""
    assert said(kind="sticker").text is None


def test_a_payload_of_text_is_the_parameter_of_a_start_and_the_data_of_a_button():
    assert said(kind="start", payload="ad-7").payload == {"payload": "ad-7"}
    assert said(kind="button", payload="yes").payload == {"data": "yes"}
    with pytest.raises(RefusedError, match="object"):
        said(kind="image", payload="x")


def refusal_of(body, kind):
    try:
        decode(body, kind)
    except RefusedError as refusal:
        return str(refusal)
    return "understood"


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b"1", b'"x"', b"null", b'{"next": 3}', b"[" * 9_999]))
def test_whatever_is_posted_is_understood_or_refused_with_a_reason(body):
    assert all(refusal_of(body, kind) for kind in (Register, Say, PlanFaults))
