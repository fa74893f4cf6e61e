# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many runs of ansible-playbook, of which each begins where Ansible is imported already: that is half of what a short one costs.

One process imports it and forks for each run; from there on happens what happens in the command. Its settings are those of the environment at
the first run. What is about starting, or about time, uses the command itself.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path


class Prefork:
    """The process that forks. One run at a time: for another one at the same time somebody else has to be asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = os.getpid()

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path, timeout: float) -> int | None:
        """Run a playbook, what it prints going to a file, and return its exit code; None if another one is at work.

        Raises TimeoutExpired for a run that hangs, which is killed.
        """
        if os.getpid() != self._owner or not self._lock.acquire(blocking=False):
            return None
        try:
            process = self._start(environment)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([list(arguments), dict(environment), str(output)]) + "\n")
            process.stdin.flush()
            pid = int(process.stdout.readline())
            hangs = threading.Event()

            def kill() -> None:
                hangs.set()
                os.killpg(pid, signal.SIGKILL)

            killer = threading.Timer(timeout, kill)
            killer.start()
            try:
                code = int(process.stdout.readline())
            finally:
                killer.cancel()
        finally:
            self._lock.release()
        if hangs.is_set():
            raise subprocess.TimeoutExpired(["ansible-playbook", *arguments], timeout, output.read_text(errors="replace"))
        return code

    def _start(self, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-P", __file__]  # -P: what lies beside this file is nothing that Ansible imports
            self._process = subprocess.Popen(command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self._process


def _serve() -> None:
    """Do what is asked for, until nobody is there to ask."""
    import ansible.cli.playbook
    import ansible.executor.playbook_executor
    import ansible.plugins.callback.default
    import ansible.plugins.strategy.linear

    gc.collect()
    gc.freeze()  # so that memory stays shared with the children

    for line in sys.stdin:
        arguments, environment, output = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.environ.clear()
            os.environ.update(environment)
            with open(os.devnull, "rb") as nothing, open(output, "wb") as file:
                os.dup2(nothing.fileno(), 0)
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            code = 1
            try:
                ansible.cli.playbook.PlaybookCLI.cli_executor(["ansible-playbook", *arguments])
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            # Not by way of atexit: Ansible's own would remove the temporary directory that all runs share.
            os._exit(code)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
