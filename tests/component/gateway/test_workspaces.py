import asyncio
import json
import os
import subprocess
import sys

import asyncpg
import pytest

from lobby_common.errors import NotFound


async def rows(gateway, statement: str):
    connection = await asyncpg.connect(gateway.database.url, server_settings={"search_path": "gateway"})
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


async def test_a_workspace_is_that_of_the_key(gateway):
    status, answer = await gateway.ask("GET", "/v1/workspace")
    assert status == 200
    assert answer["workspace"]["workspace_id"] == gateway.workspace_id
    assert answer["workspace"]["agents_see_identifiers"] is False


async def test_only_what_is_present_changes(gateway):
    status, answer = await gateway.ask("PATCH", "/v1/workspace", body={"time_zone": "Asia/Shanghai"})
    assert status == 200
    assert (answer["workspace"]["time_zone"], answer["workspace"]["display_name"]) == ("Asia/Shanghai", "Ours")
    _, answer = await gateway.ask("PATCH", "/v1/workspace", body={"day_start_hour": 0, "agents_see_identifiers": True})
    assert answer["workspace"]["agents_see_identifiers"] is True
    status, problem = await gateway.ask("PATCH", "/v1/workspace", body={"time_zone": "Mars/Olympus"})
    assert (status, problem["reason"]) == (400, "INVALID_TIME_ZONE")
    status, problem = await gateway.ask("PATCH", "/v1/workspace", body={"day_start_hour": 24})
    assert (status, problem["reason"]) == (400, "INVALID_FIELD")


async def test_a_choice_that_was_left_out_is_asked_for(gateway):
    status, problem = await gateway.ask("POST", "/v1/keys", body={})
    assert (status, problem["reason"], problem["detail"]) == (400, "INVALID_FIELD", "role: is needed")


async def test_a_key_shows_its_secret_once_and_only_its_hash_is_stored(gateway):
    status, made = await gateway.ask("POST", "/v1/keys", body={"role": "viewer", "display_name": "Wall"})
    assert status == 200
    assert made["key"]["role"] == "viewer"
    _, listed = await gateway.ask("GET", "/v1/keys")
    assert made["secret"] not in json.dumps(listed)
    stored = await rows(gateway, "SELECT * FROM api_key")
    assert made["secret"] not in str(stored)
    assert (await gateway.ask("GET", "/v1/workspace", key=made["secret"]))[0] == 200


async def test_the_same_idempotency_key_gives_the_same_key(gateway):
    headers = {"Idempotency-Key": "once"}
    answers = [await gateway.ask("POST", "/v1/keys", body={"role": "supervisor"}, headers=headers) for _ in range(2)]
    assert answers[0] == answers[1]
    assert (await gateway.ask("GET", "/v1/workspace", key=answers[0][1]["secret"]))[0] == 200
    assert len(await rows(gateway, "SELECT 1 FROM api_key WHERE role = 'supervisor'")) == 1
    assert answers[0][1]["secret"] not in str(await rows(gateway, "SELECT * FROM request_answer"))
    status, problem = await gateway.ask("POST", "/v1/keys", body={"role": "viewer"}, headers={"Idempotency-Key": "a b"})
    assert (status, problem["reason"]) == (400, "INVALID_IDEMPOTENCY_KEY")


async def test_a_key_of_an_agent_names_one_that_there_is(gateway):
    status, problem = await gateway.ask("POST", "/v1/keys", body={"role": "agent"})
    assert (status, problem["reason"]) == (400, "AGENT_REQUIRED")
    gateway.neighbours.answers["AgentService.GetAgent"] = NotFound("AGENT_NOT_FOUND", "no")
    status, problem = await gateway.ask("POST", "/v1/keys", body={"role": "agent", "agent_id": "nobody"})
    assert (status, problem["reason"]) == (404, "AGENT_NOT_FOUND")


async def test_keys_are_listed_page_by_page_oldest_first(gateway):
    for number in range(4):
        await gateway.ask("POST", "/v1/keys", body={"role": "viewer", "display_name": str(number)})
    names, token = [], ""
    while True:
        _, page = await gateway.ask("GET", "/v1/keys", params={"page_size": "2", "page_token": token})
        names += [key["display_name"] for key in page["keys"]]
        token = page["next_page_token"]
        if not token:
            break
    assert names == ["bootstrap", "0", "1", "2", "3"]


