# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a dead primary alone has arrives as it was, in whichever way it was logged, or is named to the last transaction."""

from __future__ import annotations

import base64
import os
import random
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.runs.playbook import Run
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool
from sandbox.servers.server import Server
from sandbox.servers.sshd import Sshd

# Each is a session of its own: its character set, and what it sends, with the format of the log as it was set before.
Session = tuple[str, Sequence["str | bytes"]]

SESSIONS: list[Session] = [
    (
        "utf8mb4",
        [
            "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(200), at TIMESTAMP(6) NULL, f DOUBLE, n DECIMAL(30,10)) DEFAULT CHARSET utf8mb4",
            "INSERT INTO t (a) VALUES ('one'), ('two'), ('it''s; /*!*/;\nDELIMITER x\n# three')",
            "SET SESSION auto_increment_increment = 7, SESSION auto_increment_offset = 3",
            "INSERT INTO t (a) VALUES ('seventh'), ('next')",
            "SET TIMESTAMP = 1700000000.123456",
            "INSERT INTO t (a, at) VALUES ('then', NOW(6))",
            "SET TIMESTAMP = DEFAULT, SESSION time_zone = '+05:30'",
            "INSERT INTO t (a, at) VALUES ('there', NOW(6)), (DATE_FORMAT('2024-03-01', '%W %M'), '2024-03-01 12:00:00')",
            "SET SESSION lc_time_names = 'de_DE'",
            "INSERT INTO t (a) SELECT DATE_FORMAT('2024-03-01', '%W %M')",
            "INSERT INTO t (f) VALUES (RAND()), (RAND())",
            "SET @text = 'caf\u00e9 \U0001f600', @whole = -7, @real = 1.5e-7, @exact = -1234567890123.0456789, @zero = 0.5, @none = NULL, @`a``b` = 'odd'",
            "INSERT INTO t (a, f, n) VALUES (@text, @real, @exact), (@`a``b`, @whole, @zero), (@none, @whole, @exact + 1)",
            "INSERT INTO t (a, f) VALUES ('last', LAST_INSERT_ID())",
            "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'",
            """INSERT INTO "t" (a) VALUES ('back\\slash' || 'es')""",
            "SET SESSION sql_mode = DEFAULT",
            "CREATE TABLE parent (id INT PRIMARY KEY) ENGINE=InnoDB",
            "CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id)) ENGINE=InnoDB",
            "SET SESSION foreign_key_checks = 0",
            "INSERT INTO child VALUES (1, 99)",
            "SET SESSION foreign_key_checks = 1",
        ],
    ),
    (
        "latin1",
        [
            "CREATE TABLE l (a VARCHAR(90) CHARACTER SET latin1 COLLATE latin1_german1_ci) COMMENT 'caf\u00e9'",
            "INSERT INTO l VALUES ('caf\u00e9')",
            b"INSERT INTO l VALUES (_binary'\xe9\xff\x01\x80')",
            "SET @accent = '\u00e9'",
            "INSERT INTO l VALUES (@accent)",
        ],
    ),
    ("sjis", [b"CREATE TABLE s (a VARCHAR(9) CHARACTER SET sjis)", b"INSERT INTO s VALUES ('\x83\x5c'), ('\x95\x5c')"]),
    (
        "utf8mb4",
        [
            "CREATE TABLE copied (a INT) # made by hand /*!*/;\nSELECT 1 AS a UNION SELECT 2",
            "INSERT INTO copied # made by hand /*!*/;\nSELECT 8 AS a UNION SELECT 9",
            "/* a comment */ INSERT INTO copied VALUES (3)",
            "BEGIN",
            "INSERT INTO copied VALUES (4)",
            "SAVEPOINT here",
            "INSERT INTO copied VALUES (5)",
            "ROLLBACK TO here",
            "UPDATE copied SET a = a + 100 WHERE a < 3",
            "COMMIT",
            "CREATE TABLE m (a INT) ENGINE=MyISAM",
            "INSERT INTO m VALUES (1), (2)",
            "CREATE TEMPORARY TABLE scratch (a INT)",
            "INSERT INTO scratch VALUES (41), (42)",
            "INSERT INTO copied SELECT a FROM scratch",
            "DROP TEMPORARY TABLE scratch",
            "CREATE VIEW v AS SELECT a FROM copied",
            "CREATE TRIGGER tr AFTER INSERT ON l FOR EACH ROW INSERT INTO copied VALUES (1000)",
            "INSERT INTO l VALUES ('with a trigger')",
            "CREATE PROCEDURE p(IN x INT) BEGIN INSERT INTO copied VALUES (x); INSERT INTO copied VALUES (x + 1); END",
            "CALL p(7)",
            "CREATE FUNCTION plus(x INT) RETURNS INT DETERMINISTIC RETURN x + 1",
            "INSERT INTO copied VALUES (plus(70))",
            "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2038-01-01' DO DELETE FROM copied",
            "CREATE TABLE gone (a INT)",
            "DROP TABLE gone",
            "TRUNCATE TABLE m",
            "INSERT INTO m VALUES (3)",
            "ALTER TABLE copied ADD COLUMN b VARCHAR(9) DEFAULT 'new'",
            "CREATE TABLE large (id INT PRIMARY KEY, b LONGBLOB)",
            "INSERT INTO large VALUES (1, REPEAT('a', 600000)), (2, REPEAT('b', 10))",
            "INSERT INTO large SELECT id + 10, CONCAT(b, id) FROM large",
            "UPDATE large SET b = CONCAT(b, 'x')",
            "CREATE TABLE many (id INT PRIMARY KEY, a CHAR(200) DEFAULT 'filled')",
            "INSERT INTO many (id) SELECT a.a * 1000 + b.a * 100 + c.a * 10 + d.a FROM {ten} a, {ten} b, {ten} c, {ten} d".format(
                ten=f"(SELECT 0 a {' '.join(f'UNION SELECT {number}' for number in range(1, 10))})"
            ),
            "DELETE FROM many WHERE id % 3 = 0",
        ],
    ),
]


