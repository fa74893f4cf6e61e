# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A primary that has lost the end of its binary log in a crash, which its replicas had received, and writes other transactions under the same GTIDs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sandbox import Cluster, Server
from sandbox.runs.playbook import Playbooks
from sandbox.servers.pool import POOL
from sandbox.servers.programs import replay, tool
from sandbox.servers.replication import start_statement, stop_statement
from sandbox.servers.waiting import wait_until

COPIER = {"rejoin_method": "rebuild", "rejoin_copy_user": "copier", "rejoin_copy_password": "copier"}
SAID = "dbha_demo.said"


@pytest.fixture
def cluster(kind: str) -> Iterator[Cluster]:
    """Lend a primary and two replicas."""
    with POOL.cluster(kind, replicas=2) as cluster:
        yield cluster


@pytest.fixture
def playbooks(cluster: Cluster, tmp_path: Path) -> Playbooks:
    return Playbooks(cluster, tmp_path)


def say(server: Server, *words: str) -> None:
    """Write a row for each word, in a transaction of its own."""
    for word in words:
        server.execute(f"INSERT INTO {SAID} VALUES (%s)", (word,))


def said(server: Server) -> set[str]:
    return {str(row["word"]) for row in server.query(f"SELECT word FROM {SAID}")}


def words(what: str, count: int) -> list[str]:
    return [f"{what} {number}" for number in range(count)]


LOST = words("lost", 5)


def lose_the_end(cluster: Cluster, directory: Path) -> None:
    """Let the primary die and come to the state of a while ago, as after a loss of power without sync_binlog=1. It is not started again."""
    primary = cluster.primary
    primary.execute_all(
        f"CREATE TABLE {SAID} (word VARCHAR(50) PRIMARY KEY)",
        "CREATE USER copier@'%' IDENTIFIED BY 'copier'",
        "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION",
    )
    say(primary, "kept")
    cluster.wait_in_sync()
    primary.stop()
    shutil.copytree(primary.datadir, directory / "snapshot", ignore=shutil.ignore_patterns("*.sock"))
    primary.start()
    say(primary, *LOST)
    cluster.wait_in_sync()
    primary.kill()
    shutil.rmtree(primary.datadir)
    shutil.copytree(directory / "snapshot", primary.datadir)
    # No host is back within a second; MariaDB and MySQL 5.6 do not say more exactly when a transaction began.
    time.sleep(1.1)


def start_receiving(replica: Server) -> None:
    replica.execute_all(stop_statement(replica.installation), start_statement(replica.installation))


def errors(cluster: Cluster) -> list[str]:
    """Return what the receivers of the replicas have stopped at."""
    found = [replica.replica_status() for replica in cluster.replicas]
    return [str(status["receiver_error"]) for status in found if status["receiver"] == "No"]


def come_back_and_be_refused(cluster: Cluster) -> None:
    """Start the primary, and let its replicas find that they have more than it has."""
    cluster.primary.start()
    for replica in cluster.replicas:
        start_receiving(replica)
    wait_until(lambda: len([error for error in errors(cluster) if error]) == len(cluster.replicas))


def dump_program(kind: str) -> Path:
    return tool("mysql-9.7", "mysqldump") if kind == "mysql-9.7" else tool("mariadb-10.11", "mariadb-dump")


def binlog_program(kind: str) -> Path:
    return tool(kind, "mariadb-binlog" if kind.startswith("mariadb") else "mysqlbinlog")


def overwriting(cluster: Cluster, directory: Path) -> dict[str, str]:
    return {
        **COPIER,
        "rejoin_dump_program": str(dump_program(cluster.kind)),
        "rejoin_binlog_program": str(binlog_program(cluster.kind)),
        "rejoin_save_to": str(directory / "saved"),
    }


def replicating(cluster: Cluster, names: Sequence[str], source: Server) -> bool:
    stand = [cluster[name].replica_status() for name in names]
    return all((status["source_port"], status["receiver"], status["applier"]) == (source.port, "Yes", "Yes") for status in stand)


