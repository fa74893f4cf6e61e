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
from dataclasses import dataclass
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


@dataclass
class Shared:
    """A cluster that no test changes."""

    cluster: Cluster
    directory: Path

    @property
    def playbooks(self) -> Playbooks:
        return Playbooks(self.cluster, self.directory)

    def play(self, tasks: list[dict[str, Any]], *arguments: str, **keywords: Any) -> Run:
        """Run a play of somebody's own."""
        return self.playbooks.run_tasks(tasks, *arguments, play=keywords)


@pytest.fixture(scope="module")
def shared(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with POOL.cluster(kind, replicas=2) as cluster:
        yield Shared(cluster, tmp_path_factory.mktemp("habits"))


def role(name: str, how: str = "import_role") -> dict[str, Any]:
    return {f"ansible.builtin.{how}": {"name": f"dbha.mysql.{name}"}, "vars": {f"{name}_cluster": "orders"}}


PLAYS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "strategy=free": ({"strategy": "free"}, [role("failover")]),
    "strategy=host_pinned": ({"strategy": "host_pinned"}, [role("failover")]),
    "serial": ({"serial": 1}, [role("failover")]),
    "become": ({"become": True, "become_method": "su"}, [role("failover")]),
    "roles": ({"roles": [{"role": "dbha.mysql.failover", "failover_cluster": "orders"}]}, []),
    "import_role": ({}, [role("rejoin")]),
    "include_role": ({}, [role("failover", "include_role")]),
    "one after the other": ({}, [role("rejoin"), role("failover", "include_role"), role("failover")]),
}
"""Plays whose role finds nothing to do."""

TASKS: dict[str, dict[str, Any]] = {
    "async": {**LOOK, "async": 60, "poll": 1},
    "until": {**LOOK, "until": "look is succeeded", "retries": 3, "delay": 0},
    "loop": {"dbha.mysql.mysql_gtid_check": {"cluster": "{{ item }}"}, "loop": ["orders", "orders"]},
    "task becomes": {**LOOK, "become": True, "become_method": "su"},
    "delegated": {**LOOK, "delegate_to": "localhost", "run_once": True},
}
"""Tasks that look at the cluster."""


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
    return shared.playbooks.run(str(book))


def shown(run: Run, name: str) -> dict[str, Any]:
    (result,) = [task.result for task in run.tasks if task.name == name]
    return result


@pytest.mark.parametrize("play", PLAYS)
def test_a_role_with_nothing_to_do_does_nothing(play: str, run: Run) -> None:
    assert (run.returncode, run.changed) == (0, 0), run
    result = shown(run, play)["dbha_result"]
    assert (result["outcome"], result["new_primary"]["name"]) == ("unchanged", "db0")


@pytest.mark.parametrize("task", TASKS)
def test_a_module_finds_the_cluster_well(task: str, run: Run) -> None:
    result = shown(run, task)
    # A loop has a result for each.
    looks = result.get("results", [result])
    assert [look["primary"]["name"] for look in looks] == ["db0"] * (2 if task == "loop" else 1)


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
    ],
    ids=lambda environment: next("=".join(each) for each in environment.items()),
)
def test_settings_do_not_matter(environment: dict[str, str], shared: Shared, tmp_path: Path) -> None:
    cache = {name: str(tmp_path) if value == "CACHE" else value for name, value in environment.items()}
    for _time in range(2 if cache != environment else 1):
        run = shared.playbooks.run("dbha.mysql.failover", environment=cache)
        assert run.returncode == 0, run
        assert (run.changed, run.dbha_result["new_primary"]["name"]) == (0, "db0")


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
        run = shared.playbooks.run("dbha.mysql.failover", hosts={"bastion": {**bastion, "ansible_connection": "ssh"}}, run_on="bastion")
        assert run.returncode == 0, run
        assert list(run.hosts) == ["bastion"]
        assert (run.changed, run.dbha_result["new_primary"]["name"]) == (0, "db0")
        limited = shared.playbooks.run("dbha.mysql.check", "--limit", "orders", hosts={"bastion": bastion}, run_on="bastion")
        assert "leaves out bastion" in limited.output
        run = shared.playbooks.run("dbha.mysql.check", hosts={"localhost": {**bastion, "ansible_connection": "ssh"}})
        assert run.returncode == 0, run


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
