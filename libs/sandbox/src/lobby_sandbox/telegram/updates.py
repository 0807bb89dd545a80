"""What a customer can do on Telegram, each as the Update that tells of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lobby_sandbox.contract import RefusedError
from lobby_sandbox.media import SAMPLES
from lobby_sandbox.merge import Json, Level, lay_over
from lobby_sandbox.people import Person
from lobby_sandbox.telegram.chats import entities, private_chat, user


@dataclass(frozen=True, slots=True)
class Scene:
    """The facts that an update is made of."""

    update_id: int
    message_id: int
    user_id: int
    person: Person
    bot: Json
    date: int
    text: str | None
    hints: Json
    """The fields of the test's payload that this module understands by itself, see HINTS."""

    target: int | None
    """The message that this update is about."""

    file_id: str
    unique: str
    """Digits for whatever else needs an id."""


@dataclass(frozen=True, slots=True)
class Part:
    """The kind's own contribution: which member the update has, and what of it is the kind's own object."""

    member: str
    value: Json
    own: str | None = None
    """The field of `value` that holds the kind's own object."""


HINTS = {
    "start": frozenset({"payload"}),
    "edit": frozenset({"message_id"}),
    "reaction": frozenset({"message_id"}),
}

_UPDATE = frozenset(
    {
        *(
            "update_id",
            "message",
            "edited_message",
            "channel_post",
            "edited_channel_post",
            "business_message",
        ),
        *("callback_query", "message_reaction", "my_chat_member", "chat_member", "inline_query", "poll"),
    }
)
_MESSAGE = frozenset(
    {
        *("message_id", "message_thread_id", "from", "sender_chat", "chat", "date", "edit_date", "text"),
        *("entities", "caption", "caption_entities", "media_group_id", "reply_to_message", "quote", "photo"),
        *("forward_origin", "forward_from", "forward_date", "reply_markup", "via_bot", "external_reply"),
        *("contact", "location", "voice", "audio", "video", "video_note", "animation", "document", "sticker"),
        *("venue", "migrate_to_chat_id", "new_chat_members", "left_chat_member"),
    }
)


def update(kind: str, scene: Scene, payload: Json) -> Json:
    """The update for this kind, with the test's own JSON laid over it."""
    part = KINDS[kind](scene)
    body: Json = {"update_id": scene.update_id, part.member: part.value}
    levels = [Level(body, _UPDATE)]
    if part.own is not None:
        levels += [Level(part.value, _MESSAGE), Level(part.value[part.own])]
    else:
        levels += [Level(part.value)]
    hints = HINTS.get(kind, frozenset())
    lay_over(levels, {key: value for key, value in payload.items() if key not in hints})
    return body


def _message(scene: Scene, content: Json, own: str | None = None) -> Part:
    message: Json = {
        "message_id": scene.message_id,
        "from": user(scene.user_id, scene.person),
        "chat": private_chat(scene.user_id, scene.person),
        "date": scene.date,
        **content,
    }
    return Part("message", message, own)


def _text(scene: Scene) -> Part:
    text = scene.text or ""
    return _message(scene, {"text": text, **entities(text)})


def _start(scene: Scene) -> Part:
    parameter = str(scene.hints.get("payload") or scene.text or "")
    text = f"/start {parameter}".rstrip()
    return _message(scene, {"text": text, **entities(text)})


def _file(scene: Scene, kind: str) -> Json:
    size = len(SAMPLES[kind].content)
    return {"file_id": scene.file_id, "file_unique_id": f"AQAD{scene.unique}", "file_size": size}


def _photo(scene: Scene) -> Part:
    photo = [{**_file(scene, "image"), "width": 8, "height": 8}]
    return _message(scene, {"photo": photo, **_caption(scene)})


