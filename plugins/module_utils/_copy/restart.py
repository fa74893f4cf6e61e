# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Waiting for a server that restarts."""

from __future__ import annotations

import time
import typing as t
from contextlib import suppress

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


def wait_until_back(node: Node, seconds: float, *, started_after: t.Optional[float] = None) -> None:
    """Wait until a server that restarts answers again. Raises ``Refusal`` with ``restart_needed``.

    ``started_after``, a moment of the monotonic clock, is for one that may not have ended yet.
    """
    deadline = time.monotonic() + seconds
    while True:
        with suppress(ServerError):
            node.server.close()
            node.server.connect()
            node.read()
            if started_after is None or node.server.send(node.flavor.show_uptime()).only().number("Value") < time.monotonic() - started_after:
                return
        if time.monotonic() >= deadline:
            raise Refusal([Problem("restart_needed", node.name, "%s has not come back within %g s" % (node.name, seconds))])
        time.sleep(0.2)
