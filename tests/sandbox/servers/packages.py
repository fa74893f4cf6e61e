# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packages of the host's release, and commands that need the network for them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from .cache import locked
from .errors import SandboxError

RETRIES = 3
"""How often what needs the network is tried."""


def apt_install(what: str, *packages: str) -> None:
    """Install packages of the host's release, which something needs."""
    if shutil.which("apt-get") is None:
        raise SandboxError(f"{what} needs {' and '.join(packages)}, and there is no apt-get here: install it by hand.")
    if os.geteuid() != 0:
        raise SandboxError(f"{what} needs {' and '.join(packages)}, and only root can install that with apt-get.")
    # apt-get locks its own state: two kinds that are installed at once would fail without this lock.
    with locked("apt"):
        command = ("apt-get", "install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", *packages)
        if subprocess.run([*command[:2], "--simulate", *command[2:]], capture_output=True, check=False).returncode != 0:
            run(what, "apt-get", "update")
        try:
            run(what, *command, attempts=1)
        except SandboxError:  # package lists from yesterday name files that are gone today
            run(what, "apt-get", "update")
            run(what, *command)


def run(what: str, *command: str, cwd: Path | None = None, attempts: int = RETRIES, before: Callable[[], None] | None = None) -> None:
    """Run a command that may fail because of the network, several times where it must be."""
    for attempt in range(1, attempts + 1):
        if before is not None:
            before()
        done = _call(command, cwd)
        if done.returncode == 0:
            return
        if attempt < attempts:
            time.sleep(2 * attempt)
    said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:])
    raise SandboxError(f"{what} could not be installed: `{shlex.join(command)}` failed ({said}): run it by hand to see why.")


def _call(command: Sequence[str], cwd: Path | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
