# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of roles are read in the inventory group of the cluster: what goes before what."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import find_best_replica, gtid_check, promote, rejoin
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory, Task
from ansible_collections.dbha.mysql.plugins.plugin_utils._role_options import CHECK, NONE, is_of_check, role_options

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb

GROUPS = {"orders": ["db0", "db1", "db2"], "all": ["db0", "db1", "db2", "localhost"]}
VERBS: dict[str, Verb[t.Any]] = {
    "mysql_find_best_replica": find_best_replica.VERB,
    "mysql_promote": promote.VERB,
    "mysql_rejoin": rejoin.VERB,
    "mysql_gtid_check": gtid_check.VERB,
}


def filled_in(
    given: dict[str, t.Any],
    group: dict[str, t.Any],
    *,
    everybody: dict[str, t.Any] | None = None,
    db1: dict[str, t.Any] | None = None,
    role: str = "failover",
    module: str = "mysql_find_best_replica",
) -> dict[str, t.Any]:
    """Fill in a task of a role: empty texts are what its options are if nobody says anything."""
    hosts = {name: {**(everybody or {}), **group, **((db1 or {}) if name == "db1" else {})} for name in GROUPS["orders"]}
    hosts["localhost"] = everybody or {}
    options = role_options(f"dbha.mysql.{role}", module)
    answered = {option: value for option, value in given.items() if value != ""}
    task = Task(VERBS[module], {"cluster": "orders", **answered}, Inventory(GROUPS, hosts), asked=given, role=options, at="localhost")
    return task.filled_in()


@pytest.mark.parametrize(
    ("play", "group", "everybody", "taken"),
    [
        ("", {"failover_exclude": ["db1"]}, {}, ["db1"]),
        ("", {"failover_exclude": "db1, db2"}, {}, ["db1", "db2"]),
        ("", {}, {}, None),
        ("", {"failover_exclude": ""}, {}, None),
        # Said by the play, or with -e, which the hosts of the group have then, too.
        (["db2"], {"failover_exclude": ["db1"]}, {}, ["db2"]),
        (["db2"], {"failover_exclude": ["db2"]}, {"failover_exclude": ["db2"]}, ["db2"]),
        ([], {"failover_exclude": ["db1"]}, {}, []),
        # What all hosts have is not the play's own word, and less than that of the group.
        (["db2"], {"failover_exclude": ["db1"]}, {"failover_exclude": ["db2"]}, ["db1"]),
        (["db2"], {}, {"failover_exclude": ["db2"]}, ["db2"]),
    ],
)
def test_what_goes_before_what(play: t.Any, group: dict[str, t.Any], everybody: dict[str, t.Any], taken: t.Any) -> None:
    assert filled_in({"exclude": play}, group, everybody=everybody).get("exclude") == taken


def test_who_is_left_out_by_the_group_is_left_out() -> None:
    found = filled_in({"leave_out": ""}, {"failover_leave_out": "db2"})
    assert [entry["name"] for entry in found["replicas"]] == ["db0", "db1"]


def test_servers_that_the_group_names_are_members() -> None:
    found = filled_in({"primary": "", "candidates": ""}, {"failover_dead_primary": "db0", "failover_candidates": ["db2"]})
    assert (found["primary"]["name"], found["candidates"]) == ("db0", ["db2"])
    with pytest.raises(Refusal, match=r"\[not_a_member\] 'db7'"):
        filled_in({"candidates": ""}, {"failover_candidates": ["db7"]})


def test_what_the_task_does_not_ask_for_is_not_taken() -> None:
    assert "answer_within" not in filled_in({"timeout": ""}, {"rejoin_restart_timeout": 5}, role="rejoin", module="mysql_rejoin")
    assert filled_in({"answer_within": ""}, {"rejoin_restart_timeout": 5}, role="rejoin", module="mysql_rejoin")["answer_within"] == 5
    assert "exclude" not in filled_in({}, {"failover_exclude": ["db1"]})


def test_where_the_role_has_another_default_than_the_module_it_is_taken() -> None:
    assert filled_in({"timeout": ""}, {}, role="switchover", module="mysql_promote")["timeout"] == 30
    assert filled_in({"timeout": ""}, {"switchover_timeout": 7}, role="switchover", module="mysql_promote")["timeout"] == 7
    assert "timeout" not in filled_in({"timeout": ""}, {}, module="mysql_promote")


def test_numbers_that_are_looked_at_early_are_those_of_the_group_too() -> None:
    limits = {"failover_salvage_timeout": "", "failover_wait_timeout": 5}
    found = filled_in({"time_limits": limits}, {"failover_salvage_timeout": "soon", "failover_wait_timeout": 9})
    assert found["time_limits"] == {"failover_salvage_timeout": "soon", "failover_wait_timeout": 5}


def test_a_policy_of_one_host_is_none_of_the_cluster() -> None:
    with pytest.raises(Refusal, match="failover_force is not the same for db0 and db1"):
        filled_in({"force": ""}, {}, db1={"failover_force": True})


def test_how_a_server_is_started_and_stopped_may_differ() -> None:
    given = {"server": "db1", "stop_command": "", "start_command": "", "kill": ""}
    group = {"rejoin_stop_command": "stop all", "rejoin_kill": False}
    found = filled_in(given, group, db1={"rejoin_stop_command": "stop db1"}, role="rejoin", module="mysql_rejoin")
    assert (found["stop_command"], "start_command" in found, found["kill"]) == ("stop db1", False, False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/share/ansible_collections/dbha/mysql/playbooks/one/check_tasks.yml:7", True),
        ("/srv/playbooks/one/check_tasks.yml:7", False),
        ("/usr/share/ansible_collections/dbha/mysql/playbooks/one/failover.yml:7", False),
        (None, False),
    ],
)
def test_tasks_of_the_check_are_told_by_where_they_stand(path: str | None, expected: bool) -> None:
    assert is_of_check(path) == expected


def test_a_check_takes_what_the_group_says_of_it_and_of_a_failover() -> None:
    assert CHECK == "dbha.mysql.check"
    group = {"check_max_lag": 7, "failover_exclude": ["db1"], "failover_site": "same", "switchover_exclude": ["db2"]}
    found = filled_in(dict.fromkeys(("max_lag", "exclude", "site", "candidates"), ""), group, role="check", module="mysql_gtid_check")
    assert (found["max_lag"], found["exclude"], found["site"], "candidates" in found) == (7, ["db1"], "same", False)


def test_tasks_of_users_and_of_other_roles_take_nothing() -> None:
    assert role_options(None, "dbha.mysql.mysql_promote") == role_options("acme.web.failover", "dbha.mysql.mysql_promote") == NONE
    assert role_options("dbha.mysql.failover", "dbha.mysql.mysql_rejoin").variables == {}
