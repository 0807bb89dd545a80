"""TranslateService: proto in, use-case, proto out."""

import asyncpg

from lobby.translate.v1 import translate_service_pb2 as pb
from lobby.translate.v1.translate_service_pb2_grpc import TranslateServiceServicer
from lobby_common import caller
from lobby_common.errors import Invalid
from lobby_common.rpc.server import Context, time_left
from lobby_translate import listing, reading, replying
from lobby_translate.languages import canonical
from lobby_translate.telling import to_proto
from lobby_translate.translator import Translator

_MARGIN = 0.1
"""Seconds that stay for the answer's way back."""


class TranslateApi(TranslateServiceServicer):
    """Answers calls."""

    def __init__(self, pool: asyncpg.Pool, translator: Translator) -> None:
        self._pool = pool
        self._translator = translator

    async def TranslateReply(self, request: pb.TranslateReplyRequest, context: Context) -> pb.TranslateReplyResponse:
        """Returns the answer in the customer's language. UNKNOWN_LANGUAGE."""
        reply = replying.Reply(
            workspace_id=caller.current().workspace_id,
            text=request.text,
            language=_language(request.language) if request.language else "",
            account_id=request.account_id,
            chat=request.chat,
            agent_languages=tuple(request.agent_languages),
        )
        rendering = await replying.translate(self._pool, self._translator, reply, _seconds(replying.SECONDS))
        return pb.TranslateReplyResponse(translation=to_proto(rendering))

    async def TranslateMessages(
        self, request: pb.TranslateMessagesRequest, context: Context
    ) -> pb.TranslateMessagesResponse:
        """Returns a translation per message, or why it is not there. UNKNOWN_LANGUAGE."""
        _language(request.language)
        texts = [(each.message_id, each.text.replace("\x00", "")) for each in request.messages]
        page = reading.Page(caller.current().workspace_id, request.language, texts)
        renderings = await reading.translate(self._pool, self._translator, page, _seconds(reading.SECONDS))
        return pb.TranslateMessagesResponse(translations=[to_proto(each) for each in renderings])

    async def ListLanguages(self, request: pb.ListLanguagesRequest, context: Context) -> pb.ListLanguagesResponse:
        """Returns the pairs that are served now, by whom."""
        pairs = listing.pairs(self._translator.chain)
        return pb.ListLanguagesResponse(
            languages=[
                pb.LanguagePair(source=source, target=target, providers=providers)
                for (source, target), providers in pairs.items()
            ]
        )


def _language(tag: str) -> str:
    """The tag as it is written here."""
    if not canonical(tag):
        raise Invalid("UNKNOWN_LANGUAGE", f"{tag!r} is no language tag (BCP 47)")
    return canonical(tag)


def _seconds(most: float) -> float:
    """What the work may take: its own limit, or what the caller still waits."""
    left = time_left()
    return most if left is None else max(min(most, left - _MARGIN), 0.05)
