# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The critical section of a switchover: between the old primary's last write and the new primary's first.

The candidate is caught up before anything is blocked. Then the old primary is made read-only, the candidate waits for exactly what that one
has, and is opened. Whatever fails before it is opened is undone, so that the old primary takes writes again, within a time limit of its own.
"""

from __future__ import annotations

import time
import typing as t
from contextlib import contextmanager
from functools import partial

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import TRANSACTIONS_REFRESH
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problem_of, problems_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import LOCK_WAIT_TIMEOUT, OutcomeUnknown, ServerError, StatementFailed, describe_error
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import SERVER_USERS, describe_connections, kill
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import events_to_run, switch_events
from ansible_collections.dbha.mysql.plugins.module_utils._steps.semi_sync import set_semi_sync_source, waits_in_vain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import allow_writes
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
    from ansible_collections.dbha.mysql.plugins.module_utils._state.events import Event
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# Seconds that making the old primary writable again may take, apart from the time limit that was exceeded before.
UNDO_TIMEOUT = 10.0

# Seconds that a server waits for locks in one try to make it read-only, the fewest that it takes. MySQL does not notice that we are gone (seen: 5.6,
# 9.7), and what is granted then would close it with nobody left who opens another one: so it waits briefly, and is asked again.
_TRY = 1

# Seconds of the time limit that are kept for asking who holds the candidate up, and those by which a wait that is rounded up may exceed it.
_TO_ASK_WHO = 2.0
_WHOLE_SECOND = 1.0

# Seconds for one more try: its answer must come in time.
_SHORTEST_TRY = 2.0

# What a KILL must spare, by the command in the process list.
_REPLICATION_COMMANDS = ("binlog dump", "slave_io", "slave_sql", "slave_worker", "daemon")


# What is to be done, in this order, to take everything back: what it is, and how.
Undo = t.List[t.Tuple[str, t.Callable[[], None]]]


@dataclass(frozen=True)
class Limits:
    """How a handover may go: ``timeout`` for all of it, ``grace`` for writers to end by themselves (seconds), whether the rest is killed.

    ``semi_sync``: whether the new primary is to wait for acknowledgements (semi-synchronous replication).
    """

    timeout: float
    grace: float
    kill: bool
    semi_sync: bool = False


class Guard(t.Protocol):
    """Whether what is about to be done may be done: no other run may be at work on these servers. Each raises ``Refusal`` if it may not."""

    def may_close(self) -> None:
        """Asked when the old primary has been read, and takes writes still."""

    def may_open(self) -> None:
        """Asked right before the new primary is opened."""

    def may_undo(self, node: Node) -> None:
        """Asked before something is undone on a server, whose connection may have been replaced."""

    def may_open_again(self, node: Node) -> None:
        """Asked before the old primary takes writes again, or anything else is undone there; its connection may have been replaced."""


@dataclass(frozen=True)
class Handover:
    """What a handover came to: ``downtime`` in seconds, and the events that are to run on the new primary."""

    downtime: float
    events: t.List[Event]


def hand_over(old: Node, new: Node, limits: Limits, guard: Guard, journal: Journal, say: Callable[[str], None]) -> Handover:
    """Take writing from one server and give it to another.

    Raises ``Refusal``; the old primary takes writes again then, or the refusal says that it does not.
    """
    deadline = time.monotonic() + limits.timeout
    undo: Undo = []
    try:
        with journal.step("catch up", new.name):
            old.read()
            guard.may_close()
            drain(new, limits.timeout, say, old.state.executed.union(new.state.executed))
        # Privileged events go on writing under read_only where there is no super_read_only.
        events = events_to_run(old, primary=True)
        with _naming_step("disabling the events of %s" % old.name):
            for event in events if old.state.writable else ():
                undo.append(("enable event %s" % event, partial(switch_events, old, [event], enable=True)))
                switch_events(old, [event], enable=False)
        was_writable = old.state.writable
        if was_writable:
            undo.insert(0, ("allow writes", lambda: _allow_writes_again(old)))
        with journal.step("forbid writes", old.name), _naming_step("making %s read-only" % old.name):
            if was_writable and old.state.semi_sync.source:
                undo.append(("wait for acknowledgements again", lambda: _wait_for_acknowledgements_again(old)))
            begun = make_read_only(old, limits, deadline, say)
            if not limits.kill:
                _let_transactions_end(old, limits)
        with journal.step("hand over", new.name), _naming_step("waiting for %s to apply what %s wrote last" % (new.name, old.name)):
            _apply_the_last(old, new, limits, deadline, say)
        if new.state.semi_sync.source != limits.semi_sync:
            undo.append(("put semi-sync of %s back" % new.name, lambda: _put_semi_sync_back(new, not limits.semi_sync, guard)))
            with _naming_step("switching semi-synchronous replication of %s" % new.name):
                set_semi_sync_source(new, limits.semi_sync)
        guard.may_open()
    except BaseException as error:
        _take_back(old, undo, error, guard, journal)
        raise
    try:
        with journal.step("allow writes", new.name), new.server.within(max(deadline - time.monotonic(), 1.0)):
            allow_writes(new)
    except BaseException as error:
        # Only where the server itself says that it did not do it, that is certain.
        if isinstance(error, StatementFailed) or not _was_opened(old, new, error, journal):
            _take_back(old, undo, error, guard, journal)
        if not isinstance(error, OutcomeUnknown):
            raise
    return Handover(round(time.monotonic() - begun, 4) if was_writable else 0.0, events)


def _was_opened(old: Node, new: Node, error: BaseException, journal: Journal) -> bool:
    """Ask whether the new primary was opened although it did not say so. Raises ``Refusal`` where that cannot be told."""
    try:
        with journal.step("find out", new.name):
            new.reconnect()
            with new.server.within(UNDO_TIMEOUT):
                # The lock went with the connection. Whoever has it now may close this one, and let it follow another.
                new.lock_again()
                return new.read().writable
    except Exception:
        # It may be open, or be opened when it runs on: then the old primary must not be.
        message = "%s. %s stays read-only, because %s may take writes now" % (error, old.name, new.name)
        raise Refusal([Problem("outcome_unknown", new.name, message)]) from error


@contextmanager
def _naming_step(step: str) -> Iterator[None]:
    """Say in every refusal which step it was that failed."""
    try:
        yield
    except Refusal as refusal:
        raise Refusal([Problem(each.code, each.server, "%s failed: %s" % (step, each.message), each.gtids) for each in refusal.problems]) from refusal
    except ServerError as error:
        problem = problem_of(error.server, error)
        raise Refusal([Problem(problem.code, problem.server, "%s failed: %s" % (step, problem.message))]) from error


def make_read_only(old: Node, limits: Limits, deadline: float, say: Callable[[str], None]) -> float:
    """Make a primary read-only and return when that began to block clients.

    It waits behind ``LOCK TABLES … WRITE`` and behind statements that write, and every new write waits behind it meanwhile; neither reading
    statements nor open transactions are in its way (seen: all four servers). A transaction that is open cannot commit any more.
    """
    if not old.state.writable and (old.state.super_read_only or "super_read_only" not in old.state.variables):
        return time.monotonic()
    while True:
        patience = max(_TRY, int(min(limits.grace, deadline - time.monotonic() - 1)))
        try:
            return _forbid_writes(old, patience, deadline)
        except StatementFailed as error:
            if error.errno != LOCK_WAIT_TIMEOUT:
                raise
            if old.state.semi_sync.source and waits_in_vain(old, patience):
                # They are committed, and whoever takes over waits for all that is: an acknowledgement that nobody can give is of no use any more.
                # (A commit that has waited for a shorter time was not in the way; its acknowledgement may be about to come.)
                say("%s: commits wait for acknowledgements that do not come; it waits for them no longer" % old.name)
                set_semi_sync_source(old, False)
                old.read()
                continue
            if not limits.kill:
                message = "writers on %s did not finish within %g s, and their connections may not be killed" % (old.name, limits.grace)
                raise Refusal([Problem("writers_in_the_way", old.name, message)]) from error
            if deadline - time.monotonic() < _SHORTEST_TRY:
                who = describe_connections(old, clients(old)) or "no connection that could be killed"
                message = "writers on %s come back faster than their connections can be killed: %s" % (old.name, who)
                raise Refusal([Problem("writers_in_the_way", old.name, message)]) from error
        kill_clients(old, say)


def _forbid_writes(old: Node, patience: float, deadline: float) -> float:
    """Make a server read-only, trying again for as long as ``patience`` (seconds), and return when the try began that did.

    Between two tries, writes that have waited behind the first get through. Raises what the last try raises.
    """
    give_up = time.monotonic() + patience
    old.server.send(old.flavor.limit_lock_waits(_TRY))
    while True:
        begun = time.monotonic()
        try:
            with old.server.within(max(min(_TRY + 5.0, deadline - begun), 0.1)):
                for statement in old.flavor.forbid_writes():
                    old.act(statement, expected.closed)
                if old.takes_writes():
                    raise Refusal([Problem("not_read_only", old.name, "%s takes writes again: something else has allowed them" % old.name)])
            return begun
        except StatementFailed as error:
            # Half a try more would wait longer than it may.
            if error.errno != LOCK_WAIT_TIMEOUT or time.monotonic() > give_up - _TRY / 2:
                raise


def _let_transactions_end(old: Node, limits: Limits) -> None:
    """Wait for the transactions that hold locks: they cannot commit any more, and their locks would be in replication's way."""
    deadline = time.monotonic() + limits.grace
    while True:
        holders = {row.number("ID") for row in old.ask_who_is_in_the_way(old.flavor.show_open_transactions())}
        if not holders:
            return
        if time.monotonic() >= deadline:
            message = "transactions on %s that hold locks did not finish within %g s, and their connections may not be killed: %s"
            raise Refusal([Problem("writers_in_the_way", old.name, message % (old.name, limits.grace, describe_connections(old, holders)))])
        time.sleep(TRANSACTIONS_REFRESH)


