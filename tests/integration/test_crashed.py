# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A replica of MariaDB whose binary log has outlived a crash that its data have not (innodb_flush_log_at_trx_commit=0 or 2, sync_binlog=1)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Cluster, Server, rows
from sandbox.scenes.scene import Scene
from sandbox.servers.programs import tool

pytestmark = [pytest.mark.server("mariadb-10.11"), pytest.mark.also("mariadb-11.8", "mariadb-10.5")]

# InnoDB keeps to itself what it would write to its log, as long as it can: a kill loses what a host that crashes loses otherwise.
LOOSE = ("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-log-at-timeout=2700", "--innodb-stats-auto-recalc=OFF", "--sync-binlog=1")


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A directory on a disk: in /dev/shm InnoDB maps its log into memory, where nothing is lost."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        yield Path(directory)


class Crash:
    """A server that may lose in a crash what was committed since ``prepare()``, and not what is in its binary log."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server = server
        self._options = ("--read-only", "--skip-slave-start", f"--innodb-log-group-home-dir={directory}", *LOOSE)
        self._directory = directory

    def prepare(self) -> None:
        self.server.stop()
        for log in self.server.datadir.glob("ib_logfile*"):
            shutil.move(log, self._directory)
        self.server.start(*self._options)
        self.server.execute("START SLAVE")

    def happen(self) -> set[int]:
        """Kill the server and start it again, without its replication. Return the rows that it has lost."""
        before = rows(self.server)
        self.server.kill()
        self.server.start(*self._options)
        return before - rows(self.server)


def crash_ahead(scene: Scene, crash: Crash, *, stands_still: bool = False) -> set[int]:
    """Crash db1, which alone had the last rows, and kill the primary: the binary log of db1 has them still. Return all rows that were written.

    ``stands_still``: its replication is not started again, so that its relay logs are there, too.
    """
    db1, others = crash.server, [each for each in scene.cluster.replicas if each is not crash.server]
    crash.prepare()
    scene.write(20)
    scene.cluster.wait_in_sync()
    for other in others:
        scene.thread("STOP", other, "IO_THREAD")
    for _attempt in range(10):
        written = scene.write(20)
        scene.cluster.wait_in_sync(replicas=[db1])
        logged = db1.value("SELECT @@gtid_binlog_state")
        # The last ones may have been written by chance, because a page was.
        if crash.happen():
            break
        scene.thread("START", db1)
    # RESET MASTER waits until InnoDB has written its log (seen: 10.11).
    db1.execute("SET GLOBAL innodb_flush_log_at_timeout = 1")
    assert rows(db1) < written
    assert db1.value("SELECT @@gtid_binlog_state") == logged
    assert db1.value("SELECT @@gtid_slave_pos") != logged
    scene.kill_primary()
    if not stands_still:
        scene.thread("START", db1)
    return written


@pytest.mark.parametrize("stands_still", [False, True])
def test_another_replica_is_promoted_and_gets_what_only_its_binary_log_has(stands_still: bool, kind: str, on_disk: Path, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        written = crash_ahead(scene, Crash(cluster["db1"], on_disk), stands_still=stands_still)
        run = scene.failover()
        assert run.returncode == 0, run
        assert (run.dbha_result["new_primary"]["name"], run.dbha_result["lost"]) == ("db2", [])
        scene.assert_whole(written)


def test_one_with_strict_gtids_stops_at_what_its_binary_log_has_and_goes_on_once_that_is_empty(kind: str, on_disk: Path, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2, options=["--gtid-strict-mode=ON"]) as cluster:
        scene, db1 = Scene(cluster, tmp_path), cluster["db1"]
        written = crash_ahead(scene, Crash(db1, on_disk))
        run = scene.failover()
        assert (run.returncode, run.codes) == (2, {"log_ahead"}), run
        assert scene.new_primary is cluster["db2"]
        assert "log_ahead" in scene.check().codes
        # What the remedy says.
        db1.execute_all("STOP SLAVE", "RESET MASTER", "START SLAVE")
        scene.assert_whole(written)


@pytest.mark.alike
@pytest.mark.only("mariadb-10.11")
def test_where_nobody_else_is_left_it_is_promoted_once_it_has_what_its_binary_log_has(kind: str, on_disk: Path, tmp_path: Path) -> None:
    with Cluster(kind, replicas=1) as cluster:
        scene, db1 = Scene(cluster, tmp_path), cluster["db1"]
        written = crash_ahead(scene, Crash(db1, on_disk))
        with scene.untouched():
            run = scene.failover(failover_allow_data_loss=True)
            assert (run.returncode, run.codes) == (2, {"no_candidate", "log_ahead"}), run
        # What the remedy says.
        copies = [shutil.copy(path, tmp_path) for path in sorted(db1.datadir.glob("binlog.0*"))]
        position = db1.value("SELECT @@gtid_slave_pos")
        db1.execute("RESET MASTER")
        done = subprocess.run([tool("mariadb-10.11", "mariadb-binlog"), f"--start-position={position}", *copies], capture_output=True, check=True)
        subprocess.run([tool(kind, "mariadb"), f"--socket={db1.socket}", "--user=root"], input=done.stdout, check=True)
        assert rows(db1) == written
        run = scene.failover(failover_allow_data_loss=True)
        assert run.returncode == 0, run
        scene.assert_whole(written)


@pytest.mark.alike
@pytest.mark.only("mariadb-10.11")
def test_one_that_was_fed_transactions_of_the_primary_has_lost_nothing(kind: str, tmp_path: Path) -> None:
    """Its binary log is ahead of its position, too: a failover that was killed while it salvaged leaves that."""
    with Cluster(kind, replicas=2, options=["--read-only"]) as cluster:
        scene, db0, db1 = Scene(cluster, tmp_path), cluster["db0"], cluster["db1"]
        db0.set_read_only(False)
        scene.write(10)
        cluster.wait_in_sync()
        scene.kill_primary()
        domain, server, number = map(int, db1.value("SELECT @@gtid_slave_pos").split("-"))
        fed = "INSERT INTO dbha_demo.`rows` (id, client) VALUES (1000000, 0)"
        db1.execute_all(f"SET SESSION gtid_domain_id={domain}, server_id={server}, gtid_seq_no={number + 1}", fed)
        db1.restart()
        assert db1.value("SELECT @@gtid_slave_pos") == f"{domain}-{server}-{number}"
        expected = rows(db1)
        run = scene.failover()
        assert run.returncode == 0, run
        assert scene.new_primary is db1
        scene.assert_whole(expected)
