# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free ports on loopback that no other sandbox takes meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import random
import socket
import tempfile
from pathlib import Path

from .errors import SandboxError

# Below the ports that the kernel gives to outgoing connections: a killed server must get its port again.
_LOWEST, _HIGHEST = 20000, 32000


class Port:
    """A port of ours as long as this object is open, whether a server listens there or not."""

    def __init__(self) -> None:
        directory = Path(tempfile.gettempdir(), f"dbha-ports-{os.getuid()}")
        directory.mkdir(exist_ok=True)
        for number in random.sample(range(_LOWEST, _HIGHEST), 200):
            file = (directory / str(number)).open("w")
            if _lock(file) and _is_free(number):
                self.number = number
                self._file = file
                return
            file.close()
        raise SandboxError(f"200 ports between {_LOWEST} and {_HIGHEST} were tried and none is free: stop what uses them.")

    def close(self) -> None:
        """Give the port back."""
        with contextlib.suppress(OSError):
            os.unlink(self._file.name)
        self._file.close()


def _lock(file: io.TextIOWrapper) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
