# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failover after the role has gone to a replica and back: what that one wrote as the primary is its own, and no errant transaction."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Writer, rows
from sandbox.runs.playbook import Playbooks
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_what_a_replica_wrote_while_it_was_the_primary_is_not_held_against_it(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks, scene = Playbooks(cluster, tmp_path), Scene(cluster, tmp_path)
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        for event, status in {"runs": "", "is_off": "DISABLE"}.items():
            db0.execute(f"CREATE EVENT dbha_demo.{event} ON SCHEDULE EVERY 1 DAY {status} DO DO 1")
        with Writer(db0) as writer:
            writer.wait_for(20)
        cluster.wait_in_sync()
        # One that is worked on meanwhile, and so knows nothing of all that follows.
        scene.thread("STOP", db2, "IO_THREAD")
        for source, new in ((db0, db1), (db1, db0)):
            run = playbooks.run("dbha.mysql.switchover", cluster="orders", switchover_to=new.name, switchover_leave_out="db2")
            assert run.returncode == 0, run
            with Writer(new) as writer:
                writer.wait_for(20)
            cluster.wait_in_sync(source=new, replicas=[source])
        expected = rows(db0)
        scene.kill_primary()

        run = scene.failover()
        assert run.returncode == 0, run
        assert db1.is_writable
        scene.assert_whole(expected)
        # As a replica it could not know which of them the old primary ran.
        assert "db1 runs these events now: dbha_demo.is_off, dbha_demo.runs." in " ".join(run.output.split())


@pytest.mark.server("mariadb-10.11")
def test_one_built_from_a_copy_does_not_speak_against_what_an_earlier_primary_wrote(kind: str, tmp_path: Path) -> None:
    """It was told where to go on (gtid_slave_pos), and knows of nothing before that. A write to a replica after that is found, and by a check, too."""
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks, scene = Playbooks(cluster, tmp_path), Scene(cluster, tmp_path)
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        for source, new in ((db0, db1), (db1, db0)):
            run = playbooks.run("dbha.mysql.switchover", cluster="orders", switchover_to=new.name)
            assert run.returncode == 0, run
            with Writer(new) as writer:
                writer.wait_for(5)
            cluster.wait_in_sync(source=new, replicas=[source, db2])
        copied = str(db0.value("SELECT @@GLOBAL.gtid_binlog_pos"))
        db2.execute_all("STOP SLAVE", "RESET MASTER", f"SET GLOBAL gtid_slave_pos = '{copied}'", "START SLAVE")
        db0.execute("INSERT INTO dbha_demo.`rows` (id, client) VALUES (900001, 0)")
        cluster.wait_in_sync()
        expected = rows(db0)
        check = scene.check()
        assert (check.returncode, check.problems) == (0, []), check
        rehearsal = scene.failover("--check", "-v")
        assert "if db0 died now, db1 would be elected" in rehearsal.output, rehearsal

        scene.kill_primary()
        run = scene.failover()
        assert run.returncode == 0, run
        scene.assert_whole(expected)

        # What is written to a replica now would be in the history of the others.
        new, other = (db1, db2) if db1.is_writable else (db2, db1)
        other.execute("CREATE TABLE dbha_demo.errant (id INT)")
        errant = str(other.value("SELECT @@GLOBAL.gtid_binlog_pos"))
        with Writer(new) as writer:
            writer.wait_for(5)
        assert [(problem["code"], problem["gtids"]) for problem in scene.check().problems if problem["server"] == other.name] == [("errant", errant)]
