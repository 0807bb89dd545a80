"""What translate reads from the environment."""

from dataclasses import dataclass

from lobby_common.config import Secret, ServiceConfig, setting


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslateConfig(ServiceConfig):
    """Engines, and how long things are kept."""

    bergamot: bool = setting(
        True,
        env="LOBBY_BERGAMOT",
        doc="Whether the built-in engine may be started: 1 or 0; it starts when first needed",
    )
    bergamot_models: str = setting(
        "",
        env="LOBBY_BERGAMOT_MODELS",
        doc="Directory with more models for the built-in engine, one folder per direction; empty: the wheel's only",
    )
    bergamot_memory_mb: int = setting(
        1024, env="LOBBY_BERGAMOT_MEMORY_MB", doc="Most address space of the built-in engine's process, in MiB"
    )
    apertium_url: str = setting(
        "",
        env="LOBBY_APERTIUM_URL",
        doc="Address of an Apertium-APy server, such as http://apertium:2737; empty uses none",
    )
    libretranslate_url: str = setting(
        "",
        env="LOBBY_LIBRETRANSLATE_URL",
        doc="Address of a LibreTranslate server, such as http://libretranslate:5000; empty uses none",
    )
    libretranslate_key: Secret = setting(
        Secret(""), env="LOBBY_LIBRETRANSLATE_KEY", doc="API key of the LibreTranslate server, where it wants one"
    )
    text_days: int = setting(
        7,
        env="LOBBY_TRANSLATE_TEXT_DAYS",
        doc="Days for which texts are kept so that another agent's language can be served",
    )
