# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster whose primary dies, with replicas in whatever state, and what has to hold once it is failed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..runs.playbook import Playbooks, Run
from ..servers.accounts import PASSWORDS
from ..servers.cluster import Cluster
from ..servers.replication import domains
from ..servers.server import Server
from ..servers.snapshot import differences, snapshots, wait_until_still
from ..servers.waiting import wait_until
from .writer import Writer, rows

# Parallel appliers bring these up to date when they come to it.
_LATE = ("/Exec_Source_Log_Pos", "/Relay_Log_Pos")


class Scene:
    """A cluster, and the rows that somebody has said are safe."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster = cluster
        self._playbooks = Playbooks(cluster, directory)

    def write(self, number: int) -> set[int]:
        """Write rows on the primary, a transaction each, and return the ids of all that it has."""
        with Writer(self.cluster.primary, clients=4, pause=0) as writer:
            writer.wait_for(number)
        return rows(self.cluster.primary)

    def thread(self, verb: str, server: Server, thread: str = "") -> None:
        """Start or stop the threads of a replica, or one of them: IO_THREAD, SQL_THREAD."""
        installation = server.installation
        word = "SLAVE" if installation.is_mariadb or installation.version < (8, 0, 22) else "REPLICA"
        server.execute(f"{verb} {word} {thread}")

    def await_received(self, *servers: Server) -> None:
        """Wait until replicas have received, not necessarily applied, all that the primary has."""
        executed = self.cluster.primary.executed()
        for server in servers:
            wait_until(partial(_has_received, server, executed))

    def kill_primary(self) -> None:
        """Kill the primary, and wait until nobody is connected to it."""
        self.kill(self.cluster.primary)

    def kill(self, *sources: Server) -> None:
        """Kill servers, and wait until nobody is connected to them."""
        for source in sources:
            source.kill()
        ports = {source.port for source in sources}
        for server in self.cluster.servers.values():
            if server.is_running:
                wait_until(partial(_is_cut_off, server, ports))

    def failover(self, *arguments: str, **variables: Any) -> Run:
        """Run the failover playbook."""
        return self._playbooks.run("dbha.mysql.failover", *arguments, cluster="orders", **variables)

    def check(self, *arguments: str, **variables: Any) -> Run:
        """Run the check playbook."""
        return self._playbooks.run("dbha.mysql.check", *arguments, cluster="orders", **variables)

    def rejoin(self, *arguments: str, **variables: Any) -> Run:
        """Run the rejoin playbook."""
        return self._playbooks.run("dbha.mysql.rejoin", *arguments, cluster="orders", **variables)

    def switchover(self, *arguments: str, **variables: Any) -> Run:
        """Run the switchover playbook."""
        return self._playbooks.run("dbha.mysql.switchover", *arguments, cluster="orders", **variables)

    def run_on(self, playbook: str, members: Sequence[str], *arguments: str, **variables: Any) -> Run:
        """Run one of the collection's playbooks on some of the servers."""
        return self._playbooks.run(f"dbha.mysql.{playbook}", *arguments, cluster=members, **variables)

    def run_tasks(self, tasks: Sequence[Mapping[str, Any]]) -> Run:
        """Run tasks of one's own."""
        return self._playbooks.run_tasks(tasks)

    @property
    def login(self) -> dict[str, Any]:
        """How a module logs in to its servers."""
        return {"login_user": "failover", "login_password": PASSWORDS["failover"], "allow_unverified": True}

    @property
    def has_new_words(self) -> bool:
        """Whether its servers say replica and source where others say slave and master."""
        installation = self.cluster.primary.installation
        return not installation.is_mariadb and installation.version >= (8, 0, 23)

    @contextmanager
    def untouched(self, servers: Iterable[Server] | None = None) -> Iterator[None]:
        """Expect that nothing is changed on living servers meanwhile."""
        servers = [server for server in servers or self.cluster.servers.values() if server.is_running]
        before = wait_until_still(servers)
        yield
        changed = {path: values for path, values in differences(before, snapshots(servers)).items() if not path.endswith(_LATE)}
        assert not changed, f"changed: {changed}"

    def writable(self) -> list[str]:
        """Name the living servers that take writes."""
        return self.cluster.writable()

    @property
    def new_primary(self) -> Server:
        """The one living server that takes writes."""
        (writable,) = self.writable()
        return self.cluster[writable]

    def assert_whole(self, expected: set[int], *, replicas: Iterable[Server] | None = None) -> None:
        """See that one server takes writes, has exactly these rows, feeds the others with new ones, and that a second run changes nothing."""
        primary = self.new_primary
        others = [server for server in replicas or self.cluster.replicas if server is not primary]
        assert rows(primary) == expected
        with Writer(primary) as writer:
            writer.wait_for(3)
        expected = expected | writer.acknowledged
        for server in others:
            status = server.replica_status()
            assert status["source_port"] == primary.port, f"{server} follows {status}"
            wait_until(partial(_has_rows, server, expected))
        with self.untouched():
            again = self.failover()
        assert again.returncode == 0, str(again)
        assert not again.changed, str(again)


def purge(server: Server) -> None:
    """Delete all binary logs of a server but an empty one."""
    if server.query("SHOW VARIABLES LIKE 'slave_connections_needed_for_purge'"):
        server.execute("SET GLOBAL slave_connections_needed_for_purge = 0")
    server.execute("FLUSH BINARY LOGS")
    last = server.query("SHOW BINARY LOGS")[-1]["Log_name"]

    def is_alone() -> bool:
        server.execute("PURGE BINARY LOGS TO %s", (last,))
        return len(server.query("SHOW BINARY LOGS")) == 1

    wait_until(is_alone)


def _is_cut_off(server: Server, ports: set[int]) -> bool:
    status = server.replica_status()
    return status.get("source_port") not in ports or status["receiver"] != "Yes"


def _has_rows(server: Server, expected: set[int]) -> bool:
    return rows(server) == expected


def _has_received(server: Server, executed: str) -> bool:
    status = server.replica_status()
    if server.installation.is_mariadb:
        mine = domains(status["received"] + "," + server.executed())
        return all(mine.get(domain, 0) >= number for domain, number in domains(executed).items())
    have = ",".join(filter(None, [status["received"], server.executed()]))
    return bool(server.value("SELECT GTID_SUBSET(%s, %s)", (executed, have)))
