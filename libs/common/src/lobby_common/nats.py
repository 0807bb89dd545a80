"""NATS: one connection per service, as its own user."""

from urllib.parse import unquote, urlsplit

import nats as nats_py
import structlog
from nats.aio.client import Client

_LOG = structlog.get_logger("nats")


async def connect(url: str, name: str) -> Client:
    """Returns a client that reconnects for ever, to any server of a cluster of which `url` names some, with commas.

    Its inboxes are below its own user's name (least rights).
    """
    servers = [urlsplit(each.strip()) for each in url.split(",")]
    first = servers[0]
    user = first.username or name

    async def disconnected() -> None:
        _LOG.warning("nats_disconnected")

    async def reconnected() -> None:
        _LOG.info("nats_reconnected")

    async def failed(error: Exception) -> None:
        _LOG.warning("nats_error", error=type(error).__name__)

    return await nats_py.connect(
        [each._replace(netloc=each.netloc.rpartition("@")[2]).geturl() for each in servers],
        # Not in the addresses: servers that the cluster tells of have none there, and would refuse us for good.
        user=unquote(first.username) if first.username else None,
        password=unquote(first.password) if first.password else None,
        name=name,
        inbox_prefix=f"_INBOX.{user}".encode(),
        connect_timeout=5,
        reconnect_time_wait=0.25,
        max_reconnect_attempts=-1,
        ping_interval=5,
        max_outstanding_pings=3,
        error_cb=failed,
        disconnected_cb=disconnected,
        reconnected_cb=reconnected,
    )
