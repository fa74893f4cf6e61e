# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What makes a session ours, whatever the server's global variables and ``init_connect`` have made of it.

It is sent before anything is known of the server, and what that calls itself in its greeting may be a proxy's word. So names that not every server
knows stand in comments that each reads by its own version: MariaDB skips those of MySQL 5.7 (``/*!507…``), MySQL those of MariaDB (``/*M!…``).
"""

from __future__ import annotations

import typing as t

# 2**64 - 1, the default of sql_select_limit: no limit.
_NO_LIMIT = 18446744073709551615
# The defaults of both vendors, in seconds: a day and eight hours. The limits that matter are our own.
_LONGEST_LOCK_WAIT = 86400
_LONGEST_SILENCE = 28800

# What SESSION has in it, and how it looks where the server is to end the connection sooner.
_SILENCE = "SESSION wait_timeout = %d"


def session(silence: t.Optional[int] = None) -> t.Sequence[str]:
    """Return the statements that make a session ours.

    :arg silence: the seconds of silence after which the server ends it, if they are not the vendors' default.
    """
    if silence is None:
        return SESSION
    return [statement.replace(_SILENCE % _LONGEST_SILENCE, _SILENCE % silence) for statement in SESSION]


def session_of_program(silence: int) -> str:
    """Return the statement that makes a session ours which a program of the vendor begins, to which only one statement can be given."""
    return session(silence)[0] + " /*!50720 , SESSION transaction_read_only = 0 */ /*M!100101 , SESSION tx_read_only = 0 */"


SESSION = (
    "SET NAMES utf8mb4, SESSION autocommit = 1, SESSION sql_mode = '', SESSION sql_select_limit = %d, SESSION sql_big_selects = 1,"
    " SESSION sql_safe_updates = 0, SESSION completion_type = 0, SESSION lock_wait_timeout = %d, SESSION wait_timeout = %d"
    " /*!50708 , SESSION max_execution_time = 0 */ /*M!100101 , SESSION max_statement_time = 0 */" % (_NO_LIMIT, _LONGEST_LOCK_WAIT, _LONGEST_SILENCE),
    # The variable behind it is called tx_read_only or transaction_read_only.
    "SET SESSION TRANSACTION READ WRITE",
)
