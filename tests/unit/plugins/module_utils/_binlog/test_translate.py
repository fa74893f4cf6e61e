# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs that translate binary logs: those that are none, that fail, that never end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.translate import find_program, write_sql


def program(directory: Path, script: str) -> str:
    path = directory / "translate"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_one_that_is_named_must_be_the_tool_of_the_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExtractFailed, match="cannot be run, or is not the tool of this family"):
        find_program("mysql", program(tmp_path, "echo something else"))
    with pytest.raises(ExtractFailed, match="cannot be run, or is not the tool of this family"):
        find_program("mariadb", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExtractFailed, match="is not installed where the task runs"):
        find_program("mysql")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo first >&2; echo 'ERROR: it is damaged' >&2; exit 1", "translate failed: ERROR: it is damaged"),
        ("exit 7", "translate failed: exit code 7"),
        ("exec sleep 60", "translate did not finish within 0.2 s"),
    ],
)
def test_one_that_fails_is_told_with_its_last_words(script: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ExtractFailed, match=message):
        write_sql(program(tmp_path, script), ["extract"], str(tmp_path / "out.sql"), 0.2 if "sleep" in script else 20)


def test_one_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExtractFailed, match=r"cannot be run: .*No such file"):
        write_sql(str(tmp_path / "none"), ["extract"], str(tmp_path / "out.sql"), 20)
