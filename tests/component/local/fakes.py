"""Stacks of fake services."""

import sys
from pathlib import Path

from lobby_local import Service, Stack

FAKE = Path(__file__).with_name("fake_service.py")


def fake(name: str) -> Service:
    return Service(name, (sys.executable, str(FAKE), name))


def fake_stack(home: Path, *names: str, **options) -> Stack:
    services = [fake(name) for name in names or ("routing", "gateway")]
    return Stack(home, services=services, sandbox=(sys.executable, str(FAKE), "sandbox"), **options)
