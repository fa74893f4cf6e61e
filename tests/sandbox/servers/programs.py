# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers' own tools: mysqlbinlog and the like, as users have them on their machines."""

from __future__ import annotations

import functools
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from .cache import cache_directory, locked
from .errors import SandboxError
from .install import install
from .packages import unpack
from .server import Server

_PACKAGES = {
    "mariadb-10.5": ("bullseye", "mariadb-client-10.5", "mariadb-backup", "mariadb-server-10.5"),  # mariadb-binlog is in the last
    "mariadb-10.11": ("bookworm", "mariadb-client", "mariadb-backup"),
    "mariadb-11.8": ("trixie", "mariadb-client", "mariadb-backup"),
}
"""The release of Debian, and what of it holds the tools of a kind; the others have theirs beside the server."""

_READERS = {"mysql-5.6": "mysql-9.7"}
"""The npm package of MySQL 5.6 has no tools; those of later releases read its files."""


@functools.cache
def tool(kind: str, name: str) -> Path:
    """Return a program that runs a tool of a kind of server, after installing it where it is missing."""
    kind = _READERS.get(kind, kind)
    tree = _tree(kind)
    program = tree / "usr/bin" / name
    if not program.exists():
        raise SandboxError(f"{kind} has no {name} in {tree}.")
    # Before Debian 13 some libraries are in /lib, others in /usr/lib.
    loader = next(iter([*tree.glob("usr/lib/*/ld-linux-*.so.*"), *tree.glob("lib/*/ld-linux-*.so.*")]))
    libraries = ":".join(str(tree / base / loader.parent.name) for base in ("usr/lib", "lib"))
    wrapper = cache_directory() / "tools" / f"{kind}-bin" / name
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    command = shlex.join([str(loader), "--library-path", libraries, str(program)])
    partial = wrapper.with_name(f".{name}.partial")
    partial.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    partial.chmod(0o755)
    partial.rename(wrapper)
    return wrapper


def _tree(kind: str) -> Path:
    """Return the unpacked tree of a release of Debian that has the tools of a kind."""
    if kind not in _PACKAGES:
        install(kind)
        return cache_directory() / "servers" / kind
    place = cache_directory() / "tools" / kind
    with locked(f"tools-{kind}"):
        if place.exists():
            return place
        partial = place.with_name(f".{kind}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        suite, *packages = _PACKAGES[kind]
        unpack(f"The tools of {kind}", suite, partial, *packages)
        partial.rename(place)
    return place


def replay(sql: Path, server: Server) -> None:
    """Feed SQL to a server as users do, through the command-line client. That of MySQL 9 does not log in to 5.6 any more."""
    client = tool(server.kind, "mysql") if server.kind == "mysql-9.7" else tool("mariadb-10.11", "mariadb")
    statements = sql.read_bytes()
    if server.kind == "mysql-5.6":
        # Written by the tool of 9.7, for there is none of 5.6 here. To 5.6 these are comments, but statements all the same, and not allowed where they stand.
        statements = re.sub(rb"^/\*!80\d+ .*\n", b"", statements, flags=re.MULTILINE)
    command = [str(client), "--no-defaults", f"--socket={server.socket}", "--user=root", "--binary-mode"]
    done = subprocess.run(command, input=statements, capture_output=True, check=False)
    if done.returncode:
        raise SandboxError(f"what was saved cannot be replayed: {done.stderr.decode(errors='replace')}")
