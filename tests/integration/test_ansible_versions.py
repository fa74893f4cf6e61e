# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks with other versions of ansible-core than the one that runs all other tests, each in an environment of its own (`make cores`).

Until 2.18 whatever a template gives becomes text, unless it is a list or a dictionary: a number too, and what is none becomes an empty one.
From 2.19 on conditions must be booleans.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox import PASSWORDS
from sandbox.runs.cores import BUILD, CORES, ansible_of
from sandbox.runs.leaks import leaked
from sandbox.runs.playbook import Playbooks, Run
from sandbox.runs.survey import as_text, unanswered
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.sshd import Sshd

DEBIAN = Path("/usr/bin/ansible-playbook")
OLD = {
    **({"Debian's own": DEBIAN} if DEBIAN.exists() else {"core-2.14": BUILD / "core-2.14/bin/ansible-playbook"}),
    **{core: BUILD / core / "bin/ansible-playbook" for core in ("core-2.15", "core-2.16")},
}
"""What Debian 12 and RHEL 9, and what Automation Platform and RHEL 10 come with. Debian's own is its packages ansible-core and python3-pymysql, no more."""

REPLICA = {"name": "str", "host": "str", "port": "int", "changed": "bool", "replicating": "bool", "problem": "NoneType"}
SERVER = {"name": "str", "host": "str", "port": "int"}
ENDED = {"cluster": "str", "outcome": "str", "check": "bool", "problems": [], "seconds": "float"}
RESULT = {**ENDED, "old_primary": SERVER, "new_primary": SERVER, "replicas": [REPLICA]}
FAILOVER = {**RESULT, "lost": [], "salvaged": {"count": "int", "gtids": "str", "problem": "NoneType"}}
FAILED_OVER = {**FAILOVER, "comes_back": {"server": "str", "closed": "NoneType", "why": "str", "run": "str"}}
SWITCHOVER = {**RESULT, "lost": [], "downtime": "float"}
REJOIN = {**RESULT, "own": {"gtids": "str", "count": "int", "without_gtid": "int"}, "saved": "NoneType"}


def types(value: Any) -> Any:
    """Return a result with the names of types in place of values; of a list only the different ones."""
    if isinstance(value, dict):
        return {key: types(each) for key, each in value.items()}
    if isinstance(value, list):
        return [each for index, each in enumerate(map(types, value)) if each not in list(map(types, value))[:index]]
    return type(value).__name__


SHOWN: list[tuple[str, dict[str, str], list[str]]] = [
    ("at -v", {}, ["-v"]),
    ("as YAML", {"ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml"}, []),
    ("with differences", {}, ["--diff"]),
]
"""Ways to show a result that are Ansible's own."""

NAMES = [("no", "no"), (False, "no"), ("0715", "0715"), (461, "0715"), (2024, "2024"), (" 2024 ", "2024")]
"""What a survey gives for a group, and the group that is meant: YAML makes of some names what is no text."""


def group_with_a_name(directory: Path, name: str) -> Path:
    """Write an inventory with a group in which nothing answers."""
    path = directory / f"{name}.yml"
    path.write_text(f"'{name}': {{hosts: {{'{name}-1': {{mysql_unix_socket: /nonexistent}}}}}}\n", encoding="utf-8")
    return path


def secrets_in(directory: Path, ansible: Path) -> tuple[Path, Path, Path]:
    """Write inventories that say the password of the account again, one encrypted by itself and one by what is not defined; and the key of the first."""
    key, encrypted, undefined = directory / "key", directory / "encrypted.yml", directory / "undefined.yml"
    key.write_text("the key of the vault")
    command = [ansible.with_name("ansible-vault"), "encrypt_string", "--vault-password-file", key, PASSWORDS["failover"]]
    vaulted = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
    encrypted.write_text(f"orders:\n  vars:\n    mysql_login_password: {vaulted}\n")
    undefined.write_text("orders: {vars: {mysql_login_password: '{{ vault_that_is_nowhere }}'}}\n")
    return encrypted, key, undefined


@dataclass
class Story:
    """What became of one cluster, run by run."""

    runs: dict[str, Run] = field(default_factory=dict)


