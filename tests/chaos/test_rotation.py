"""Secrets are replaced under traffic, one after the other, in two replicas: nobody is turned away for it (row 26)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lobby_common.ids import new_id
from lobby_local import Stack
from tests.chaos.crowd.plan import Line
from tests.chaos.journal import Journal
from tests.lobby import until

pytestmark = [pytest.mark.chaos_full, pytest.mark.asyncio(loop_scope="session")]

SIGNED_BY = {"whatsapp": "app_secret", "telegram": "webhook_secret", "line": "channel_secret"}
SENT_WITH = {"whatsapp": "access_token", "telegram": "bot_token", "line": "channel_access_token"}
TIMES = 2


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory) -> AsyncIterator[Stack]:
    """Overrides the stack of the other chaos tests: what one replica is told the other has to know."""
    async with Stack(tmp_path_factory.mktemp("rotation"), port=0, replicas=2) as made:
        yield made


async def replace_credentials(world, platform: str) -> None:
    """A platform does not know an account's token any more; Lobby is given other ones, then the platform uses them."""
    await world.lobby.sandbox(f"/{platform}/faults", {"next": [{"http_status": 401}]})
    line = await until(lambda: find_refused(world, platform), seconds=60)
    fresh = {SIGNED_BY[platform]: f"secret-{new_id()}", SENT_WITH[platform]: f"token-{new_id()}"}
    changed = await world.lobby.ask("PATCH", f"/v1/accounts/{line.account_id}", {"credentials": fresh})
    assert changed.status == 200, changed.body
    world.retired += [line.credentials[name] for name in fresh]
    line.credentials.update(fresh)
    await world.crowd.tell(f"sign {line.account_id} {SIGNED_BY[platform]} {fresh[SIGNED_BY[platform]]}")
    webhook_url = changed.body["account"]["webhook_url"]
    told = {"account_id": line.account_id, "webhook_url": webhook_url, "credentials": line.credentials}
    await world.lobby.sandbox(f"/{platform}/accounts", told)


async def find_refused(world, platform: str) -> Line | None:
    """Returns one of the platform's accounts whose credentials it refused."""
    for line in world.plan.lines:
        if line.platform == platform:
            account = (await world.lobby.get(f"/v1/accounts/{line.account_id}"))["account"]
            if account["state"] == "bad_credentials":
                return line
    return None


async def replace_key(world) -> None:
    """Staff has another key, and the one before is revoked."""
    old = [key for key in (await world.lobby.get("/v1/keys"))["keys"] if key["role"] == "owner"]
    told = Journal(world.crowd.folder / "agents.jsonl")
    token = new_id()
    told.write("key", token=token)
    made = await world.lobby.post("/v1/keys", {"role": "owner", "display_name": token})
    told.write("key_made", token=token, status=200, key_id=made["key"]["key_id"])
    await world.crowd.tell(f"key {made['secret']}")
    await world.answers_more()
    world.lobby = world.lobby.with_key(made["secret"])
    world.retired.append(made["secret"])
    for key in old:
        if "revoke_time" not in key:
            assert (await world.lobby.ask("DELETE", f"/v1/keys/{key['key_id']}")).status == 200


async def test_no_secret_that_is_replaced_turns_anybody_away(world):
    await world.write()
    for _ in range(TIMES):
        for platform in SIGNED_BY:
            with world.fault(f"other credentials of {platform}"):
                await replace_credentials(world, platform)
            await world.answers_more()
        with world.fault("another key"):
            await replace_key(world)
        await world.answers_more()
    await world.is_exactly_once()
    assert world.crowd.statuses.keys() <= {200, 401}
