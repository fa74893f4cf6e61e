# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What fails once the new primary is open: it keeps nobody from following, it is said what stands, and the next run finishes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.pool import POOL
from sandbox.servers.replication import change_statement, start_statement, stop_statement
from sandbox.servers.snapshot import event_states

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]

EVENT = "CREATE DEFINER = 'app'@'%' EVENT dbha_demo.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM dbha_demo.rows WHERE id < 0"


@contextmanager
def no_events_may_be_moved(replica: Server) -> Iterator[None]:
    """Take from our account on a replica what moving an event needs, and nothing else does. It is open when it gets that back."""
    privilege = "SET USER" if replica.installation.is_mariadb else "SET_ANY_DEFINER"
    replica.set_read_only(False)
    replica.execute_all("SET SESSION sql_log_bin = 0", f"REVOKE {privilege} ON *.* FROM failover@'%'")
    replica.set_read_only()
    try:
        yield
    finally:
        replica.execute_all("SET SESSION sql_log_bin = 0", f"GRANT {privilege} ON *.* TO failover@'%'")


def assert_left_to_do(run: Run, cluster: Cluster, new: Server, followers: list[Server]) -> None:
    assert run.returncode != 0
    assert run.codes == {"privilege_missing"}, run
    assert f"{new.name} is the primary, and takes writes. This is left to do:" in run.output
    result = run.dbha_result
    assert (result["outcome"], result["new_primary"]["name"]) == ("promoted", new.name)
    assert [problem["code"] for problem in result["problems"]] == ["privilege_missing"]
    assert new.is_writable
    for server in followers:
        status = server.replica_status()
        assert (status["source_port"], status["receiver"], status["applier"]) == (new.port, "Yes", "Yes")
    cluster.wait_in_sync(source=new, replicas=followers)


def assert_finished(run: Run, new: Server) -> None:
    assert run.returncode == 0, run
    assert new.replica_status() == {}
    assert [status for name, status, _definer in event_states(new) if name == "nightly"] == ["ENABLED"]


def test_a_failover_goes_on_with_the_replicas_and_is_finished_by_the_next_run(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks, new = Playbooks(cluster, tmp_path), cluster["db1"]
        cluster.primary.execute(EVENT)
        cluster.wait_in_sync()
        with no_events_may_be_moved(new):
            cluster.primary.kill()
            run = playbooks.run("dbha.mysql.failover", cluster="orders", failover_candidates="db1")
            assert_left_to_do(run, cluster, new, [cluster["db2"]])
        assert_finished(playbooks.run("dbha.mysql.failover", cluster="orders"), new)
        # What a switchover leaves.
        cluster.primary.start()
        cluster.replicate(cluster.primary, new)
        cluster.primary.set_read_only()
        cluster.wait_in_sync(source=new, replicas=cluster.servers.values())


def test_a_switchover_goes_on_with_the_replicas_and_is_finished_by_the_next_run(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks, new = Playbooks(cluster, tmp_path), cluster["db1"]
        cluster.primary.execute(EVENT)
        cluster.wait_in_sync()
        with no_events_may_be_moved(new):
            run = playbooks.run("dbha.mysql.switchover", cluster="orders", switchover_to="db1")
            # The old primary follows nobody until that is finished: so it is seen that there is something to finish.
            assert_left_to_do(run, cluster, new, [cluster["db2"]])
            assert not cluster["db0"].is_writable
            # Without a name the role stays where it is: an earlier run is to be finished first.
            run = playbooks.run("dbha.mysql.switchover", cluster="orders")
            assert run.returncode != 0
            assert new.is_writable
        assert_finished(playbooks.run("dbha.mysql.switchover", cluster="orders"), new)
        assert [server.name for server in cluster.servers.values() if server.is_writable] == ["db1"]
        cluster.wait_in_sync(source=new, replicas=cluster.servers.values())


def test_a_replica_that_is_left_behind_fails_the_run_or_is_only_warned_of(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=3) as cluster:
        playbooks, new, left = Playbooks(cluster, tmp_path), cluster["db1"], cluster["db2"]
        cluster.primary.execute_all("CREATE USER other IDENTIFIED BY 'other'", "GRANT REPLICATION SLAVE ON *.* TO other")
        cluster.wait_in_sync()
        # It logs in with an account that only the new primary lacks, and nobody tells it another one.
        log_in_as(left, "other", cluster.primary)
        cluster.wait_in_sync()
        apart(new, "ALTER USER other ACCOUNT LOCK")
        nobody = {server.name: {"mysql_replication_user": "", "mysql_replication_password": ""} for server in cluster.servers.values()}
        cluster.primary.kill()
        how: dict[str, Any] = {"hosts": nobody, "failover_candidates": "db1", "failover_wait_timeout": 20}
        run = playbooks.run("dbha.mysql.failover", failover_left_behind="warn", **how)
        assert run.returncode == 0, run
        result = run.dbha_result
        assert (result["outcome"], result["new_primary"]["name"], result["problems"]) == ("promoted", "db1", [])
        assert {each["name"]: (each["problem"] or {}).get("code") for each in result["replicas"]} == {"db2": "not_replicating", "db3": None}
        assert "db3 replicates from db1 now; db2 does not, and is left behind" in run.output
        assert "[not_replicating] db2" in " ".join(run.output.split())
        # The next run is to mend it, and says that it has not.
        run = playbooks.run("dbha.mysql.failover", **how)
        assert (run.returncode, run.codes) == (2, {"not_replicating"}), run
        assert "db1 is the primary, and takes writes. This is left to do:" in run.output
        apart(new, "ALTER USER other ACCOUNT UNLOCK")
        run = playbooks.run("dbha.mysql.failover", failover_left_behind="warn", **how)
        # Its receiver may have logged in meanwhile by itself.
        assert (run.returncode, run.dbha_result["outcome"] in ("repointed", "unchanged")) == (0, True), run
        cluster.wait_in_sync(source=new, replicas=[left, cluster["db3"]])


def apart(server: Server, statement: str) -> None:
    """Change an account on one server alone."""
    closed = not server.is_writable
    server.set_read_only(False)
    server.execute_all("SET SESSION sql_log_bin = 0", statement)
    if closed:
        server.set_read_only()


def log_in_as(replica: Server, user: str, source: Server) -> None:
    """Let a replica log in with another account, whose password is its name."""
    change, _values = change_statement(replica.installation, host=source.host, port=source.port)
    prefix = "SOURCE" if "SOURCE" in change else "MASTER"
    words = "REPLICATION SOURCE" if prefix == "SOURCE" else "MASTER"
    keys = f", GET_{prefix}_PUBLIC_KEY = 1" if prefix == "SOURCE" else ""
    told = f"CHANGE {words} TO {prefix}_USER = '{user}', {prefix}_PASSWORD = '{user}'{keys}"
    replica.execute_all(stop_statement(replica.installation), told, start_statement(replica.installation))
