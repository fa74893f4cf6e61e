# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What something else manages is told, and left alone by everything that we do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pymysql
import pytest

from sandbox import PASSWORDS, Cluster, Writer, rows
from sandbox.runs.playbook import Playbooks, Run
from sandbox.scenes.scene import Scene
from sandbox.servers.packages import apt_install
from sandbox.servers.pool import POOL
from sandbox.servers.ports import give_back_port, take_port
from sandbox.servers.server import Server
from sandbox.servers.snapshot import changing, differences, listening, snapshots, wait_until_still
from sandbox.servers.waiting import wait_until

RUNS = {
    "check": {},
    "failover": {"failover_force": True, "failover_unreachable": "proceed", "failover_allow_data_loss": True},
    "switchover": {"switchover_to": "db1"},
    "rejoin": {"rejoin_server": "db1", "rejoin_method": "rebuild", "rejoin_save": False},
}
"""All that there is to do, each with what goes as far as it can."""

GROUP = "8d3a9d4a-3a8b-4f4f-9a43-0a0a0a0a0a0a"
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
def group_replication(*servers: Server) -> Iterator[None]:
    """Make servers the members of a replication group, of which the first is the primary, for as long as the block lasts."""
    ports = [take_port() for _server in servers]
    try:
        for server, port in zip(servers, ports, strict=True):
            settings = {
                "group_name": f"'{GROUP}'",
                "local_address": f"'127.0.0.1:{port}'",
                "group_seeds": f"'{','.join(f'127.0.0.1:{each}' for each in ports)}'",
                "advertise_recovery_endpoints": f"'127.0.0.1:{server.port}'",
                "recovery_get_public_key": "ON",
                "bootstrap_group": "ON" if server is servers[0] else "OFF",
            }
            server.execute_all("SET GLOBAL super_read_only = 0", "INSTALL PLUGIN group_replication SONAME 'group_replication.so'")
            server.execute_all(*(f"SET GLOBAL group_replication_{name} = {value}" for name, value in settings.items()))
            if server is not servers[0]:
                server.execute_all("STOP REPLICA", "RESET REPLICA ALL")
            server.execute("START GROUP_REPLICATION USER = 'repl', PASSWORD = %s", (PASSWORDS["repl"],))
            server.execute("SET GLOBAL group_replication_bootstrap_group = OFF")
            wait_until(partial(is_online, server))
        yield
        for server in servers:
            if server.is_running:
                leave_group(server)
    finally:
        for port in ports:
            give_back_port(port)


def is_online(server: Server) -> bool:
    return server.value("SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_ID = @@GLOBAL.server_uuid") == "ONLINE"


def leave_group(server: Server) -> None:
    """Let a member leave its group, and take writes."""
    server.execute_all("STOP GROUP_REPLICATION", "SET GLOBAL super_read_only = 0", "SET GLOBAL read_only = 0")


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
def test_a_group_that_elected_by_itself_while_an_asynchronous_replica_was_left_behind(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        old, new, left_behind = (cluster[name] for name in ("db0", "db1", "db2"))
        with group_replication(old, new):
            written = scene.write(10)
            cluster.wait_in_sync(replicas=[left_behind])
            left_behind.execute("STOP REPLICA IO_THREAD")
            written |= scene.write(10)
            old.stop()
            wait_until(lambda: new.is_writable)
            left_behind.execute("START REPLICA IO_THREAD")
            with Writer(new) as writer:
                writer.wait_for(3)
            written |= writer.acknowledged
            # The one whom the group has elected stays the primary, and the one left behind is not opened.
            see_that_it_is_left_alone(cluster, tmp_path, "Group Replication")
            assert scene.writable() == ["db1"]
        # It is a server like any other once there is no group any more, and the replica is brought to it, with all rows.
        run = scene.failover()
        assert run.returncode == 0, run
        assert run.dbha_result["new_primary"]["name"] == "db1"
        assert scene.writable() == ["db1"]
        cluster.wait_in_sync(source=new, replicas=[left_behind])
        assert rows(left_behind) == rows(new) == written


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


@pytest.mark.alike
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
