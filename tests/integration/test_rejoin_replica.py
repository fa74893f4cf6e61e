# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A replica of a living primary that has transactions of its own, and is overwritten by a copy of another replica."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._copy import dump
from ansible_collections.dbha.mysql.plugins.module_utils._copy import unfinished as beginning
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server as Connection
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import rejoin as rejoining
from sandbox import Cluster, Writer, rows
from sandbox.runs.modules import Refused, Result, change_master, entry, rejoin
from sandbox.runs.playbook import Playbooks
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool
from sandbox.servers.waiting import wait_until

pytestmark = pytest.mark.alike

ERRANT = "CREATE TABLE dbha_demo.only_there (id INT PRIMARY KEY)"
COPIER = {"copy_user": "copier", "copy_password": "c' x"}


@pytest.fixture
def cluster(kind: str) -> Iterator[Cluster]:
    """Start a cluster in which somebody has written to a replica (db2), which the others never get."""
    with POOL.cluster(kind, replicas=2) as cluster:
        cluster.primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'c'' x'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")
        cluster.wait_in_sync()
        replica = cluster["db2"]
        replica.set_read_only(False)
        # In MariaDB it cannot be told from what the others have once they have come to its number.
        far_ahead = ["SET SESSION gtid_seq_no = 1000000"] if replica.installation.is_mariadb else []
        replica.execute_all(*far_ahead, ERRANT)
        replica.set_read_only()
        yield cluster


def dump_program(kind: str) -> Path:
    return tool(kind, "mysqldump" if kind.startswith("mysql") else "mariadb-dump")


def overwrite(cluster: Cluster, directory: Path, **options: Any) -> Result:
    """Overwrite the replica that has something of its own."""
    given = {"method": "rebuild", "dump_program": str(dump_program(cluster.kind)), "save_to": str(directory / "saved"), **COPIER, **options}
    return rejoin(cluster["db2"], cluster.primary, [cluster["db1"]], **given)


def is_untouched(cluster: Cluster) -> bool:
    replica = cluster["db2"]
    has_its_own = bool(replica.query("SHOW TABLES FROM dbha_demo LIKE 'only_there'"))
    return has_its_own and replica.replica_status()["applier"] == "Yes" and not replica.query("SHOW DATABASES LIKE 'dbha_copy%'")


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_it_is_stopped_before_it_is_overwritten_while_clients_write(cluster: Cluster, tmp_path: Path) -> None:
    primary, replica = cluster.primary, cluster["db2"]
    playbooks = Playbooks(cluster, tmp_path)
    variables = {f"rejoin_{name}": value for name, value in COPIER.items()}
    variables.update(rejoin_server="db2", rejoin_method="rebuild", rejoin_save_to=str(tmp_path / "saved"), rejoin_dump_program=str(dump_program(cluster.kind)))

    check = playbooks.run("dbha.mysql.check")
    assert [(problem["code"], problem["server"]) for problem in check.problems] == [("errant", "db2")], check
    # What the remedy says: it is rebuilt. It has an account to replicate with until its replication is forgotten.
    run = playbooks.run("dbha.mysql.rejoin", hosts={name: {"mysql_replication_password": ""} for name in cluster.servers}, **variables)
    assert run.returncode == 2, run
    assert "[replication_user_missing]" in run.output
    assert is_untouched(cluster)

    with Writer(primary, clients=2) as writer:
        writer.wait_for(20)
        run = playbooks.run("dbha.mysql.rejoin", **variables)
        assert run.returncode == 0, run
        assert run.of("mysql_rejoin")["copied_with"] == "dump"
        writer.wait_for(20)
    cluster.wait_in_sync()
    status = replica.replica_status()
    assert (status["source_port"], status["receiver"], status["applier"]) == (primary.port, "Yes", "Yes")
    assert rows(replica) == rows(primary)
    assert not replica.query("SHOW TABLES FROM dbha_demo LIKE 'only_there'")
    assert not replica.is_writable
    assert playbooks.run("dbha.mysql.check").problems == []


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_servers_do_not_hang_up_on_us_while_programs_copy(cluster: Cluster, tmp_path: Path) -> None:
    for server in cluster.servers.values():
        server.execute("SET GLOBAL wait_timeout = 5")
    slow = tmp_path / "slow"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *--all-databases*) sleep 8 ;; esac\nexec {dump_program(cluster.kind)} "$@"\n')
    slow.chmod(0o755)
    assert overwrite(cluster, tmp_path, dump_program=str(slow))["msg"] == "db2 is a copy of db1 now (dump)"


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_donor_that_cannot_be_locked_is_not_left_with_writers_that_wait(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "_LONGEST_WAIT", 1, raising=False)
    donor = cluster.primary
    in_the_way = donor.connect()
    in_the_way.cursor().execute("LOCK TABLES dbha_demo.`rows` WRITE")
    with pytest.raises(Refused) as refused:
        overwrite(cluster, tmp_path, donor=entry(donor))
    assert refused.value.codes == {"cannot_copy"}
    assert not donor.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'FLUSH%'")
    assert is_untouched(cluster)


