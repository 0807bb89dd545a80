"""Everything on one machine: Postgres, NATS, the services and the sandbox, started and supervised."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from lobby_local import roles
from lobby_local.bootstrap import Owner, known_owner, make_owner
from lobby_local.demo import Demo
from lobby_local.home import Home
from lobby_local.plan import Plan
from lobby_local.program import Program
from lobby_local.ready import Ready, ServiceAt
from lobby_local.services import (
    GATEWAY,
    SANDBOX,
    SANDBOX_COMMAND,
    SERVICES,
    Service,
    base_environment,
    names,
    replicas_of,
    service_of,
)
from lobby_local.supervisor import Server, Supervisor
from lobby_local.tool import run_tool

NO_OWNER = Owner(workspace_id="", api_key="")


class Stack:
    """`async with Stack(home) as stack`: everything serves inside and has stopped after; the data stay.

    `port=0` takes any free port for the gateway, `replicas` are those of each service.
    `services` and `sandbox` are parameters for tests.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        demo: bool = False,
        replicas: int = 1,
        services: Sequence[Service] = SERVICES,
        sandbox: Sequence[str] = SANDBOX_COMMAND,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.home = Home(home)
        self._port = port
        self._wants_demo = demo
        self._replicas = replicas
        self._services = tuple(services)
        self._sandbox = tuple(sandbox)
        self._report = report
        self._supervisor = Supervisor(on_restart=self._restarted, report=report)
        self._plan: Plan | None = None
        self._programs: dict[str, Program] = {}
        self._owner = NO_OWNER
        self._is_ready = False

    @property
    def plan(self) -> Plan:
        """The ports, servers and environments of the current run."""
        assert self._plan is not None, "the stack was not started"
        return self._plan

    async def start(self) -> None:
        """Everything serves and ready.json says where; or it raises why not, and nothing of it is left."""
        self.home.acquire()
        try:
            self._plan = Plan.make(self.home, self._services, port=self._port, replicas=self._replicas)
            await self._start_servers()
            await self._migrate()
            await self._start_programs()
            await self._settle_in()
        except BaseException:
            await self.stop()
            raise
        self._is_ready = True
        self.ready().write(self.home.ready)

    async def stop(self) -> None:
        """Nothing of the stack runs: the door ended first, the servers last. May be repeated."""
        self._is_ready = False
        self.home.ready.unlink(missing_ok=True)
        await self._supervisor.stop()
        self.home.release()

    async def watch(self) -> None:
        """Never returns while everything is supervised as it should be."""
        await self._supervisor.watch()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def ready(self) -> Ready:
        """Where everything is now; what ready.json says."""
        plan = self.plan
        services = {
            name: ServiceAt(f"127.0.0.1:{at.grpc}", f"127.0.0.1:{at.http}", self._programs[name].pid)
            for name, at in plan.addresses.items()
        }
        servers = {"supervisor": os.getpid(), "postgres": plan.postgres.pid, "nats": plan.nats.pid}
        return Ready(
            gateway_url=plan.gateway_url,
            api_key=self._owner.api_key,
            workspace_id=self._owner.workspace_id,
            sandbox_url=plan.sandbox_url,
            database_url=plan.database_url,
            nats_url=plan.nats.url(),
            services=services,
            processes=servers | {name: program.pid for name, program in self._programs.items()},
        )

    async def _start_servers(self) -> None:
        """Postgres and NATS serve; the database and the services' roles are there."""
        self._report("starting Postgres and NATS")
        postgres = self.plan.postgres
        await self._supervisor.start([postgres], [self.plan.nats])
        await roles.ensure_database(postgres.url("postgres"))
        for role in map(roles.role_of, names(self._services)):
            await roles.ensure_role(self.plan.database_url, role, postgres.password_of(role))

    async def _migrate(self) -> None:
        """Every schema is that of the code. Raises ToolFailedError."""
        self._report("migrating")
        admin = {"LOBBY_MIGRATION_DATABASE_URL": self.plan.database_url}
        try:
            async with asyncio.TaskGroup() as migrations:
                for service in (service for service in self._services if service.migrates):
                    env = self.plan.environment(service.name) | admin
                    log = self.home.log(f"{service.name}-migrate")
                    migrations.create_task(run_tool([*service.command, "migrate"], env, log=log))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _start_programs(self) -> None:
        """The services and the sandbox serve."""
        times = f", {self._replicas} times each," if self._replicas > 1 else ""
        self._report(f"starting {len(self._services)} services{times} and the sandbox")
        for service in self._services:
            for replica in replicas_of(service.name, self._replicas):
                page = f"127.0.0.1:{self.plan.addresses[replica].http}/readyz"
                self._add_program(replica, service.command, self.plan.environment(replica), page=page)
        port = self.plan.sandbox_port
        env = base_environment() | {"LOBBY_SANDBOX_PORT": str(port), "LOBBY_BIND_HOST": "127.0.0.1"}
        # It depends on nothing: alive is ready.
        self._add_program(SANDBOX, self._sandbox, env, page=f"127.0.0.1:{port}/healthz")
        door = [program for program in self._programs.values() if service_of(program.name) == GATEWAY]
        behind = [program for program in self._programs.values() if service_of(program.name) != GATEWAY]
        # The door closes first, so that nothing is accepted that nobody will handle.
        await self._supervisor.start(behind, door)

    def _add_program(self, name: str, command: Sequence[str], env: dict[str, str], *, page: str) -> None:
        self._programs[name] = Program(name, command, env, ready_page=page, log=self.home.log(name))

    async def _settle_in(self) -> None:
        """There is a workspace with an owner and, in a new home, the demo; the sandbox knows its accounts."""
        gateway = next((service for service in self._services if service.name == GATEWAY), None)
        if gateway is None:
            return
        known = known_owner(self.home)
        if known is not None:
            self._owner = known
            await self._demo().resume()
            return
        self._owner = await make_owner(self.home, gateway.command, self.plan.environment(GATEWAY))
        if self._wants_demo:
            self._report("inviting the demo's customers")
            await self._demo().play()

    def _demo(self) -> Demo:
        """The demo of this stack."""
        return Demo(
            self.home.demo,
            gateway_url=self.plan.gateway_url,
            api_key=self._owner.api_key,
            sandbox_url=self.plan.sandbox_url,
            report=self._report,
        )

    async def _restarted(self, server: Server) -> None:
        """ready.json tells the new pid, and a new sandbox knows the demo's accounts again."""
        if not self._is_ready:
            return
        self.ready().write(self.home.ready)
        if server.name == SANDBOX:
            await self._demo().resume()
