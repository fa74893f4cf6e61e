# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a run that has the lock. That runs keep each other off is tested on real servers, which cannot be caught in these moments."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.lock import take_lock
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login, Members, make_tls_context


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([(1, None)], None),
        ([(0, 7)], "db1 is being worked on by another run: connection 7 of failover from 10.0.0.9:1234"),
        ([(0, 8)], "db1 is being worked on by another run: connection 8"),
        ([(0, None), (1, None)], None),
        ([(0, None), (0, 7)], "db1 is being worked on by another run: connection 7 of failover from 10.0.0.9:1234"),
        ([(0, None), (0, None)], "db1 is being worked on by another run: one that has ended meanwhile"),
    ],
    ids=["free", "held", "held by one that has just gone", "let go", "let go and taken", "let go twice"],
)
def test_who_holds_the_lock_is_told_if_anybody_does(answers: list[tuple[int, int | None]], message: str | None) -> None:
    sequence = iter(answers)
    holder: int | None = None
    sent: list[tuple[str, tuple[Any, ...]]] = []

    def send(statement: Any) -> Rows:
        nonlocal holder
        sent.append((statement.text, statement.values))
        if "GET_LOCK" in statement.text:
            taken, holder = next(sequence)
            return Rows([{"taken": taken}])
        if "IS_USED_LOCK" in statement.text:
            return Rows([{"connection_id": holder}])
        return Rows([{"ID": 7, "USER": "failover", "HOST": "10.0.0.9:1234"}])

    node: Any = SimpleNamespace(name="db1", flavor=flavor_of("8.0.36"), server=SimpleNamespace(send=send))
    problem = take_lock(node, 90)
    # A run that has lost its network keeps nobody off for longer.
    assert sent[0] == ("SET SESSION wait_timeout = %s", (90,))
    assert (problem and problem.message) == message
    assert next(sequence, None) is None


def test_a_step_that_is_refused_for_several_reasons_gives_them_all() -> None:
    reasons = [Problem("errant", "db1", "db1 has more"), Problem("not_undone", "db1", "db1 is read-only")]

    def work(node: Any) -> str:
        if node == "refuses":
            raise Refusal(reasons)
        return "done"

    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal())
    cluster.nodes = {"db1": "refuses", "db2": "agrees"}  # type: ignore[dict-item]  # the step alone looks at them
    outcomes = cluster.on_each(["db1", "db2"], work)
    assert problems_in(outcomes) == reasons
    assert (outcomes["db1"].problem, outcomes["db2"].problem, outcomes["db2"].value) == (reasons[0], None, "done")
