# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of servers: a family and a release."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .errors import SandboxError

KINDS = ("mariadb-10.11", "mariadb-11.8", "mysql-9.7", "mysql-5.6", "mariadb-10.5")
"""The kinds that can be installed. Any other release works with a server of the user's own."""

STAND_INS = {"mariadb-10.5": "mariadb-10.11"}
"""Kinds with which only those tests run that name them, until they are asked for: then they stand in for this other kind of their family."""

SECOND = ("mariadb-11.8", "mysql-5.6")
"""Kinds with which only those tests run that name them in full, until they are asked for: most of what a test can find is of a family, not of a release."""

Version = tuple[int, ...]


@dataclass(frozen=True)
class Kind:
    """A family ("mariadb" or "mysql") and a release, such as (10, 11)."""

    name: str
    family: str
    release: Version

    @property
    def variable(self) -> str:
        """The environment variable that names a server of the user's own."""
        return "DBHA_MARIADBD" if self.family == "mariadb" else "DBHA_MYSQLD"

    @classmethod
    def named(cls, name: str) -> Kind:
        """Return the kind of that name, such as "mariadb-10.11" or "mysql-8.4"."""
        match = re.fullmatch(r"(mariadb|mysql)-(\d+)\.(\d+)", name)
        if match is None:
            raise SandboxError(f"{name!r} is no kind of server; use one of: {', '.join(KINDS)}.")
        return cls(name, match[1], (int(match[2]), int(match[3])))


def runs_with(kind: str, wanted: Sequence[str], also: Collection[str] = (), *, asked: bool = False) -> bool:
    """Tell whether a test runs with a kind of server: it wants kinds whose names begin so (none: any), and others also; or the kind is asked for."""
    if kind in also:
        return True
    if not asked and (kind in STAND_INS or (kind in SECOND and kind not in wanted)):
        return False
    return not wanted or kind.startswith(tuple(wanted)) or STAND_INS.get(kind) in wanted
