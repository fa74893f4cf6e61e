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
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Question, answer
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed, wanted_by
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import find_files
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import BinlogError, Event, make_event, take

UUIDS = ("00000000-0000-0000-0000-00000000000a", "ffffffff-0000-0000-0000-000000000000")
numbers = st.integers(1, 9)


def extract(directory: Path) -> str:
    given = answer(Question("mariadb", parse_gtids("mariadb", ""), str(directory), 10))
    return given["trouble"] or ",".join(f"{source}-{first}..{last}" for source, first, last in given["found"])


def test_files_that_a_process_still_writes_to_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "binlog.000001"
    with file.open("wb") as writer:
        writer.write(b"\xfebin" + FORMAT.raw)
        writer.flush()
        with pytest.raises(ExtractFailed, match="still has the binary logs"):
            extract(tmp_path)
    with file.open("rb"):
        assert extract(tmp_path) == ""


def test_the_process_of_a_server_that_does_not_show_what_it_has_open_may_be_the_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tmp_path.joinpath("binlog.000001").write_bytes(b"\xfebin" + FORMAT.raw)
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
    assert "binlog.000001 cannot be read, and what is in it and after it is not known: it is encrypted" in extract(tmp_path)


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


# --- Which files there are


def log(path: Path, *numbers: int, time: int = 0, relayed: bool = False, before: int = 0) -> None:
    """Write a binary log of MariaDB with these transactions, and what it says of earlier ones."""
    begins = struct.pack("<IBIIIH", time, 15, 1, 19 + 95, 0, 0x40 * relayed) + bytes(95)
    earlier = event(163, struct.pack("<IIIQ", 1, 0, 1, before) if before else bytes(4))
    events = [earlier, *(each for number in numbers for each in (begin(number), query("COMMIT")))]
    path.write_bytes(b"".join([b"\xfebin", begins, *(each.raw for each in events)]))


def test_the_index_says_in_which_order_they_are(tmp_path: Path) -> None:
    log(tmp_path / "old-name.000009", 1, time=100)
    log(tmp_path / "stray.000999", 7, 8, 9)
    log(tmp_path / "new-name.000001", 2, time=200, before=1)
    log(tmp_path / "new-name.000002", 3, time=300, before=2)
    log(tmp_path / "relay.000003", 50, time=400, relayed=True)
    tmp_path.joinpath("a-new.index").write_text(f"{tmp_path}/moved/new-name.000001\n./new-name.000002\n", encoding="utf-8")
    tmp_path.joinpath("old.index").write_text("./old-name.000008\n./old-name.000009\n", encoding="utf-8")
    tmp_path.joinpath("relay.index").write_text("./relay.000003\n", encoding="utf-8")
    tmp_path.joinpath("other.index").write_bytes(bytes(range(256)))
    found = [os.path.basename(path) for path in find_files(str(tmp_path))]
    assert found == ["old-name.000008", "old-name.000009", "new-name.000001", "new-name.000002"]
    given = answer(Question("mariadb", parse_gtids("mariadb", "0-1-1"), str(tmp_path), 10))
    assert (given["found"], given["trouble"]) == ([("0-1", 2, 3)], None)


def test_without_an_index_names_decide_as_far_as_they_can(tmp_path: Path) -> None:
    for name in ("binlog.999999", "binlog.1000000"):
        log(tmp_path / name)
    assert [os.path.basename(path) for path in find_files(str(tmp_path))] == ["binlog.999999", "binlog.1000000"]
    log(tmp_path / "other.000001")
    with pytest.raises(ExtractFailed, match="no index file that says in which order"):
        find_files(str(tmp_path))


def test_what_is_not_there_is_told_only_where_it_is_needed(tmp_path: Path) -> None:
    log(tmp_path / "binlog.000003", 3, before=2)
    tmp_path.joinpath("binlog.index").write_text("binlog.000002\nbinlog.000003\n", encoding="utf-8")
    question = Question("mariadb", parse_gtids("mariadb", "0-1-2"), str(tmp_path), 10)
    assert answer(question)["found"] == [("0-1", 3, 3)]
    given = answer(Question("mariadb", parse_gtids("mariadb", "0-1-1"), str(tmp_path), 10))
    assert "binlog.000002 cannot be read" in str(given["trouble"])
    tmp_path.joinpath("binlog.index").write_text("binlog.000003\n", encoding="utf-8")
    given = answer(Question("mariadb", parse_gtids("mariadb", "0-1-1"), str(tmp_path), 10))
    assert (given["found"], given["trouble"]) == ([("0-1", 2, 2), ("0-1", 3, 3)], "its binary logs do not go back far enough")


def test_a_file_that_is_damaged_is_the_end_only_if_it_is_the_last(tmp_path: Path) -> None:
    log(tmp_path / "binlog.000001", 1, 2)
    log(tmp_path / "binlog.000002", 3, 4, before=2)
    for name in ("binlog.000002", "binlog.000001"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-3])
        given = answer(Question("mariadb", parse_gtids("mariadb", ""), str(tmp_path), 10))
        if name == "binlog.000002":
            assert (given["found"], given["trouble"]) == ([("0-1", 1, 3)], None)
        else:
            assert "binlog.000001 cannot be read" in str(given["trouble"])
            assert given["found"] == [("0-1", 1, 1)]
            assert given["events"] == ""
