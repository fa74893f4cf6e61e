# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Task files of the user's: at each moment of a run each knows what is known then, and one that fails refuses the run or lets it fail at its end."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, rows
from sandbox.runs.playbook import Playbooks, Run
from sandbox.scenes.scene import Scene
from sandbox.servers.sshd import Sshd
from sandbox.servers.waiting import wait_until

BUILD = Path(__file__).resolve().parents[2] / ".build"
ONE = pytest.mark.server("mariadb-10.11")

MOMENTS = ("before", "before_open", "fence", "after_open", "after", "failed")


class Hooks:
    """Task files that note what they know, and one for each moment that fails, too."""

    def __init__(self, directory: Path) -> None:
        self._seen = directory / "seen.jsonl"
        # A shell of its own costs a tenth of what a module does, which is a Python of its own.
        note = {"name": "Note", "ansible.builtin.raw": f"echo {{{{ dbha_event | to_json | quote }}}} >> {self._seen}"}
        self.note, self.fail = directory / "note.yml", directory / "fail.yml"
        self.note.write_text(json.dumps([note]), encoding="utf-8")
        failing = json.loads(json.dumps(note).replace("dbha_event |", "dbha_event | combine({'fails': true}) |"))
        self.fail.write_text(json.dumps([failing, {"name": "Object", "ansible.builtin.fail": {"msg": "not now, {{ dbha_event.cluster }}"}}]), encoding="utf-8")

    def seen(self) -> list[dict[str, Any]]:
        """Return what was noted since this was asked last."""
        events = [json.loads(line) for line in self._seen.read_text(encoding="utf-8").splitlines()] if self._seen.exists() else []
        self._seen.unlink(missing_ok=True)
        return events

    def at(self, role: str, *moments: str, failing: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the variables that name a task file at each of these moments; at those that fail a second one comes after it all the same."""
        return {f"{role}_{moment}": [str(self.fail), str(self.note)] if moment in failing else [str(self.note)] for moment in moments}


@pytest.fixture
def hooks(tmp_path: Path) -> Hooks:
    return Hooks(tmp_path)


def moments(events: list[dict[str, Any]]) -> list[str]:
    return [event["moment"] for event in events]


def codes(run: Run) -> set[str]:
    return {problem["code"] for problem in run.dbha_result["problems"]}


def failover(playbooks: Playbooks, *arguments: str, **variables: Any) -> Run:
    return playbooks.run("dbha.mysql.failover", *arguments, **variables)


@ONE
def test_each_moment_of_a_failover_knows_what_is_known_then_and_the_next_run_does_not_repeat_it(cluster: Cluster, hooks: Hooks, tmp_path: Path) -> None:
    playbooks, scene, all_of_them = Playbooks(cluster, tmp_path), Scene(cluster, tmp_path), hooks.at("failover", *MOMENTS)
    cluster.primary.kill()
    with scene.untouched():
        plan = failover(playbooks, "--check", **all_of_them)
        assert plan.returncode == 0, plan
        assert hooks.seen() == []
        assert f"would run before_open: {hooks.note}" in plan.output
    with scene.untouched():
        refused = failover(playbooks, **hooks.at("failover", "before", "before_open", "failed", failing=("before",)))
        assert (refused.returncode, codes(refused)) == (2, {"hook_refused"}), refused
        assert f"[hook_refused] before: {hooks.fail}: Object: not now, orders" in refused.output
        before, failed = hooks.seen()
        assert (before["moment"], before["new_primary"], before["refusal"]) == ("before", None, None)
        assert failed["moment"] == "failed"
        assert failed["refusal"]["code"] == "hook_refused"
    with scene.untouched():
        refused = failover(playbooks, **hooks.at("failover", "before_open", "after_open", failing=("before_open",)))
        assert (refused.returncode, codes(refused)) == (2, {"hook_refused"}), refused
        assert moments(hooks.seen()) == ["before_open"]
        assert refused.dbha_result["outcome"] == "refused"

    # What the remedy of hook_refused says: the task file is taken out of the list.
    run = failover(playbooks, **all_of_them)
    assert run.returncode == 0, run
    assert (run.dbha_result["outcome"], run.dbha_result["fenced"]) == ("promoted", True)
    events = hooks.seen()
    assert moments(events) == ["before", "before_open", "fence", "after_open", "after"]
    new = run.dbha_result["new_primary"]
    for event in events:
        assert (event["verb"], event["cluster"], event["refusal"]) == ("failover", "orders", None)
        assert event["old_primary"] == {"name": "db0", "host": cluster["db0"].host, "port": cluster["db0"].port, "status": "dead"}
        assert event["new_primary"] == (None if event["moment"] == "before" else new)
        assert event["gtids"]
    assert sorted([*events[-1]["replicas"], new["name"]]) == ["db1", "db2", "db3"]

    again = failover(playbooks, **all_of_them)
    assert (again.returncode, again.dbha_result["outcome"]) == (0, "unchanged"), again
    (event,) = hooks.seen()
    assert (event["moment"], event["old_primary"], event["new_primary"]) == ("after_open", None, new)


@ONE
@pytest.mark.parametrize("core", [None, "core-oldest"])
def test_after_the_opening_one_that_fails_leaves_nothing_else_undone(core: str | None, cluster: Cluster, hooks: Hooks, tmp_path: Path) -> None:
    # What goes through a template is text again until ansible-core 2.18.
    playbooks = Playbooks(cluster, tmp_path, ansible=core and BUILD / core / "bin/ansible-playbook")
    cluster.primary.kill()
    variables = hooks.at("failover", "fence", "after_open", "after", "failed", failing=("fence", "after_open", "after"))
    run = failover(playbooks, **variables)
    assert (run.returncode, codes(run)) == (2, {"hook_failed"}), run
    assert (run.dbha_result["outcome"], run.dbha_result["fenced"]) == ("promoted", False)
    assert moments(hooks.seen()) == ["fence", "fence", "after_open", "after_open", "after", "after", "failed"]
    assert [replica["problem"] for replica in run.dbha_result["replicas"] if replica["name"] != "db0"] == [None, None]
    assert all(replica["replicating"] for replica in run.dbha_result["replicas"] if replica["name"] != "db0")
    assert "the old primary was not fenced" in run.output
    # What the remedy says: everything else was done.
    again = failover(playbooks)
    assert (again.returncode, again.dbha_result["outcome"], codes(again)) == (0, "unchanged", set()), again


@ONE
def test_a_fence_that_is_required_and_fails_leaves_everything_as_it_was_found(cluster: Cluster, hooks: Hooks, tmp_path: Path) -> None:
    playbooks, scene = Playbooks(cluster, tmp_path, ansible=BUILD / "core-oldest/bin/ansible-playbook"), Scene(cluster, tmp_path)
    cluster.primary.kill()
    with scene.untouched():
        run = failover(playbooks, **hooks.at("failover", "fence", "after_open", failing=("fence",)), failover_fence_required=True)
        assert (run.returncode, codes(run)) == (2, {"fence_failed"}), run
        assert moments(hooks.seen()) == ["fence"]
    # With force it is required by default, and a host that hangs costs no more than it may.
    slow = tmp_path / "slow.yml"
    slow.write_text(json.dumps([{"name": "Hang", "ansible.builtin.command": "sleep 600"}]), encoding="utf-8")
    with scene.untouched():
        run = failover(playbooks, failover_force=True, failover_fence=[str(slow)], failover_fence_timeout=1)
        assert (run.returncode, codes(run)) == (2, {"fence_failed"}), run


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_the_fence_runs_while_the_new_primary_applies_what_it_has_received(cluster: Cluster, tmp_path: Path) -> None:
    """It runs until what no replica can apply before it has begun is applied."""
    playbooks, scene = Playbooks(cluster, tmp_path), Scene(cluster, tmp_path)
    begun, applied = tmp_path / "begun", tmp_path / "applied"
    wait = tmp_path / "wait.yml"
    wait.write_text(json.dumps([{"ansible.builtin.shell": f"touch {begun}; until test -e {applied}; do sleep 0.02; done"}]), encoding="utf-8")
    with ExitStack() as locks:
        for replica in cluster.replicas:
            client = locks.enter_context(closing(replica.connect()))
            client.cursor().execute("LOCK TABLES dbha_demo.`rows` READ")
        written = scene.write(20)
        scene.await_received(*cluster.replicas)
        scene.kill_primary()

        def let_apply() -> None:
            wait_until(begun.exists)
            locks.close()
            wait_until(lambda: any(written <= rows(replica) for replica in cluster.replicas))
            applied.touch()

        helper = threading.Thread(target=let_apply, daemon=True)
        helper.start()
        run = failover(playbooks, failover_fence=[str(wait)], failover_fence_required=True, failover_fence_timeout=300, failover_salvage="never")
        helper.join(60)
    assert (run.returncode, run.dbha_result["fenced"]) == (0, True), run
    assert written <= rows(scene.new_primary)
    assert all(replica["replicating"] for replica in run.dbha_result["replicas"] if replica["name"] != "db0")


@ONE
def test_a_host_that_cannot_be_reached_refuses_and_everything_is_undone(cluster: Cluster, sshd: Sshd, hooks: Hooks, tmp_path: Path) -> None:
    """For Ansible that is no failed task: it would end the play, and nobody would undo anything."""
    playbooks, scene = Playbooks(cluster, tmp_path), Scene(cluster, tmp_path)
    far, done = tmp_path / "far.yml", tmp_path / "done"
    tasks = [{"ansible.builtin.raw": f"echo {{{{ dbha_event.moment }}}} >>{done}", "delegate_to": name} for name in ("{{ dbha_event.old_primary.name }}",)]
    far.write_text(json.dumps([{"block": tasks}]), encoding="utf-8")
    hosts = sshd.host_of(cluster.primary)
    away = {name: {**variables, "ansible_port": 1} for name, variables in hosts.items()}
    cluster.primary.kill()
    named = {"failover_fence_required": True, "failover_salvage": "never", **hooks.at("failover", "after_open", "failed")}
    for moment, code in (("before", "hook_refused"), ("before_open", "hook_refused"), ("fence", "fence_failed")):
        with scene.untouched():
            run = playbooks.run("dbha.mysql.failover", hosts=away, **named, **{f"failover_{moment}": [str(far)]})
            assert (run.returncode, codes(run), moments(hooks.seen()), done.exists()) == (2, {code}, ["failed"], False), run
            message = f"{moment}: {far}: See that it was reached: db0 cannot be reached, so nothing of this task file was run"
            assert [problem["message"] for problem in run.dbha_result["problems"]] == [message]
    # The remedy, to the letter: the host can be reached.
    run = playbooks.run("dbha.mysql.failover", hosts=hosts, **named, failover_before_open=[str(far)], failover_fence=[str(far)])
    assert (run.returncode, run.dbha_result["fenced"], done.read_text(encoding="utf-8").split()) == (0, True, ["before_open", "fence"]), run


@ONE
def test_a_primary_that_answers_is_closed_first_and_fenced_after_the_opening(cluster: Cluster, hooks: Hooks, tmp_path: Path) -> None:
    playbooks = Playbooks(cluster, tmp_path)
    variables = hooks.at("failover", "before", "before_open", "fence", "after_open", failing=("fence",))
    run = failover(playbooks, failover_dead_primary="db0", failover_force=True, **variables)
    assert (run.returncode, codes(run)) == (2, {"fence_failed"}), run
    assert (run.dbha_result["outcome"], run.dbha_result["fenced"]) == ("promoted", False)
    events = hooks.seen()
    assert moments(events) == ["before", "before_open", "after_open", "fence", "fence"]
    assert {event["old_primary"]["status"] for event in events} == {"alive"}
    assert cluster.writable() == [run.dbha_result["new_primary"]["name"]]


@ONE
def test_what_is_no_task_file_is_refused_before_anything_is_done(cluster: Cluster, hooks: Hooks, tmp_path: Path) -> None:
    playbooks, scene = Playbooks(cluster, tmp_path), Scene(cluster, tmp_path)
    cluster.primary.kill()
    broken = tmp_path / "broken.yml"
    broken.write_text("- name: A module that there is not\n  no_such_module_anywhere:\n", encoding="utf-8")
    with scene.untouched():
        for wrong in (str(tmp_path / "missing.yml"), str(broken), "dbha.mysql.fence/nothing"):
            run = failover(playbooks, **hooks.at("failover", "before", "failed"), failover_after_open=[wrong])
            assert run.returncode == 2, run
            assert f"failover_after_open: {'' if wrong == str(broken) else 'there is no task file '}{wrong}" in run.output
            assert hooks.seen() == []


@pytest.mark.server("mysql-9.7")
def test_a_switchover_and_a_rejoin_have_theirs(cluster: Cluster, hooks: Hooks, tmp_path: Path) -> None:
    playbooks, scene = Playbooks(cluster, tmp_path), Scene(cluster, tmp_path)
    theirs = ("before", "before_open", "after_open", "after", "failed")
    for moment in ("before", "before_open"):
        with scene.untouched():
            run = playbooks.run("dbha.mysql.switchover", switchover_to="db1", **hooks.at("switchover", *theirs, failing=(moment,)))
            assert (run.returncode, codes(run)) == (2, {"hook_refused"}), run
            assert moments(hooks.seen()) == [*theirs[: theirs.index(moment) + 1], "failed"]
    # In the group of the cluster they count as well.
    group = tmp_path / "group.json"
    group.write_text(json.dumps({"orders": {"vars": hooks.at("switchover", *theirs)}}), encoding="utf-8")
    run = playbooks.run("dbha.mysql.switchover", "-i", str(group), switchover_to="db1")
    assert run.returncode == 0, run
    events = hooks.seen()
    assert moments(events) == ["before", "before_open", "after_open", "after"]
    assert {(event["old_primary"]["name"], event["verb"]) for event in events} == {("db0", "switchover")}
    assert [event["new_primary"] and event["new_primary"]["name"] for event in events] == [None, "db1", "db1", "db1"]

    cluster["db1"].kill()
    run = failover(playbooks, **hooks.at("failover", *MOMENTS))
    assert (run.returncode, run.dbha_result["fenced"]) == (0, True), run
    assert moments(hooks.seen()) == ["before", "before_open", "fence", "after_open", "after"]
    cluster["db1"].restart()
    refused = playbooks.run("dbha.mysql.rejoin", rejoin_server="db1", **hooks.at("rejoin", "before", "after", "failed", failing=("before",)))
    assert (refused.returncode, codes(refused)) == (2, {"hook_refused"}), refused
    assert moments(hooks.seen()) == ["before", "failed"]
    run = playbooks.run("dbha.mysql.rejoin", rejoin_server="db1", **hooks.at("rejoin", "before", "after", "failed", failing=("after",)))
    assert (run.returncode, codes(run), run.dbha_result["outcome"]) == (2, {"hook_failed"}, "failed"), run
    events = hooks.seen()
    assert moments(events) == ["before", "after", "after", "failed"]
    assert {event["old_primary"]["name"] for event in events} == {"db1"}
    assert cluster["db1"].query("SELECT 1")


@ONE
def test_a_run_that_is_killed_while_a_hook_is_running_is_finished_by_the_next_one(cluster: Cluster, hooks: Hooks, tmp_path: Path) -> None:
    playbooks = Playbooks(cluster, tmp_path)
    cluster.primary.kill()
    deadly = tmp_path / "deadly.yml"
    # The shell of a lookup is started by the process of the task, and that by the one of the run.
    deadly.write_text(json.dumps([{"ansible.builtin.command": "kill -KILL {{ lookup('pipe', 'ps -o ppid= -p $PPID') }}"}]), encoding="utf-8")
    # In a process of its own, because of the environment.
    for moment in ("before_open", "after_open"):
        killed = failover(playbooks, **{f"failover_{moment}": [str(deadly)]}, environment={"DBHA_TEST": "1"})
        assert killed.returncode == -9, killed
    opened = cluster.writable()
    assert len(opened) == 1
    run = failover(playbooks, **hooks.at("failover", "before_open", "after_open", "after"))
    assert run.returncode == 0, run
    assert cluster.writable() == opened
    events = hooks.seen()
    assert moments(events)[-2:] == ["after_open", "after"]
    assert {event["new_primary"]["name"] for event in events} == set(opened)
    assert all(replica["replicating"] for replica in run.dbha_result["replicas"] if replica["name"] != "db0")


@ONE
def test_the_ready_made_fences_stop_the_unit_over_ssh_and_run_a_command(cluster: Cluster, sshd: Sshd, hooks: Hooks, tmp_path: Path) -> None:
    """There is no systemd where the tests run: a stand-in for systemctl notes what it is told, and a stop kills the process of the real server."""
    noted, off, program = tmp_path / "noted", tmp_path / "off", tmp_path / "programs/systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >>{noted}\n[ "$1" != stop ] || kill -KILL {cluster.primary.pid}\n', encoding="utf-8")
    program.chmod(0o755)
    shell = tmp_path / "shell"
    shell.write_text(f'#!/bin/sh\nPATH={program.parent}:$PATH exec sh -c "$SSH_ORIGINAL_COMMAND"\n', encoding="utf-8")
    shell.chmod(0o755)
    key = sshd.key.with_suffix(".pub").read_text(encoding="utf-8")
    (sshd.directory / "authorized_keys").write_text(f'command="{shell}" {key}', encoding="utf-8")
    playbooks = Playbooks(cluster, tmp_path)
    # A primary that hangs is alive for its kernel, and only a fence makes sure of it.
    cluster.primary.pause()
    named = {"failover_fence": ["dbha.mysql.fence/service", "dbha.mysql.fence/poweroff"], "failover_force": True, "failover_salvage": "never"}
    units = {"fence_unit": "mariadb", "fence_become": False, "fence_command": f"touch {off}", "failover_unreachable": "proceed"}
    hosts = sshd.host_of(cluster.primary)
    # A host that hangs costs no more than a server that does.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        away = {name: {**variables, "ansible_port": silent.getsockname()[1], "mysql_connect_timeout": 2} for name, variables in hosts.items()}
        away |= {server.name: {"mysql_connect_timeout": 2} for server in cluster.replicas}
        run = playbooks.run("dbha.mysql.failover", "-vvv", hosts=away, **named, **units)
    assert (run.returncode, codes(run)) == (2, {"fence_failed"}), run
    assert "db0 cannot be reached over SSH, so its unit may still run" in run.dbha_result["problems"][0]["message"]
    assert "-o ConnectTimeout=2 " in run.output
    assert run.output.count("-o ConnectTimeout=") == run.output.count("-o ConnectTimeout=2 ")
    assert [server.name for server in cluster.replicas if server.is_writable] == []
    # What the remedy says: what was named is fixed.
    run = playbooks.run("dbha.mysql.failover", hosts=hosts, **named, **units)
    assert (run.returncode, run.dbha_result["fenced"]) == (0, True), run
    assert noted.read_text(encoding="utf-8").splitlines() == ["disable mariadb", "mask mariadb", "stop mariadb"]
    assert off.exists()
    assert not cluster.primary.is_running
