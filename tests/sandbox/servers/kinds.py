# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of servers: a family and a release."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import SandboxError

KINDS = ("mariadb-10.11", "mariadb-11.8", "mysql-9.7", "mysql-5.6")
"""The kinds that can be installed. Any other release works with a server of the user's own."""

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
