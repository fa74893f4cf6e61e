# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What is asked in place of tables that cannot be read while any client runs a statement with bytes that are not UTF-8.

MySQL then fails with 3854, whichever columns are asked for and in whatever mode, because it fills all of them: ``information_schema.PROCESSLIST`` and
``information_schema.INNODB_TRX`` (seen: 9.7; somebody reported it of 9.4). A BLOB as text is enough. MySQL 5.6 and MariaDB put question marks in
place of such bytes (seen: 5.6, 10.11, 11.8). The tables remain the first choice: ``SHOW PROCESSLIST`` names nobody where
``performance_schema_show_processlist`` is on and ``performance_schema`` off (seen: 9.7), and a status that is made for readers has no promised shape.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Instead

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row

# What the thread of a replication group that applies changes says that it does.
GROUP_APPLIER = "Group replication applier module"

_ERRNO = 3854
_COLUMNS = ("Id", "User", "Host", "Command", "Time", "State")

# As the status of InnoDB tells a transaction (seen: 9.7): a line with its number, one with its locks, and unless it is prepared and its client gone,
# one with its connection. What the client runs follows, and could look like any of these: then somebody else seems to be in a transaction, too.
_BEGINS = "---TRANSACTION "
_LOCKS = re.compile(r"(LOCK WAIT |ROLLING BACK |COMMITTING )?(\d+) lock struct\(s\), ", re.ASCII)
_CONNECTION = re.compile(r"MySQL thread id (\d+), ", re.ASCII)
# A status of more than 1 MB is told without the first transactions of the list (manual, "SHOW ENGINE Statement").
_CUT = "... truncated..."

_Found = t.Optional[t.Sequence[t.Mapping[str, t.Any]]]


def _processes(rows: t.Sequence[Row]) -> _Found:
    """Name the columns as the table does. At least we are connected: where nobody is named, the answer tells nothing."""
    return [{name.upper(): row[name] for name in _COLUMNS} for row in rows] or None


def _dump_connections(rows: t.Sequence[Row]) -> _Found:
    return [{"HOST": row["Host"]} for row in rows if row.text("Command") in ("Binlog Dump", "Binlog Dump GTID")] if rows else None


def _group_appliers(rows: t.Sequence[Row]) -> _Found:
    return [{"appliers": sum(row.text("User") == "system user" and row.text("Info") == GROUP_APPLIER for row in rows)}] if rows else None


def _open_transactions(rows: t.Sequence[Row]) -> _Found:
    found = _transactions(rows)
    return None if found is None else [{"ID": connection} for connection, _is_waiting in found]


def _lock_waits(rows: t.Sequence[Row]) -> _Found:
    found = _transactions(rows)
    return None if found is None else [{"ID": connection} for connection, is_waiting in found if is_waiting]


def _transactions(rows: t.Sequence[Row]) -> t.Optional[t.List[t.Tuple[int, bool]]]:
    """Read out of the status of InnoDB which connections have a transaction that holds locks, and whether it waits for another one."""
    found: t.List[t.Tuple[int, bool]] = []
    is_in_one, locks = False, None
    for line in (line for row in rows for line in row.text("Status").split("\n")):
        if line == _CUT:
            return None
        if line.startswith(_BEGINS):
            is_in_one, locks = True, None
        elif is_in_one:
            connection = _CONNECTION.match(line)
            if connection is None:
                locks = locks or _LOCKS.match(line)
                continue
            if locks is not None and int(locks.group(2)):
                found.append((int(connection.group(1)), locks.group(1) == "LOCK WAIT "))
            # The rest is what the client runs.
            is_in_one = False
    return found if rows else None


PROCESSES = Instead(_ERRNO, "SHOW PROCESSLIST", _processes)
DUMP_CONNECTIONS = Instead(_ERRNO, "SHOW PROCESSLIST", _dump_connections)
GROUP_APPLIERS = Instead(_ERRNO, "SHOW PROCESSLIST", _group_appliers)
OPEN_TRANSACTIONS = Instead(_ERRNO, "SHOW ENGINE INNODB STATUS", _open_transactions)
LOCK_WAITS = Instead(_ERRNO, "SHOW ENGINE INNODB STATUS", _lock_waits)
