# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""MariaDB throws relay logs away when a thread starts after both were stopped. A failover must not let it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB
from sandbox import Cluster, Server, rows
from sandbox.scenes.scene import Scene
from sandbox.servers.waiting import wait_until

# Both versions that are there keep relay logs alike (seen), so most of it is tried with one of them.
ONE = pytest.mark.server("mariadb-10.11")
BOTH = pytest.mark.server("mariadb")


@pytest.fixture
def scene(cluster: Cluster, tmp_path: Path) -> Scene:
    return Scene(cluster, tmp_path)


def only_received_by(scene: Scene, server: Server, number: int) -> set[int]:
    """Write rows that one replica receives and does not apply, and nobody else receives; then kill the primary."""
    scene.thread("STOP", server, "SQL_THREAD")
    for other in scene.cluster.replicas:
        if other is not server:
            scene.thread("STOP", other, "IO_THREAD")
    written = scene.write(number)
    scene.await_received(server)
    scene.kill_primary()
    return written


@BOTH
def test_an_applier_that_was_stopped_is_started_before_the_receiver_is_stopped(scene: Scene) -> None:
    replica = scene.cluster["db2"]
    written = only_received_by(scene, replica, 3000)
    run = scene.failover()
    assert run.dbha_result["lost"] == []
    sent = [each["statement"] for each in run.of("mysql_find_best_replica")["statements"] if each["server"] == replica.name]
    assert sent == ["START REPLICA SQL_THREAD", "STOP REPLICA IO_THREAD"]
    assert scene.new_primary is replica
    scene.assert_whole(written)


def stop_both(scene: Scene, server: Server) -> None:
    scene.thread("STOP", server)


def restart(scene: Scene, server: Server) -> None:
    server.restart("--skip-slave-start")


def kill_and_start(scene: Scene, server: Server) -> None:
    server.kill()
    server.start("--skip-slave-start")


def kill_while_it_applies(scene: Scene, server: Server) -> None:
    """Leave relay-log.info behind: it names a transaction that was applied long before."""
    before = server.replica_status()["raw"]["Relay_Log_Pos"]
    applied = len(rows(server))
    scene.thread("START", server, "SQL_THREAD")
    wait_until(lambda: len(rows(server)) > applied + 200)
    server.kill()
    server.start("--skip-slave-start")
    assert server.replica_status()["raw"]["Relay_Log_Pos"] == before
    assert len(rows(server)) > applied + 200


@BOTH
@pytest.mark.parametrize("come_to_rest", [stop_both, kill_while_it_applies])
def test_what_waits_in_the_relay_logs_of_a_replica_that_stands_still_is_applied(scene: Scene, come_to_rest: Callable[[Scene, Server], None]) -> None:
    assert_applied(scene, come_to_rest)


@ONE
@pytest.mark.parametrize("come_to_rest", [restart, kill_and_start])
@pytest.mark.also("mariadb-11.8", "mariadb-10.5")
def test_what_waits_in_the_relay_logs_of_a_replica_that_was_restarted_is_applied(scene: Scene, come_to_rest: Callable[[Scene, Server], None]) -> None:
    assert_applied(scene, come_to_rest)


def assert_applied(scene: Scene, come_to_rest: Callable[[Scene, Server], None]) -> None:
    """Bring a replica that alone has rows in its relay logs to rest, and see that a failover applies them."""
    replica = scene.cluster["db2"]
    written = only_received_by(scene, replica, 4000)
    come_to_rest(scene, replica)
    assert replica.replica_status()["applier"] == "No"
    run = scene.failover()
    assert run.returncode == 0, str(run)
    assert run.dbha_result["lost"] == []
    assert scene.new_primary is replica
    scene.assert_whole(written)


