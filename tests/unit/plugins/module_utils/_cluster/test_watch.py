# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking dead servers beside other work: until it ends, and in its last moment too where that costs nothing."""

from __future__ import annotations

import threading
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.watch import Found, Watch
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Entry, Login
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import state

ENTRY = Entry("db0", Address("db0"), Login())
REFUSED = Failure("unreachable", "connection refused", False, refused=True)
OFF = Failure("unreachable", "no answer", False)
OPEN, CLOSED = state("db0", "P:1-9"), state("db0", "P:1-9", read_only=True)


class Server:
    """Answers in turn; the last answer again and again."""

    def __init__(self, *answers: Found) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.was_asked_twice = threading.Event()

    def ask(self, entry: Entry) -> Found:
        assert entry is ENTRY
        self.asked += 1
        if self.asked >= 2:
            self.was_asked_twice.set()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_it_is_asked_until_the_work_ends() -> None:
    server = Server(REFUSED, CLOSED)
    with Watch(server.ask, [ENTRY]) as watch:
        assert server.was_asked_twice.wait(10)
    assert watch.found == {"db0": CLOSED}
    assert server.asked == 2


def test_what_answers_is_asked_no_more() -> None:
    server = Server(OPEN, REFUSED)
    with Watch(server.ask, [ENTRY]) as watch:
        assert not server.was_asked_twice.wait(0.3)
    assert watch.found == {"db0": OPEN}


@pytest.mark.parametrize(("failure", "more"), [(REFUSED, 1), (OFF, 0)], ids=["that_costs_nothing", "it_would_cost_time"])
def test_where_nothing_listens_it_is_asked_once_more_at_the_end_unless(failure: Failure, more: int) -> None:
    asked = threading.Event()
    number = 0

    def ask(entry: Entry) -> Found:
        nonlocal number
        number += 1
        asked.set()
        return failure

    with Watch(ask, [ENTRY]) as watch:
        assert asked.wait(10)
    assert watch.found == {"db0": failure}
    assert number >= 1 + more


def test_nobody_is_asked_where_nobody_was_dead() -> None:
    def ask(entry: Entry) -> t.NoReturn:
        raise AssertionError

    with Watch(ask, []) as watch:
        pass
    assert watch.found == {}
