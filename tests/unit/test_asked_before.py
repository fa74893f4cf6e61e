# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What refuses to repoint a server is asked before another one is opened, or there is a reason why not: a table of all that mysql_change_master asks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._verbs import change_master, change_master_work

TESTS = Path(__file__).resolve().parents[1] / "integration"

ASKED_BEFORE = {
    "check_source": "test_readiness.py::test_nobody_could_be_elected_so_the_check_fails",
    # Of the old primary, and of the others.
    "check_may_follow": (
        "test_positions.py::test_a_primary_that_was_told_to_forget_a_domain_follows_once_it_is_told_that_it_has_it",
        "test_refusals.py::test_an_errant_transaction_is_refused_and_its_gtid_named",
    ),
    "check_account": "test_switchover.py::test_without_an_account_for_the_old_primary_nothing_is_begun",
    "check_password": "test_replication_account.py::test_what_the_new_primary_refuses_is_known_before_the_old_one_is_closed",
    "check_may_be_told": "test_replication_account.py::test_what_the_new_primary_refuses_is_known_before_the_old_one_is_closed",
    "check_stayed_dead": "test_two_at_once.py::test_a_primary_that_comes_back_after_the_election_stays_the_primary",
}
"""By what is asked, the tests in which it is known before anything is opened."""

NOT_ASKED_BEFORE = {
    "check_purged": "The election prefers a server that cuts nobody off, and a check tells of it. That one needs a copy keeps nobody from writing.",
    "check_may_be_started": "The same, of one that follows the new primary already.",
    "check_left_behind": "It follows from what refuses another one.",
    "check_replicates": "It is what comes of repointing.",
}
"""By what is asked, why it is not known, or does not matter, before."""


def _asked() -> set[str]:
    """Return what is asked of the servers that are repointed, and of their new source."""
    modules = [ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8")) for module in (change_master, change_master_work)]
    called = [each.func.id for module in modules for each in ast.walk(module) if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)]
    return {name for name in called if name.startswith("check_")}


def test_of_all_that_refuses_to_repoint_it_is_known_when_it_is_asked() -> None:
    assert _asked() == {*ASKED_BEFORE, *NOT_ASKED_BEFORE}


@pytest.mark.parametrize("asked", ASKED_BEFORE)
def test_the_test_is_there(asked: str) -> None:
    tests = ASKED_BEFORE[asked]
    for each in (tests,) if isinstance(tests, str) else tests:
        path, _colons, name = each.partition("::")
        functions = [each.name for each in ast.parse((TESTS / path).read_text(encoding="utf-8")).body if isinstance(each, ast.FunctionDef)]
        assert name in functions