@pytest.fixture(scope="module", params=CORES)
def story(request: pytest.FixtureRequest, some_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Tell it: a check, a refusal, a switchover, a failover that salvages, the same once more, the return of the dead one, and a failover that does not."""
    ansible = ansible_of(request.param)
    directory = tmp_path_factory.mktemp("ssh")
    with POOL.cluster(some_kind, replicas=2) as cluster, Sshd(directory) as sshd:
        scene, playbooks, story = Scene(cluster, directory), Playbooks(cluster, directory, ansible=ansible), Story()

        def act(name: str, playbook: str, *arguments: str, **options: Any) -> None:
            story.runs[name] = playbooks.run(f"dbha.mysql.{playbook}", *arguments, **options)

        act("check", "check")
        act("refusal", "failover", failover_dead_primary="db0")
        for name, environment, arguments in SHOWN:
            act(f"refusal, {name}", "failover", *arguments, failover_dead_primary="db0", environment=environment)
        act("no such group", "switchover", cluster="order")
        for given, names in NAMES:
            act(f"the group {given!r}", "check", "-i", str(group_with_a_name(directory, names)), "--extra-vars", json.dumps({"cluster": given}))
        encrypted, key, undefined = secrets_in(directory, ansible)
        act("encrypted", "check", "-i", str(encrypted), "--vault-password-file", str(key))
        act("refusal of what cannot be decrypted", "check", "-i", str(encrypted))
        act("refusal of what is not defined", "check", "-i", str(undefined))
        # Whether a question of a survey has no answer, or one that says nothing, or one that is text: each version reads that in its own way.
        act("nothing to do", "failover", **unanswered("failover", None))
        act("switchover", "switchover", **as_text("switchover", switchover_to=" db1 "))
        cluster.wait_in_sync(source=cluster["db1"], replicas=cluster.servers.values())
        for replica in (cluster["db0"], cluster["db2"]):
            scene.thread("STOP", replica, "IO_THREAD")
        cluster["db1"].execute_all("INSERT INTO dbha_demo.`rows` (id, client) VALUES (1, 0)", "INSERT INTO dbha_demo.`rows` (id, client) VALUES (2, 0)")
        cluster["db1"].kill()
        host = sshd.host_of(cluster["db1"])
        act("plan", "failover", "--check", "--diff", hosts=host, failover_salvage="require")
        act("failover", "failover", "--diff", hosts=host, failover_salvage="require")
        act("failover again", "failover", hosts=host, **unanswered("failover"))
        cluster["db1"].restart()
        act("rejoin", "rejoin", **unanswered("rejoin", None))
        (primary,) = (server for server in cluster.servers.values() if server.is_writable)
        primary.kill()
        act("failover at once", "failover", failover_salvage="never")
        yield story


def test_no_run_ends_otherwise_than_it_should(story: Story) -> None:
    expected = {name: 2 if name.startswith(("refusal", "no such", "the group")) else 0 for name in story.runs}
    assert {name: run.returncode for name, run in story.runs.items()} == expected, story.runs
    assert story.runs["refusal"].codes == {"primary_alive"}
    changing = [name for name, run in story.runs.items() if run.changed]
    assert changing == ["switchover", "plan", "failover", "rejoin", "failover at once"]


def test_the_task_that_elects_promotes_where_nothing_comes_in_between(story: Story) -> None:
    at_once, after_salvaging = (story.runs[name] for name in ("failover at once", "failover"))
    assert at_once.of("mysql_find_best_replica")["promotion"]["statements"] == at_once.of("mysql_promote")["statements"] != []
    assert "promotion" not in after_salvaging.of("mysql_find_best_replica")


def test_no_run_shows_a_password(story: Story) -> None:
    for name, run in story.runs.items():
        assert (name, leaked(run.output + repr(run.tasks) + repr(run.custom))) == (name, [])


def test_a_password_that_cannot_be_had_is_sent_to_nobody(story: Story) -> None:
    for what, names in {"cannot be decrypted": ["mysql_login_password", "ecrypt"], "is not defined": ["vault_that_is_nowhere", "mysql_login_password"]}.items():
        run = story.runs[f"refusal of what {what}"]
        assert any(name in run.output for name in names), run
        assert "login_refused" not in run.codes
        assert "Access denied" not in run.output
        assert "$ANSIBLE_VAULT" not in run.output


@pytest.mark.parametrize("name", ["refusal", *(f"refusal, {name}" for name, _environment, _arguments in SHOWN)])
def test_a_refusal_is_printed_once_begins_with_what_to_do_and_is_no_json(story: Story, name: str) -> None:
    output = story.runs[name].output
    (task,) = [task for task in story.runs[name].tasks if task.status == "failed"]
    told = output.partition(f"TASK [dbha.mysql.failover : {task.name.rpartition(' : ')[2]}]")[2].splitlines()[1:]
    assert told[:2] == [
        "Use dbha.mysql.switchover to move the role from a living primary. Nothing needs to be failed over.",
        "  [primary_alive] the primary db0 is alive",
    ]
    # What is left for the next play and the next node is data; Ansible prints that with -v.
    of_task = output.partition("TASK [dbha.mysql.failover : Put the")[0]
    assert of_task.count("Nothing needs to be failed over") == of_task.count("the primary db0 is alive") == 1, output
    shown = {key for key in task.printed if not key.startswith("_ansible")}
    assert shown - {"invocation", "diff", "exception"} == {"changed", "msg"}
    assert task.printed["msg"] == "primary_alive (db0)"


def test_a_refusal_is_data_for_whoever_comes_next(story: Story) -> None:
    for name in ("refusal", "no such group"):
        result = story.runs[name].dbha_result
        assert (result["outcome"], result["check"], result["new_primary"]) == ("refused", False, None)
        (problem,) = result["problems"]
        assert sorted(problem) == ["code", "message", "remedy", "server"]
        assert {problem["code"]} == story.runs[name].codes


def test_names_are_compared_as_text(story: Story) -> None:
    for given, name in NAMES:
        run = story.runs[f"the group {given!r}"]
        assert {problem["server"] for problem in run.problems} >= {f"{name}-1"}, run
        assert "no_such_cluster" not in run.codes


def test_a_plan_leaves_nothing_that_could_be_taken_for_a_result(story: Story) -> None:
    result = story.runs["plan"].dbha_result
    assert types(result) == {**ENDED, "plan": {"outcome": "str", **{key: value for key, value in FAILOVER.items() if key not in ENDED}}}
    assert (result["outcome"], result["check"], result["plan"]["outcome"]) == ("unchanged", True, "promoted")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nothing to do", FAILOVER), ("switchover", SWITCHOVER), ("failover", FAILED_OVER), ("failover again", FAILOVER), ("rejoin", REJOIN)],
)
def test_what_is_in_a_result_is_of_the_type_that_the_readme_shows(story: Story, name: str, expected: dict[str, Any]) -> None:
    assert types(story.runs[name].dbha_result) == expected


def test_what_was_salvaged_is_kept(story: Story) -> None:
    result = story.runs["failover"].dbha_result
    assert result["salvaged"]["count"] == 2
    assert result["old_primary"]["name"] == "db1"


def test_the_plan_is_what_is_done_then(story: Story) -> None:
    planned = [line.strip().strip('",') for line in story.runs["plan"].output.splitlines()]
    modules = ("mysql_find_best_replica", "mysql_promote", "mysql_change_master")
    done = [f"{sent['server']}: {sent['statement']}" for module in modules for sent in story.runs["failover"].of(module)["statements"]]
    assert [statement for statement in done if "GLOBAL" in statement and statement not in planned] == []
    assert len(planned) > 10


def test_the_difference_is_shown(story: Story) -> None:
    ((before, after),) = story.runs["failover"].differences
    assert before[0] == "db1  (dead)"
    assert after[0].endswith("writable)")


def test_ansible_warns_of_nothing(story: Story) -> None:
    for name, run in story.runs.items():
        assert "[DEPRECATION" not in run.output
        # At -v it says which settings it uses. That YAML reads a name of a group as a number is worth a warning to Ansible, too.
        if name == "refusal, at -v" or name.startswith("the group"):
            continue
        assert run.output.partition("PLAY [")[0].strip() == ""


@pytest.mark.parametrize("core", OLD)
def test_with_what_distributions_come_with_the_role_moves_and_comes_back(core: str, some_kind: str, tmp_path: Path) -> None:
    with POOL.cluster(some_kind, replicas=2) as cluster:
        playbooks = Playbooks(cluster, tmp_path, ansible=OLD[core])
        # A user of that machine has nothing of ours on the paths.
        alone = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "", "ANSIBLE_PYTHON_INTERPRETER": ""} if OLD[core] == DEBIAN else {}

        def act(playbook: str, outcome: str, **options: str) -> Run:
            # As a survey gives it, some of whose questions were answered with what holds without an answer.
            run = playbooks.run(f"dbha.mysql.{playbook}", environment=alone, **{**unanswered(playbook), **as_text(playbook), **options})
            assert run.returncode == 0, run
            assert "does not support Ansible version" not in run.output
            assert "[DEPRECATION" not in run.output
            assert run.dbha_result["outcome"] == outcome, run
            return run

        act("switchover", "promoted", switchover_to="db1")
        cluster.wait_in_sync(source=cluster["db1"], replicas=cluster.servers.values())
        cluster["db1"].kill()
        assert types(act("failover", "promoted").dbha_result) == FAILED_OVER
        cluster["db1"].restart()
        assert types(act("rejoin", "joined").dbha_result) == REJOIN
        cluster.wait_in_sync(source=cluster["db0"], replicas=cluster.servers.values())
        refused = playbooks.run("dbha.mysql.check", environment=alone, expect_primary="dead")
        assert (refused.returncode, refused.codes) == (2, {"primary_alive"}), refused
        assert refused.output.count("Nothing needs to be failed over") == 1
