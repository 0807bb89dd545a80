"""What no platform and no program of good will sends: a clear 4xx, or quarantine with its reason, or it arrives whole.

Never a server's error, never a silent loss, never a stuck neighbour: after each body a customer writes at the same
account and one at another, and both are there and counted.
"""

import asyncio
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
import yarl

from lobby_gateway.openapi import document
from tests import platforms
from tests.e2e.conftest import new_workspace
from tests.lobby import Answer, Lobby, until
from tests.platforms import Channel

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLATFORMS = ("whatsapp", "telegram", "line")
MEBIBYTE = 1024 * 1024
LARGEST = 3 * MEBIBYTE
DEEP = 100_000
CUSTOMERS = count(7_310_000_000)


def customer() -> str:
    return str(next(CUSTOMERS))


@dataclass(frozen=True)
class Ground:
    """A workspace with two accounts of each platform."""

    lobby: Lobby
    channels: dict[str, Channel]
    neighbours: dict[str, Channel]

    async def lives(self, platform: str) -> None:
        """A customer writes at the account and one at its neighbour: both are there, whole, and counted."""
        written = {}
        for channel in (self.channels[platform], self.neighbours[platform]):
            who = customer()
            written[channel.account_id] = f"plain {who}"
            await self.lobby.accepted(channel, channel.text(who, f"plain {who}"))
        for account_id, text in written.items():
            await until(lambda account_id=account_id, text=text: self.counted(account_id, text))

    async def counted(self, account_id: str, text: str) -> bool:
        """Returns whether the text has arrived and its author is an entry."""
        listed = await self.lobby.conversations(account_id, state="all", order_by="recent")
        authors = [each["contact_id"] for each in listed if each["last_message_text"] == text]
        entries = await self.lobby.get("/v1/entries", account_id=account_id, page_size="200")
        return bool(authors) and any(entry["contact_id"] == authors[0] for entry in entries["entries"])

    async def arrives(self, channel: Channel, expected: str) -> None:
        """Exactly this text is in a conversation of the account."""

        async def found() -> bool:
            for each in await self.lobby.conversations(channel.account_id, state="all", order_by="recent"):
                if expected.startswith(each["last_message_text"].rstrip("…")[:20]):
                    messages = await self.lobby.messages(each["conversation_id"])
                    if any(message["text"] == expected for message in messages):
                        return True
            return False

        await until(found)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ground(stack, session) -> Ground:
    lobby = await new_workspace(stack, session)
    first, second = [{name: await lobby.channel(name) for name in PLATFORMS} for _ in range(2)]
    return Ground(lobby, first, second)


def raw(body: bytes) -> Callable[[Channel], bytes]:
    return lambda channel: body


def within(old: bytes, new: bytes) -> Callable[[Channel], bytes]:
    """A plain text's body in which these bytes are others."""
    return lambda channel: platforms.dump(channel.text(customer(), "SAID")).replace(old, new)


def member(name: str, value: Any) -> Callable[[Channel], bytes]:
    """A plain text's body with one more or another member at the top."""
    return lambda channel: platforms.dump(channel.text(customer(), "hello") | {name: value})


