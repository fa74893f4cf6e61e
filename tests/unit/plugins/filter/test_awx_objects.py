# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters for AWX take what a playbook has, and refuse what they cannot use."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.dbha.mysql.plugins.filter.awx_objects import FilterModule
from ansible_collections.dbha.mysql.plugins.filter.told import FilterModule as Told

awx_objects = FilterModule().filters()["awx_objects"]
told = Told().filters()["told"]


def test_surveys_are_those_of_the_roles_that_are_here() -> None:
    accounts = dict.fromkeys(("username", "password", "replication_username", "replication_password"), "x")
    found = awx_objects(
        {
            "organization": "Databases",
            "execution_environment": {"name": "dbha", "image": "i"},
            "project": {"name": "dbha", "url": "u"},
            "inventory": {"name": "clusters", "file": "inventory.yml"},
            "clusters": {"orders": accounts},
        }
    )
    asked = {each["name"]: {question["variable"] for question in each["survey_spec"]["spec"]} for each in found["job_templates"]}
    assert "failover_candidates" in asked["orders failover"]
    assert "switchover_to" in asked["orders switchover"]
    assert "rejoin_method" in asked["orders rejoin with risk"]


def test_what_cannot_be_used_is_told_as_a_mistake_in_the_playbook() -> None:
    with pytest.raises(AnsibleFilterError, match=r"awx\.organization: is needed"):
        awx_objects({})


def test_a_result_is_told_of_a_cluster_whose_name_is_a_number() -> None:
    assert told({}, 715).startswith("715: no result")
