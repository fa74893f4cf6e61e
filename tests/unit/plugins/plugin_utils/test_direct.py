# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task that is carried out in Ansible's own process: what goes wrong there is a result, as it is of a module."""

from __future__ import annotations

import typing as t
from unittest.mock import Mock

import pytest

from ansible_collections.dbha.mysql.plugins.action.mysql_gtid_check import ActionModule
from ansible_collections.dbha.mysql.plugins.module_utils._call import perform
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of


def carry_out(**arguments: t.Any) -> dict[str, t.Any]:
    task = Mock(_role=None, action="dbha.mysql.mysql_gtid_check", args=arguments, async_val=0, become=False, environment=None, check_mode=False, diff=False)
    action = ActionModule(task, Mock(transport="local"), None, None, None, None)
    return dict(action.run(task_vars={}))


def test_where_the_driver_is_missing_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perform, "PYMYSQL_MISSING", ImportError("pymysql"))
    result = carry_out(replicas=[{"host": "db1"}])
    assert (result["failed"], result["changed"], result["statements"], result["timeline"]) == (True, False, [], [])
    (problem,) = result["problems"]
    assert (problem["code"], problem["remedy"]) == ("driver_incomplete", remedy_of("driver_incomplete"))
    assert "PyMySQL[rsa]" in result["msg"]


REFUSED: dict[str, tuple[dict[str, t.Any], str, str]] = {
    "no such group": ({"cluster": "nobody"}, "no_such_cluster", "'nobody' is not a group of the inventory"),
    "no such host": ({"replicas": ["db9"]}, "bad_input", "replicas: 'db9' is not a host of the inventory"),
    "no such option": ({"replicas": [{}], "replica": "db1"}, "bad_input", "Unsupported parameters for (dbha.mysql.mysql_gtid_check) module: replica."),
    "no such part": ({"replicas": [{"host": "db1"}], "connections_used": 101}, "bad_input", "connections_used: takes a part of the whole, from 1 to 100"),
    "no such choice": ({"replicas": [{"host": "db1"}], "expect_primary": "asleep"}, "bad_input", "value of expect_primary must be one of"),
    "nobody at all": ({}, "bad_input", "replicas: name at least one server"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_a_problem_like_any_other(case: str) -> None:
    arguments, code, says = REFUSED[case]
    result = carry_out(**arguments)
    assert (result["failed"], result["changed"], result["statements"], result["timeline"]) == (True, False, [], [])
    (problem,) = result["problems"]
    assert (problem["code"], problem["server"], problem["gtids"], problem["remedy"]) == (code, "", "", remedy_of(code))
    assert problem["message"].startswith(says)
    assert problem["message"] in result["msg"]


def test_a_secret_in_what_is_not_taken_is_not_told() -> None:
    result = carry_out(replicas=[{"host": "db1"}], login_password="geheim", expect_primary="geheim")
    assert "geheim" not in str(result)
