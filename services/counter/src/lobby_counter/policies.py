"""By which rule a counter counts: its policy, and the campaigns that divide the time of accounts. Pure values."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

CampaignId = NewType("CampaignId", str)
CounterId = NewType("CounterId", str)

DAY = timedelta(hours=24)
"""Windows and gaps are multiples of it, whatever clocks do."""


class DedupeLevel(StrEnum):
    """Inside what a person is counted once."""

    ACCOUNT = "account"
    CAMPAIGN = "campaign"
    """Inside the campaign; where there is none, inside the account."""
    WORKSPACE = "workspace"


class BaseMode(StrEnum):
    """What entries of people who were known before count as."""

    REPEAT = "repeat"
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rule of a counter; never changed. The defaults are those of a workspace's own counter."""

    dedupe_level: DedupeLevel = DedupeLevel.WORKSPACE
    window_days: int | None = None
    """A person is new again this many times 24 hours after he was new; None: never."""
    reentry_gap_days: int | None = None
    """A greeting after this many times 24 hours without any message in its chat is an entry again; None: never."""
    base_mode: BaseMode = BaseMode.REPEAT
    close_after_days: int = 3
    """How long after its end a day stays open for corrections."""
    time_zone: str = ""
    """IANA zone of its days; empty: the workspace's."""
    platforms: frozenset[int] = frozenset()
    """Only entries of these platforms; empty: of all."""
    account_ids: frozenset[str] = frozenset()
    """Only entries at these accounts; empty: at all."""
    campaign_id: CampaignId | None = None
    """Only entries in this campaign; None: in all and in none."""


DEFAULT = Policy()
POLICY_VERSION = 1
"""Of the rule that policies are written for."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A named set of accounts from a start to an optional end."""

    campaign_id: CampaignId
    account_ids: frozenset[str]
    start_time: datetime
    end_time: datetime | None = None

    def holds(self, account_id: str, at: datetime) -> bool:
        """Returns whether what comes to the account at this time is in the campaign."""
        return (
            account_id in self.account_ids and self.start_time <= at and (self.end_time is None or at < self.end_time)
        )

    def meets(self, other: "Campaign") -> frozenset[str]:
        """Returns the accounts that would be in both campaigns at once."""
        apart = (self.end_time is not None and self.end_time <= other.start_time) or (
            other.end_time is not None and other.end_time <= self.start_time
        )
        return frozenset() if apart else self.account_ids & other.account_ids


def campaign_at(campaigns: Iterable[Campaign], account_id: str, at: datetime) -> CampaignId | None:
    """Returns the one campaign in which an account is at a time; None where it is in none."""
    return next((each.campaign_id for each in campaigns if each.holds(account_id, at)), None)


@dataclass(frozen=True, slots=True)
class NamedCampaign:
    """A campaign as people know it."""

    campaign: Campaign
    workspace_id: str
    display_name: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter as people know it; `create_time` is None of a workspace's own, which was always there."""

    counter_id: CounterId
    workspace_id: str
    display_name: str
    policy: Policy
    policy_version: int = POLICY_VERSION
    create_time: datetime | None = None
    retired: bool = False
    """Whether it judges nothing any more."""


@dataclass(slots=True)
class Rules:
    """What a workspace counts by beside its own counter."""

    counters: list[Counter] = field(default_factory=list)
    campaigns: list[NamedCampaign] = field(default_factory=list)
    traced: bool = False
    """Whether its chats are kept message by message: more than first greetings may be entries."""
    complete: bool = False
    """Whether those of before are too."""
