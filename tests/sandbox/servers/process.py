# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes of servers: started so that none outlives its starter, and looked at by their id."""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

_PR_SET_PDEATHSIG = 1
# PyDLL keeps the interpreter's lock: nothing else may run between fork and exec.
_libc = ctypes.PyDLL(None)


def spawn(command: Sequence[str], *, environment: Mapping[str, str], output: Path, detached: bool) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output appended to a file.

    Unless it is detached the kernel kills it when this process ends, however it ends.
    """
    if detached:
        return _popen(command, environment, output)
    return _spawner().popen(command, environment, output)


def hear_ctrl_c() -> None:
    """Let a process that is about to be started end by Ctrl-C, also where a shell runs its parent, tests for example, in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _popen(command: Sequence[str], environment: Mapping[str, str], output: Path, bind_to: int | None = None) -> subprocess.Popen[bytes]:
    def die_with_parent() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != bind_to:
            os._exit(1)

    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=output.parent,
            # A session of its own, or Ctrl-C in a terminal would reach the server before we decide.
            start_new_session=True,
            preexec_fn=die_with_parent if bind_to is not None else None,
        )


class _Spawner:
    """A thread that starts processes: the kernel's signal comes when the *thread* that forked ends, so that one must last."""

    def __init__(self) -> None:
        self.process_id = os.getpid()
        self._orders: queue.SimpleQueue[tuple[Future[subprocess.Popen[bytes]], Sequence[str], Mapping[str, str], Path]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="sandbox-spawner", daemon=True).start()

    def popen(self, command: Sequence[str], environment: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
        future: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((future, command, environment, output))
        return future.result()

    def _work(self) -> None:
        while True:
            future, command, environment, output = self._orders.get()
            try:
                future.set_result(_popen(command, environment, output, bind_to=self.process_id))
            except BaseException as error:
                future.set_exception(error)


_the_spawner: _Spawner | None = None
_the_lock = threading.Lock()


def _spawner() -> _Spawner:
    global _the_spawner
    with _the_lock:
        if _the_spawner is None or _the_spawner.process_id != os.getpid():  # a forked child has no threads
            _the_spawner = _Spawner()
        return _the_spawner


def is_alive(pid: int, mark: str) -> bool:
    """Tell whether a process lives (a zombie does not) and has this text in its command line, so is the one that was meant."""
    process = Path("/proc", str(pid))
    try:
        return _state(process) not in "ZX" and mark in (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False


def _state(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[0]


def is_paused(pid: int) -> bool:
    """Tell whether every thread of a process is stopped."""
    try:
        return all(_state(path) in "TZX" for path in Path("/proc", str(pid), "task").iterdir())
    except OSError:
        return False


def kill_with_children(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it has started, as the end of a container does: what has gone into a session of its own, too."""
    found = [process.pid]
    for pid in found:
        # It may have ended meanwhile.
        with contextlib.suppress(OSError):
            found += [int(child) for task in Path("/proc", str(pid), "task").iterdir() for child in (task / "children").read_text().split()]
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
