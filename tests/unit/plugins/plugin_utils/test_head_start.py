# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which task files begin in the moment of the opening, and what becomes of them if they cannot. That clients are moved is tested on real servers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.plugin_utils import _head_start
from ansible_collections.dbha.mysql.plugins.plugin_utils._head_start import HeadStart, ready_made

ROLE = "dbha.mysql.clients"


@pytest.mark.parametrize(
    ("hooks", "names"),
    [
        ([], []),
        ([(ROLE, "haproxy"), (ROLE, "address.yml")], ["haproxy", "address"]),
        ([(ROLE, "dns"), ("", "/somewhere/mine.yml"), (ROLE, "haproxy")], ["dns"]),
        ([("", "/somewhere/haproxy.yml"), (ROLE, "haproxy")], []),
        ([("acme.web.clients", "haproxy"), (ROLE, "haproxy")], []),
        ([(ROLE, "none"), (ROLE, "haproxy")], []),
    ],
)
def test_those_before_the_first_one_of_the_users_begin_at_the_opening(hooks: list[tuple[str, str]], names: list[str]) -> None:
    assert ready_made([{"role": role, "file": file} for role, file in hooks]) == names


class Task:
    """What a task file does, in place of a module."""

    def __init__(self, name: str, goes: threading.Event) -> None:
        self._name = name
        self._goes = goes

    def prepared(self, variables: dict[str, Any]) -> Any:
        if self._name == "dns":
            raise ValueError("no such host")

        def work() -> dict[str, Any]:
            assert self._goes.wait(60 if self._name == "haproxy" else 0.5) or self._name != "haproxy"
            return {"statements": [self._name, variables["moment"]]}

        return work


@pytest.fixture
def goes(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    event = threading.Event()
    monkeypatch.setattr(_head_start, "_task_of", lambda _own, name: Task(name, event))
    return event


def head_start(*names: str) -> HeadStart:
    return HeadStart(None, {"moment": "after_open"}, names)  # type: ignore[arg-type]  # the tasks are none of Ansible's


def test_what_was_begun_is_returned_once_it_has_ended(goes: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_head_start, "_LEFT", 60)
    goes.set()
    begun = head_start("haproxy", "address")
    begun.go()
    assert [result["statements"] for result in begun.ended()] == [["haproxy", "after_open"], ["address", "after_open"]]


def test_nobody_waits_for_it_where_it_hangs_and_it_does_not_begin_where_nothing_was_opened(goes: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_head_start, "_LEFT", 0.1)
    begun = head_start("haproxy")
    begun.go()
    assert begun.ended() == []
    goes.set()
    assert head_start("address").ended() == []


def test_what_cannot_be_prepared_is_left_to_the_task_file(goes: threading.Event) -> None:
    begun = head_start("address", "dns")
    begun.go()
    assert begun.ended() == []
