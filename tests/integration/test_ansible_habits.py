# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people do with Ansible: strategies, callbacks, settings, ways to run roles and tasks. Nothing of it may matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.cluster import Cluster
from sandbox.servers.pool import POOL
from sandbox.servers.sshd import Sshd

pytestmark = pytest.mark.server("mariadb-10.11")

OLDEST = Path(__file__).resolve().parents[2] / ".build/core-oldest/bin/ansible-playbook"

LOOK: dict[str, Any] = {"dbha.mysql.mysql_gtid_check": {"cluster": "orders"}}


class Shared:
    """A cluster of db0, db1 and db2 whose role goes to and fro between the first two."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster = cluster
        self.directory = directory
        self.playbooks = Playbooks(cluster, directory)

    def play(self, tasks: list[dict[str, Any]], *arguments: str, **keywords: Any) -> Run:
        """Run a play of somebody's own."""
        return self.playbooks.run_tasks(tasks, *arguments, play=keywords)

    @property
    def other(self) -> str:
        """Who is to be the next primary."""
        return "db1" if self.cluster["db0"].is_writable else "db0"

    def assert_moved(self, run: Run, to: str) -> None:
        """Hold that a switchover has done what it is for."""
        assert run.returncode == 0, run
        assert (run.dbha_result["outcome"], run.dbha_result["new_primary"]["name"], run.dbha_result["problems"]) == ("promoted", to, []), run
        assert [server.name for server in self.cluster.servers.values() if server.is_writable] == [to]

    def switch(self, *arguments: str, **options: Any) -> Run:
        """Move the role by the playbook, and see that it has moved."""
        to = self.other
        run = self.playbooks.run("dbha.mysql.switchover", *arguments, switchover_to=to, **options)
        self.assert_moved(run, to)
        return run


@pytest.fixture(scope="module")
def shared(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with POOL.cluster(kind, replicas=2) as cluster:
        yield Shared(cluster, tmp_path_factory.mktemp("habits"))


def role(name: str, how: str = "import_role", **options: str) -> dict[str, Any]:
    return {f"ansible.builtin.{how}": {"name": f"dbha.mysql.{name}"}, "vars": {f"{name}_{option}": value for option, value in options.items()}}


def switchover(to: str, how: str = "import_role") -> dict[str, Any]:
    return role("switchover", how, cluster="orders", to=to)


PLAYS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "strategy=free": ({"strategy": "free"}, [switchover("db1")]),
    "strategy=host_pinned": ({"strategy": "host_pinned"}, [switchover("db0")]),
    "serial": ({"serial": 1}, [switchover("db1")]),
    "become": ({"become": True, "become_method": "su"}, [switchover("db0")]),
    "roles": ({"roles": [{"role": "dbha.mysql.switchover", "switchover_cluster": "orders", "switchover_to": "db1"}]}, []),
    "import_role": ({}, [switchover("db0")]),
    "include_role": ({}, [switchover("db1", "include_role")]),
    "one after the other": (
        {},
        [role("rejoin", cluster="orders"), role("failover", "include_role", cluster="orders"), role("failover", cluster="orders"), switchover("db0")],
    ),
}
"""Plays that move the role, each to the one that the play before has taken it from."""


def promote(to: str, of: str) -> dict[str, Any]:
    return {"dbha.mysql.mysql_promote": {"replica": to, "demote": of, "replicas": ["db0", "db1", "db2"]}}


def repoint(to: str, replicas: Any) -> dict[str, Any]:
    return {"dbha.mysql.mysql_change_master": {"cluster": "orders", "primary": to, "replicas": replicas}}


SETTLED = "look is succeeded and look.problems == []"

TASKS: dict[str, dict[str, Any]] = {
    "async": {**promote("db1", "db0"), "async": 60, "poll": 1},
    "loop": {**repoint("db1", "{{ [item] }}"), "loop": ["db0", "db2"]},
    "until": {**LOOK, "until": SETTLED, "retries": 30, "delay": 0},
    "task becomes": {**promote("db0", "db1"), "become": True, "become_method": "su"},
    "delegated": {**repoint("db0", ["db1", "db2"]), "delegate_to": "localhost", "run_once": True},
    "until again": {**LOOK, "until": SETTLED, "retries": 30, "delay": 0, "async": 60, "poll": 1},
}
"""Tasks that move the role to db1 and back."""


