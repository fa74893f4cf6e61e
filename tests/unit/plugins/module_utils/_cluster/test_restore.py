# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which servers are put back as they were found, and which are left alone. That they are then as they were is tested on real servers."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster import restore
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login, Members, make_tls_context
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found

REPLICA, FENCED = Found(True, True, writable=False), Found(False, False, writable=True)
FOUND = {"db0": FENCED, "db1": REPLICA, "db2": REPLICA}


@pytest.mark.parametrize(
    ("writable", "lost", "maybe_open", "put_back", "problems"),
    [
        pytest.param([], [], [], ["db0 takes writes", "db1", "db2"], [], id="all_are_put_back"),
        pytest.param(["db0"], [], [], ["db0", "db1", "db2"], [], id="a_primary_that_was_not_fenced_yet_stays_as_it_is"),
        pytest.param(["db2"], [], [], ["db1"], [], id="none_is_opened_beside_what_another_run_has_opened"),
        pytest.param([], ["db2"], [], ["db1"], ["changed_meanwhile db2", "not_undone db0"], id="nor_beside_what_another_run_may_have_opened"),
        pytest.param(["db0"], ["db2"], [], ["db0", "db1"], ["changed_meanwhile db2"], id="which_is_no_matter_if_it_is_open_still"),
        pytest.param([], [], ["db3", "db4"], ["db1", "db2"], ["not_undone db0"], id="nor_beside_what_was_not_found_then_and_may_be_open"),
        pytest.param([], ["db0"], [], ["db1", "db2"], ["changed_meanwhile db0"], id="a_primary_that_is_not_ours_any_more_is_left_alone"),
        pytest.param([], ["db0", "db1", "db2"], [], [], ["changed_meanwhile db0", "changed_meanwhile db1", "changed_meanwhile db2"], id="nothing_is_ours"),
    ],
)
def test_only_what_is_still_ours_is_put_back(
    writable: list[str], lost: list[str], maybe_open: list[str], put_back: list[str], problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def open_again(node: t.Any) -> None:
        done.append(f"{node.name} takes writes")

    monkeypatch.setattr(restore, "allow_writes", open_again)
    monkeypatch.setattr(restore, "persist_read_only", lambda node, read_only: True)
    monkeypatch.setattr(restore, "restore_threads", lambda node, found, say: done.append(node.name))
    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal())

    def node(name: str) -> t.Any:
        state = SimpleNamespace(writable=name in writable)
        return SimpleNamespace(name=name, state=state, read=lambda: state)

    cluster.nodes = {name: node(name) for name in FOUND}

    def check(node: t.Any) -> Problem | None:
        return Problem("changed_meanwhile", node.name, "lost") if node.name in lost else None

    monkeypatch.setattr(cluster.locks, "check", check)
    left = restore.undo(cluster, FOUND, lambda message: None, maybe_open)
    assert sorted(done) == put_back
    assert [f"{problem.code} {problem.server}" for problem in left] == problems


def test_in_check_mode_nothing_was_done_and_nothing_is_put_back() -> None:
    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal(), check_mode=True)
    assert restore.undo(cluster, FOUND, lambda message: None) == []
