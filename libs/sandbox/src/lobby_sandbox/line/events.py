"""What a customer can do on LINE, each as the webhook event that tells of it."""

from collections.abc import Callable
from dataclasses import dataclass

from lobby_sandbox.contract import RefusedError
from lobby_sandbox.media import SAMPLES
from lobby_sandbox.merge import Json, Level, lay_over

_BODY = frozenset({"destination", "events"})
_EVENT = frozenset(
    {
        *("type", "mode", "timestamp", "source", "webhookEventId", "deliveryContext", "replyToken"),
        *("message", "postback", "unsend", "follow", "beacon", "link", "joined", "left", "videoPlayComplete"),
    }
)


@dataclass(frozen=True, slots=True)
class Scene:
    """The facts that an event is made of."""

    destination: str
    user_id: str
    event_id: str
    message_id: str
    reply_token: str
    quote_token: str
    timestamp: int
    """Milliseconds."""

    text: str | None
    target: str | None
    """The message that this event is about."""

    group_id: str


@dataclass(frozen=True, slots=True)
class Part:
    """The kind's own contribution: the event's type and the field that holds the rest."""

    type: str
    field: str | None
    value: Json
    can_reply: bool = True
    in_group: bool = False


HINTS = {"edit": frozenset({"message_id"}), "delete": frozenset({"message_id"})}


def webhook_body(kind: str, scene: Scene, payload: Json) -> Json:
    """The webhook with this one event, with the test's own JSON laid over it."""
    part = KINDS[kind](scene)
    source: Json = {"type": "user", "userId": scene.user_id}
    if part.in_group:
        source = {"type": "group", "groupId": scene.group_id, "userId": scene.user_id}
    event: Json = {
        "type": part.type,
        "webhookEventId": scene.event_id,
        "deliveryContext": {"isRedelivery": False},
        "timestamp": scene.timestamp,
        "mode": "active",
        "source": source,
        **({"replyToken": scene.reply_token} if part.can_reply else {}),
        **({part.field: part.value} if part.field else {}),
    }
    body: Json = {"destination": scene.destination, "events": [event]}
    outer = [Level(body, _BODY)]
    inner = [Level(event, _EVENT), Level(part.value)] if part.field else [Level(event)]
    hints = HINTS.get(kind, frozenset())
    lay_over([*outer, *inner], {key: value for key, value in payload.items() if key not in hints})
    return body


def _text(scene: Scene) -> Part:
    text = {"type": "text", "text": scene.text or "", "quoteToken": scene.quote_token}
    return Part("message", "message", {"id": scene.message_id, **text})


def _media(type_: str, *, quotable: bool, **facts: int) -> Callable[[Scene], Part]:
    """A builder of messages whose file is fetched from LINE."""

    def build(scene: Scene) -> Part:
        quote = {"quoteToken": scene.quote_token} if quotable else {}
        message = {"id": scene.message_id, "type": type_, **quote, **facts}
        return Part("message", "message", {**message, "contentProvider": {"type": "line"}})

    return build


def _file(scene: Scene) -> Part:
    size = len(SAMPLES["document"].content)
    file = {"type": "file", "fileName": scene.text or "document.pdf", "fileSize": size}
    return Part("message", "message", {"id": scene.message_id, **file})


def _sticker(scene: Scene) -> Part:
    sticker = {
        "id": scene.message_id,
        "type": "sticker",
        "quoteToken": scene.quote_token,
        "packageId": "446",
        "stickerId": "1988",
        "stickerResourceType": "STATIC",
        "keywords": ["hello", "hi"],
    }
    return Part("message", "message", sticker)


def _location(scene: Scene) -> Part:
    place: Json = {
        "title": scene.text or "Siam",
        "address": "Pathum Wan, Bangkok",
        "latitude": 13.7466,
        "longitude": 100.5393,
    }
    return Part("message", "message", {"id": scene.message_id, "type": "location", **place})


def _edit(scene: Scene) -> Part:
    """Only people in groups can edit what a channel has seen."""
    text = {"type": "text", "text": scene.text or "", "quoteToken": scene.quote_token}
    return Part("messageEdited", "message", {"id": _target(scene), **text}, in_group=True)


def _unsend(scene: Scene) -> Part:
    return Part("unsend", "unsend", {"messageId": _target(scene)}, can_reply=False)


def _postback(scene: Scene) -> Part:
    return Part("postback", "postback", {"data": scene.text or "action=yes"})


def _follow(_: Scene) -> Part:
    return Part("follow", "follow", {"isUnblocked": False})


def _unfollow(_: Scene) -> Part:
    return Part("unfollow", None, {}, can_reply=False)


def _target(scene: Scene) -> str:
    if scene.target is None:
        raise RefusedError("there is no earlier message: say which one in payload.message_id")
    return scene.target


KINDS: dict[str, Callable[[Scene], Part]] = {
    "text": _text,
    "image": _media("image", quotable=True),
    "video": _media("video", quotable=True, duration=2_000),
    "audio": _media("audio", quotable=False, duration=2_000),
    "document": _file,
    "sticker": _sticker,
    "location": _location,
    "edit": _edit,
    "delete": _unsend,
    "button": _postback,
    "follow": _follow,
    "unfollow": _unfollow,
}

ALIASES = {
    "photo": "image",
    "voice": "audio",
    "file": "document",
    "unsend": "delete",
    "postback": "button",
    "callback": "button",
}
