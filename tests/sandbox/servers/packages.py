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
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .cache import locked
from .errors import NoLongerThere, SandboxError

RETRIES = 3
"""How often what needs the network is tried."""

MIRROR = "http://deb.debian.org/debian"
"""Where mmdebstrap takes a release of Debian from."""

ENDED = ("bullseye",)
"""Releases that nobody maintains any more: without their last updates, which are taken away one by one (seen: the server is there, mariadb-backup is not)."""

ARCHIVE = "http://archive.debian.org/debian"
"""Where releases are moved to some time after that."""


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


def unpack(what: str, suite: str, target: Path, *packages: str) -> None:
    """Unpack packages of a release of Debian into a directory.

    Raises NoLongerThere where the release has been taken off the mirrors and the archive of old releases does not give it either.
    """
    if shutil.which("mmdebstrap") is None:
        apt_install(what, "mmdebstrap")
    if os.geteuid() != 0:
        raise SandboxError(f"{what} is missing, and only root can unpack it with mmdebstrap.")
    options = ("--quiet", "--variant=extract", "--mode=root", '--aptopt=Acquire::Check-Valid-Until "false"', f"--include={','.join(packages)}")

    def start_anew() -> None:
        shutil.rmtree(target, ignore_errors=True)

    if not _is_archived(suite):
        run(what, "mmdebstrap", *options, suite, str(target), *([MIRROR] if suite in ENDED else []), before=start_anew)
        return
    try:
        run(what, "mmdebstrap", *options, suite, str(target), ARCHIVE, before=start_anew)
    except SandboxError as error:
        raise NoLongerThere(f"{what} came from {suite}, which {MIRROR} no longer has, nor could it be had from {ARCHIVE}: {error}") from error


def _is_archived(suite: str) -> bool:
    """Tell whether the mirrors answer that they do not have a release; where they do not answer at all that is not said."""
    request = urllib.request.Request(f"{MIRROR}/dists/{suite}/Release", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=20):
            return False
    except urllib.error.HTTPError as error:
        return error.code == 404
    except OSError:
        return False


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


@contextmanager
def services_stay_down() -> Iterator[None]:
    """Let packages that are installed start nothing (Debian Policy: 101 from policy-rc.d)."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink()
