# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo: it runs, leaves nothing behind, and does not call a loss by another name."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.servers.process import hear_ctrl_c
from sandbox.servers.waiting import HANGS, wait_until
from sandbox.tools.demo import count_rows

pytestmark = pytest.mark.alike

TESTS = Path(__file__).parent.parent


@contextmanager
def demo(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the demo as make does, its servers in a directory, in a process group of its own as a terminal would."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "DBHA_SANDBOX_DIR": str(directory)}
    command = [sys.executable, "-m", "sandbox.tools.demo", *arguments]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=hear_ctrl_c, **streams) as process:
        yield process


def members(group: int) -> list[str]:
    """Return the processes of a group that still live, a moment after the first of them has ended."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    processes = [line.split(None, 2) for line in listed.splitlines()]
    return [arguments for pgid, state, arguments in processes if int(pgid) == group and not state.startswith("Z")]


@pytest.mark.slow
def test_it_shows_a_failover_without_a_loss_and_cleans_up(kind: str, tmp_path: Path) -> None:
    with demo(tmp_path, "--server", kind) as process:
        output = process.communicate(timeout=4 * HANGS)[0]
    assert process.returncode == 0, output
    assert "Nothing is lost that any replica had received." in output
    assert "PLAY RECAP" in output
    assert "takes writes" in output.partition("Afterwards")[2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["1. A primary", "3. $ ansible-playbook", "PLAY RECAP"])
def test_ctrl_c_leaves_nothing_behind(some_kind: str, moment: str, tmp_path: Path) -> None:
    with demo(tmp_path, "--server", some_kind) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(moment):
                break
        os.killpg(process.pid, signal.SIGINT)
        rest = process.communicate(timeout=HANGS)[0]
    assert process.returncode == 130, rest
    # Ansible may be caught while it ends by itself; what it prints then is its own.
    assert "Traceback" not in re.sub(r"Exception ignored in.*\nTraceback", "", rest), rest
    assert list(tmp_path.iterdir()) == []
    wait_until(lambda: not members(process.pid))
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in running


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with demo(tmp_path, "--server", "mysql-5.5") as process:
        output = process.communicate(timeout=HANGS)[0]
    assert process.returncode == 1
    assert "mysql-5.5 cannot be installed from here" in output
    assert "Traceback" not in output


# Rows 1 to 4 were acknowledged by the old primary, row 9 by the new one; row 5 was on its way.
TIMES = {1: 1.0, 2: 1.1, 3: 1.2, 4: 1.3, 9: 5.0}


def test_a_row_that_was_on_its_way_counts_as_received() -> None:
    have = {1, 2, 3, 4, 5, 9}
    count = count_rows(TIMES, accepted=4.0, received=5, tables={"db1": have, "db2": have}, new_primary="db1")
    assert (count.acknowledged, count.received, count.on_new_primary, count.on_every_server, count.lost) == (4, 5, 5, 5, 0)
    assert (count.since, count.since_on_every_server) == (1, 1)
    assert count.is_well


def test_an_acknowledged_row_that_never_left_the_old_primary_is_lost_and_said_to_be() -> None:
    have = {1, 2, 3, 9}
    count = count_rows(TIMES, accepted=4.0, received=3, tables={"db1": have, "db2": have}, new_primary="db1")
    assert (count.lost, count.never_left) == (1, 1)
    assert count.is_well
    assert "asynchronous" in "\n".join(count.lines())


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param({"db1": {1, 2, 3, 9}, "db2": {1, 2, 3, 9}}, id="a received row is gone"),
        pytest.param({"db1": {1, 2, 3, 4, 9}, "db2": {1, 2, 3, 9}}, id="a replica lacks an old row"),
        pytest.param({"db1": {1, 2, 3, 4, 9}, "db2": {1, 2, 3, 4}}, id="a replica lacks a new row"),
        pytest.param({"db1": {1, 2, 4, 5, 9}, "db2": {1, 2, 4, 5, 9}}, id="as many rows as received, but not the same"),
    ],
)
def test_it_is_not_well_when_a_row_is_missing(tables: dict[str, set[int]]) -> None:
    assert not count_rows(TIMES, accepted=4.0, received=4, tables=tables, new_primary="db1").is_well
