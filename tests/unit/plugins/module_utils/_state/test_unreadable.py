# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no server was ever seen to answer: that is this server's problem, which says what could not be read, and nobody's traceback."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call, Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import perform
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.lock import Locks
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import empty
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row, Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed, Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login, Members, make_tls_context
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node, describe_connections
from ansible_collections.dbha.mysql.plugins.module_utils._state.setup import Setup, read_setup
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import kill_clients
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils._state.test_state import KINDS, MARIADB, NULLABLE, Asked, answer

COLUMNS = ("Pos", "Event_type", "Info", "ID", "USER", "HOST", "COMMAND", "STATE", "Log_name", "File_size", "taken", "held", "connection_id")
SETTINGS = ("Variable_name", "Value", "Server_id", "origin", "value", "path")
VALUES = st.one_of(NULLABLE, st.sampled_from(["Gtid", "Gtid_list", "GTID 0-1-7", "Query", "system user", "binlog.000001"]))
ROWS: st.SearchStrategy[list[dict[str, t.Any]]] = st.lists(st.dictionaries(st.sampled_from(COLUMNS + SETTINGS), VALUES, max_size=12), max_size=3)


class Strange(Asked):
    """A server that gives a good account of its state, and after that only answers that nobody expects, to each question once."""

    name = "db1"
    connection_id = 1
    is_open = True
    check_mode = False
    is_let_in_from_memory = False
    may_be_told_secrets = True

    def __init__(self, kind: str, rows: list[dict[str, t.Any]]) -> None:
        super().__init__("", kind)
        self.login = Login()
        self.node = Node(t.cast(t.Any, self))
        self._strange, self._given = answer(*rows), set[str]()

    def send(self, statement: t.Any) -> Rows:
        if not hasattr(self, "node"):
            return super().send(statement)
        if statement.text in self._given:
            raise StatementFailed("db1", "db1: Could not find target log", 1220)
        self._given.add(statement.text)
        return self._strange


def of_strange(kind: str, rows: list[dict[str, t.Any]], work: t.Callable[[Node], t.Any]) -> t.Any:
    """Take a step on such a server, one of a cluster, and return the problem that it has then."""
    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal())
    cluster.nodes = {"db1": Strange(kind, rows).node}
    return cluster.on_each(["db1"], work)["db1"].problem


def held_lock(node: Node) -> None:
    """Ask whether a lock is still held: what is not understood is no yes."""
    locks = Locks()
    locks._connections["db1"] = node.server.connection_id
    problem = locks.check(node)
    assert problem is None or problem.code == "changed_meanwhile"


def set_up(node: Node) -> None:
    """Read how it is set up, and the numbers in it."""
    setup = read_setup(node)
    for name in setup.settings:
        setup.number(name)


STEPS: dict[str, t.Callable[[Node], t.Any]] = {
    "state": Node.read,
    "relay_logs": Node.look_into_relay_logs,
    "purged": lambda node: node.purged([empty(node.state.family)]),
    "connections": lambda node: describe_connections(node, [7]),
    "clients": lambda node: kill_clients(node, lambda message: None),
    "lock": lambda node: Locks().take(node, 90),
    "held_lock": held_lock,
    "setup": set_up,
}


@pytest.mark.parametrize("step", STEPS)
@given(kind=st.sampled_from(KINDS), rows=ROWS)
def test_any_answer_is_read_or_is_a_problem_of_its_server(step: str, kind: str, rows: Rows) -> None:
    problem = of_strange(kind, rows, STEPS[step])
    assert problem is None or (problem.server == "db1" and problem.message.startswith("db1"))
    assert problem is None or problem.code in ("unreadable", "unsupported_version", "statement_failed", "locked")


@pytest.mark.parametrize(
    ("step", "row", "says"),
    [
        ("relay_logs", {"Pos": None, "Event_type": "Gtid", "Info": "GTID 0-1-7"}, "column Pos: NULL is not a number"),
        ("relay_logs", {"Pos": 4, "Info": ""}, "column Event_type: there is no such column"),
        ("purged", {"Log_name": "binlog.000001", "Event_type": "Gtid_list", "Info": "[a]"}, "column Info: 'a' is not a MariaDB GTID"),
        ("connections", {"ID": "x", "USER": "", "HOST": ""}, "column ID: 'x' is not a number"),
        ("setup", {"Variable_name": "a", "Value": "1", "origin": "start", "path": "", "Server_Id": "3\u00b2"}, "column Server_Id: '3\u00b2' is not a number"),
        ("setup", {"Variable_name": "a", "Value": "1", "origin": "start", "path": ""}, "column server_id: there is no such column"),
        ("clients", {"ID": 7, "COMMAND": "Query"}, "column USER: there is no such column"),
        ("lock", {"taken": "x" * 200}, f"column taken: '{'x' * 100}...' is not a number"),
    ],
)
def test_the_message_says_what_cannot_be_read_and_why(step: str, row: dict[str, t.Any], says: str) -> None:
    problem = of_strange(MARIADB[0], [row], STEPS[step])
    assert problem.code == "unreadable"
    assert problem.message.startswith(f"db1: its answer to SHOW SOMETHING cannot be understood: {says}")