@pytest.fixture(scope="module")
def run(shared: Shared) -> Run:
    """Run all of these, one after the other, because to start Ansible takes longest."""
    forget = {"ansible.builtin.set_fact": {"dbha_result": None}}
    plays = [
        {**keywords, "tasks": tasks, "pre_tasks": [forget], "post_tasks": [{"name": name, "ansible.builtin.debug": {"var": "dbha_result"}}]}
        for name, (keywords, tasks) in PLAYS.items()
    ]
    plays += [{"tasks": [{"name": name, "register": "look", **task}]} for name, task in TASKS.items()]
    book = shared.directory / "habits.yml"
    book.write_text(json.dumps([{"name": "A play", "hosts": "localhost", "gather_facts": False, **play} for play in plays]), encoding="utf-8")
    run = shared.playbooks.run(str(book), timeout=600)
    assert run.returncode == 0, run
    return run


def shown(run: Run, name: str) -> dict[str, Any]:
    *_retried, result = [task.result for task in run.tasks if task.name == name]
    return result


@pytest.mark.parametrize("play", PLAYS)
def test_a_role_moves_the_primary_however_it_is_run(play: str, run: Run) -> None:
    result = shown(run, play)["dbha_result"]
    # Every second one goes back.
    to = ("db1", "db0")[list(PLAYS).index(play) % 2]
    assert (result["outcome"], result["new_primary"]["name"], result["problems"]) == ("promoted", to, [])
    assert {replica["name"] for replica in result["replicas"] if replica["replicating"]} == {"db0", "db1", "db2"} - {to}


@pytest.mark.parametrize("task", TASKS)
def test_a_module_does_its_work_however_its_task_is_run(task: str, run: Run) -> None:
    result = shown(run, task)
    if task.startswith("until"):
        assert (result["primary"]["name"], result["problems"]) == ("db0" if "again" in task else "db1", [])
        return
    # A loop has a result for each.
    results = result.get("results", [result])
    assert [each["changed"] for each in results] == [True] * (2 if task == "loop" else 1)
    assert [each["problems"] for each in results] == [[]] * len(results)


def test_an_async_task_that_is_refused_fails_with_its_code(shared: Shared) -> None:
    run = shared.play([{"dbha.mysql.mysql_gtid_check": {"cluster": "orders", "expect_primary": "dead"}, "async": 60, "poll": 1}])
    assert (run.returncode, run.codes) == (2, {"primary_alive"}), run


@pytest.mark.parametrize(
    "environment",
    [
        {"ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml", "ANSIBLE_STRATEGY": "free", "ANSIBLE_FORKS": "1"},
        {"ANSIBLE_BECOME": "true", "ANSIBLE_BECOME_METHOD": "dbha_does_not_exist"},
        {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": "CACHE", "ANSIBLE_GATHERING": "smart"},
        {"ANSIBLE_HASH_BEHAVIOUR": "merge", "ANSIBLE_STDOUT_CALLBACK": "oneline"},
        {"ANSIBLE_JINJA2_NATIVE": "true", "ANSIBLE_STDOUT_CALLBACK": "minimal"},
        {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
    ],
    ids=lambda environment: next("=".join(each) for each in environment.items()),
)
def test_settings_do_not_matter(environment: dict[str, str], shared: Shared, tmp_path: Path) -> None:
    cache = {name: str(tmp_path) if value == "CACHE" else value for name, value in environment.items()}
    # What was kept by one run must not mislead the next one.
    for _time in range(2 if cache != environment else 1):
        shared.switch(environment=cache)


def test_a_refusal_reaches_whoever_reads_a_short_callback(shared: Shared) -> None:
    run = shared.playbooks.run("dbha.mysql.check", environment={"ANSIBLE_STDOUT_CALLBACK": "minimal"}, expect_primary="dead")
    assert run.returncode == 2
    assert "[primary_alive]" in run.output


def test_what_the_callback_json_prints_is_json(tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"orders": {"hosts": {"db0": {"mysql_unix_socket": "/nonexistent"}}}}), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "dbha.mysql.failover", "-i", str(inventory), "-e", "cluster=orders"]
    environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2, done.stderr
    look = json.loads(done.stdout)["plays"][0]["tasks"][0]["hosts"]["localhost"]
    assert {problem["code"] for problem in look["diff"]["result"]["problems"]} == {"unreachable"}
    # People read it as well, beside that.
    assert "[unreachable] db0" in done.stderr


def test_it_can_run_on_a_bastion_and_a_controller_that_is_reached_otherwise(shared: Shared, tmp_path: Path) -> None:
    with Sshd(tmp_path) as sshd:
        (address,) = sshd.host_of(shared.cluster.primary).values()
        interpreter = {"ansible_python_interpreter": sys.executable}
        bastion = {**interpreter, **{name: value for name, value in address.items() if name.startswith("ansible_")}}
        run = shared.switch(hosts={"bastion": {**bastion, "ansible_connection": "ssh"}}, run_on="bastion")
        assert list(run.hosts) == ["bastion"]
        limited = shared.playbooks.run("dbha.mysql.check", "--limit", "orders", hosts={"bastion": bastion}, run_on="bastion")
        assert "leaves out bastion" in limited.output
        shared.switch(hosts={"localhost": {**bastion, "ansible_connection": "ssh"}})


