"""Platforms that can be told where to post are told so, after an account was connected or changed."""

import asyncio

from aiohttp import ClientSession

from lobby_common.events import EventLog, Tx
from lobby_common.log import get_logger
from lobby_connectors.app import states
from lobby_connectors.app.calls import account_of
from lobby_connectors.directory import Directory
from lobby_connectors.domain import accounts as rules
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.kinds import State
from lobby_connectors.platforms.failures import BadCredentials, SendFailure
from lobby_connectors.platforms.interface import SetsWebhook
from lobby_connectors.platforms.registry import find_ability
from lobby_connectors.store import QUERIES

_LOG = get_logger("webhook_setup")
_PAUSE = 5.0


class WebhookSetup:
    """Tells platforms where to post; the account's own row remembers what is to do, so a restart loses nothing."""

    def __init__(self, log: EventLog, session: ClientSession, directory: Directory, public_url: str) -> None:
        self._log = log
        self._session = session
        self._directory = directory
        self._public_url = public_url.rstrip("/")
        self._wake = asyncio.Event()

    def url(self, account: Account) -> str:
        """Returns where the platform posts an account's webhooks."""
        return f"{self._public_url}/webhooks/{account.platform}/{account.account_id}"

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    async def run(self) -> None:
        """Tells platforms until cancelled; what fails is tried again, with growing pauses."""
        while True:
            self._wake.clear()
            due = [row["account_id"] for row in await self._log.pool.fetch(QUERIES["take_webhooks_due"])]
            await self._directory.ensure(due)
            for account_id in due:
                account = self._directory.find(account_id)
                if account is not None:
                    await self._tell(account)
            if not due:
                try:
                    await asyncio.wait_for(self._wake.wait(), _PAUSE)
                except TimeoutError:
                    continue

    async def _tell(self, account: Account) -> None:
        platform = find_ability(account.platform, SetsWebhook)
        if platform is None:
            return
        try:
            await platform.set_webhook(self._session, account_of(account), self.url(account))
        except SendFailure as failure:
            _LOG.warning("webhook_not_set", account_id=account.account_id, reason=failure.reason)
            async with self._log.transaction() as tx:
                await _show(tx, account, failure)
            return
        async with self._log.transaction() as tx:
            await tx.conn.execute(QUERIES["webhook_set"], account.account_id)
            if rules.called(account.state) is not None:
                await states.move(tx, account.account_id, State.CONNECTED, "", sources=rules.HEALED_BY_CALL)
        await self._directory.refresh()


async def _show(tx: Tx, account: Account, failure: SendFailure) -> None:
    if isinstance(failure, BadCredentials):
        await states.move(tx, account.account_id, State.BAD_CREDENTIALS, "refused_by_platform")
