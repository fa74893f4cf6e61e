# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The workflow that dbha.mysql.awx makes, run node by node by ansible-runner, as AWX does it, with the project and the inventory of docs/awx.md.

What AWX does besides is done here: it writes the credential's file and environment, gives all variables as unsafe text in a file, takes what set_stats
has left from the events of the job, and gives that to all nodes that come after (seen: AWX 24.6).
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ansible_collections.dbha.mysql.plugins.filter.awx_objects import awx_objects
from sandbox import PASSWORDS, Cluster
from sandbox.servers.pool import POOL

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
# The newest one is there only where there is a Python that can run it.
CORES = [name for name in ("venv", "core-oldest", "core-newest") if name != "core-newest" or (BUILD / name).exists()]


class Unsafe(str):
    """Text that AWX marks, so that Ansible does not evaluate it."""


yaml.SafeDumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", text, style="'"))


def marked(value: Any) -> Any:
    if isinstance(value, dict):
        return {Unsafe(key): marked(each) for key, each in value.items()}
    if isinstance(value, list):
        return [marked(each) for each in value]
    return Unsafe(value) if isinstance(value, str) else value


@dataclass
class Job:
    """What came of one node."""

    node: str
    status: str
    output: str
    artifacts: dict[str, Any]


@dataclass
class Awx:
    """What stands in for AWX: the objects that dbha.mysql.awx would make, and a directory for the project and the jobs."""

    directory: Path
    core: str
    cluster: Cluster
    objects: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        page = (ROOT / "docs/awx.md").read_text(encoding="utf-8")
        files = {name: text for text, name in re.findall(r"^```yaml\n(# ([\w.]+)\n.*?)^```$", page, re.MULTILINE | re.DOTALL)}
        (self.directory / "project").mkdir()
        for name, text in files.items():
            (self.directory / "project" / name).write_text(text, encoding="utf-8")
        # What a vault would say is of no interest here, and the addresses of the servers are others.
        self.objects = awx_objects(yaml.safe_load(files["awx.yml"])["awx"])
        inventory = yaml.safe_load(files["inventory.yml"])
        inventory["orders"]["hosts"] = {server.name: {"mysql_host": server.host, "mysql_port": server.port} for server in self.cluster.servers.values()}
        # A container would have the Python of its Ansible in its PATH.
        inventory["orders"]["vars"]["ansible_connection"] = "local"
        (self.directory / "project/inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")

    def launch(self, node: str, template: dict[str, Any], variables: dict[str, Any]) -> Job:
        """Run the job of a template."""
        (kind,) = self.objects["credential_types"]
        inputs = {"username": "failover", "password": PASSWORDS["failover"], "replication_username": "repl", "replication_password": PASSWORDS["repl"]}

        def injected(text: str) -> str:
            # As AWX does.
            return ImmutableSandboxedEnvironment().from_string(text).render(**inputs, tower={"filename": {"my_cnf": str(self.directory / "my.cnf")}})

        injectors = kind["injectors"]
        (self.directory / "my.cnf").write_text(injected(injectors["file"]["template.my_cnf"]), encoding="utf-8")
        environment = {name: injected(value) for name, value in injectors["env"].items()}
        # A question that nobody answered arrives as empty text.
        unanswered = {question["variable"]: "" for question in template["survey_spec"]["spec"]}
        given = {**unanswered, **template["extra_vars"], **variables, **{key: injected(value) for key, value in injectors["extra_vars"].items()}}
        path = self.directory / "extravars.yml"
        path.write_text(yaml.safe_dump(marked(given), default_flow_style=False), encoding="utf-8")
        programs = BUILD / self.core / "bin"
        # It takes these signals over, and keeps them.
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        run = ansible_runner.run(
            private_data_dir=str(self.directory),
            playbook=template["playbook"],
            inventory=str(self.directory / "project/inventory.yml"),
            cmdline=f"-e @{path}",
            envvars={**environment, "ANSIBLE_CONFIG": str(ROOT / "tests/ansible.cfg"), "PATH": f"{programs}:{os.environ['PATH']}"},
            quiet=True,
            timeout=120,
        )
        for number, handler in handlers.items():
            signal.signal(number, handler)
        events = list(run.events)
        (ended,) = [event for event in events if event["event"] == "playbook_on_stats"]
        artifacts = ended["event_data"].get("artifact_data", {})
        return Job(node, run.status, "".join(event["stdout"] + "\n" for event in events), artifacts)

    def run_workflow(self) -> dict[str, Job]:
        """Run the nodes from the first one on, as they are linked. Whoever approves approves."""
        nodes: dict[str, dict[str, Any]] = {}
        for call in self.objects["workflow_nodes"]:
            if call["state"] == "present":
                nodes.setdefault(call["identifier"], {}).update(call)
        templates = {template["name"]: template for template in self.objects["job_templates"]}
        jobs: dict[str, Job] = {}
        handed_on: dict[str, Any] = {}
        waiting = ["check"]
        while waiting:
            name = waiting.pop(0)
            node = nodes[name]
            if "approval_node" in node:
                waiting += node["success_nodes"]
                continue
            jobs[name] = self.launch(name, templates[node["unified_job_template"]], {**node["extra_data"], **handed_on})
            handed_on = {**handed_on, **jobs[name].artifacts}
            waiting += node["always_nodes"] + node["success_nodes" if jobs[name].status == "successful" else "failure_nodes"]
        return jobs


