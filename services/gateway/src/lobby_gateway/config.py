"""What the gateway is told by its environment."""

from dataclasses import dataclass

from lobby_common.config import Secret, ServiceConfig, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(ServiceConfig):
    """Everything the gateway can be told."""

    master_key: Secret = setting(
        env="LOBBY_MASTER_KEY", doc="32 bytes in base64; repeated requests for a key get their secret by it"
    )
    rate_per_second: float = setting(
        200.0, env="LOBBY_RATE_PER_SECOND", doc="API calls that one key may make a second, lasting"
    )
    rate_burst: float = setting(400.0, env="LOBBY_RATE_BURST", doc="API calls that one key may make at once")
    cors_origins: str = setting(
        "",
        env="LOBBY_CORS_ORIGINS",
        doc="Origins whose pages may call the API from a browser, separated by commas, such as https://desk.example.com",
    )
    ingest_calls: int = setting(1, env="LOBBY_INGEST_CALLS", doc="Calls with webhooks to connectors in flight at once")
    ingest_queue: int = setting(
        4_000, env="LOBBY_INGEST_QUEUE", doc="Webhooks that may wait for connectors; more get 503"
    )
    live_queue: int = setting(
        1_000, env="LOBBY_LIVE_QUEUE", doc="Items that may wait for a slow screen before it is cut off"
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class AdminConfig:
    """What `bootstrap` and `workspace create` need."""

    database_url: Secret = setting(
        env="LOBBY_DATABASE_URL", doc="PostgreSQL as the gateway's own role or as an administrator"
    )
