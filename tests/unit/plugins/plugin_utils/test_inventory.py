# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory says: groups become members, hosts become entries, variables become options; and what it cannot say is a problem with a code."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory, Task, known_as

ARGUMENTS: dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    **CLUSTER_ARGUMENTS,
    "primary": server_argument(),
    "donor": server_argument(),
    "candidates": {"type": "list", "elements": "str"},
    "replication_user": {"type": "str"},
    "replication_password": {"type": "str", "no_log": True},
    "host_shells": {"type": "dict"},
    "without_ssh": {"type": "list", "elements": "str"},
}
VERB: Verb[None] = Verb(ARGUMENTS, lambda options: None, lambda call, request: {}, names=("candidates",), strangers=("primary",))

GROUPS = {"all": ["db0", "db1", "db2", "far"], "ungrouped": ["far"], "orders": ["db0", "db1", "db2"], "payments": ["far"], "empty": []}
HOSTS: dict[str, dict[str, t.Any]] = {"db0": {"mysql_host": "10.0.0.10"}, "db1": {}, "db2": {}, "far": {}}


def filled_in(given: dict[str, t.Any], *, groups: dict[str, list[str]] | None = None, hosts: dict[str, dict[str, t.Any]] | None = None) -> dict[str, t.Any]:
    return Task(VERB, given, Inventory(GROUPS if groups is None else groups, HOSTS if hosts is None else hosts)).filled_in()


