# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installed server: how its programs are called."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .errors import SandboxError
from .kinds import Kind, Version


@dataclass(frozen=True)
class Installation:
    """A server of one kind and how to call it."""

    kind: Kind
    version: Version
    command: tuple[str, ...]
    """The command of the server, without options."""
    options: tuple[str, ...] = ()
    """Options that say where its files are."""
    environment: dict[str, str] = field(default_factory=dict)
    share: Path | None = None
    """The directory of the SQL files that make the system tables."""

    @property
    def is_mariadb(self) -> bool:
        """Tell the family."""
        return self.kind.family == "mariadb"

    @property
    def full_environment(self) -> dict[str, str]:
        """Return the environment for the server's process."""
        return {**os.environ, **self.environment}


def read_version(command: tuple[str, ...], environment: dict[str, str] | None = None) -> tuple[str, Version]:
    """Ask a server program for its family and version."""
    try:
        done = subprocess.run(
            [*command, "--no-defaults", "--version"], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **(environment or {})}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxError(f"{command[-1]} cannot be run ({error}); name a server program.") from error
    match = re.search(r"Ver (\d+)\.(\d+)\.(\d+)(\S*)", done.stdout)
    if match is None:
        raise SandboxError(f"{command[-1]} --version does not say a version: {(done.stdout + done.stderr).strip()[:200]!r}; name a server program.")
    family = "mariadb" if "mariadb" in match[4].lower() else "mysql"
    return family, (int(match[1]), int(match[2]), int(match[3]) % 1000)


def find_own(kind: Kind) -> Installation | None:
    """Find a server of the user's own that is of this kind: among those that a variable names, or without it on the PATH."""
    named = [Path(path) for path in os.environ.get(kind.variable, "").split(os.pathsep) if path]
    others = []
    for path in named or _on_path(kind):
        family, version = read_version((str(path),))
        if family == kind.family and version[:2] == kind.release:
            return Installation(kind, version, (str(path),), share=_find_share(path.resolve()))
        others.append(f"{path} is {_title(family, version)}")
    if named:
        raise SandboxError(
            f"${kind.variable} names no {kind.name}: {', '.join(others)}. Say with SERVER=… which release you want, "
            "name a server of each that you want (with a colon between them), or unset the variable."
        )
    return None


def _on_path(kind: Kind) -> Iterable[Path]:
    """Return the server programs of a family that are on the PATH, or where it does not lead, each once."""
    directories = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/local/sbin", "/usr/sbin", "/usr/libexec"]
    names = ("mariadbd", "mysqld") if kind.family == "mariadb" else ("mysqld",)
    found: dict[Path, Path] = {}
    for path in (Path(directory) / name for directory in directories if directory for name in names):
        if os.access(path, os.X_OK) and path.is_file():
            found.setdefault(path.resolve(), path)
    return found.values()


def _title(family: str, version: Version) -> str:
    return f"{family} {'.'.join(map(str, version))}"


def _find_share(program: Path) -> Path | None:
    """Find the SQL files that belong to a program."""
    for base in (program.parent.parent, program.parent):
        for name in ("share/mysql", "share/mariadb", "share", "scripts"):
            if any((base / name).glob("*_system_tables.sql")):
                return base / name
    return None


def in_tree(kind: Kind, tree: Path) -> Installation:
    """Describe a server in an unpacked tree of another release of Debian, run through the loader of that tree."""
    loader = next(iter(sorted([*tree.glob("usr/lib/*/ld-linux-*.so.*"), *tree.glob("lib/*/ld-linux-*.so.*")])), None)
    program = next((tree / "usr/sbin" / name for name in ("mariadbd", "mysqld") if (tree / "usr/sbin" / name).exists()), None)
    if loader is None or program is None:
        raise SandboxError(f"{tree} holds no server: remove it, and it is installed again.")
    # Before Debian 13 some libraries are in /lib, others in /usr/lib.
    libraries = ":".join(str(tree / base / loader.parent.name) for base in ("usr/lib", "lib"))
    command = (str(loader), "--library-path", libraries, str(program))
    share = tree / "usr/share" / ("mariadb" if (tree / "usr/share/mariadb").is_dir() else "mysql")
    plugins = next((path for path in (tree / "usr/lib/mysql/plugin", *tree.glob("usr/lib/*/libmariadb*/plugin")) if path.is_dir()), None)
    options = [f"--lc-messages-dir={share}", f"--character-sets-dir={share / 'charsets'}"]
    if plugins is not None:
        options.append(f"--plugin-dir={plugins}")
    family, version = read_version(command)
    _require(kind, family, version)
    return Installation(kind, version, command, options=tuple(options), share=share)


def in_package(kind: Kind, package: Path) -> Installation:
    """Describe the MySQL 5.6 of an unpacked npm package."""
    home = package / "server"
    environment = {"LD_LIBRARY_PATH": str(home)}
    command = (str(home / "mysqld"),)
    family, version = read_version(command, environment)
    _require(kind, family, version)
    options = (f"--lc-messages-dir={home / 'share'}",)
    return Installation(kind, version, command, options=options, environment=environment, share=home / "share")


def _require(kind: Kind, family: str, version: Version) -> None:
    if family != kind.family or version[:2] != kind.release:
        offered = _title(family, version)
        raise SandboxError(f"{kind.name} was to be installed, but what is offered now is {offered}: install it by hand and name it in ${kind.variable}.")
