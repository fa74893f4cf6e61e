# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binary log files that cannot be taken for a dead server's last word, and which transactions of them are wanted."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._binlog import files
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.events import BinlogError, Event, make_event, take
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed, wanted_by
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import extract_from_directory
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids

UUIDS = ("00000000-0000-0000-0000-00000000000a", "ffffffff-0000-0000-0000-000000000000")
numbers = st.integers(1, 9)


def extract(directory: Path) -> str:
    return str(extract_from_directory(str(directory), "mysql", parse_gtids("mysql", ""), 10).transactions)


def test_files_that_a_process_still_writes_to_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "binlog.000001"
    with file.open("wb") as writer:
        writer.write(b"\xfebin")
        writer.flush()
        with pytest.raises(ExtractFailed, match="still has the binary logs"):
            extract(tmp_path)
    with file.open("rb"):
        assert extract(tmp_path) == ""


def test_the_process_of_a_server_that_does_not_show_what_it_has_open_may_be_the_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tmp_path.joinpath("binlog.000001").write_bytes(b"\xfebin")
    real, hidden = os.listdir, f"/proc/{os.getpid()}/fd"

    def listdir(path: str) -> list[str]:
        if path == hidden:
            raise PermissionError(path)
        return real(path) if path != "/proc" else [str(os.getpid())]

    monkeypatch.setattr(os, "listdir", listdir)
    assert extract(tmp_path) == ""
    monkeypatch.setattr(files, "_PROCESSES", (Path("/proc/self/comm").read_text(encoding="utf-8").strip(),))
    with pytest.raises(files.StillRunning, match=f"process {os.getpid()} may have the binary logs"):
        extract(tmp_path)


@pytest.mark.parametrize(
    "content", [b"\xfdbin" + bytes(600), b"\xfebin" + bytes(4) + bytes([164]) + bytes(4) + bytes([19, 0, 0, 0]) + bytes(6)], ids=["mysql", "mariadb"]
)
def test_encrypted_files_are_not_taken_for_empty_ones(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "binlog.000001").write_bytes(content)
    with pytest.raises(ExtractFailed, match="encrypted"):
        extract(tmp_path)


def test_a_directory_without_binary_logs_is_not_taken_for_one_with_nothing_in_them(tmp_path: Path) -> None:
    (tmp_path / "binlog.index").write_bytes(b"")
    with pytest.raises(ExtractFailed, match="no binary logs"):
        extract(tmp_path)
    with pytest.raises(ExtractFailed, match="cannot be read"):
        extract(tmp_path / "elsewhere")


@given(
    st.lists(st.tuples(st.sampled_from(UUIDS), st.sampled_from(["", ":tag"]), numbers, numbers)), st.sampled_from(UUIDS), st.sampled_from(["", ":tag"]), numbers
)
def test_a_transaction_of_mysql_is_wanted_if_it_is_not_in_the_set(runs: list[tuple[str, str, int, int]], uuid: str, tag: str, number: int) -> None:
    have = parse_gtids("mysql", ",".join(f"{uuid}{tag}:{first}-{last}" for uuid, tag, first, last in runs))
    gtid = f"{uuid}{tag}:{number}"
    assert wanted_by("mysql", have)(gtid) is not have.contains(parse_gtids("mysql", gtid))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 3), numbers)), st.integers(0, 1), st.integers(1, 3), numbers)
def test_a_transaction_of_mariadb_is_wanted_if_it_is_not_contained(state: list[tuple[int, int, int]], domain: int, server: int, number: int) -> None:
    have = parse_gtids("mariadb", ",".join(f"{domain}-{server}-{number}" for domain, server, number in state))
    gtid = f"{domain}-{server}-{number}"
    assert wanted_by("mariadb", have)(gtid) is not have.contains(parse_gtids("mariadb", gtid))


def event(kind: int, body: bytes, checksum: bytes = b"") -> Event:
    return make_event(struct.pack("<IBIIIH", 0, kind, 1, 19 + len(body) + len(checksum), 0, 0) + body + checksum)


def query(text: str) -> Event:
    return event(2, bytes(14) + text.encode())


def begin(number: int) -> Event:
    """Return the event that begins a transaction of MariaDB."""
    return event(162, struct.pack("<QIB", number, 0, 0))


FORMAT = event(15, bytes(60))
STATEMENTS = [query("INSERT INTO here VALUES (1)"), query("ROLLBACK TO `here`"), query("INSERT INTO here VALUES (2)")]


def test_a_transaction_goes_on_after_it_was_rolled_back_to_a_savepoint() -> None:
    events = [begin(1), *STATEMENTS, query("COMMIT")]
    (segment,) = take([FORMAT, *events, begin(2), *STATEMENTS], lambda gtid: True)
    assert [(transaction.gtid, transaction.events) for transaction in segment.transactions] == [("0-1-1", tuple(events))]


def test_a_transaction_whose_end_is_not_recognised_is_not_left_out_silently() -> None:
    events = [FORMAT, begin(1), *STATEMENTS, begin(2), *STATEMENTS, query("COMMIT")]
    with pytest.raises(BinlogError, match="the end of 0-1-1 cannot be told"):
        take(events, lambda gtid: True)
    assert take(events, lambda gtid: gtid == "0-1-2")[0].transactions[0].gtid == "0-1-2"
    # A server that dies ends its file in the middle of a transaction, and goes on in another.
    assert len(take([FORMAT, begin(1), *STATEMENTS, FORMAT, begin(2), *STATEMENTS, query("COMMIT")], lambda gtid: True)) == 1


def test_damage_is_told() -> None:
    checked = event(15, bytes(60) + b"\1" + bytes(4))
    body = struct.pack("<QIB", 7, 0, 0)
    whole = make_event(struct.pack("<IBIIIH", 0, 162, 1, 36, 0, 0) + body + bytes(4)).raw[:-4]
    good = make_event(whole + struct.pack("<I", zlib.crc32(whole)))
    with pytest.raises(BinlogError, match="an event after 0-1-7 is damaged"):
        take([checked, good, event(16, bytes(8), b"damaged"[:4])], lambda gtid: True)
