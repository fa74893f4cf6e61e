# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free ports on loopback that no other sandbox takes meanwhile, whether a server listens there or not."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
import threading
from pathlib import Path
from typing import IO

from .errors import SandboxError

# Below the ports that the kernel gives to outgoing connections: a killed server must get its port again.
_LOWEST, _HIGHEST = 20000, 32000

_taken: set[int] = set()
_guard = threading.Lock()
_files: dict[int, IO[bytes]] = {}


def take_port() -> int:
    """Take a port until it is given back or this process ends."""
    with _guard:
        for number in random.sample(range(_LOWEST, _HIGHEST), 500):
            if number not in _taken and _lock(number):
                if _is_free(number):
                    _taken.add(number)
                    return number
                _unlock(number)
    raise SandboxError(f"500 ports between {_LOWEST} and {_HIGHEST} were tried and none is free: stop what uses them.")


def give_back_port(number: int) -> None:
    """Let others take the port."""
    with _guard:
        if number in _taken:
            _taken.remove(number)
            _unlock(number)


def _file() -> IO[bytes]:
    """Return this process's file of locks: byte N stands for port N, and is locked by whoever has it."""
    process = os.getpid()
    if process not in _files:
        path = Path(tempfile.gettempdir(), f"dbha-ports-{os.getuid()}.lock")
        _files[process] = path.open("ab")
    return _files[process]


def _lock(number: int) -> bool:
    try:
        fcntl.lockf(_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
    except OSError:
        return False
    return True


def _unlock(number: int) -> None:
    fcntl.lockf(_file(), fcntl.LOCK_UN, 1, number)


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
