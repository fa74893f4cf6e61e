# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The lock that keeps other runs off a server, and who holds it."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node, describe_connections

# Whoever changes anything on a server holds this lock on it meanwhile.
LOCK = "dbha.mysql"


def take_lock(node: Node, seconds: int) -> t.Optional[Problem]:
    node.server.send(node.flavor.stay_connected(seconds))
    holder = None
    for _attempt in range(2):
        if node.server.send(node.flavor.take_lock(LOCK)).only().optional_number("taken") == 1:
            return None
        holder = node.server.send(node.flavor.lock_holder(LOCK)).only().optional_number("connection_id")
        if holder is not None:
            break  # otherwise it has let go in between
    who = "one that has ended meanwhile" if holder is None else describe_connections(node, [holder])
    return Problem("locked", node.name, "%s is being worked on by another run: %s" % (node.name, who))
