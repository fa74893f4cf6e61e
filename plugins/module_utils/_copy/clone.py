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
from contextlib import closing, suppress

from ansible_collections.dbha.mysql.plugins.module_utils._copy.compare import locked_for_comparison
from ansible_collections.dbha.mysql.plugins.module_utils._copy.contents import Reader
from ansible_collections.dbha.mysql.plugins.module_utils._copy.restart import wait_until_back
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.contents import show_stored_tables
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, ServerError, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Secret
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import open_to_privileged

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# ER_RESTART_SERVER_FAILED: the clone is complete, and the server has shut itself down, for nobody would start it again.
_RESTART_FAILED = 3707


def clone(node: Node, donor: Node, account: Login, seconds: float, restart_timeout: float, say: Callable[[str], None]) -> bool:
    """Overwrite a server by MySQL's clone plugin. Return whether it has ended afterwards, and waits to be started.

    Nothing may be cloned while ``super_read_only`` is on (seen: 9.7). ``read_only`` stays, so that clients go on being kept out.
    What it would leave out is refused before. Raises ``Refusal``, with ``not_copied`` when there was no time to clone it all.
    """
    deadline = time.monotonic() + seconds
    if not donor.server.check_mode:
        _check_losses(node, donor, account, deadline)
    # Before the donor is locked: this writes to a table of its own.
    for each in (donor, node):
        if not each.server.send(each.flavor.select_clone_plugin()):
            with open_to_privileged(each):
                each.server.send(each.flavor.install_clone_plugin())
    _check_security(node, donor)
    with locked_for_comparison(node, donor, account, seconds + restart_timeout, deadline, say) as compare:
        if _clone(node, donor, seconds, restart_timeout, say):
            return True
        try:
            compare()
        except Refusal:
            # A server with databases and no GTID is joined by nobody.
            with open_to_privileged(node):
                for statement in node.flavor.set_position(""):
                    node.server.send(statement)
            raise
    return False


def _check_security(node: Node, donor: Node) -> None:
    """Refuse to let a server log in to a donor that it does not verify."""
    if donor.server.login.allow_unverified:
        return
    if not node.server.send(node.flavor.select_clone_plugin()):
        return  # in a plan, which does not install it: before that, the variable is not there
    if node.server.send(node.flavor.select_clone_trust()).only().text("ca"):
        return
    message = "%s would send the password to %s without verifying it: set clone_ssl_ca there (SET PERSIST), or allow that (allow_unverified)"
    raise Refusal([Problem("password_withheld", node.name, message % (node.name, donor.name))])


def _check_losses(node: Node, donor: Node, account: Login, deadline: float) -> None:
    """Refuse to clone a server that holds rows outside InnoDB: they are left out, without a word (seen: 9.7)."""
    with closing(donor.server.twin(account)) as reading:
        reader = Reader(reading, donor.flavor, deadline)
        stored = {row.text("name").split("#")[0].lower() for row in donor.server.send(show_stored_tables()) if _is_of_users(row.text("name"))}
        if len(stored) > reader.count_tables_of("InnoDB"):
            message = "the account %s does not see all tables of %s, so that it cannot be told what a clone would leave out (it needs SELECT)"
            raise Refusal([Problem("cannot_copy", donor.name, message % (account.user, donor.name))])
        left_out = reader.rows_outside("InnoDB")
    if left_out:
        tables = ["%s (%d row%s)" % (name, rows, "s" * (rows != 1)) for name, rows in left_out.items()]
        message = "%s cannot be cloned to %s: a clone leaves out the rows of tables that are not of InnoDB: %s"
        raise Refusal([Problem("cannot_copy", node.name, message % (donor.name, node.name, listed(tables)))])


def _is_of_users(name: str) -> bool:
    """Whether InnoDB names so a table of users, and not one of the server's own, or a part of a full-text index."""
    schema, _slash, table = name.partition("/")
    return bool(table) and schema not in ("mysql", "sys", "information_schema", "performance_schema") and not table.lower().startswith("fts_")


def _clone(node: Node, donor: Node, seconds: float, restart_timeout: float, say: Callable[[str], None]) -> bool:
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
                with suppress(ServerError, Refusal):
                    node.reconnect()
                    node.lock_again()
                message = "%s holds only a part of a copy: it could not be cloned within %g s" % (node.name, seconds)
                raise Refusal([Problem("not_copied", node.name, message)]) from error
        # It restarts after the statement has been answered, or before; in a plan it does not.
        if not node.server.check_mode:
            wait_until_back(node, restart_timeout, started_after=begun)
            node.lock_again()
    return False
