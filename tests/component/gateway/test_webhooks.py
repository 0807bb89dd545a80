import asyncio
import io
import json

import pytest

from lobby.connectors.v1.ingest_service_pb2 import AnswerHandshakeResponse, IngestWebhooksResponse
from lobby_common.errors import NotFound, Refused
from lobby_common.ids import new_id
from tests.component.gateway.conftest import away, until

INGEST = "IngestService.IngestWebhooks"
Verdict = IngestWebhooksResponse.Verdict


def verdict(value: int):
    return lambda request: IngestWebhooksResponse(verdicts=[value] * len(request.webhooks))


@pytest.fixture
def post(gateway):
    async def post(path: str, body: bytes = b"{}", **headers: str):
        async with gateway.session.post(gateway.url + path, data=io.BytesIO(body), headers=headers) as response:
            return response.status, await response.read(), response.headers

    return post


async def test_an_accepted_webhook_is_answered_with_nothing(gateway, post):
    gateway.neighbours.answers[INGEST] = verdict(Verdict.VERDICT_ACCEPTED)
    account = new_id()
    body = b'{"raw": \xff"bytes"}'
    status, answer, _ = await post(f"/webhooks/whatsapp/{account}", body, **{"X-Hub-Signature-256": "sha256=ab"})
    assert (status, answer) == (200, b"")
    (call,) = gateway.neighbours.calls[INGEST]
    (webhook,) = call.request.webhooks
    assert (webhook.platform, webhook.account_id, webhook.body) == ("whatsapp", account, body)
    assert webhook.signature == "sha256=ab"
    assert webhook.traceparent.startswith("00-")
    assert webhook.received_time.seconds


@pytest.mark.parametrize(
    ("value", "status", "reason"),
    [
        (Verdict.VERDICT_BAD_SIGNATURE, 401, b"BAD_SIGNATURE"),
        (Verdict.VERDICT_UNKNOWN_ACCOUNT, 404, b"ACCOUNT_NOT_FOUND"),
        (Verdict.VERDICT_UNAVAILABLE, 503, b"NOT_DURABLE"),
        (Verdict.VERDICT_UNSPECIFIED, 503, b"NOT_DURABLE"),
    ],
)
async def test_verdicts_become_answers(gateway, post, value, status, reason):
    gateway.neighbours.answers[INGEST] = verdict(value)
    got, body, headers = await post(f"/webhooks/telegram/{new_id()}")
    assert got == status
    assert reason in body
    assert headers["Content-Type"] == "application/problem+json"
    assert ("Retry-After" in headers) == (status == 503)


async def test_what_connectors_does_not_answer_is_not_accepted(gateway, post):
    gateway.neighbours.answers[INGEST] = away
    status, _, headers = await post(f"/webhooks/line/{new_id()}")
    assert status == 503
    assert headers["Retry-After"]


@pytest.mark.parametrize("path", ["/webhooks/fax/{}", "/webhooks/line/nobody", "/webhooks/line/{}/more", "/webhooks/"])
async def test_an_address_that_nothing_can_have_is_unknown(gateway, post, path):
    status, body, _ = await post(path.format(new_id()))
    assert status == 404
    assert b"ACCOUNT_NOT_FOUND" in body
    assert len(json.loads(body)["trace_id"]) == 32
    assert not gateway.neighbours.calls[INGEST]


async def test_three_mebibytes_pass_and_no_more(gateway, post):
    gateway.neighbours.answers[INGEST] = verdict(Verdict.VERDICT_ACCEPTED)
    path = f"/webhooks/whatsapp/{new_id()}"
    largest = b"x" * (3 * 1024 * 1024)
    answers = await asyncio.gather(post(path, largest), post(path, largest))
    assert [status for status, _, _ in answers] == [200, 200]
    status, body, _ = await post(path, largest + b"x")
    assert status == 413
    assert b"BODY_TOO_LARGE" in body


async def test_webhooks_that_arrive_during_a_call_go_together(gateway, post):
    release = asyncio.Event()

    async def slow(request):
        await release.wait()
        return verdict(Verdict.VERDICT_ACCEPTED)(request)

    gateway.neighbours.answers[INGEST] = slow
    calls = gateway.neighbours.calls[INGEST]
    path = f"/webhooks/telegram/{new_id()}"
    most = gateway.runtime.config.ingest_calls
    posts = [asyncio.create_task(post(path, b"%d" % number)) for number in range(30)]
    await until(lambda: len(calls) == most)
    release.set()
    answers = await asyncio.gather(*posts)
    assert {status for status, _, _ in answers} == {200}
    assert sum(len(call.request.webhooks) for call in calls) == 30
    assert len(calls) < 30


async def test_a_handshake_is_answered_by_the_platforms_rule(gateway):
    gateway.neighbours.answers["IngestService.AnswerHandshake"] = AnswerHandshakeResponse(body="<b>42</b>")
    url = f"{gateway.url}/webhooks/whatsapp/{new_id()}?hub.mode=subscribe&hub.challenge=42&hub.verify_token=a%2Bb"
    async with gateway.session.get(url) as response:
        assert response.status == 200
        assert await response.text() == "<b>42</b>"
        assert response.content_type == "text/plain"
    (call,) = gateway.neighbours.calls["IngestService.AnswerHandshake"]
    assert dict(call.request.query) == {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": "a+b"}


@pytest.mark.parametrize(
    ("error", "status"), [(NotFound("ACCOUNT_NOT_FOUND", "no"), 404), (Refused("BAD_VERIFY_TOKEN", "no"), 403)]
)
async def test_a_handshake_that_fails_is_refused(gateway, error, status):
    gateway.neighbours.answers["IngestService.AnswerHandshake"] = error
    async with gateway.session.get(f"{gateway.url}/webhooks/whatsapp/{new_id()}") as response:
        assert response.status == status


async def test_other_methods_are_refused(gateway):
    async with gateway.session.put(f"{gateway.url}/webhooks/whatsapp/{new_id()}") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, POST"
