# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running ansible-playbook as a user does, against the clock."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ..servers.errors import SandboxError
from .playbook import TESTS, Task, noted, watched

_WITHOUT_TASKS = "- hosts: localhost\n  connection: local\n  gather_facts: false\n"


@dataclass(frozen=True)
class Timed:
    """One run: when it began and ended (time.monotonic()), its exit code, its tasks if it was watched, and what it printed unless to the terminal."""

    began: float
    ended: float
    code: int
    output: str
    tasks: tuple[Task, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


def run_playbook(playbook: str, inventory: Path, *arguments: str, live: bool = False, results: Path | None = None) -> Timed:
    """Run a playbook with Ansible's own defaults; live: straight to the terminal; results: a file for the results of its tasks, if they are wanted."""
    command = [program(), "--inventory", str(inventory), playbook, *arguments]
    # Only where to find the collection of this checkout, and nothing of the user's own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment.update(watched(results) if results is not None else {"ANSIBLE_CONFIG": str(TESTS / "ansible.cfg")})
    sys.stdout.flush()
    target = None if live else subprocess.PIPE
    began = time.monotonic()
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=target, stderr=target and subprocess.STDOUT, text=True) as process:
        try:
            output = process.communicate()[0]
        except BaseException:
            # Ctrl-C has reached it as well: let it end its own children before the servers go.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.terminate()
                process.wait(5)
            raise
    ended = time.monotonic()
    return Timed(began, ended, process.returncode, output or "", noted(results)[0] if results is not None else ())


def run_without_tasks(directory: Path, inventory: Path) -> Timed:
    """Run a playbook that has nothing to do: what Ansible itself costs."""
    playbook = directory / "without_tasks.yml"
    playbook.write_text(_WITHOUT_TASKS, encoding="utf-8")
    return run_playbook(str(playbook), inventory)


def program() -> str:
    """Return the ansible-playbook beside this Python, or the one that is on the PATH."""
    beside = Path(sys.executable).with_name("ansible-playbook")
    program = str(beside) if beside.exists() else shutil.which("ansible-playbook")
    if program is None:
        raise SandboxError("There is no ansible-playbook here: use `make demo` or `make bench`, which install it into .build/venv.")
    return program
