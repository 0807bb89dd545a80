"""Work off the event path: tapped buttons are answered, and names and pictures of customers asked for."""

import asyncio
from collections import OrderedDict
from typing import NamedTuple

import asyncpg
from aiohttp import ClientSession

from lobby_common.events import EventLog
from lobby_common.ids import derive_id
from lobby_common.log import get_logger
from lobby_common.times import utc_now
from lobby_connectors import events
from lobby_connectors.app import avatars, states
from lobby_connectors.app.calls import account_of
from lobby_connectors.app.recording import Left
from lobby_connectors.directory import Directory
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.items import IdentifierChange
from lobby_connectors.platforms.failures import SendFailure
from lobby_connectors.platforms.interface import AnswersCallbacks, FetchesProfiles, Profile
from lobby_connectors.platforms.registry import find_ability
from lobby_connectors.store import QUERIES

_LOG = get_logger("afterwards")

_MOST_CALLBACKS = 1000
_REMEMBERED = 50_000
_PAGE = 20
_PAUSE = 1.0
_MOST_ATTEMPTS = 6


class _Known(NamedTuple):
    """What was told of a customer."""

    display_name: str = ""
    locale: str = ""
    avatar_hash: str = ""


class Afterwards:
    """Takes what ingest leaves to do. Never blocks it: what is too much is dropped where it is only a courtesy."""

    def __init__(self, log: EventLog, session: ClientSession, directory: Directory) -> None:
        self._log = log
        self._session = session
        self._directory = directory
        self._callbacks: asyncio.Queue[tuple[Account, str]] = asyncio.Queue(_MOST_CALLBACKS)
        self._wanted: dict[tuple[str, str], str] = {}
        self._asked: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._wake = asyncio.Event()

    def take(self, left: Left) -> None:
        """It will be done; never blocks."""
        for each in left.callbacks:
            if not self._callbacks.full():  # the button stops spinning by itself after a while
                self._callbacks.put_nowait(each)
        for account, chat in left.writers:
            key = (account.account_id, chat)
            if key not in self._asked:
                self._wanted[key] = account.workspace_id
                self._asked[key] = None
                self._wake.set()
        while len(self._asked) > _REMEMBERED:
            self._asked.popitem(last=False)

    async def answer_callbacks(self) -> None:
        """Answers tapped buttons until cancelled; an answer that fails is not tried again."""
        while True:
            account, callback_id = await self._callbacks.get()
            platform = find_ability(account.platform, AnswersCallbacks)
            if platform is not None:
                try:
                    await platform.answer_callback(self._session, account_of(account), callback_id)
                except SendFailure as failure:
                    _LOG.info("callback_not_answered", account_id=account.account_id, reason=failure.reason)

    async def fetch_profiles(self) -> None:
        """Asks for names and pictures until cancelled."""
        while True:
            await self._want()
            rows = await self._log.pool.fetch(QUERIES["take_profiles"], _PAGE)
            async with asyncio.TaskGroup() as asking:  # a platform that takes long holds up nobody of another
                for row in rows:
                    asking.create_task(self._ask(row))
            if not rows and not self._wanted:
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), _PAUSE * 5)
                except TimeoutError:
                    continue

    async def _ask(self, row: asyncpg.Record) -> None:
        account, chat = self._directory.find(row["account_id"]), row["chat"]
        known = _Known(row["display_name"], row["locale"], row["avatar_hash"])
        if account is not None and row["attempts"] <= _MOST_ATTEMPTS:
            await self._fetch(account, chat, known)
        else:  # without an answer the customer stays as he is until he writes a week later
            await self._log.pool.execute(QUERIES["write_profile"], row["account_id"], chat, *known)

    async def _want(self) -> None:
        wanted = dict(self._wanted)
        if wanted:
            accounts, chats = zip(*wanted, strict=True)
            await self._log.pool.execute(QUERIES["want_profiles"], accounts, chats, list(wanted.values()))
        for key in wanted:
            del self._wanted[key]

    async def _fetch(self, account: Account, chat: str, known: _Known) -> None:
        platform = find_ability(account.platform, FetchesProfiles)
        if platform is None:
            return
        try:
            profile = await platform.fetch_profile(self._session, account_of(account), chat)
        except SendFailure as failure:
            _LOG.info("profile_not_fetched", account_id=account.account_id, reason=failure.reason)
            if failure.account is not None:
                async with self._log.transaction() as tx:
                    await states.move(tx, account.account_id, *failure.account)
            return
        await self._tell(account, chat, known, profile)

    async def _tell(self, account: Account, chat: str, known: _Known, profile: Profile | None) -> None:
        now_known = known
        if profile is not None:
            avatar_hash = await asyncio.to_thread(avatars.hash_of, profile.picture)
            now_known = _Known(profile.display_name, profile.locale, avatar_hash or known.avatar_hash)
        async with self._log.transaction() as tx:
            is_kept = await tx.conn.fetchval(QUERIES["write_profile"], account.account_id, chat, *now_known)
            # Nothing is told of who was forgotten meanwhile.
            if is_kept and profile is not None and now_known != known and any(now_known):
                now = utc_now()
                change = IdentifierChange("profile", chat, (), profile.identifiers, now, *now_known)
                event_id = derive_id(now, account.account_id, chat, "profile", *now_known)
                events.tell_identifiers(tx, account, event_id, change, now)
