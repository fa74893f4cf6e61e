# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""How a server is set up: what decides, months later, how a failover goes. Read for a report of readiness only, never by a failover."""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import field

from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import with_bytes
from ansible_collections.dbha.mysql.plugins.module_utils._state.accounts import accounts_in, host_of_client
from ansible_collections.dbha.mysql.plugins.module_utils._state.host import disks_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Collection

    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
    from ansible_collections.dbha.mysql.plugins.module_utils._state.accounts import Accounts
    from ansible_collections.dbha.mysql.plugins.module_utils._state.host import Disk
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

LOGS = "binary logs"

# The longest number of a server is 2**64 - 1.
_NUMBER = re.compile(r"\d{1,20}", re.ASCII)

# Variables that say where files are, and what is there.
_PLACES = {"datadir": "data", "log_bin_basename": LOGS, "relay_log_basename": "relay logs", "tmpdir": "temporary files"}

# ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_UNKNOWN_TABLE (a server without that table)
_NOT_TOLD = (1142, 1143, 1227, 1109)


@dataclass(frozen=True)
class Setup:
    """How a server is set up.

    ``settings``: global variables by their names in lower case, one that it does not have is missing. ``keeps_read_only``: whether it will be
    read-only after its next start, ``None`` where it does not say. ``said_in``: the file that says so, if one does. ``registered``: the server ids of
    the replicas that have introduced themselves to it, ``None`` where our account may not know. ``persists``: whether a statement can change a setting
    so that it outlasts a restart. ``lets_in_from_memory``: after a restart our login would be refused, because the password would have to be sent to a
    server that is not verified. ``may_be_told_secrets``: passwords may be part of the statements that it is sent. ``connected``: how many clients are
    connected to it. ``utc_offset``: how many minutes its clock is ahead of UTC, for clients that say nothing of a time zone. ``places``: the directories
    of its files, by what is there. ``disks``: what it knows of its disks itself. ``log_name``: what the names of its binary logs begin with.
    ``readers``: over how many connections its binary log is read, if ``registered`` is not known. ``read_from``: from which hosts, as it calls them, one
    for each connection. ``accounts``: from where it lets the users in with which members replicate; ``None`` where our account may not know, and
    ``takes_cidr`` whether that can be a network as in 192.0.2.0/24.
    """

    settings: t.Mapping[str, str]
    keeps_read_only: t.Optional[bool] = None
    registered: t.Optional[t.Tuple[int, ...]] = None
    persists: bool = False
    lets_in_from_memory: bool = False
    may_be_told_secrets: bool = True
    connected: int = 0
    utc_offset: int = 0
    places: t.Mapping[str, str] = field(default_factory=dict)
    disks: t.Tuple[Disk, ...] = ()
    log_name: str = ""
    readers: int = 0
    said_in: str = ""
    read_from: t.Tuple[str, ...] = ()
    accounts: t.Optional[Accounts] = None
    takes_cidr: bool = False

    def number(self, name: str) -> t.Optional[int]:
        """Return a setting as a whole number; ``None`` where there is no such setting, or it is none."""
        text = self.settings.get(name, "")
        return int(text) if _NUMBER.fullmatch(text) is not None else None

    def keep(self, *settings: t.Tuple[str, str]) -> str:
        """Say how settings are changed so that they outlast a restart, for users to copy."""
        if self.persists:
            return "; ".join("SET PERSIST %s=%s" % each for each in settings)
        statements = "; ".join("SET GLOBAL %s=%s" % each for each in settings)
        return "%s; in the option file below [mysqld]: %s" % (statements, ", ".join("%s=%s" % each for each in settings))


def read_setup(node: Node, users: Collection[str] = ()) -> Setup:
    """Ask a connected server how it is set up, in seven round trips, eight of MariaDB. What our account may not know is left open.

    :arg users: those with which members replicate.
    """
    told = {row.text("Variable_name").lower(): row.text("Value") for row in node.server.send(node.flavor.show_settings())}
    settings = {name: value for name, value in told.items() if name not in _PLACES}
    places = {_PLACES[name]: _directory(name, told[name]) for name in _PLACES if told.get(name)}
    mounted = ask_if_allowed(node, node.flavor.select_disks())
    rows = ask_if_allowed(node, node.flavor.select_next_read_only())
    keeps_read_only, said_in = _kept(node.state.read_only, rows or [])
    told_of = ask_if_allowed(node, node.flavor.show_registered_replicas())
    registered = None if told_of is None else tuple(sorted(_server_id(row) for row in told_of))
    read_from = [host_of_client(row.text("HOST")) for row in ask_if_allowed(node, node.flavor.show_dump_connections()) or ()]
    let_in = ask_if_allowed(node, node.flavor.select_accounts(users))
    return Setup(
        settings,
        keeps_read_only,
        registered,
        node.flavor.persists,
        node.server.is_let_in_from_memory,
        node.server.may_be_told_secrets,
        sum(row.number("Value") for row in node.server.send(node.flavor.show_connection_count())),
        node.server.send(node.flavor.select_utc_offset()).only().number("minutes"),
        places,
        disks_of(places, [(row.text("Path"), row.number("Total"), row.number("Available")) for row in mounted or ()]),
        # Where the name is not UTF-8, the variable has it with question marks, or cut off (seen: 10.11, 5.6).
        with_bytes(node.state.odd_log).rpartition(".")[0] or os.path.basename(told.get("log_bin_basename", "")),
        0 if registered is not None else len(read_from),
        said_in,
        tuple(sorted(read_from)),
        None if let_in is None else accounts_in(let_in),
        node.flavor.takes_cidr,
    )


def _directory(name: str, value: str) -> str:
    """Return the directory that a variable names: the first of several, or the one that a file of this name is in."""
    return os.path.dirname(value) if name.endswith("_basename") else value.split(":")[0]


def _server_id(row: Row) -> int:
    return row.number(next((name for name in row if name.lower() == "server_id"), "server_id"))


def ask_if_allowed(node: Node, question: t.Optional[Statement]) -> t.Optional[t.List[Row]]:
    """Return what a server answers; ``None`` where there is no such question, or our account may not know."""
    if question is None:
        return None
    try:
        return list(node.server.send(question))
    except StatementFailed as error:
        if error.errno not in _NOT_TOLD:
            raise
        return None


def _kept(now: bool, rows: t.Sequence[Row]) -> t.Tuple[t.Optional[bool], str]:
    """Tell whether ``read_only`` will be on after the next start, and which file says so.

    What is persisted goes before option files, and what these say shows only as long as nobody has set it since.
    """
    for row in rows:
        if row.text("origin") == "persisted":
            return row.text("value").upper() not in ("OFF", "0", ""), row.text("path")
        return (now, row.text("path")) if row.text("origin") == "start" else (None, "")
    return None, ""
