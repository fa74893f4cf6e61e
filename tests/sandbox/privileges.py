# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each user of the sandbox may do: the privileges that the collection needs, by family and version."""

from __future__ import annotations

from .kinds import Version

FAILOVER_PRIVILEGES: dict[str, list[tuple[Version, tuple[str, ...]]]] = {
    "mariadb": [
        (
            (10, 5),
            (
                "BINLOG ADMIN",
                "BINLOG MONITOR",
                "CONNECTION ADMIN",
                "EVENT",
                "PROCESS",
                "READ_ONLY ADMIN",
                "RELOAD",
                "REPLICATION MASTER ADMIN",
                "REPLICATION SLAVE",
                "REPLICATION SLAVE ADMIN",
                "SET USER",
                "SLAVE MONITOR",
            ),
        ),
    ],
    "mysql": [
        ((5, 5), ("EVENT", "PROCESS", "RELOAD", "REPLICATION CLIENT", "REPLICATION SLAVE", "SUPER")),
        (
            (8, 0),
            (
                "BINLOG_ADMIN",
                "CONNECTION_ADMIN",
                "EVENT",
                "PROCESS",
                "RELOAD",
                "REPLICATION CLIENT",
                "REPLICATION SLAVE",
                "REPLICATION_SLAVE_ADMIN",
                "SET_USER_ID",
                "SYSTEM_USER",
                "SYSTEM_VARIABLES_ADMIN",
            ),
        ),
        (
            (8, 2),
            (
                "BINLOG_ADMIN",
                "CONNECTION_ADMIN",
                "EVENT",
                "PROCESS",
                "RELOAD",
                "REPLICATION CLIENT",
                "REPLICATION SLAVE",
                "REPLICATION_SLAVE_ADMIN",
                "SET_ANY_DEFINER",
                "SYSTEM_USER",
                "SYSTEM_VARIABLES_ADMIN",
            ),
        ),
    ],
}
"""By family: privileges of the user that Ansible logs in as, from a version on; the last row that fits counts."""

REPLICATION_PRIVILEGES = ("REPLICATION SLAVE",)
"""Privileges of the user that replicas log in as, everywhere."""


def failover_privileges(family: str, version: Version) -> tuple[str, ...]:
    """Return what the user that Ansible logs in as must be granted ON *.* on a server of that version."""
    fitting = [privileges for since, privileges in FAILOVER_PRIVILEGES[family] if version >= since]
    return fitting[-1]
