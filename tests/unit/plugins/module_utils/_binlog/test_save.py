# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transactions that were saved before, or seem to be."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import Extract
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.save import Saved, save, vanishes_with
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.translate import replayable
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import Event, Segment, Transaction, make_event


def event(kind: int, body: bytes) -> Event:
    return make_event(struct.pack("<IBIIIH", 0, kind, 1, 19 + len(body), 0, 0) + body)


def extract(content: bytes, written: bytes = b"") -> Extract:
    return Extract("mariadb", [Segment(event(15, bytes(60) + written), [Transaction("0-1-7", (event(2, content),))])])


@pytest.fixture
def program(tmp_path: Path) -> str:
    """Write a program that says of itself what that of MariaDB does."""
    program = tmp_path / "mariadb-binlog"
    program.write_text("#!/bin/sh\necho flashback\n")
    program.chmod(0o755)
    return str(program)


def saved_in(directory: Path, extract: Extract, program: str) -> Saved:
    return save("db0", extract, str(directory), program, 10)


def modified(saved: Saved) -> list[int]:
    return [path.stat().st_mtime_ns for path in sorted(Path(saved["directory"]).iterdir())]


def test_what_is_saved_already_is_not_written_again(tmp_path: Path, program: str) -> None:
    saved = saved_in(tmp_path, extract(b"one"), program)
    before = modified(saved)
    # How the file began may say when it was read.
    assert saved_in(tmp_path, extract(b"one", b"later"), program) == saved
    assert modified(saved) == before


def test_the_same_gtids_of_another_cluster_are_not_taken_for_these(tmp_path: Path, program: str) -> None:
    one, other = (saved_in(tmp_path, extract(content), program) for content in (b"one", b"other"))
    assert one["gtids"] == other["gtids"]
    assert b"one" in Path(one["binary_logs"][0]).read_bytes()
    assert b"other" in Path(other["binary_logs"][0]).read_bytes()


@pytest.mark.parametrize("kind", ["binary_logs", "sql"])
def test_files_that_somebody_has_removed_are_written_anew(tmp_path: Path, program: str, kind: str) -> None:
    saved = saved_in(tmp_path, extract(b"one"), program)
    removed = Path(saved[kind] if kind == "sql" else saved[kind][0])
    removed.unlink()
    assert saved_in(tmp_path, extract(b"one"), program) == saved
    assert removed.exists()


def test_what_is_saved_is_replayed_under_new_numbers_and_from_its_own_directory() -> None:
    mariadb = [
        "# at 325",
        "#261127  3:30:18 server id 1  end_log_pos 367 CRC32 0xac48a33a \tGTID 0-1-1 ddl",
        "/*M!100101 SET @@session.skip_parallel_replication=0*//*!*/;",
        "/*M!100001 SET @@session.gtid_domain_id=0*//*!*/;",
        "/*M!100001 SET @@session.server_id=1*//*!*/;",
        "/*!100001 SET @@session.gtid_seq_no=1*//*!*/;",
        "# at 367",
        "SET TIMESTAMP=1795750218/*!*/;",
        "INSERT INTO t VALUES ('",
        "LOAD DATA LOCAL INFILE '/srv/a/",
        "/*M!100001 SET @@session.server_id=1*//*!*/;",
        "')",
        "/*!*/;",
        "SET TIMESTAMP=1795750218/*!*/;",
        "LOAD DATA LOCAL INFILE '/srv/a/SQL_LOAD_MB-1-0' INTO TABLE `t` LINES STARTING BY '/srv/a/'",
    ]
    changed = {4: "# " + mariadb[4], 5: "# " + mariadb[5], 14: "LOAD DATA LOCAL INFILE 'SQL_LOAD_MB-1-0' INTO TABLE `t` LINES STARTING BY '/srv/a/'"}
    assert replayed(mariadb) == [changed.get(number, line) for number, line in enumerate(mariadb)]


def test_of_mysql_gtids_are_kept_and_what_has_none_gets_one() -> None:
    comment, own, none = "# at 1023", "SET @@SESSION.GTID_NEXT= 'e0:4'/*!*/;", "SET @@SESSION.GTID_NEXT= 'ANONYMOUS'/*!*/;"
    assert replayed([comment, own, "BEGIN", none, "/*!*/;", none]) == [comment, own, "BEGIN", none, "/*!*/;", "SET @@SESSION.GTID_NEXT= 'AUTOMATIC'/*!*/;"]


def test_where_other_transactions_have_theirs_all_get_new_ones() -> None:
    own, new = "SET @@SESSION.GTID_NEXT= 'e0:4'/*!*/;", "SET @@SESSION.GTID_NEXT= 'AUTOMATIC'/*!*/;"
    # A client's text stays as it is.
    lines = [own, "BEGIN", "/*!*/;", "INSERT INTO t VALUES ('", own, "')", "/*!*/;", "SET @@SESSION.GTID_NEXT= 'e0:tag:4'/*!*/;"]
    assert replayed(lines, anew=True) == [new, *lines[1:-1], new]


def replayed(lines: list[str], *, anew: bool = False) -> list[str]:
    return [line.decode().rstrip("\n") for line in replayable((f"{line}\n".encode() for line in lines), "/srv/a", anew=anew)]


@pytest.mark.parametrize(
    ("directory", "environment", "gone_with"),
    [
        ("/srv/saved", {}, ""),
        ("/home/admin/dbha-saved", {}, ""),
        ("/home/admin/dbha-saved", {"AWX_PRIVATE_DATA_DIR": "/runner"}, "the container of this job"),
        ("/runner/project/saved", {"AWX_PRIVATE_DATA_DIR": "/runner"}, "the directory of this job"),
        ("/runners/saved", {"AWX_PRIVATE_DATA_DIR": "/runner"}, "the container of this job"),
        ("/mounted/saved", {"AWX_PRIVATE_DATA_DIR": "/runner"}, ""),
    ],
)
def test_in_a_job_only_what_is_mounted_stays(directory: str, environment: dict[str, str], gone_with: str) -> None:
    assert vanishes_with(directory, environment, lambda path: 2 if path.startswith("/mounted") else 1) == gone_with
