# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task that is carried out in Ansible's own process: what goes wrong there is a result, as it is of a module."""

from __future__ import annotations

import typing as t
from unittest.mock import Mock

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.dbha.mysql.plugins.action.mysql_gtid_check import ActionModule
from ansible_collections.dbha.mysql.plugins.module_utils._call import perform
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import REMEDIES


def carry_out(**arguments: t.Any) -> dict[str, t.Any]:
    task = Mock(action="dbha.mysql.mysql_gtid_check", args=arguments, async_val=0, become=False, environment=None, check_mode=False, diff=False)
    action = ActionModule(task, Mock(transport="local"), None, None, None, None)
    return dict(action.run(task_vars={}))


def test_where_the_driver_is_missing_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perform, "PYMYSQL_MISSING", ImportError("pymysql"))
    result = carry_out(replicas=[{"host": "db1"}])
    assert (result["failed"], result["changed"], result["statements"], result["timeline"]) == (True, False, [], [])
    (problem,) = result["problems"]
    assert (problem["code"], problem["remedy"]) == ("driver_incomplete", REMEDIES["driver_incomplete"])
    assert "PyMySQL[rsa]" in result["msg"]


@pytest.mark.parametrize("value", [7, True, 1.5, "db9", "7"])
@pytest.mark.parametrize("option", ["primary", "replicas"])
def test_what_is_no_server_is_refused_with_its_option(option: str, value: t.Any) -> None:
    given = [value] if option == "replicas" else value
    with pytest.raises(AnsibleActionFail, match=f"{option}: '{value}' is no host of the inventory"):
        carry_out(**{"replicas": [{"host": "db1"}], option: given})
