"""The engine's own process: reads requests from standard input, answers on standard output, dies with its parent.

Started as `python -m lobby_translate.providers.engine PARENT_PID MEMORY_MB`, a fresh interpreter, because the engine
holds the GIL while it computes and must stay on the thread that made it. Both ways run frames: four bytes of length
(big endian), then JSON. It imports nothing of ours, so that it starts in a tenth of a second.

    {"id": 1, "files": {"model": …, "shortlist": …, "source_vocab": …, "target_vocab": …}, "texts": ["…"]}
    {"id": 1, "texts": ["…"], "rss_mb": 62}   or   {"id": 1, "error": "…"}
"""

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, Final

from fxtranslate import Translator

_PR_SET_PDEATHSIG: Final = 1
_LOADED_AT_MOST: Final = 4
"""Directions kept in memory, some 50 MB each; the one used longest ago goes first."""


def main() -> None:
    """Answers until standard input ends."""
    parent, memory_mb = int(sys.argv[1]), int(sys.argv[2])
    _die_with(parent)
    _bound(memory_mb)
    # What the engine prints must not get between the frames.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    translators: OrderedDict[str, Translator] = OrderedDict()
    while (request := _read(sys.stdin.buffer)) is not None:
        _write(answers, _answer(translators, request))


def _die_with(parent: int) -> None:
    """The kernel kills this process when its parent dies; at once where that has happened already."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _bound(memory_mb: int) -> None:
    """A runaway allocation ends this process, not the machine."""
    most = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _answer(translators: "OrderedDict[str, Translator]", request: dict[str, Any]) -> dict[str, Any]:
    try:
        translator = _translator(translators, request["files"])
        texts = [translator.translate_long(text) for text in request["texts"]]
    except (OSError, ValueError, MemoryError) as error:
        return {"id": request["id"], "error": f"{type(error).__name__}: {error}"[:200]}
    return {"id": request["id"], "texts": texts, "rss_mb": _rss_mb()}


def _translator(translators: "OrderedDict[str, Translator]", files: dict[str, str]) -> Translator:
    name = files["model"]
    if name not in translators:
        while len(translators) >= _LOADED_AT_MOST:
            translators.popitem(last=False)
        shortlist = Path(files["shortlist"]).read_bytes() if files.get("shortlist") else None
        translators[name] = Translator(
            Path(name).read_bytes(),
            Path(files["source_vocab"]).read_bytes(),
            Path(files["target_vocab"]).read_bytes(),
            shortlist,
        )
    translators.move_to_end(name)
    return translators[name]


def _rss_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // (1024 * 1024)


def _read(source: BinaryIO) -> dict[str, Any] | None:
    head = source.read(4)
    if len(head) < 4:  # noqa: PLR2004 -- the length itself
        return None
    body = source.read(struct.unpack(">I", head)[0])
    frame: dict[str, Any] = json.loads(body)
    return frame


def _write(out: BinaryIO, frame: dict[str, Any]) -> None:
    body = json.dumps(frame).encode()
    out.write(struct.pack(">I", len(body)) + body)
    out.flush()


if __name__ == "__main__":
    main()
