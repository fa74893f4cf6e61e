# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A primary that is killed under load, failed over, started again and brought back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.leaks import leaked
from sandbox.runs.playbook import Playbooks
from sandbox.servers.accounts import PASSWORDS
from sandbox.servers.cluster import SCHEMA_STATEMENTS
from sandbox.servers.programs import replay, tool
from sandbox.servers.sessions import begin_sessions_with, globals_of, strange
from sandbox.servers.snapshot import differences, snapshots, wait_until_still

EVENT = "CREATE EVENT dbha_demo.hourly ON SCHEDULE EVERY 1 HOUR DO SELECT 1"


def fail_over(cluster: Cluster, playbooks: Playbooks) -> Server:
    """Fail over from a dead primary, let clients write to the new one, and start the old one again, as any supervisor would."""
    run = playbooks.run("dbha.mysql.failover", cluster="orders")
    assert run.returncode == 0, run
    (new,) = [server for server in cluster.replicas if server.is_writable]
    with Writer(new) as writer:
        writer.wait_for(30)
    cluster.primary.start()
    return new


def kill_with_nothing_of_its_own(cluster: Cluster) -> None:
    """Kill the primary while clients write, at a moment when its replicas have all that was committed."""
    with Writer(cluster.primary, clients=4) as writer:
        writer.wait_for(100)
        connection = cluster.primary.connect()
        connection.cursor().execute("FLUSH TABLES WITH READ LOCK")
        cluster.wait_in_sync()
        assert writer.is_writing
        cluster.primary.kill()


def replicates_from(server: Server, source: Server) -> bool:
    status = server.replica_status()
    return (status["source_port"], status["receiver"], status["applier"]) == (source.port, "Yes", "Yes") and not server.is_writable


@pytest.fixture
def playbooks(cluster: Cluster, tmp_path: Path) -> Playbooks:
    return Playbooks(cluster, tmp_path)


@pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")
def test_a_former_primary_with_nothing_of_its_own_becomes_a_replica(cluster: Cluster, playbooks: Playbooks) -> None:
    cluster.primary.execute(EVENT)
    kill_with_nothing_of_its_own(cluster)
    new = fail_over(cluster, playbooks)

    before = wait_until_still(cluster.servers.values())
    check = playbooks.run("dbha.mysql.rejoin", "--check", "--diff", cluster="orders")
    assert check.returncode == 0, check
    assert f"db0 would replicate from {new.name}" in check.output
    assert differences(before, snapshots(cluster.servers.values())) == {}

    run = playbooks.run("dbha.mysql.rejoin", "-vvv", cluster="orders")
    assert run.returncode == 0, run
    assert run.dbha_result["own"] == {"gtids": "", "count": 0, "without_gtid": 0}
    assert run.dbha_result["old_primary"]["name"] == "db0"
    # Nobody who runs a rejoin is told to run one.
    assert [code for code in ("two_writable", "not_a_replica") if f"[{code}]" in run.output] == []
    assert leaked(run.output) == []
    assert replicates_from(cluster.primary, new)
    with Writer(new) as writer:
        writer.wait_for(20)
    cluster.wait_in_sync(source=new, replicas=cluster.servers.values())
    assert rows(cluster.primary) == rows(new) >= writer.acknowledged
    assert [server.name for server in cluster.servers.values() if "ENABLED" in server.value("SELECT status FROM information_schema.events")] == [new.name]

    before = wait_until_still(cluster.servers.values())
    again = playbooks.run("dbha.mysql.rejoin", cluster="orders")
    assert again.returncode == 0, again
    assert again.changed == 0
    assert differences(before, snapshots(cluster.servers.values())) == {}


def stop_receiving(server: Server) -> None:
    is_old = server.installation.is_mariadb or server.installation.version < (8, 0, 22)
    server.execute("STOP SLAVE IO_THREAD" if is_old else "STOP REPLICA IO_THREAD")


ONLY_THERE = (
    "CREATE TABLE dbha_demo.only_there (id INT PRIMARY KEY, said VARCHAR(100), raw BLOB, amount DECIMAL(20, 5)) CHARACTER SET utf8mb4",
    (
        "INSERT INTO dbha_demo.only_there VALUES (1, %s, %s, 1.5), (2, NULL, NULL, NULL), (3, 'gone', '', 0)",
        ("it's a \\ 'dolphin' 🐬 /*!*/; #", b"\x00\xff'\\"),
    ),
    "UPDATE dbha_demo.only_there SET amount = 12345678901234.56789 WHERE id < 3",
    "DELETE FROM dbha_demo.only_there WHERE id = 3",
)


