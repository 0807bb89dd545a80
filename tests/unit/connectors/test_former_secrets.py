"""Secrets that were replaced hold for a day, and no more than a few of them."""

from datetime import UTC, datetime, timedelta

import pytest

from lobby_connectors.domain.accounts import OVERLAP, Account, replaced, signing
from lobby_connectors.domain.kinds import State

NOW = datetime(2026, 11, 27, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def account():
    return Account(
        account_id="a",
        workspace_id="w",
        platform="whatsapp",
        display_name="",
        credentials={"app_secret": "0", "access_token": "t"},
        api_base_url="",
        settings={},
        address="",
        owner="",
        numbers=(),
        state=State.CONNECTED,
        state_reason="",
        state_time=NOW,
        told_time=None,
        create_time=NOW,
        update_time=NOW,
    )


def rotated(account: Account, secret: str, at: datetime) -> Account:
    return replaced(account, {**account.credentials, "app_secret": secret}, ("app_secret",), at)


def secrets(account: Account, at: datetime) -> list[str]:
    return [each["app_secret"] for each in signing(account, at)]


def test_the_former_secret_holds_until_the_overlap_is_over(account):
    account = rotated(account, "1", NOW)
    assert secrets(account, NOW + OVERLAP - SECOND) == ["1", "0"]
    assert secrets(account, NOW + OVERLAP) == ["1"]


def test_only_what_signs_is_kept(account):
    (former,) = rotated(account, "1", NOW).former
    assert former.credentials == {"app_secret": "0"}
    assert "app_secret" not in repr(former)


def test_another_token_or_the_same_secret_replaces_nothing(account):
    assert not replaced(account, {"app_secret": "0", "access_token": "u"}, ("app_secret",), NOW).former


def test_the_oldest_are_forgotten(account):
    for number in range(1, 6):
        account = rotated(account, str(number), NOW + number * SECOND)
    assert secrets(account, NOW + 6 * SECOND) == ["5", "4", "3", "2"]


def test_what_is_over_is_not_kept_any_longer(account):
    account = rotated(rotated(account, "1", NOW), "2", NOW + OVERLAP)
    assert [each.credentials["app_secret"] for each in account.former] == ["1"]
