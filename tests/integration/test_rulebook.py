# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rulebook with the real ansible-rulebook (`make eda`): a primary that dies is replaced while nobody looks."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import PASSWORDS, Cluster, SandboxError
from sandbox.runs.awx import TOKEN, AwxStandIn
from sandbox.runs.rulebook import Rulebook
from sandbox.runs.watching import EXTENSIONS
from sandbox.scenes.first_write import FirstWrite
from sandbox.servers.network import Network
from sandbox.servers.waiting import wait_until

ONLY = pytest.mark.server("mariadb-10.11")


def open_servers(cluster: Cluster) -> list[str]:
    return [server.name for server in cluster.servers.values() if server.is_running and server.is_writable]


@ONLY
def test_a_primary_that_dies_is_replaced_once_and_not_while_that_is_paused(cluster: Cluster, tmp_path: Path) -> None:
    with Rulebook(tmp_path, cluster, repeat=1) as rulebook:
        rulebook.wait_for("topology_changed")
        rulebook.pause("orders")
        cluster.primary.kill()
        rulebook.wait_for("primary_dead", 2)
        assert (rulebook.runs, open_servers(cluster)) == (0, [])
        with FirstWrite(list(cluster.replicas)) as client:
            rulebook.go_on("orders")
            client.wait()
        rulebook.wait_for("topology_changed", 2)
        (new,) = open_servers(cluster)
        # The next one to die so soon is left to people.
        cluster[new].kill()
        rulebook.wait_for("primary_dead", len(rulebook.said("primary_dead")) + 3)
        assert (rulebook.runs, open_servers(cluster)) == (1, [])
        assert PASSWORDS["failover"] not in rulebook.output


@ONLY
def test_of_two_that_watch_one_is_killed_at_work_and_the_other_one_finishes_it(kind: str, tmp_path: Path) -> None:
    try:
        Network.try_out()
    except SandboxError as error:
        pytest.skip(str(error))
    with Cluster(kind, replicas=2, options=["--loose-slave-net-timeout=2"], hosts=True) as cluster, contextlib.ExitStack() as watching:
        network, primary, replicas = cluster.network, cluster.primary, list(cluster.replicas)
        assert network is not None
        network.add("watcher")
        one, two = (
            watching.enter_context(Rulebook(tmp_path / name, cluster, prefix=network.prefix_of("watcher"), repeat=1, failures=3)) for name in ("one", "two")
        )
        for each in (one, two):
            each.wait_for("topology_changed")
        # A primary that comes and goes, and one that only those who watch do not reach, are left alone.
        for times in (1, 2):
            primary.pause()
            one.wait_for("primary_suspected", times)
            primary.resume()
            one.wait_for("primary_back", times)
        network.lose("watcher", "db0")
        one.wait_for("primary_suspected", len(one.said("primary_suspected")) + 4)
        network.find("watcher", "db0")
        one.wait_for("primary_back", 3)
        assert (one.runs, two.runs, len(one.said("primary_dead")), len(two.said("primary_dead"))) == (0, 0, 0, 0)
        # One that nobody reaches is replaced, although the first one dies at that.
        network.cut_off(["db0"])
        wait_until(lambda: one.runs or two.runs)
        at_work, survivor = (one, two) if one.runs else (two, one)
        at_work.kill()
        wait_until(lambda: survivor.runs and any(server.is_writable for server in replicas))
        (new,) = (server for server in replicas if server.is_writable)
        (other,) = (server for server in replicas if server is not new)
        wait_until(lambda: (other.replica_status()["source_port"], other.replica_status()["receiver"]) == (new.port, "Yes"))
        network.heal()
        survivor.wait_for("two_writable")
        assert [server.name for server in replicas if server.is_writable] == [new.name]


def event(kind: str, cluster: str, paused: bool = False) -> dict[str, Any]:
    return {"type": kind, "cluster": cluster, "paused": paused, "time": "2026-01-01T00:00:00.000000Z", "message": "db0"}


def test_awx_is_told_once_to_start_the_workflow_of_the_cluster(tmp_path: Path) -> None:
    # Its rules as they are, on events that come without servers.
    (rules,) = yaml.safe_load((EXTENSIONS / "rulebooks/failover_awx.yml").read_text(encoding="utf-8"))
    payload = [
        event("primary_suspected", "orders"),
        event("primary_dead", "users", paused=True),
        event("primary_dead", "orders"),
        event("primary_dead", "orders"),
        event("primary_dead", "payments"),
        event("cut_off", "orders"),
    ]
    rules["sources"] = [{"eda.builtin.generic": {"payload": payload, "shutdown_after": 3600}}]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps([rules]), encoding="utf-8")
    (tmp_path / "inventory.yml").write_text("all: {hosts: {localhost: {}}}", encoding="utf-8")
    with AwxStandIn() as awx:
        organization = awx._create("organizations", {"name": "Default"})
        for cluster in ("orders", "users", "payments"):
            awx._create("workflow_job_templates", {"name": f"{cluster} failover workflow", "organization": organization["id"]})
        controller = ["--controller-url", awx.environment["CONTROLLER_HOST"], "--controller-token", TOKEN]
        with Rulebook(tmp_path, None, str(path), *controller) as rulebook:
            rulebook.wait_for("cut_off")
            wait_until(lambda: len(awx.launched) >= 2)
        nothing: dict[str, Any] = {"extra_vars": {}}
        assert sorted(awx.launched) == [("orders failover workflow", nothing), ("payments failover workflow", nothing)]
