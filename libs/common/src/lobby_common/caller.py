"""Who is asking: carried in gRPC metadata from the gateway through every service."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from lobby_common.errors import Invalid, Refused, Unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """A credential inside one workspace. Role "service" is one of us at work in the background."""

    workspace_id: str
    role: str
    agent_id: str = ""
    key_id: str = ""
    sheet_id: str = ""
    """Of a partner: the sheet that is shared with him, and nothing else."""

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Returns the gRPC metadata that tells a neighbour who is asking."""
        return (
            ("lobby-workspace", self.workspace_id),
            ("lobby-role", self.role),
            ("lobby-agent", self.agent_id),
            ("lobby-key", self.key_id),
            ("lobby-sheet", self.sheet_id),
        )

    @property
    def actor(self) -> str:
        """Who did it, for the record: the agent, else the key, else the role."""
        return self.agent_id or self.key_id or self.role


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current() -> Caller:
    """Returns who is asking. Raises Unauthenticated outside a call."""
    caller = _CALLER.get()
    if caller is None or not caller.workspace_id:
        raise Unauthenticated("NO_CALLER", "the call does not say for which workspace it is made")
    return caller


def find_current() -> Caller | None:
    """Returns who is asking, None where nobody does."""
    return _CALLER.get()


def from_metadata(metadata: Mapping[str, str]) -> Caller:
    """Returns the caller that the metadata names; its workspace may be empty."""
    return Caller(
        workspace_id=metadata.get("lobby-workspace", ""),
        role=metadata.get("lobby-role", ""),
        agent_id=metadata.get("lobby-agent", ""),
        key_id=metadata.get("lobby-key", ""),
        sheet_id=metadata.get("lobby-sheet", ""),
    )


@contextmanager
def use(caller: Caller) -> Iterator[None]:
    """Inside the block `caller` is asking."""
    token = _CALLER.set(caller)
    try:
        yield
    finally:
        _CALLER.reset(token)


def acting_agent(caller: Caller, agent_id: str) -> str:
    """Returns the agent who acts: a key of role agent acts for its own; others name one.

    Raises Refused OTHER_AGENT, Invalid AGENT_REQUIRED.
    """
    if caller.role == "agent":
        if agent_id and agent_id != caller.agent_id:
            raise Refused("OTHER_AGENT", "a key of an agent acts for that agent only")
        return caller.agent_id
    if not agent_id:
        raise Invalid("AGENT_REQUIRED", "name the agent who acts in agent_id")
    return agent_id
