# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter takes what a playbook has, and refuses what it does not know."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.dbha.mysql.plugins.filter.report import FilterModule

report = FilterModule().filters()["report"]


def test_it_reports_on_a_role() -> None:
    found = report({"election": {"failed": True, "msg": "no"}}, "failover", cluster=715, check=True)
    assert (found["result"]["cluster"], found["result"]["check"], found["result"]["outcome"]) == ("715", True, "failed")


def test_a_role_that_it_does_not_know_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match="role: 'fail' is not one of check, failover, rejoin, switchover"):
        report({}, "fail", cluster="orders")
