"""CampaignService: by which the time of accounts is divided."""

from datetime import datetime

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp

from lobby.counter.v1 import campaign_service_pb2 as pb
from lobby.counter.v1.campaign_service_pb2_grpc import CampaignServiceServicer
from lobby_common import caller
from lobby_common.errors import Invalid
from lobby_common.events import EventLog
from lobby_common.ids import new_id
from lobby_common.requests import answer_once
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_counter import commands
from lobby_counter.commands import CampaignChange
from lobby_counter.counter_api import checked_accounts, page_of
from lobby_counter.policies import Campaign, CampaignId, NamedCampaign

_FIELDS = ("display_name", "account_ids", "start_time", "end_time")


class CampaignApi(CampaignServiceServicer):
    """Campaigns of the caller's workspace."""

    def __init__(self, log: EventLog, pool: asyncpg.Pool) -> None:
        self._log = log
        self._pool = pool

    async def CreateCampaign(self, request: pb.CreateCampaignRequest, _context: object) -> pb.CreateCampaignResponse:
        """There is a new campaign."""
        who = caller.current()
        campaign = Campaign(
            CampaignId(new_id()),
            checked_accounts(request.account_ids),
            _time(request.start_time) if request.HasField("start_time") else utc_now(),
            _time(request.end_time) if request.HasField("end_time") else None,
        )
        async with self._log.transaction() as tx:

            async def make() -> pb.CreateCampaignResponse:
                made = await commands.create_campaign(tx.conn, who, _name(request.display_name), campaign)
                return pb.CreateCampaignResponse(campaign=_campaign(made))

            return await answer_once(tx, "CreateCampaign", request.request_id, pb.CreateCampaignResponse, make)

    async def ListCampaigns(self, request: pb.ListCampaignsRequest, _context: object) -> pb.ListCampaignsResponse:
        """Returns a page of campaigns."""
        async with self._pool.acquire() as conn:
            listed = (await commands.load_rules(conn, caller.current().workspace_id)).campaigns
        ids = [each.campaign.campaign_id for each in listed]
        shown, token = page_of(listed, ids, request.page_size, request.page_token)
        return pb.ListCampaignsResponse(campaigns=map(_campaign, shown), next_page_token=token)

    async def GetCampaign(self, request: pb.GetCampaignRequest, _context: object) -> pb.GetCampaignResponse:
        """Returns a campaign."""
        async with self._pool.acquire() as conn:
            found = await commands.get_campaign(conn, caller.current().workspace_id, request.campaign_id)
        return pb.GetCampaignResponse(campaign=_campaign(found))

    async def UpdateCampaign(self, request: pb.UpdateCampaignRequest, _context: object) -> pb.UpdateCampaignResponse:
        """The campaign is as asked."""
        change = _change(request)
        async with self._log.transaction() as tx:
            made = await commands.update_campaign(tx.conn, caller.current(), request.campaign_id, change)
        return pb.UpdateCampaignResponse(campaign=_campaign(made))


def _change(request: pb.UpdateCampaignRequest) -> CampaignChange:
    """Returns the fields named by the mask; without a mask those that are not empty (AIP-134)."""
    present = {field.name for field, _ in request.ListFields()} - {"update_mask"}
    paths = set(request.update_mask.paths) or present
    unknown = sorted(paths - {*_FIELDS, "campaign_id", "*"})
    if unknown:
        raise Invalid("BAD_UPDATE_MASK", f"{unknown[0][:100]} is not a field that can be changed")
    named = set(_FIELDS) if "*" in paths else paths
    if "display_name" in named and not request.display_name:
        raise Invalid("DISPLAY_NAME_REQUIRED", "a campaign has a name")
    if "start_time" in named and not request.HasField("start_time"):
        raise Invalid("START_TIME_REQUIRED", "a campaign has a start")
    return CampaignChange(
        display_name=_name(request.display_name) if "display_name" in named else None,
        account_ids=checked_accounts(request.account_ids) if "account_ids" in named else None,
        start_time=_time(request.start_time) if "start_time" in named else None,
        end_time=_time(request.end_time) if "end_time" in named and request.HasField("end_time") else None,
        ends="end_time" in named,
    )


def _name(given: str) -> str:
    """PostgreSQL cannot hold NUL."""
    return given.replace("\x00", "\ufffd")


def _time(given: Timestamp) -> datetime:
    try:
        return from_proto(given)
    except OverflowError:
        raise Invalid("INVALID_PERIOD", "start_time and end_time lie in the years 1 to 9999") from None


def _campaign(known: NamedCampaign) -> pb.Campaign:
    campaign = known.campaign
    return pb.Campaign(
        campaign_id=campaign.campaign_id,
        display_name=known.display_name,
        account_ids=sorted(campaign.account_ids),
        start_time=to_proto(campaign.start_time),
        end_time=None if campaign.end_time is None else to_proto(campaign.end_time),
        create_time=to_proto(known.create_time),
    )
