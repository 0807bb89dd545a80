"""All accounts in memory, so that no webhook waits for a query; changes of other replicas are seen within seconds."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.pacing import Pace, own_pace
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.sealing import Sealer
from lobby_connectors.store import accounts

if TYPE_CHECKING:
    import asyncpg

_POLL_SECONDS = 1.0
_OVERLAP = timedelta(seconds=15)
"""Changes are stamped before they are committed: looking back this far finds those that were committed late."""


class Directory:
    """Finds accounts by id, by the platform's id of them, and by what holds them."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", sealer: Sealer) -> None:
        self._pool = pool
        self._sealer = sealer
        self._accounts: dict[str, Account] = {}
        self._by_address: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._by_owner: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._numbers: dict[str, frozenset[str]] = {}
        self.paces: dict[str, Pace] = {}
        """How fast accounts may be called whose settings say it."""
        self._seen: datetime | None = None
        self._refreshing = asyncio.Lock()

    def find(self, account_id: str) -> Account | None:
        """Returns an account as it is known here."""
        return self._accounts.get(account_id)

    def at_address(self, account: Account, address: str) -> Account | None:
        """Returns the account with the platform's id: `account` itself if it is its own, else one of its workspace."""
        if not address or account.address == address:
            return account
        return self._first(self._by_address.get((account.workspace_id, account.platform, address), ()))

    def owned_by(self, account: Account, owner: str) -> list[Account]:
        """Returns the accounts that `owner` holds; `account` itself where it does not say who holds it."""
        if not owner or not account.owner:
            return [account]
        found = self._by_owner.get((account.workspace_id, account.platform, owner), set())
        return [self._accounts[each] for each in sorted(found)]

    def numbers(self, workspace_id: str) -> frozenset[str]:
        """Returns the phone digits of a workspace's own accounts, as far as webhooks told them."""
        return self._numbers.get(workspace_id, frozenset())

    def _first(self, account_ids: Iterable[str]) -> Account | None:
        first = min(account_ids, default=None)
        return None if first is None else self._accounts[first]

    async def refresh(self) -> None:
        """What was committed before this call is known."""
        async with self._refreshing:
            since = None if self._seen is None else self._seen - _OVERLAP
            async with self._pool.acquire() as conn:
                changed = await accounts.read_changed(conn, self._sealer, since)
            for account, gone in changed:
                self._seen = max(self._seen or account.update_time, account.update_time)
                self.put(account, gone=gone)

    async def ensure(self, account_ids: Collection[str]) -> None:
        """Those of the accounts that exist are known."""
        missing = [each for each in account_ids if each not in self._accounts]
        if not missing:
            return
        async with self._pool.acquire() as conn:
            found = await accounts.find(conn, self._sealer, missing)
        for account, gone in found:
            self.put(account, gone=gone)

    async def find_all(self, account_ids: Collection[str]) -> dict[str, Account]:
        """Returns the accounts, those that were disconnected since as well."""
        found = {each: self._accounts[each] for each in account_ids if each in self._accounts}
        if missing := [each for each in account_ids if each not in found]:
            async with self._pool.acquire() as conn:
                rows = await accounts.find(conn, self._sealer, missing)
            found.update((account.account_id, account) for account, _ in rows)
        return found

    def put(self, account: Account, *, gone: bool = False) -> None:
        """The account is known as given, unless something newer is known."""
        known = self._accounts.get(account.account_id)
        if known is not None and known.update_time > account.update_time:
            return
        if known is not None:
            self._forget(known)
        if not gone:
            self._accounts[account.account_id] = account
            self._by_address[account.workspace_id, account.platform, account.address].add(account.account_id)
            self._by_owner[account.workspace_id, account.platform, account.owner].add(account.account_id)
            self._numbers[account.workspace_id] = self.numbers(account.workspace_id) | set(account.numbers)
            self._pace(account)

    def _pace(self, account: Account) -> None:
        try:
            pace = own_pace(account.settings, PLATFORMS[account.platform].limits.fastest)
        except ValueError:  # written before settings were checked
            pace = None
        if pace is not None:
            self.paces[account.account_id] = pace

    def _forget(self, account: Account) -> None:
        del self._accounts[account.account_id]
        self.paces.pop(account.account_id, None)
        self._by_address[account.workspace_id, account.platform, account.address].discard(account.account_id)
        self._by_owner[account.workspace_id, account.platform, account.owner].discard(account.account_id)

    async def watch(self) -> None:
        """Changes of other replicas are seen until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(_POLL_SECONDS)
