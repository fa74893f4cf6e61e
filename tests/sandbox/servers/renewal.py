# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making a used cluster like a new one, for a fraction of what it costs to start one: most servers keep running.

What a new cluster is like is written down when it is new. A used one that cannot be made the same, down to each variable, is refused.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pymysql

from .accounts import SCHEMA
from .cluster import Cluster
from .errors import SandboxError
from .replication import stop_statement
from .server import Server

Nature = dict[str, Any]
"""What servers are like when nobody has used them yet, by their names."""

# What a server may be asked for before it counts as one that hangs.
_LIMIT = 20

# What is in the place of positions, which are compared as what each server has executed.
_POSITIONS = re.compile(r"^(gtid_(binlog|current|slave)_\w+|gtid_executed|gtid_purged)$")


def nature(cluster: Cluster) -> Nature:
    """Return what the servers of a cluster are like."""
    return {server.name: _nature_of(server) for server in cluster.servers.values()}


def renew(cluster: Cluster, new: Nature) -> None:
    """Make a cluster as it was when it was new. Raises SandboxError, or what a server says, where that is not possible: such a cluster is of no use."""
    for name in set(cluster.servers) - set(new):
        cluster.remove(name)
    cluster.on_each(lambda server: _strip(server, new[server.name]))
    cluster.wire_up()
    found = nature(cluster)
    if found != new:
        different = {
            f"{name}: {what}": (value, found[name][what]) for name, values in new.items() for what, value in values.items() if value != found[name][what]
        }
        raise SandboxError(f"the cluster is not like a new one: {different}")


def _nature_of(server: Server) -> Nature:
    status = server.replica_status()
    with contextlib.closing(server.connect()) as connection, connection.cursor() as cursor:

        def ask(sql: str, args: Any = None) -> list[dict[str, Any]]:
            cursor.execute(sql, args)
            return list(cursor.fetchall())

        accounts = ask("SELECT * FROM mysql.user ORDER BY User, Host")
        return {
            "options": list(server.options),
            "accounts": accounts,
            "grants": {account: ask("SHOW GRANTS FOR %s@%s", account) for account in map(_name_of, accounts) if account[1]},
            "plugins": ask("SHOW PLUGINS"),
            "schemas": sorted(_schemas(server)),
            "executed": server.executed(),
            "replication": {key: value for key, value in status.items() if key not in ("raw", "received", "lag")},
            **{f"@@{name}": value for name, value in _variables(server).items()},
        }


def _variables(server: Server) -> dict[str, str]:
    return {name: value for name, value in server.variables().items() if not _POSITIONS.match(name)}


def _accounts(server: Server) -> list[tuple[str, str]]:
    return [_name_of(row) for row in server.query("SELECT User, Host FROM mysql.user ORDER BY User, Host")]


def _name_of(account: dict[str, Any]) -> tuple[str, str]:
    """Return the user and the host; MariaDB's roles have no host."""
    return account["User"], account["Host"]


def _schemas(server: Server) -> set[str]:
    return {row["SCHEMA_NAME"] for row in server.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")}


def _strip(server: Server, new: Nature) -> None:
    """Take from a server, in whatever state, all that it has been told since it was started for the first time."""
    if server.is_running:
        server.resume()
    else:
        server.start()
    with contextlib.closing(server.connect(read_timeout=_LIMIT)) as connection, connection.cursor() as cursor:
        if server.query("SHOW PLUGINS") != new["plugins"]:  # they bring variables of their own
            raise SandboxError(f"{server} has other plugins than a new one")
        cursor.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER NOT IN ('system user', 'event_scheduler')")
        for row in cursor.fetchall():
            with contextlib.suppress(pymysql.Error):  # it has gone by itself
                cursor.execute("KILL %s", (row["ID"],))
        for statement in _forget_replication(server):
            cursor.execute(statement)
        cursor.execute("SET GLOBAL read_only = 0")
        cursor.execute("SET SESSION sql_log_bin = 0")
        # The schema of the sandbox is there in a new cluster, too, and made by its primary.
        for schema in {*_schemas(server) - set(new["schemas"]), SCHEMA}:
            cursor.execute("DROP DATABASE IF EXISTS `{}`".format(schema.replace("`", "``")))
        for account in set(_accounts(server)) - set(new["grants"]):
            if account[1]:
                cursor.execute("DROP USER %s@%s", account)
        if not server.installation.is_mariadb and server.installation.version >= (8, 0):
            cursor.execute("RESET PERSIST")
        for name, value in _variables(server).items():
            if f"@@{name}" not in new:
                continue  # of a plugin that a test has installed
            wanted = new[f"@@{name}"]
            if value != wanted and name not in ("read_only", "super_read_only"):
                cursor.execute(f"SET GLOBAL `{name}` = %s", (int(wanted) if re.fullmatch(r"-?\d+", wanted) else wanted,))
        cursor.execute("TRUNCATE TABLE mysql.general_log")
        cursor.execute("RESET BINARY LOGS AND GTIDS" if not server.installation.is_mariadb and server.installation.version >= (8, 2) else "RESET MASTER")
        if server.installation.is_mariadb:
            cursor.execute("SET GLOBAL gtid_slave_pos = ''")


def _forget_replication(server: Server) -> list[str]:
    stop = stop_statement(server.installation)
    if not server.installation.is_mariadb:
        return [stop, stop.replace("STOP", "RESET") + " ALL"]  # of all channels
    names = [row["Connection_name"] for row in server.query("SHOW ALL SLAVES STATUS")]
    return ["STOP ALL SLAVES", *(f"RESET SLAVE '{name}' ALL" for name in names)]
