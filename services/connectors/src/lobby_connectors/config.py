"""The environment of connectors, read once."""

from dataclasses import dataclass

from lobby_common.config import Secret, ServiceConfig, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ServiceConfig):
    """What connectors needs beside what every service needs."""

    master_key: Secret = setting(
        env="LOBBY_MASTER_KEY",
        doc="Key that seals channel credentials: base64 of 32 random bytes (`openssl rand -base64 32`)",
    )
    old_master_keys: Secret = setting(
        Secret(""),
        env="LOBBY_OLD_MASTER_KEYS",
        doc="Former master keys, separated by commas: they still open what they sealed",
    )
    public_url: str = setting(
        "http://127.0.0.1:8080", env="LOBBY_PUBLIC_URL", doc="Address of the gateway as platforms reach it"
    )
    allow_private_api_base: bool = setting(
        False,
        env="LOBBY_ALLOW_PRIVATE_API_BASE",
        doc="1 lets accounts and attachments name private addresses, for a sandbox on this machine",
    )
    ingest_transactions: int = setting(
        3, env="LOBBY_INGEST_TRANSACTIONS", doc="Most ingest transactions at once; further micro-batches wait"
    )
    spool_mb: int = setting(
        1024, env="LOBBY_SPOOL_MB", doc="Webhooks that the broker keeps while the database is away, in MiB at most"
    )
    send_concurrency: int = setting(32, env="LOBBY_SEND_CONCURRENCY", doc="Most calls of platforms at once")
    send_timeout: float = setting(20.0, env="LOBBY_SEND_TIMEOUT", doc="Seconds that a call of a platform may take")
    send_attempts: int = setting(
        0,
        env="LOBBY_SEND_ATTEMPTS",
        doc="Tries of a send that surely did not arrive, before it counts as failed; 0: until the reply window closes",
    )
