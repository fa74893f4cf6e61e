# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An address that can be switched off like a host: after that nothing answers there, not even with a refusal, whatever the port."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO

from .errors import SandboxError

# Of the network for benchmarks (RFC 2544), which belongs to nobody.
_NETWORK = "198.18.{number}.{host}"
_NUMBERS = range(64, 250)


def can_be_had() -> bool:
    """Tell whether we may make network interfaces."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


class Host:
    """An address of this machine behind an interface of its own, removed at the end of a `with` block.

    The address is one of ours as long as the host is on. Once it is off what is sent there goes into a cable with nobody at its other end.
    """

    def __init__(self) -> None:
        self._number, self._lock = _take_number()
        self.address = _NETWORK.format(number=self._number, host=2)
        self._interface = f"dbha{self._number}"

    def __enter__(self) -> Host:
        run_ip("link", "add", self._interface, "type", "veth", "peer", "name", f"{self._interface}x")
        try:
            run_ip("address", "add", f"{_NETWORK.format(number=self._number, host=1)}/30", "dev", self._interface)
            run_ip("link", "set", self._interface, "up")
            run_ip("link", "set", f"{self._interface}x", "up")
            run_ip("neighbour", "replace", self.address, "lladdr", "02:00:00:00:00:02", "dev", self._interface, "nud", "permanent")
            self.switch_on()
        except BaseException:
            self._remove()
            raise
        return self

    def switch_on(self) -> None:
        """Let what listens on this machine answer there."""
        run_ip("address", "replace", f"{self.address}/32", "dev", "lo")

    def switch_off(self) -> None:
        """Let nothing answer there any more."""
        run_ip("address", "delete", f"{self.address}/32", "dev", "lo")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(SandboxError):  # it may be off
            self.switch_off()
        run_ip("link", "delete", self._interface)
        self._lock.close()


def _take_number() -> tuple[int, IO[bytes]]:
    """Take a number until the file is closed or this process ends."""
    for number in _NUMBERS:
        file = Path(tempfile.gettempdir(), f"dbha-host-{number}.lock").open("ab")  # noqa: SIM115  # kept open on purpose
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        # What a test that was killed has left behind.
        with contextlib.suppress(SandboxError):
            run_ip("link", "delete", f"dbha{number}")
        return number, file
    raise SandboxError("No address for a host is free: other tests have them all.")


def run_ip(*arguments: str) -> str:
    """Carry out a command of the program ip, and return what it said. Raises SandboxError."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SandboxError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
