# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A replica lacks rows of which it has the GTIDs, so that nothing shows that: it is copied anew because the user says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server
from sandbox.runs.modules import Refused, change_master, rejoin
from sandbox.runs.playbook import Playbooks
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool
from sandbox.servers.waiting import wait_until

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]

LEFT_OUT = "dbha_logs"
WRITTEN = (f"CREATE DATABASE {LEFT_OUT}", f"USE {LEFT_OUT}", "CREATE TABLE entries (id INT PRIMARY KEY)", "INSERT INTO entries VALUES (1), (2)")
COPIER = ("CREATE USER copier@'%' IDENTIFIED BY 'c'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")


def entries(server: Server) -> int:
    if not server.query("SHOW DATABASES LIKE %s", (LEFT_OUT,)):
        return 0
    return int(server.value(f"SELECT COUNT(*) FROM {LEFT_OUT}.entries"))


def copying(kind: str) -> dict[str, Any]:
    """Say how a server is overwritten."""
    program = tool(kind, "mariadb-dump" if kind.startswith("mariadb") else "mysqldump")
    return {"method": "rebuild", "dump_program": str(program), "copy_user": "copier", "copy_password": "c"}


def anew(kind: str, server: str, **options: Any) -> dict[str, Any]:
    """Return the variables that the remedies name."""
    return {f"rejoin_{name}": value for name, value in {**copying(kind), "server": server, "anew": True, **options}.items()}


def test_one_whose_filter_is_gone_holds_all_rows_once_it_is_copied_anew(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks, primary, replica = Playbooks(cluster, tmp_path), cluster["db0"], cluster["db1"]
        replica.leave_out(LEFT_OUT)
        primary.execute_all(*COPIER, *WRITTEN)
        cluster.wait_in_sync()
        (found,) = [each for each in playbooks.run("dbha.mysql.check").of("mysql_gtid_check")["findings"] if each["code"] == "filtered"]
        assert "rejoin_server=db1" in found["remedy"]
        assert "rejoin_anew=true" in found["remedy"]
        replica.leave_out("")
        assert [entries(server) for server in (primary, replica)] == [2, 0]

        # It lacks nothing for all that GTIDs tell, so that nothing is done unless the user says so.
        run = playbooks.run("dbha.mysql.rejoin", **{**anew(kind, "db1"), "rejoin_anew": False})
        assert (run.returncode, entries(replica)) == (0, 0), run
        plan = playbooks.run("dbha.mysql.rejoin", "--check", **anew(kind, "db1"))
        assert (plan.returncode, entries(replica)) == (0, 0), plan
        assert "db1 would be overwritten with a copy of db2 (dump)" in plan.of("mysql_rejoin")["msg"]

        run = playbooks.run("dbha.mysql.rejoin", **anew(kind, "db1"))
        assert (run.returncode, run.of("mysql_rejoin")["copied_from"]["name"], entries(replica)) == (0, "db2", 2), run
        primary.execute_all(f"USE {LEFT_OUT}", "INSERT INTO entries VALUES (3)")
        cluster.wait_in_sync()
        assert entries(replica) == 3
        check = playbooks.run("dbha.mysql.check")
        assert check.problems == [], check


def test_it_has_to_be_said_how(kind: str) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        primary, replica = cluster["db0"], cluster["db1"]
        with pytest.raises(Refused, match="anew: a server is copied anew only with method: clone or rebuild"):
            rejoin(replica, primary, [cluster["db2"]], anew=True)
        assert replica.replica_status()["receiver"] == "Yes"


def test_what_the_primary_keeps_out_of_its_binary_log_is_told_and_copied(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene, primary = Scene(cluster, tmp_path), cluster["db0"]
        primary.execute_all(*COPIER)
        primary.restart(f"--binlog-ignore-db={LEFT_OUT}")
        primary.execute_all(*WRITTEN)
        cluster.wait_in_sync()
        assert [entries(server) for server in cluster.servers.values()] == [2, 0, 0]

        (found,) = [each for each in scene.check().of("mysql_gtid_check")["findings"] if each["code"] == "binlog_filtered"]
        assert (found["server"], found["grade"]) == ("db0", "hurts")
        assert f"binlog_ignore_db={LEFT_OUT}" in found["message"]
        plan = scene.switchover("--check")
        assert plan.returncode == 0, plan
        assert "[binlog_filtered]" in plan.output, plan

        # What the remedy says.
        primary.restart()
        cluster.wait_in_sync()
        for name in ("db1", "db2"):
            run = scene.rejoin(**anew(kind, name, donor="db0"))
            assert run.returncode == 0, run
        assert [entries(server) for server in cluster.servers.values()] == [2, 2, 2]
        primary.execute_all(f"USE {LEFT_OUT}", "INSERT INTO entries VALUES (3)")
        cluster.wait_in_sync()
        assert [entries(server) for server in cluster.servers.values()] == [3, 3, 3]
        check = scene.check()
        assert "binlog_filtered" not in {each["code"] for each in check.of("mysql_gtid_check")["findings"]}
        assert check.problems == [], check


@pytest.mark.only("mysql-9.7")
def test_a_copy_that_waits_to_be_started_need_not_be_copied_once_more(kind: str) -> None:
    """The clone plugin shuts a server down that has no supervisor."""
    with POOL.cluster(kind, replicas=2) as cluster:
        primary, replica = cluster["db0"], cluster["db1"]
        primary.execute_all("GRANT SELECT, BACKUP_ADMIN, CLONE_ADMIN ON *.* TO failover@'%'", "GRANT INSERT ON mysql.plugin TO failover@'%'")
        cluster.wait_in_sync()
        with pytest.raises(Refused, match=r"db1 is a copy of db2 \(clone\), and waits to be started\. It need not be copied anew once more") as refused:
            rejoin(replica, primary, [cluster["db2"]], method="clone", anew=True)
        assert refused.value.codes == {"restart_needed"}
        wait_until(lambda: not replica.is_running)
        replica.start()
        again = rejoin(replica, primary, [cluster["db2"]], method="clone")
        assert again["msg"] == "db1 has nothing that db0 lacks"
        change_master(primary, [replica])
        cluster.wait_in_sync(replicas=[replica])
