"""The `lobby` command against a small gateway and sandbox of the test."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator

import pytest
from aiohttp import web
from typer.testing import CliRunner

from lobby_cli import place
from lobby_cli.app import APP
from lobby_cli.watch import Flow

ACCOUNT = {
    "account_id": "a1",
    "platform": "line",
    "display_name": "Shop",
    "state": "connected",
    "webhook_url": "http://x/webhooks/line/a1",
}
JOURNEY = {
    "trace_id": "abc",
    "steps": [
        {"service": "connectors", "step": "webhook_accepted", "time": "2026-11-22T10:00:00.000Z"},
        {"service": "counter", "step": "entry_judged", "time": "2026-11-22T10:00:00.250Z", "detail": "new first"},
    ],
}


def statement(number: int, previous: str) -> dict[str, object]:
    """One as the gateway tells it."""
    said = {"number": number, "day": f"2026-11-2{number}", "accepted": 5, "accounted": 5, "missed": 0, "balanced": True}
    text = json.dumps(said | {"previous_digest": previous}, sort_keys=True, separators=(",", ":"))
    return said | {"text": text, "digest": hashlib.sha256(text.encode()).hexdigest()}


EXPORT = b'{"type":"sheet","display_name":"\xc3\xa9"}\n' * 5000
FIRST = statement(1, "0" * 64)
CHAIN = [FIRST, statement(2, str(FIRST["digest"]))]


class Server:
    """Answers like the gateway, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, object]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:  # noqa: C901, PLR0911  # a table of answers
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path_qs, body))
        if request.headers.get("Authorization") == "Bearer wrong":
            return web.json_response({"reason": "UNAUTHENTICATED", "detail": "no such key"}, status=401)
        match request.method, request.path:
            case "GET", "/v1/accounts":
                return web.json_response({"accounts": [ACCOUNT], "next_page_token": ""})
            case "POST", "/v1/accounts":
                return web.json_response({"account": ACCOUNT})
            case "POST", "/v1/keys":
                return web.json_response({"key": {"key_id": "k1"}, "secret": "s"})
            case "GET", "/v1/messages/m2/journey":
                steps = [*JOURNEY["steps"], {"service": "routing", "step": "unavailable", "detail": "[/] AWAY"}]
                return web.json_response({"trace_id": "", "steps": steps})
            case "DELETE", "/v1/keys/k1":
                return web.Response(text="hello", content_type="text/plain")
            case "GET", "/v1/keys":
                key = {"key_id": "01a217a0-5b13-74c2-8be8-73ff248f5bdc", "role": "agent", "display_name": "[/]"}
                return web.json_response({"keys": [key | {"create_time": "2026-11-22T10:00:00.000Z"}]})
            case "GET", "/v1/proof/statements":
                return web.json_response({"statements": CHAIN, "next_page_token": ""})
            case "GET", "/v1/messages/m1/journey":
                return web.json_response(JOURNEY)
            case "POST", "/line/customers/li/say":
                return web.json_response({"status": 200, "message_id": "x"})
            case "GET", "/v1/events":
                answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
                await answer.prepare(request)
                await answer.write(b': hello\n\nid: 1\ndata: {"type": "message_received", "time": "t"}\n\n')
                return answer
        return web.json_response({"reason": "NOT_FOUND", "detail": "nothing here"}, status=404)