@pytest.fixture
def scene(kind: str, tmp_path: Path) -> Iterator[Scene]:
    with POOL.cluster(kind, replicas=1) as cluster:
        cluster.primary.execute("GRANT ALL PRIVILEGES ON *.* TO failover@'%'")
        cluster.wait_in_sync()
        scene = Scene(cluster, tmp_path)
        scene.thread("STOP", cluster.replicas[0], "IO_THREAD")
        yield scene


def known_to(server: Server, sessions: Sequence[Session]) -> list[Session]:
    """Leave out what MySQL 5.6 forbids where there are GTIDs."""
    if server.installation.is_mariadb or server.installation.version >= (5, 7):
        return list(sessions)
    copied = [each for each in sessions[-1][1] if "scratch" not in str(each)]
    copied[0] = "CREATE TABLE copied (a INT)"
    return [*sessions[:-1], (sessions[-1][0], copied)]


def send(server: Server, sessions: Sequence[Session], database: str) -> None:
    for charset, statements in sessions:
        with server.connect(charset=charset, database=database, local_infile=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                if isinstance(statement, bytes):
                    connection.query(statement)
                else:
                    cursor.execute(statement)


def contents(server: Server) -> dict[str, Any]:
    """Return all that a server has of ours: tables as they are made, and their rows as bytes."""
    found: dict[str, Any] = {}
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA LIKE 'f\\_%' ORDER BY 1, 2")
        for schema, table, kind in [tuple(row.values()) for row in cursor.fetchall()]:
            cursor.execute(f"SHOW CREATE TABLE {schema}.{table}")
            name = f"{schema}.{table}"
            found[name] = re.sub(r"AUTO_INCREMENT=\d+ ", "", str(list(cursor.fetchone().values())[1]))
            if kind == "BASE TABLE":
                cursor.execute(f"CHECKSUM TABLE {name} EXTENDED")
                found[name + " rows"] = cursor.fetchone()["Checksum"]
        cursor.execute("SELECT ROUTINE_NAME, ROUTINE_DEFINITION, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA LIKE 'f\\_%' ORDER BY 1")
        found["routines"] = cursor.fetchall()
        cursor.execute("SELECT TRIGGER_NAME, ACTION_STATEMENT, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA LIKE 'f\\_%' ORDER BY 1")
        found["triggers"] = cursor.fetchall()
        cursor.execute("SELECT EVENT_NAME, EVENT_DEFINITION, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA LIKE 'f\\_%' ORDER BY 1")
        found["events"] = cursor.fetchall()
    return found


@pytest.mark.server("mysql-5.6", "mysql-9.7", "mariadb-10.11", "mariadb-11.8")
def test_whatever_was_logged_in_whichever_format_arrives_as_it_was(scene: Scene, sshd: Sshd) -> None:
    primary, (replica,) = scene.cluster.primary, scene.cluster.replicas
    for log in ("ROW", "MIXED", "STATEMENT"):
        primary.execute(f"SET GLOBAL binlog_format = '{log}'")
        primary.execute(f"CREATE DATABASE f_{log}")
        send(primary, known_to(primary, SESSIONS), f"f_{log}")
    expected, executed = contents(primary), primary.executed()
    assert len([name for name in expected if name.endswith(" rows")]) >= 3 * 9
    scene.kill_primary()
    run = scene.failover(hosts=sshd.host_of(primary), failover_salvage_timeout=120)

    assert run.returncode == 0, run
    assert run.dbha_result["salvaged"]["problem"] is None, run.dbha_result
    assert run.dbha_result["lost"] == []
    found = contents(replica)
    assert {name: (value, found.get(name)) for name, value in expected.items() if found.get(name) != value} == {}
    assert replica.has_executed(executed)


FAMILIES = pytest.mark.server("mysql-9.7", "mariadb-10.11")


def lost(run: Any) -> tuple[str, int]:
    """Return what was given up of db0."""
    (loss,) = run.dbha_result["lost"]
    return loss["gtids"], loss["count"]


def numbers_of(server: Server) -> set[int]:
    return {int(row["id"]) for row in server.query("SELECT id FROM f_numbers.t")}


@contextmanager
def lent(kind: str, directory: Path, *options: str) -> Iterator[Scene]:
    """Lend a primary with a table of numbers, and a replica that receives no more, with the privileges of the README and no others."""
    with POOL.cluster(kind, replicas=1, options=options) as cluster:
        cluster.primary.execute("CREATE DATABASE f_numbers")
        cluster.primary.execute("CREATE TABLE f_numbers.t (id INT PRIMARY KEY, a LONGTEXT)")
        cluster.wait_in_sync()
        scene = Scene(cluster, directory)
        scene.thread("STOP", cluster.replicas[0], "IO_THREAD")
        yield scene


@FAMILIES
def test_what_is_compressed_arrives(kind: str, sshd: Sshd, tmp_path: Path) -> None:
    is_mariadb = kind.startswith("mariadb")
    with lent(kind, tmp_path, "--log-bin-compress=1" if is_mariadb else "--binlog-transaction-compression=1") as scene:
        primary, (replica,) = scene.cluster.primary, scene.cluster.replicas
        for number in range(3):
            primary.execute(f"INSERT INTO f_numbers.t VALUES ({number}, REPEAT('compressed ', {40000 * (number + 1)}))")
        primary.execute("UPDATE f_numbers.t SET a = CONCAT(a, '!')")
        expected = contents(primary)
        scene.kill_primary()
        run = scene.failover(hosts=sshd.host_of(primary), failover_salvage="require", failover_salvage_timeout=60)
        assert run.returncode == 0, run
        assert (run.dbha_result["salvaged"]["count"], run.dbha_result["lost"]) == (4, [])
        assert contents(replica) == expected


# A terminal mangles what is not text.
HOW: dict[str, dict[str, str]] = {"read as they come": {}, "asked for one by one": {"ansible_ssh_extra_args": "-tt"}}


def row_of(number: int, megabytes: int) -> str:
    """Return what adds a row that cannot be compressed."""
    text = base64.b64encode(random.Random(number).randbytes(3 * megabytes << 18)).decode()
    return f"INSERT INTO f_numbers.t VALUES ({number}, '{text}')"


def assert_all_arrives(scene: Scene, sshd: Sshd, how: str, count: int) -> Run:
    """Let the primary die, and see that a failover brings so many transactions, which are all that it had, to its only replica."""
    primary, (replica,) = scene.cluster.primary, scene.cluster.replicas
    expected, executed = contents(primary), primary.executed()
    scene.kill_primary()
    host = sshd.host_of(primary)
    host["db0"].update(HOW[how])
    run = scene.failover("-vvv", hosts=host, failover_salvage="require", failover_salvage_timeout=120)
    assert run.returncode == 0, run
    assert (run.dbha_result["salvaged"]["count"], run.dbha_result["lost"]) == (count, [])
    assert contents(replica) == expected
    assert replica.has_executed(executed)
    return run


@pytest.mark.alike
@FAMILIES
@pytest.mark.parametrize("how", HOW)
def test_parts_of_large_rows_arrive(how: str, kind: str, sshd: Sshd, tmp_path: Path) -> None:
    with lent(kind, tmp_path) as scene:
        primary = scene.cluster.primary
        # One is larger than what is given at once.
        for number, megabytes in enumerate((1, 6, 3, 3, 1)):
            primary.execute(row_of(number, megabytes))
        run = assert_all_arrives(scene, sshd, how, 5)
        # Each run of the module is shown, and how often it was run is what the parts cost.
        assert (run.output.count("Using module file") <= 3) == (how == "read as they come"), run


@pytest.mark.server("mysql-5.6", "mysql-9.7", "mariadb-10.11")
@pytest.mark.parametrize("how", ["read as they come", pytest.param("asked for one by one", marks=pytest.mark.alike)])
def test_files_whose_names_hold_every_byte_are_read(how: str, kind: str, sshd: Sshd, tmp_path: Path) -> None:
    named = "--log-bin=b\x1b[2J\u202e'\"%s{{ x }}\\\udcff\udcc3"
    # MySQL 9.7 does not replicate from such a binary log (seen), and MariaDB counts anew where it has another name.
    late = kind == "mysql-9.7"
    with lent(kind, tmp_path, *(() if late else (named,)), *(("--innodb-log-file-size=64M",) if kind == "mysql-5.6" else ())) as scene:
        primary = scene.cluster.primary
        if late:
            primary.restart(named)
        for number in range(6):
            send(primary, [("utf8mb4", [row_of(number, 1), "FLUSH BINARY LOGS"])], "f_numbers")
        assert_all_arrives(scene, sshd, how, 6)
        if late:
            for path in primary.datadir.glob("b\x1b*"):
                path.unlink()  # the next test has the same server


@FAMILIES
def test_what_stands_in_the_way_is_named_and_what_it_keeps_from_being_taken(kind: str, sshd: Sshd, tmp_path: Path) -> None:
    """Statements without the privilege for them, and files: a stray one of another name, and one that is encrypted. One cluster, one thing after another."""
    with lent(kind, tmp_path) as scene:
        primary, (replica,) = scene.cluster.primary, scene.cluster.replicas
        primary.execute("INSERT INTO f_numbers.t VALUES (1, ''), (2, '')")
        primary.execute("FLUSH BINARY LOGS")
        primary.execute("INSERT INTO f_numbers.t VALUES (3, '')")
        primary.execute("SET GLOBAL binlog_format = 'STATEMENT'")
        primary.execute("INSERT INTO f_numbers.t VALUES (4, '')")
        primary.execute("INSERT INTO f_numbers.t VALUES (5, '')")
        scene.kill_primary()
        host = sshd.host_of(primary)
        logs = sorted(path for path in primary.datadir.glob("*bin*.0*") if path.suffix[1:].isdigit() and "relay" not in path.name)
        shutil.copy(logs[0], primary.datadir / "another-name.000900")

        # A key that nobody has: nothing is taken, and what can be known is.
        whole = logs[-1].read_bytes()
        logs[-1].write_bytes(b"\xfdbin" + os.urandom(600))
        with scene.untouched():
            required = scene.failover(hosts=host, failover_salvage="require", failover_salvage_timeout=60)
        assert (required.returncode, required.codes) == (2, {"salvage_failed"}), required
        assert "it is encrypted, and only its server has the key" in required.output
        logs[-1].write_bytes(whole)

        # The name of its server is only that of the inventory.
        del host["db0"]["ansible_host"]
        run = scene.failover(hosts=host, failover_salvage_timeout=60)
        assert run.returncode == 0, run
        assert numbers_of(replica) == {1, 2, 3}
        assert run.dbha_result["salvaged"]["count"] == 2
        assert lost(run)[1] == 2
        assert re.search(r"INSERT command denied|denied to user|SUPER|privilege", run.dbha_result["salvaged"]["problem"]), run.dbha_result


BLOCKERS: dict[str, tuple[list[str], str, int]] = {
    "a file that was loaded as a statement": (
        ["SET SESSION binlog_format = 'STATEMENT'", "LOAD DATA LOCAL INFILE '{file}' INTO TABLE t (id)"],
        "it is a LOAD DATA that was logged as a statement",
        1,
    ),
    "a distributed transaction": (
        ["XA START 'x'", "INSERT INTO t VALUES (21, '')", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"],
        "it is a part of a distributed transaction (XA)",
        2,
    ),
}
"""What cannot be carried out anew: what is sent, what is said of it, and how many transactions it is."""


@FAMILIES
@pytest.mark.parametrize("blocker", BLOCKERS)
def test_a_file_that_was_loaded_arrives_as_rows_and_what_cannot_be_repeated_is_named_and_saved(blocker: str, kind: str, sshd: Sshd, tmp_path: Path) -> None:
    statements, says, count = BLOCKERS[blocker]
    for name, ids in (("rows", (1, 2)), ("statement", (11, 12))):
        (tmp_path / name).write_text("".join(f"{number}\n" for number in ids), encoding="utf-8")
    with lent(kind, tmp_path, "--local-infile=1") as scene:
        primary, (replica,) = scene.cluster.primary, scene.cluster.replicas
        loaded = f"LOAD DATA LOCAL INFILE '{tmp_path / 'rows'}' INTO TABLE t (id)"
        sent = [each.format(file=tmp_path / "statement") for each in statements]
        send(primary, [("utf8mb4", ["SET SESSION binlog_format = 'ROW'", loaded, *sent, "INSERT INTO t VALUES (31, '')"])], "f_numbers")
        assert numbers_of(primary) > {1, 2, 31}
        scene.kill_primary()
        run = scene.failover(hosts=sshd.host_of(primary), failover_salvage_timeout=60)
        assert run.returncode == 0, run
        assert numbers_of(replica) == {1, 2}
        assert says in run.dbha_result["salvaged"]["problem"], run.dbha_result
        assert lost(run)[1] == count + 1

        # What was not taken is saved by a rejoin, to the last transaction.
        primary.start("--read-only")
        program = tool(kind, "mariadb-binlog" if primary.installation.is_mariadb else "mysqlbinlog")
        run = scene.rejoin(rejoin_save_to=str(tmp_path / "saved"), rejoin_binlog_program=str(program))
        assert run.codes == {"own_transactions"}, run
        assert run.dbha_result["saved"]["count"] == count + 1
