# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which process carries out which tests, and that a run ends if one of them dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from scheduling import SECONDS, choose, estimate, read_seconds, scope_of, write_seconds

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("mariadb-10.11", "mysql-9.7")


def test_a_scope_is_a_file_and_a_kind_of_server() -> None:
    assert scope_of("tests/integration/test_x.py::test_y[mysql-9.7-1]", KINDS) == "tests/integration/test_x.py::mysql-9.7"
    assert scope_of("tests/unit/test_x.py::test_y[1]", KINDS) == "tests/unit/test_x.py::"


def test_how_long_it_takes_is_what_was_measured_or_estimated() -> None:
    known = {"test_x.py::mysql-9.7": 60.0}
    assert estimate("tests/integration/test_x.py::mysql-9.7", 3, known) == 60
    assert estimate("tests/integration/test_new.py::mysql-9.7", 4, known) == 6
    assert estimate("tests/unit/test_x.py::", 100, known) == 1


def test_what_is_written_down_is_read(tmp_path: Path) -> None:
    write_seconds(tmp_path / "seconds.txt", {"test_x.py::mysql-9.7": 60.4, "test_y.py::": 7, "test_z.py::": 0.2})
    assert read_seconds(tmp_path / "seconds.txt") == {"test_x.py::mysql-9.7": 60, "test_y.py::": 7}
    assert read_seconds(tmp_path / "none.txt") == {}
    files = {path.name for path in SECONDS.parent.glob("test_*.py")}
    assert {scope.partition("::")[0] for scope in read_seconds(SECONDS)} <= files


@pytest.mark.parametrize(
    ("waiting", "last", "others", "chosen"),
    [
        pytest.param({"a::x": 5, "b::x": 9, "c::y": 9, "d::y": 9}, None, [], "c::y", id="the kind with most to do, its longest"),
        pytest.param({"a::x": 5, "b::x": 9, "c::y": 9, "d::y": 9}, None, ["y"], "b::x", id="the kind with most to do for each that is at it"),
        pytest.param({"a::x": 5, "b::x": 6, "c::y": 9, "d::y": 9}, "x", [], "b::x", id="its own kind"),
        pytest.param({"c::y": 9, "d::y": 9, "e::": 8}, "x", [], "c::y", id="another kind if its own is done"),
        pytest.param({"a::x": 5, "b::x": 6, "c::y": 40, "d::y": 9}, "x", ["y"], "c::y", id="what all would have to wait for"),
    ],
)
def test_what_a_process_does_next(waiting: dict[str, float], last: str | None, others: list[str], chosen: str) -> None:
    assert choose(waiting, last, others, 2) == chosen


def test_if_a_process_dies_one_test_fails_and_all_others_are_carried_out_once(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "from scheduling import ByFileAndKind\n\n"
        "def pytest_xdist_make_scheduler(config, log):\n    return ByFileAndKind(config, log, ['mysql-9.7'], {'test_deadly.py::': 99})\n",
        encoding="utf-8",
    )
    note = "import os, pathlib\n\ndef note(name):\n    with pathlib.Path(__file__).with_name('done').open('a') as file:\n        print(name, file=file)\n\n"
    deadly = "def test_first():\n    note('first')\n\ndef test_deadly():\n    os._exit(7)\n\ndef test_after():\n    note('after')\n"
    for name, tests in (("deadly", deadly), ("one", "def test_one():\n    note('one')\n"), ("two", "def test_two():\n    note('two')\n")):
        (tmp_path / f"test_{name}.py").write_text(note + tests, encoding="utf-8")
    environment = {**{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}, "PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, "-m", "pytest", "-n", "2", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert "1 failed, 4 passed" in run.stdout, run.stdout
    assert "crashed while running 'test_deadly.py::test_deadly'" in run.stdout, run.stdout
    assert sorted((tmp_path / "done").read_text(encoding="utf-8").split()) == ["after", "first", "one", "two"]