@pytest.mark.also("mysql-5.6")
def test_replicas_that_know_more_than_their_primary_does_are_not_started_once_it_has_written_on(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    primary, names = cluster.primary, [replica.name for replica in cluster.replicas]
    lose_the_end(cluster, tmp_path)
    come_back_and_be_refused(cluster)
    told = errors(cluster)
    new = words("new", len(LOST) + 3)
    say(primary, *new)

    check = playbooks.run("dbha.mysql.check")
    assert sorted((problem["code"], problem["server"]) for problem in check.problems) == [("diverged", name) for name in names], check
    for playbook, variables in (
        ("failover", {}),
        ("failover", {"failover_allow_data_loss": "true"}),
        ("switchover", {}),
        ("switchover", {"switchover_to": "db1"}),
        ("rejoin", {"rejoin_server": "db1", "rejoin_save": "false"}),
    ):
        run = playbooks.run(f"dbha.mysql.{playbook}", **variables)
        # A rejoin compares the binary logs, too.
        assert (run.returncode, run.codes) == (2, {"diverged", *(["own_transactions"] if playbook == "rejoin" else [])}), run
        assert (errors(cluster), primary.is_writable) == (told, True), run
    assert [said(replica) for replica in cluster.replicas] == [{"kept", *LOST}] * 2


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_such_a_replica_follows_once_it_is_overwritten(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    primary, new = cluster.primary, words("new", len(LOST) + 3)
    lose_the_end(cluster, tmp_path)
    come_back_and_be_refused(cluster)
    say(primary, *new)
    # What the remedy says, where what the primary has is wanted.
    run = playbooks.run("dbha.mysql.rejoin", rejoin_server="db1", **overwriting(cluster, tmp_path))
    assert run.returncode == 0, run
    assert replicating(cluster, ["db1"], primary)
    run = playbooks.run("dbha.mysql.failover", failover_leave_out="db2")
    assert run.returncode == 0, run
    run = playbooks.run("dbha.mysql.switchover", switchover_to="db1")
    assert (run.returncode, run.codes) == (2, {"diverged"}), run
    run = playbooks.run("dbha.mysql.rejoin", rejoin_server="db2", **overwriting(cluster, tmp_path))
    assert run.returncode == 0, run
    say(primary, "after")
    cluster.wait_in_sync()
    assert [said(server) for server in cluster.servers.values()] == [{"kept", *new, "after"}] * 3
    assert playbooks.run("dbha.mysql.check").problems == []


@pytest.mark.alike
def test_once_such_a_primary_is_dead_its_replicas_go_on_with_what_they_have(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    lose_the_end(cluster, tmp_path)
    come_back_and_be_refused(cluster)
    say(cluster.primary, *words("new", len(LOST) + 3))
    # What the remedy says, where what the replicas have is wanted.
    cluster.primary.stop()
    run = playbooks.run("dbha.mysql.failover")
    assert run.returncode == 0, run
    (new,) = [server for server in cluster.replicas if server.is_writable]
    say(new, "after")
    others = [server for server in cluster.replicas if server is not new]
    cluster.wait_in_sync(source=new, replicas=others)
    assert [said(server) for server in cluster.replicas] == [{"kept", *LOST, "after"}] * 2


def test_replicas_of_which_only_some_went_on_with_it_are_not_mixed(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    lose_the_end(cluster, tmp_path)
    come_back_and_be_refused(cluster)
    new = words("new", len(LOST) + 3)
    say(cluster.primary, *new)
    # As somebody may do it who has read no more than that the receiver stands still.
    start_receiving(cluster["db2"])
    cluster.wait_in_sync(replicas=[cluster["db2"]])
    cluster.primary.kill()
    for given in ({}, {"failover_allow_data_loss": "true"}):
        run = playbooks.run("dbha.mysql.failover", **given)
        assert (run.returncode, run.codes) == (2, {"diverged"}), run
        assert not any(replica.is_writable for replica in cluster.replicas)
    # What the remedy says.
    run = playbooks.run("dbha.mysql.failover", failover_leave_out="db2")
    assert run.returncode == 0, run
    assert cluster["db1"].is_writable


@pytest.mark.also("mysql-5.6")
@pytest.mark.parametrize("count", [len(LOST) - 2, len(LOST), len(LOST) + 3], ids=["fewer", "as_many", "more"])
def test_what_a_former_primary_wrote_under_gtids_that_it_had_lost_is_its_own(count: int, cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    former, written = cluster.primary, words("new", count)
    lose_the_end(cluster, tmp_path)
    assert playbooks.run("dbha.mysql.failover").returncode == 0
    (new,) = [server for server in cluster.replicas if server.is_writable]
    say(new, "after")
    former.start()
    say(former, *written)

    saving = {"rejoin_save_to": str(tmp_path / "saved"), "rejoin_binlog_program": str(binlog_program(cluster.kind))}
    run = playbooks.run("dbha.mysql.rejoin", **saving)
    assert (run.returncode, run.codes) == (2, {"own_transactions"}), run
    assert (former.replica_status(), former.is_writable) == ({}, False)
    assert run.dbha_result["own"]["count"] == count
    saved = run.dbha_result["saved"]
    assert saved["count"] == count
    assert f"{new.name} has other transactions" in run.output
    # What the remedy says.
    replay(Path(saved["sql"]), new)
    cluster.wait_in_sync(source=new, replicas=[server for server in cluster.replicas if server is not new])
    everything = {"kept", *LOST, "after", *written}
    assert [said(server) for server in cluster.replicas] == [everything] * 2
    again = playbooks.run("dbha.mysql.rejoin", **saving)
    assert (again.returncode, again.codes) == (2, {"own_transactions"}), again


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_nor_is_it_overwritten_before_that_is_saved(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    former, written = cluster.primary, words("new", len(LOST))
    lose_the_end(cluster, tmp_path)
    assert playbooks.run("dbha.mysql.failover").returncode == 0
    (new,) = [server for server in cluster.replicas if server.is_writable]
    former.start()
    say(former, *written)
    variables = overwriting(cluster, tmp_path)

    run = playbooks.run("dbha.mysql.rejoin", **{**variables, "rejoin_binlog_program": "/bin/false", "rejoin_save_to": "/proc/nowhere"})
    assert (run.returncode, run.codes) == (2, {"not_saved"}), run
    assert said(former) == {"kept", *written}
    run = playbooks.run("dbha.mysql.rejoin", **variables)
    assert run.returncode == 0, run
    assert run.dbha_result["saved"]["count"] == len(written)
    assert replicating(cluster, ["db0"], new)
    assert said(former) == said(new) == {"kept", *LOST}
