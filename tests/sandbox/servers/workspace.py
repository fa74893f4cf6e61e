# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Temporary directories of clusters and servers, and cleaning up whatever ends this process."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import signal
import sys
import tempfile
import threading
import types
from collections.abc import Callable
from pathlib import Path

_PREFIX = "dbha-"
_LOCK = ".owner"


class Workspace:
    """A temporary directory, removed by close(), or by a later process if this one is killed."""

    def __init__(self) -> None:
        base = Path(os.environ.get("DBHA_SANDBOX_DIR") or tempfile.gettempdir()).absolute()
        base.mkdir(parents=True, exist_ok=True)
        _sweep(base)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        # Locked before it has the name that a sweep looks for.
        unnamed = self.path / f"{_LOCK}.new"
        self._lock = unnamed.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unnamed.rename(self.path / _LOCK)

    def close(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _sweep(base: Path) -> None:
    """Remove what killed processes left: nobody holds the lock any more."""
    for lock in base.glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError), lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


_at_end: dict[int, Callable[[], None]] = {}


def call_at_end(function: Callable[[], None]) -> Callable[[], None]:
    """Have a function called when this process ends, also by SIGTERM; return a function that takes it back."""
    _at_end[id(function)] = function
    _catch_sigterm()

    def take_back() -> None:
        _at_end.pop(id(function), None)

    return take_back


def _catch_sigterm() -> None:
    """Make SIGTERM end this process as an exception does, unless somebody else handles it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:

        def leave(number: int, frame: types.FrameType | None) -> None:
            sys.exit(128 + number)

        signal.signal(signal.SIGTERM, leave)


_owner = os.getpid()


@atexit.register
def _end() -> None:
    if os.getpid() != _owner:  # a forked child ends: what is running is its parent's
        return
    while _at_end:
        _token, function = _at_end.popitem()
        with contextlib.suppress(Exception):
            function()