def kill_clients(node: Node, say: Callable[[str], None], *, in_transaction: bool = False) -> None:
    """Kill the connections of all clients, or of those with a transaction that holds locks; never replication, the event scheduler or ourselves.

    Who holds a table locked cannot be told from the process list, so for that it takes all of them.
    """
    # Asked in any case: without the privilege PROCESS this fails, while the process list tells of our own connections only.
    in_transactions = {row.number("ID") for row in node.ask_who_is_in_the_way(node.flavor.show_open_transactions())}
    chosen = clients(node)
    if in_transaction:
        chosen &= in_transactions
    if chosen:
        say("%s: killing %d connection%s in the way" % (node.name, len(chosen), "s" * (len(chosen) > 1)))
    for connection_id in sorted(chosen):
        kill(node.server, node.flavor, connection_id)


def kill_remaining(node: Node, say: Callable[[str], None]) -> None:
    """Kill on a server that has been closed who could be in the way of its applier, or go on writing.

    Where ``read_only`` does not bind everybody, that is any connection, for an idle one may be that of a privileged account.
    """
    kill_clients(node, say, in_transaction="super_read_only" in node.state.variables)


def clients(node: Node) -> t.Set[int]:
    """Return the connections of others that may be killed."""
    return {row.number("ID") for row in node.ask_who_is_in_the_way(node.flavor.show_processlist()) if _is_client(row)} - {node.server.connection_id}


