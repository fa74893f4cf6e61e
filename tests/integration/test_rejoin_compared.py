# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A copy is called one when it has been compared, and what a dump would not keep is refused while nothing is lost yet."""

from __future__ import annotations

import os
import random
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._copy import compare
from ansible_collections.dbha.mysql.plugins.module_utils._copy.contents import Contents, Reader
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.contents import Column, Table, select_content
from sandbox import Cluster, Server
from sandbox.runs.modules import Refused, Result, rejoin
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool
from sandbox.servers.waiting import wait_until

COPIER = {"copy_user": "copier", "copy_password": "c' x"}


def dump_program(kind: str) -> Path:
    return tool(kind, "mysqldump" if kind.startswith("mysql") else "mariadb-dump")


class Rebuild:
    """A replica (db2) to which somebody has written, and what it takes to overwrite it with a dump of the other (db1)."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster = cluster
        self.primary, self.donor, self.replica = cluster.primary, cluster["db1"], cluster["db2"]
        self._directory = directory
        self.primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'c'' x'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")

    def prepare(self, *statements: str) -> None:
        """Change something that all replicas get, and then something on the one that is to be overwritten."""
        self.primary.execute_all(*statements)
        self.cluster.wait_in_sync()
        self.replica.set_read_only(False)
        # In MariaDB it cannot be told from what the others have once they have come to its number.
        far_ahead = ["SET SESSION gtid_seq_no = 1000000"] if self.replica.installation.is_mariadb else []
        self.replica.execute_all(*far_ahead, "CREATE TABLE dbha_demo.only_there (id INT PRIMARY KEY)")
        self.replica.set_read_only()

    def run(self, **options: Any) -> Result:
        given = {"method": "rebuild", "dump_program": str(dump_program(self.cluster.kind)), "save_to": str(self._directory / "saved"), **COPIER, **options}
        return rejoin(self.replica, self.primary, [self.donor], **given)

    def refused(self, **options: Any) -> Refused:
        with pytest.raises(Refused) as refused:
            self.run(**options)
        return refused.value

    def filtered(self, when: str, through: str) -> str:
        """Return a dump program whose output goes through another where its arguments contain this."""
        program, real = self._directory / "dump", dump_program(self.cluster.kind)
        program.write_text(f'#!/bin/sh\ncase "$*" in *{when}*) {real} "$@" | {through} ;; *) exec {real} "$@" ;; esac\n')
        program.chmod(0o755)
        return str(program)

    def is_untouched(self) -> bool:
        has_its_own = bool(self.replica.query("SHOW TABLES FROM dbha_demo LIKE 'only_there'"))
        return has_its_own and self.replica.replica_status()["applier"] == "Yes" and not self.replica.query("SHOW DATABASES LIKE 'dbha_copy%'")


@pytest.fixture
def rebuild(kind: str, tmp_path: Path) -> Iterator[Rebuild]:
    with POOL.cluster(kind, replicas=2) as cluster:
        yield Rebuild(cluster, tmp_path)


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_dump_that_would_round_a_float_is_refused_before_anything_is_overwritten(rebuild: Rebuild) -> None:
    rebuild.prepare("CREATE TABLE dbha_demo.measured (id INT PRIMARY KEY, value FLOAT)", "INSERT INTO dbha_demo.measured VALUES (1, 0.1), (2, 16777217)")
    refused = rebuild.refused()
    assert refused.codes == {"cannot_copy"}
    assert "dbha_demo.measured (1 row)" in str(refused)
    assert rebuild.is_untouched()

    # What the remedy says: what prevented the copy is gone. What a dump keeps as it is, is no reason to refuse.
    rebuild.primary.execute("DELETE FROM dbha_demo.measured WHERE id = 2")
    rebuild.cluster.wait_in_sync(replicas=[rebuild.donor])
    assert rebuild.run()["copied_with"] == "dump"
    assert [server.value("SELECT value + 0e0 FROM dbha_demo.measured") for server in (rebuild.donor, rebuild.replica)] == [0.10000000149011612] * 2


VERSIONED = (
    "CREATE TABLE dbha_demo.prices (id INT PRIMARY KEY, price INT) WITH SYSTEM VERSIONING",
    "CREATE TABLE dbha_demo.periods (id INT PRIMARY KEY, price INT, since TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE,"
    " until TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (since, until)) WITH SYSTEM VERSIONING",
    *(f"INSERT INTO dbha_demo.{table} (id, price) VALUES (1, 1), (2, 2)" for table in ("prices", "periods")),
    *(f"UPDATE dbha_demo.{table} SET price = price + 1" for table in ("prices", "periods")),
    *(f"DELETE FROM dbha_demo.{table} WHERE id = 1" for table in ("prices", "periods")),
)


@pytest.mark.server("mariadb")
def test_the_history_of_a_system_versioned_table_is_kept_or_refused(rebuild: Rebuild) -> None:
    def history(server: Server) -> list[dict[str, Any]]:
        return [
            *server.query("SELECT id, price, ROW_START, ROW_END FROM dbha_demo.prices FOR SYSTEM_TIME ALL ORDER BY 1, 2"),
            *server.query("SELECT id, price, since, until FROM dbha_demo.periods FOR SYSTEM_TIME ALL ORDER BY 1, 2"),
        ]

    rebuild.prepare(*VERSIONED)
    before = history(rebuild.replica)
    assert len(before) == 8
    refused = rebuild.refused(dump_program=rebuild.filtered("--help", "grep -v dump-history"))
    assert refused.codes == {"cannot_copy"}
    assert "dbha_demo.periods, dbha_demo.prices" in str(refused)
    assert rebuild.is_untouched()

    rebuild.primary.execute("UPDATE dbha_demo.prices SET price = 9")
    rebuild.cluster.wait_in_sync(replicas=[rebuild.donor])
    if rebuild.replica.installation.version < (10, 11):  # no program can give these a history
        assert rebuild.refused().codes == {"cannot_copy"}
        assert rebuild.is_untouched()
        rebuild.cluster.wait_in_sync(replicas=[rebuild.replica])
        assert history(rebuild.replica) == history(rebuild.primary)
        return
    assert rebuild.run()["copied_with"] == "dump"
    assert history(rebuild.replica) == history(rebuild.donor) == history(rebuild.primary)
    assert len(history(rebuild.replica)) == 9


@pytest.mark.server("mariadb-10.11")
def test_a_history_by_transactions_is_refused(rebuild: Rebuild) -> None:
    rebuild.prepare(
        "CREATE TABLE dbha_demo.exact (id INT PRIMARY KEY, since BIGINT UNSIGNED GENERATED ALWAYS AS ROW START,"
        " until BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (since, until)) WITH SYSTEM VERSIONING ENGINE=InnoDB"
    )
    refused = rebuild.refused()
    assert refused.codes == {"cannot_copy"}
    assert "from transaction to transaction: dbha_demo.exact" in str(refused)
    assert rebuild.is_untouched()


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_row_that_is_too_large_is_refused_before_anything_is_overwritten(rebuild: Rebuild) -> None:
    everywhere = (rebuild.primary, rebuild.donor, rebuild.replica)
    for server in everywhere:
        server.execute("SET GLOBAL max_allowed_packet = 67108864")
    # Digits take two bytes for each of data; quotes in text, one more for each.
    rebuild.prepare(
        "CREATE TABLE dbha_demo.files (id INT PRIMARY KEY, content LONGBLOB, said LONGTEXT)",
        "INSERT INTO dbha_demo.files VALUES (1, REPEAT('x', 9000000), 'a'), (2, '', REPEAT('a', 9000000)), (3, NULL, NULL)",
    )
    rebuild.replica.execute("SET GLOBAL max_allowed_packet = 16777216")
    refused = rebuild.refused()
    assert refused.codes == {"cannot_copy"}
    assert "dbha_demo.files (18000" in str(refused)
    assert rebuild.is_untouched()

    # The programs' own limits are 16 and 24 MB.
    rebuild.primary.execute("UPDATE dbha_demo.files SET content = REPEAT('x', 13000000) WHERE id = 1")
    rebuild.cluster.wait_in_sync(replicas=[rebuild.donor])
    rebuild.replica.execute("SET GLOBAL max_allowed_packet = 33554432")
    assert rebuild.run()["copied_with"] == "dump"
    assert rebuild.replica.query("SELECT id, LENGTH(content) AS a, LENGTH(said) AS b FROM dbha_demo.files") == [
        {"id": 1, "a": 13000000, "b": 1},
        {"id": 2, "a": 0, "b": 9000000},
        {"id": 3, "a": None, "b": None},
    ]


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
@pytest.mark.parametrize(
    ("through", "says"),
    [
        ("sed 's/INSERT INTO `counted` VALUES/INSERT IGNORE INTO `counted` VALUES (9,0),/'", "dbha_demo.counted has 4 rows instead of 3"),
        ("sed \"s/'all of it'/'most of it'/\"", "the rows of the table dbha_demo.counted are not the same"),
        (r"sed -E 's/(TRIGGER .*)seen(`? BEFORE)/\1unseen\2/'", "it lacks the trigger dbha_demo.seen, it has the trigger dbha_demo.unseen"),
    ],
    ids=["another row", "another value", "another trigger"],
)
def test_what_was_loaded_is_not_called_a_copy_when_it_differs(rebuild: Rebuild, through: str, says: str) -> None:
    rebuild.prepare(
        "CREATE TABLE dbha_demo.counted (id INT PRIMARY KEY, said VARCHAR(20))",
        "INSERT INTO dbha_demo.counted VALUES (1, 'all of it'), (2, NULL), (3, '')",
        "CREATE VIEW dbha_demo.viewed AS SELECT id FROM dbha_demo.counted",
        "CREATE TRIGGER dbha_demo.seen BEFORE INSERT ON dbha_demo.counted FOR EACH ROW SET NEW.said = NEW.said",
    )
    refused = rebuild.refused(dump_program=rebuild.filtered("--all-databases", through))
    assert refused.codes == {"not_copied"}
    assert says in str(refused)
    # Nor does it look like one afterwards.
    assert rebuild.refused(method="refuse").codes == {"not_copied"}
    assert rebuild.run()["copied_with"] == "dump"
    assert rebuild.replica.query("SELECT * FROM dbha_demo.counted") == rebuild.donor.query("SELECT * FROM dbha_demo.counted")


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_an_account_that_may_not_do_all_of_it_overwrites_nothing(rebuild: Rebuild) -> None:
    sets_variables = "SYSTEM_VARIABLES_ADMIN, SESSION_VARIABLES_ADMIN, SUPER"
    needed = {
        "mariadb": {"BINLOG ADMIN": "BINLOG ADMIN, SUPER", "RELOAD": "RELOAD", "DROP": "DROP", "REPLICATION SLAVE ADMIN": "REPLICATION SLAVE ADMIN, SUPER"},
        "mysql": {"SYSTEM_VARIABLES_ADMIN": sets_variables, "RELOAD": "RELOAD", "DROP": "DROP"},
    }
    rebuild.prepare()

    def change(statement: str) -> None:
        if rebuild.primary.installation.is_mariadb:
            # What it waits for there cannot be told from its position.
            for server in rebuild.cluster.servers.values():
                server.execute_all("SET SESSION sql_log_bin = 0", statement)
        else:
            rebuild.primary.execute(statement)
            rebuild.cluster.wait_in_sync()

    for named, revoked in needed["mariadb" if rebuild.primary.installation.is_mariadb else "mysql"].items():
        change(f"REVOKE {revoked} ON *.* FROM copier@'%'")
        refused = rebuild.refused()
        assert (named, refused.codes) == (named, {"cannot_copy"})
        assert named in str(refused)
        assert rebuild.is_untouched()
        change(f"GRANT {revoked} ON *.* TO copier@'%'")


def test_which_floats_a_dump_rounds_is_known_exactly(kind: str) -> None:
    chance = random.Random(7)
    values = [struct.unpack("f", struct.pack("I", chance.randrange(1, 0x7F800000)))[0] * chance.choice((1, -1)) for _each in range(400)]
    values += [round(chance.uniform(-1000, 1000), 2) for _each in range(400)]
    values += [0.0, 0.1, 1.0, 2.0**-149, 2.0**-126, 2.0**24, 2.0**24 - 1, 3.4028234663852886e38, 123456.0, 1234567.0]
    exact = [struct.unpack("f", struct.pack("f", value))[0] for value in values]
    rounded = sum(struct.unpack("f", struct.pack("f", float(f"{value:.6g}")))[0] != value for value in exact)
    with Server(kind) as server:
        server.execute_all("CREATE DATABASE dbha_demo", "CREATE TABLE dbha_demo.measured (id INT AUTO_INCREMENT PRIMARY KEY, value FLOAT)")
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO dbha_demo.measured (value) VALUES (%s)", [(repr(value),) for value in exact])
            connection.commit()
        table = Table("dbha_demo", "measured", (Column("id", "int"), Column("value", "float")))
        for casts in (True, False) if kind != "mysql-5.6" else (False,):
            found = server.query(select_content(table, casts_to_float=casts, timeout=60).text)[0]
            assert (found["row_count"], int(found["rounded_rows"])) == (len(values), rounded), casts


CLONES = "GRANT BACKUP_ADMIN, CLONE_ADMIN ON *.* TO failover@'%'", "GRANT INSERT ON mysql.plugin TO failover@'%'"


@pytest.mark.server("mysql-9.7")
def test_what_a_clone_would_leave_out_is_refused_before_anything_is_overwritten(rebuild: Rebuild) -> None:
    rebuild.prepare(*CLONES, "CREATE TABLE dbha_demo.old (id INT PRIMARY KEY) ENGINE=MyISAM", "INSERT INTO dbha_demo.old VALUES (1), (2)")
    refused = rebuild.refused(method="clone")
    assert refused.codes == {"cannot_copy"}
    assert "dbha_demo.old (2 rows)" in str(refused)
    assert rebuild.is_untouched()

    # An account that does not see the tables does not see that either.
    refused = rebuild.refused(method="clone", copy_user=None, copy_password=None)
    assert refused.codes == {"cannot_copy"}
    assert "does not see all tables of db1" in str(refused)
    assert rebuild.is_untouched()


@pytest.mark.server("mysql-9.7")
@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "not whole"])
def test_a_clone_is_not_called_a_copy_before_it_is_compared(is_whole: bool, rebuild: Rebuild, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuild.prepare(*CLONES)
    replica, read = rebuild.replica, []
    # So it takes itself for one that is started again when it ends.
    monkeypatch.setenv("MYSQLD_PARENT_PID", str(os.getpid()))
    replica.restart("--read-only", "--super-read-only")

    class Spy(Reader):
        def read(self) -> Contents:
            found = super().read()
            read.append(self._server.name)
            if len(read) > 1 and not is_whole:
                return Contents({name: content for name, content in found.tables.items() if not name.endswith(".rows")}, found.others)
            return found

    monkeypatch.setattr(compare, "Reader", Spy)

    def start_again() -> None:
        wait_until(lambda: not replica.is_running)
        replica.start("--read-only")

    supervisor = threading.Thread(target=start_again)
    supervisor.start()
    try:
        if is_whole:
            assert rebuild.run(method="clone")["msg"] == "db2 is a copy of db1 now (clone)"
        else:
            refused = rebuild.refused(method="clone")
            assert refused.codes == {"not_copied"}
            assert "it lacks the table dbha_demo.rows" in str(refused)
            # Nor is it taken for one later.
            assert rebuild.refused(method="refuse").codes == {"history_unknown"}
    finally:
        supervisor.join()
    assert read[:2] == ["db1", "db2"]
    assert not replica.is_writable
    # Its donor is not locked any more.
    rebuild.primary.execute("CREATE TABLE dbha_demo.later (id INT PRIMARY KEY)")
    rebuild.cluster.wait_in_sync(replicas=[rebuild.donor])
