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
from sandbox.runs.modules import Refused, Result, Some, entry, find_best_replica, rejoin
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool
from sandbox.servers.waiting import wait_until

LEFT_OUT = "dbha_logs"


@pytest.fixture
def cluster(kind: str) -> Iterator[Cluster]:
    """Start a cluster in which db1 leaves a database out, and somebody has written to db3, which the others never get."""
    with POOL.cluster(kind, replicas=3) as cluster, ExitStack() as filters:
        cluster.primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'c'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")
        _let_leave_out(cluster, filters, "db1")
        # What is left out is told by the database in use.
        cluster.primary.execute_all(
            f"CREATE DATABASE {LEFT_OUT}", f"USE {LEFT_OUT}", "CREATE TABLE entries (id INT PRIMARY KEY)", "INSERT INTO entries VALUES (1), (2)"
        )
        cluster.wait_in_sync()
        errant = cluster["db3"]
        errant.set_read_only(False)
        # In MariaDB it cannot be told from what the others have once they have come to its number.
        far_ahead = ["SET SESSION gtid_seq_no = 1000000"] if errant.installation.is_mariadb else []
        errant.execute_all(*far_ahead, "CREATE TABLE dbha_demo.only_there (id INT PRIMARY KEY)")
        errant.set_read_only()
        yield cluster


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


def test_where_all_replicas_leave_rows_out_the_primary_is_copied(cluster: Cluster, tmp_path: Path) -> None:
    with ExitStack() as filters:
        _let_leave_out(cluster, filters, "db2")
        result = overwrite(cluster, tmp_path)
    assert result["copied_from"]["name"] == "db0"
    assert entries(cluster["db3"]) == 2


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
