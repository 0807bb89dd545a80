"""What people do to counters and campaigns: each holds the workspace's lock, so that no batch judges by half of it."""

from dataclasses import dataclass, replace
from datetime import datetime

from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Exhausted, Invalid, NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_counter import rule_store, sheet_store, store
from lobby_counter.policies import (
    DEFAULT,
    Campaign,
    Counter,
    CounterId,
    NamedCampaign,
    Policy,
    Rules,
)


@dataclass(frozen=True, slots=True)
class CampaignChange:
    """What is to be changed of a campaign: the values of the fields that are named."""

    display_name: str | None = None
    account_ids: frozenset[str] | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    ends: bool = False
    """Whether the end is to be changed; to for ever, where there is none."""

    def applied_to(self, known: NamedCampaign) -> NamedCampaign:
        """Returns the campaign after it."""
        before = known.campaign
        campaign = Campaign(
            before.campaign_id,
            before.account_ids if self.account_ids is None else self.account_ids,
            self.start_time or before.start_time,
            self.end_time if self.ends else before.end_time,
        )
        return replace(known, campaign=campaign, display_name=self.display_name or known.display_name)


MOST_COUNTERS = 50
"""Of a workspace: every batch judges by all of them."""
MOST_CAMPAIGNS = 500


async def load_rules(conn: Connection, workspace_id: str) -> Rules:
    """Returns what the workspace counts by beside its own counter."""
    return (await rule_store.load_rules(conn, [workspace_id]))[workspace_id]


def own_counter(workspace_id: str) -> Counter:
    """Returns the counter that every workspace has."""
    return Counter(CounterId(workspace_id), workspace_id, "", DEFAULT)


async def get_counter(conn: Connection, workspace_id: str, counter_id: str) -> Counter:
    """Returns a counter; "" is the workspace's own. Raises NotFound COUNTER_NOT_FOUND."""
    if counter_id in ("", workspace_id):
        return own_counter(workspace_id)
    for each in await rule_store.list_counters(conn, workspace_id):
        if each.counter_id == counter_id:
            return each
    raise NotFound("COUNTER_NOT_FOUND", "there is no such counter in this workspace")


async def named_or_adopted(conn: Connection, workspace_id: str, counter_id: str) -> Counter:
    """Returns the counter that is named, else the adopted one. Raises NotFound COUNTER_NOT_FOUND."""
    return await get_counter(conn, workspace_id, counter_id or await rule_store.find_adopted(conn, workspace_id))


async def adopt_counter(conn: Connection, who: Caller, counter_id: str) -> Counter:
    """The workspace's figures count by the counter where none is named.

    Raises NotFound COUNTER_NOT_FOUND, Conflict COUNTER_JUDGING, COUNTER_RETIRED.
    """
    await store.lock_workspaces(conn, [who.workspace_id])
    counter = await get_counter(conn, who.workspace_id, counter_id)
    if counter.counter_id == await rule_store.find_adopted(conn, who.workspace_id):
        return counter
    if counter.retired:
        raise Conflict("COUNTER_RETIRED", "the counter judges nothing any more")
    if await rule_store.is_recounted(conn, who.workspace_id, counter.counter_id):
        raise Conflict("COUNTER_JUDGING", "the counter still judges what was before; its figures are not all there")
    await rule_store.adopt_counter(conn, who.workspace_id, counter.counter_id, who.actor)
    return counter


async def retire_counter(conn: Connection, who: Caller, counter_id: str) -> Counter:
    """The counter judges nothing any more. Raises NotFound COUNTER_NOT_FOUND, Conflict COUNTER_IN_USE."""
    await store.lock_workspaces(conn, [who.workspace_id])
    counter = await get_counter(conn, who.workspace_id, counter_id)
    if counter.counter_id in (who.workspace_id, await rule_store.find_adopted(conn, who.workspace_id)):
        raise Conflict("COUNTER_IN_USE", "the workspace counts by this counter")
    if await sheet_store.serves_sheet(conn, counter.counter_id):
        raise Conflict("COUNTER_IN_USE", "a sheet is settled by this counter")
    await rule_store.retire_counter(conn, counter.counter_id, who.actor)
    return replace(counter, retired=True)


