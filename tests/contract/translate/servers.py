"""Stand-ins for translation servers, written from their documents: they check what is asked, and fail on demand."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Fault:
    """How the next request is answered: a status with a body, a body cut short, or not at all."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drop: bool = False


@dataclass
class Stub:
    """A server on the loopback; `wrong` holds what was wrong with requests."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    wrong: list[str] = field(default_factory=list)
    url: str = ""

    async def fault(self, request: web.Request) -> web.Response | None:
        """The answer of the next fault, if there is one."""
        if not self.faults:
            return None
        fault = self.faults.popleft()
        if fault.hang:
            await asyncio.Event().wait()
        if fault.drop and request.transport is not None:
            request.transport.close()
        return web.Response(status=fault.status, body=fault.body, headers=fault.headers)

    def check(self, right: bool, what: str) -> None:
        if not right:
            self.wrong.append(what)

    def application(self) -> web.Application:
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Stub"]:
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()


@dataclass
class LibreTranslateStub(Stub):
    """LibreTranslate 1.9: old names of languages, a key, at most 16 texts."""

    key: str = "a-key"

    LANGUAGES = ("en", "es", "pb", "zh", "zt", "vi")

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/languages", self._languages)
        app.router.add_post("/translate", self._translate)
        return app

    async def _languages(self, request: web.Request) -> web.Response:
        if (fault := await self.fault(request)) is not None:
            return fault
        return web.json_response(
            [{"code": code, "name": code, "targets": list(self.LANGUAGES)} for code in self.LANGUAGES]
        )

    async def _translate(self, request: web.Request) -> web.Response:
        self.check(request.content_type == "application/json", "content type")
        body = await request.json()
        self.asked.append(body)
        if (fault := await self.fault(request)) is not None:
            return fault
        self.check(set(body) <= {"q", "source", "target", "format", "api_key"}, "unknown field")
        self.check(body["source"] != "auto", "source auto applies one language to all")
        self.check(body["format"] == "text", "html damages newlines and apostrophes")
        self.check(isinstance(body["q"], list) and 0 < len(body["q"]) <= 16, "batch size")
        if body.get("api_key") != self.key:
            return web.json_response({"error": "Please contact the server operator to get an API key"}, status=403)
        if not {body["source"], body["target"]} <= set(self.LANGUAGES):
            return web.json_response({"error": f"{body['target']} is not supported"}, status=400)
        translated = [_fake(text, body["target"]) for text in body["q"]]
        return web.json_response({"translatedText": translated, "alternatives": []})


@dataclass
class ApertiumStub(Stub):
    """Apertium-APy 0.11: pairs in ISO 639-3, one text a call, unknown words marked unless told not to."""

    PAIRS = (("eng", "spa"), ("spa", "eng"), ("spa", "por"), ("por", "spa"), ("ind", "zlm"), ("rus", "ukr"))

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/listPairs", self._pairs)
        app.router.add_post("/translate", self._translate)
        return app

    async def _pairs(self, request: web.Request) -> web.Response:
        if (fault := await self.fault(request)) is not None:
            return fault
        listed = [{"sourceLanguage": source, "targetLanguage": target} for source, target in self.PAIRS]
        return web.json_response({"responseData": listed, "responseDetails": None, "responseStatus": 200})

    async def _translate(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        self.asked.append(form)
        if (fault := await self.fault(request)) is not None:
            return fault
        self.check(form.get("markUnknown") == "no", "unknown words are shown to people with a star")
        self.check(form.get("format") == "txt", "format")
        pair = tuple(str(form["langpair"]).split("|"))
        if pair == ("rus", "ukr"):
            return _apy_error(503, "internal error")
        if pair not in self.PAIRS:
            return _apy_error(400, "That pair is not installed")
        data = {"translatedText": _fake(str(form["q"]), pair[1])}
        return web.json_response({"responseData": data, "responseDetails": None, "responseStatus": 200})


def _apy_error(status: int, explanation: str) -> web.Response:
    body = {"status": "error", "code": status, "message": "Error", "explanation": explanation}
    return web.json_response(body, status=status)


def _fake(text: str, target: str) -> str:
    words = {"pb": "sapato", "spa": "zapato", "es": "zapato", "zh": "鞋", "zlm": "kasut"}
    return text.replace("shoe", words.get(target, target)).replace("where", "onde")
