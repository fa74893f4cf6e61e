# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a run that has the lock, and whether a run still has it. That runs keep each other off is tested on real servers."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.lock import Locks
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Entry, Login, Members, make_tls_context
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils import factories


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([(1, None)], None),
        ([(0, 7)], "db1 is being worked on by another run: connection 7 of failover from 10.0.0.9:1234"),
        ([(0, 8)], "db1 is being worked on by another run: connection 8"),
        ([(0, None), (1, None)], None),
        ([(0, None), (0, 7)], "db1 is being worked on by another run: connection 7 of failover from 10.0.0.9:1234"),
        ([(0, None), (0, None)], "db1 is being worked on by another run: its connection has been closed meanwhile"),
    ],
    ids=["free", "held", "held by one that has just gone", "let go", "let go and taken", "let go twice"],
)
def test_who_holds_the_lock_is_told_if_anybody_does(answers: list[tuple[int, int | None]], message: str | None) -> None:
    sequence = iter(answers)
    holder: int | None = None
    sent: list[tuple[str, tuple[t.Any, ...]]] = []

    def send(statement: t.Any) -> Rows:
        nonlocal holder
        sent.append((statement.text, statement.values))
        if "GET_LOCK" in statement.text:
            taken, holder = next(sequence)
            return Rows([{"taken": taken, "second": None}])
        if "IS_USED_LOCK" in statement.text:
            return Rows([{"connection_id": holder}])
        return Rows([{"ID": 7, "USER": "failover", "HOST": "10.0.0.9:1234"}])

    node: t.Any = SimpleNamespace(name="db1", flavor=flavor_of("8.0.36"), server=SimpleNamespace(send=send, connection_id=3))
    locks = Locks()
    problem = locks.take(node, 90)
    # A run that has lost its network keeps nobody off for longer.
    assert sent[0] == ("SET SESSION wait_timeout = %s, SESSION lock_wait_timeout = %s", (90, 86400))
    assert (problem and problem.message) == message
    assert next(sequence, None) is None
    assert ("db1" in locks) is (message is None)


@pytest.mark.parametrize(
    ("users", "message", "killed"),
    [
        ({3: "failover", 7: "shop"}, None, [7]),
        ({3: "failover", 7: "shop", 8: "shop"}, None, [7, 8]),
        ({3: "failover", 7: "shop", 8: "failover"}, "db1 is being worked on by another run: connection 8 of failover from 10.0.0.9:1234", [7]),
        # Without the privilege to see others nothing is known of them.
        ({3: "failover"}, "db1 is being worked on by another run: connection 7", []),
        ({7: "shop"}, "db1 is being worked on by another run: connection 7 of shop from 10.0.0.9:1234", []),
    ],
)
def test_who_has_the_lock_with_another_account_is_no_run_of_ours(users: dict[int, str], message: str | None, killed: list[int]) -> None:
    waiting = [7, *(number for number in users if number > 7)]
    ended: list[int] = []

    def send(statement: t.Any) -> Rows:
        if "GET_LOCK" in statement.text:
            return Rows([{"taken": int(not waiting), "second": None}])
        if "IS_USED_LOCK" in statement.text:
            return Rows([{"connection_id": waiting[0]}])
        if "KILL" in statement.text:
            ended.append(statement.values[0])
            waiting.remove(statement.values[0])
            return Rows()
        return Rows([{"ID": number, "USER": user, "HOST": "10.0.0.9:1234"} for number, user in users.items()])

    node: t.Any = SimpleNamespace(name="db1", flavor=flavor_of("8.0.36"), server=SimpleNamespace(send=send, connection_id=3))
    problem = Locks().take(node, 90)
    assert (problem and problem.message) == message
    assert ended == killed


class Second:
    """A server on which the lock is free, and the one of second connections is not: these have it one after the other, each until it has ended."""

    name = "db1"
    flavor = flavor_of("8.0.36")
    lock: str | None = None

    def __init__(self, *holders: int, ends: bool = True, breaks: bool = False) -> None:
        self.server = SimpleNamespace(send=self.send, connection_id=3, is_open=True)
        self.holders, self.ends, self.breaks = list(holders), ends, breaks
        self.sent: list[tuple[str, tuple[t.Any, ...]]] = []

    def send(self, statement: t.Any) -> Rows:
        self.sent.append((statement.text, statement.values))
        holder = self.holders[0] if self.holders else None
        if "taken" in statement.text:
            return Rows([{"taken": 1, "second": holder}])
        return Rows([{"connection_id": holder, "ID": 7, "USER": "failover", "HOST": "10.0.0.9:1234"}])

    def end_connection(self, left_behind: int) -> None:
        assert left_behind == self.holders[0]
        if not self.ends:
            self.server.is_open = not self.breaks
            raise OutcomeUnknown("db1", "it is still open")
        self.holders.pop(0)


