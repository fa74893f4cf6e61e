# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a step gives on one server, and on many at once: a value, or all the problems that kept the server from it."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import attempt, problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import UnsupportedVersion
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import LoginRefused, OutcomeUnknown, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login, Members, make_tls_context

REASONS = [Problem("errant", "db1", "db1 has more"), Problem("not_undone", "db1", "db1 is read-only")]


@pytest.mark.parametrize(
    ("error", "codes"),
    [
        (Refusal(REASONS), ["errant", "not_undone"]),
        (StatementFailed("db1", "db1: Deadlock found (error 1213)", 1213), ["statement_failed"]),
        (StatementFailed("db1", "db1: Access denied (error 1227)", 1227), ["privilege_missing"]),
        (OutcomeUnknown("db1", "db1 did not answer"), ["outcome_unknown"]),
        (LoginRefused("db1", "db1 refused the login"), ["login_refused"]),
        (UnsupportedVersion("5.5 is older than MySQL 5.6"), ["unsupported_version"]),
    ],
)
def test_what_keeps_one_server_from_a_step_is_told_with_its_name(error: Exception, codes: list[str]) -> None:
    def work(node: t.Any) -> str:
        raise error

    outcome = attempt(t.cast(t.Any, SimpleNamespace(name="db1")), work)
    assert ([problem.code for problem in outcome.problems], {problem.server for problem in outcome.problems}) == (codes, {"db1"})
    assert outcome.problem is outcome.problems[0]
    assert outcome.value is None


def test_what_a_step_gives_on_one_server_is_its_value() -> None:
    outcome = attempt(t.cast(t.Any, SimpleNamespace(name="db1")), lambda node: node.name)
    assert (outcome.value, outcome.problem) == ("db1", None)


def test_a_server_that_fails_does_not_keep_others_from_a_step() -> None:
    def work(node: t.Any) -> str:
        if node.name == "db1":
            raise Refusal(REASONS)
        return "done"

    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal())
    cluster.nodes = t.cast(t.Any, {name: SimpleNamespace(name=name) for name in ("db1", "db2")})
    outcomes = cluster.on_each(["db1", "db2"], work, "a step")
    assert problems_in(outcomes) == REASONS
    assert (outcomes["db1"].problem, outcomes["db2"].problem, outcomes["db2"].value) == (REASONS[0], None, "done")
    assert sorted((step.step, step.server) for step in cluster.journal.timeline) == [("a step", "db1"), ("a step", "db2")]
