# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binary log files that cannot be taken for a dead server's last word, and which transactions of them are wanted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._binlog_extract import ExtractFailed, wanted_by
from ansible_collections.dbha.mysql.plugins.module_utils._binlog_files import extract_from_directory
from ansible_collections.dbha.mysql.plugins.module_utils._gtid import parse_gtids

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