def names(entries: list[dict[str, t.Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


def refused(given: dict[str, t.Any], **inventory: t.Any) -> tuple[Problem, ...]:
    with pytest.raises(Refusal) as refusal:
        filled_in(given, **inventory)
    return refusal.value.problems


def codes(problems: tuple[Problem, ...]) -> list[tuple[str, str]]:
    return [(problem.code, problem.server) for problem in problems]


# --- A cluster


def test_a_group_is_its_hosts() -> None:
    found = filled_in({"cluster": "orders"})
    assert (found["cluster"], names(found["replicas"])) == ("orders", ["db0", "db1", "db2"])


def sized(size: object) -> dict[str, dict[str, t.Any]]:
    return {host: {**variables, "mysql_cluster_size": size} for host, variables in HOSTS.items()}


@pytest.mark.parametrize("size", [3, "3", " 3 ", 2, None, ""])
def test_a_cluster_that_is_whole_is_taken(size: object) -> None:
    assert names(filled_in({"cluster": "orders"}, hosts=sized(size))["replicas"]) == ["db0", "db1", "db2"]


def test_a_part_of_a_cluster_is_refused() -> None:
    half = {**GROUPS, "orders": ["db0", "db2"]}
    (problem,) = refused({"cluster": "orders"}, groups=half, hosts=sized("3"))
    assert problem.code == "cluster_incomplete"
    assert "2 of the 3 servers" in problem.message
    assert "db0, db2" in problem.message


def test_who_is_left_out_by_name_is_there() -> None:
    assert names(filled_in({"cluster": "orders", "leave_out": ["db1"]}, hosts=sized(3))["replicas"]) == ["db0", "db2"]


@pytest.mark.parametrize("size", ["three", 0, "0", -1, 2.5, True, [3], {"a": 1}])
def test_the_size_of_a_cluster_is_a_number(size: object) -> None:
    (problem,) = refused({"cluster": "orders"}, hosts=sized(size))
    assert (problem.code, problem.message.startswith("mysql_cluster_size: takes")) == ("bad_input", True)


def test_the_size_of_a_cluster_is_one_for_all() -> None:
    (problem,) = refused({"cluster": "orders"}, hosts={**sized(3), "db2": {}})
    assert (problem.code, "mysql_cluster_size is not the same" in problem.message) == ("bad_input", True)


def test_a_member_can_be_left_out() -> None:
    assert names(filled_in({"cluster": "orders", "leave_out": [" db1 "]})["replicas"]) == ["db0", "db2"]
    # Who undoes something must know of them: no other run is kept off them.
    assert filled_in({"cluster": "orders", "leave_out": ["db1"]})["leave_out"] == ["db1"]


def test_the_replicas_of_a_cluster_can_be_named() -> None:
    assert names(filled_in({"cluster": "orders", "replicas": ["db2"]})["replicas"]) == ["db2"]
    assert filled_in({"cluster": "orders", "replicas": []})["replicas"] == []


@pytest.mark.parametrize("group", ["order", "empty", "", "o'r\"d\\e;r%s", ["orders"], {"a": 1}])
def test_a_group_that_is_none_or_has_no_servers_is_named_with_those_that_have(group: t.Any) -> None:
    (problem,) = refused({"cluster": group})
    assert (problem.code, problem.server) == ("no_such_cluster", "")
    assert problem.message == f"{str(group)!r} is not a group of the inventory that has servers in it. Those that have are: orders, payments"


def test_of_many_groups_not_all_are_named() -> None:
    (problem,) = refused({"cluster": "nobody"}, groups={f"group{number:03}": ["db0"] for number in range(100)})
    assert problem.message.endswith("group028, group029 and 70 more")


def test_an_inventory_without_groups_says_so() -> None:
    (problem,) = refused({"cluster": "orders"}, groups={"all": ["db0"], "ungrouped": ["db0"]})
    assert problem.message.endswith("Those that have are: none")


def test_a_group_of_which_all_are_left_out_has_nobody() -> None:
    assert codes(refused({"cluster": "orders", "leave_out": ["db0", "db1", "db2"]})) == [("no_such_cluster", "")]


def test_who_is_left_out_must_be_in_the_group() -> None:
    problems = refused({"cluster": "orders", "leave_out": ["db1", "far", "db"]})
    assert codes(problems) == [("not_a_member", "far"), ("not_a_member", "db")]
    assert problems[0].message == "'far' is not a member of this cluster (db0, db1, db2)"


def test_to_leave_somebody_out_of_nothing_is_refused() -> None:
    (problem,) = refused({"replicas": ["db0"], "leave_out": ["db1"]})
    assert problem.code == "bad_input"
    assert problem.message.startswith("leave_out: ")


# --- Names


@pytest.mark.parametrize(
    ("value", "known", "meant"),
    [
        ("db0", ["db0"], "db0"),
        (" db0 ", ["db0"], "db0"),
        (False, ["no", "yes"], "no"),
        (True, ["no", "yes"], "yes"),
        # Which of them is meant cannot be told.
        (False, ["no", "off"], "False"),
        (False, ["False", "no"], "False"),
        (461, ["0715"], "0715"),
        ("461", ["0715"], "0715"),
        ("461", ["461", "0715"], "461"),
        ("False", ["no"], "no"),
        (2024, ["2024"], "2024"),
        (1.5, ["1.50"], "1.50"),
        (1, ["yes", "01"], "01"),
        (True, ["yes", "01"], "yes"),
        (7, ["db0"], "7"),
        ({"a": 1}, ["a"], "{'a': 1}"),
        (7, ["{", "a: b: c", "7"], "7"),
        (9, ["{", "a: b: c", "2024-13-45"], "9"),
    ],
)
def test_names_are_compared_as_text(value: t.Any, known: list[str], meant: str) -> None:
    assert known_as(value, known) == meant


def test_names_that_yaml_reads_as_something_else_are_groups_and_hosts_all_the_same() -> None:
    groups = {"no": ["0715", "2024", "db0"]}
    hosts: dict[str, dict[str, t.Any]] = {"0715": {}, "2024": {}, "db0": {}}
    found = filled_in({"cluster": False, "leave_out": [2024], "candidates": [461]}, groups=groups, hosts=hosts)
    assert (names(found["replicas"]), found["candidates"]) == (["0715", "db0"], ["0715"])
    assert names(filled_in({"replicas": [461, "db0"]}, hosts=hosts)["replicas"]) == ["0715", "db0"]


@pytest.mark.parametrize("option", ["donor", "replicas"])
def test_servers_of_a_cluster_are_its_members(option: str) -> None:
    for value in ("far", "nobody", ["db0"], {}):
        given = [value] if option == "replicas" else value
        if value == {}:
            assert filled_in({"cluster": "orders", option: given})[option] == given
        else:
            assert codes(refused({"cluster": "orders", option: given}))[0][0] == "not_a_member"


def test_candidates_are_members_and_all_who_are_not_are_named() -> None:
    assert codes(refused({"cluster": "orders", "candidates": ["far", "db1", "nobody"]})) == [("not_a_member", "far"), ("not_a_member", "nobody")]


def test_a_dead_primary_need_not_be_a_member_but_a_host() -> None:
    assert filled_in({"cluster": "orders", "primary": "far"})["primary"]["name"] == "far"
    assert filled_in({"cluster": "orders", "primary": " db0 "})["primary"]["host"] == "10.0.0.10"
    (problem,) = refused({"cluster": "orders", "primary": "nobody"})
    assert (problem.code, problem.message[:48]) == ("bad_input", "primary: 'nobody' is not a host of the inventory")


@pytest.mark.parametrize("value", [7, True, 1.5, "db9", "7"])
@pytest.mark.parametrize("option", ["primary", "replicas"])
def test_what_is_no_server_is_refused_with_its_option(option: str, value: t.Any) -> None:
    (problem,) = refused({option: [value] if option == "replicas" else value})
    assert problem.code == "bad_input"
    assert problem.message.startswith(f"{option}: '{value}' is not a host of the inventory")


def test_a_dictionary_is_taken_as_it_is() -> None:
    entry = {"name": "x", "host": "10.1.1.1"}
    assert filled_in({"replicas": [entry, "db1"], "primary": entry}) == {
        "replicas": [entry, {"name": "db1", "host": "db1"}],
        "primary": entry,
        "host_shells": {},
        "without_ssh": [],
    }


DB1 = {"name": "db1", "host": "10.0.0.11", "port": 3307, "unix_socket": "/s", "login_user": "u"}


@pytest.mark.parametrize(
    ("given", "completed"),
    [
        pytest.param({"name": "db1", "host": "10.0.0.11", "port": 3307}, DB1, id="what_a_module_gave_back"),
        pytest.param({"name": "db1", "host": "10.0.0.11", "port": "3307", "login_user": "x"}, {**DB1, "port": "3307", "login_user": "x"}, id="with_more"),
        pytest.param({"name": "db1", "host": "10.0.0.11"}, None, id="another_port"),
        pytest.param({"name": "db1", "host": "10.0.0.12", "port": 3307}, None, id="another_host"),
        pytest.param({"name": "db9", "host": "10.0.0.11", "port": 3307}, None, id="another_name"),
        pytest.param({"name": "db1"}, None, id="no_host"),
        pytest.param({"host": "10.0.0.11", "port": 3307}, None, id="no_name"),
    ],
)
def test_an_entry_that_is_a_host_is_completed_from_its_variables(given: dict[str, t.Any], completed: dict[str, t.Any] | None) -> None:
    variables = {"mysql_host": "10.0.0.11", "mysql_port": 3307, "mysql_unix_socket": "/s", "mysql_login_user": "u", "mysql_ca_cert": "/ca.pem"}
    found = filled_in({"primary": given}, hosts={"db1": variables})
    assert found["primary"] == (completed or given)
    assert found.get("ca_cert") == ("/ca.pem" if completed else None)


# --- Variables

ENTRY = {"mysql_host": "10.0.0.1", "mysql_port": 3307, "mysql_unix_socket": "/s", "mysql_login_user": "u", "mysql_login_password": "p"}


def entry(variables: dict[str, t.Any]) -> dict[str, t.Any]:
    (found,) = filled_in({"replicas": ["db0"]}, hosts={"db0": variables})["replicas"]
    return dict(found)


def test_the_variables_of_a_host_are_its_entry() -> None:
    assert entry(ENTRY) == {"name": "db0", "host": "10.0.0.1", "port": 3307, "unix_socket": "/s", "login_user": "u", "login_password": "p"}
    told = {"mysql_replication_host": "10.1.0.1", "mysql_replication_port": 3308}
    assert entry({**ENTRY, **told}) == {**entry(ENTRY), "replication_host": "10.1.0.1", "replication_port": 3308}
    assert entry({**ENTRY, "mysql_promotion": "never", "mysql_site": "Wien"}) == {**entry(ENTRY), "promotion": "never", "site": "Wien"}
    assert entry({"ansible_host": "10.0.0.2"})["host"] == "10.0.0.2"
    # Replicas are told its name, and not localhost.
    assert entry({"mysql_unix_socket": "/s"}) == {"name": "db0", "host": "db0", "unix_socket": "/s"}
    assert entry({"ansible_host": "10.0.0.2", "mysql_host": ""})["host"] == "10.0.0.2"
    assert entry({}) == entry(dict.fromkeys(ENTRY, "")) == entry(dict.fromkeys(ENTRY)) == {"name": "db0", "host": "db0"}


def test_hosts_that_are_the_controller_itself_cannot_be_asked_over_ssh() -> None:
    connections = ["local", "ssh", "ansible.builtin.local", "", None]
    assert of_cluster(*({"ansible_connection": each} for each in connections))["without_ssh"] == ["db0", "db2"]
    assert of_cluster({"ansible_connection": "local"}, without_ssh=["db7"])["without_ssh"] == ["db7"]


def of_cluster(*variables: dict[str, t.Any], **given: t.Any) -> dict[str, t.Any]:
    hosts = {f"db{number}": each for number, each in enumerate(variables)}
    found = filled_in({"cluster": "orders", **given}, groups={"orders": list(hosts)}, hosts=hosts)
    return {option: value for option, value in found.items() if option not in ("cluster", "replicas")}


@pytest.mark.parametrize("value", [83, True, 1.5, {"name": "repl", "password": "secret"}, ["secret"]])
@pytest.mark.parametrize("option", ["login_user", "login_password", "replication_user", "replication_password"])
def test_accounts_are_text_and_what_is_not_is_not_shown(option: str, value: t.Any) -> None:
    everywhere = {host: {**variables, f"mysql_{option}": value} for host, variables in HOSTS.items()}
    problems = [
        *refused({"cluster": "orders"}, hosts=everywhere),
        *refused({"cluster": "orders", option: value}),
        *(refused({"replicas": [{"name": "x", "host": "10.0.0.1", option: value}]}) if option.startswith("login") else ()),
    ]
    assert {problem.code for problem in problems} == {"bad_input"}
    assert {problem.server for problem in problems} >= ({"", "db1", "x"} if option.startswith("login") else {""})
    assert all("is not text but a" in problem.message and "secret" not in problem.message and "83" not in problem.message for problem in problems)


LOGIN = {"mysql_ca_cert": "/ca.pem", "mysql_connect_timeout": 2, "mysql_replication_user": "repl", "mysql_replication_password": "secret"}


def test_what_all_servers_have_in_common_is_an_option_of_the_task() -> None:
    found = of_cluster(LOGIN, LOGIN)
    assert found == {
        "ca_cert": "/ca.pem",
        "connect_timeout": 2,
        "replication_user": "repl",
        "replication_password": "secret",
        "host_shells": {},
        "without_ssh": [],
    }


def test_an_option_of_the_task_takes_precedence() -> None:
    assert of_cluster(LOGIN, ca_cert="/b.pem")["ca_cert"] == "/b.pem"
    assert "ca_cert" not in of_cluster(LOGIN, ssl_ca="/b.pem")


@pytest.mark.parametrize("option", ["replication_user", "replication_password"])
def test_an_account_is_not_put_together_from_the_task_and_the_inventory(option: str) -> None:
    found = of_cluster(LOGIN, **{option: "other"})
    assert {name: value for name, value in found.items() if name.startswith("replication")} == {option: "other"}


@pytest.mark.parametrize(("variable", "other"), [*((variable, "5") for variable in LOGIN), ("mysql_ca_cert", None), ("mysql_connect_timeout", None)])
def test_what_is_said_of_a_cluster_must_not_differ_between_its_servers(variable: str, other: t.Any) -> None:
    with pytest.raises(Refusal) as refusal:
        of_cluster({variable: LOGIN[variable]}, {variable: LOGIN[variable]}, {variable: other})
    (problem,) = refusal.value.problems
    assert problem.code == "bad_input"
    assert problem.message.startswith(f"{variable} is not the same for db0 and db2: ")
    assert "secret" not in problem.message


def test_a_server_that_has_no_replication_account_has_no_other_one() -> None:
    found = of_cluster({}, LOGIN, {"mysql_ca_cert": "/ca.pem", "mysql_connect_timeout": 2}, ca_cert="/ca.pem", connect_timeout=2)
    assert (found["replication_user"], found["replication_password"]) == ("repl", "secret")
    assert not any(option.startswith("replication") for option in of_cluster({}, {}))
    with pytest.raises(Refusal, match="mysql_replication_password is not the same for db0 and db1"):
        of_cluster({"mysql_replication_user": "repl", "mysql_replication_password": "secret"}, {"mysql_replication_user": "repl"})


def test_it_may_differ_on_one_that_is_left_out() -> None:
    assert of_cluster(LOGIN, {**LOGIN, "mysql_ca_cert": "/b.pem"}, leave_out=["db1"])["ca_cert"] == "/ca.pem"


def test_what_is_wrong_with_the_variables_of_hosts_is_said_of_each_of_them() -> None:
    wrong = {"db0": {"mysql_port": "33o6"}, "db1": {"mysql_connect_timeout": 0}, "db2": {"mysql_connect_timeout": 0, "mysql_replication_user": "r" * 129}}
    hosts = {**HOSTS, **wrong, "far": {"mysql_port": 0}}
    problems = refused({"cluster": "orders"}, hosts=hosts)
    assert [(problem.code, problem.server) for problem in problems] == [("bad_input", host) for host in ("db0", "db1", "db2", "db2")]
    assert problems[0].message == "db0: mysql_port takes a port (a whole number from 1 to 65535), and '33o6' is not one"
    # Who is not meant is not asked, and what the task says itself is not taken from the inventory.
    assert codes(refused({"replicas": ["far"]}, hosts=hosts)) == [("bad_input", "far")]
    assert codes(refused({"cluster": "orders", "connect_timeout": 3}, hosts=hosts)) == [("bad_input", "db0"), ("bad_input", "db2")]


def test_how_to_run_commands_is_said_of_each_host() -> None:
    shells = [{"mysql_host_shell": "ssh a"}, {}, {"mysql_host_shell": ""}, {"mysql_host_shell": "ssh b"}]
    assert of_cluster(*shells)["host_shells"] == {"db0": "ssh a", "db3": "ssh b"}
    assert of_cluster(*shells, host_shells={"db1": "x"})["host_shells"] == {"db1": "x"}


def test_hosts_are_asked_for_once_and_only_those_that_are_named() -> None:
    class Asked(dict[str, dict[str, t.Any]]):
        def __getitem__(self, name: str) -> dict[str, t.Any]:
            asked.append(name)
            return super().__getitem__(name)

    asked: list[str] = []
    filled_in({"cluster": "orders", "leave_out": ["db1"], "primary": "db0"}, hosts=Asked(HOSTS))
    assert sorted(asked) == ["db0", "db2"]
