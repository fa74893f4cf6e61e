# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run for many clusters: each fails or succeeds by itself, and the end says of each what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sandbox.runs.playbook import Playbooks, Run
from sandbox.scenes.clusters import is_whole, primary_of
from sandbox.scenes.fleet import inventory_of
from sandbox.servers.cluster import Cluster
from sandbox.servers.pool import POOL
from sandbox.servers.snapshot import differences, snapshots


@dataclass(frozen=True)
class Fleet:
    """Two clusters, and in the inventory a third one of which no server runs, first."""

    clusters: dict[str, Cluster]
    playbooks: Playbooks

    def run(self, playbook: str, *arguments: str, clusters: str = "all", **variables: object) -> Run:
        """Run a playbook for many clusters."""
        return self.playbooks.run(f"dbha.mysql.{playbook}", "--forks", "10", *arguments, cluster="", clusters=clusters, **variables)


@pytest.fixture(scope="module")
def fleet(some_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with POOL.cluster(some_kind, replicas=2) as orders, POOL.cluster(some_kind, replicas=2) as users:
        clusters = {"orders": orders, "users": users}
        playbooks = Playbooks(orders, tmp_path_factory.mktemp("fleet"))
        inventory = inventory_of(clusters)
        inventory["bygone"] = {
            "hosts": {"bygone_db0": {"mysql_unix_socket": "/none"}, "bygone_db1": {"mysql_unix_socket": "/none"}},
            "vars": {"mysql_cluster_size": 2, "failover_salvage": "never"},
        }
        inventory["web"] = {"hosts": {"web1": {}}}
        playbooks.inventory.write_text(json.dumps(inventory), encoding="utf-8")
        yield Fleet(clusters, playbooks)


def outcomes(run: Run) -> dict[str, str]:
    """Return how the run ended for each cluster."""
    return {name: result["outcome"] for name, result in run.custom["dbha_results"].items()}


def summary(run: Run) -> list[str]:
    """Return what was said at the end, without addresses."""
    lines: list[str] = run.tasks[-1].result["msg"]
    return [line.partition(" (127.")[0] for line in lines]


def test_a_check_of_all_says_of_each_how_it_stands(fleet: Fleet) -> None:
    run = fleet.run("check")
    assert run.returncode == 2, run
    assert outcomes(run) == {"bygone": "refused", "orders": "unchanged", "users": "unchanged"}
    assert [line.partition(";")[0] for line in summary(run)] == ["bygone: refused", "orders: unchanged", "users: unchanged", "1 of 3 clusters failed"]
    assert {name: recap["failures"] for name, recap in run.hosts.items()} == {"localhost": 0, "cluster=bygone": 1, "cluster=orders": 0, "cluster=users": 0}


def test_primaries_that_die_together_are_replaced_and_one_that_cannot_be_keeps_nobody(fleet: Fleet) -> None:
    orders, users = fleet.clusters.values()
    nothing = fleet.run("failover", clusters="*er*")
    assert (nothing.returncode, nothing.changed, outcomes(nothing)) == (0, 0, {"orders": "unchanged", "users": "unchanged"}), nothing
    for cluster in (orders, users):
        cluster.primary.kill()
    plan = fleet.run("failover", "--check", clusters="orders,users")
    assert plan.returncode == 0, plan
    assert [line.partition("; ")[0] for line in summary(plan)] == ["orders: would be promoted", "users: would be promoted", "none of 2 clusters failed"]
    run = fleet.run("failover", failover_candidates="users_db1")
    assert run.returncode == 2, run
    # An option that names a server is for all of them, and the one without that server says so.
    assert outcomes(run) == {"bygone": "refused", "orders": "refused", "users": "promoted"}
    assert summary(run)[0].startswith("bygone: refused; ")
    assert summary(run)[2:] == ["users: promoted; the primary is users_db1", "2 of 3 clusters failed"]
    # The task that elects has promoted, so that the first cluster does not wait until all have elected; the one after it says what came of that.
    (election,) = [task.result for task in run.tasks if task.result.get("promotion")]
    assert election["promotion"]["statements"] == run.of("mysql_promote")["statements"] != []
    run = fleet.run("failover")
    assert outcomes(run) == {"bygone": "refused", "orders": "promoted", "users": "unchanged"}, run
    left = run.custom["dbha_result"]
    assert (left["outcome"], left["failed"], left["new_primary"]) == ("refused", ["bygone"], None)
    assert {problem["cluster"] for problem in left["problems"]} == {"bygone"}
    run = fleet.run("failover", clusters="orders,users")
    assert (run.returncode, run.changed, outcomes(run)) == (0, 0, {"orders": "unchanged", "users": "unchanged"}), run
    for cluster in (orders, users):
        cluster["db0"].restart()
        rejoined = fleet.playbooks.run("dbha.mysql.rejoin", cluster="orders" if cluster is orders else "users")
        assert rejoined.returncode == 0, rejoined
        assert is_whole(cluster)


def test_roles_move_in_many_clusters_and_what_a_group_says_holds_for_its_own(fleet: Fleet) -> None:
    before = {name: primary_of(cluster).name for name, cluster in fleet.clusters.items()}
    run = fleet.run("switchover", clusters="orders,users,usres")
    assert run.returncode == 2, run
    assert outcomes(run) == {"orders": "promoted", "users": "promoted", "usres": "refused"}
    assert [problem["code"] for problem in run.custom["dbha_result"]["problems"]] == ["no_such_cluster"]
    for name, cluster in fleet.clusters.items():
        assert is_whole(cluster)
        assert primary_of(cluster).name != before[name]
        assert run.custom["dbha_results"][name]["new_primary"]["name"] == f"{name}_{primary_of(cluster).name}"


@pytest.mark.parametrize(
    ("clusters", "arguments", "variables", "code"),
    [
        ("orders,databases", (), {}, "bad_input"),
        ("shop_*", (), {}, "no_such_cluster"),
        ("orders,users", ("--limit", "orders,localhost"), {}, "partial_run"),
        ("orders,users", ("--tags", "fast"), {}, "partial_run"),
        ("orders,users", (), {"run_on": "web1"}, "bad_input"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_server_is_asked(
    clusters: str, arguments: tuple[str, ...], variables: dict[str, str], code: str, fleet: Fleet
) -> None:
    before = {name: snapshots(cluster.servers.values()) for name, cluster in fleet.clusters.items()}
    run = fleet.run("switchover", *arguments, clusters=clusters, **variables)
    assert run.returncode != 0, run
    assert f"[{code}]" in run.output, run
    assert not [task for task in run.tasks if "mysql_" in task.action]
    for name, cluster in fleet.clusters.items():
        assert not differences(before[name], snapshots(cluster.servers.values()))
