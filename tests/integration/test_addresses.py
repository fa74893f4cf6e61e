# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicas that call their source by an address that the inventory does not have: a virtual one, or one in a network of its own for replication."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox import Server, rows
from sandbox.runs.playbook import Run
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.replication import change_statement, start_statement, stop_statement
from sandbox.servers.virtual import VirtualAddress
from sandbox.servers.waiting import wait_until

pytestmark = pytest.mark.alike

# Where a server is, too, that listens on every address of this machine.
INSIDE = "127.0.0.2"


@pytest.fixture
def scene(kind: str, tmp_path: Path) -> Iterator[Scene]:
    with POOL.cluster(kind, replicas=2) as cluster:
        yield Scene(cluster, tmp_path)


@pytest.fixture
def address(scene: Scene) -> Iterator[VirtualAddress]:
    """Where the replicas find db0."""
    with VirtualAddress(scene.cluster.primary) as address:
        for replica in scene.cluster.replicas:
            follow(replica, address.host, address.port)
        yield address


def follow(replica: Server, host: str, port: int) -> None:
    installation = replica.installation
    replica.execute_all(stop_statement(installation), change_statement(installation, host=host, port=port), start_statement(installation))
    wait_until(partial(_receives, replica))


def _receives(server: Server) -> bool:
    return bool(server.replica_status()["receiver"] == "Yes")


def codes(run: Run) -> set[tuple[str, str]]:
    return {(problem["code"], problem["server"]) for problem in run.problems}


def told(server: str, address: VirtualAddress) -> dict[str, dict[str, Any]]:
    """What the inventory says of a server where that has an address for replicas."""
    return {server: {"mysql_replication_host": address.host, "mysql_replication_port": address.port}}


def test_an_address_that_dies_with_the_primary_was_the_primarys(scene: Scene, address: VirtualAddress) -> None:
    written = scene.write(10)
    scene.cluster.wait_in_sync()
    check = scene.check()
    assert (check.returncode, check.problems) == (0, []), check
    assert f"[address_unknown] db1, db2 replicate from db0 by the address 127.0.0.1:{address.port}" in " ".join(check.output.split())
    # What the remedy says.
    assert "address_unknown" not in scene.check(hosts=told("db0", address)).output

    scene.cluster.primary.kill()
    # As long as somebody answers at the address the primary may live.
    with scene.untouched():
        for options in ({}, {"failover_dead_primary": "db0"}):
            run = scene.failover(**options)
            assert run.returncode == 2, run
            assert {code for code, _server in codes(run)} <= {"primary_maybe_alive", "primary_alive"}, run
    address.take_away()
    named = scene.failover("--check", failover_dead_primary="db0")
    assert named.returncode == 0, named
    run = scene.failover()
    assert run.returncode == 0, run
    assert run.dbha_result["old_primary"]["name"] == "db0"
    scene.assert_whole(written)


# Who a server is, MySQL tells by server_uuid and MariaDB by server_id.
@pytest.mark.also("mariadb-10.11", "mysql-9.7")
def test_an_address_that_has_moved_to_a_replica_was_the_dead_primarys(scene: Scene, address: VirtualAddress) -> None:
    """Where something else moves it, keepalived for example. One replica is connected to the other one then, and that one to itself."""
    written = scene.write(10)
    scene.cluster.wait_in_sync()
    scene.cluster.primary.kill()
    address.move_to(scene.cluster["db1"])
    wait_until(partial(_receives, scene.cluster["db2"]))
    run = scene.failover()
    assert run.returncode == 0, run
    assert run.dbha_result["old_primary"]["name"] == "db0"
    new = scene.new_primary
    assert rows(new) == written
    assert not new.replica_status()
    check = scene.check()
    assert codes(check) == {("unreachable", "db0")}, check


