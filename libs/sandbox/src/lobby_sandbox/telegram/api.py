"""The Bot API: sends, small courtesies, files and the webhook's settings."""

from typing import TYPE_CHECKING, Any

from lobby_sandbox.accounts import Accounts
from lobby_sandbox.contract import Account, Answer, Call, Purpose
from lobby_sandbox.media import Media
from lobby_sandbox.merge import Json
from lobby_sandbox.mint import Mint
from lobby_sandbox.people import digest
from lobby_sandbox.telegram import chats, requests
from lobby_sandbox.telegram.memory import Memory, Settings
from lobby_sandbox.telegram.requests import BotError, arguments

if TYPE_CHECKING:
    from collections.abc import Callable

_COURTESIES = frozenset(
    {
        *("answercallbackquery", "sendchataction", "deletemessage", "deletemessages", "setmessagereaction"),
        *("setmycommands", "setchatmenubutton", "pinchatmessage", "logout", "close"),
    }
)
_SETUP = frozenset({"setwebhook", "deletewebhook"})
_EDITS = frozenset({"editmessagetext", "editmessagecaption", "editmessagereplymarkup"})

# What of a send's arguments shows in the message that comes of it.
_ECHOED = ("text", "caption", "latitude", "longitude")


def _split(call: Call) -> tuple[str, str]:
    """The token and the method, lower case: method names are case-insensitive."""
    head, _, method = call.path.partition("/")
    return head.removeprefix("bot"), method.lower()


