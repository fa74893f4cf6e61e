# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Molecule's scenarios, as `make molecule` runs them: here they take their turn beside other tests."""

from __future__ import annotations

import subprocess

import pytest

from sandbox.runs.playbook import TESTS


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_scenarios_pass(some_kind: str, request: pytest.FixtureRequest) -> None:
    # What these tell is told by test_switchover.py, test_rejoin.py and test_left_out_then_back.py, too.
    left_out = [] if request.config.getoption("--thorough") else [f"--exclude={name}" for name in ("switchover", "rejoin", "partition")]
    done = subprocess.run([str(TESTS / "tools/molecule"), some_kind, *left_out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
