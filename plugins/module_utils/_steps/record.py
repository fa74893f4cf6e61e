# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Writing a row into the journal of a cluster, on a primary that is open."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._state.record import NOT_THERE

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.record import Record

# Seconds that all of it may take, apart from connecting: whatever is in the way of it (a lock, a full disk, an acknowledgement that does not come) is not
# to be in the way of a failover.
_LONGEST = 3.0

# ER_DUP_ENTRY: an earlier run has written it.
_IS_THERE = 1062


def write_record(node: Node, record: Record) -> None:
    """Write a row, once for each ``id``, however often this is done. The table is made where it is not there.

    Over a connection of its own: what hangs is given up with it, and may be carried out all the same. Raises ``Refusal`` and ``ServerError``.
    """
    if node.server.check_mode:
        if not _is_there(node):
            for statement in node.flavor.create_journal():
                node.act(statement)
        node.act(node.flavor.write_journal(asdict(record)))
        return
    with node.aside() as twin, twin.within(_LONGEST):
        twin.send(node.flavor.prepare_journal())
        if not _write(twin, node, record):
            database, table = node.flavor.create_journal()
            for statement in (database, node.flavor.use_journal(), table):
                twin.send(statement)
            _write(twin, node, record)


def _write(twin: Server, node: Node, record: Record) -> bool:
    """Write a row, and return whether there is a table to write it to."""
    try:
        twin.send(node.flavor.use_journal())
        twin.send(node.flavor.write_journal(asdict(record)))
    except StatementFailed as error:
        if error.errno not in (*NOT_THERE, _IS_THERE):
            raise
        return error.errno == _IS_THERE
    return True


def _is_there(node: Node) -> bool:
    try:
        node.server.send(node.flavor.show_journal(1))
    except StatementFailed as error:
        # What our account may not read it may still write, or not: a plan cannot tell.
        return error.errno not in NOT_THERE
    return True
