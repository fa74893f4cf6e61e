# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real ansible-rulebook with a rulebook of the collection, as a user starts it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..servers.cluster import Cluster
from ..servers.process import kill_with_children
from ..servers.waiting import HANGS, wait_until
from .watching import arguments

BUILD = Path(__file__).resolve().parents[3] / ".build"
PROGRAM = BUILD / "eda/bin/ansible-rulebook"


class Rulebook:
    """Runs, as a context manager, from a directory of its own."""

    def __init__(
        self,
        directory: Path,
        cluster: Cluster | None = None,
        name: str = "dbha.mysql.failover",
        *more: str,
        prefix: Sequence[str] = (),
        **variables: Any,
    ) -> None:
        """Watch a cluster. `more`: what the command line has besides; `prefix`: what runs it on a host of its own."""
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "paused").mkdir(exist_ok=True)
        given = {}
        if cluster is not None:
            cluster.write_inventory(directory / "inventory.yml")
            given = arguments(cluster, pause_directory=str(directory / "paused"), **variables)
        (directory / "watch.json").write_text(json.dumps(given), encoding="utf-8")
        self._output = directory / "output.txt"
        given_files = ["--inventory", str(directory / "inventory.yml"), "--vars", str(directory / "watch.json")]
        self._command = [*prefix, str(PROGRAM), "--rulebook", name, *given_files, *more]
        self.process: subprocess.Popen[bytes] | None = None

    def pause(self, cluster: str = "all") -> None:
        """Let nothing be done, by the switch that users have."""
        (self.directory / "paused" / cluster).touch()

    def go_on(self, cluster: str = "all") -> None:
        """Take that back."""
        (self.directory / "paused" / cluster).unlink()

    @property
    def output(self) -> str:
        """What it printed."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def said(self, kind: str, cluster: str = "orders") -> list[str]:
        """Return the lines about an event of a type."""
        return re.findall(rf"^.*\b{cluster}: {kind}\b.*$", self.output, re.MULTILINE)

    @property
    def runs(self) -> int:
        """How many runs of the failover it has started."""
        return len(re.findall(r"^PLAY \[Fail over\]", self.output, re.MULTILINE))

    def wait_for(self, kind: str, times: int = 1) -> None:
        """Wait until it has said something about an event of a type."""

        def is_said() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.output
            return len(self.said(kind)) >= times

        wait_until(is_said, pause=0.05)

    def start(self) -> None:
        """Start it."""
        # Of the user's own settings nothing; the link is where a user's collections would be.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "DBHA_MYSQL_", "PYTHON"))}
        environment |= {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "ANSIBLE_COLLECTIONS_PATH": str(BUILD), "ANSIBLE_NOCOLOR": "1"}
        environment |= {"HOME": str(self.directory)}
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                self._command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, cwd=self.directory, start_new_session=True
            )

    def kill(self) -> None:
        """Kill it, and what it has started."""
        if self.process is not None:
            kill_with_children(self.process)

    def __enter__(self) -> Rulebook:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(HANGS / 4)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.directory / ".ansible", ignore_errors=True)