# MySQL knows the servers by server_uuid, whatever address they are told.
@pytest.mark.alike("mariadb-10.11")
def test_replicas_may_have_a_network_of_their_own(scene: Scene, address: VirtualAddress) -> None:
    cluster = scene.cluster
    written = scene.write(10)
    cluster.wait_in_sync()
    with VirtualAddress(cluster["db1"]) as of_db1:
        hosts = {**told("db0", address), **told("db1", of_db1)}
        with scene.untouched():
            unchanged = scene.failover(hosts=hosts)
        assert (unchanged.returncode, unchanged.changed) == (0, 0), unchanged
        run = scene.switchover(switchover_to="db1", hosts=hosts)
        assert run.returncode == 0, run
        for name in ("db0", "db2"):
            assert cluster[name].replica_status()["source_port"] == of_db1.port
        check = scene.check(hosts=hosts)
        assert (check.returncode, check.problems) == (0, []), check
        assert "address_unknown" not in check.output
        # The address of the dead one is known.
        cluster["db1"].kill()
        of_db1.take_away()
        run = scene.failover(hosts=hosts)
        assert run.returncode == 0, run
    assert scene.writable() in (["db0"], ["db2"])
    assert rows(scene.new_primary) == written


# In MariaDB a replica forgets at its start with whom it talked.
@pytest.mark.alike("mariadb-10.11")
def test_a_living_primary_in_two_networks_stays_it_and_nobody_is_moved_to_the_other_network_unsaid(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2, options=["--bind-address=0.0.0.0"]) as cluster:
        scene, primary = Scene(cluster, tmp_path), cluster.primary
        for replica in cluster.replicas:
            follow(replica, INSIDE, primary.port)
        written = scene.write(10)
        cluster.wait_in_sync()
        with scene.untouched():
            for run in (scene.failover(), scene.failover("--check"), scene.rejoin(), scene.rejoin(rejoin_server="db1")):
                assert (run.returncode, run.changed, run.problems) == (0, 0, []), run
            assert codes(scene.failover(failover_dead_primary="db0")) == {("primary_alive", "db0")}
            assert codes(scene.rejoin(rejoin_primary="db1")) == {("not_the_primary", "db1")}

        # Whom one of them has not reached yet since its start, the other one tells.
        late = cluster["db2"]
        late.restart("--skip-slave-start")
        late.set_read_only()
        with scene.untouched():
            check = scene.check()
            assert codes(check) == {("not_replicating", "db2")}, check
            for run in (scene.failover(), scene.rejoin()):
                assert (run.returncode, run.changed, run.problems) == (0, 0, []), run
        late.execute(start_statement(late.installation))
        wait_until(partial(_receives, late))

        # To where a switchover moves them, it says, and its rehearsal before it.
        for arguments in (("--check",), ()):
            run = scene.switchover(*arguments, switchover_to="db1")
            assert run.returncode == 0, run
            said = f"db1, db2 replicate from db0 by the address {INSIDE}:{primary.port}, which the inventory does not have:"
            assert f"[address_unknown] {said} they are told the address of db1 in the inventory" in " ".join(run.output.split()), run
        for name in ("db0", "db2"):
            status = cluster[name].replica_status()
            assert (status["source_host"], status["source_port"]) == (cluster["db1"].host, cluster["db1"].port)
        assert "address_unknown" not in scene.switchover(switchover_to="db0").output
        scene.assert_whole(written)


def test_two_entries_of_one_process_are_the_same_server(scene: Scene, address: VirtualAddress) -> None:
    again = {"db0": {}, "db1": {}, "db2": {}, "again": {"mysql_host": address.host, "mysql_port": address.port, **login(scene)}}
    with scene.untouched():
        for playbook in ("check", "failover", "rejoin", "switchover"):
            run = scene.run_on(playbook, list(again), hosts=again)
            assert run.returncode == 2, run
            assert {code for code, _server in codes(run)} == {"same_server"}, run


def login(scene: Scene) -> dict[str, str]:
    return {f"mysql_{name}": value for name, value in scene.login.items()}