async def create_counter(conn: Connection, who: Caller, display_name: str, policy: Policy) -> Counter:
    """There is a new counter, and everybody will be judged by it.

    Raises NotFound CAMPAIGN_NOT_FOUND, Exhausted TOO_MANY_COUNTERS.
    """
    workspace_id = who.workspace_id
    await store.lock_workspaces(conn, [workspace_id])
    rules = await load_rules(conn, workspace_id)
    if len(rules.counters) >= MOST_COUNTERS:
        raise Exhausted("TOO_MANY_COUNTERS", f"a workspace has {MOST_COUNTERS} counters beside its own at most")
    if policy.campaign_id is not None:
        _find(rules, policy.campaign_id)
    counter = Counter(CounterId(new_id()), workspace_id, display_name, policy)
    made = await rule_store.insert_counter(conn, counter)
    if policy.reentry_gap_days is not None:
        await rule_store.trace(conn, workspace_id)
    await rule_store.begin_recount(conn, workspace_id, counter.counter_id, who.actor)
    return replace(counter, create_time=made)


async def get_campaign(conn: Connection, workspace_id: str, campaign_id: str) -> NamedCampaign:
    """Returns a campaign. Raises NotFound CAMPAIGN_NOT_FOUND."""
    return _find(await load_rules(conn, workspace_id), campaign_id)


async def create_campaign(conn: Connection, who: Caller, display_name: str, campaign: Campaign) -> NamedCampaign:
    """There is a new campaign, and everybody will be judged by it.

    Raises Invalid INVALID_PERIOD, Conflict ACCOUNT_IN_CAMPAIGN, Exhausted TOO_MANY_CAMPAIGNS.
    """
    await store.lock_workspaces(conn, [who.workspace_id])
    rules = await load_rules(conn, who.workspace_id)
    if len(rules.campaigns) >= MOST_CAMPAIGNS:
        raise Exhausted("TOO_MANY_CAMPAIGNS", f"a workspace has {MOST_CAMPAIGNS} campaigns at most")
    return await _write(conn, who, rules, display_name, campaign)


async def update_campaign(conn: Connection, who: Caller, campaign_id: str, change: CampaignChange) -> NamedCampaign:
    """The campaign is as asked, and everybody will be judged by it if that matters.

    Raises NotFound CAMPAIGN_NOT_FOUND, Invalid INVALID_PERIOD, Conflict ACCOUNT_IN_CAMPAIGN.
    """
    await store.lock_workspaces(conn, [who.workspace_id])
    rules = await load_rules(conn, who.workspace_id)
    known = _find(rules, campaign_id)
    after = change.applied_to(known)
    if after.campaign == known.campaign:
        await rule_store.write_campaign(conn, who.workspace_id, after.campaign, after.display_name)
        return after
    return await _write(conn, who, rules, after.display_name, after.campaign)


async def _write(conn: Connection, who: Caller, rules: Rules, display_name: str, campaign: Campaign) -> NamedCampaign:
    if campaign.end_time is not None and campaign.end_time <= campaign.start_time:
        raise Invalid("INVALID_PERIOD", "end_time must be after start_time")
    for each in rules.campaigns:
        met = campaign.meets(each.campaign) if each.campaign.campaign_id != campaign.campaign_id else ()
        if met:
            raise Conflict(
                "ACCOUNT_IN_CAMPAIGN",
                f"account {min(met)} is in campaign {each.campaign.campaign_id} at that time; it can be in one only",
            )
    made = await rule_store.write_campaign(conn, who.workspace_id, campaign, display_name)
    await rule_store.trace(conn, who.workspace_id)
    await rule_store.begin_recount(conn, who.workspace_id, campaign.campaign_id, who.actor)
    return NamedCampaign(campaign, who.workspace_id, display_name, made)


def _find(rules: Rules, campaign_id: str) -> NamedCampaign:
    for each in rules.campaigns:
        if each.campaign.campaign_id == campaign_id:
            return each
    raise NotFound("CAMPAIGN_NOT_FOUND", "there is no such campaign in this workspace")
