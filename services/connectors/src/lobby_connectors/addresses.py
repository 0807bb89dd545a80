"""Where we let requests go: addresses that workspaces give must not lead into our own network (SSRF)."""

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from lobby_common.errors import Invalid


class AddressRules:
    """Checks addresses by their text; `GuardedResolver` checks again what their names lead to."""

    def __init__(self, *, allow_private: bool) -> None:
        self.allow_private = allow_private

    def api_base(self, url: str) -> str:
        """Returns a base address without its last slash, "" for none. Raises Invalid API_BASE_URL_REFUSED."""
        if not url:
            return ""
        return self._checked(url, "API_BASE_URL_REFUSED", "api_base_url", https_only=True).rstrip("/")

    def attachment(self, url: str, *, https_only: bool) -> str:
        """Returns a file's address. Raises Invalid ATTACHMENT_URL_REFUSED."""
        return self._checked(url, "ATTACHMENT_URL_REFUSED", "the attachment's url", https_only=https_only)

    def _checked(self, url: str, reason: str, what: str, *, https_only: bool) -> str:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            raise Invalid(reason, f"{what} is no address") from None
        private = is_private(host)
        if not host or parts.username is not None or any(ord(char) <= ord(" ") for char in url):
            raise Invalid(reason, f"{what} must be an address without user name or blanks")
        if private and not self.allow_private:
            raise Invalid(reason, f"{what} leads into a private network")
        plain_allowed = (private and self.allow_private) or not https_only
        if parts.scheme != "https" and not (parts.scheme == "http" and plain_allowed):
            raise Invalid(reason, f"{what} must begin with https://")
        return url


def is_private(host: str) -> bool:
    """Returns whether a host as it is written is one of ours: a name of this machine, or no global address."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not is_global(host)
    except ValueError:
        # Not an address in its usual form. The old forms (0x7f.1, 2130706433) mean addresses too.
        try:
            return not is_global(socket.inet_ntoa(socket.inet_aton(host)))
        except OSError:
            return False


def is_global(address: str) -> bool:
    """Returns whether an IP address can be reached by everybody. ValueError where it is none."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (inner is None or bool(inner.is_global))


class GuardedResolver(AbstractResolver):
    """Resolves names, and forgets every address that is not global: a name can be made to lead anywhere."""

    def __init__(self, *, allow_private: bool) -> None:
        self._resolver = ThreadedResolver()
        self._allow_private = allow_private

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> list[ResolveResult]:
        """Returns the addresses of a name. Raises OSError where none is left."""
        found = await self._resolver.resolve(host, port, family)
        allowed = [each for each in found if self._allow_private or is_global(each["host"])]
        if not allowed:
            raise OSError(f"{host} leads into a private network")
        return allowed

    async def close(self) -> None:
        """Nothing is held."""
        await self._resolver.close()