def _is_client(row: Row) -> bool:
    command, user = row.text("COMMAND").lower(), row.text("USER").lower()
    return not command.startswith(_REPLICATION_COMMANDS) and user not in SERVER_USERS


def _apply_the_last(old: Node, new: Node, limits: Limits, deadline: float, say: Callable[[str], None]) -> None:
    """Let the candidate apply all that the old primary has; again if somebody privileged went on writing there, until that ends."""
    while True:
        with old.server.within(max(deadline - time.monotonic(), 0.1)):
            final = old.read().executed
        left = max(deadline - time.monotonic(), 0.0)
        # Where its applier waits for a lock, there is to be time to ask who holds it. A wait on the server takes whole seconds.
        with new.server.within(left + _WHOLE_SECOND):
            drain(new, left - min(_TO_ASK_WHO, left / 4), say, final.union(new.state.executed))
        with old.server.within(max(deadline - time.monotonic(), 0.1)):
            still_writing = old.read().executed.subtract(final)
        if not still_writing:
            # What is sent to it next cannot be taken back: it must be there, and have everything.
            with new.server.within(max(deadline - time.monotonic(), 0.1)):
                lacking = final.subtract(new.read().executed)
            if not lacking:
                return
            raise Refusal([Problem("not_replicating", new.name, "%s no longer has what %s wrote: %s" % (new.name, old.name, lacking), str(lacking))])
        if time.monotonic() >= deadline or not limits.kill:
            message = "%s is read-only, but an account that is privileged to write anyway still does so: %s" % (old.name, still_writing)
            raise Refusal([Problem("still_writing", old.name, message, str(still_writing))])
        kill_clients(old, say)


