# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The privileges that our account needs, by family and version, and which of them ``SHOW GRANTS`` does not name."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable

Version = t.Tuple[int, ...]

# Those that the README documents: what they are called now, and by which others the same is granted.
_MARIADB = (
    "BINLOG ADMIN",
    "BINLOG MONITOR",
    "BINLOG REPLAY",
    "CONNECTION ADMIN",
    "EVENT",
    "PROCESS",
    "READ_ONLY ADMIN",
    "RELOAD",
    "REPLICATION MASTER ADMIN",
    "REPLICATION SLAVE",
    "REPLICATION SLAVE ADMIN",
    "SET USER",
)
_MYSQL_5 = ("EVENT", "PROCESS", "RELOAD", "REPLICATION SLAVE", "SUPER")
_MYSQL_8 = (
    "BINLOG_ADMIN",
    "CONNECTION_ADMIN",
    "EVENT",
    "PROCESS",
    "RELOAD",
    "REPLICATION CLIENT",
    "REPLICATION SLAVE",
    "REPLICATION_SLAVE_ADMIN",
    "SYSTEM_VARIABLES_ADMIN",
)

# What SUPER has in it: all that was split from it (MariaDB up to 10.11, where READ_ONLY ADMIN went first; MySQL 8 and later but for SYSTEM_USER).
_SPLIT_FROM_SUPER = frozenset(
    [
        "BINLOG ADMIN",
        "BINLOG MONITOR",
        "BINLOG REPLAY",
        "CONNECTION ADMIN",
        "READ_ONLY ADMIN",
        "REPLICATION MASTER ADMIN",
        "REPLICATION SLAVE ADMIN",
        "SET USER",
        "SLAVE MONITOR",
        "BINLOG_ADMIN",
        "CONNECTION_ADMIN",
        "REPLICATION_SLAVE_ADMIN",
        "SET_USER_ID",
        "SYSTEM_VARIABLES_ADMIN",
    ]
)

# ``GRANT SELECT, EVENT ON *.* TO …``; what is granted on less does not count, and a role is granted without ON.
_NEEDS_TLS = re.compile(r"\bREQUIRE (?:SSL|X509|ISSUER|SUBJECT|CIPHER)\b")
_GRANT = re.compile(r"GRANT (.+?) ON \*\.\* TO ", re.IGNORECASE)


def needed(family: str, version: Version) -> t.Tuple[str, ...]:
    """Name the privileges that our account needs on ``*.*``."""
    if family == "mariadb":
        # Before 10.5.9 REPLICATION SLAVE ADMIN has what SLAVE MONITOR is for.
        return (*_MARIADB, "SLAVE MONITOR") if version >= (10, 5, 9) else _MARIADB
    if version < (8, 0):
        return _MYSQL_5
    definer = "SET_ANY_DEFINER" if version >= (8, 2) else "SET_USER_ID"
    return (*_MYSQL_8, definer, "SYSTEM_USER") if version >= (8, 0, 16) else (*_MYSQL_8, definer)


def missing(family: str, version: Version, grants: Iterable[str]) -> t.Tuple[str, ...]:
    """Return which of the privileges that are needed are not among those that ``SHOW GRANTS`` tells."""
    granted = _granted(grants)
    if granted & {"ALL", "ALL PRIVILEGES"}:
        return ()
    if "SUPER" in granted and (family == "mysql" or version < (11, 0, 1)):
        granted |= _SPLIT_FROM_SUPER - ({"READ_ONLY ADMIN"} if version >= (10, 11) and family == "mariadb" else set())
    if (8, 2) <= version < (8, 4) and "SET_USER_ID" in granted:
        granted.add("SET_ANY_DEFINER")
    return tuple(name for name in needed(family, version) if name not in granted)


def may_replicate(grants: Iterable[str]) -> bool:
    """Whether an account to which this is granted may be sent what a binary log holds."""
    return bool(_granted(grants) & {"ALL", "ALL PRIVILEGES", "REPLICATION SLAVE"})


def needs_tls(said: Iterable[str]) -> bool:
    """Whether an account is let in over TLS only, by what its grants say, or the statement that would create it."""
    return any(_NEEDS_TLS.search(text) for text in said)


def _granted(grants: Iterable[str]) -> t.Set[str]:
    found: t.Set[str] = set()
    for grant in grants:
        match = _GRANT.match(grant)
        if match:
            found |= {_called_now(name.strip().upper()) for name in match.group(1).split(",")}
    return found


def _called_now(name: str) -> str:
    """Return the name that ``needed`` has of a privilege of MariaDB which goes by several."""
    return _ALIASES.get(name, name)


_ALIASES = {
    "REPLICA MONITOR": "SLAVE MONITOR",
    "REPLICATION REPLICA": "REPLICATION SLAVE",
    "REPLICATION REPLICA ADMIN": "REPLICATION SLAVE ADMIN",
}
