# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""A server that holds only a part of a copy: mark it, recognise it, keep it from being used."""

from __future__ import annotations

import typing as t
from contextlib import closing, contextmanager

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import kill_clients
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import open_to_privileged

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
    from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# A database that is there for as long as a server holds only a part of what it is to hold. It does not get into the binary log.
UNFINISHED = "dbha_copy_unfinished"

# ER_OPTION_PREVENTS_STATEMENT: the account may not write under read_only, or nobody may under super_read_only.
_READ_ONLY = 1290

# What forbids to set a position now, and not for want of a privilege: ER_SLAVE_MUST_STOP,
# ER_CANT_SET_GTID_PURGED_WHEN_GTID_EXECUTED_IS_NOT_EMPTY, ER_CANT_SET_GTID_PURGED_DUE_SETS_CONSTRAINTS.
_NOT_NOW = (1198, 1840, 3546)


def databases_of(node: Node) -> t.List[str]:
    """Name the databases of users on a server."""
    return [row.text("name") for row in node.server.send(node.flavor.show_schemas())]


def is_unfinished(databases: t.Sequence[str]) -> bool:
    """Whether a server that has these databases holds what an earlier run has begun to replace, and not finished."""
    return UNFINISHED in databases


def try_account(node: Node, donor: Node, account: Login) -> None:
    """See that an account may do what replacing the data of a server takes, there and on the donor, whose accounts it is to have then.

    Changes nothing. Raises ``Refusal`` with ``cannot_copy``.
    """
    if node.server.check_mode:
        return
    with open_to_privileged(node):
        _try(node, account, [*node.flavor.try_to_replace(), node.flavor.try_to_set_position()], _NOT_NOW)
    # Its accounts are those of the copy.
    _try(donor, account, [*donor.flavor.try_to_replace(), donor.flavor.try_to_set_position()], (_READ_ONLY, *_NOT_NOW))


def _try(node: Node, account: Login, statements: Iterable[Statement], tolerated: t.Sequence[int]) -> None:
    with closing(node.server.twin(account)) as trial:
        for statement in statements:
            try:
                trial.send(statement)
            except StatementFailed as error:
                if error.errno not in tolerated:
                    needs = " (it needs %s)" % statement.needs if statement.needs else ""
                    message = "the account %s cannot do on %s what replacing all data needs%s: %s" % (account.user, node.name, needs, error.message)
                    raise Refusal([Problem("cannot_copy", node.name, message)]) from error


@contextmanager
def unfinished(node: Node, account: Login, seconds: float) -> Iterator[Server]:
    """Mark a server, for as long as what is done inside is not done, as one that holds only a part of what it is to hold.

    Yields a connection of the account whose changes are not logged, and which may be idle for ``seconds``. Whoever is on the server otherwise may
    be what an interrupted run has left behind, loading still, so it is ended first.
    """
    kill_clients(node, lambda text: None)
    with closing(node.server.twin(account)) as admin, open_to_privileged(node):
        node.lock_second(admin)
        admin.send(node.flavor.stay_connected(int(seconds) + 60))
        admin.send(node.flavor.log_to_binary_log(False))
        admin.send(node.flavor.create_schema(UNFINISHED))
        yield admin
        admin.send(node.flavor.drop_schema(UNFINISHED))
