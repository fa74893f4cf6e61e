# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that does not hold all rows is not copied: its copy would have their GTIDs, and count as whole in every election."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server
from sandbox.runs.modules import Refused, Result, Some, change_master, entry, find_best_replica, gtid_check, rejoin, switch_over
from sandbox.servers.accounts import PASSWORDS
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool
from sandbox.servers.waiting import wait_until

# MySQL 5.6 takes mysqldump of 5.6 to 8.0, and these cannot be had here.
COPIED = pytest.mark.server("mariadb", "mysql-9.7")
LEFT_OUT = "dbha_logs"
COPIER = ("CREATE USER copier@'%' IDENTIFIED BY 'c'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")


@pytest.fixture
def cluster(kind: str) -> Iterator[Cluster]:
    """Start a cluster in which db1 leaves a database out, and somebody has written to db3, which the others never get."""
    with POOL.cluster(kind, replicas=3) as cluster, ExitStack() as filters:
        cluster.primary.execute_all(*COPIER)
        _let_leave_out(cluster, filters, "db1")
        # What is left out is told by the database in use.
        cluster.primary.execute_all(
            f"CREATE DATABASE {LEFT_OUT}", f"USE {LEFT_OUT}", "CREATE TABLE entries (id INT PRIMARY KEY)", "INSERT INTO entries VALUES (1), (2)"
        )
        cluster.wait_in_sync()
        _write_to(cluster["db3"])
        yield cluster


def _write_to(errant: Server) -> None:
    errant.set_read_only(False)
    # In MariaDB it cannot be told from what the others have once they have come to its number.
    far_ahead = ["SET SESSION gtid_seq_no = 1000000"] if errant.installation.is_mariadb else []
    errant.execute_all(*far_ahead, "CREATE TABLE dbha_demo.only_there (id INT PRIMARY KEY)")
    errant.set_read_only()


def _let_leave_out(cluster: Cluster, filters: ExitStack, *names: str) -> None:
    for name in names:
        cluster[name].leave_out(LEFT_OUT)
        filters.callback(cluster[name].leave_out, "")


def overwrite(cluster: Cluster, directory: Path, **options: Any) -> Result:
    """Overwrite the replica that has something of its own."""
    program = tool(cluster.kind, "mariadb-dump" if cluster.primary.installation.is_mariadb else "mysqldump")
    given = {"method": "rebuild", "dump_program": str(program), "save_to": str(directory / "saved"), "copy_user": "copier", "copy_password": "c", **options}
    return rejoin(cluster["db3"], cluster.primary, [cluster["db1"], cluster["db2"]], **given)


def is_untouched(server: Server) -> bool:
    return bool(server.query("SHOW TABLES FROM dbha_demo LIKE 'only_there'")) and server.replica_status()["applier"] == "Yes"


def entries(server: Server) -> int:
    if not server.query("SHOW DATABASES LIKE %s", (LEFT_OUT,)):
        return 0
    return int(server.value(f"SELECT COUNT(*) FROM {LEFT_OUT}.entries"))


@pytest.mark.alike
@COPIED
def test_a_replica_that_leaves_rows_out_is_not_copied(cluster: Cluster, tmp_path: Path) -> None:
    names = ("db0", "db1", "db2", "db3")
    assert [entries(cluster[name]) for name in names] == [2, 0, 2, 2]

    for method in ("rebuild", "rebuild" if cluster.primary.installation.is_mariadb else "clone"):
        with pytest.raises(Refused) as refused:
            overwrite(cluster, tmp_path, donor=entry(cluster["db1"]), method=method)
        assert refused.value.codes == {"cannot_copy"}
        assert "Replicate_Ignore_DB" in str(refused.value)
        assert is_untouched(cluster["db3"])
    # What the remedy says: without rejoin_donor, one is copied that holds all rows.
    result = overwrite(cluster, tmp_path)
    assert result["copied_from"]["name"] == "db2"
    assert entries(cluster["db3"]) == 2


