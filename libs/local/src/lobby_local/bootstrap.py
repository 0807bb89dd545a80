"""The first workspace and its owner's key: made once by the gateway, kept in the home."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from lobby_local.home import Home, write_private
from lobby_local.tool import run_tool


@dataclass(frozen=True, slots=True)
class Owner:
    """The credential with which everything else can be made."""

    workspace_id: str
    api_key: str


def known_owner(home: Home) -> Owner | None:
    """The owner of an earlier run in this home."""
    if not home.owner.exists():
        return None
    return Owner(**json.loads(home.owner.read_text()))


async def make_owner(home: Home, gateway: Sequence[str], env: Mapping[str, str]) -> Owner:
    """The gateway has made the first workspace; its key is kept. Raises ToolFailedError."""
    output = await run_tool([*gateway, "bootstrap"], env, log=home.log("bootstrap"))
    said = json.loads(output.strip().splitlines()[-1])
    owner = Owner(workspace_id=said["workspace_id"], api_key=said["api_key"])
    write_private(home.owner, json.dumps(asdict(owner), indent=2) + "\n")
    return owner
