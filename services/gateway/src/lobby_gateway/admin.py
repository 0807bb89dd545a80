"""`python -m lobby_gateway bootstrap` and `workspace create`: what must exist before anybody has a key.

Each prints one JSON line with `workspace_id` and `api_key`; the key is shown only then.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Mapping, Sequence

import asyncpg

from lobby_common import config as configuration
from lobby_common import postgres
from lobby_common.config import ConfigError, Secret
from lobby_common.errors import LobbyError
from lobby_common.events.log import Connection
from lobby_common.times import utc_now
from lobby_gateway import entropy, store, workspaces
from lobby_gateway.config import AdminConfig
from lobby_gateway.workspaces import NewOwner

COMMANDS = ("bootstrap", "workspace")
_FIRST_NAME = "Lobby"
_FIRST_TIME_ZONE = "UTC"


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> str:
    """Returns the JSON line of the command. SystemExit says what is wrong."""
    words = _parser().parse_args(arguments)
    try:
        config = configuration.read(AdminConfig, environ)
        owner = asyncio.run(_run(words, config.database_url))
    except (ConfigError, LobbyError, asyncpg.PostgresError, OSError) as error:
        raise SystemExit(f"gateway: {error}") from None
    return json.dumps({"workspace_id": owner.workspace_id, "api_key": owner.secret})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lobby_gateway")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("bootstrap", help="makes the first workspace; where there is one, another owner key of it")
    workspace = commands.add_parser("workspace", help="workspaces").add_subparsers(dest="verb", required=True)
    create = workspace.add_parser("create", help="makes a workspace and its owner key")
    create.add_argument("--display-name", required=True)
    create.add_argument("--time-zone", default=_FIRST_TIME_ZONE, help="IANA name of its days, such as Asia/Shanghai")
    return parser


async def _run(words: argparse.Namespace, database_url: Secret) -> NewOwner:
    pool = await postgres.create_pool(database_url.reveal(), schema="gateway", size=1)
    async with pool, pool.acquire() as conn, conn.transaction():
        if words.command == "bootstrap":
            return await _bootstrap(conn)
        return await workspaces.create_workspace(
            conn, words.display_name, words.time_zone, entropy.new_secret(), utc_now()
        )


async def _bootstrap(conn: Connection) -> NewOwner:
    """A workspace that is there keeps its keys: nobody may know them any more, so it gets one more."""
    found = await store.find_first_workspace(conn)
    if found is not None:
        return await workspaces.add_owner_key(conn, found, entropy.new_secret(), utc_now())
    return await workspaces.create_workspace(conn, _FIRST_NAME, _FIRST_TIME_ZONE, entropy.new_secret(), utc_now())
