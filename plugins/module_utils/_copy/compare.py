# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Comparing a copy with its donor, which is locked meanwhile: only then it is called one."""

from __future__ import annotations

import typing as t
from contextlib import closing, contextmanager

from ansible_collections.dbha.mysql.plugins.module_utils._copy.contents import Reader
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import LOCK_WAIT_TIMEOUT, ServerError, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._copy.contents import Contents
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# Seconds that the donor may wait for each of the locks that make up the one on all tables.
_LONGEST_WAIT = 15


def is_compared(donor: Node) -> bool:
    """Whether a copy that can be made while the donor takes writes is compared with it: a primary would be kept from writing for that."""
    return bool(donor.state.channels)


@contextmanager
def locked_for_comparison(node: Node, donor: Node, account: Login, seconds: float, deadline: float, say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Lock a donor, and read what is in it. Yields what compares a server with that, and unlocks the donor then.

    Copying does not mind the lock (seen: CLONE of 9.7, mariadb-backup of 10.5, 10.11, 11.8). Where nothing is compared it does nothing. Raises ``Refusal``.
    """
    if donor.server.check_mode or not is_compared(donor):
        yield lambda: None
        return
    with closing(donor.server.twin(account)) as lock, closing(donor.server.twin(account)) as reading:
        lock.send(donor.flavor.stay_connected(int(seconds) + 60))
        lock_donor(donor, lock)
        say("%s: reading what is in %s, to compare the copy with it" % (node.name, donor.name))
        try:
            with donor.server.journal.step("read contents", donor.name):
                contents = Reader(reading, donor.flavor, deadline).read()
        except ServerError as error:
            raise Refusal([Problem("cannot_copy", donor.name, "%s cannot be compared with a copy: %s" % (donor.name, error))]) from error

        def compare_and_unlock() -> None:
            compare(node, donor, account, contents, deadline, say)
            # If this fails, the lock has been lost, and the donor may have changed.
            lock.send(donor.flavor.unlock_tables())

        yield compare_and_unlock


def compare(node: Node, donor: Node, account: Login, contents: Contents, deadline: float, say: Callable[[str], None]) -> None:
    """See that a copy is one. Raises ``Refusal``."""
    say("%s: comparing the copy with %s" % (node.name, donor.name))
    try:
        with node.server.journal.step("compare", node.name), closing(node.server.twin(account)) as reading:
            difference = contents.difference(Reader(reading, node.flavor, deadline).read())
    except ServerError as error:
        raise Refusal([Problem("not_copied", node.name, "%s cannot be compared with %s: %s" % (node.name, donor.name, error))]) from error
    if difference:
        raise Refusal([Problem("not_copied", node.name, "%s is not the same as %s after it was copied: %s" % (node.name, donor.name, listed(difference)))])


def lock_donor(donor: Node, lock: Server) -> None:
    """Let nothing on the donor change for as long as this connection lasts."""
    if donor.server.check_mode:
        return
    # The server itself must give up in time: writers wait behind a lock that is still asked for.
    lock.send(donor.flavor.limit_lock_waits(_LONGEST_WAIT))
    try:
        lock.send(donor.flavor.lock_all_tables())
    except StatementFailed as error:
        if error.errno != LOCK_WAIT_TIMEOUT:
            raise
        message = "%s could not be locked, so that nothing changes on it while it is copied: what was running on it did not finish within %d s"
        raise Refusal([Problem("cannot_copy", donor.name, message % (donor.name, _LONGEST_WAIT))]) from error