@pytest.mark.parametrize("text", ["", "ON", "\u00b2", "\u0663", "-1", "1.5", "9" * 5000])
def test_a_setting_that_is_no_number_is_none(text: str) -> None:
    assert Setup({"slave_net_timeout": text}).number("slave_net_timeout") is None
    assert Setup({"slave_net_timeout": "60"}).number("slave_net_timeout") == 60


@pytest.mark.parametrize("count", [0, 2])
def test_an_answer_that_is_to_be_one_row_and_is_not_cannot_be_understood(count: int) -> None:
    problem = of_strange(MARIADB[0], [{"taken": 1}] * count, STEPS["lock"])
    assert (problem.code, problem.message) == ("unreadable", f"db1: its answer to SHOW SOMETHING cannot be understood: it has {count} rows instead of one")


def test_a_long_statement_is_not_repeated_whole() -> None:
    with pytest.raises(Unreadable) as error:
        Rows([{}], "db1", "SELECT " + "x" * 1000).only().number("a")
    assert (len(error.value.message) < 250, error.value.statement) == (True, "SELECT " + "x" * 1000)


@pytest.mark.parametrize(
    ("value", "number", "text"),
    [
        (7, 7, "7"),
        ("7", 7, "7"),
        (b"7", 7, "7"),
        (-1, -1, "-1"),
        (None, None, ""),
        (True, None, "True"),
        ("caf\u00e9", None, "caf\u00e9"),
        (" 7", None, " 7"),
        ("\x1c0", None, "\x1c0"),
    ],
)
def test_a_value_is_read_as_what_it_is_to_be(value: t.Any, number: int | None, text: str) -> None:
    row = Row({"a": value}, "db1", "SELECT a")
    assert row.text("a") == text
    if number is not None or value is None:
        assert row.optional_number("a") == number
    if number is not None:
        assert row.number("a") == number
    else:
        with pytest.raises(Unreadable):
            row.number("a")


@given(st.one_of(NULLABLE, st.text(st.characters(categories=["Nd"]), max_size=30), st.integers().map(str), st.floats(), st.decimals()))
def test_any_value_is_a_number_or_is_called_unreadable(value: t.Any) -> None:
    row = Row({"a": value}, "db1", "SELECT a")
    try:
        number = row.number("a")
    except Unreadable:
        return
    assert number == int(str(value if not isinstance(value, bytes) else value.decode()))


def test_bytes_that_are_not_utf8_are_text_all_the_same() -> None:
    assert Row({"a": b"caf\xe9"}, "db1", "SELECT a").text("a") == "caf\\xe9"


def test_a_file_of_relay_logs_without_a_number_cannot_be_understood() -> None:
    def look(node: Node) -> None:
        node.state = t.cast(t.Any, SimpleNamespace(executed=node.state.executed, channel=SimpleNamespace(name="", relay_log=("relay", 4), raw={})))
        node.look_into_relay_logs()

    problem = of_strange(MARIADB[0], [], look)
    assert problem.code == "unreadable"
    assert problem.message == "db1: it cannot be told which relay log comes after 'relay': its name does not end in a number"


FAULTS_OF_OURS: list[Exception] = [ZeroDivisionError("1 // 0"), KeyError("Pos"), ValueError("no GTID"), TypeError("None"), IndexError("0")]


@pytest.mark.parametrize("error", FAULTS_OF_OURS, ids=lambda error: type(error).__name__)
def test_a_fault_of_our_own_in_a_step_is_not_hidden_and_the_other_servers_are_done_all_the_same(error: Exception) -> None:
    done = []

    def step(node: Node) -> None:
        if node.name == "db1":
            raise error
        done.append(node.name)

    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal())
    cluster.nodes = {name: t.cast(t.Any, SimpleNamespace(name=name)) for name in ("db1", "db2")}
    with pytest.raises(type(error)):
        cluster.on_each(["db1", "db2"], step)
    assert done == ["db2"]


FAULTS: list[tuple[Exception, str]] = [
    (Unreadable("db1", "db1: it says nothing"), "unreadable"),
    *((error, "internal_error") for error in FAULTS_OF_OURS),
]


@pytest.mark.parametrize(("error", "code"), FAULTS)
def test_what_cannot_be_read_is_its_servers_fault_and_the_rest_is_ours(error: Exception, code: str) -> None:
    def work(call: Call, request: None) -> dict[str, t.Any]:
        call.tell({"primary": "db1"})
        raise error

    result = perform(Verb({}, lambda given: None, work), {}, check_mode=False, diff_mode=False, say=print)
    assert (result["failed"], result["primary"]) == (True, "db1")
    assert [problem["code"] for problem in result["problems"]] == [code]
    assert str(error) in result["msg"]
    assert ("exception" in result) is (code == "internal_error")
