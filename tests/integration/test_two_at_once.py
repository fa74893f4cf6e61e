# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs on one cluster at the same time: they do not get in each other's way, and the cluster is in order afterwards."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.interruption import stage
from sandbox.playbook import Run

pytestmark = pytest.mark.server("mariadb-10.11", "mysql-9.7")

# What a run may be refused with that another one is ahead of.
# Once the other one has ended, the dead primary is a member that does not answer, as any other.
OVERTAKEN = {"locked", "unreachable", "changed_meanwhile", "still_receiving", "primary_alive", "outcome_unknown", "statement_failed", "not_replicating"}


@pytest.mark.parametrize("head_start", [0.0, 0.15, 0.4])
def test_of_two_failovers_at_once_one_succeeds_and_the_other_does_no_harm(kind: str, head_start: float) -> None:
    with stage(kind, "failover") as made, ThreadPoolExecutor() as pool:

        def start(delay: float) -> Run:
            time.sleep(delay)
            return made.run()

        runs = list(pool.map(start, [0.0, head_start]))
        assert len(made.writable()) == 1
        for run in runs:
            assert run.returncode == 0 or run.codes <= OVERTAKEN, run
        last = made.run()
        assert last.returncode == 0, last
        assert made.faults_in_end() == []
