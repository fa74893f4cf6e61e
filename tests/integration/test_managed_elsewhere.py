# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What something else manages is told, and left alone by everything that we do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymysql
import pytest

from sandbox import Cluster
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.packages import apt_install
from sandbox.servers.pool import POOL
from sandbox.servers.ports import give_back_port, take_port
from sandbox.servers.server import Server
from sandbox.servers.snapshot import changing, differences, listening, snapshots, wait_until_still

RUNS = {
    "check": {},
    "failover": {"failover_force": True, "failover_unreachable": "proceed", "failover_allow_data_loss": True},
    "switchover": {"switchover_to": "db1"},
    "rejoin": {"rejoin_server": "db1", "rejoin_method": "rebuild", "rejoin_save": False},
}
"""All that there is to do, each with what goes as far as it can."""

GALERA = Path("/usr/lib/galera/libgalera_smm.so")


def see_that_it_is_left_alone(cluster: Cluster, directory: Path, manager: str, *, servers: list[Server] | None = None) -> None:
    """Run everything: each run is refused, names the manager, and changes nothing on any server."""
    running = servers or [server for server in cluster.servers.values() if server.is_running]
    playbooks = Playbooks(cluster, directory)
    before = wait_until_still(running)
    for playbook, options in RUNS.items():
        with listening(running) as heard:
            run = playbooks.run(f"dbha.mysql.{playbook}", **options)
        assert run.returncode == 2, run
        assert run.codes == {"managed_elsewhere"}, run
        assert manager in run.output, run
        assert {name: changing(statements) for name, statements in heard.items() if changing(statements)} == {}
    assert differences(before, snapshots(running)) == {}


def named(run: Run, server: Server) -> list[int]:
    """Return the connections on a server that problems name."""
    return [int(number) for problem in run.problems if problem["server"] == server.name for number in re.findall(r"connection (\d+)", problem["message"])]


@contextmanager
def group_replication(server: Server) -> Iterator[None]:
    """Make a server the only member of a replication group, for as long as the block lasts."""
    port = take_port()
    settings = {
        "group_name": "'8d3a9d4a-3a8b-4f4f-9a43-0a0a0a0a0a0a'",
        "local_address": f"'127.0.0.1:{port}'",
        "group_seeds": f"'127.0.0.1:{port}'",
        "bootstrap_group": "ON",
    }
    server.execute("INSTALL PLUGIN group_replication SONAME 'group_replication.so'")
    try:
        server.execute_all(*(f"SET GLOBAL group_replication_{name} = {value}" for name, value in settings.items()), "START GROUP_REPLICATION")
        yield
        server.execute("STOP GROUP_REPLICATION")
        server.execute("SET GLOBAL super_read_only = 0")
        server.execute("SET GLOBAL read_only = 0")
    finally:
        give_back_port(port)


@pytest.mark.server("mysql-9.7")
def test_an_online_member_of_a_replication_group(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=1) as cluster:
        with group_replication(cluster.primary):
            cluster.wait_in_sync()
            see_that_it_is_left_alone(cluster, tmp_path, "Group Replication")
        # One that has left its group is a server like any other.
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.switchover", switchover_to="db1")
        assert run.returncode == 0, run


@pytest.mark.server("mysql-9.7")
def test_a_cluster_of_mysql_shell(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=1) as cluster:
        cluster.primary.execute("CREATE DATABASE mysql_innodb_cluster_metadata")
        cluster.wait_in_sync()
        see_that_it_is_left_alone(cluster, tmp_path, "MySQL Shell")
        cluster.primary.kill()
        see_that_it_is_left_alone(cluster, tmp_path, "MySQL Shell")


@pytest.mark.server("mariadb-10.11")
def test_a_member_of_galera(kind: str, tmp_path: Path) -> None:
    if not GALERA.exists():
        apt_install("Galera", "galera-4")
    with Cluster(kind, replicas=1, start=False) as cluster:
        port = take_port()
        try:
            for server in cluster.servers.values():
                server.start()
            cluster.primary.stop()
            provider = [f"--wsrep-provider={GALERA}", "--wsrep-on=ON", "--wsrep-cluster-address=gcomm://", f"--wsrep-node-address=127.0.0.1:{port}"]
            cluster.primary.start(*provider, f"--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:{port}", "--innodb-autoinc-lock-mode=2")
            assert cluster.primary.query_one("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'")["Value"] == "Primary"
            see_that_it_is_left_alone(cluster, tmp_path, "Galera")
        finally:
            give_back_port(port)


@pytest.mark.server("mariadb-10.11", "mariadb-11.8")
@pytest.mark.parametrize("dead", [False, True], ids=["alive", "dead"])
def test_a_cluster_that_a_monitor_of_maxscale_has_locked(kind: str, dead: bool, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=1) as cluster:
        if dead:
            cluster.primary.kill()
        held: list[pymysql.Connection] = []
        try:
            for server in cluster.servers.values():
                if server.is_running:
                    connection = server.connect()
                    held.append(connection)
                    connection.cursor().execute("SELECT GET_LOCK('maxscale_mariadbmonitor', 0)")
            see_that_it_is_left_alone(cluster, tmp_path, "holds the lock maxscale_mariadbmonitor")
            # What the remedy of managed_elsewhere says, as nothing holds it rightfully.
            check = Playbooks(cluster, tmp_path).run("dbha.mysql.check")
            for server in [cluster[name] for name in ("db0", "db1") if cluster[name].is_running]:
                (number,) = named(check, server)
                server.execute("KILL %s", (number,))
        finally:
            for connection in held:
                with suppress(pymysql.Error):
                    connection.close()
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.failover")
        assert run.returncode == 0, run