@contextmanager
def held_up(server: Server, row: int) -> Iterator[None]:
    """Keep the applier from applying a row, and all after it, meanwhile."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"INSERT INTO dbha_demo.`rows` (id, client) VALUES ({row}, 0)")
        yield


def interrupted(server: Server, *, applying: bool) -> None:
    """Leave a replica as a run does that is killed right after it has begun to apply its relay logs, or while it applies them."""
    status = server.replica_status()["raw"]
    statement = MariaDB(server.installation.version).keep_relay_logs(status["Relay_Log_File"], int(status["Relay_Log_Pos"]))
    server.execute(statement.text, statement.values)
    if applying:
        server.execute("START SLAVE SQL_THREAD")


@BOTH
@pytest.mark.parametrize("applying", [False, True])
def test_a_run_that_was_killed_while_relay_logs_were_applied_is_finished_by_the_next_one(scene: Scene, applying: bool) -> None:
    replica = scene.cluster["db2"]
    written = only_received_by(scene, replica, 2000)
    restart(scene, replica)
    with held_up(replica, min(written)):
        interrupted(replica, applying=applying)
        run = scene.failover(failover_drain_timeout=1)
        assert run.codes == {"drain_timeout"}, str(run)
    run = scene.failover()
    assert run.returncode == 0, str(run)
    assert scene.new_primary is replica
    scene.assert_whole(written)


@ONE
def test_a_replica_that_is_not_promoted_is_taken_out_of_an_interrupted_run(scene: Scene) -> None:
    replica = scene.cluster["db2"]
    scene.thread("STOP", replica, "SQL_THREAD")
    written = scene.write(300)
    scene.await_received(*scene.cluster.replicas)
    scene.kill_primary()
    stop_both(scene, replica)
    interrupted(replica, applying=True)
    assert scene.failover(failover_exclude=["db2"]).returncode == 0
    assert scene.new_primary is not replica
    scene.assert_whole(written)
    assert replica.replica_status()["raw"]["Using_Gtid"] == "Slave_Pos"


@ONE
def test_check_mode_shows_how_relay_logs_would_be_applied_and_leaves_them_alone(scene: Scene) -> None:
    replica = scene.cluster["db2"]
    only_received_by(scene, replica, 100)
    stop_both(scene, replica)
    with scene.untouched():
        run = scene.failover("--check")
    planned = [sent["statement"] for sent in run.of("mysql_find_best_replica")["statements"] if sent["server"] == "db2"]
    assert [" ".join(statement.split()[:2]) for statement in planned] == ["CHANGE MASTER", "START REPLICA", "STOP REPLICA", "CHANGE MASTER"]


@ONE
def test_a_relay_log_that_breaks_off_in_the_middle_of_an_event_is_applied_as_far_as_it_goes(scene: Scene) -> None:
    replica = scene.cluster["db2"]
    written = only_received_by(scene, replica, 300)
    stop_both(scene, replica)
    relay_log = replica.datadir / replica.replica_status()["raw"]["Relay_Log_File"]
    last = replica.query("SHOW RELAYLOG EVENTS IN %s", (relay_log.name,))[-1]
    assert last["Event_type"] == "Xid"
    replica.kill()
    os.truncate(relay_log, int(last["Pos"]) + 9)
    replica.start("--skip-slave-start")
    run = scene.failover()
    assert run.returncode == 0, str(run)
    assert len(written - rows(replica)) == 1
    scene.assert_whole(rows(replica))


@ONE
def test_relay_logs_whose_transactions_were_applied_out_of_order_are_refused_before_anything_is_touched(scene: Scene) -> None:
    replica = scene.cluster["db2"]
    scene.thread("STOP", replica, "SQL_THREAD")
    for name in ("db1", "db3"):
        scene.thread("STOP", scene.cluster[name], "IO_THREAD")
    primary = scene.cluster.primary
    scene.write(10)
    primary.execute_all("SET gtid_domain_id = 7", "CREATE TABLE dbha_demo.other (id INT PRIMARY KEY)")
    scene.await_received(replica)
    scene.kill_primary()
    stop_both(scene, replica)
    # What a parallel applier does with transactions of two domains: the later one is applied, the earlier ones are not.
    replica.execute("SET GLOBAL gtid_slave_pos = %s", (replica.value("SELECT @@gtid_slave_pos") + ",7-1-1",))
    with scene.untouched():
        run = scene.failover()
        assert run.codes == {"relay_logs_at_risk"}, str(run)
    assert run.returncode != 0
    # What the remedy of relay_logs_at_risk says where a failover cannot apply them.
    run = scene.failover(failover_allow_data_loss=True)
    assert run.returncode == 0, str(run)
    assert [loss["server"] for loss in run.dbha_result["lost"]] == ["db2"]


@ONE
def test_relay_logs_that_the_applier_stumbles_over_stay_until_it_can_apply_them(scene: Scene) -> None:
    replica = scene.cluster["db2"]
    written = only_received_by(scene, replica, 300)
    stop_both(scene, replica)
    in_the_way = max(written)
    replica.execute_all("SET sql_log_bin = 0", f"INSERT INTO dbha_demo.`rows` (id, client) VALUES ({in_the_way}, 0)")
    run = scene.failover()
    assert run.codes == {"applier_broken"}, str(run)
    status = replica.replica_status()
    assert (status["receiver"], status["applier"], status["raw"]["Using_Gtid"]) == ("No", "No", "Slave_Pos")
    # The first of the two ways out that the remedy names; the applier is started by the failover here, as it would throw the relay logs away otherwise.
    replica.execute_all("SET sql_log_bin = 0", f"DELETE FROM dbha_demo.`rows` WHERE id = {in_the_way}")
    run = scene.failover()
    assert run.returncode == 0, str(run)
    scene.assert_whole(written)
