# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""One connected server: what speaks to it, and its state when it was last read.

The steps that are taken on it are in ``_steps``. Steps do not decide. Each reads back what it did, waits no
longer than it was told, and may be run again after it was interrupted.
"""

from __future__ import annotations

import random
import sys
import time
import typing as t
from contextlib import closing, contextmanager
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB, UnsupportedVersion, flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids, empty
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, ServerError, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import holds_bytes, listed, was_not_text
from ansible_collections.dbha.mysql.plugins.module_utils._state.binary_logs import as_named, first_events, first_in_domains, read_names
from ansible_collections.dbha.mysql.plugins.module_utils._state.crash import after_crash, logged_before_crash
from ansible_collections.dbha.mysql.plugins.module_utils._state.expected import unchanged
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import binlog_filters_in, known_by, read_again, read_state
from ansible_collections.dbha.mysql.plugins.module_utils._state.relay_logs import RelayLogGone, RelayLogs, read_relay_logs

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import Flavor
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
    from ansible_collections.dbha.mysql.plugins.module_utils._state.expected import Effect
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel, State

# Who is no client, by the user in the process list.
SERVER_USERS = ("system user", "event_scheduler")

# ER_NO_SUCH_THREAD: what was to be killed has ended by itself.
_NO_SUCH_THREAD = 1094

# Seconds for which it is believed that a server has the variables that it had: a plugin that is loaded meanwhile brings more.
_SAME_VARIABLES = 10.0

# Seconds of silence that end a second connection: fewer than those that end the first one, and with it the lock.
SHORTEST_SILENCE = 10

# How many events of a binary log file are read to find its first transaction: mostly three or four come before it. After a series of new files there
# may be one more for each of these (``Binlog_checkpoint``; seen: 10.5, 11.8), and then so many times as many are read, up to a limit.
_FIRST_EVENTS, _MORE, _MOST_EVENTS = 8, 16, 2048

# Why the relay logs of a replica are left alone that has lost in a crash what its binary log has kept (``_state/crash.py``).
_LOGGED_ALREADY = "its binary log holds %s already, which its data have lost in a crash"


class Node:
    """A connected server with what speaks to it and its state when it was last read.

    In a plan (check mode) nothing that changes the server is sent. From the first such statement on its state is what is expected of it, and moves
    with each further one: whoever reads it finds what the work itself would find, and takes the same way.
    """

    def __init__(self, server: Server, *, read: bool = True) -> None:
        """Take a connected server, and read it unless that is to be done later: until then only its lock can be taken.

        Raises ``UnsupportedVersion``, ``Unreadable``, and the errors of ``Server.send``.
        """
        self.server = server
        self._is_expected = False
        # Of a replica of MariaDB whose delay is to be lifted, before the server itself says so.
        self._lifted_delay = 0
        self._relay_logs: t.Optional[t.Tuple[t.Any, RelayLogs]] = None
        # The lock that keeps other runs off, once it was taken.
        self.lock: t.Optional[str] = None
        self._blocked = False
        self._missing: t.Tuple[str, ...] = ()
        self._unacknowledged = 0
        # Over which connection, and when, the server has told which variables it has.
        self._told: t.Tuple[int, float] = (-1, 0.0)
        # Over which connection it has said what it keeps out of its binary log, what that is, and how the log is called if its name is not UTF-8.
        self._log: t.Tuple[int, t.Tuple[str, ...], str] = (-1, (), "")
        # Over which connection its binary logs were looked at, and what they held when it came back from a crash.
        self._crash: t.Tuple[int, t.Optional[MariaDBGtids]] = (-1, None)
        self.flavor: Flavor
        self.state: State
        if read:
            self.read()
        else:
            # What it greets with may be a proxy's word, but what locks take is said to all alike.
            try:
                self.flavor = flavor_of(server.version_text)
            except UnsupportedVersion:
                self.read()

    @property
    def name(self) -> str:
        """The member's name."""
        return self.server.name

    @property
    def channel(self) -> t.Optional[Channel]:
        """The channel over which it follows its cluster."""
        return self.state.channel

    @property
    def lifted_delay(self) -> int:
        """The delay (s) of a replica of MariaDB that is lifted until its relay logs are applied, by us or by a run that was interrupted."""
        return self._lifted_delay or (self.channel.lifted_delay if self.channel is not None else 0)

    @lifted_delay.setter
    def lifted_delay(self, seconds: int) -> None:
        self._lifted_delay = seconds

    def reconnect(self) -> None:
        """Connect anew, after a statement of which it is not known whether it still runs: that one is ended first, so that it changes no more.

        Raises ``OutcomeUnknown`` when it does not end.
        """
        left_behind = self.server.connection_id
        self.server.close()
        self.server.connect()
        self.end_connection(left_behind)

    def end_connection(self, left_behind: int) -> None:
        """End another connection of ours of which it is not known whether its statement still runs, and wait until it is gone.

        Raises ``OutcomeUnknown`` when it does not end.
        """
        kill(self.server, self.flavor, left_behind)
        deadline = time.monotonic() + self.server.login.read_timeout
        while any(row.number("ID") == left_behind for row in self.server.send(self.flavor.show_processlist())):
            if time.monotonic() >= deadline:
                raise OutcomeUnknown(self.name, "%s: connection %d is still open, although it was killed" % (self.name, left_behind))
            time.sleep(0.01)

    def read(self) -> State:
        """Ask the server again; in a plan in which something is to be changed on it, return what is expected then."""
        if not self._is_expected:
            self.flavor, state = self._read()
            state = self._without_what_was_lost(state)
            filters, odd_log = self._look_at_binary_log() if state.log_bin else ((), "")
            self.state = replace(
                state,
                binlog_filters=filters,
                odd_log=odd_log,
                blocked=self._blocked,
                missing=self._missing,
                unacknowledged=self._unacknowledged,
            )
        return self.state

    def _read(self) -> t.Tuple[Flavor, State]:
        now = time.monotonic()
        if self.server.is_open and self.server.connection_id == self._told[0] and now < self._told[1] + _SAME_VARIABLES:
            return read_again(self.server, self.flavor, self.state.variables)
        found = read_state(self.server)
        self._told = (self.server.connection_id, now)
        return found

    def _without_what_was_lost(self, state: State) -> State:
        """Leave out of what a replica has executed what only its binary log has kept in a crash (MariaDB). Its files are looked at once a connection."""
        if state.ahead is None:
            return state
        if self._crash[0] != self.server.connection_id:
            self._crash = (self.server.connection_id, logged_before_crash(self.server, self.flavor, state))
        return after_crash(state, self._crash[1])

    def _look_at_binary_log(self) -> t.Tuple[t.Tuple[str, ...], str]:
        """Ask which databases are kept out of the binary log, and what it is called: once for each connection, because only a restart changes it."""
        if self._log[0] != self.server.connection_id:
            status: t.Sequence[Row] = self.server.send(self.flavor.show_binary_log_status())
            shown = status[0].text("File") if status else ""
            is_odd = holds_bytes(as_named(self.server, self.flavor, shown))
            self._log = (self.server.connection_id, binlog_filters_in(status[0]) if status else (), shown if is_odd else "")
        return self._log[1:]

    def found_blocked(self, blocked: bool) -> None:
        """Note whether a write gets past the locks that others hold."""
        self._blocked = blocked
        self.state = replace(self.state, blocked=blocked)

    def found_unacknowledged(self, seconds: int) -> None:
        """Note for how long a commit has waited for an acknowledgement."""
        self._unacknowledged = seconds
        self.state = replace(self.state, unacknowledged=seconds)

    def found_missing(self, privileges: t.Tuple[str, ...]) -> None:
        """Note which privileges our account lacks."""
        self._missing = privileges
        self.state = replace(self.state, missing=privileges)

    def act(self, statement: Statement, then: Effect = unchanged, *, aside: bool = False) -> None:
        """Send what changes the server, or waits for it to change.

        In a plan a statement that changes it is recorded, one that waits is not sent, and the state is as ``then`` says of it.

        :arg aside: over a connection of its own, for it is given up with the statement if there is no answer in time, and with it our locks.
        """
        if self.server.check_mode:
            if statement.changes:
                self.server.send(statement)
            self.expect(then)
        elif aside:
            with self.aside() as twin:
                twin.send(statement)
        else:
            self.server.send(statement)

    @contextmanager
    def aside(self) -> t.Iterator[Server]:
        """Give a second connection, for what the first one is not to wait for.

        The first one has to hold its lock when the second one is there: after a pause another run may be at work. A pause after that ends the second
        one sooner. Raises ``Refusal`` with ``changed_meanwhile``.
        """
        with closing(self.server.twin(silence=SHORTEST_SILENCE)) as twin:
            self.make_sure_it_is_locked(twin)
            yield twin

    def make_sure_it_is_locked(self, twin: Server) -> None:
        """See over a second connection that the first one holds its lock still. Raises ``Refusal`` with ``changed_meanwhile``."""
        if self.lock is None:
            return
        holder = twin.send(self.flavor.lock_holder(self.lock)).only().optional_number("connection_id")
        if not self.server.is_open or holder != self.server.connection_id:
            message = "other runs are no longer kept off %s: the connection that held the lock does so no more" % self.name
            raise Refusal([Problem("changed_meanwhile", self.name, message)])

    def lock_second(self, twin: Server) -> None:
        """Let a second connection hold a lock, too, for as long as it lasts, and see that the first one holds its own still. Raises ``Refusal``.

        For one over which much is sent: the first one may be lost meanwhile, alone. Whoever takes the lock of a server then ends the connection that
        holds this one, before anything else (``Locks.take``). So what is sent over it is carried out while no other run works there, or not at all,
        whenever this process stands still.
        """
        if self.lock is None:
            return
        if twin.send(self.flavor.take_lock(second_lock(self.lock))).only().optional_number("taken") != 1:
            raise Refusal([Problem("locked", self.name, "another connection still works on %s, of a run that has ended or is cut off" % self.name)])
        self.make_sure_it_is_locked(twin)

    def holds_lock(self) -> bool:
        """Ask whether this connection holds the lock: one that was opened anew does not. Where none was taken, whether there is a connection.

        What is sent over this connection next needs no further look: the lock ends with it. Raises the errors of ``Server.send``.
        """
        if self.lock is None or not self.server.is_open:
            return self.server.is_open
        return self.server.send(self.flavor.holds_lock(self.lock)).only().optional_number("held") == 1

    def make_sure_it_holds_lock(self) -> None:
        """See that this connection holds the lock still. Raises ``Refusal`` with ``changed_meanwhile``."""
        try:
            if self.holds_lock():
                return
            why = "the connection that held the lock does so no more"
        except ServerError as error:
            why = error.message
        raise Refusal([Problem("changed_meanwhile", self.name, "other runs are no longer kept off %s: %s" % (self.name, why))])

    def lock_again(self) -> None:
        """Take the lock over a connection that was opened anew, with which the one before it has gone. Raises ``Refusal`` with ``changed_meanwhile``."""
        if self.lock is not None and self.server.send(self.flavor.take_lock(self.lock)).only().optional_number("taken") != 1:
            raise Refusal([Problem("changed_meanwhile", self.name, "another run works on %s, whose connection was lost" % self.name)])

    def expect(self, effect: Effect) -> None:
        """Move the state of a plan on."""
        self._is_expected = True
        self.state = effect(self.state)

    def ask_who_is_in_the_way(self, question: Statement) -> t.Sequence[Row]:
        """Ask for connections, transactions, or threads that have to end before something can be done. In a plan that moment has not come."""
        return () if self.server.check_mode else self.server.send(question)

    def takes_writes(self) -> bool:
        """Ask whether ordinary users can write."""
        if self._is_expected:
            return self.state.writable
        return not self.server.send(self.flavor.select_read_only()).only().number("read_only")

    def moves(self, pause: float, deadline: float) -> bool:
        """Wait a moment (s) for the server to do something, and read it again.

        Returns ``False`` when the deadline, a moment of the monotonic clock, has passed; and at once in a plan, which waits for nothing.
        """
        if self.server.check_mode or time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        self.read()
        return True

    def purged(self, needed_by: t.Sequence[Gtids]) -> Gtids:
        """Return what its binary logs do not hold, or no longer hold, as far as anybody who is to be fed lacks it.

        MariaDB says so only at the beginning of each file: what all files before it hold, and what comes first in each domain. Numbers between the two
        were applied while it did not log what it replicates, or came with a copy; whether it does can only be changed by a restart, which begins a
        file, and a copy begins the logs anew. Nobody else finds such a hole: a replica that asks for what comes after the last GTID before a file
        begins gets that file, with ``gtid_strict_mode``, too; one whose position lies in the hole is refused only with ``gtid_strict_mode`` (error
        1236); and without it one that knows a part of a domain is sent what comes first in the logs of a server that began them further on (seen:
        10.5, 10.11, 11.8).

        :arg needed_by: what those have who are to be fed, so that no more is read than they need.
        """
        lacking, executed = self.state.unlogged, self.state.executed
        if not isinstance(lacking, MariaDBGtids) or not isinstance(executed, MariaDBGtids):
            return self.state.purged
        after = MariaDBGtids(tuple(entry for entry in executed.numbers if entry not in lacking.numbers))
        for log in reversed(self.binary_logs()):
            after, gap = self._beginning_of(log, after, needed_by)
            lacking = lacking.union(gap)
            if all(each.contains(after) for each in needed_by):
                return lacking
        return lacking.union(after)

    def binary_logs(self) -> t.List[str]:
        """Return the names of its binary logs, the oldest first."""
        return read_names(self.server, self.flavor)

    def first_events(self, file: str, number: int = 3) -> t.Sequence[Row]:
        """Return how one of its binary logs begins."""
        return first_events(self.server, self.flavor, file, number)

    def _until_first_gtid(self, file: str) -> t.Tuple[t.Sequence[Row], bool]:
        """Return how one of its binary logs begins, up to its first transaction at least, and whether that is all of it."""
        number = _FIRST_EVENTS
        while True:
            events = self.first_events(file, number)
            if len(events) < number or number >= _MOST_EVENTS or any(event.text("Event_type") == "Gtid" for event in events):
                return events, len(events) < number
            number *= _MORE

    def _beginning_of(self, file: str, after: MariaDBGtids, needed_by: t.Sequence[Gtids]) -> t.Tuple[MariaDBGtids, MariaDBGtids]:
        """Return what all files before one hold (MariaDB), and up to where numbers are missing between that and what comes first in it in each domain.

        Only those domains count that go on in it, and in which somebody lacks a part of that: seldom any but those that are written to all the time.

        :arg after: what it and all files before it hold.
        """
        before, first = MariaDBGtids(), MariaDBGtids()
        events, is_whole = self._until_first_gtid(file)
        for event in events:
            found = known_by(event, self.state.family)
            if isinstance(found, MariaDBGtids) and event.text("Event_type") == "Gtid_list":
                before = found
            elif isinstance(found, MariaDBGtids) and not before.contains(found) and not first.of_domains(found.heads()):
                first = first.union(found)
        lacked = {domain for each in needed_by for domain in after.domains_beyond(each)}
        wanted = after.domains_beyond(before).intersection(lacked)
        unseen = after.of_domains(wanted.difference(first.heads()))
        if unseen and not is_whole and isinstance(self.flavor, MariaDB):
            found_later = first_in_domains(self.server, self.flavor, before, unseen)
            first, unseen = first.union(found_later), unseen.of_domains(set(unseen.heads()).difference(found_later.heads()))
        # Where nothing of a domain is found although there should be, nobody can be fed with it.
        return before, first.gap_after(before).union(unseen)

    def is_same_process(self, other: Node) -> bool:
        """Ask whether another connection is one to the same process of a server: it takes a lock there that is seen here."""
        name = "dbha.mysql:%032x" % random.getrandbits(128)
        if other.server.send(other.flavor.take_lock(name)).only().optional_number("taken") != 1:
            return False
        return self.server.send(self.flavor.lock_holder(name)).only().optional_number("connection_id") == other.server.connection_id

    def reach(self) -> Gtids:
        """Return the earliest transactions that its oldest binary log shows it to have known of (MariaDB): it had those before, or has them first.

        Its binary log state names of each server only the last one; and one that was told where to go on, because it was built from a copy, knows of
        nothing before that (seen: 10.11, 11.8).
        """
        for log in self.binary_logs()[:1]:
            for event in self._until_first_gtid(log)[0]:
                found = known_by(event, self.state.family)
                if found:
                    return found
        return empty(self.state.family)

    def look_into_relay_logs(self) -> None:
        """Make the state say what waits in the relay logs of a replica that stands still, by reading them.

        That takes as long as they are large, so what was found is kept until the replica moves.
        """
        for attempts_left in (2, 1, 0):
            channel, executed = self.channel, self.state.executed
            if channel is None or not isinstance(self.flavor, MariaDB) or not isinstance(executed, MariaDBGtids):
                return
            key = (executed, channel.relay_log, channel.raw.get("Relay_Log_Space"))
            if self._relay_logs is None or self._relay_logs[0] != key:
                try:
                    with closing(self.server.twin()) as reader:
                        self._relay_logs = (key, read_relay_logs(reader, self.flavor, channel.name, channel.relay_log, executed))
                except RelayLogGone:
                    if attempts_left:
                        self.read()
                        continue
                    self._relay_logs = (key, RelayLogs(MariaDBGtids(), trouble=_not_found(channel.relay_log[0]), is_complete=False))
            found = self._relay_logs[1]
            if self.state.ahead is not None:
                found = replace(found, start=None, trouble=found.trouble or _LOGGED_ALREADY % self.state.ahead.logged.subtract(executed))
            self.state = replace(self.state, channels=(replace(channel, relay_logs=found), *self.state.channels[1:]))
            return


