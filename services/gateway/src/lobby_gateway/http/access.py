"""Who is asking: credentials of HTTP requests, and what they may do."""

import time
from collections.abc import Mapping

from starlette.requests import HTTPConnection

from lobby.options.v1.options_pb2 import PERMISSION_PUBLIC
from lobby_common.caller import Caller
from lobby_gateway import problems, roles
from lobby_gateway.domain import Principal
from lobby_gateway.keyring import Keyring
from lobby_gateway.limits import Limiter
from lobby_gateway.problems import Problem

NOBODY = Principal(workspace_id="", key_id="", role=roles.NOBODY, agent_id="", agents_see_identifiers=False)
"""Who asks what is public. Services refuse to do anything for a caller without a workspace."""


class Denied(Exception):
    """The request is answered with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


class Access:
    """Lets in those whose key holds, as often as it may ask."""

    def __init__(self, keyring: Keyring, limiter: Limiter) -> None:
        self._keyring = keyring
        self._limiter = limiter

    async def enter(self, secret: str, permission: int) -> Principal:
        """Returns who is asking; for what is public nobody, and no key is looked at.

        Raises Denied: 401, 403 or 429; LobbyError where keys cannot be looked up.
        """
        if permission == PERMISSION_PUBLIC:
            return NOBODY
        if not secret:
            raise Denied(problems.no_credential())
        principal = await self._keyring.principal(secret)
        if principal is None:
            raise Denied(problems.bad_credential())
        if not roles.may(principal.role, permission):
            raise Denied(problems.not_permitted(principal.role))
        seconds = self._limiter.wait(principal.holder, time.monotonic())
        if seconds:
            raise Denied(problems.too_many(seconds))
        return principal

    async def still_holds(self, secret: str, principal: Principal) -> bool:
        """Returns whether the key still stands for the same. Raises LobbyError."""
        return await self._keyring.principal(secret) == principal


def check_sheet(principal: Principal, ids: Mapping[str, str], reason: str) -> None:
    """Raises Denied 404 where a partner names a sheet that is not shared with him; the counter would say the same."""
    if principal.role == roles.PARTNER and ids.get("sheet_id", principal.sheet_id) != principal.sheet_id:
        raise Denied(problems.unknown_id(reason))


def bearer(connection: HTTPConnection) -> str:
    """Returns the key of the Authorization header, "" where there is none."""
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def caller_of(principal: Principal) -> Caller:
    """Returns the caller as whom services are asked: of a partner they know the link, whichever key it gave him."""
    return Caller(
        workspace_id=principal.workspace_id,
        role=principal.role,
        agent_id=principal.agent_id,
        key_id=principal.holder,
        sheet_id=principal.sheet_id,
    )