def write_what_nobody_receives(cluster: Cluster) -> set[int]:
    """Cut the primary off from its replicas, write to it, and kill it. Return the ids of the rows that only it has."""
    with Writer(cluster.primary) as writer:
        writer.wait_for(50)
    cluster.wait_in_sync()
    for replica in cluster.replicas:
        stop_receiving(replica)
    cluster.primary.execute("FLUSH LOGS")
    with Writer(cluster.primary, clients=4) as writer:
        writer.wait_for(50)
        cluster.primary.execute("FLUSH LOGS")
        writer.wait_for(50)
    cluster.primary.execute_all("SET NAMES utf8mb4", *ONLY_THERE)
    cluster.primary.kill()
    return writer.acknowledged


def options(cluster: Cluster, tmp_path: Path) -> dict[str, str]:
    return {"cluster": "orders", "rejoin_save_to": str(tmp_path / "saved"), "rejoin_binlog_program": str(binlog_program(cluster.kind))}


def binlog_program(kind: str) -> Path:
    return tool(kind, "mariadb-binlog" if kind.startswith("mariadb") else "mysqlbinlog")


def content(server: Server) -> list[dict[str, object]]:
    return server.query("SELECT * FROM dbha_demo.only_there ORDER BY id")


@pytest.mark.alike
def test_what_a_former_primary_alone_has_is_listed_and_saved_and_it_is_not_joined(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    own = write_what_nobody_receives(cluster)
    new = fail_over(cluster, playbooks)

    run = playbooks.run("dbha.mysql.rejoin", **options(cluster, tmp_path))
    assert run.returncode == 2, run
    assert run.codes == {"own_transactions"}
    assert cluster.primary.replica_status() == {}
    assert not cluster.primary.is_writable
    assert own <= rows(cluster.primary)
    saved = run.dbha_result["saved"]
    assert saved["directory"] in run.output
    assert f"Rows: dbha_demo.only_there 3 inserted, 2 updated, 1 deleted; dbha_demo.rows {len(own)} inserted" in run.output
    assert saved["count"] == run.dbha_result["own"]["count"] == len(own) + len(ONLY_THERE)
    assert saved["tables"] == [
        {"schema": "dbha_demo", "table": "only_there", "inserted": 3, "updated": 2, "deleted": 1},
        {"schema": "dbha_demo", "table": "rows", "inserted": len(own), "updated": 0, "deleted": 0},
    ]
    assert "### INSERT INTO `dbha_demo`.`rows`" in Path(saved["sql"]).read_text(errors="replace")
    assert {path.stat().st_mode & 0o077 for path in Path(saved["directory"]).iterdir()} == {0}

    before = wait_until_still(cluster.servers.values())
    files = {path: path.stat().st_mtime_ns for path in tmp_path.joinpath("saved").rglob("*")}
    again = playbooks.run("dbha.mysql.rejoin", **options(cluster, tmp_path))
    assert (again.returncode, again.codes, again.changed) == (2, {"own_transactions"}, 0), again
    assert again.dbha_result["saved"] == saved
    assert differences(before, snapshots(cluster.servers.values())) == {}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.joinpath("saved").rglob("*")} == files

    with Server(cluster.kind, "copy", server_id=99) as copy:
        copy.execute_all(*SCHEMA_STATEMENTS)
        replay(Path(saved["sql"]), copy)
        assert rows(copy) == own
        assert content(copy) == content(cluster.primary)
    assert new.is_writable


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_former_primary_that_has_lost_what_it_wrote_is_not_joined(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    grant_copier(cluster)
    former = cluster.primary
    former.stop()
    shutil.copytree(former.datadir, tmp_path / "snapshot", ignore=shutil.ignore_patterns("*.sock"))
    former.start()
    with Writer(former) as writer:
        writer.wait_for(20)
    cluster.wait_in_sync()
    former.kill()
    shutil.rmtree(former.datadir)
    shutil.copytree(tmp_path / "snapshot", former.datadir)
    new = fail_over(cluster, playbooks)
    assert rows(former) < rows(new)

    run = playbooks.run("dbha.mysql.rejoin")
    assert (run.returncode, run.codes) == (2, {"history_lost"}), run
    assert former.replica_status() == {}
    assert not former.is_writable
    # What the remedy says.
    variables = {**options(cluster, tmp_path), **COPIER, "rejoin_dump_program": str(dump_program(cluster.kind))}
    run = playbooks.run("dbha.mysql.rejoin", **variables)
    assert run.returncode == 0, run
    assert_is_a_replica_with_equal_rows(cluster, new)


def grant(cluster: Cluster, *statements: str) -> None:
    cluster.primary.execute_all(*statements)
    cluster.wait_in_sync()


def assert_is_a_replica_with_equal_rows(cluster: Cluster, new: Server) -> None:
    assert replicates_from(cluster.primary, new)
    with Writer(new) as writer:
        writer.wait_for(20)
    cluster.wait_in_sync(source=new, replicas=cluster.servers.values())
    assert {server.name: rows(server) for server in cluster.servers.values()} == dict.fromkeys(cluster.servers, rows(new))
    assert cluster.primary.query("SHOW TABLES FROM dbha_demo LIKE 'only_there'") == []


def assert_nothing_is_left_to_do(servers: Cluster, playbooks: Playbooks, **variables: str) -> None:
    before = wait_until_still(servers.servers.values())
    again = playbooks.run("dbha.mysql.rejoin", rejoin_server="db0", **variables)
    assert (again.returncode, again.changed) == (0, 0), again
    assert differences(before, snapshots(servers.servers.values())) == {}


@pytest.mark.server("mysql-9.7")
def test_a_clone_overwrites_it_and_it_is_a_replica_then(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    grant(cluster, "GRANT SELECT, BACKUP_ADMIN, CLONE_ADMIN ON *.* TO failover@'%'", "GRANT INSERT ON mysql.plugin TO failover@'%'")
    write_what_nobody_receives(cluster)
    new = fail_over(cluster, playbooks)
    variables = {**options(cluster, tmp_path), "rejoin_method": "clone"}

    before = wait_until_still(cluster.servers.values())
    check = playbooks.run("dbha.mysql.rejoin", "--check", **variables)
    assert check.returncode == 0, check
    assert "db0: CLONE INSTANCE FROM 'failover'@" in check.output
    assert differences(before, snapshots(cluster.servers.values())) == {}

    # Sessions begin with what would be in the way, those of the plugin, too.
    begin_sessions_with(cluster.primary, strange(new))
    with globals_of([each for each in cluster.replicas if each is not new], strange(new)):
        run = playbooks.run("dbha.mysql.rejoin", "-vvv", **variables)
    # Nobody starts a sandbox server again when it has shut itself down.
    assert run.returncode == 2, run
    assert "restart_needed" in run.output
    assert leaked(run.output) == []
    assert run.dbha_result["saved"]["tables"]
    assert run.of("mysql_rejoin")["copied_from"]["name"] != new.name
    # What the remedy says.
    cluster.primary.stop()  # waits until it has ended
    cluster.primary.start()
    run = playbooks.run("dbha.mysql.rejoin", rejoin_server="db0", **variables)
    assert run.returncode == 0, run
    assert_is_a_replica_with_equal_rows(cluster, new)
    assert_nothing_is_left_to_do(cluster, playbooks, **variables)


COPIER = {"rejoin_method": "rebuild", "rejoin_copy_user": "copier", "rejoin_copy_password": "c'\"\\ x#"}


def grant_copier(cluster: Cluster) -> None:
    grant(cluster, "CREATE USER copier@'%' IDENTIFIED BY 'c''\"\\\\ x#'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")


def dump_program(kind: str) -> Path:
    return tool("mysql-9.7", "mysqldump") if kind == "mysql-9.7" else tool("mariadb-10.11", "mariadb-dump")


def dump_program_that_is_interrupted(kind: str, directory: Path) -> Path:
    """Write a dump program that hands over half of the rows, and kills the playbook that waits for more."""
    program = directory / "dump"
    program.write_text(
        f"""#!/bin/sh
        case "$*" in *--all-databases*) ;; *) exec {dump_program(kind)} "$@" ;; esac
        {dump_program(kind)} "$@" --skip-extended-insert | awk '{{ print }} /^INSERT INTO .rows./ && ++rows == 20 {{ exit }}'
        sleep 1  # some of it is loaded by now, or none: either must end well
        kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat) $PPID
        """
    )
    program.chmod(0o755)
    return program


@pytest.mark.server("mariadb", "mysql-9.7")  # MySQL 5.6 takes mysqldump of 5.6 to 8.0, and these cannot be had here
def test_a_rebuild_overwrites_it_and_it_is_a_replica_then(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    grant_copier(cluster)
    write_what_nobody_receives(cluster)
    new = fail_over(cluster, playbooks)
    variables = {**options(cluster, tmp_path), **COPIER, "rejoin_dump_program": str(dump_program(cluster.kind))}
    if cluster.kind == "mariadb-11.8":
        run = playbooks.run("dbha.mysql.rejoin", **{**variables, "rejoin_copy_user": "failover", "rejoin_copy_password": PASSWORDS["failover"]})
        assert (run.returncode, run.codes) == (2, {"cannot_copy"}), run
        assert "an account that may read and write everything (rejoin_copy_user)" in run.output
    run = playbooks.run("dbha.mysql.rejoin", "-vvv", **variables)
    assert run.returncode == 0, run
    assert "c'\"\\\\ x#" not in run.output
    assert run.dbha_result["saved"]["tables"]
    assert run.of("mysql_rejoin")["copied_from"]["name"] != new.name
    assert_is_a_replica_with_equal_rows(cluster, new)
    assert_nothing_is_left_to_do(cluster, playbooks, **variables)


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_rebuild_that_is_interrupted_is_refused_until_it_is_done_again(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    grant_copier(cluster)
    write_what_nobody_receives(cluster)
    new = fail_over(cluster, playbooks)
    variables = {**options(cluster, tmp_path), **COPIER}
    run = playbooks.run("dbha.mysql.rejoin", **variables, rejoin_dump_program=str(dump_program_that_is_interrupted(cluster.kind, tmp_path)))
    assert run.returncode == -9, run
    assert not cluster.primary.is_writable
    with Writer(new) as writer:  # the donor's lock has ended with the run
        writer.wait_for(10)
    cluster.wait_in_sync(source=new, replicas=[server for server in cluster.replicas if server is not new])

    refused = playbooks.run("dbha.mysql.rejoin", **{**variables, "rejoin_method": "refuse"})
    assert (refused.returncode, refused.codes) == (2, {"not_copied"}), refused
    by_hand = {
        "dbha.mysql.mysql_change_master": {"replicas": ["db0"], "primary": new.name, "replication_user": "repl", "replication_password": PASSWORDS["repl"]}
    }
    refused = playbooks.run_tasks([by_hand])
    assert (refused.returncode, refused.codes) == (2, {"not_copied"}), refused
    refused = playbooks.run("dbha.mysql.switchover", switchover_to="db0")
    assert (refused.returncode, refused.codes) == (2, {"not_a_replica"}), refused
    assert cluster.primary.replica_status() == {}
    assert new.is_writable

    # What the remedy says.
    run = playbooks.run("dbha.mysql.rejoin", **variables, rejoin_dump_program=str(dump_program(cluster.kind)))
    assert run.returncode == 0, run
    assert_is_a_replica_with_equal_rows(cluster, new)
    assert_nothing_is_left_to_do(cluster, playbooks, **variables)


@pytest.mark.server("mysql-5.6")
def test_nothing_is_overwritten_where_the_dump_program_does_not_work_with_the_server(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    grant_copier(cluster)
    write_what_nobody_receives(cluster)
    fail_over(cluster, playbooks)
    before = rows(cluster.primary)
    for program in (tool("mysql-9.7", "mysqldump"), tool("mariadb-10.11", "mariadb-dump"), tmp_path / "missing"):
        run = playbooks.run("dbha.mysql.rejoin", **options(cluster, tmp_path), **COPIER, rejoin_dump_program=str(program))
        assert (run.returncode, run.codes) == (2, {"cannot_copy"}), run
        assert str(program) in run.output
        assert rows(cluster.primary) == before
        assert cluster.primary.replica_status() == {}
