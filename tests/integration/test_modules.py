# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The four modules by themselves, executed directly in Ansible's process and as modules in a Python of their own: both ways give the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Writer
from sandbox.runs.leaks import leaked
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.pool import POOL
from sandbox.servers.snapshot import differences, snapshots, wait_until_still

pytestmark = pytest.mark.alike("mariadb-10.11")

ALL = "{{ groups.orders }}"
# Anything in the environment of a task is for a process of its own.
MODULE = {"environment": {"DBHA_TEST": "1"}}
DIRECT: dict[str, Any] = {}
WAYS = {"direct": DIRECT, "module": MODULE}

ALIVE = {
    "look": {"dbha.mysql.mysql_gtid_check": {"replicas": ALL}},
    "look at a cluster": {"dbha.mysql.mysql_gtid_check": {"cluster": " orders ", "leave_out": "", "primary": "", "expect_primary": "", "connect_timeout": ""}},
    "look at a part of it": {"dbha.mysql.mysql_gtid_check": {"cluster": "orders", "leave_out": "db1, db2"}},
    "expect it dead": {"dbha.mysql.mysql_gtid_check": {"replicas": ALL, "expect_primary": "dead"}},
    "elect for nothing": {"dbha.mysql.mysql_find_best_replica": {"replicas": ALL, "drain": False}},
    "elect": {"dbha.mysql.mysql_find_best_replica": {"replicas": ALL}},
    "promote one that receives": {"dbha.mysql.mysql_promote": {"replica": "db1"}},
    "repoint those that follow": {"dbha.mysql.mysql_change_master": {"replicas": ["db1", "db2"], "primary": "db0"}},
}
# What is said to be wrong with it before any server is asked.
BAD_INPUT = {
    "a group that is none": {"dbha.mysql.mysql_gtid_check": {"cluster": "order"}},
    "a stranger left out": {"dbha.mysql.mysql_find_best_replica": {"cluster": "orders", "leave_out": "db9"}},
    "a stranger among the replicas": {"dbha.mysql.mysql_change_master": {"cluster": "orders", "replicas": ["db1", "localhost"], "primary": "db0"}},
    "nobody at all": {"dbha.mysql.mysql_find_best_replica": {}},
    "a name that is no host": {"dbha.mysql.mysql_promote": {"replica": "db9"}},
    "no servers": {"dbha.mysql.mysql_gtid_check": {"replicas": []}},
    "a server twice": {"dbha.mysql.mysql_gtid_check": {"replicas": ["db1", "db1"]}},
    "no such option": {"dbha.mysql.mysql_gtid_check": {"replicas": ALL, "replica": "db1"}},
    "no such choice": {"dbha.mysql.mysql_gtid_check": {"replicas": ALL, "expect_primary": "asleep"}},
    "a port that is none": {"dbha.mysql.mysql_promote": {"replica": {"host": "127.0.0.1", "port": "mysql"}}},
    "a port that is too high": {"dbha.mysql.mysql_promote": {"replica": {"host": "127.0.0.1", "port": 65536}}},
    "an option missing": {"dbha.mysql.mysql_change_master": {"primary": "db1"}},
    "no time": {"dbha.mysql.mysql_promote": {"replica": "db1", "timeout": 0}},
}
REPOINT = {
    "replicas": ["db1", "db2", "db3"],
    "replication_user": "{{ hostvars.db0.mysql_replication_user }}",
    "replication_password": "{{ hostvars.db0.mysql_replication_password }}",
}
PLAN = {
    "look": {"dbha.mysql.mysql_gtid_check": {"replicas": ALL, "expect_primary": "dead"}},
    "elect": {"dbha.mysql.mysql_find_best_replica": {"replicas": ALL, "candidates": ["db3"]}},
    "promote": {"dbha.mysql.mysql_promote": {"replica": "db3"}},
    "repoint": {"dbha.mysql.mysql_change_master": {**REPOINT, "primary": "db3"}},
}
ELECT = {"dbha.mysql.mysql_find_best_replica": {"replicas": ALL, "candidates": ["db3"]}}
RESTORE = {"dbha.mysql.mysql_find_best_replica": {"replicas": ALL, "restore": "{{ election.found }}"}}
PROMOTE = {"dbha.mysql.mysql_promote": {"replica": "db3"}}
CHANGE = {"dbha.mysql.mysql_change_master": {**REPOINT, "primary": "db3"}}
WORK = {
    "elect": {**ELECT, **DIRECT, "register": "election"},
    "elect again/direct": {**ELECT, **DIRECT},
    "elect again/module": {**ELECT, **MODULE},
    "restore": {**RESTORE, **MODULE},
    "restore again/direct": {**RESTORE, **DIRECT},
    "restore again/module": {**RESTORE, **MODULE},
    "elect once more": {**ELECT, **MODULE},
    "promote": {**PROMOTE, **DIRECT},
    "promote again/direct": {**PROMOTE, **DIRECT},
    "promote again/module": {**PROMOTE, **MODULE},
    "repoint": {**CHANGE, **DIRECT},
    "repoint again/direct": {**CHANGE, **DIRECT},
    "repoint again/module": {**CHANGE, **MODULE},
}
# The same once more, as modules, when the one that was promoted is dead too.
WORK_OF_MODULES = {
    "elect": {"dbha.mysql.mysql_find_best_replica": {"replicas": ALL, "candidates": ["db1"], "unreachable": "proceed"}},
    "promote": {"dbha.mysql.mysql_promote": {"replica": "db1"}},
    "repoint": {"dbha.mysql.mysql_change_master": {**REPOINT, "replicas": ["db2"], "primary": "db1"}},
}


