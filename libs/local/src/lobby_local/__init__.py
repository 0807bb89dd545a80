"""The one-machine stack: Postgres, NATS, the services and the sandbox, started and supervised.

For tests and tools: `Postgres`, `Nats` and `Stack` are asynchronous context managers over a home folder.
"""

from lobby_local.nats import Nats
from lobby_local.postgres import Postgres
from lobby_local.roles import ensure_database, ensure_role
from lobby_local.services import Service
from lobby_local.stack import Stack

__all__ = ["Nats", "Postgres", "Service", "Stack", "ensure_database", "ensure_role"]
