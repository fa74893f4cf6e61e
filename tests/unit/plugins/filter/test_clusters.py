# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters of plays for many clusters take what playbooks have."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.dbha.mysql.plugins.filter.clusters import FilterModule
from ansible_collections.dbha.mysql.plugins.filter.summary import FilterModule as SummaryModule

clusters = FilterModule().filters()["clusters"]
summary = SummaryModule().filters()["summary"]

GROUPS = {"all": ["o0", "o1", "u0", "u1"], "databases": ["o0", "o1", "u0", "u1"], "orders": ["o0", "o1"], "users": ["u0", "u1"], "primary": ["o0", "u0"]}
HOSTS: dict[str, dict[str, Any]] = {host: {"mysql_cluster_size": size} for host, size in {"o0": "2", "o1": 2, "u0": 3, "u1": 3}.items()}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("orders,users", ["orders", "users"]),
        (["users"], ["users"]),
        ("all", ["orders", "users"]),
        ("all, !users", ["orders"]),
    ],
)
def test_they_are_text_or_a_list(asked: object, found: list[str]) -> None:
    assert clusters(asked, {**GROUPS, "primary": []}, HOSTS) == found


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cluster": "orders"}, "[bad_input] cluster and clusters: give only one of them"),
        ({"run_on": "bastion"}, "[bad_input] run_on: many clusters are worked on from the machine that runs Ansible"),
        ({"limit": "localhost"}, "[partial_run] the limit 'localhost' leaves out cluster=orders"),
    ],
)
def test_what_many_clusters_do_not_go_with_is_refused(options: dict[str, str], says: str) -> None:
    assert clusters("orders", GROUPS, HOSTS, run_on="localhost") == ["orders"]
    with pytest.raises(AnsibleFilterError) as refused:
        clusters("orders", GROUPS, HOSTS, **options)
    assert says in str(refused.value)


def test_a_size_that_is_no_number_says_nothing_here_and_is_refused_by_its_cluster() -> None:
    said = {host: {"mysql_cluster_size": "many"} for host in HOSTS}
    assert clusters("all", {**GROUPS, "primary": []}, said) == ["orders", "users"]


def test_a_run_for_many_is_summed_up() -> None:
    found = summary(zip(["orders", 715], [{"cluster": "orders", "outcome": "unchanged", "check": False, "problems": [], "seconds": 1}, {}], strict=True))
    assert (found["complete"], found["result"]["failed"], list(found["results"])) == (False, ["715"], ["orders", "715"])
