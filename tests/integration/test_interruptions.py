# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Killed or cut off at the most dangerous statements, run again: it ends as an undisturbed run does. `make sweep` takes every statement."""

from __future__ import annotations

import pytest

from sandbox.sweep import Fault, interrupt

pytestmark = pytest.mark.server("mariadb-10.11", "mysql-9.7")

FAILOVER = [
    Fault("kill-after", text="IO_THREAD"),
    Fault("kill-before", text="SET GLOBAL read_only = 0"),
    Fault("kill-after", text="SET GLOBAL read_only = 0"),
    Fault("unanswered", text="SET GLOBAL read_only = 0"),
    Fault("kill-after", text="CHANGE "),
]
SWITCHOVER = [
    Fault("kill-after", text="read_only = 1"),
    Fault("unanswered", text="read_only = 1"),
    Fault("kill-after", text="SET GLOBAL read_only = 0"),
    Fault("kill-after", text="STOP "),
    Fault("kill-after", text="RESET "),
    Fault("unanswered", text="CHANGE "),
]


def _name(fault: Fault) -> str:
    return f"{fault.mode} {(fault.text or '').strip()}"


@pytest.mark.parametrize("fault", FAILOVER, ids=_name)
def test_an_interrupted_failover_is_finished_by_the_next_run(kind: str, fault: Fault) -> None:
    where, wrong = interrupt(kind, "failover", fault)
    assert where, "there was no such statement"
    assert not wrong, "\n".join([where, *wrong])


@pytest.mark.parametrize("fault", SWITCHOVER, ids=_name)
def test_an_interrupted_switchover_is_finished_by_the_next_run(kind: str, fault: Fault) -> None:
    where, wrong = interrupt(kind, "switchover", fault)
    assert where, "there was no such statement"
    assert not wrong, "\n".join([where, *wrong])
