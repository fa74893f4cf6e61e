# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Trying, before anything depends on it, whether a write gets through on a server, and whether our account may do there what is to be done.

That a server is not ``read_only`` says little: a backup, or a client, that holds all tables locked keeps every write waiting, and a replica from being
stopped and repointed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.base import Flavor
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.privileges import missing
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import as_text
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import LOCK_WAIT_TIMEOUT, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import describe_connections
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import clients, kill_clients
from ansible_collections.dbha.mysql.plugins.module_utils._steps.semi_sync import seconds_without_acknowledgement

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# Of those named who may hold a lock.
_MOST_NAMED = 10


def grants_of(server: Server) -> t.List[str]:
    """Return what is granted to the account of a connection, as statements."""
    return [as_text(value) for row in server.send(Flavor.show_grants()) for value in row.values()]


def read_privileges(node: Node) -> None:
    """See which privileges our account lacks. Where the server does not say (``--skip-grant-tables``), it lacks none."""
    try:
        grants = grants_of(node.server)
    except StatementFailed:
        grants = ["GRANT ALL PRIVILEGES ON *.* TO us"]
    node.found_missing(missing(node.flavor.family, node.flavor.version, grants))


def look_at_commits(node: Node) -> None:
    """See for how long a commit on a primary has waited for an acknowledgement (semi-synchronous replication)."""
    if node.state.writable and node.state.semi_sync.source:
        node.found_unacknowledged(seconds_without_acknowledgement(node))


def try_to_write(node: Node, *, is_limited: bool = False, is_reset_later: bool = False) -> None:
    """See whether a write gets past the locks that others hold. Changes nothing, and waits for a second at most.

    :arg is_limited: the connection waits for locks no longer than that already.
    :arg is_reset_later: another statement will let it wait for longer again (``stay_connected``).
    """
    limit, end = node.flavor.limit_trial(), node.flavor.end_trial()
    if limit is not None and not is_limited:
        node.server.send(limit)
    try:
        node.server.send(node.flavor.try_to_write())
    except StatementFailed as error:
        node.found_blocked(error.errno == LOCK_WAIT_TIMEOUT)
    if end is not None and not is_reset_later:
        node.server.send(end)


def clear_the_way(node: Node, say: Callable[[str], None], *, kill: bool = True) -> None:
    """Let writes through on a server where a lock was found that keeps them waiting: kill the clients, for it cannot be told which of them holds it.

    Raises ``Refusal`` with ``writes_blocked`` where nobody may be killed, or where that does not help.
    """
    if not node.state.blocked or node.server.check_mode:
        return
    if kill:
        kill_clients(node, say)
        try_to_write(node)
    if node.state.blocked:
        named = describe_connections(node, clients(node), _MOST_NAMED) or "no connection that could be killed"
        message = "every write on %s waits for a lock that somebody holds (%s)" % (node.name, named)
        raise Refusal([Problem("writes_blocked", node.name, message)])
