"""Names and pictures of customers, which platforms tell on request: asked for off the event path, once."""

import asyncio

import pytest

from lobby.connectors.v1 import events_pb2 as pb
from lobby_connectors.app.avatars import hash_of
from tests.component.connectors.conftest import signed, until
from tests.pictures import picture


async def write(connectors, platform: str, account_id: str, number: int = 1) -> None:
    if platform == "line":
        event = {"type": "message", "timestamp": 1_780_000_000_000, "source": {"type": "user", "userId": "U1"}}
        body = {"events": [event | {"message": {"id": str(number), "type": "text", "text": "hi"}}]}
    else:
        author = {"id": 7, "first_name": "A", "is_bot": False}
        said = {"message_id": number, "date": 1_780_000_000, "chat": {"id": 7, "type": "private"}, "text": "hi"}
        body = {"update_id": number, "message": said | {"from": author}}
    await connectors.post(signed(platform, account_id, body))


async def fetched(connectors) -> list:
    async def known():
        return await connectors.rows("SELECT display_name, avatar_hash FROM profile WHERE fetch_time IS NOT NULL")

    return [tuple(row) for row in await until(known)]


async def test_a_line_customers_name_is_asked_for_once_and_told(connectors, platform):
    account = await connectors.connect("line")
    for number in (1, 2):
        await write(connectors, "line", account, number)
    (change,) = await connectors.told(pb.IdentifierChanged)
    assert (change.display_name, change.locale, change.chat) == ("สมชาย", "th", "U1")
    assert [(each.kind, each.scope, each.value) for each in change.current] == [
        ("line_user_id", connectors.caller.workspace_id, "U1")
    ]
    assert len([call for call in platform.calls if "profile" in call.path]) == 1


@pytest.mark.parametrize("name", ["line", "telegram"])
async def test_what_a_customers_picture_looks_like_is_told_and_the_picture_is_not_kept(connectors, platform, name):
    platform.picture = picture(3)
    await write(connectors, name, await connectors.connect(name))
    (change,) = await connectors.told(pb.IdentifierChanged)
    assert change.avatar_hash == hash_of(platform.picture)
    assert change.display_name == ("สมชาย" if name == "line" else "")
    assert [each.value for each in change.current] == ["U1" if name == "line" else "7"]
    assert await fetched(connectors) == [(change.display_name, change.avatar_hash)]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/secret",
        "https://127.0.0.1:{port}/secret",
        "https://profile.line-scdn.net.localhost:{port}/a",
        "http://profile.line-scdn.net/a",
        "https://[broken",
        "file:///etc/passwd",
    ],
)
async def test_a_picture_is_read_from_nowhere_but_where_line_keeps_pictures(connectors, platform, url):
    asked = asyncio.Event()
    server = await asyncio.start_server(lambda *_: asked.set(), "127.0.0.1", 0)
    platform.picture = picture(3)
    platform.picture_url = url.format(port=server.sockets[0].getsockname()[1])
    await write(connectors, "line", await connectors.connect("line"))
    assert await fetched(connectors) == [("สมชาย", "")]
    assert not asked.is_set()
    server.close()


@pytest.mark.parametrize("name", ["line", "telegram"])
async def test_a_picture_that_is_none_holds_nothing_up(connectors, platform, name):
    platform.picture = b"no picture"
    await write(connectors, name, await connectors.connect(name))
    assert await fetched(connectors) == [("สมชาย" if name == "line" else "", "")]


async def test_nothing_is_told_of_who_was_forgotten_while_he_was_asked_for(connectors, platform):
    platform.picture = picture(3)
    forgotten, other = [await connectors.connect("telegram") for _ in range(2)]
    platform.hold = asyncio.Event()
    await write(connectors, "telegram", forgotten)
    await platform.held.wait()
    await connectors.rows("DELETE FROM profile")
    platform.hold.set()
    await write(connectors, "telegram", other, 2)
    assert [change.account_id for change in await connectors.told(pb.IdentifierChanged)] == [other]


async def test_what_is_known_stays_where_a_platform_does_not_answer_any_more(connectors, platform):
    platform.picture = picture(3)
    account_id = await connectors.connect("telegram")
    await write(connectors, "telegram", account_id)
    (known,) = await fetched(connectors)
    await connectors.rows("UPDATE profile SET due_time = now(), attempts = 9, fetch_time = NULL")
    assert await fetched(connectors) == [known]
