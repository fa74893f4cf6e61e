# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server's administrator may have set for the sessions of others, and what would be in the way of whoever takes it as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .server import Server

ODD: dict[str, Any] = {
    "time_zone": "+05:30",
    "lc_messages": "fr_FR",
    "character_set_results": "utf16",
    "collation_connection": "latin1_german2_ci",
    "sql_quote_show_create": 0,
    "group_concat_max_len": 4,
    "innodb_lock_wait_timeout": 1,
    "max_error_count": 0,
    "net_read_timeout": 1,
    "net_write_timeout": 1,
    "default_storage_engine": "MyISAM",
    "div_precision_increment": 0,
    "max_sort_length": 8,
    "low_priority_updates": 1,
    "init_connect": "SET autocommit = 0",
}
"""What changes what is read, how long is waited, or what is written, of whoever takes it as it is; servers of all kinds have these."""


def strange(server: Server) -> dict[str, Any]:
    """Return values that a server's administrator may have chosen for whoever connects, and that would be in our way."""
    mariadb, version = server.installation.is_mariadb, server.installation.version
    modes = ["ANSI_QUOTES", "PIPES_AS_CONCAT", "NO_BACKSLASH_ESCAPES", *(["EMPTY_STRING_IS_NULL"] if mariadb else [])]
    values = {
        "autocommit": 0,
        "sql_mode": ",".join(modes),
        "sql_select_limit": 3,
        "lock_wait_timeout": 1,
        "wait_timeout": 7,
        "completion_type": 2,
        "max_join_size": 1,  # which switches sql_big_selects off
        "tx_read_only" if mariadb or version < (5, 7, 20) else "transaction_read_only": 1,
    }
    values.update(ODD)
    if mariadb:
        values["max_statement_time"] = 0.5
    elif version >= (5, 7, 8):
        values["max_execution_time"] = 500
    return values


def strange_but_for_replication(server: Server) -> dict[str, Any]:
    """Return those of them that a server's own replication threads can live with."""
    breaking = ("character_set_results", "completion_type", "max_join_size", "tx_read_only", "transaction_read_only", "wait_timeout")
    return {name: value for name, value in strange(server).items() if name not in breaking}


def begin_sessions_with(server: Server, values: Mapping[str, Any]) -> None:
    """Let sessions begin with these values until the server is started again."""
    server.execute_all(*((f"SET GLOBAL {name} = %s", (value,)) for name, value in values.items()))


@contextmanager
def globals_of(servers: Sequence[Server], values: Mapping[str, Any]) -> Iterator[None]:
    """Let sessions begin with these values meanwhile, as far as a server has such a variable."""
    for server in servers:
        begin_sessions_with(server, values)
    try:
        yield
    finally:
        for server in servers:
            if server.is_running:
                server.execute_all(*(f"SET GLOBAL {name} = DEFAULT" for name in values))
