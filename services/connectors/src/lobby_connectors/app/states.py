"""How accounts are doing: changed and told only where it is news."""

from collections.abc import Collection
from datetime import datetime

from lobby_common.events import Tx
from lobby_connectors import events
from lobby_connectors.domain.kinds import State
from lobby_connectors.store import accounts

_ALL_BUT_DISABLED = tuple(state for state in State if state is not State.DISABLED)


async def move(
    tx: Tx,
    account_id: str,
    state: State,
    reason: str,
    *,
    told: datetime | None = None,
    sources: Collection[State] = _ALL_BUT_DISABLED,
) -> bool:
    """The account is in the state, if it was in one of `sources`. Returns whether that is news."""
    row = await accounts.move_state(tx.conn, account_id, state, reason, told=told, sources=sources)
    if row is None:
        return False
    events.tell_state(
        tx,
        account_id=row["account_id"],
        workspace_id=row["workspace_id"],
        platform=row["platform"],
        state=state,
        reason=reason,
        at=row["state_time"],
    )
    return True
