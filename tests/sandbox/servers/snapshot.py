# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server is like: everything that stays the same as long as nobody changes it; and what a user has sent to it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .errors import SandboxError
from .replication import status_statement
from .server import Server
from .waiting import HANGS

Snapshot = dict[str, Any]

# Columns of the replica status that move by themselves: clocks, what is left of a delay, and how often a receiver has tried to connect to a dead source.
_MOVING = re.compile(
    r"^(Seconds_Behind_.*|Last_IO_Err.*|(Slave|Replica)_IO_State|Slave_SQL_State|Connects_Tried|Slave_received_heartbeats|SQL_Remaining_Delay"
    r"|.*_time|.*_time_diff)$"
)

# Statements that change nothing: reading, settings of a connection, taking a named lock, and altering an event that is not there.
_HARMLESS = re.compile(
    r"^\s*(SET STATEMENT \w+ ?= ?'?\w+'? FOR )?((SELECT|SHOW|SET (SESSION|NAMES|autocommit))\b|ALTER EVENT mysql\.`dbha\.mysql trial` DISABLE$)", re.IGNORECASE
)


def snapshot(server: Server) -> Snapshot:
    """Return a running server's variables, threads, positions and relay logs."""
    is_new = not server.installation.is_mariadb and server.installation.version >= (8, 2)
    return {
        "variables": server.variables(),
        "replication": [{name: value for name, value in row.items() if not _MOVING.match(name)} for row in server.query(status_statement(server.installation))],
        "binary log": server.query("SHOW BINARY LOG STATUS" if is_new else "SHOW MASTER STATUS"),
        "executed": server.executed(),
        "relay logs": {path.name: path.stat().st_size for path in sorted(server.datadir.glob("relay*"))},
    }


def snapshots(servers: Iterable[Server]) -> dict[str, Snapshot]:
    """Return the snapshots of servers by name."""
    return {server.name: snapshot(server) for server in servers}


def wait_until_still(servers: Iterable[Server], timeout: float = HANGS, earlier: dict[str, Snapshot] | None = None) -> dict[str, Snapshot]:
    """Return snapshots of servers that nothing moves any more: two in a row are the same; the first may be one of some time ago.

    A multi-threaded applier says how far it is only every 0.3 s (replica_checkpoint_period), so that is the least to wait.
    """
    servers = list(servers)
    deadline = time.monotonic() + timeout
    before = snapshots(servers)
    if before == earlier:
        return before
    while True:
        time.sleep(0.7)
        after = snapshots(servers)
        if after == before:
            return after
        if time.monotonic() > deadline:
            raise SandboxError(f"the servers do not come to rest: {differences(before, after)}")
        before = after


def differences(before: Snapshot, after: Snapshot) -> dict[str, Any]:
    """Return what differs between two snapshots, or dictionaries of them, by its path."""
    found: dict[str, Any] = {}

    def compare(path: str, one: Any, other: Any) -> None:
        if isinstance(one, dict) and isinstance(other, dict):
            for key in sorted({*one, *other}):
                compare(f"{path}/{key}", one.get(key), other.get(key))
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            for index, (left, right) in enumerate(zip(one, other, strict=True)):
                compare(f"{path}/{index}", left, right)
        elif one != other:
            found[path.lstrip("/")] = (one, other)

    compare("", before, after)
    return found


def event_states(server: Server) -> list[tuple[str, str, str]]:
    """Return the name, the status and the definer of each event."""
    found = server.query("SELECT EVENT_NAME AS name, STATUS AS status, DEFINER AS definer FROM information_schema.EVENTS ORDER BY 1")
    return [(row["name"], row["status"], row["definer"]) for row in found]


@contextmanager
def listening(servers: Iterable[Server], user: str = "failover") -> Iterator[dict[str, list[str]]]:
    """Yield, for each server, the statements that a user sends to it meanwhile; complete at the end of the block.

    The servers say so themselves, in their general query logs, whatever the user's own side records.
    """
    servers = list(servers)
    earlier: dict[str, int] = {}
    heard: dict[str, list[str]] = {server.name: [] for server in servers}
    for server in servers:
        earlier[server.name] = len(_logged(server, user))
        server.execute_all("SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1")
    try:
        yield heard
    finally:
        for server in servers:
            server.execute_all("SET GLOBAL general_log = 0", "SET GLOBAL log_output = 'FILE'")
            heard[server.name] += _logged(server, user)[earlier[server.name] :]


def _logged(server: Server, user: str) -> list[str]:
    rows = server.query("SELECT argument FROM mysql.general_log WHERE command_type = 'Query' AND user_host LIKE %s", (f"{user}[%",))
    return [row["argument"].decode() if isinstance(row["argument"], bytes) else str(row["argument"]) for row in rows]


def changing(statements: Iterable[str]) -> list[str]:
    """Return those of the statements that may change something."""
    return [statement for statement in statements if not _HARMLESS.match(statement)]