class BotApi:
    """Answers calls; a bot that nobody registered is served as well."""

    def __init__(self, accounts: Accounts, memory: Memory, mint: Mint) -> None:
        self._accounts = accounts
        self._memory = memory
        self._mint = mint
        self._methods: dict[str, Callable[[str, Json], Any | BotError]] = {
            "getme": self._get_me,
            "getfile": self._get_file,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._webhook_info,
            "getchat": self._get_chat,
        }

    def caller(self, call: Call) -> Account | None:
        """The bot whose token is in the path."""
        path = call.path.removeprefix("file/")
        owned = self._accounts.with_token(path.partition("/")[0].removeprefix("bot"))
        return owned[0] if owned else None

    def purpose(self, call: Call) -> Purpose:
        """By the method."""
        method = _split(call)[1]
        if method in requests.SENDS:
            return "send"
        return "setup" if method in _SETUP else "other"

    def answer(self, call: Call) -> Answer:
        """What the Bot API answers."""
        if call.path.startswith("file/bot"):
            return self._download(call)
        token, method = _split(call)
        if (error := self._refuse_call(call, token)) is not None:
            return _refuse(error)
        return self._serve(token, method, arguments(call))

    def _refuse_call(self, call: Call, token: str) -> BotError | None:
        """Why no method is even looked for, or None."""
        if not call.path.startswith("bot") or "/" not in call.path:
            return requests.NOT_FOUND
        if self.caller(call) is None and not requests.good_token(token):
            return requests.INVALID_TOKEN
        return requests.BROKEN_JSON if call.broken else None

    def _serve(self, token: str, method: str, given: Json) -> Answer:
        if method in requests.SENDS:
            return self._send(token, method, given)
        if method in _EDITS:
            return self._edit(token, method, given)
        if method in _COURTESIES:
            return _result(result=True)
        if (handle := self._methods.get(method)) is None:
            return _refuse(requests.NO_METHOD)
        result = handle(token, given)
        return _refuse(result) if isinstance(result, BotError) else _result(**result)

    def _send(self, token: str, method: str, given: Json) -> Answer:
        chat_id = self._open_chat(token, given)
        if isinstance(chat_id, BotError):
            return _refuse(chat_id)
        if (error := requests.refuse_send(method, given)) is not None:
            return _refuse(error)
        if method == "sendmediagroup":
            group = self._mint.digits(17)
            album = [
                self._message(token, chat_id, part if isinstance(part, dict) else {}) | {"media_group_id": group}
                for part in requests.album_of(given)
            ]
            return _result(tuple(str(message["message_id"]) for message in album), result=album)
        message = self._message(token, chat_id, given)
        return _result((str(message["message_id"]),), result=message)

    def _edit(self, token: str, method: str, given: Json) -> Answer:
        chat_id = self._open_chat(token, given)
        error = chat_id if isinstance(chat_id, BotError) else requests.refuse_send(method, given)
        if isinstance(chat_id, BotError) or error is not None:
            return _refuse(error or requests.NO_CHAT)
        number = str(given.get("message_id") or "")
        if not number.isdigit():
            return _refuse(requests.bad("message identifier is not specified"))
        edited = self._shown(token, chat_id, given) | {"message_id": int(number)}
        return _result(result=edited | {"edit_date": int(self._mint.now().timestamp())})

    def _open_chat(self, token: str, given: Json) -> int | BotError:
        """The chat, if its customer did not block the bot."""
        chat_id = requests.chat_id_of(given)
        blocked = not isinstance(chat_id, BotError) and self._memory.blocked.get((token, chat_id))
        return requests.BLOCKED if blocked else chat_id

    def _message(self, token: str, chat_id: int, given: Json) -> Json:
        """A new message of the bot, remembered as its last one in this chat."""
        message_id = self._mint.next(f"telegram message {chats.bot_id_of(token)}")
        self._memory.sent.put((token, chat_id), message_id)
        return {"message_id": message_id, **self._shown(token, chat_id, given)}

    def _shown(self, token: str, chat_id: int, given: Json) -> Json:
        shown = {name: given[name] for name in _ECHOED if name in given}
        place = {name: _float(shown.pop(name)) for name in ("latitude", "longitude") if name in shown}
        return {
            "from": chats.bot_user(token),
            "chat": self._chat(chat_id),
            "date": int(self._mint.now().timestamp()),
            **shown,
            **({"location": place} if place else {}),
        }

    def _chat(self, chat_id: int) -> Json:
        if chat_id < 0:
            return chats.group_chat(chat_id)
        return chats.private_chat(chat_id, self._memory.people.person(str(chat_id)))

    def _get_me(self, token: str, _: Json) -> Json:
        rights = {
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }
        return {"result": chats.bot_user(token) | rights}

    def _get_chat(self, _: str, given: Json) -> Json | BotError:
        chat_id = requests.chat_id_of(given)
        if isinstance(chat_id, BotError):
            return chat_id
        return {"result": self._chat(chat_id) | self._photo(chat_id)}

    def _photo(self, chat_id: int) -> Json:
        """The customer's picture, which can be downloaded from now on."""
        picture = self._memory.people.person(str(chat_id)).picture
        if picture is None:
            return {}
        file_ids = {size: f"AQAD{digest('telegram photo', str(chat_id), size):064x}" for size in ("small", "big")}
        for file_id in file_ids.values():
            self._memory.media.put(file_id, Media("image/jpeg", "jpg", picture))
        shown = {f"{size}_file_id": file_id for size, file_id in file_ids.items()}
        unique = {f"{size}_file_unique_id": file_id[-12:] for size, file_id in file_ids.items()}
        return {"photo": shown | unique}

    def _get_file(self, _: str, given: Json) -> Json | BotError:
        file_id = str(given.get("file_id") or "")
        if not file_id:
            return requests.bad("file_id not specified")
        if (media := self._memory.media.get(file_id)) is None:
            return requests.NO_FILE
        result = {
            "file_id": file_id,
            "file_unique_id": f"AQAD{file_id[-8:]}",
            "file_size": len(media.content),
            "file_path": f"files/{file_id}.{media.suffix}",
        }
        return {"result": result}

    def _download(self, call: Call) -> Answer:
        """A file at the path that getFile told."""
        name = call.path.rpartition("/")[2]
        media = self._memory.media.get(name.partition(".")[0])
        if media is None:
            return _refuse(requests.NOT_FOUND)
        return Answer(200, media.content, {"Content-Type": "application/octet-stream"})

    def _set_webhook(self, token: str, given: Json) -> Json | BotError:
        if not given.get("url"):
            return self._delete_webhook(token, given)
        if (error := requests.refuse_webhook(given)) is not None:
            return error
        before = self._memory.settings(token)
        allowed = given.get("allowed_updates")
        after = Settings(
            url=str(given["url"]),
            secret=str(given.get("secret_token") or ""),
            allowed_updates=tuple(allowed) if isinstance(allowed, list) else before.allowed_updates,
            max_connections=_number(given.get("max_connections"), 40),
        )
        self._memory.webhooks.put(token, after)
        told = "Webhook is already set" if before == after else "Webhook was set"
        return {"result": True, "description": told}

    def _delete_webhook(self, token: str, _: Json) -> Json:
        was_set = bool(self._memory.settings(token).url)
        self._memory.webhooks.put(token, Settings())
        return {"result": True, "description": f"Webhook {'was' if was_set else 'is already'} deleted"}

    def _webhook_info(self, token: str, _: Json) -> Json:
        settings = self._memory.webhooks.get(token)
        if settings is None:  # whoever registered the bot here did what setWebhook does
            owned = self._accounts.with_token(token)
            settings = Settings(url=owned[0].webhook_url if owned else "")
        info: Json = {"url": settings.url, "has_custom_certificate": False, "pending_update_count": 0}
        if settings.url:
            info["max_connections"] = settings.max_connections
        if settings.allowed_updates:
            info["allowed_updates"] = list(settings.allowed_updates)
        return {"result": info}


def _result(message_ids: tuple[str, ...] = (), **result: Any) -> Answer:
    return Answer(200, {"ok": True, **result}, message_ids=message_ids)


def _refuse(error: BotError) -> Answer:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return Answer(error.code, error.body(), headers)


def _number(value: Any, default: int) -> int:
    """A number that may have come as text."""
    return int(str(value)) if str(value).isascii() and str(value).isdigit() else default


def _float(value: Any) -> float:
    """A coordinate; Telegram reads as 0 what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