@pytest.mark.server("mariadb-10.11")
def test_why_neither_files_nor_a_dump_can_be_copied_is_told_at_once(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"missing is not installed.*mariadb-backup.*not set: mysql_host_shell of db1"):
        overwrite(cluster, tmp_path, dump_program=str(tmp_path / "missing"))
    assert is_untouched(cluster)


@pytest.mark.server("mysql-9.7")
def test_a_clone_that_takes_too_long_is_not_taken_for_a_copy(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer comes in time. How long a real one takes cannot be relied on."""
    cluster.primary.execute_all("GRANT SELECT, BACKUP_ADMIN, CLONE_ADMIN ON *.* TO failover@'%'", "GRANT INSERT ON mysql.plugin TO failover@'%'")
    cluster.wait_in_sync()
    send = Connection.send

    def send_all_but_this(self: Connection, statement: Statement) -> Any:
        if not statement.text.startswith("CLONE"):
            return send(self, statement)
        time.sleep(statement.timeout or 0)
        raise OutcomeUnknown(self.name, "no answer")

    monkeypatch.setattr(Connection, "send", send_all_but_this)
    with pytest.raises(Refused, match=r"could not be cloned within 0\.5 s") as refused:
        overwrite(cluster, tmp_path, method="clone", copy_timeout=0.5)
    assert refused.value.codes == {"not_copied"}


@pytest.mark.server("mysql-9.7")
def test_a_replica_that_is_cloned_while_clients_write_has_everything(cluster: Cluster, tmp_path: Path) -> None:
    primary, replica = cluster.primary, cluster["db2"]
    primary.execute_all("GRANT SELECT, BACKUP_ADMIN, CLONE_ADMIN ON *.* TO failover@'%'", "GRANT INSERT ON mysql.plugin TO failover@'%'")
    cluster.wait_in_sync()
    with Writer(primary, clients=4) as writer:
        # What it has received and not applied is in its relay logs, which a clone leaves where they are.
        replica.execute("STOP REPLICA SQL_THREAD")
        writer.wait_for(100)
        with pytest.raises(Refused) as refused:
            overwrite(cluster, tmp_path, method="clone")
        assert refused.value.codes == {"restart_needed"}
        writer.wait_for(20)
        replica.stop()
        replica.start()
        assert overwrite(cluster, tmp_path, method="clone")["msg"] == "db2 has nothing that db0 lacks"
        change_master(primary, [replica])
        writer.wait_for(20)
    cluster.wait_in_sync()
    assert rows(replica) == rows(primary)
    assert not replica.query("SHOW TABLES FROM dbha_demo LIKE 'only_there'")


@pytest.mark.server("mysql-9.7")
def test_a_primary_that_dies_meanwhile_is_told(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close = rejoining.close_for_good

    def close_and_kill_the_primary(*arguments: Any, **more: Any) -> bool:
        persisted = close(*arguments, **more)
        cluster.primary.kill()
        return persisted

    monkeypatch.setattr(rejoining, "close_for_good", close_and_kill_the_primary)
    with pytest.raises(Refused) as refused:
        overwrite(cluster, tmp_path)
    assert refused.value.codes == {"outcome_unknown"}
    assert refused.value.result["problems"][0]["server"] == "db0"


@pytest.mark.server("mariadb-10.11")
def test_nothing_is_emptied_once_the_lock_of_the_first_connection_is_lost(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run may have let it follow again by then."""
    real, replica = beginning.kill_clients, cluster["db2"]

    def kill_us_too(node: Any, say: Any) -> None:
        real(node, say)
        for row in replica.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'failover'"):
            replica.execute("KILL %s", (row["ID"],))
        wait_until(lambda: not replica.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'failover'"))

    with monkeypatch.context() as patch:
        patch.setattr(beginning, "kill_clients", kill_us_too)
        with pytest.raises(Refused) as refused:
            overwrite(cluster, tmp_path)
    assert "other runs are no longer kept off db2" in str(refused.value)
    assert replica.query("SHOW TABLES FROM dbha_demo LIKE 'only_there'")
    assert not replica.query("SHOW DATABASES LIKE 'dbha_copy%'")
    assert overwrite(cluster, tmp_path)["copied_with"] == "dump"


def test_nothing_is_emptied_beside_another_run_that_has_got_the_lock(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run stands still right before that, and only the connection that holds its lock is killed."""
    real, replica = dump._empty, cluster["db2"]
    codes: list[set[str]] = []

    def overtaken(node: Any, admin: Any) -> None:
        replica.execute("KILL %s", (replica.value("SELECT IS_USED_LOCK('dbha.mysql')"),))
        wait_until(lambda: replica.value("SELECT IS_USED_LOCK('dbha.mysql')") is None)
        with pytest.raises(Refused) as refused:
            change_master(cluster["db0"], [replica])
        codes.append(refused.value.codes)
        real(node, admin)

    with monkeypatch.context() as patch:
        patch.setattr(dump, "_empty", overtaken)
        with pytest.raises(Refused):
            overwrite(cluster, tmp_path)
    assert [each & {"locked", "outcome_unknown"} for each in codes] == [set()]
    assert replica.query("SHOW TABLES FROM dbha_demo LIKE 'only_there'")
    assert overwrite(cluster, tmp_path)["copied_with"] == "dump"


@pytest.mark.server("mariadb-10.11")
def test_what_a_privileged_account_writes_after_the_rest_was_saved_is_not_overwritten(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, replica = rejoining.save, cluster["db2"]

    def save_and_write(*arguments: Any, **options: Any) -> Any:
        saved = save(*arguments, **options)
        replica.execute("INSERT INTO dbha_demo.only_there VALUES (7)")
        return saved

    monkeypatch.setattr(rejoining, "save", save_and_write)
    with pytest.raises(Refused) as refused:
        overwrite(cluster, tmp_path)
    assert refused.value.codes == {"changed_meanwhile"}
    assert replica.value("SELECT id FROM dbha_demo.only_there") == 7
    assert is_untouched(cluster)
    # What was written is saved by the next run.
    monkeypatch.undo()
    program = str(tool(cluster.kind, "mariadb-binlog"))
    (table,) = overwrite(cluster, tmp_path, binlog_program=program)["saved"]["tables"]
    assert table == {"schema": "dbha_demo", "table": "only_there", "inserted": 1, "updated": 0, "deleted": 0}


@pytest.mark.server("mariadb")
def test_compressed_statements_and_what_follows_a_savepoint_are_saved_whole(cluster: Cluster, tmp_path: Path) -> None:
    replica = cluster["db2"]
    replica.execute("SET GLOBAL log_bin_compress = ON, log_bin_compress_min_len = 10")
    own = [
        f"CREATE TABLE dbha_demo.compressed (id INT COMMENT '{'x' * 300}')",
        "CREATE TABLE dbha_demo.kept (id INT) ENGINE=MyISAM",
        [
            "BEGIN",
            "INSERT INTO dbha_demo.compressed VALUES (1)",
            "SAVEPOINT here",
            # It cannot be taken back, so that what happens is logged and not only what comes of it.
            "INSERT INTO dbha_demo.kept VALUES (1)",
            "INSERT INTO dbha_demo.compressed VALUES (2)",
            "ROLLBACK WORK TO SAVEPOINT here",
            "INSERT INTO dbha_demo.compressed VALUES (3)",
            "COMMIT",
        ],
        "INSERT INTO dbha_demo.only_there VALUES (1)",
    ]
    for statement in own:
        replica.execute_all(*([statement] if isinstance(statement, str) else statement))
    with pytest.raises(Refused) as refused:
        overwrite(cluster, tmp_path, method="refuse", binlog_program=str(tool(cluster.kind, "mariadb-binlog")))
    saved = refused.value.result["saved"]
    last = int(str(replica.value("SELECT @@GLOBAL.gtid_binlog_pos")).rpartition("-")[2])
    assert (saved["gtids"], saved["count"]) == (f"0-3-1000000..{last}", last - 1000000 + 1)
    assert [(table["table"], table["inserted"]) for table in saved["tables"]] == [("compressed", 3), ("kept", 1), ("only_there", 1)]
