# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster remembers in a table of its own how the role of its primary has moved, and a failover can be kept from following another one at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server
from sandbox.runs.fault import Fault
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.pool import POOL
from sandbox.servers.waiting import wait_until

pytestmark = pytest.mark.alike

JOURNAL: dict[str, Any] = {"mysql_journal": True}
COOL: dict[str, Any] = {"mysql_journal": True, "failover_cooldown": 600}
GRANT = "GRANT CREATE, INSERT, SELECT ON dbha_mysql.* TO failover@'%'"


def rows(server: Server) -> list[tuple[str, str, str]]:
    """Return what a server remembers, in the order in which it happened."""
    found = server.query("SELECT event, old_primary, new_primary FROM dbha_mysql.journal ORDER BY at, seconds")
    return sorted((str(row["event"]), str(row["old_primary"]), str(row["new_primary"])) for row in found)


def in_sync(cluster: Cluster, primary: Server) -> list[Server]:
    """Wait until all that run have what the primary has, and nothing else; return them."""
    running = [server for server in cluster.servers.values() if server.is_running]
    cluster.wait_in_sync(source=primary, replicas=running)
    executed = primary.executed()
    assert [server.name for server in running if not primary.has_executed(server.executed())] == [], executed
    return running


def bring_back(cluster: Cluster, playbooks: Playbooks, name: str) -> None:
    cluster[name].start("--read-only")
    back = playbooks.run("dbha.mysql.rejoin", **JOURNAL)
    assert back.returncode == 0, back


def made_older(server: Server) -> None:
    """Let a server remember everything as if it had happened an hour ago, in no transaction of its own."""
    closed = server.has_super_read_only and bool(server.value("SELECT @@GLOBAL.super_read_only"))
    if closed:
        server.execute("SET GLOBAL super_read_only = 0")
    server.execute_all("SET SESSION sql_log_bin = 0", "UPDATE dbha_mysql.journal SET at = at - INTERVAL 1 HOUR")
    if closed:
        server.execute("SET GLOBAL super_read_only = 1")


def journal_sent(run: Run) -> list[str]:
    return [statement for sent in run.sent.values() for statement in sent if "dbha_mysql" in statement]