@pytest.mark.parametrize("token", ["x", "WzEsMl0", "W251bGwsbnVsbF0", "WyIyMDI2LTAxLTAxIiwiYSJd", "é"])
async def test_a_page_token_that_no_list_gave_is_refused(gateway, token):
    status, problem = await gateway.ask("GET", "/v1/keys", params={"page_token": token})
    assert (status, problem["reason"]) == (400, "BAD_PAGE_TOKEN")


async def test_a_revoked_key_ends_and_the_last_owner_key_stays(gateway):
    _, made = await gateway.ask("POST", "/v1/keys", body={"role": "owner"})
    assert (await gateway.ask("GET", "/v1/keys", key=made["secret"]))[0] == 200
    for _ in range(2):
        status, answer = await gateway.ask("DELETE", f"/v1/keys/{made['key']['key_id']}")
        assert status == 200
        assert answer["key"]["revoke_time"]
    status, problem = await gateway.ask("GET", "/v1/keys", key=made["secret"])
    assert (status, problem["reason"]) == (401, "INVALID_KEY")
    _, listed = await gateway.ask("GET", "/v1/keys")
    status, problem = await gateway.ask("DELETE", f"/v1/keys/{listed['keys'][0]['key_id']}")
    assert (status, problem["reason"]) == (409, "LAST_OWNER_KEY")


async def test_two_owners_who_revoke_each_other_at_once_leave_one(gateway):
    _, made = await gateway.ask("POST", "/v1/keys", body={"role": "owner"})
    _, listed = await gateway.ask("GET", "/v1/keys")
    first, second = (key["key_id"] for key in listed["keys"])
    answers = await asyncio.gather(
        gateway.ask("DELETE", f"/v1/keys/{first}", key=made["secret"]), gateway.ask("DELETE", f"/v1/keys/{second}")
    )
    # Who asks a moment later has no key any more.
    assert sorted(status for status, _ in answers) in ([200, 401], [200, 409])
    valid = [
        key for key in (made["secret"], gateway.owner) if (await gateway.ask("GET", "/v1/keys", key=key))[0] == 200
    ]
    assert len(valid) == 1


async def test_another_workspaces_keys_are_not_there(gateway):
    other = await gateway.other_workspace()
    _, listed = await gateway.ask("GET", "/v1/keys")
    (key,) = listed["keys"]
    status, problem = await gateway.ask("DELETE", f"/v1/keys/{key['key_id']}", key=other)
    assert (status, problem["reason"]) == (404, "KEY_NOT_FOUND")
    _, theirs = await gateway.ask("GET", "/v1/keys", key=other)
    assert key["key_id"] not in json.dumps(theirs)


async def test_every_change_is_on_record(gateway):
    _, made = await gateway.ask("POST", "/v1/keys", body={"role": "viewer"})
    await gateway.ask("DELETE", f"/v1/keys/{made['key']['key_id']}")
    await gateway.ask("PATCH", "/v1/workspace", body={"display_name": "New"})
    await gateway.ask("PATCH", "/v1/workspace", body={"display_name": "New"})
    found = await rows(gateway, "SELECT action, actor, detail::text FROM audit_entry ORDER BY create_time, entry_id")
    actions = [row["action"] for row in found]
    assert actions == [
        "workspace_created",
        "key_created",
        "key_created",
        "key_revoked",
        "workspace_changed",
    ]
    assert all(row["actor"] for row in found)
    assert made["secret"] not in str(found)


def run(database, *arguments: str) -> dict[str, str]:
    environment = os.environ | {"LOBBY_DATABASE_URL": database.url}
    command = [sys.executable, "-m", "lobby_gateway", *arguments]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=50)
    (line,) = done.stdout.splitlines()
    return json.loads(line)


async def test_the_command_makes_the_first_workspace_once(database):
    first = await asyncio.to_thread(run, database, "bootstrap")
    again = await asyncio.to_thread(run, database, "bootstrap")
    assert set(first) == {"workspace_id", "api_key"}
    assert first["workspace_id"] == again["workspace_id"]
    assert first["api_key"] != again["api_key"]
    other = await asyncio.to_thread(
        run, database, "workspace", "create", "--display-name", "Two", "--time-zone", "Asia/Tokyo"
    )
    assert other["workspace_id"] != first["workspace_id"]


async def test_the_command_says_what_is_wrong(database):
    arguments = ["workspace", "create", "--display-name", "x", "--time-zone", "Mars/Olympus"]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        await asyncio.to_thread(run, database, *arguments)
    assert "INVALID_TIME_ZONE" in caught.value.stderr
    assert "Traceback" not in caught.value.stderr