def _not_found(file: str) -> str:
    # MariaDB reads what it is told as UTF-8, whatever character set was agreed on (seen: 10.11), and may show what is not as question marks (11.8).
    if was_not_text(file):
        return "%s cannot be asked for: its name is not UTF-8" % file
    return ("%s is not there, or its name is not UTF-8" if "?" in file else "%s is not there") % file


def second_lock(lock: str) -> str:
    """Name the lock that a second connection holds beside the first one's."""
    return lock + ":second"


def describe_connections(node: Node, ids: t.Iterable[int], most: int = sys.maxsize) -> str:
    """Say which connections these are, and whose: ``connection 7 of app from 10.0.0.9:1234``; of more than ``most`` only the first."""
    named = {row.number("ID"): describe_connection(row) for row in node.server.send(node.flavor.show_processlist())}
    return listed([named.get(number, "connection %d" % number) for number in sorted(ids)], most)


def describe_connection(row: Row) -> str:
    """Say which connection a row of the process list is, and whose."""
    return "connection %d of %s from %s" % (row.number("ID"), row.text("USER"), row.text("HOST"))


def kill(server: Server, flavor: Flavor, connection_id: int) -> None:
    """End a connection or thread, if it has not ended by itself."""
    try:
        server.send(flavor.kill(connection_id))
    except StatementFailed as error:
        if error.errno != _NO_SUCH_THREAD:
            raise
