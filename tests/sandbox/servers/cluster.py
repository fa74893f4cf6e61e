# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A primary and its replicas, in a directory of their own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

from .accounts import SCHEMA
from .errors import SandboxError
from .install import install
from .inventory import write_inventory
from .network import Network
from .replication import change_statement, start_statement, stop_statement
from .server import Server
from .waiting import HANGS
from .workspace import Workspace, call_at_end

_STATE = "state.json"
SCHEMA_STATEMENTS = (
    f"CREATE DATABASE `{SCHEMA}`",
    f"CREATE TABLE `{SCHEMA}`.`rows` (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, client INT NOT NULL, "
    "written TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)) ENGINE=InnoDB",
)


class Cluster:
    """Servers of one kind: db0, the primary at first, and its replicas db1, db2, …

    Started and wired up when it is made (unless start=False); everything is stopped and removed by close(), at the end of
    a `with` block, or when this process ends. A detached cluster is left running in a directory that the caller names.
    """

    def __init__(
        self,
        kind: str,
        replicas: int = 3,
        *,
        options: Sequence[str] = (),
        replica_options: Mapping[str, Sequence[str]] | None = None,
        start: bool = True,
        directory: str | os.PathLike[str] | None = None,
        detached: bool = False,
        hosts: bool = False,
    ) -> None:
        self.kind = kind
        self.servers: dict[str, Server] = {}
        self.network: Network | None = None
        """The network that the servers are in, if each is on a host of its own."""
        self.detached = detached
        self._options = list(options)
        install(kind)
        self._workspace = None if directory else Workspace()
        self.directory = self._workspace.path if self._workspace else Path(directory or "").absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._take_back = call_at_end(self.close)
        if hosts:
            self.network = Network.make()
        if detached:
            self._take_back()
        for index in range(replicas + 1):
            name = f"db{index}"
            self._make(name, (replica_options or {}).get(name, ()))
        if start:
            self.start()

    def _make(self, name: str, options: Sequence[str]) -> Server:
        server = Server(
            self.kind,
            name,
            server_id=len(self.servers) + 1,
            directory=self.directory / name,
            options=[*self._options, *options],
            detached=self.detached,
        )
        self.servers[name] = server
        if self.network is not None:
            self._place(server, self.network.add(name))
            server.options += ["--bind-address=0.0.0.0", f"--report-host={server.host}"]
        return server

    def _place(self, server: Server, address: str) -> None:
        assert self.network is not None
        server.host = address
        server.prefix = self.network.prefix_of(server.name)

    # --- its servers

    def __getitem__(self, name: str) -> Server:
        return self.servers[name]

    @property
    def primary(self) -> Server:
        """The primary as the cluster was started: db0, whatever has happened since."""
        return self.servers["db0"]

    @property
    def replicas(self) -> list[Server]:
        """All others."""
        return [server for server in self.servers.values() if server is not self.primary]

    def writable(self) -> list[str]:
        """Name the living servers that take writes."""
        return [server.name for server in self.servers.values() if server.is_running and server.is_writable]

    def add(self, name: str | None = None, *, options: Sequence[str] = (), start: bool = True) -> Server:
        """Add a server that is attached to no other."""
        server = self._make(name or f"db{len(self.servers)}", options)
        if start:
            server.start()
        return server

    def remove(self, name: str) -> None:
        """Kill a server and remove its files."""
        server = self.servers.pop(name)
        server.close()
        shutil.rmtree(server.directory, ignore_errors=True)

    def on_each(self, function: Callable[[Server], object]) -> None:
        """Do something with all servers at once."""
        self._in_parallel(function, self.servers.values())

    # --- wiring

    def start(self) -> None:
        """Start all servers at once and wire them up; close the cluster if that fails."""
        take_back = call_at_end(self.close)  # a detached cluster, too, is left running only when it is whole
        try:
            self._in_parallel(lambda server: server.start(), self.servers.values())
            self.wire_up()
        except BaseException:
            self.close()
            raise
        finally:
            take_back()

    def wire_up(self) -> None:
        """Make the schema of the sandbox on the primary, and all others its replicas, of servers that nobody has written to."""
        self.primary.execute_all(*SCHEMA_STATEMENTS)
        self._in_parallel(self._make_replica, self.replicas)
        self.wait_in_sync()

    def _make_replica(self, server: Server) -> None:
        # At run time and not as an option: an option would make a promoted server read-only again when it is restarted.
        server.set_read_only()
        self.replicate(server)

    def replicate(self, replica: Server, source: Server | None = None, *, delay: int = 0, start: bool = True) -> None:
        """Make a server a replica of another (by default the primary), with GTID auto-position, and start it."""
        source = source or self.primary
        installation = replica.installation
        statements: list[str | tuple[str, Any]] = []
        if replica.replica_status():
            statements.append(stop_statement(installation))
        statements.append(change_statement(installation, host=source.host, port=source.port, delay=delay))
        if start:
            statements.append(start_statement(installation))
        replica.execute_all(*statements)

    def wait_in_sync(self, timeout: float = HANGS, *, source: Server | None = None, replicas: Iterable[Server] | None = None) -> None:
        """Wait until replicas (by default all) have executed everything that their source (by default the primary) has."""
        source = source or self.primary
        executed = source.executed()
        deadline = time.monotonic() + timeout
        for replica in [server for server in (self.replicas if replicas is None else replicas) if server is not source]:
            while not replica.has_executed(executed):
                if time.monotonic() > deadline:
                    status = {key: value for key, value in replica.replica_status().items() if key != "raw"}
                    raise SandboxError(f"{replica} has not executed {executed} within {timeout:g} s, but {replica.executed()}: {status}")
                time.sleep(0.01)

    def kill_without_loss(self, name: str) -> None:
        """Kill a server that takes writes once its replicas have all of them: what a client was told of and they had not received would be gone with it."""
        server = self[name]
        server.set_read_only()
        self.wait_in_sync(source=server)
        server.kill()

    def write_inventory(self, path: str | os.PathLike[str]) -> None:
        """Write the servers as an Ansible inventory in YAML."""
        write_inventory(Path(path), self.servers.values())

    # --- the end

    def close(self) -> None:
        """Kill all servers and remove their files."""
        self._take_back()
        self._kill_all()
        for server in self.servers.values():
            server.close()
        if self.network is not None:
            self.network.remove()
        if self._workspace is not None:
            self._workspace.close()
            return
        for server in self.servers.values():
            shutil.rmtree(server.directory, ignore_errors=True)
        for name in (_STATE, "inventory.yml"):
            (self.directory / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds files of others
            self.directory.rmdir()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    # --- between processes

    def save(self) -> None:
        """Write what another process needs to take the cluster up again."""
        servers = [{"name": server.name, "port": server.port, "server_id": server.server_id, "options": server.options} for server in self.servers.values()]
        network = None if self.network is None else {"number": self.network.number, "hosts": self.network.hosts}
        (self.directory / _STATE).write_text(json.dumps({"kind": self.kind, "servers": servers, "network": network}, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> Cluster:
        """Take up a detached cluster that another process has started and saved."""
        path = Path(directory).absolute() / _STATE
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SandboxError(f"No cluster was started in {path.parent}: use `start`, or name its --directory.") from None
        cluster = cls(state["kind"], replicas=-1, directory=path.parent, detached=True, start=False)
        cluster.network = Network(**state["network"]) if state["network"] is not None else None
        for saved in state["servers"]:
            server = Server(
                state["kind"], saved["name"], server_id=saved["server_id"], directory=path.parent / saved["name"], port=saved["port"], detached=True
            )
            server.options = saved["options"]
            if cluster.network is not None:
                cluster._place(server, cluster.network.address_of(server.name))
            cluster.servers[server.name] = server
        return cluster

    @staticmethod
    def exists(directory: str | os.PathLike[str]) -> bool:
        """Tell whether a cluster was started in a directory."""
        return (Path(directory) / _STATE).exists()

    def _kill_all(self) -> None:
        for server in self.servers.values():
            server.send_kill()
        for server in self.servers.values():
            server.kill()

    def _in_parallel(self, function: Callable[[Server], object], servers: Iterable[Server]) -> None:
        executor = ThreadPoolExecutor(max_workers=16)
        try:
            for future in [executor.submit(function, server) for server in servers]:
                future.result()
        except BaseException:
            # Whoever waits for a server in a thread stops waiting when the server is gone.
            executor.shutdown(wait=False, cancel_futures=True)
            self._kill_all()
            raise
        finally:
            executor.shutdown()
