# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a replica can be given what a dead primary alone has."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.salvaging import check_readable, check_ready, check_untouched, check_whole
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    cluster,
    connected,
    crashed,
    dead,
    living,
    refusing,
    replica,
    short,
    state,
    stopped,
    unlisted,
)

HAD = stopped(replica("db1", "P:1-9")).known


def test_a_replica_that_cannot_be_read_is_told_and_its_source_need_not_be() -> None:
    assert [(problem.code, problem.server) for problem in check_readable(cluster(refusing("db1"), unlisted(dead("db0"))))] == [("login_refused", "db1")]
    assert list(check_readable(cluster(replica("db1", "P:1-9"), unlisted(dead("db0"))))) == []


def test_what_would_hide_a_gap_is_not_applied() -> None:
    (problem,) = check_whole(crashed("db1", "0-1-95", "0-1-100"))
    assert (problem.code, problem.server) == ("salvage_failed", "db1")
    assert "(0-1-96..100)" in problem.message
    assert list(check_whole(replica("db1", "0-1-95"))) == []


@pytest.mark.parametrize(("waiting", "codes"), [("", []), ("P:10-12", ["not_drained"])])
def test_what_it_has_received_is_applied_first(waiting: str, codes: list[str]) -> None:
    found = list(check_ready("db1", stopped(replica("db1", "P:1-9", waiting=waiting)).known))
    assert [problem.code for problem in found] == codes
    assert [short(problem.gtids) for problem in found] == [waiting for _code in codes]


@pytest.mark.parametrize(
    ("now", "says"),
    [
        pytest.param(HAD, None, id="nobody_has_touched_it"),
        pytest.param(stopped(replica("db1", "P:1-9", read_only=False)).known, "takes writes now", id="it_was_opened"),
        pytest.param(replica("db1", "P:1-9").known, "had received", id="its_receiver_was_started"),
        pytest.param(connected(replica("db1", "P:1-9")).known, "had received", id="it_receives_again"),
        pytest.param(stopped(replica("db1", "P:1-10")).known, "and has now received P:1-10", id="it_has_applied_more"),
        pytest.param(stopped(replica("db1", "P:1-9", waiting="P:10")).known, "and has now received P:1-10", id="it_has_received_more"),
        pytest.param(living("db1", "P:1-9", read_only=True).known, None, id="its_replication_was_forgotten_and_nothing_else"),
    ],
)
def test_who_has_worked_on_it_since_is_told(now: State, says: str | None) -> None:
    found = [(problem.code, short(problem.message)) for problem in check_untouched("db1", HAD, now)]
    assert [code for code, _message in found] == (["changed_meanwhile"] if says else [])
    assert all(says in message for _code, message in found if says)


def test_one_that_took_writes_all_the_time_may_go_on_taking_them() -> None:
    open_before = state("db1", "P:1-9", channels=HAD.channels, read_only=False)
    assert list(check_untouched("db1", open_before, open_before)) == []