def _media(field: str, kind: str, **facts: Any) -> Callable[[Scene], Part]:
    """A builder of messages with one file."""
    mime_type = SAMPLES[kind].mime_type.partition(";")[0]

    def build(scene: Scene) -> Part:
        media: Json = {**facts, "mime_type": mime_type, **_file(scene, kind)}
        return _message(scene, {field: media, **_caption(scene)}, field)

    return build


def _caption(scene: Scene) -> Json:
    return {} if scene.text is None else {"caption": scene.text}


def _sticker(scene: Scene) -> Part:
    shape = {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False}
    sticker = {**shape, "emoji": scene.text or "👍", "set_name": "sandbox", **_file(scene, "sticker")}
    return _message(scene, {"sticker": sticker}, "sticker")


def _location(scene: Scene) -> Part:
    return _message(scene, {"location": {"latitude": 10.776889, "longitude": 106.700806}}, "location")


def _contact(scene: Scene) -> Part:
    """A contact card, by default the customer's own: Telegram vouches for its user_id."""
    card: Json = {"phone_number": f"849{scene.user_id % 10**8:08d}", "first_name": scene.person.given}
    family = {"last_name": scene.person.family} if scene.person.family else {}
    return _message(scene, {"contact": {**card, **family, "user_id": scene.user_id}}, "contact")


def _edit(scene: Scene) -> Part:
    part = _text(scene)
    edited = {**part.value, "message_id": _target(scene), "edit_date": scene.date}
    return Part("edited_message", edited)


def _reaction(scene: Scene) -> Part:
    emoji = "👍" if scene.text is None else scene.text
    reaction = {
        "chat": private_chat(scene.user_id, scene.person),
        "message_id": _target(scene),
        "user": user(scene.user_id, scene.person),
        "date": scene.date,
        "old_reaction": [],
        "new_reaction": [{"type": "emoji", "emoji": emoji}] if emoji else [],
    }
    return Part("message_reaction", reaction)


def _button(scene: Scene) -> Part:
    title = scene.text or "Yes"
    message = {
        "message_id": scene.target or scene.message_id,
        "from": scene.bot,
        "chat": private_chat(scene.user_id, scene.person),
        "date": scene.date,
        "text": "Choose",
        "reply_markup": {"inline_keyboard": [[{"text": title, "callback_data": title}]]},
    }
    query = {
        "id": scene.unique,
        "from": user(scene.user_id, scene.person),
        "message": message,
        "chat_instance": f"-{scene.unique[::-1]}",
        "data": title,
    }
    return Part("callback_query", query)


def _member(status: str, before: str) -> Callable[[Scene], Part]:
    """A builder of changes in what the bot is to a customer."""

    def build(scene: Scene) -> Part:
        until = {"until_date": 0}
        change = {
            "chat": private_chat(scene.user_id, scene.person),
            "from": user(scene.user_id, scene.person),
            "date": scene.date,
            "old_chat_member": {"user": scene.bot, "status": before, **(until if before == "kicked" else {})},
            "new_chat_member": {"user": scene.bot, "status": status, **(until if status == "kicked" else {})},
        }
        return Part("my_chat_member", change)

    return build


def _target(scene: Scene) -> int:
    if scene.target is None:
        raise RefusedError("there is no earlier message: say which one in payload.message_id")
    return scene.target


KINDS: dict[str, Callable[[Scene], Part]] = {
    "text": _text,
    "start": _start,
    "image": _photo,
    "video": _media("video", "video", duration=2, width=640, height=480),
    "audio": _media("audio", "audio", duration=2, title="Sandbox"),
    "voice": _media("voice", "voice", duration=2),
    "document": _media("document", "document", file_name="document.pdf"),
    "sticker": _sticker,
    "location": _location,
    "contact": _contact,
    "edit": _edit,
    "reaction": _reaction,
    "button": _button,
    "follow": _member("member", before="kicked"),
    "unfollow": _member("kicked", before="member"),
}

ALIASES = {
    "photo": "image",
    "file": "document",
    "contacts": "contact",
    "callback": "button",
    "callback_query": "button",
    "postback": "button",
}
