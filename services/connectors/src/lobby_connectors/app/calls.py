"""Calls of platforms, set up so that they can only go where they may."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from aiohttp import ClientSession, ClientTimeout, ConnectionTimeoutError, DummyCookieJar, TCPConnector
from aiohttp.connector import Connection

from lobby_connectors.addresses import GuardedResolver
from lobby_connectors.domain.accounts import Account
from lobby_connectors.platforms import interface
from lobby_connectors.platforms.registry import PLATFORMS

_CONNECT_SECONDS = 5.0


def _always() -> bool:
    return True


MAY_BEGIN: ContextVar[Callable[[], bool]] = ContextVar("MAY_BEGIN", default=_always)
"""Asked when the line stands and nothing has left yet: after it says no, the call does not begin."""


class _Connector(TCPConnector):
    """A process that stood still while it connected must not go on as if nothing had happened."""

    async def connect(self, *arguments: Any, **named: Any) -> Connection:
        connection = await super().connect(*arguments, **named)
        if not MAY_BEGIN.get()():
            connection.close()
            raise ConnectionTimeoutError("too late to begin")
        return connection


def open_session(*, timeout: float, allow_private: bool) -> ClientSession:
    """Returns a session for all platforms. The caller closes it.

    Each call has a connection of its own: on one that the platform closes just then a send would end in
    "nobody knows", and staff would be asked for nothing.
    """
    connector = _Connector(
        resolver=GuardedResolver(allow_private=allow_private), force_close=True, limit=0, use_dns_cache=True
    )
    return ClientSession(
        connector=connector,
        timeout=ClientTimeout(total=timeout, connect=_CONNECT_SECONDS, sock_connect=_CONNECT_SECONDS),
        cookie_jar=DummyCookieJar(),
        headers={"User-Agent": "lobby-connectors"},
    )


def account_of(account: Account) -> interface.Account:
    """Returns what a platform's client needs of an account."""
    scope = PLATFORMS[account.platform].user_scope(account.settings, account.workspace_id)
    return interface.Account(account.account_id, account.credentials, account.api_base_url, scope)
