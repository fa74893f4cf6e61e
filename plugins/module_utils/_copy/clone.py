# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Overwriting a server by a copy of another: by MySQL's clone plugin, and what all ways have in common.

Each leaves a server that has exactly what the donor had, and the position that goes with it. Killed in the middle, a server is left with a part
of the donor's data, a mark that says so, and no position that says more than it has; running it again begins anew.
"""

from __future__ import annotations

import time
import typing as t
from contextlib import closing, contextmanager, suppress

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import OutcomeUnknown, Secret, ServerError, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import kill_clients

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Login, Server
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# ER_RESTART_SERVER_FAILED: the clone is complete, and the server has shut itself down, for nobody would start it again.
_RESTART_FAILED = 3707

# A database that is there for as long as a server holds only a part of what it is to hold. It does not get into the binary log.
UNFINISHED = "dbha_copy_unfinished"


def clone(node: Node, donor: Node, seconds: float, restart_timeout: float, say: Callable[[str], None]) -> bool:
    """Overwrite a server by MySQL's clone plugin. Return whether it has ended afterwards, and waits to be started.

    Nothing may be cloned while C(super_read_only) is on (seen: 9.7). C(read_only) stays, so that clients go on being kept out.
    Raises ``Refusal``, with C(not_copied) when there was no time to clone it all.
    """
    for each in (donor, node):
        if not each.server.send(each.flavor.select_clone_plugin()):
            with open_to_privileged(each):
                each.server.send(each.flavor.install_clone_plugin())
    address, login = donor.server.address, donor.server.login
    node.server.send(node.flavor.allow_donor(address.host, address.port))
    say("%s: cloning %s" % (node.name, donor.name))
    with open_to_privileged(node):
        begun = time.monotonic()
        try:
            node.server.send(node.flavor.clone_from(login.user or "", address.host, address.port, Secret(login.password or ""), seconds))
        except StatementFailed as error:
            if error.errno != _RESTART_FAILED:
                raise
            return True
        except OutcomeUnknown as error:
            if time.monotonic() - begun >= seconds:
                with suppress(ServerError):
                    node.reconnect()
                message = "%s holds only a part of a copy: it could not be cloned within %g s" % (node.name, seconds)
                raise Refusal([Problem("not_copied", node.name, message)]) from error
            wait_until_back(node, restart_timeout, started_after=begun)
    return False


@contextmanager
def open_to_privileged(node: Node) -> Iterator[None]:
    """Let accounts write that may do so under C(read_only), and no other; as it was afterwards, if the server is still there."""
    if not node.state.super_read_only:
        yield
        return
    node.server.send(node.flavor.open_to_privileged())
    try:
        yield
    finally:
        with suppress(ServerError):
            for statement in node.flavor.forbid_writes() if node.server.is_open else ():
                node.server.send(statement)


def wait_until_back(node: Node, seconds: float, *, started_after: t.Optional[float] = None) -> None:
    """Wait until a server that restarts answers again. Raises ``Refusal`` with C(restart_needed).

    RV(started_after), a moment of the monotonic clock, is for one that may not have ended yet.
    """
    deadline = time.monotonic() + seconds
    while True:
        with suppress(ServerError):
            node.server.close()
            node.server.connect()
            node.read()
            if started_after is None or int(node.server.send(node.flavor.show_uptime())[0]["Value"]) < time.monotonic() - started_after:
                return
        if time.monotonic() >= deadline:
            raise Refusal([Problem("restart_needed", node.name, "%s has not come back within %g s" % (node.name, seconds))])
        time.sleep(0.2)


def is_unfinished(node: Node) -> bool:
    """Whether a server's data were being replaced by an earlier run, which was interrupted."""
    return any(row["name"] == UNFINISHED for row in node.server.send(node.flavor.show_schemas()))


@contextmanager
def unfinished(node: Node, account: Login, seconds: float) -> Iterator[Server]:
    """Mark a server, for as long as what is done inside is not done, as one that holds only a part of what it is to hold.

    Yields a connection of the account whose changes are not logged, and which may be idle for RV(seconds). Whoever is on the server otherwise may
    be what an interrupted run has left behind, loading still, so it is ended first.
    """
    kill_clients(node, lambda text: None)
    with closing(node.server.twin(account)) as admin, open_to_privileged(node):
        admin.send(node.flavor.stay_connected(int(seconds) + 60))
        admin.send(node.flavor.log_to_binary_log(False))
        admin.send(node.flavor.create_schema(UNFINISHED))
        yield admin
        admin.send(node.flavor.drop_schema(UNFINISHED))
