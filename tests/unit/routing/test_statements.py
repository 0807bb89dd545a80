"""Rows become domain values by position: the statements and the fields must name the same things in the same order."""

import re
from dataclasses import fields

from lobby_routing.domain import Agent, Conversation
from lobby_routing.store.statements import QUERIES


def columns(statement: str) -> list[str]:
    return re.findall(r"\b(?:c|a|pp)\.(\w+)", statement)


def test_a_conversation_is_read_field_by_field():
    assert columns(QUERIES["conversation_columns"]) == list(Conversation._fields)


def test_a_conversation_is_written_field_by_field():
    names = re.search(r"INSERT INTO conversation \((.*?)\)", QUERIES["save_conversations"], re.DOTALL)
    assert names is not None
    written = [name.strip() for name in names[1].split(",")]
    assert written == [*Conversation._fields[:-1], "last_message_hour"]


def test_all_but_what_never_changes_is_updated():
    _, _, update = QUERIES["save_conversations"].partition("DO UPDATE")
    updated = set(re.findall(r"(\w+) = excluded\.", update))
    never = {"conversation_id", "workspace_id", "account_id", "platform", "channel_user_id", "priority"}
    assert updated == {*Conversation._fields, "last_message_hour"} - never


def test_an_agent_is_read_field_by_field():
    names = [field.name for field in fields(Agent)]
    for statement in ("load_agents", "list_agents"):
        selected, _, _ = QUERIES[statement].partition("(\n")
        assert columns(selected) == names[:-1]
