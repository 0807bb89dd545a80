"""The list of platforms is the folders; the closed lists are the contract's; every folder keeps its checklist."""

from pathlib import Path

import pytest

import lobby_connectors
from lobby.connectors.v1 import account_pb2, message_pb2
from lobby_connectors.domain.kinds import Delivery, Direction, Kind, Platform, State
from lobby_connectors.platforms import interface
from lobby_connectors.platforms.registry import PLATFORMS

FOLDER = Path(lobby_connectors.__file__).parent / "platforms"


def test_every_folder_is_registered_and_nothing_else():
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(PLATFORMS) == folders
    assert all(platform.name == name for name, platform in PLATFORMS.items())


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_folder_has_its_rooms(name):
    assert {path.name for path in (FOLDER / name).iterdir()} >= {"parse.py", "render.py", "client.py", "README.md"}


@pytest.mark.parametrize(
    ("ours", "theirs", "prefix"),
    [
        (Platform, account_pb2.Platform, "PLATFORM_"),
        (State, account_pb2.Account.State, "STATE_"),
        (Kind, message_pb2.MessageKind, "MESSAGE_KIND_"),
        (Direction, message_pb2.Direction, "DIRECTION_"),
        (Delivery, message_pb2.Delivery, "DELIVERY_"),
    ],
)
def test_closed_lists_are_those_of_the_contract(ours, theirs, prefix):
    assert {f"{prefix}{each.name}": each.value for each in ours} == {
        name: number for name, number in theirs.items() if number
    }


@pytest.mark.parametrize(
    ("ability", "names"),
    [
        (interface.Platform, {"whatsapp", "telegram", "line"}),
        (interface.ShakesHands, {"whatsapp"}),
        (interface.SetsWebhook, {"telegram"}),
        (interface.AnswersCallbacks, {"telegram"}),
        (interface.FetchesProfiles, {"telegram", "line"}),
    ],
)
def test_abilities_are_found_by_asking_for_them(ability, names):
    assert {name for name, platform in PLATFORMS.items() if isinstance(platform, ability)} == names