def test_each_of_several_clusters_leaves_its_result(shared: Shared, tmp_path: Path) -> None:
    inventory = tmp_path / "more.yml"
    inventory.write_text(
        json.dumps({"payments": {"children": {"orders": {}}}, "nobody": {"hosts": {"gone": {"mysql_unix_socket": "/none"}}}}), encoding="utf-8"
    )
    one_by_one = {
        "ansible.builtin.include_role": {"name": "dbha.mysql.failover"},
        "loop": ["orders", "payments"],
        "loop_control": {"loop_var": "failover_cluster"},
    }
    run = shared.play([one_by_one, {"ansible.builtin.debug": {"var": "dbha_results"}}], "-i", str(inventory))
    assert run.returncode == 0, run
    assert {name: result["outcome"] for name, result in run.custom["dbha_results"].items()} == {"orders": "unchanged", "payments": "unchanged"}
    # Each as a host of its own, all at once.
    clusters = [{"ansible.builtin.add_host": {"name": "{{ item }}", "groups": "clusters", "ansible_connection": "local"}, "loop": ["orders", "nobody"]}]
    each = {"ansible.builtin.import_role": {"name": "dbha.mysql.failover"}, "vars": {"failover_cluster": "{{ inventory_hostname }}"}}
    book = tmp_path / "all.yml"
    plays = [{"hosts": "localhost", "tasks": clusters}, {"hosts": "clusters", "strategy": "free", "tasks": [each]}]
    book.write_text(json.dumps([{"gather_facts": False, **play} for play in plays]), encoding="utf-8")
    run = shared.playbooks.run(str(book), "-i", str(inventory))
    assert run.returncode == 2, run
    assert {name: result["outcome"] for name, result in run.custom["dbha_results"].items()} == {"orders": "unchanged", "nobody": "refused"}


def test_what_a_play_says_once_for_all_modules_holds_for_the_one_that_promotes(kind: str, tmp_path: Path) -> None:
    said = {"group/dbha.mysql.all": {"connect_timeout": 7, "read_timeout": 21}, "dbha.mysql.mysql_promote": {"read_timeout": "{{ 20 + 2 }}"}}
    with POOL.cluster(kind, replicas=2) as cluster:
        cluster.primary.kill()
        run = Playbooks(cluster, tmp_path).run_tasks([role("failover", cluster="orders")], play={"module_defaults": said})
        assert run.returncode == 0, run
        results = [run.of(module) for module in ("mysql_find_best_replica", "mysql_promote", "mysql_change_master")]
        given = [result["invocation"]["module_args"] for result in results]
        assert [(each["connect_timeout"], each["read_timeout"]) for each in given] == [(7, 21), (7, 22), (7, 21)]
        # The task that elects has promoted.
        assert results[0]["promotion"]["statements"] == results[1]["statements"] != []


def test_native_types_and_names_that_are_numbers(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks = Playbooks(cluster, tmp_path, ansible=OLDEST)
        names = {"0715": "db0", "2024": "db1", "no": "db2"}
        hosts = {name: {"mysql_host": "127.0.0.1", "mysql_port": cluster[server].port} for name, server in names.items()}
        inventory = tmp_path / "numbers.yml"
        inventory.write_text(
            json.dumps({"orders": {"hosts": hosts | {key: {} for key in names.values()}}, "numbers": {"hosts": {key: {} for key in names}}}), encoding="utf-8"
        )
        environment = {"ANSIBLE_JINJA2_NATIVE": "true", "ANSIBLE_STRATEGY": "free"}
        run = playbooks.run("dbha.mysql.switchover", "-i", str(inventory), cluster="numbers", environment=environment, switchover_to="2024")
        assert run.returncode == 0, run
        assert run.dbha_result["new_primary"]["name"] == "2024"
        cluster.wait_in_sync(source=cluster["db1"], replicas=cluster.servers.values())
        cluster["db1"].kill()
        run = playbooks.run("dbha.mysql.failover", "-i", str(inventory), cluster="numbers", environment=environment, failover_candidates="no")
        assert run.returncode == 0, run
        assert run.dbha_result["new_primary"]["name"] == "no"
        cluster["db1"].restart()
        run = playbooks.run("dbha.mysql.rejoin", "-i", str(inventory), cluster="numbers", environment=environment)
        assert (run.returncode, run.dbha_result["outcome"]) == (0, "joined"), run
