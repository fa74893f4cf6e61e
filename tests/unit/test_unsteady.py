# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test that fails and then passes is shown; several of them, or one that fails again, are a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent

CASES = """
import pathlib, pytest

@pytest.mark.parametrize("number", range({unsteady}))
def test_unsteady(number):
    seen = pathlib.Path(__file__).with_name(f"seen-{{number}}")
    if not seen.exists():
        seen.touch()
        raise AssertionError("the first run's reason")

@pytest.mark.parametrize("number", range({broken}))
def test_broken(number):
    raise AssertionError("for good")

def test_steady():
    pass
"""


@pytest.mark.parametrize(("processes", "unsteady", "broken", "code"), [(0, 0, 0, 0), (0, 3, 0, 0), (0, 4, 0, 1), (0, 0, 1, 1), (2, 4, 0, 1)])
def test_what_passes_the_second_time_is_shown_and_counted(tmp_path: Path, processes: int, unsteady: int, broken: int, code: int) -> None:
    (tmp_path / "test_cases.py").write_text(CASES.format(unsteady=unsteady, broken=broken), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n", str(processes), "--reruns", "1", "-p", "unsteady", str(tmp_path)]
    environment = {**{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}, "PYTHONPATH": str(TESTS)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == code, run.stdout
    assert run.stdout.count("AssertionError: the first run's reason") >= unsteady, run.stdout
    assert ("UNSTEADY" in run.stdout) == bool(unsteady + broken), run.stdout