@pytest.mark.parametrize("holders", [(), (7,), (7, 8)])
def test_who_holds_the_lock_of_second_connections_is_ended_before_anything_is_done(holders: tuple[int, ...]) -> None:
    node = Second(*holders)
    assert Locks().take(t.cast(t.Any, node), 90) is None
    assert (node.holders, node.lock) == ([], "dbha.mysql")
    assert node.sent[1:] == [
        ("SELECT GET_LOCK(%s, 1) AS taken, IS_USED_LOCK(%s) AS second", ("dbha.mysql", "dbha.mysql:second")),
        *[("SELECT IS_USED_LOCK(%s) AS connection_id", ("dbha.mysql:second",))] * len(holders),
    ]


def test_where_a_second_connection_does_not_end_another_run_is_still_at_work() -> None:
    problem = Locks().take(t.cast(t.Any, Second(7, ends=False)), 90)
    assert problem is not None
    assert (problem.code, problem.message) == ("locked", "db1 is being worked on by another run: connection 7 of failover from 10.0.0.9:1234")


def test_second_connections_that_come_again_and_again_keep_a_run_off_after_all() -> None:
    node = Second(*[7] * 30)
    problem = Locks().take(t.cast(t.Any, node), 90)
    assert problem is not None
    assert (problem.code, len(node.holders)) == ("locked", 10)


def test_a_server_that_breaks_off_while_a_second_connection_is_ended_is_not_locked_by_another_run() -> None:
    with pytest.raises(OutcomeUnknown):
        Locks().take(t.cast(t.Any, Second(7, ends=False, breaks=True)), 90)


