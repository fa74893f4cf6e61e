# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each user of the sandbox may do: the privileges that the collection needs, by family and version."""

from __future__ import annotations

from .kinds import Version

_MYSQL_8 = {
    "BINLOG_ADMIN": "applying what a dead primary alone has",
    "CONNECTION_ADMIN": "ending connections that are in the way",
    "EVENT": "moving events with the role",
    "PROCESS": "finding connections that are in the way",
    "RELOAD": "forgetting the old replication",
    "REPLICATION CLIENT": "how replicas stand",
    "REPLICATION SLAVE": "reading the binary logs of a former primary",
    "REPLICATION_SLAVE_ADMIN": "starting, stopping and repointing replicas",
    "SYSTEM_VARIABLES_ADMIN": "opening and closing servers for writes",
}
_SYSTEM_USER = {"SYSTEM_USER": "the same for events and connections of accounts that have it, such as root"}

_MARIADB = {
    "BINLOG ADMIN": "changing events on one server alone (sql_log_bin)",
    "BINLOG MONITOR": "where the binary log stands",
    "BINLOG REPLAY": "applying what a dead primary alone has",
    "CONNECTION ADMIN": "ending connections that are in the way",
    "EVENT": "moving events with the role",
    "PROCESS": "finding connections that are in the way",
    "READ_ONLY ADMIN": "opening and closing servers for writes",
    "RELOAD": "forgetting the old replication",
    "REPLICATION MASTER ADMIN": "semi-synchronous replication, on the primary's side",
    "REPLICATION SLAVE": "reading the binary logs of a former primary",
    "REPLICATION SLAVE ADMIN": "starting, stopping and repointing replicas",
    "SET USER": "keeping the definers of events",
}

FAILOVER_PRIVILEGES: dict[str, list[tuple[Version, dict[str, str]]]] = {
    "mariadb": [
        ((10, 5), _MARIADB),  # REPLICATION SLAVE ADMIN has what SLAVE MONITOR is for
        ((10, 5, 9), {**_MARIADB, "SLAVE MONITOR": "how replicas stand, and what their relay logs hold"}),
    ],
    "mysql": [
        (
            (5, 6),
            {
                "EVENT": "moving events with the role",
                "PROCESS": "finding connections that are in the way",
                "RELOAD": "forgetting the old replication",
                "REPLICATION SLAVE": "reading the binary logs of a former primary",
                "SUPER": "everything else",
            },
        ),
        ((8, 0), {**_MYSQL_8, "SET_USER_ID": "keeping the definers of events"}),
        ((8, 0, 16), {**_MYSQL_8, **_SYSTEM_USER, "SET_USER_ID": "keeping the definers of events"}),
        ((8, 2), {**_MYSQL_8, **_SYSTEM_USER, "SET_ANY_DEFINER": "keeping the definers of events"}),
    ],
}
"""By family: privileges of the user that Ansible logs in as, and what for, from a version on; the last row that fits counts."""

REPLICATION_PRIVILEGES = ("REPLICATION SLAVE",)
"""Privileges of the user that replicas log in as, everywhere."""


def failover_privileges(family: str, version: Version) -> tuple[str, ...]:
    """Return what the user that Ansible logs in as must be granted ON *.* on a server of that version."""
    fitting = [privileges for since, privileges in FAILOVER_PRIVILEGES[family] if version >= since]
    return tuple(sorted(fitting[-1]))
