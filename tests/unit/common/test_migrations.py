"""Each migration says whether code of the release before goes on with the schema after it (docs/upgrades.md)."""

import pytest

from lobby_common.postgres import steps

SERVICES = ("connectors", "identity", "routing", "counter", "translate", "gateway")
LAST_BEFORE_THE_RULE = {
    "common": 3,
    "connectors": 4,
    "identity": 1,
    "routing": 2,
    "counter": 3,
    "translate": 2,
    "gateway": 2,
}

NEWER = [
    pytest.param(text, id=f"{service}/{name}")
    for service in SERVICES
    for name, text in steps(f"lobby_{service}")
    if int(name.rpartition("/")[2][:4]) > LAST_BEFORE_THE_RULE["common" if "/" in name else service]
]


@pytest.mark.parametrize("text", NEWER)
def test_a_migration_says_whether_it_expands_or_breaks(text):
    assert text.startswith(("-- Expands: ", "-- Breaks: "))
