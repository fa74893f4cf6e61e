# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which jobs AWX is to launch for clusters, and what is said of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.filter.awx_launches import FilterModule
from ansible_collections.dbha.mysql.plugins.module_utils._awx.launches import bulks, launched, names

TEMPLATE = "{cluster} failover"
FOUND = [{"id": 7, "name": "orders failover"}, {"id": 8, "name": "users failover"}, {"id": 9, "name": "any failover"}]


def node(cluster: str, job: int | None, status: str = "") -> dict[str, Any]:
    return {"identifier": cluster, "summary_fields": {"job": {"id": job, "status": status}} if job else {}}


@pytest.mark.parametrize(
    ("template", "variables", "jobs"),
    [
        (TEMPLATE, {}, [{"unified_job_template": 7, "identifier": "orders"}, {"unified_job_template": 8, "identifier": "users"}]),
        (
            "any failover",
            {"failover_unreachable": "proceed"},
            [
                {"unified_job_template": 9, "identifier": each, "extra_data": {"failover_unreachable": "proceed", "cluster": each}}
                for each in ("orders", "users", "gone")
            ],
        ),
        ("{cluster} check", {}, []),
    ],
)
def test_each_cluster_has_a_template_or_one_is_told_its_name(template: str, variables: dict[str, str], jobs: list[dict[str, Any]]) -> None:
    found = bulks(["orders", "users", "gone"], template, FOUND, variables)
    assert [each for bulk in found for each in bulk] == jobs


def test_there_are_a_hundred_at_once_at_most() -> None:
    clusters = [str(number) for number in range(201)]
    found = [{"id": number, "name": f"{number} failover"} for number in range(201)]
    made = bulks(clusters, TEMPLATE, found, {})
    assert [len(bulk) for bulk in made] == [100, 100, 1]
    assert [each["identifier"] for bulk in made for each in bulk] == clusters
    assert names(["a", "b", "a"], "one") == ["one"]


def test_each_says_what_became_of_it_and_those_that_failed_come_first() -> None:
    clusters = ["orders", "users", "gone", "a", "b", "c"]
    found = [*FOUND, *({"id": 10, "name": f"{each} failover"} for each in "abc")]
    nodes = [node("orders", 1, "successful"), node("users", 2, "failed"), node("a", 3, "running"), node("b", None), node("c", 4, "canceled")]
    problems = [{"code": "unreachable"}, {"code": "unreachable"}, {"code": "no_candidate"}]
    details = [{"id": 2, "artifacts": {"dbha_result": {"outcome": "refused", "problems": problems}}}, {"id": 4, "artifacts": None}]
    told = launched(clusters, TEMPLATE, found, nodes, details)
    assert told["summary"] == [
        "users: job 2 failed; refused (unreachable, no_candidate)",
        "gone: not launched; AWX has no template gone failover",
        "a: job 3 is not at its end (running)",
        "b: not launched; AWX has refused it, or has not begun yet",
        "c: job 4 canceled",
        "orders: job 1 successful",
        "5 of 6 jobs failed",
    ]
    assert told["failed"] == ["users", "gone", "a", "b", "c"]
    assert (told["jobs"]["users"]["result"]["outcome"], told["jobs"]["b"]["job"]) == ("refused", None)


def test_the_filter_takes_what_the_playbook_has() -> None:
    found = FilterModule().filters()["awx_launches"](["orders"], TEMPLATE, FOUND, {}, [node("orders", 1, "successful")])
    assert (found["names"], len(found["bulks"]), found["failed"]) == (["orders failover"], 1, [])
    assert found["summary"] == ["orders: job 1 successful", "none of 1 jobs failed"]
