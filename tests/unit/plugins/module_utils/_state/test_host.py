# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is looked at on a server's host, and what is believed of its answer."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import program
from ansible_collections.dbha.mysql.plugins.module_utils._state import on_host
from ansible_collections.dbha.mysql.plugins.module_utils._state.host import Disk, Host, disks_of, read_host


def test_the_program_says_how_full_disks_are_and_whether_binary_logs_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "binlog.000001").touch()
    asked = {"places": {"data": str(tmp_path), "binary logs": str(tmp_path), "none": str(tmp_path / "none")}, "directory": str(tmp_path), "name": "binlog"}
    source = Path(on_host.__file__).read_text(encoding="utf-8")
    exec(compile(program(source, asked), "on_host", "exec"), {"__name__": "elsewhere"})
    said = capsys.readouterr().out
    on_host.main(json.dumps(asked))
    assert read_host(capsys.readouterr().out) == read_host(said)
    # What it says last counts.
    host = read_host("Welcome!\n" + on_host.MARK + "{}\n" + said)
    assert (host.error, host.unreadable) == ("", "")
    (disk,) = host.disks
    assert disk.holds == ("binary logs", "data")
    assert 0 <= disk.available <= disk.total
    assert 0 <= disk.used <= 100


def test_what_root_has_for_itself_of_a_disk_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_host.os, "statvfs", lambda _path: SimpleNamespace(f_blocks=1000, f_bfree=300, f_bavail=200, f_frsize=4096))
    assert on_host.disks({"data": str(tmp_path)}) == [(["data"], 3600, 800)]


def test_a_disk_may_be_full_to_the_last_block() -> None:
    (disk,) = read_host(on_host.MARK + json.dumps({"disks": [[["data"], 0, 0]], "unreadable": ""})).disks
    assert (disk.total, disk.available) == (0, 0)


def test_why_binary_logs_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No such file" in on_host.unreadable(str(tmp_path / "none"), "binlog")
    assert on_host.unreadable(str(tmp_path), "binlog") == f"there is no binlog.* in {tmp_path}"
    (tmp_path / "binlog.index").touch()
    assert on_host.unreadable(str(tmp_path), "binlog") == ""
    monkeypatch.setattr(on_host.os, "access", lambda _path, _mode: False)
    assert on_host.unreadable(str(tmp_path), "binlog") == f"{tmp_path}/binlog.index: Permission denied"


@pytest.mark.parametrize(
    "answer",
    ["", "no", {}, [], {"disks": []}, {"disks": [["data", 1, 1]], "unreadable": 7}, {"disks": [[["data"], "1", 1]], "unreadable": ""}]
    + [{"disks": [[["data"], 1, number]], "unreadable": ""} for number in (-1, True, 1 << 70, 0.5, None)],
)
def test_what_has_another_shape_is_not_believed(answer: t.Any) -> None:
    assert "cannot be read" in read_host(on_host.MARK + json.dumps(answer)).error
    assert "cannot be read" in read_host(json.dumps(answer)).error


def test_what_it_says_is_fit_to_be_shown() -> None:
    text = on_host.MARK + json.dumps({"disks": [], "unreadable": "\x1b[31m" + "x" * 1000})
    host = read_host(text)
    assert host == Host("", "?[31m" + "x" * 295)


@pytest.mark.parametrize(("total", "available", "used"), [(100, 10, 90), (1000, 99, 91), (100, 100, 0), (0, 0, 100)])
def test_which_part_is_used(total: int, available: int, used: int) -> None:
    assert Disk(("data",), total, available).used == used


def test_of_the_disks_that_a_server_knows_those_that_its_files_are_on() -> None:
    places = {"data": "/var/lib/mysql/", "binary logs": "/srv/logs", "relay logs": "/var/lib/mysql", "temporary files": "/var/library"}
    mounted = [("/", 10, 1), ("/var/lib", 20, 2), ("/srv/logs", 30, 3), ("/boot", 40, 4)]
    found = {disk.holds: (disk.total, disk.available) for disk in disks_of(places, mounted)}
    assert found == {("binary logs",): (30, 3), ("data", "relay logs"): (20, 2), ("temporary files",): (10, 1)}
    assert disks_of(places, []) == ()