def _allow_writes_again(old: Node) -> None:
    _read(old)
    allow_writes(old)


def _wait_for_acknowledgements_again(old: Node) -> None:
    """Put back what may have been switched off for commits that waited."""
    if not _read_semi_sync(old):
        set_semi_sync_source(old, True)


def _read_semi_sync(old: Node) -> bool:
    return old.read().semi_sync.source


def _read(old: Node) -> None:
    old.read()


def _put_semi_sync_back(new: Node, enabled: bool, guard: Guard) -> None:
    guard.may_undo(new)
    set_semi_sync_source(new, enabled)


def _take_back(old: Node, undo: Undo, error: BaseException, guard: Guard, journal: Journal) -> None:
    """Undo what was done, whatever of it fails, and raise ``Refusal`` with what went wrong and what came of the undoing.

    Returns only after what is no failure of the work: an interruption (Ctrl-C), which the caller is to pass on.
    """
    problems = list(problems_of(error, old.name))
    failed = []
    not_ours: t.Tuple[Problem, ...] = ()
    with journal.step("undo", old.name):
        try:
            if not old.server.is_open:
                old.reconnect()
            if undo:
                guard.may_open_again(old)
        except Refusal as refusal:
            not_ours, undo = refusal.problems, []
        except Exception as trouble:
            failed.append("answer (%s)" % _said(trouble))
            undo = []
        for what, act in [*undo, ("report its state", lambda: _read(old))]:
            try:
                with old.server.within(UNDO_TIMEOUT):
                    act()
            except Exception as trouble:
                failed.append("%s (%s)" % (what, _said(trouble)))
    if not_ours:
        stands = "; it is left as it is" if failed else "; it is left as it is, and %s" % ("takes writes" if old.state.writable else "is read-only")
        named = {(each.code, each.server) for each in not_ours}
        problems = [each for each in problems if (each.code, each.server) not in named]
        problems += [Problem(each.code, each.server, each.message + stands) for each in not_ours]
    elif failed:
        problems.append(Problem("not_undone", old.name, "%s is not as it was: it could not be told to %s" % (old.name, "; ".join(failed))))
    else:
        stands = "takes writes%s" % (" again" if undo else "") if old.state.writable else "is read-only, as it was before"
        problems[0] = Problem(problems[0].code, problems[0].server, "%s. %s %s" % (problems[0].message, old.name, stands), problems[0].gtids)
    if isinstance(error, Exception):
        raise Refusal(problems) from error


def _said(trouble: Exception) -> str:
    return str(trouble) if isinstance(trouble, (Refusal, ServerError)) else describe_error(trouble)