class FakeNode:
    """A server with one named lock, over a connection that can be cut, killed by somebody, or replaced."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.flavor = flavor_of("8.0.36")
        self.server = self
        self.is_open = True
        self.connection_id = 7
        self.holder: int | None = None
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.values: list[tuple[str, tuple[t.Any, ...]]] = []
        self.blocked = False

    def found_blocked(self, blocked: bool) -> None:
        self.blocked = blocked

    def read(self) -> None:
        self.asked.append("read")

    def found_missing(self, privileges: tuple[str, ...]) -> None:
        pass

    def send(self, statement: t.Any) -> Rows:
        self.asked.append(statement.text)
        self.values.append((statement.text, statement.values))
        if self.error is not None:
            self.is_open = False
            raise self.error
        if "GET_LOCK" in statement.text:
            if self.holder is None:
                self.holder = self.connection_id
            return Rows([{"taken": int(self.holder == self.connection_id), "second": None}])
        if "RELEASE_LOCK" in statement.text:
            self.holder = None
            return Rows([{"released": 1}])
        if "held" in statement.text:
            return Rows([{"held": None if self.holder is None else int(self.holder == self.connection_id)}])
        if "IS_USED_LOCK" in statement.text:
            return Rows([{"connection_id": self.holder}])
        return Rows()

    def end(self) -> None:
        """End the connection; the server releases its lock."""
        self.is_open = False
        self.holder = None

    def reconnect(self) -> None:
        self.end()
        self.is_open = True
        self.connection_id += 1


def locked(*names: str) -> tuple[Cluster, dict[str, FakeNode]]:
    """Return a cluster that has the locks of these servers."""
    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal())
    nodes = {name: FakeNode(name) for name in names}
    cluster.nodes = t.cast(t.Any, nodes)
    assert cluster.lock(names, 5) == []
    for node in nodes.values():
        node.asked.clear()
    return cluster, nodes


def told(problems: t.Iterable[Problem | None]) -> list[str]:
    return [f"{problem.code} {problem.server}" for problem in problems if problem is not None]


def test_a_lock_is_held_by_the_connection_that_took_it() -> None:
    cluster, nodes = locked("db1", "db2")
    assert cluster.check_locks() == []
    assert [node.asked for node in nodes.values()] == [["SELECT IS_USED_LOCK(%s) = CONNECTION_ID() AS held"]] * 2


def test_a_lock_that_was_never_taken_is_not_held() -> None:
    cluster, _nodes = locked("db1")
    assert told([cluster.locks.check(t.cast(t.Any, FakeNode("db2")))]) == ["changed_meanwhile db2"]


def test_a_connection_that_has_ended_or_was_replaced_holds_nothing_and_need_not_be_asked() -> None:
    cluster, nodes = locked("db1", "db2", "db3")
    nodes["db1"].end()
    nodes["db2"].reconnect()
    assert told(cluster.check_locks()) == ["changed_meanwhile db1", "changed_meanwhile db2"]
    assert [name for name, node in nodes.items() if node.asked] == ["db3"]


@pytest.mark.parametrize("error", [OutcomeUnknown("db1", "db1: Lost connection"), StatementFailed("db1", "db1: Connection was killed", 1927)])
def test_a_connection_that_was_killed_holds_nothing(error: Exception) -> None:
    cluster, nodes = locked("db1", "db2")
    nodes["db1"].error = error
    (problem,) = cluster.check_locks()
    assert told([problem]) == ["changed_meanwhile db1"]
    assert str(error) in problem.message


@pytest.mark.parametrize("holder", [None, 99])
def test_a_lock_that_somebody_else_has_or_nobody_is_not_held(holder: int | None) -> None:
    """A proxy may give one statement of ours to one connection and the next one to another."""
    cluster, nodes = locked("db1")
    nodes["db1"].holder = holder
    assert told(cluster.check_locks()) == ["changed_meanwhile db1"]


# --- Letting go of it


def test_a_lock_that_was_let_go_is_anybodys_and_is_not_missed() -> None:
    cluster, nodes = locked("db1", "db2")
    assert nodes["db1"].lock is not None
    assert cluster.release(["db1", "db3"]) == []
    assert (nodes["db1"].holder, nodes["db1"].lock) == (None, None)
    assert cluster.locks.names == ["db2"]
    assert cluster.check_locks() == []
    assert cluster.lock(["db1"], 5) == []
    assert cluster.locks.names == ["db2", "db1"]


def test_a_server_that_does_not_answer_when_its_lock_is_let_go_is_named() -> None:
    cluster, nodes = locked("db1")
    nodes["db1"].error = OutcomeUnknown("db1", "db1: Lost connection")
    assert told(cluster.release(["db1"])) == ["outcome_unknown db1"]
    assert cluster.locks.names == []


# --- Taking it again


def test_a_lock_that_is_held_need_not_be_taken_again() -> None:
    cluster, nodes = locked("db1", "db2")
    assert cluster.regain(t.cast(t.Any, nodes["db1"]), 5) == []
    assert not any("GET_LOCK" in text for text in nodes["db1"].asked)


def test_a_lock_that_was_lost_is_taken_again_as_long_as_another_one_has_kept_everybody_off() -> None:
    cluster, nodes = locked("db1", "db2", "db3")
    nodes["db1"].reconnect()
    assert cluster.regain(t.cast(t.Any, nodes["db1"]), 5) == []
    assert cluster.check_locks() == []


def test_a_lock_that_another_run_has_by_then_is_not_taken_again() -> None:
    cluster, nodes = locked("db1", "db2")
    nodes["db1"].reconnect()
    nodes["db1"].holder = 99
    assert told(cluster.regain(t.cast(t.Any, nodes["db1"]), 5)) == ["locked db1"]


def test_where_all_locks_were_lost_none_is_taken_again() -> None:
    cluster, nodes = locked("db1", "db2")
    for node in nodes.values():
        node.reconnect()
    assert told(cluster.regain(t.cast(t.Any, nodes["db1"]), 5)) == ["changed_meanwhile db1"]
    assert nodes["db1"].holder is None


# --- Taking it again where others were not kept off


class Others:
    """What a run finds on the servers whose locks it has lost, or never had."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **found: Member) -> None:
        self.cluster, self.nodes = locked("db0", "db1")
        self.opened: list[str] = []
        self.cluster.entries = [Entry(name, Address(name, 3306), Login()) for name in ("db0", "db1", *found)]
        self.found = found
        monkeypatch.setattr(self.cluster, "_open_anew", self._open)
        monkeypatch.setattr(self.cluster, "arrange", lambda primary: factories.cluster(*self._members(), primary="db0"))
        monkeypatch.setattr(self.cluster, "_take_in", self._take_in)
        monkeypatch.setattr(self.cluster, "_record", lambda name, outcome: None)
        self.nodes["db0"].reconnect()

    def _open(self, entry: Entry) -> t.Any:
        self.opened.append(entry.name)
        return self.found[entry.name].failure or FakeNode(entry.name)

    def _take_in(self, entry: Entry, found: t.Any) -> None:
        if isinstance(found, FakeNode):
            self.nodes[entry.name] = found

    def _members(self) -> list[Member]:
        return [factories.living("db0"), factories.replica("db1", "P:1-9"), *self.found.values()]

    def ask(self, left_out: t.Sequence[str] = ()) -> list[str]:
        return told(self.cluster.regain(t.cast(t.Any, self.nodes["db0"]), 5, left_out))


def test_where_every_other_lock_was_kept_nobody_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch)
    assert (others.ask(), others.opened) == ([], [])
    assert "read" not in others.nodes["db1"].asked


def test_a_lock_that_was_kept_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch, db2=factories.living("db2"))
    others.ask()
    others.opened.clear()
    assert (others.ask(), others.opened) == ([], [])