@pytest.mark.alike
@COPIED
def test_where_all_replicas_leave_rows_out_the_primary_is_copied(cluster: Cluster, tmp_path: Path) -> None:
    with ExitStack() as filters:
        _let_leave_out(cluster, filters, "db2")
        result = overwrite(cluster, tmp_path)
    assert result["copied_from"]["name"] == "db0"
    assert entries(cluster["db3"]) == 2


@pytest.mark.alike
@COPIED
def test_a_replica_behind_one_that_leaves_rows_out_lacks_them_too(cluster: Cluster, tmp_path: Path) -> None:
    cluster.replicate(cluster["db2"], cluster["db1"])
    cluster.primary.execute_all(f"USE {LEFT_OUT}", "INSERT INTO entries VALUES (3)")
    # In MariaDB the one behind hears of what was left out with what comes after it.
    cluster.primary.execute("CREATE TABLE dbha_demo.later (id INT PRIMARY KEY)")
    cluster.wait_in_sync(replicas=[cluster["db1"], cluster["db2"]])
    assert [entries(cluster[name]) for name in ("db0", "db1", "db2")] == [3, 0, 2]

    with pytest.raises(Refused, match="db1, whose replication is filtered") as refused:
        overwrite(cluster, tmp_path, donor=entry(cluster["db2"]))
    assert refused.value.codes == {"cannot_copy"}
    assert is_untouched(cluster["db3"])
    assert overwrite(cluster, tmp_path)["copied_from"]["name"] == "db0"

    # Nor is it promoted.
    cluster.kill_without_loss("db0")
    wait_until(lambda: cluster["db1"].replica_status()["receiver"] != "Yes")
    with pytest.raises(Refused) as elected:
        find_best_replica(Some(cluster["db1"], cluster["db2"]), primary=entry(cluster.primary))
    assert elected.value.codes == {"filtered"}


def skipping(cluster: Cluster) -> list[dict[str, Any]]:
    found = gtid_check(cluster, purpose="readiness", fail_on="never", replication_user="repl", replication_password=PASSWORDS["repl"])["findings"]
    return [each for each in found if each["code"] == "skips_rows"]


@pytest.mark.alike
@COPIED
def test_a_replica_that_has_not_applied_what_the_server_wrote_is_not_copied(kind: str, tmp_path: Path) -> None:
    """A replica skips what carries its own server_id: what the copy lacks of that it would never get."""
    with POOL.cluster(kind, replicas=2) as cluster:
        former, new, late = (cluster[name] for name in ("db0", "db1", "db2"))
        former.execute_all(*COPIER)
        cluster.wait_in_sync()
        cluster.replicate(late, delay=3600)
        former.execute_all("CREATE TABLE dbha_demo.written (id INT PRIMARY KEY)", "INSERT INTO dbha_demo.written VALUES (1)")
        cluster.wait_in_sync(replicas=[new])
        switch_over(cluster, new)
        new.execute("INSERT INTO dbha_demo.written VALUES (2)")
        cluster.wait_in_sync(source=new, replicas=[former])
        assert not late.query("SHOW TABLES FROM dbha_demo LIKE 'written'")
        _write_to(former)

        program = tool(kind, "mariadb-dump" if former.installation.is_mariadb else "mysqldump")
        given = {"method": "rebuild", "dump_program": str(program), "save_to": str(tmp_path / "saved"), "copy_user": "copier", "copy_password": "c"}
        with pytest.raises(Refused, match=r"db2 is not copied to db0: it has not applied .* that db0 wrote, and db0 would skip") as refused:
            rejoin(former, new, [late], donor=entry(late), **given)
        assert refused.value.codes == {"cannot_copy"}
        assert is_untouched(former)
        assert rejoin(former, new, [late], **given)["copied_from"]["name"] == "db1"
        change_master(new, [former])
        cluster.wait_in_sync(source=new, replicas=[former])
        assert former.query("SELECT id FROM dbha_demo.written ORDER BY id") == [{"id": 1}, {"id": 2}]


def mode_of(server: Server) -> str:
    return "replica_exec_mode" if "replica_exec_mode" in server.variables() else "slave_exec_mode"


