# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""A server that holds only a part of a copy: mark it, recognise it, keep it from being used."""

from __future__ import annotations

import typing as t
from contextlib import closing, contextmanager

from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import kill_clients
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import open_to_privileged

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# A database that is there for as long as a server holds only a part of what it is to hold. It does not get into the binary log.
UNFINISHED = "dbha_copy_unfinished"


def is_unfinished(node: Node) -> bool:
    """Whether a server's data were being replaced by an earlier run, which was interrupted."""
    return any(row.text("name") == UNFINISHED for row in node.server.send(node.flavor.show_schemas()))


@contextmanager
def unfinished(node: Node, account: Login, seconds: float) -> Iterator[Server]:
    """Mark a server, for as long as what is done inside is not done, as one that holds only a part of what it is to hold.

    Yields a connection of the account whose changes are not logged, and which may be idle for ``seconds``. Whoever is on the server otherwise may
    be what an interrupted run has left behind, loading still, so it is ended first.
    """
    kill_clients(node, lambda text: None)
    with closing(node.server.twin(account)) as admin, open_to_privileged(node):
        admin.send(node.flavor.stay_connected(int(seconds) + 60))
        admin.send(node.flavor.log_to_binary_log(False))
        admin.send(node.flavor.create_schema(UNFINISHED))
        yield admin
        admin.send(node.flavor.drop_schema(UNFINISHED))
