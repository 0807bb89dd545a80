"""A random history of two platforms, told through webhooks and the API, and a recount of it by the counting rule alone.

The recount knows messages, merges and imports as the outside does, and nothing of Lobby's code.
"""

import base64
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tests.lobby import Lobby, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

POLICIES: list[dict[str, Any]] = [
    {},
    {"dedupe_level": "account", "reentry_gap_days": 2},
    {"dedupe_level": "campaign", "window_days": 3},
    {"window_days": 4, "base_mode": "exclude", "reentry_gap_days": 1},
]
START = datetime(2026, 11, 1, tzinfo=UTC)


class History:
    """What was done in one workspace, and what has to come of it."""

    def __init__(self, lobby: Lobby, seed: int) -> None:
        self._lobby = lobby
        self._random = Random(seed)
        self._accounts: dict[str, str] = {}
        self._contacts: dict[str, str] = {}
        """The contact that each customer had alone."""
        self._messages: list[tuple[datetime, str, str]] = []
        self._merges: dict[str, tuple[str, str]] = {}
        self._known: set[str] = set()
        """Customers who were always known."""
        self._campaign: tuple[str, set[str]] = ("", set())
        self._counters: list[tuple[str, dict[str, Any]]] = []

    async def begin(self) -> None:
        """Four accounts, two of them in a campaign, and counters by all policies."""
        for platform in ("whatsapp", "whatsapp", "telegram", "telegram"):
            self._accounts[await self._lobby.account(platform)] = platform
        members = list(self._accounts)[1:3]
        body = {"display_name": "C", "account_ids": members, "start_time": (START + timedelta(days=5)).isoformat()}
        made = await self._lobby.post("/v1/campaigns", body)
        self._campaign = (made["campaign"]["campaign_id"], set(members))
        for policy in POLICIES:
            made = await self._lobby.post("/v1/counters", {"display_name": "c", "policy": policy})
            self._counters.append((made["counter"]["counter_id"], policy))

    async def writes(self) -> None:
        """Somebody writes somewhere, in no order of time; now and then it is delivered twice."""
        account_id = self._random.choice(list(self._accounts))
        platform, number = self._accounts[account_id], self._random.randrange(5)
        customer = f"6681111110{number}" if platform == "whatsapp" else f"777123450{number}"
        at = START + timedelta(minutes=7 * self._random.randrange(4000))
        if any(at == each[0] for each in self._messages):
            return
        said = await self._lobby.say(platform, account_id, customer, "hello", time=at.isoformat())
        self._messages.append((at, account_id, customer))
        if self._random.random() < 0.1:
            await self._lobby.say(platform, account_id, customer, kind="raw", payload=said["webhook"])
        if customer not in self._contacts:
            self._contacts[customer] = await until(lambda: self._contact(customer))

    async def _contact(self, customer: str) -> str:
        found = (await self._lobby.get("/v1/contacts", query=customer))["contacts"]
        return str(found[0]["contact_id"]) if found else ""

    async def merges(self) -> None:
        """Two are one person."""
        if len(self._contacts) > 1:
            one, other = (self._contacts[each] for each in self._random.sample(sorted(self._contacts), 2))
            made = await self._lobby.post(f"/v1/contacts/{one}:merge", {"other_contact_id": other})
            self._merges[made["merge"]["merge_id"]] = (one, other)

    async def undoes(self) -> None:
        """One merge, whichever, is taken back."""
        if self._merges:
            merge_id = self._random.choice(sorted(self._merges))
            await self._lobby.post(f"/v1/merges/{merge_id}:undo")
            del self._merges[merge_id]

    async def imports(self, customer: str) -> str:
        """Somebody was always known; returns the import's id."""
        made = await self._lobby.post("/v1/imports", {"settings": {"retroactive": True, "columns": ["phone"]}})
        path = f"/v1/imports/{made['base_import']['import_id']}"
        data = base64.b64encode(f"+{customer}\n".encode()).decode()
        await self._lobby.post(f"{path}/parts", {"number": 1, "data": data})
        await self._lobby.post(f"{path}:start", {"part_count": 1})
        await until(lambda: self._is(path, "done"))
        self._known.add(customer)
        return path

    async def takes_back(self, path: str, customer: str) -> None:
        """Nobody is known by that import any more."""
        await self._lobby.post(f"{path}:undo")
        await until(lambda: self._is(path, "undone"))
        self._known.discard(customer)

    async def _is(self, path: str, state: str) -> bool:
        return bool((await self._lobby.get(path))["base_import"]["state"] == state)

    async def check(self) -> None:
        """Every counter comes to the recount: each verdict, and the figures in both views."""
        for counter_id, policy in self._counters:
            wanted = self._recount(policy)
            assert await self._settled(counter_id, wanted) == wanted
            for view in ("restated", "recorded"):
                totals = await self._lobby.totals(counter_id=counter_id, view=view)
                for verdict in ("new", "repeat", "excluded"):
                    assert totals[verdict] == list(wanted.values()).count(verdict), (policy, view)

    async def _settled(self, counter_id: str, wanted: dict[tuple[str, datetime], str]) -> dict[Any, str]:
        """Returns the entries once they are as wanted, else as they are at last."""
        found: dict[Any, str] = {}

        async def look() -> bool:
            nonlocal found
            listed = (await self._lobby.get("/v1/entries", counter_id=counter_id, page_size="200"))["entries"]
            found = {
                (each["account_id"], datetime.fromisoformat(each["occurred_time"])): each["verdict"] for each in listed
            }
            return found == wanted

        try:
            await until(look)
        except TimeoutError:
            return found
        return found

    def _recount(self, policy: dict[str, Any]) -> dict[tuple[str, datetime], str]:
        """Returns the verdict of each entry as the rule gives it on all that is known."""
        groups: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
        for at, account_id, customer in self._entries(policy.get("reentry_gap_days")):
            level = policy.get("dedupe_level", "workspace")
            campaign = self._campaign_at(at, account_id) if level == "campaign" else ""
            unit = "" if level == "workspace" else campaign or account_id
            groups[self._person(customer), unit].append((at, account_id))
        known = {self._person(each) for each in self._known if each in self._contacts}
        verdicts: dict[tuple[str, datetime], str] = {}
        for (person, _), entries in groups.items():
            new_at: datetime | None = None
            for at, account_id in sorted(entries):
                window = policy.get("window_days")
                is_over = new_at is not None and window is not None and at - new_at >= timedelta(days=window)
                if person in known:
                    verdicts[account_id, at] = "excluded" if policy.get("base_mode") == "exclude" else "repeat"
                elif new_at is None or is_over:
                    verdicts[account_id, at], new_at = "new", at
                else:
                    verdicts[account_id, at] = "repeat"
        return verdicts

    def _entries(self, gap: int | None) -> list[tuple[datetime, str, str]]:
        last: dict[tuple[str, str], datetime] = {}
        entered: set[tuple[str, str, str]] = set()
        found = []
        for at, account_id, customer in sorted(self._messages):
            chat, place = (account_id, customer), (account_id, customer, self._campaign_at(at, account_id))
            is_silent = gap is not None and chat in last and at - last[chat] >= timedelta(days=gap)
            if place not in entered or is_silent:
                found.append((at, account_id, customer))
            entered.add(place)
            last[chat] = at
        return found

    def _campaign_at(self, at: datetime, account_id: str) -> str:
        campaign_id, members = self._campaign
        return campaign_id if account_id in members and at >= START + timedelta(days=5) else ""

    def _person(self, customer: str) -> str:
        """The smallest of the contacts to whom links lead from a customer's own."""
        reached, following = set(), {self._contacts[customer]}
        while following:
            reached |= following
            following = {other for pair in self._merges.values() if reached & set(pair) for other in pair} - reached
        return min(reached)


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_history_comes_to_a_recount_by_the_rule(lobby: Lobby, seed: int):
    history = History(lobby, seed)
    await history.begin()
    for number in range(60):
        await history.writes()
        if number % 6 == 3:
            await history.merges()
        if number % 12 == 11:
            await history.undoes()
        if number == 20:
            path = await history.imports("66811111101")
    await history.check()
    await history.takes_back(path, "66811111101")
    await history.check()
    for _ in range(10):
        await history.undoes()
    await history.check()