@COPIED
def test_a_replica_that_may_have_skipped_rows_is_copied_only_if_it_is_named(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=3) as cluster:
        primary, first, second, errant = (cluster[name] for name in ("db0", "db1", "db2", "db3"))
        mode = mode_of(primary)
        primary.execute_all(*COPIER, "CREATE TABLE dbha_demo.kept (id INT PRIMARY KEY, price INT)", "INSERT INTO dbha_demo.kept VALUES (1, 1), (2, 1)")
        cluster.wait_in_sync()
        # A row that is not there is no error, and nothing shows that.
        first.set_read_only(False)
        first.execute_all(f"SET GLOBAL {mode} = 'IDEMPOTENT'", "SET SESSION sql_log_bin = 0", "DELETE FROM dbha_demo.kept WHERE id = 1")
        first.set_read_only()
        primary.execute("UPDATE dbha_demo.kept SET price = 2")
        cluster.wait_in_sync()
        assert [server.value("SELECT COUNT(*) FROM dbha_demo.kept WHERE price = 2") for server in (primary, first, second)] == [2, 1, 2]
        second.execute(f"SET GLOBAL {mode} = 'IDEMPOTENT'")
        _write_to(errant)

        named = overwrite(cluster, tmp_path, donor=entry(first), check_mode=True)
        assert named["copied_from"]["name"] == "db1"
        (warning,) = [each for each in named["warnings"] if "skips_rows" in each]
        assert f"db1 is copied, and may lack rows of which it has the GTIDs: it goes on without what it cannot apply ({mode}=IDEMPOTENT)" in warning
        # What the remedy says: without rejoin_donor, another one is copied.
        result = overwrite(cluster, tmp_path)
        assert (result["copied_from"]["name"], [each for each in result["warnings"] if "skips_rows" in each]) == ("db0", [])
        assert errant.value("SELECT COUNT(*) FROM dbha_demo.kept WHERE price = 2") == 2


@pytest.mark.also("mysql-5.6")
def test_a_replica_that_may_have_skipped_rows_is_found_and_comes_last(kind: str) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        primary, first, second = (cluster[name] for name in ("db0", "db1", "db2"))
        mode = mode_of(primary)
        assert skipping(cluster) == []

        # Each setting is found until its remedy is followed.
        for server in (primary, first, second):
            server.execute(f"SET GLOBAL {mode} = 'IDEMPOTENT'")
        assert [(each["code"], each["grade"], each["server"]) for each in skipping(cluster)] == [("skips_rows", "hurts", "db1"), ("skips_rows", "hurts", "db2")]
        second.execute_all(*statements_of(skipping(cluster)[1]["remedy"]))
        assert [each["server"] for each in skipping(cluster)] == ["db1"]
        if primary.installation.is_mariadb:
            second.execute_all("STOP ALL SLAVES", "SET GLOBAL replicate_events_marked_for_skip = 'FILTER_ON_MASTER'", "START ALL SLAVES")
            (found,) = [each for each in skipping(cluster) if each["server"] == "db2"]
            second.execute_all(*statements_of(found["remedy"]))
            assert [each["server"] for each in skipping(cluster)] == ["db1"]
        option = mode.partition("_")[0] + "_skip_errors"
        second.restart("--read-only", f"--{option}=1032,1062")
        cluster.wait_in_sync(replicas=[second])
        (found,) = [each for each in skipping(cluster) if each["server"] == "db2"]
        assert f"{option} = OFF" in found["remedy"]
        second.restart("--read-only", f"--{option}=OFF")
        cluster.wait_in_sync(replicas=[second])
        assert [each["server"] for each in skipping(cluster)] == ["db1"]

        # Of two that have received the same, the other one is elected.
        cluster.kill_without_loss("db0")
        wait_until(lambda: all(server.replica_status()["receiver"] != "Yes" for server in (first, second)))
        elected = find_best_replica(Some(first, second), primary=entry(primary))
        assert (elected["best"]["name"], elected["because"]) == ("db2", "it does not go on without rows that it cannot apply")


def statements_of(remedy: str) -> list[str]:
    """Return the statements that a remedy names for a server that runs."""
    return [each for each in remedy.partition(". Then")[0].split("; ") if not each.startswith("in the option file")]
