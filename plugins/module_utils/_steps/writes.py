# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Opening a server for writes and closing it, now and for its next start."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager, suppress

from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


def allow_writes(node: Node) -> None:
    """Open the server for writes: the point of no return."""
    if not node.state.writable:
        for statement in node.flavor.allow_writes():
            node.act(statement, expected.opened)


def forbid_writes(node: Node) -> None:
    """Close a server for writes that nobody is to write to any more."""
    if node.state.writable:
        for statement in node.flavor.forbid_writes():
            node.act(statement, expected.closed)


def persist_read_only(node: Node, read_only: bool) -> bool:
    """Let ``read_only`` outlast a restart. Return whether the server can do that."""
    statements = node.flavor.persist_read_only(read_only)
    for statement in statements:
        node.act(statement, expected.closed if read_only else expected.opened)
    return bool(statements)


def close_at_next_start(node: Node) -> bool:
    """Let a server that takes writes come back read-only, whoever is the primary then. Return whether the server can do that."""
    statements = node.flavor.close_at_next_start()
    for statement in statements:
        node.act(statement, expected.unchanged)
    return bool(statements)


@contextmanager
def open_to_privileged(node: Node) -> Iterator[None]:
    """Let accounts write that may do so under ``read_only``, and no other.

    It is as it was afterwards, unless the connection was lost meanwhile, and with it the lock: another run may have opened the server since.
    """
    if not node.state.super_read_only:
        yield
        return
    node.act(node.flavor.open_to_privileged(), expected.open_to_privileged)
    try:
        yield
    finally:
        with suppress(ServerError):
            for statement in node.flavor.forbid_writes() if node.holds_lock() else ():
                node.act(statement, expected.closed)
