"""Commands that may be repeated: the answer is stored in the transaction of the effect (DESIGN §3)."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from lobby_common import caller
from lobby_common.events.log import QUERIES, Tx

M = TypeVar("M", bound=Message)


async def answer_once(
    tx: Tx, method: str, request_id: str, answer_type: type[M], make: Callable[[], Awaitable[M]]
) -> M:
    """Returns what `make` returned the first time this workspace called `method` with `request_id`.

    A second call at the same time waits for the first. If the transaction falls nothing is remembered.
    An empty `request_id` is never remembered.
    """
    if not request_id:
        return await make()
    key = (caller.current().workspace_id, method, request_id)
    if not await tx.conn.fetchval(QUERIES["claim_request"], *key):
        stored = await tx.conn.fetchval(QUERIES["find_answer"], *key)
        return answer_type.FromString(stored or b"")
    answer = await make()
    await tx.conn.execute(QUERIES["store_answer"], *key, answer.SerializeToString())
    return answer
