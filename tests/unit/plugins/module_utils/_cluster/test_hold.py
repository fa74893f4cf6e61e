# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locking servers before they are read: what is asked in which order, and what comes of a server that breaks off in between."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster import cluster as module
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, StatementFailed, Unreachable
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Entry, Login, Members, make_tls_context
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils._state.test_state import Asked

LOGIN = Login()


class Breaking(Asked):
    """A server that breaks off at a statement with a certain text, or when it is connected to."""

    is_open = True
    timed_out = False

    def __init__(self, name: str, number: int, breaks: str) -> None:
        super().__init__("9.7.4", "mysql-9.7", server_id=str(number), server_uuid=f"{number:032x}")
        self.name = name
        self.breaks = breaks

    def connect(self) -> None:
        if self.breaks == "connect":
            raise Unreachable(self.name, f"{self.name} cannot be reached", refuses=True)

    def send(self, statement: t.Any) -> Rows:
        if self.breaks and self.breaks in statement.text:
            raise OutcomeUnknown(self.name, f"{self.name}: the connection broke off")
        if "GET_LOCK" in statement.text:
            self.texts.append(statement.text)
            return Rows([{"taken": 1, "second": None}], self.name, statement.text)
        if statement.text.startswith("SET "):
            self.texts.append(statement.text)
            return Rows()
        if "ALTER EVENT" in statement.text:
            self.texts.append(statement.text)
            raise StatementFailed(self.name, "Unknown event", 1539)
        if statement.text == "SHOW GRANTS":
            self.texts.append(statement.text)
            return Rows([{"Grants": "GRANT ALL PRIVILEGES ON *.* TO us"}], self.name, statement.text)
        return super().send(statement)


def made(monkeypatch: pytest.MonkeyPatch, **breaks: str) -> tuple[Cluster, dict[str, Breaking]]:
    servers = {name: Breaking(name, number, text) for number, (name, text) in enumerate(breaks.items(), 1)}
    monkeypatch.setattr(module, "Server", lambda name, *_arguments, **_options: servers[name])
    entries = tuple(Entry(name, Address("127.0.0.1", 3306 + number), LOGIN) for number, name in enumerate(servers))
    return Cluster(Members(entries, LOGIN, make_tls_context(LOGIN)), Journal(), worked_on=["db2"]), servers


def test_nothing_is_read_before_all_are_locked_and_then_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, servers = made(monkeypatch, db1="", db2="", db3="connect")
    assert cluster.hold(60) == []
    asked = [[text for text in server.texts if not text.startswith("SET ")] for server in servers.values()]
    assert asked == [["SELECT GET_LOCK(%s, 1) AS taken, IS_USED_LOCK(%s) AS second"]] * 2 + [[]]
    topology = cluster.look("db1", ask_source=False)
    assert {member.name: member.state is not None for member in topology.members} == {"db1": True, "db2": True, "db3": False}
    for server in servers.values():
        assert sum("VARIABLES" in text for text in server.texts) == (server.name != "db3")
        assert any("ALTER EVENT" in text for text in server.texts) is (server.name == "db2")
    assert set(cluster.nodes) == {"db1", "db2"}


def test_where_nobody_can_be_connected_to_nobody_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, _servers = made(monkeypatch, db1="connect", db2="connect")
    assert cluster.hold(60) == []
    topology = cluster.look("db1", ask_source=False)
    assert {member.failure.code for member in topology.members if member.failure is not None} == {"unreachable"}


def test_one_that_is_locked_and_cannot_be_read_then_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, _servers = made(monkeypatch, db1="", db2="", db3="VARIABLES")
    assert cluster.hold(60) == []
    with pytest.raises(Refusal) as refused:
        cluster.look("db1", ask_source=False)
    assert [(problem.code, problem.server) for problem in refused.value.problems] == [("outcome_unknown", "db3")]


def test_one_that_could_not_be_locked_either_is_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, servers = made(monkeypatch, db1="", db2="", db3="GET_LOCK")
    assert [(problem.code, problem.server) for problem in cluster.hold(60)] == [("outcome_unknown", "db3")]
    servers["db3"].breaks = "VARIABLES"
    topology = cluster.look("db1", ask_source=False)
    assert topology["db3"].failure is not None
    assert set(cluster.nodes) == {"db1", "db2"}
