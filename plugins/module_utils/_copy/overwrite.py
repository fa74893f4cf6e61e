# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.
"""Overwriting a server with a copy of another: in which way that can be done, and doing it.

Each way leaves a server that has exactly what the donor had, and the position that goes with it. Killed in the middle, a server is left with a
part of the donor's data, a mark that says so, and no position that says more than it has; running it again begins anew.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._copy.backup import rebuild_by_backup, why_not_by_backup
from ansible_collections.dbha.mysql.plugins.module_utils._copy.clone import clone
from ansible_collections.dbha.mysql.plugins.module_utils._copy.dump import rebuild_by_dump
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dbha.mysql.plugins.module_utils._copy.backup import Hosts
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

CLONE = "clone"
REBUILD = "rebuild"
BY_FILES = "mariadb-backup"
BY_DUMP = "dump"


@dataclass(frozen=True)
class Copying:
    """How servers may be overwritten.

    ``method`` is ``clone`` or ``rebuild``. ``user`` and ``password`` are those of the account that reads and writes everything, where it is not the one
    that logs in. ``seconds`` is what copying may take, ``restart_seconds`` what the server gets to end and to come back. ``hosts``: how to run commands on the
    servers' hosts.
    """

    method: str
    user: t.Optional[str]
    password: t.Optional[str]
    seconds: float
    restart_seconds: float
    dump_program: t.Optional[str]
    hosts: Hosts

    def account(self, login: Login) -> Login:
        """Return how to log in to copy: as the account for that, if there is one, else as everywhere."""
        return replace(login, user=self.user or login.user, password=self.password or login.password)


@dataclass(frozen=True)
class Way:
    """The way in which a server is overwritten: ``clone``, ``mariadb-backup`` or ``dump``; and why not by files, where that would be quicker."""

    name: str
    why_not_by_files: str = ""


def choose_way(node: Node, donor: Node, copying: Copying) -> Way:
    """Return the way in which a server can be overwritten with a copy of another. Raises ``Refusal``."""
    if copying.method == CLONE:
        if not node.flavor.can_clone:
            message = "%s is %s, which cannot be cloned: cloning needs MySQL 8.0.17 or later" % (node.name, node.state.version_text)
            raise Refusal([Problem("cannot_copy", node.name, message)])
        return Way(CLONE)
    if node.state.family != "mariadb":
        return Way(BY_DUMP)
    why_not = why_not_by_backup(node, donor, copying.hosts)
    return Way(BY_DUMP, "mariadb-backup, which is quicker, cannot be used: %s" % why_not) if why_not else Way(BY_FILES)


def overwrite(node: Node, donor: Node, way: Way, copying: Copying, say: Callable[[str], None]) -> bool:
    """Overwrite a server. Return whether it has ended afterwards, and waits to be started. Raises ``Refusal``."""
    account = copying.account(node.server.login)
    if way.name == CLONE:
        return clone(node, donor, account, copying.seconds, copying.restart_seconds, say)
    if way.name == BY_FILES:
        rebuild_by_backup(node, donor, account, copying.hosts, copying.seconds, say)
        return False
    try:
        rebuild_by_dump(node, donor, account, copying.seconds, say, copying.dump_program)
    except Refusal as refusal:
        if not way.why_not_by_files:
            raise
        # Nothing has been overwritten: what would have served instead is of use.
        raise Refusal([_with_reason(problem, way) for problem in refusal.problems]) from refusal
    return False


def _with_reason(problem: Problem, way: Way) -> Problem:
    return replace(problem, message="%s. Also, %s" % (problem.message, way.why_not_by_files)) if problem.code == "cannot_copy" else problem