@pytest.mark.server("mariadb-10.11", "mariadb-11.8", "mysql-9.7", "mysql-5.6")
def test_a_failover_is_remembered_once_on_every_member(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks, new = Playbooks(cluster, tmp_path), cluster["db1"]
        cluster.primary.execute(GRANT)
        cluster.wait_in_sync()
        cluster.primary.kill()
        plan = playbooks.run("dbha.mysql.failover", "--check", failover_candidates="db1", **COOL)
        run = playbooks.run("dbha.mysql.failover", failover_candidates="db1", **COOL)
        assert (plan.returncode, run.returncode, new.is_writable) == (0, 0, True), run
        assert len(journal_sent(plan)) == 3, plan.sent  # a database, a table, a row
        assert journal_sent(run) == journal_sent(plan), run.sent
        for server in in_sync(cluster, new):
            assert rows(server) == [("failover", "db0", "db1")], server
        run_then = "ansible-playbook dbha.mysql.rejoin -e cluster=orders"
        assert (run.dbha_result["comes_back"]["closed"], run.dbha_result["comes_back"]["run"]) == (None, run_then)
        assert "db0, which had the role before, may come back open for writes" in run.output
        row = new.query_one("SELECT * FROM dbha_mysql.journal")
        assert "the primary db0 is dead" in str(row["why"])
        assert "@" in str(row["run_by"])
        assert float(row["seconds"]) > 0
        assert str(row["lost"]) == ""

        # Nothing is to be done any more, and nothing is written. Nobody asks for the cooldown, either.
        executed = new.executed()
        again = playbooks.run("dbha.mysql.failover", **COOL)
        assert (again.returncode, again.changed, new.executed()) == (0, 0, executed), again
        check = playbooks.run("dbha.mysql.check", check_fail_on="never", **JOURNAL)
        assert [entry["new_primary"] for entry in check.dbha_result["journal"]] == ["db1"], check
        assert "UTC failover: db0 to db1, by " in check.output


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_second_failover_has_to_wait_and_a_journal_that_cannot_be_written_is_no_obstacle(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks, old, new, third = Playbooks(cluster, tmp_path), cluster["db0"], cluster["db1"], cluster["db2"]
        old.kill()
        told = playbooks.run("dbha.mysql.failover", failover_candidates="db1", **COOL)
        assert (told.returncode, new.is_writable) == (0, True), told
        assert "[journal_not_read]" in told.output
        assert "[journal_not_written]" in told.output
        # The remedy of journal_not_written and journal_not_read.
        assert "Grant our account CREATE, INSERT and SELECT ON dbha_mysql.*" in told.output
        assert [server.name for server in in_sync(cluster, new) if server.query("SHOW DATABASES LIKE 'dbha_mysql'")] == []
        new.execute(GRANT)
        bring_back(cluster, playbooks, "db0")

        # A switchover is remembered, too, and does not count.
        switchover = playbooks.run("dbha.mysql.switchover", switchover_to="db0", **JOURNAL)
        assert (switchover.returncode, old.is_writable) == (0, True), switchover
        assert "journal_not" not in switchover.output
        in_sync(cluster, old)
        old.kill()
        failover = playbooks.run("dbha.mysql.failover", failover_candidates="db1", **COOL)
        assert (failover.returncode, new.is_writable) == (0, True), failover
        expected = [("failover", "db0", "db1"), ("switchover", "db1", "db0")]
        assert [rows(server) for server in in_sync(cluster, new)] == [expected, expected]

        bring_back(cluster, playbooks, "db0")
        in_sync(cluster, new)
        new.kill()
        refused = playbooks.run("dbha.mysql.failover", **COOL)
        assert (refused.returncode, refused.codes, refused.changed) == (2, {"cooldown"}, 0), refused
        assert [server.name for server in (old, third) if server.is_writable] == []
        assert all(server.replica_status()["receiver"] != "No" for server in (old, third))
        # The remedy of cooldown: without it, or later.
        assert playbooks.run("dbha.mysql.failover", "--check", **{**COOL, "failover_cooldown": 0}).returncode == 0
        for server in (old, third):
            made_older(server)
        later = playbooks.run("dbha.mysql.failover", failover_candidates="db0", **COOL)
        assert (later.returncode, old.is_writable) == (0, True), later
        assert [rows(server) for server in in_sync(cluster, old)] == [sorted([*expected, ("failover", "db1", "db0")])] * 2

        # Whoever wants a cooldown without a journal is told before anything is asked.
        unfit = playbooks.run("dbha.mysql.failover", failover_cooldown=600)
        assert (unfit.returncode, unfit.codes) == (2, {"bad_input"}), unfit
        assert "mysql_journal" in unfit.output


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
@pytest.mark.parametrize("mode", ["kill-before", "kill-after"])
def test_a_run_that_goes_on_with_an_interrupted_one_is_not_refused_by_its_row(kind: str, mode: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks, new = Playbooks(cluster, tmp_path), cluster["db1"]
        cluster.primary.execute_all(GRANT)
        cluster.wait_in_sync()
        cluster.primary.kill()
        fault = Fault(mode, "INSERT INTO dbha_mysql")
        told = {"failover_candidates": "db1", **COOL}
        killed = playbooks.run("dbha.mysql.failover", environment=fault.environment(tmp_path / "log", cluster), **told)
        assert killed.returncode == -9, killed
        wait_until(lambda: new.is_writable)
        new.execute("INSERT INTO dbha_demo.rows (id, client) VALUES (4711, 1)")
        again = playbooks.run("dbha.mysql.failover", **told)
        assert again.returncode == 0, again
        assert [rows(server) for server in in_sync(cluster, new)] == [[("failover", "db0", "db1")]] * 2


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_where_commits_wait_for_acknowledgements_it_is_written_once_replicas_follow(kind: str, tmp_path: Path) -> None:
    family = kind.partition("-")[0]
    source, replica = ("source", "replica") if family == "mysql" else ("master", "slave")
    plugins = ["--plugin-load-add=semisync_source.so;semisync_replica.so"] if family == "mysql" else []
    options = [*plugins, f"--loose-rpl-semi-sync-{replica}-enabled=1", f"--loose-rpl-semi-sync-{source}-timeout=600000"]
    with POOL.cluster(kind, replicas=2, options=options) as cluster:
        playbooks, new = Playbooks(cluster, tmp_path), cluster["db1"]
        cluster.primary.execute_all(GRANT, f"SET GLOBAL rpl_semi_sync_{source}_enabled = 1")
        cluster.wait_in_sync()
        cluster.primary.kill()
        run = playbooks.run("dbha.mysql.failover", failover_candidates="db1", **JOURNAL)
        assert (run.returncode, new.is_writable) == (0, True), run
        assert [line for line in run.output.splitlines() if "journal_not" in line] == []
        assert new.value(f"SELECT @@GLOBAL.rpl_semi_sync_{source}_enabled") == 1
        assert [rows(server) for server in in_sync(cluster, new)] == [[("failover", "db0", "db1")]] * 2
        assert [module for module, _server in run.sent if any("dbha_mysql" in each for each in run.sent[module, _server])] == ["mysql_change_master"]


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_replica_that_leaves_the_journal_out_goes_on_replicating(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2, replica_options={"db2": ["--replicate-ignore-db=dbha_mysql"]}) as cluster:
        playbooks, new = Playbooks(cluster, tmp_path), cluster["db1"]
        cluster.primary.execute(GRANT)
        cluster.wait_in_sync()
        run = playbooks.run("dbha.mysql.switchover", switchover_to="db1", **JOURNAL)
        assert new.is_writable, run
        assert rows(new) == [("switchover", "db0", "db1")]
        in_sync(cluster, new)
        assert cluster["db2"].query("SHOW DATABASES LIKE 'dbha_mysql'") == []