@dataclass
class Story:
    """Every run, and what was changed where nothing was to be."""

    cluster: Cluster
    runs: dict[str, Run] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)

    def result(self, run: str, name: str) -> dict[str, Any]:
        (result,) = [task.result for task in self.runs[run].tasks if task.name == name]
        return result


@pytest.fixture(scope="module")
def story(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with POOL.cluster(kind, replicas=3) as cluster:
        playbooks = Playbooks(cluster, tmp_path_factory.mktemp(kind))
        story = Story(cluster)

        def run(name: str, tasks: dict[str, dict[str, Any]], **more: Any) -> None:
            listed = [{"name": name, "ignore_errors": True, **task, **more} for name, task in tasks.items()]
            story.runs[name] = playbooks.run_tasks(listed, "-vvv")

        def run_both_ways(name: str, tasks: dict[str, dict[str, Any]], **more: Any) -> None:
            servers = [server for server in cluster.servers.values() if server.is_running]
            for way, keywords in WAYS.items():
                before = wait_until_still(servers)
                run(f"{name}/{way}", tasks, **keywords, **more)
                story.changed[f"{name}/{way}"] = differences(before, snapshots(servers))

        run_both_ways("alive", ALIVE)
        with Writer(cluster.primary) as writer:
            writer.wait_for(50)
            cluster.primary.kill()
        run_both_ways("plan", PLAN, check_mode=True, diff=True)
        run("work", WORK, diff=True)
        cluster["db3"].kill()
        run("work of modules", WORK_OF_MODULES, diff=True, **MODULE)
        yield story


def without_times(value: Any) -> Any:
    """Leave out what is another at every moment: clocks, how a receiver fares with its dead source, which of several servers was first."""
    if isinstance(value, dict):
        if "statements" in value:
            value = {**value, "statements": sorted(value["statements"], key=itemgetter("server"))}
        moving = re.compile(r"time|timeline|.*(_time|_State|_diff|heartbeats|Seconds_Behind_.*)|Last_(IO_)?Err.*|receiver_error|Connects_Tried")
        return {key: without_times(each) for key, each in value.items() if not moving.fullmatch(key) and not key.startswith("_ansible")}
    if isinstance(value, list):
        return [without_times(each) for each in value]
    return re.sub(r", \d+ s behind", "", value) if isinstance(value, str) else value


@pytest.mark.parametrize(("run", "name"), [*(("alive", name) for name in ALIVE), *(("plan", name) for name in PLAN)])
def test_both_ways_give_the_same_result(story: Story, run: str, name: str) -> None:
    direct, module = (without_times(story.result(f"{run}/{way}", name)) for way in WAYS)
    assert direct == module


def test_both_ways_refuse_bad_input_in_the_same_words_before_any_server_is_asked(some_kind: str, tmp_path: Path) -> None:
    with Cluster(some_kind, replicas=3, start=False) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        runs = [
            playbooks.run_tasks([{"name": name, "ignore_errors": True, **task, **keywords} for name, task in BAD_INPUT.items()]) for keywords in WAYS.values()
        ]
    direct, module = ({task.name: (task.status, without_times(task.result)) for task in run.tasks} for run in runs)
    assert {name: status for name, (status, _result) in direct.items()} == dict.fromkeys(BAD_INPUT, "failed")
    codes = {name: [(problem["code"], problem["server"]) for problem in result["problems"]] for name, (_status, result) in direct.items()}
    assert {name: found for name, found in codes.items() if found != [("bad_input", "")]} == {
        "a group that is none": [("no_such_cluster", "")],
        "a stranger left out": [("not_a_member", "db9")],
        "a stranger among the replicas": [("not_a_member", "localhost")],
    }
    assert direct == module


@pytest.mark.parametrize("way", WAYS)
def test_a_cluster_is_its_group(story: Story, way: str) -> None:
    listed, cluster, part = (story.result(f"alive/{way}", name) for name in ("look", "look at a cluster", "look at a part of it"))
    ours = {"invocation"}
    assert {key: value for key, value in without_times(cluster).items() if key not in ours} == {
        key: value for key, value in without_times(listed).items() if key not in ours
    }
    assert [replica["name"] for replica in part["replicas"]] == ["db3"]


@pytest.mark.parametrize("name", ["elect again", "restore again", "promote again", "repoint again"])
def test_a_second_time_changes_nothing_either_way(story: Story, name: str) -> None:
    direct, module = (story.result("work", f"{name}/{way}") for way in WAYS)
    assert not direct.get("failed"), direct
    assert (direct["changed"], direct["statements"]) == (False, [])
    assert without_times(direct) == without_times(module)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_is_the_one_that_was_meant(story: Story, way: str) -> None:
    assert ("AnsiballZ_mysql_" in story.runs[f"plan/{way}"].output) == (way == "module")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("run", ["alive", "plan"])
def test_neither_refusals_nor_check_mode_change_anything(story: Story, run: str, way: str) -> None:
    assert story.changed[f"{run}/{way}"] == {}


@pytest.mark.parametrize("way", WAYS)
def test_check_mode_tells_what_is_done_then(story: Story, way: str) -> None:
    for name in ("elect", "promote", "repoint"):
        planned, done = story.result(f"plan/{way}", name), story.result("work", name)
        assert planned["changed"]
        assert done["changed"]
        by_server = itemgetter("server")
        assert sorted(planned["statements"], key=by_server) == sorted(done["statements"], key=by_server)


def statements(result: dict[str, Any], roles: dict[str, str]) -> list[tuple[str, str]]:
    """Return what was sent, with servers by their roles."""
    return sorted((roles[sent["server"]], re.sub(r"PORT = \d+", "PORT = …", sent["statement"])) for sent in result["statements"])


def test_modules_do_what_is_done_directly(story: Story) -> None:
    for name in ("elect", "promote", "repoint"):
        direct, module = story.result("work", name), story.result("work of modules", name)
        assert not module.get("failed"), module
        first = statements(direct, {"db3": "new", "db2": "other", "db1": "third"})
        assert statements(module, {"db1": "new", "db2": "other"}) == [sent for sent in first if sent[0] != "third"]
        assert set(module) - {"warnings"} == set(direct) - {"warnings"}
    replica = story.cluster["db2"].replica_status()
    assert (replica["source_port"], replica["receiver"], replica["applier"]) == (story.cluster["db1"].port, "Yes", "Yes")
    assert story.cluster["db1"].is_writable


@pytest.mark.parametrize("way", WAYS)
def test_the_diff_of_a_plan_shows_the_topology_as_it_is_to_be(story: Story, way: str) -> None:
    diff = story.result(f"plan/{way}", "repoint")["diff"]
    before, after = ([line.partition("  ")[0] for line in diff[when].splitlines()] for when in ("before", "after"))
    # The old source is not one of the servers named, and keeps its place, without replicas.
    assert (before[1:], after[:3]) == (["+- db1", "+- db2", "+- db3"], ["db3", "+- db1", "+- db2"])
    assert not [line for line in after[3:] if line.startswith(("+-", " "))]
    assert diff["after"].partition("\n")[0].endswith("writable)")


def test_passwords_are_shown_by_neither_way(story: Story) -> None:
    for name, run in story.runs.items():
        assert (name, leaked(run.output)) == (name, [])
        assert (name, leaked(json.dumps([task.result for task in run.tasks]))) == (name, [])
        assert (name, leaked(repr(run.tasks))) == (name, [])


def test_a_module_runs_in_the_background_too(story: Story, tmp_path_factory: pytest.TempPathFactory) -> None:
    playbooks = Playbooks(story.cluster, tmp_path_factory.mktemp("background"))
    run = playbooks.run_tasks([{"dbha.mysql.mysql_gtid_check": {"replicas": ["db1", "db2"], "expect_primary": "alive"}, "async": 60, "poll": 1}])
    assert run.returncode == 0, run
    assert run.tasks[-1].result["primary"]["name"] == "db1"