@pytest.mark.parametrize(
    ("db2", "problems"),
    [(factories.replica("db2", "P:1-9"), []), (factories.living("db2"), ["changed_meanwhile db0"]), (factories.dead("db2"), ["changed_meanwhile db0"])],
    ids=["closed", "open", "dead"],
)
def test_who_was_not_kept_off_is_locked_and_read_before_a_server_is_opened_again(db2: Member, problems: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch, db2=db2)
    assert (others.ask(), others.opened) == (problems, ["db2"])
    if db2.state is not None:
        taken = "SELECT GET_LOCK(%s, 1) AS taken, IS_USED_LOCK(%s) AS second"
        assert [text for text in others.nodes["db2"].asked if text == "read" or "GET_LOCK" in text] == [taken, "read"]


def test_where_a_member_was_left_out_nothing_is_undone_once_the_lock_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Others(monkeypatch).ask(["db3"]) == ["changed_meanwhile db0"]


def test_where_another_run_has_one_of_the_others_nothing_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch, db2=factories.replica("db2", "P:1-9"))
    others.nodes["db2"] = FakeNode("db2")
    others.nodes["db2"].holder = 99
    assert (others.ask(), others.opened) == (["locked db2"], [])


def test_where_no_lock_was_kept_nothing_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Others(monkeypatch, db2=factories.replica("db2", "P:1-9"))
    others.nodes["db1"].reconnect()
    assert (others.ask(), others.opened) == (["changed_meanwhile db0"], [])


def test_the_only_lock_is_not_taken_again() -> None:
    cluster, nodes = locked("db1")
    nodes["db1"].reconnect()
    assert told(cluster.regain(t.cast(t.Any, nodes["db1"]), 5)) == ["changed_meanwhile db1"]


def test_a_server_that_cannot_be_reached_is_not_locked_again() -> None:
    cluster, nodes = locked("db1", "db2")
    nodes["db1"].end()
    assert told(cluster.regain(t.cast(t.Any, nodes["db1"]), 5)) == ["changed_meanwhile db1"]
    nodes["db1"].reconnect()
    nodes["db1"].error = OutcomeUnknown("db1", "db1: Lost connection")
    assert told(cluster.regain(t.cast(t.Any, nodes["db1"]), 5)) == ["outcome_unknown db1"]


def test_of_the_servers_that_are_locked_the_first_by_name_is_asked_before_the_others() -> None:
    cluster, nodes = locked("db2", "db1")
    for node in nodes.values():
        node.end()
        node.is_open = True
    nodes["db1"].holder = 99
    cluster.locks = Locks()
    assert told(cluster.lock(["db2", "db1"], 5)) == ["locked db1"]
    assert not any("GET_LOCK" in text for text in nodes["db2"].asked)


@pytest.mark.parametrize("version", ["8.0.36", "10.11.6-MariaDB"])
def test_what_is_tried_meanwhile_leaves_connections_that_wait_for_locks_as_before(version: str) -> None:
    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal())
    nodes = {name: FakeNode(name) for name in ("db1", "db2", "db3")}
    for node in nodes.values():
        node.flavor = flavor_of(version)
    cluster.nodes = t.cast(t.Any, nodes)
    assert cluster.lock(list(nodes), 5) == []
    for node in nodes.values():
        assert sum("ALTER EVENT" in text for text in node.asked) == 1
        assert "SHOW GRANTS" in node.asked
        limits = [values[-1] for text, values in node.values if "SET SESSION" in text and "lock_wait_timeout" in text]
        assert limits[-1] == 86400
        assert (limits == [1, 86400]) is (version == "8.0.36")


@pytest.mark.parametrize("version", ["8.0.36", "10.11.6-MariaDB"])
@pytest.mark.parametrize("worked_on", ["db1", "db2"])
def test_what_is_locked_and_not_worked_on_is_not_tried(worked_on: str, version: str) -> None:
    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal(), worked_on=[worked_on])
    nodes = {name: FakeNode(name) for name in ("db1", "db2", "db3")}
    for node in nodes.values():
        node.flavor = flavor_of(version)
    cluster.nodes = t.cast(t.Any, nodes)
    assert cluster.lock(list(nodes), 5) == []
    for name, node in nodes.items():
        assert any("GET_LOCK" in text for text in node.asked)
        assert [any("ALTER EVENT" in text for text in node.asked), "SHOW GRANTS" in node.asked] == [name == worked_on] * 2
        limits = [values[-1] for text, values in node.values if "SET SESSION" in text and "lock_wait_timeout" in text]
        assert limits[-1] == 86400


def test_in_check_mode_nobody_is_kept_off() -> None:
    cluster, nodes = locked("db1")
    cluster.check_mode = True
    nodes["db1"].end()
    assert cluster.lock(["db1"], 5) == []
    assert cluster.regain(t.cast(t.Any, nodes["db1"]), 5) == []
