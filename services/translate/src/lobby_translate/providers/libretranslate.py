"""A LibreTranslate server. It is AGPL: a server of its own, never imported."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lobby_translate.languages import LIBRETRANSLATE
from lobby_translate.providers.contract import Answer, Failure, Pair
from lobby_translate.providers.directory import Codes, Directory
from lobby_translate.providers.http import Http, Refusal

_LISTING_SECONDS: Final = 5.0
_UNSUPPORTED: Final = ("not supported", "not available", "unsupported")


class LibreTranslate:
    """The server at an address, with a key where it wants one."""

    name = "libretranslate"
    max_items = 16
    max_chars = 2000

    def __init__(self, url: str, key: str = "") -> None:
        self._http = Http(url)
        self._key = key
        self.directory = Directory(self.name, self._list)

    def pairs(self) -> frozenset[Pair]:
        """The pairs that the server listed."""
        return frozenset(self.directory.pairs or ())

    def serves(self, source: str, target: str) -> bool:
        """The server listed the pair, or was not heard yet and could serve it."""
        return self._codes(source, target) is not None

    def _codes(self, source: str, target: str) -> Codes | None:
        listed = self.directory.pairs
        if listed is None:
            every = LIBRETRANSLATE.tags
        elif (source, target) in listed:
            return listed[source, target]
        else:
            every = {code: "" for codes in listed.values() for code in codes}
        codes = (LIBRETRANSLATE.code(source, every), LIBRETRANSLATE.code(target, every))
        if not all(codes) or (listed is not None and codes not in listed.values()):
            return None
        return codes

    async def translate(self, source: str, target: str, texts: Sequence[str], seconds: float) -> list[Answer]:
        """Answers in the order of the texts, in one call. The source is always named: "auto" is guessed once a call."""
        codes = self._codes(source, target)
        if codes is None:
            return [Failure("unsupported_pair") for _ in texts]
        body: dict[str, Any] = {"q": list(texts), "source": codes[0], "target": codes[1], "format": "text"}
        if self._key:
            body["api_key"] = self._key
        try:
            answer = await self._http.post("/translate", seconds, json=body)
        except Refusal as refusal:
            return [_failure(refusal) for _ in texts]
        given = answer.get("translatedText") if isinstance(answer, dict) else None
        if not isinstance(given, list) or len(given) != len(texts):
            return [Failure("bad_output") for _ in texts]
        return [text if isinstance(text, str) else Failure("bad_output") for text in given]

    async def _list(self) -> Mapping[Pair, Codes]:
        answer = await self._http.get("/languages", _LISTING_SECONDS)
        if not isinstance(answer, list):
            raise Refusal(Failure("unavailable"))
        found: dict[Pair, Codes] = {}
        for each in answer:
            if not isinstance(each, dict) or not isinstance(each.get("targets"), list):
                continue
            for target in each["targets"]:
                codes = (str(each.get("code")), str(target))
                pair = (LIBRETRANSLATE.tag(codes[0]), LIBRETRANSLATE.tag(codes[1]))
                if all(pair) and pair[0] != pair[1]:
                    found.setdefault(pair, codes)
        return found

    async def close(self) -> None:
        """Its connections are closed."""
        await self._http.close()


def _failure(refusal: Refusal) -> Failure:
    if refusal.failure.kind == "bad_request" and any(word in refusal.message.lower() for word in _UNSUPPORTED):
        return Failure("unsupported_pair")
    return refusal.failure
