"""What the gateway serves beside the contracts: webhooks, live screens, health, and this document."""

from typing import Any

from lobby_gateway.live import items
from lobby_gateway.openapi.operations import ID_PATTERN, PROBLEM
from lobby_gateway.webhooks.signatures import HEADERS

Json = dict[str, Any]

PROBLEM_SCHEMA: Json = {
    "type": "object",
    "description": "Why a request did not work (RFC 9457). Programs read `reason`, people read `detail`.",
    "properties": {
        "status": {"type": "integer", "description": "The HTTP status."},
        "title": {"type": "string", "description": "The status in words."},
        "detail": {"type": "string", "description": "What is wrong, for people."},
        "reason": {
            "type": "string",
            "pattern": "^[A-Z][A-Z0-9_]*$",
            "description": "What is wrong, for programs; stable.",
        },
        "trace_id": {"type": "string", "description": "Finds the request in traces and logs."},
    },
    "required": ["status", "title", "detail", "reason", "trace_id"],
}

PROBLEM_RESPONSE: Json = {
    "description": "The request did not work. 429 and 503 say when to come again in `Retry-After`.",
    "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def live_item() -> Json:
    """Returns the schema of an item on the WebSocket and in server-sent events."""
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "Something changed. It names what; REST tells how it is now. Items never hold texts.",
        "properties": {
            "id": {**text, "description": "Opaque; send the last one to resume, at any replica."},
            "type": {
                **text,
                "enum": list(items.types()),
                "description": "What happened. `resync`: the last id is too old, read everything anew. "
                "`heartbeat`: nothing happened for 15 s.",
            },
            "conversation_id": {**text, "description": "The conversation, where it is known."},
            "message_id": {**text, "description": "The message."},
            "contact_id": {**text, "description": "The person."},
            "account_id": {**text, "description": "The account."},
            "agent_id": {**text, "description": "The agent."},
            "version": {"type": "integer", "description": "Rises with each item of one service about the same thing."},
            "time": {**text, "format": "date-time", "description": "When it happened."},
        },
        "required": ["id", "type", "version", "time"],
    }


_LAST_ID: Json = {
    "name": "last_event_id",
    "in": "query",
    "description": "The id of the last item that was got: what came since comes first.",
    "schema": {"type": "string"},
}
_TOKEN_NOTE = "Browsers that cannot set headers name the key as `access_token` in the query."  # noqa: S105  # a sentence


def paths() -> dict[str, Json]:
    """Returns the paths and their operations."""
    return {
        "/webhooks/{platform}/{account_id}": _webhooks(),
        "/v1/live": {"get": _live()},
        "/v1/events": {"get": _events()},
        "/healthz": {"get": _page("getHealth", "The process lives.", "application/json")},
        "/readyz": {
            "get": _page("getReadiness", "Everything needed answers.", "application/json")
            | {"responses": {"200": _said("Ready."), "503": _said("Not ready; each dependency's outcome.")}}
        },
        "/metrics": {"get": _page("getMetrics", "Metrics in Prometheus' text format.", "text/plain")},
        "/openapi.json": {"get": _page("getOpenapi", "This document.", "application/json")},
        "/docs": {"get": _page("getDocs", "This document as a page.", "text/html")},
    }


def _said(description: str) -> Json:
    return {"description": description, "content": {"application/json": {"schema": {"type": "object"}}}}


def _page(operation_id: str, description: str, content: str) -> Json:
    schema: Json = {"type": "object"} if content == "application/json" else {"type": "string"}
    answer = {"description": description, "content": {content: {"schema": schema}}}
    return {
        "operationId": operation_id,
        "tags": ["Gateway"],
        "summary": description.rstrip("."),
        "security": [],
        "responses": {"200": answer},
    }


def _live() -> Json:
    return {
        "operationId": "openLive",
        "tags": ["Live"],
        "summary": "Live items over WebSocket",
        "description": "Each text frame is one LiveItem. Closed with 4001 when the key is revoked, 4008 when read too "
        f"slowly, 1012 when the gateway stops. {_TOKEN_NOTE} An agent hears of his own conversations and the pool's.",
        "security": [{"key": []}, {"token": []}],
        "parameters": [_LAST_ID],
        "responses": {
            "101": {
                "description": "The WebSocket is open.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/LiveItem"}}},
            },
            "default": PROBLEM,
        },
    }


def _events() -> Json:
    return {
        "operationId": "openEvents",
        "tags": ["Live"],
        "summary": "Live items as server-sent events",
        "description": "The same items as /v1/live; `data` of each event is one LiveItem, its `id` resumes by "
        f"Last-Event-ID. {_TOKEN_NOTE}",
        "security": [{"key": []}, {"token": []}],
        "parameters": [
            _LAST_ID,
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": "As last_event_id; browsers send it by themselves.",
                "schema": {"type": "string"},
            },
        ],
        "responses": {
            "200": {
                "description": "The stream.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            "default": PROBLEM,
        },
    }


def _webhooks() -> Json:
    parameters = [
        {
            "name": "platform",
            "in": "path",
            "required": True,
            "description": "The platform.",
            "schema": {"type": "string", "enum": list(HEADERS)},
        },
        {
            "name": "account_id",
            "in": "path",
            "required": True,
            "description": "Id of the account.",
            "schema": {"type": "string", "pattern": ID_PATTERN},
        },
    ]
    signatures = ", ".join(f"{platform}: `{name.decode()}`" for platform, name in HEADERS.items())
    return {
        "parameters": parameters,
        "get": {
            "operationId": "answerHandshake",
            "tags": ["Webhooks"],
            "summary": "The platform's handshake",
            "security": [],
            "responses": {
                "200": {
                    "description": "What the platform wants to read.",
                    "content": {"text/plain": {"schema": {"type": "string"}}},
                },
                "default": PROBLEM,
            },
        },
        "post": {
            "operationId": "takeWebhook",
            "tags": ["Webhooks"],
            "summary": "The platform tells something",
            "description": "Answered once it is durable. Signed by the platform in its own header: "
            f"{signatures}. A body that no parser understands is kept and answered with 200.",
            "security": [],
            "requestBody": {
                "required": True,
                "description": "The platform's own body, at most 3 MiB.",
                "content": {"application/json": {"schema": {}}},
            },
            "responses": {"200": {"description": "It is durable."}, "default": PROBLEM},
        },
    }
