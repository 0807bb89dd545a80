"""An Apertium-APy server: rule-based, one text a call, pairs as installed there."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lobby_translate.languages import APERTIUM
from lobby_translate.providers.contract import Answer, Failure, Pair
from lobby_translate.providers.directory import Codes, Directory
from lobby_translate.providers.http import Http, Refusal

_LISTING_SECONDS: Final = 5.0


class Apertium:
    """The server at an address."""

    name = "apertium"
    max_items = 16
    max_chars = 2000

    def __init__(self, url: str) -> None:
        self._http = Http(url)
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
            every = APERTIUM.tags
            codes = (APERTIUM.code(source, every), APERTIUM.code(target, every))
            return codes if all(codes) else None
        return listed.get((source, target)) or listed.get((_bare(source), _bare(target)))

    async def translate(self, source: str, target: str, texts: Sequence[str], seconds: float) -> list[Answer]:
        """Answers in the order of the texts; the calls run side by side."""
        codes = self._codes(source, target)
        if codes is None:
            return [Failure("unsupported_pair") for _ in texts]
        return list(await asyncio.gather(*(self._one(codes, text, seconds) for text in texts)))

    async def _one(self, codes: Codes, text: str, seconds: float) -> Answer:
        form = {"langpair": "|".join(codes), "q": text, "markUnknown": "no", "format": "txt"}
        try:
            answer = await self._http.post("/translate", seconds, data=form)
        except Refusal as refusal:
            # 400 is said of pairs that are not installed, and of nothing else that we send.
            unknown = refusal.failure.kind == "bad_request"
            return Failure("unsupported_pair") if unknown else refusal.failure
        return _translated(answer)

    async def _list(self) -> Mapping[Pair, Codes]:
        answer = await self._http.get("/listPairs", _LISTING_SECONDS)
        listed = answer.get("responseData") if isinstance(answer, dict) else None
        if not isinstance(listed, list):
            raise Refusal(Failure("unavailable"))
        found: dict[Pair, Codes] = {}
        for each in listed:
            codes = (
                (str(each.get("sourceLanguage")), str(each.get("targetLanguage")))
                if isinstance(each, dict)
                else ("", "")
            )
            pair = (APERTIUM.tag(codes[0]), APERTIUM.tag(codes[1]))
            if all(pair):
                found.setdefault(pair, codes)
        return found

    async def close(self) -> None:
        """Its connections are closed."""
        await self._http.close()


def _translated(answer: Any) -> Answer:
    data = answer.get("responseData") if isinstance(answer, dict) else None
    text = data.get("translatedText") if isinstance(data, dict) else None
    return text if isinstance(text, str) else Failure("bad_output")


def _bare(tag: str) -> str:
    """The tag without its region."""
    language, _, rest = tag.partition("-")
    return language if len(rest) == 2 else tag  # noqa: PLR2004 -- a region
