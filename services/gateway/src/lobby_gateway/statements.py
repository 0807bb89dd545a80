"""Statements: what each day's proof said, one a day and workspace, chained by digests. Pure.

A statement is a text: JSON with sorted keys, no spaces, UTF-8. Its digest is the SHA-256 of the text, and the text of
the next one holds it: who changes a day has to change all that follow. Whoever has the texts can check them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from lobby.events.v1.proof_service_pb2 import Period
from lobby_common.times import from_proto
from lobby_gateway.proof import Proof

FIRST = "0" * 64
"""What the first statement holds in place of a digest."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One day's."""

    number: int
    day: date
    accepted: int
    accounted: int
    missed: int
    balanced: bool
    text: str
    digest: str
    create_time: datetime | None = None


def write(workspace_id: str, day: date, found: Proof, number: int, previous_digest: str) -> Statement:
    """Returns the statement of a day's proof."""
    accepted = sum(account.accepted for account in found.accounts)
    accounted = sum(each.new + each.duplicate + each.ignored + each.quarantined for each in found.accounts)
    content = {
        "workspace_id": workspace_id,
        "number": number,
        "day": day.isoformat(),
        "previous_digest": previous_digest,
        "accepted": accepted,
        "accounted": accounted,
        "missed": found.missed,
        "balanced": found.balanced,
        "accounts": [
            {
                "account_id": each.account_id,
                "accepted": each.accepted,
                "new": each.new,
                "duplicate": each.duplicate,
                "ignored": each.ignored,
                "quarantined": each.quarantined,
            }
            for each in sorted(found.accounts, key=lambda account: account.account_id)
        ],
        "stages": [
            {
                "service": each.service,
                "expected": each.expected,
                "applied": each.applied,
                "pending": each.pending,
                "quarantined": each.quarantined,
                "missing_event_ids": sorted(each.missing_event_ids),
                "unexamined": [[_shown(period, "from"), _shown(period, "to")] for period in each.unexamined],
            }
            for each in found.stages
        ],
    }
    text = canonical(content)
    return Statement(number, day, accepted, accounted, found.missed, found.balanced, text, digest_of(text))


def canonical(content: Mapping[str, Any]) -> str:
    """Returns the one text of a content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest_of(text: str) -> str:
    """Returns the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def has_settled(found: Proof) -> bool:
    """Whether all of the day was examined and nothing of it is still to come."""
    return found.complete and not any(stage.pending for stage in found.stages)


def _shown(period: Period, moment: Literal["from", "to"]) -> str:
    return from_proto(getattr(period, moment)).isoformat()