@dataclass
class Story:
    """What became of one cluster: the workflow while the primary lives, and when it is dead; and the return of the dead one."""

    alive: dict[str, Job]
    dead: dict[str, Job]
    back: Job
    writable: list[str]
    said: str


# That the roles work with each core is said by test_ansible_versions.py.
@pytest.fixture(scope="module", params=[pytest.param(core, marks=[] if core == "venv" else pytest.mark.thorough) for core in CORES])
def story(request: pytest.FixtureRequest, some_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with POOL.cluster(some_kind, replicas=2) as cluster:
        awx = Awx(tmp_path_factory.mktemp("awx"), request.param, cluster)
        alive = awx.run_workflow()
        cluster.primary.kill()
        dead = awx.run_workflow()
        cluster["db0"].restart()
        (rejoin,) = [template for template in awx.objects["job_templates"] if template["name"] == "orders rejoin"]
        back = awx.launch("rejoin", rejoin, {})
        writable = [server.name for server in cluster.servers.values() if server.is_writable]
        jobs = [*alive.values(), *dead.values(), back]
        yield Story(alive, dead, back, writable, "".join(job.output + str(job.artifacts) for job in jobs))


def test_while_the_primary_lives_the_workflow_ends_with_the_report_which_says_why(story: Story) -> None:
    assert {name: job.status for name, job in story.alive.items()} == {"check": "failed", "report": "failed"}
    result = story.alive["check"].artifacts["dbha_result"]
    assert (result["outcome"], [problem["code"] for problem in result["problems"]]) == ("refused", ["primary_alive"])
    report = story.alive["report"].output
    assert "orders: it was refused; the servers are as they were found" in report
    assert "[primary_alive] the primary db0 is alive" in report


def test_when_it_is_dead_the_workflow_fails_over_and_says_who_is_the_primary(story: Story) -> None:
    assert {name: job.status for name, job in story.dead.items()} == dict.fromkeys(("check", "failover", "look", "rejoin"), "successful"), story.said
    left = {name: job.artifacts["dbha_result"] for name, job in story.dead.items()}
    assert {name: result["outcome"] for name, result in left.items()} == {
        "check": "unchanged",
        "failover": "promoted",
        "look": "unchanged",
        "rejoin": "unchanged",
    }
    # Whichever node asks, of whichever it takes what is handed on.
    assert left["check"]["new_primary"] is None
    assert {left[name]["new_primary"]["name"] for name in ("failover", "look", "rejoin")} == {"db1"}


def test_the_dead_one_comes_back_as_a_replica(story: Story) -> None:
    assert (story.back.status, story.back.artifacts["dbha_result"]["outcome"]) == ("successful", "joined"), story.back.output
    assert story.writable == ["db1"]


def test_passwords_are_in_no_output_and_in_nothing_that_is_handed_on(story: Story) -> None:
    for password in PASSWORDS.values():
        assert password not in story.said
        assert repr(password)[1:-1] not in story.said