async def export(request: web.Request) -> web.StreamResponse:
    """A sheet's closed days; those of s2 break off."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(EXPORT)
    if request.match_info["sheet_id"] == "s2":
        assert request.transport is not None
        request.transport.abort()
    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    made, started, loop = Server(), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/v1/exports/sheets/{sheet_id:s[12]}", export)
        app.router.add_route("*", "/{path:.*}", made.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    started.wait(10)
    yield made
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def run(server, monkeypatch):
    monkeypatch.setenv("LOBBY_URL", server.url)
    monkeypatch.setenv("LOBBY_SANDBOX_URL", server.url)
    monkeypatch.setenv("LOBBY_API_KEY", "key")
    return lambda *words: CliRunner().invoke(APP, list(words))


def test_accounts_are_listed_for_people_and_programs(run):
    assert "Shop" in run("account", "list").output
    assert json.loads(run("account", "list", "--json").output) == {"accounts": [ACCOUNT]}


def test_an_account_is_added_with_its_credentials(run, server):
    done = run("account", "add", "line", "--credential", "channel_secret=a=b", "--setting", "provider_id=p")
    assert done.exit_code == 0
    body = server.asked[-1][2]
    assert body["credentials"] == {"channel_secret": "a=b"}
    assert body["settings"] == {"provider_id": "p"}


def test_a_credential_without_a_value_is_refused(run):
    assert run("account", "add", "line", "--credential", "oops").exit_code == 2


def test_a_secret_is_shown_once(run):
    assert json.loads(run("key", "create", "viewer", "--json").output)["secret"] == "s"


def test_a_customer_writes_to_the_first_account_of_the_platform(run, server):
    assert run("say", "hello", "--platform", "line", "--customer", "li").exit_code == 0
    assert server.asked[-1] == ("POST", "/line/customers/li/say", {"account_id": "a1", "text": "hello"})


def test_a_platform_without_an_account_is_said(run):
    done = run("say", "hello", "--platform", "telegram")
    assert done.exit_code == 1
    assert "lobby account add telegram" in done.output


def test_a_journey_is_drawn_with_the_time_between(run):
    output = run("journey", "m1").output
    assert "250.0 ms" in output
    assert "entry_judged" in output


def test_watching_prints_items_for_programs(run):
    assert json.loads(run("watch", "--json").output)["type"] == "message_received"


def test_a_refusal_shows_the_servers_words_and_fails(run, monkeypatch):
    monkeypatch.setenv("LOBBY_API_KEY", "wrong")
    done = run("account", "list")
    assert done.exit_code == 1
    assert "no such key" in done.output


def test_without_a_place_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("LOBBY_HOME", str(tmp_path))
    done = CliRunner().invoke(APP, ["account", "list"])
    assert done.exit_code == 1
    assert "make up" in done.output


def test_the_place_is_read_from_ready_json(tmp_path):
    (tmp_path / "ready.json").write_text('{"gateway_url": "http://g", "api_key": "k", "sandbox_url": "http://s"}')
    assert place.find({"LOBBY_HOME": str(tmp_path)}) == place.Place("http://g", "k", "http://s")


def test_the_flow_keeps_the_newest_messages():
    flow = Flow()
    for number in range(30):
        flow.add({"type": "message_received", "message_id": f"m{number}", "time": "2026-11-22T10:00:00.000Z"})
    assert list(flow.rows)[-1] == "m29"
    assert len(flow.rows) == 18
    assert flow.totals == {"message_received": 30}


def test_a_service_that_could_not_be_asked_is_part_of_the_journey(run):
    done = run("journey", "m2")
    assert done.exit_code == 0
    assert "unavailable [/] AWAY" in done.output


def test_a_key_is_listed_in_one_piece_and_its_name_as_it_is(run):
    output = run("key", "list").output
    assert "01a217a0-5b13-74c2-8be8-73ff248f5bdc" in output
    assert "[/]" in output


def test_a_customer_may_have_any_sign_in_his_name(run, server):
    run("say", "hello", "--platform", "line", "--customer", "a/b?c")
    assert server.asked[-1][1] == "/line/customers/a%2Fb%3Fc/say"


def test_what_is_not_lobby_is_told_so(run):
    done = run("key", "revoke", "k1")
    assert done.exit_code == 1
    assert "is not Lobby" in done.output


@pytest.mark.parametrize(("url", "words"), [("http://127.0.0.1:1", "is Lobby running?"), ("nonsense", "is no address")])
@pytest.mark.parametrize("command", [["key", "list"], ["watch"], ["watch", "--json"]])
def test_where_nobody_answers_it_is_said(run, monkeypatch, command, url, words):
    monkeypatch.setenv("LOBBY_URL", url)
    done = run(*command)
    assert done.exit_code == 1
    assert words in done.output.replace("\n", " ")


def test_a_broken_ready_json_is_named(tmp_path, monkeypatch):
    (tmp_path / "ready.json").write_text("{")
    monkeypatch.setenv("LOBBY_HOME", str(tmp_path))
    done = CliRunner().invoke(APP, ["account", "list"])
    assert done.exit_code == 1
    assert "cannot be read" in done.output


def test_statements_are_listed_and_their_chain_is_checked(run):
    done = run("statements")
    assert done.exit_code == 0
    assert "2 statements, the chain is whole" in done.output


def test_statements_in_a_file_are_checked_without_a_server(run, tmp_path):
    kept = tmp_path / "statements.json"
    kept.write_text(json.dumps({"statements": CHAIN}))
    assert run("statements", str(kept)).exit_code == 0
    kept.write_text(json.dumps({"statements": [FIRST, CHAIN[1] | {"accepted": 6}]}))
    done = run("statements", str(kept), "--json")
    assert done.exit_code == 1
    assert "differs" in json.loads(done.output)["broken"]
    kept.write_text("[]")
    assert run("statements", str(kept)).exit_code == 1


def test_a_sheet_is_exported_byte_by_byte(run):
    assert run("sheet", "export", "s1").stdout_bytes == EXPORT


def test_of_a_sheet_that_breaks_off_nothing_is_written(run):
    done = run("sheet", "export", "s2")
    assert done.exit_code == 1
    assert done.stdout_bytes == b""
    assert "broke off" in done.stderr.replace("\n", " ")


def test_a_sheet_that_there_is_not_is_said(run):
    done = run("sheet", "export", "a/b")
    assert done.exit_code == 1
    assert "nothing here" in done.stderr
    assert done.stdout_bytes == b""
