"""Builds translate."""

import asyncio
from typing import Final

from lobby.translate.v1.translate_service_pb2_grpc import add_TranslateServiceServicer_to_server
from lobby_common.service import Runtime, Service, run
from lobby_translate import phrases, store
from lobby_translate.api import TranslateApi
from lobby_translate.chain import Chain
from lobby_translate.config import TranslateConfig
from lobby_translate.detect import detect
from lobby_translate.events import PRODUCERS, TranslateEvents
from lobby_translate.evidence import OwnTranslations
from lobby_translate.journey import Journey
from lobby_translate.providers import models
from lobby_translate.providers.apertium import Apertium
from lobby_translate.providers.bergamot import Bergamot
from lobby_translate.providers.child import Child
from lobby_translate.providers.contract import Provider
from lobby_translate.providers.libretranslate import LibreTranslate
from lobby_translate.translator import Translator
from lobby_translate.worker import Worker

_CLEANED_EVERY: Final = 3600.0
_RECYCLED_AT_MB: Final = 600


async def build(runtime: Runtime) -> None:
    """Translate hears, finds languages, translates and answers."""
    config: TranslateConfig = runtime.config
    detect("warm")
    phrases.languages()
    chain = Chain(_providers(runtime, config))
    translator = Translator(chain, runtime.pool)
    worker = Worker(runtime.log, translator)
    runtime.consume(TranslateEvents(chain, worker.ring), PRODUCERS, own=OwnTranslations())
    runtime.background("worker", worker.run)
    runtime.alone("cleaning", lambda: _clean(runtime, config.text_days))
    runtime.serve(add_TranslateServiceServicer_to_server, TranslateApi(runtime.pool, translator))
    runtime.journey(Journey(runtime.log).describe)


def _providers(runtime: Runtime, config: TranslateConfig) -> list[Provider]:
    """The engines that are configured, the preferred first; each is closed at stop."""
    providers: list[Provider] = []
    if config.bergamot and (found := models.find(config.bergamot_models)):
        child = Child(
            memory_mb=config.bergamot_memory_mb, recycle_mb=min(_RECYCLED_AT_MB, config.bergamot_memory_mb // 2)
        )
        providers.append(Bergamot(found, child))
    if config.apertium_url:
        apertium = Apertium(config.apertium_url)
        runtime.background("apertium", apertium.directory.keep)
        providers.append(apertium)
    if config.libretranslate_url:
        libretranslate = LibreTranslate(config.libretranslate_url, config.libretranslate_key.reveal())
        runtime.background("libretranslate", libretranslate.directory.keep)
        providers.append(libretranslate)
    for provider in providers:
        runtime.on_stop(provider.close)
    return providers


async def _clean(runtime: Runtime, text_days: int) -> None:
    """What is past its time goes, once an hour."""
    while True:
        async with runtime.pool.acquire() as conn:
            await store.drop_expired(conn, text_days)
        await asyncio.sleep(_CLEANED_EVERY)


SERVICE = Service(name="translate", config=TranslateConfig, build=build, package="lobby_translate")


def main() -> None:
    """Runs translate until it is told to stop."""
    run(SERVICE)
