# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running the collection's playbooks, or tasks of one's own, against a cluster, and what came of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..servers.cluster import Cluster
from .prefork import Preforks
from .remedies import check_remedies

TESTS = Path(__file__).resolve().parents[2]


FAULTS = Path(__file__).with_name("faults")
INTERRUPTERS = {
    "PYTHONPATH": str(FAULTS),
    "ANSIBLE_CALLBACK_PLUGINS": ":".join(str(path) for path in (Path(__file__).with_name("callback_plugins"), FAULTS / "callback_plugins")),
    "ANSIBLE_CALLBACKS_ENABLED": "dbha_results,dbha_faults",
}
"""The environment with which Python and Ansible load the interrupters (see faults/)."""


@dataclass(frozen=True)
class Task:
    """One task as a program that watches Ansible sees it; status is ok, failed or skipped.

    A task that prints its problems as text, as those of the roles do, has its result where Ansible does not print it; here it is the result all the same.
    """

    name: str
    action: str
    status: str
    result: dict[str, Any]
    printed: dict[str, Any]
    """The result as Ansible has it, of which it may print a part."""
    began: float
    """When Ansible came to it (time.monotonic()), and when it had the result."""
    ended: float


@dataclass(frozen=True, repr=False)
class Run:
    """One run of ansible-playbook."""

    returncode: int
    output: str
    """What it printed, errors and warnings too."""
    seconds: float
    tasks: tuple[Task, ...]
    hosts: dict[str, dict[str, int]]
    """The recap: for each host how many tasks were ok, changed, failures …"""
    custom: dict[str, Any]
    """What set_stats left."""

    @property
    def changed(self) -> int:
        """How many tasks reported a change."""
        return sum(recap["changed"] for recap in self.hosts.values())

    @property
    def dbha_result(self) -> dict[str, Any]:
        """What it leaves for the next node of a workflow."""
        return dict(self.custom["dbha_result"])

    @property
    def differences(self) -> list[tuple[list[str], list[str]]]:
        """The lines before and after of each difference that it showed."""
        shown = re.findall(r"^--- before.*\n\+\+\+ after.*\n@@.*@@\n((?:[-+ ].*\n)+)", self.output, re.MULTILINE)
        blocks = [text.splitlines() for text in shown]
        return [([line[1:] for line in block if line[0] in "- "], [line[1:] for line in block if line[0] in "+ "]) for block in blocks]

    def of(self, module: str) -> dict[str, Any]:
        """Return the result of the one task that ran this module."""
        (result,) = [task.result for task in self.tasks if task.action.rpartition(".")[2] == module and task.status != "skipped"]
        return result

    @property
    def sent(self) -> dict[tuple[str, str], list[str]]:
        """The statements that each module has sent to each server to change something, or in check mode would send, in order."""
        found: dict[tuple[str, str], list[str]] = {}
        for task in self.tasks:
            for sent in task.result.get("statements", ()) if task.status != "skipped" else ():
                found.setdefault((task.action.rpartition(".")[2], sent["server"]), []).append(sent["statement"])
        return found

    @property
    def problems(self) -> list[dict[str, Any]]:
        """What modules refused their work for."""
        return [problem for task in self.tasks for problem in task.result.get("problems", [])]

    @property
    def codes(self) -> set[str]:
        """The codes of the problems."""
        return {problem["code"] for problem in self.problems}

    def __repr__(self) -> str:
        # What matters first: pytest cuts it off.
        problems = "".join(f" [{problem['code']}] {problem['message'][:80]}" for problem in self.problems)
        return f"exit code {self.returncode} after {self.seconds:.1f} s{problems}\n{self.output}"


def _task(name: str, action: str, status: str, result: dict[str, Any], began: float, ended: float) -> Task:
    hidden = result.get("diff")
    if not isinstance(hidden, dict) or "result" not in hidden:
        return Task(name, action, status, result, result, began, ended)
    beside: dict[str, Any] = {key: result[key] for key in ("invocation", "warnings") if key in result}
    return Task(name, action, status, {**hidden["result"], **beside}, result, began, ended)


def watched(results: Path) -> dict[str, str]:
    """Return what is to be in the environment of a run whose results are to be noted in a file."""
    return {
        "ANSIBLE_CONFIG": str(TESTS / "ansible.cfg"),
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback_plugins")),
        "ANSIBLE_CALLBACKS_ENABLED": "dbha_results",
        "DBHA_RESULTS": str(results),
    }