QUARANTINED: dict[str, Callable[[Channel], bytes]] = {
    "an empty body": raw(b""),
    "blanks": raw(b" \n\t"),
    "no JSON": raw(b"{nope"),
    "half of the JSON": lambda channel: platforms.dump(channel.text(customer(), "hello"))[:-1],
    "two values": lambda channel: platforms.dump(channel.text(customer(), "hello")) * 2,
    "a form": raw(b"entry=1&events=2"),
    "null": raw(b"null"),
    "a list": raw(b"[]"),
    "a number": raw(b"1e400"),
    "an empty object": raw(b"{}"),
    "NUL bytes": raw(b"\x00" * 100),
    "UTF-16": raw('{"events":[]}'.encode("utf-16")),
    "nesting at the top": raw(b"[" * DEEP),
    "objects at the top": raw(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "nesting in an unknown member": lambda channel: (
        platforms.dump(channel.text(customer(), "x"))[:-1] + b',"x":' + b"[" * DEEP + b"]" * DEEP + b"}"
    ),
    "a nested text": within(b'"SAID"', b"[" * DEEP + b"]" * DEEP),
    "a number as text": within(b'"SAID"', b"5"),
    "a huge number as text": within(b'"SAID"', b"9" * 5000),
    "a list as text": within(b'"SAID"', b'["SAID"]'),
    "not a number": within(b'"SAID"', b"NaN"),
    "a raw NUL in a text": within(b"SAID", b"a\x00b"),
    "3 MiB of no JSON": raw(b"x" * LARGEST),
    "3 MiB of no UTF-8": within(b"SAID", b"\xff" * (LARGEST - 2000)),
}
LETTERS = "Привет สวัสดี 你好 مرحبا नमस्ते 👩‍👩‍👧‍👦 e\u0301 \u202eabc\u202c"
ARRIVING: dict[str, str] = {
    "64 KiB": "x" * 65_536,
    "64 KiB of three bytes each": "語" * 65_537,
    "mixed scripts": LETTERS,
    "64 KiB of mixed scripts": LETTERS * 900,
    "quotes and backslashes": '"\\/\b\f\n\r\t' * 3 + "x",
    "SQL": "'; DROP TABLE message; --",
    "markup": "<script>alert(1)</script>{{7*7}}${x}%s%n",
    "braces": "{" * 60_000,
}
MENDED: dict[str, bytes] = {
    "NUL": b"a\\u0000b",
    "a lone high surrogate": b"a\\ud800b",
    "a lone low surrogate": b"a\\udfffb",
    "an encoded surrogate": b"a\xed\xa0\x80b",
    "no UTF-8": b"a\xffb",
    "an overlong NUL": b"a\xc0\x80b",
}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("case", QUARANTINED)
async def test_what_no_parser_understands_is_in_quarantine_with_its_reason(ground: Ground, platform, case):
    channel = ground.channels[platform]
    body = QUARANTINED[case](channel)
    assert (await ground.lobby.webhook(channel, body)).status == 200
    item = (await ground.lobby.quarantine(channel.account_id))[0]
    assert item["reason"].startswith("$")
    assert body.decode(errors="replace").startswith(item["body"][:10_000])
    await ground.lives(platform)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("case", ARRIVING)
async def test_an_odd_text_arrives_whole(ground: Ground, platform, case):
    channel, said = ground.channels[platform], f"{customer()} {ARRIVING[case]}"
    await ground.lobby.accepted(channel, channel.text(customer(), said))
    await ground.arrives(channel, said)
    await ground.lives(platform)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("case", MENDED)
async def test_of_broken_characters_the_rest_arrives(ground: Ground, platform, case):
    channel, who = ground.channels[platform], customer()
    body = platforms.dump(channel.text(who, f"{who} SAID")).replace(b"SAID", MENDED[case])
    await ground.lobby.accepted(channel, body)
    broken = 3 if case == "an encoded surrogate" else 2 if case == "an overlong NUL" else 1
    await ground.arrives(channel, f"{who} a" + "\ufffd" * broken + "b")
    await ground.lives(platform)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_body_just_below_the_limit_arrives_whole_and_one_above_is_refused(ground: Ground, platform):
    channel, who = ground.channels[platform], customer()
    empty = len(platforms.dump(channel.text(who, "")))
    said = who + "x" * (LARGEST - empty - len(who) - 10)
    await ground.lobby.accepted(channel, channel.text(who, said))
    await ground.arrives(channel, said)
    answer = await ground.lobby.webhook(channel, channel.text(who, said + "x" * 20))
    assert (answer.status, answer.body["reason"]) == (413, "BODY_TOO_LARGE")
    await ground.lives(platform)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_two_bodies_of_three_mebibytes_at_once_are_both_there(ground: Ground, platform):
    channel, pair = ground.channels[platform], [customer(), customer()]
    said = [who + "語" * (MEBIBYTE - 1000) for who in pair]
    await asyncio.gather(
        *(ground.lobby.accepted(channel, channel.text(who, text)) for who, text in zip(pair, said, strict=True))
    )
    for text in said:
        await ground.arrives(channel, text)
    await ground.lives(platform)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_who_is_not_the_platform_is_refused_and_leaves_nothing(ground: Ground, platform):
    channel = ground.channels[platform]
    before = (await ground.lobby.quarantine(channel.account_id))[:1]
    body = platforms.dump(channel.text(customer(), "forged"))
    [name] = platforms.signature(platform, channel.credentials, body)
    for forged in ({}, {name: ""}, {name: "x" * 5000}, {name: "sha256="}, {name: "\xff"}, {name: "a+/=-"}):
        answer = await ground.lobby.webhook(channel, body, headers=forged)
        assert (answer.status, answer.body["reason"]) == (401, "BAD_SIGNATURE"), forged
    for nobody in ("0195f000-0000-7000-8000-000000000000", "nobody", "a+b=c-", "%00", "%2e%2e", "語", "x" * 5000):
        answer = await ground.lobby.ask("POST", f"/webhooks/{platform}/{nobody}", body)
        assert (answer.status, answer.body["reason"]) == (404, "ACCOUNT_NOT_FOUND"), nobody
    assert (await ground.lobby.quarantine(channel.account_id))[:1] == before
    await ground.lives(platform)


def unknown_kind(channel: Channel, who: str) -> Any:
    """A message of a kind that this version does not know."""
    match channel.platform:
        case "whatsapp":
            message = platforms.whatsapp_text(who, "x", type="hologram", hologram={"depth": [1, {"a": None}]})
            return platforms.whatsapp(channel.phone_number_id, [message], who)
        case "telegram":
            return platforms.telegram(who, hologram={"depth": [1, {"a": None}]})
        case _:
            return platforms.line(platforms.line_event(who, type="message", message={"id": who, "type": "hologram"}))


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_message_of_an_unknown_kind_arrives_as_unsupported(ground: Ground, platform):
    channel, who = ground.neighbours[platform], customer()
    known = {each["conversation_id"] for each in await ground.lobby.conversations(channel.account_id, state="all")}
    await ground.lobby.accepted(channel, unknown_kind(channel, who))

    async def arrived() -> Any:
        listed = await ground.lobby.conversations(channel.account_id, state="all", order_by="recent")
        return [each for each in listed if each["conversation_id"] not in known]

    [conversation] = await until(arrived)
    [message] = await ground.lobby.messages(conversation["conversation_id"])
    assert message["kind"] == "unsupported"
    await ground.lives(platform)


async def test_ids_with_every_letter_of_base64_stay_what_they_are(ground: Ground):
    odd = "wamid.+/=-_HBgNNTUxMTk5OTk5OTk5ORUC+/==" + customer()
    whatsapp, who = ground.channels["whatsapp"], customer()
    message = platforms.whatsapp_text(who, f"{who} odd", id=odd)
    await ground.lobby.accepted(whatsapp, *[platforms.whatsapp(whatsapp.phone_number_id, [message], who)] * 2)
    line, user = ground.channels["line"], "U+/=-_ " + customer()
    await ground.lobby.accepted(line, platforms.line(platforms.line_text(user, f"{user} odd")))
    await ground.arrives(line, f"{user} odd")
    await ground.arrives(whatsapp, f"{who} odd")
    listed = await ground.lobby.conversations(whatsapp.account_id, state="all", order_by="recent")
    [conversation] = [each for each in listed if each["last_message_text"] == f"{who} odd"]
    messages = await ground.lobby.messages(conversation["conversation_id"])
    assert [each["platform_message_id"] for each in messages] == [odd]
    [contact] = (await ground.lobby.get("/v1/contacts", query=user))["contacts"]
    assert user in [each["value"] for each in contact["identifiers"]]


JUNK = [None, True, 5, -1.5, 10**30, "", "x", [], {}, [None], {"a": {}}, "\x00"]


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(spot for key, child in children for spot in spots(child, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_wrong_types_everywhere_are_taken_and_harm_nobody(ground: Ground, platform):
    channel = ground.channels[platform]
    bodies = [
        put(body, spot, junk) for junk in JUNK for body in [channel.text(customer(), "hello")] for spot in spots(body)
    ]
    answers = await asyncio.gather(*(ground.lobby.webhook(channel, body) for body in bodies))
    assert {answer.status for answer in answers} == {200}
    await ground.lives(platform)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_member_that_is_there_twice_is_no_error(ground: Ground, platform):
    channel, who = ground.channels[platform], customer()
    body = platforms.dump(channel.text(who, f"{who} twice"))
    said = json.dumps(f"{who} twice").encode()
    key = b'"body": ' if platform == "whatsapp" else b'"text": '
    await ground.lobby.accepted(channel, body.replace(key + said, key + b'"first", ' + key + said))
    await ground.arrives(channel, f"{who} twice")
    await ground.lives(platform)


async def test_a_body_of_very_many_messages_keeps_nobody_waiting_and_none_is_lost(ground: Ground):
    channel, who = ground.channels["whatsapp"], customer()
    before = (await ground.lobby.totals(account_id=channel.account_id))["messages_in"]
    messages = [platforms.whatsapp_text(who, f"{number}") for number in range(4000)]
    await ground.lobby.accepted(channel, platforms.whatsapp(channel.phone_number_id, messages, who))
    await ground.lives("whatsapp")

    async def all_counted() -> bool:
        totals = await ground.lobby.totals(account_id=channel.account_id)
        return bool(totals["messages_in"] == before + 4001)

    await until(all_counted, seconds=40)


# The JSON API

VALUES = ["", "\x00", "a\x00b", "a+b/c=-", "語" * 300, "../..", "1e999", "-1", "9" * 30, "null", "'--", "\u202e"]
BODIES = {
    "nothing": b"",
    "half": b"{",
    "a list": b"[]",
    "null": b"null",
    "nesting": b"[" * DEEP,
    "objects": b'{"a":' * DEEP,
    "no UTF-8": b'{"text":"\xff"}',
    "a surrogate": b'{"text":"\\ud800"}',
    "NUL": b"\x00",
    "twice": b'{"text":"a","text":"b"}',
    "a huge number": b'{"page_size":' + b"9" * 6000 + b"}",
    "not a number": b"NaN",
    "over 1 MiB": b'"' + b"x" * MEBIBYTE + b'"',
}
CALLS = {
    (verb, path): operation
    for path, verbs in document()["paths"].items()
    for verb, operation in verbs.items()
    if "x-permission" in operation
}


async def asked(lobby: Lobby, verb: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
    """The answer to a path and query that are already escaped."""
    url = yarl.URL(lobby.url + path, encoded=True)
    headers = {"Authorization": f"Bearer {lobby.api_key}", "Content-Type": "application/json"} | headers
    data = None if body is None else io.BytesIO(body)
    async with lobby._session.request(verb, url, data=data, headers=headers) as answer:
        text = await answer.text(errors="replace")
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Answer(answer.status, json.loads(text) if is_json else text, answer.headers)


def escaped(value: str) -> str:
    return quote(value, safe="")


def refused(answer: Answer) -> bool:
    is_problem = answer.headers["Content-Type"] == "application/problem+json"
    return 400 <= answer.status < 500 and is_problem and bool(answer.body["reason"])


@pytest.mark.parametrize(("verb", "path"), [(verb, path) for verb, path in CALLS if "{" in path])
async def test_an_id_that_nothing_has_is_not_found(lobby: Lobby, verb, path):
    for value in ["\x00", "a+b/c=-", "語", "nothing", "x" * 5000, "0195f000-0000-7000-8000-000000000000"]:
        where = path[: path.index("{")] + escaped(value) + path[path.index("}") + 1 :]
        answer = await asked(lobby, verb, where, None if verb in ("get", "delete") else b"{}")
        # 400 where the body that such a call needs is judged first.
        assert answer.status in (404, 400), (where, answer.body)
        assert refused(answer)


@pytest.mark.parametrize(
    ("verb", "path"), [each for each in CALLS if any(p["in"] == "query" for p in CALLS[each].get("parameters", []))]
)
async def test_a_hostile_query_is_answered_or_refused(lobby: Lobby, verb, path):
    where = path.replace("{conversation_id}", "0195f000-0000-7000-8000-000000000000")
    for parameter in CALLS[verb, path]["parameters"]:
        for value in VALUES:
            answer = await asked(lobby, verb, f"{where}?{parameter['name']}={escaped(value)}")
            assert answer.status == 200 or refused(answer), (where, parameter["name"], value, answer.body)
    for query in ("%FF=1", "page_size=%FF", "&" * 1000, "nothing=1", "page_size=1&page_size=2"):
        answer = await asked(lobby, verb, f"{where}?{query}")
        assert answer.status == 200 or refused(answer), (where, query[:20], answer.body)


@pytest.mark.parametrize(("verb", "path"), [each for each in CALLS if "requestBody" in CALLS[each]])
async def test_a_hostile_body_is_refused(lobby: Lobby, verb, path):
    where = re.sub(r"\{\w+\}", "0195f000-0000-7000-8000-000000000000", path)
    for name, body in BODIES.items():
        answer = await asked(lobby, verb, where, body)
        assert refused(answer) or (name == "nothing" and answer.status == 200), (where, name, answer.body)
        assert (answer.status == 413) == (name == "over 1 MiB"), (where, name, answer.body)


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "ключ"])
async def test_an_idempotency_key_that_is_none_is_refused(lobby: Lobby, key):
    answer = await asked(lobby, "post", "/v1/agents", b'{"display_name":"A"}', **{"Idempotency-Key": key})
    assert (answer.status, answer.body["reason"]) == (400, "INVALID_IDEMPOTENCY_KEY")


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer \xff", "Bearer " + "x" * 5000]
)
async def test_a_credential_that_is_none_is_refused(lobby: Lobby, value):
    answer = await asked(lobby, "get", "/v1/agents", Authorization=value)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("value", ["x", "a+b/c=-", "é", "x" * 5000])
async def test_a_last_event_id_that_is_none_of_ours_means_read_everything_anew(lobby: Lobby, value):
    headers = lobby.headers | {"Last-Event-ID": value}
    async with lobby._session.get(f"{lobby.url}/v1/events", headers=headers) as answer:
        assert answer.status == 200
        async with asyncio.timeout(10):
            while not (line := await answer.content.readline()).startswith(b"data: "):
                assert line
        assert json.loads(line[6:])["type"] == "resync"
