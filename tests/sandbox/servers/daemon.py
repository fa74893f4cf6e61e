# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program beside the database servers that answers on ports: a proxy, a name server."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from .errors import SandboxError
from .process import is_paused, spawn
from .waiting import wait_until


class Daemon:
    """A process of its own, which can be killed, or made to hang."""

    _process: subprocess.Popen[bytes] | None = None

    def _start(self, command: list[str], log: Path, answers: Callable[[], bool]) -> None:
        """Start it, and wait until it answers."""
        process = self._process = spawn(command, environment=dict(os.environ), output=log, detached=False)

        def is_up() -> bool:
            if process.poll() is not None:
                raise SandboxError(f"{Path(command[0]).name} has ended: {log.read_text(errors='replace')[-1000:]}")
            return answers()

        wait_until(is_up)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Let it stand still: its ports take connections, and nothing answers."""
        pid = self._signal(signal.SIGSTOP)
        wait_until(lambda: is_paused(pid))

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.pid
