"""Requests to a platform's own API, as its stand-in sees them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import BodyPartReader, MultipartReader, web

from lobby_sandbox.contract import Call


async def read_call(request: web.Request, platform: str) -> Call:
    """The whole request."""
    body, broken = await _read_body(request)
    return Call(
        method=request.method,
        path=request.match_info["path"],
        query=_last_values(request.query.items()),
        headers=request.headers,
        body=body,
        broken=broken,
        base_url=f"{request.scheme}://{request.host}/{platform}",
    )


async def _read_body(request: web.Request) -> tuple[Any, bool]:
    """The value of the body, and whether it failed to be what its type promises."""
    try:
        if request.content_type == "multipart/form-data":
            return await _read_parts(await request.multipart()), False
        if request.content_type == "application/x-www-form-urlencoded":
            return _last_values((await request.post()).items()), False
        raw = await request.read()
        return (msgspec.json.decode(raw), False) if raw.strip() else (None, False)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return None, True


async def _read_parts(reader: MultipartReader) -> dict[str, Any]:
    """The fields of a form; of a file only what it is called and how large it is."""
    fields: dict[str, Any] = {}
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        content = await part.read(decode=True)
        if part.filename is None:
            fields[part.name] = content.decode(errors="replace")
        else:
            content_type = part.headers.get("Content-Type", "application/octet-stream")
            file = {"file_name": part.filename, "content_type": content_type, "size": len(content)}
            fields[part.name] = file
    return fields


def _last_values(items: Any) -> Mapping[str, Any]:
    return dict(items)
