"""What a user would write instead of Lobby: one endpoint, one INSERT, one commit per webhook (interface.md)."""

import asyncio
import sys

import asyncpg
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server


async def main(url: str, port: int) -> None:
    pool = await asyncpg.create_pool(url, min_size=8, max_size=16)

    async def app(scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        await pool.execute("INSERT INTO bare (body) VALUES ($1)", body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    await Server(app, port=port, interface=Interfaces.ASGINL, log_enabled=False, websockets=False).serve()


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
