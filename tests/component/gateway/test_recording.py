"""Calls that take away what cannot be had back are on record before they are made."""

import json

from lobby_common.errors import NotFound
from lobby_gateway.http import recording

DELETE = "AttributeService.DeleteAttribute"
PATH = "/v1/attributes/tier"


async def entries(gateway) -> list[tuple[str, str, str, dict[str, str]]]:
    rows = await gateway.rows(
        "SELECT actor, action, subject_id, detail::text FROM audit_entry WHERE action LIKE 'attribute%' "
        "ORDER BY create_time, entry_id"
    )
    return [(row["actor"], row["action"], row["subject_id"], json.loads(row["detail"])) for row in rows]


async def test_who_asked_and_how_it_ended_is_in_the_audit_log(gateway):
    assert (await gateway.ask("DELETE", PATH))[0] == 200
    [started, ended] = await entries(gateway)
    assert started[1:] == ("attribute_delete_started", "tier", {})
    assert ended[1:] == ("attribute_delete_ended", "tier", {"outcome": "done"})
    _, listed = await gateway.ask("GET", "/v1/keys")
    assert started[0] == ended[0] == listed["keys"][0]["key_id"]


async def test_what_is_refused_is_on_record_as_refused_and_who_may_not_ask_is_not(gateway):
    gateway.neighbours.answers[DELETE] = NotFound("ATTRIBUTE_NOT_FOUND", "none")
    assert (await gateway.ask("DELETE", PATH))[0] == 404
    assert (await gateway.ask("DELETE", PATH, key=await gateway.key("viewer")))[0] == 403
    assert [each[3] for each in await entries(gateway)] == [{}, {"outcome": "ATTRIBUTE_NOT_FOUND"}]


async def test_what_cannot_be_put_on_record_is_not_asked(gateway, monkeypatch):
    async def fails(*_, **__):
        raise OSError("the database is away")

    monkeypatch.setattr(recording.store, "audit", fails)
    status, answer = await gateway.ask("DELETE", PATH)
    assert (status, answer["reason"]) == (503, "DATABASE_AWAY")
    assert not gateway.neighbours.calls[DELETE]
