# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The lock that keeps other runs off a server: taking it, and whether a run still holds it."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node, describe_connections, kill, second_lock

# Whoever changes anything on a server holds this lock on it meanwhile.
LOCK = "dbha.mysql"

# How many connections that are none of ours are killed for it: each may have waited for the one before.
_MOST_STRANGERS = 20


if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server


class Locks:
    """The locks of one run: on which servers, and which connection took each.

    A server releases a lock when the connection that took it ends, so a run that has connected anew no longer holds it.
    """

    def __init__(self) -> None:
        self._connections: t.Dict[str, int] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._connections

    @property
    def names(self) -> t.List[str]:
        """The servers whose lock was taken, also where it has been lost since."""
        return list(self._connections)

    def are_held_by(self, server: Server) -> bool:
        """Whether this connection has taken the lock of its server."""
        return server.name in self._connections and server.is_open and server.connection_id == self._connections[server.name]

    def take(self, node: Node, seconds: int, *, trying: bool = False) -> t.Optional[Problem]:
        """Take the lock of a server, and return ``locked`` with who holds it if another run does.

        The server closes the connection once it has heard nothing over it for this many seconds. A second connection of a run that has lost the lock is
        ended: that run may go on over it, or stand still until it does.

        :arg trying: it is tried next whether a write gets through there.
        """
        node.server.send(node.flavor.stay_connected(seconds, trying=trying))
        holder = None
        left, strangers = 2, _MOST_STRANGERS
        while left and strangers:
            answer = node.server.send(node.flavor.take_first_lock(LOCK, second_lock(LOCK))).only()
            if answer.optional_number("taken") == 1:
                self._connections[node.name] = node.server.connection_id
                node.lock = LOCK
                return _end_second(node, answer.optional_number("second"))
            holder = node.server.send(node.flavor.lock_holder(LOCK)).only().optional_number("connection_id")
            if holder is None:
                left -= 1  # it has let go in between
            elif _end_stranger(node, holder):
                strangers -= 1
            else:
                break
        return _locked(node, "its connection has been closed meanwhile" if holder is None else describe_connections(node, [holder]))

    def release(self, node: Node) -> None:
        """Let go of the lock of a server: from then on other runs may work there."""
        del self._connections[node.name]
        node.lock = None
        node.server.send(node.flavor.release_lock(LOCK))

    def check(self, node: Node) -> t.Optional[Problem]:
        """Ask a server whether the connection that took its lock still holds it, and return ``changed_meanwhile`` if it does not.

        Never raises for what goes wrong between us and the server: then the lock is lost, too.
        """
        taken_by = self._connections.get(node.name)
        if not node.server.is_open or node.server.connection_id != taken_by:
            return _lost(node, "the connection that held the lock is closed")
        try:
            if node.server.send(node.flavor.holds_lock(LOCK)).only().optional_number("held") == 1:
                return None
        except ServerError as error:
            return _lost(node, error.message)
        return _lost(node, "connection %d no longer holds the lock" % taken_by)


def _lost(node: Node, why: str) -> Problem:
    return Problem("changed_meanwhile", node.name, "other runs are no longer kept off %s: %s" % (node.name, why))


def _locked(node: Node, who: str) -> Problem:
    return Problem("locked", node.name, "%s is being worked on by another run: %s" % (node.name, who))


def _end_second(node: Node, holder: t.Optional[int]) -> t.Optional[Problem]:
    """Kill who holds the lock of second connections, and wait until all of it has ended; return ``locked`` if it does not.

    A run takes that lock first, and sees then that it has the other one. So whoever takes it from now on finds that we have the other one.
    """
    for _each in range(_MOST_STRANGERS):
        if holder is None:
            return None
        try:
            node.end_connection(holder)
        except OutcomeUnknown:
            if not node.server.is_open:
                raise
            break
        holder = node.server.send(node.flavor.lock_holder(second_lock(LOCK))).only().optional_number("connection_id")
    return _locked(node, describe_connections(node, [holder])) if holder is not None else None


def _end_stranger(node: Node, holder: int) -> bool:
    """Kill who holds the lock with another account than ours, and return whether somebody did: that is no run of ours.

    Any account can take a named lock, and would keep every run off. A run that another account is at loses its locks by that, and stops.
    """
    users = {row.number("ID"): row.text("USER") for row in node.server.send(node.flavor.show_processlist())}
    ours = users.get(node.server.connection_id)
    if ours is None or users.get(holder, ours) == ours:
        return False
    kill(node.server, node.flavor, holder)
    return True