def noted(results: Path) -> tuple[tuple[Task, ...], dict[str, Any]]:
    """Return the tasks, and the statistics, that a run has noted in a file."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    records = [json.loads(line) for line in lines]
    statistics = records.pop() if records and "hosts" in records[-1] else {"hosts": {}, "custom": {}}
    return tuple(_task(**record) for record in records), statistics


class Playbooks:
    """Runs playbooks against a cluster, with this checkout's collection and nothing of the user's own settings.

    `ansible` is the ansible-playbook of another environment than the one that runs this.
    """

    def __init__(self, cluster: Cluster, directory: Path, *, ansible: Path | None = None) -> None:
        self.inventory = directory / "inventory.yml"
        self._directory = directory
        self._ansible = ansible
        cluster.write_inventory(self.inventory)

    def run(
        self,
        playbook: str,
        *arguments: str,
        cluster: str | Sequence[str] | None = "orders",
        hosts: Mapping[str, Mapping[str, Any]] | None = None,
        environment: Mapping[str, str] | None = None,
        timeout: float = 120,
        **variables: Any,
    ) -> Run:
        """Run a playbook: a path, or a name as dbha.mysql.failover.

        The cluster is a group of the inventory, or the names of its members, or ``None`` where that is said otherwise. Variables of single hosts
        in `hosts` replace the inventory's; `environment` adds to that of the process. Raises TimeoutExpired for a run that hangs.
        """
        if cluster is None:
            return self._run(playbook, arguments, {"all": hosts or {}}, environment or {}, timeout, variables)
        if not isinstance(cluster, str):
            hosts = {**{name: {} for name in cluster}, **(hosts or {})}
            return self._run(playbook, arguments, {"chosen": hosts}, environment or {}, timeout, {"cluster": "chosen", **variables})
        return self._run(playbook, arguments, {"all": hosts or {}}, environment or {}, timeout, {"cluster": cluster, **variables})

    def _run(
        self,
        playbook: str,
        arguments: Sequence[str],
        groups: Mapping[str, Mapping[str, Any]],
        environment: Mapping[str, str],
        timeout: float,
        variables: Mapping[str, Any],
    ) -> Run:
        with tempfile.TemporaryDirectory(dir=self._directory) as scratch:
            results = Path(scratch, "results.jsonl")
            own = Path(scratch, "hosts.json")
            own.write_text(json.dumps({name: {"hosts": hosts} for name, hosts in groups.items()}), encoding="utf-8")
            command = [playbook, "-i", str(self.inventory), "-i", str(own), "--extra-vars", json.dumps(variables), *arguments]
            begun = time.monotonic()
            returncode, said = _run_ansible(self._ansible, command, results, environment, timeout)
            seconds = time.monotonic() - begun
            tasks, statistics = noted(results)
        check_remedies(playbook, [*(task.result for task in tasks), statistics["custom"]])
        return Run(returncode, said, seconds, tasks, **statistics)

    def run_tasks(self, tasks: Sequence[Mapping[str, Any]], *arguments: str, play: Mapping[str, Any] | None = None, **options: Any) -> Run:
        """Run tasks in a play of their own on localhost; `play` adds keywords to that."""
        with tempfile.TemporaryDirectory(dir=self._directory) as scratch:
            path = Path(scratch, "tasks.yml")
            path.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, **(play or {}), "tasks": list(tasks)}]), encoding="utf-8")
            return self.run(str(path), *arguments, **options)


_preforks = Preforks()


def _run_ansible(ansible: Path | None, arguments: Sequence[str], results: Path, environment: Mapping[str, str], timeout: float) -> tuple[int, str]:
    """Run ansible-playbook and return its exit code and what it printed."""
    own = _environment(results)
    # Settings that come again and again: none, and those of the interrupters.
    settings = {name: value for name, value in environment.items() if not name.startswith("DBHA_FAULT_")}
    python = Path(sys.executable) if ansible is None else ansible.with_name("python")
    if settings in ({}, INTERRUPTERS) and (python.parent.parent / "pyvenv.cfg").exists():
        output = results.with_suffix(".txt")
        returncode = _preforks.run(python, arguments, {**own, **environment}, output, timeout, settings)
        if returncode is not None:
            return returncode, output.read_text(encoding="utf-8", errors="replace")
    done = subprocess.run(
        [str(ansible or Path(sys.executable).with_name("ansible-playbook")), *arguments],
        env={**own, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
        start_new_session=True,  # Ctrl-C for it must not be Ctrl-C for us
    )
    return done.returncode, done.stdout


def _environment(results: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {**own, "ANSIBLE_NOCOLOR": "1", **watched(results)}
