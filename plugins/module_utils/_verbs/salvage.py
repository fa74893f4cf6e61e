# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.
"""The work of mysql_salvage: what a dead primary has in its binary log files and no replica received, applied on a replica under its own GTIDs.

The replica is asked what it has, the dead server's host what of its own is not in that (``salvage_host``), and the replica is given it, in parts and in
their order. The next part is asked for once all of the last one was seen to be there. Each transaction that was applied is kept, whatever becomes of the
next; a second run takes up only what is lacking then.
"""

from __future__ import annotations

import typing as t
from collections import deque
from contextlib import ExitStack, closing

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Question, understand
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed, is_in, runs_of, wanted_by, without
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import StillRunning
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.replay import END, SETTINGS, Replay
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import Held, since_boot
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.salvaging import check_readable, check_ready, check_untouched, check_whole
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids, transactions_in
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import BinlogError
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent
from ansible_collections.dbha.mysql.plugins.module_utils._server.kept_open import KeptOpen
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import SHORTEST_SILENCE
from ansible_collections.dbha.mysql.plugins.module_utils._steps.relay_logs import keeper_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import stop_applying
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import open_to_privileged
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage_host import ARGUMENTS

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Place, Reading
    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.replay import Act
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Runs
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

# Seconds that a statement may take; what ends it is the time that the whole has.
_LONGEST = 86400.0

# Seconds after which it is asked again, before the next statement, whether the lock is still held.
_SURE = 1.0

_AS_NUMBERS = {"OFF": "0", "ON": "1"}


class Salvaged(t.TypedDict, total=False):
    """What mysql_salvage gives back; its documentation says what each is."""

    found: str
    found_count: int
    applied: str
    applied_count: int
    left: str
    left_count: int
    received: t.Optional[str]
    msg: str


@dataclass(frozen=True)
class Salvaging:
    """On which replica to apply what the dead server alone has, where its files are, and how long it may take (seconds).

    ``connect_within`` is what the dead server's host gets to let us in, ``timeout`` what all of it may take. ``force``: a process that still has the
    files open is no reason to spare the server.
    """

    members: Members
    replica: str
    directory: str
    connect_within: float
    timeout: float
    force: bool = False


# How the half that runs on the dead server's host is asked, and what it gives back.
AskHost = t.Callable[[Salvaging, Question], t.Mapping[str, object]]


class HostFailed(Exception):
    """The dead server's host could not be asked."""


def parse(options: Options) -> Salvaging:
    """Read the options of mysql_salvage. Raises ``BadInput``."""
    replica = options.server("replica")
    if replica is None:
        raise BadInput("replica: name the server that is to have the transactions")
    return Salvaging(
        options.members("replica"),
        replica.name,
        options.text("directory") or "",
        # Where it must be had, the host has as long as all of it may take.
        options.seconds("timeout" if options.text("policy") == "require" else "connect_within"),
        options.seconds("timeout"),
        options.flag("force"),
    )


def salvage(call: Call, wanted: Salvaging, dead: str, ask_host: AskHost) -> Salvaged:
    """Ask the replica, the dead server's host, and apply on the replica what is found there for as long as there is time."""
    deadline = since_boot() + wanted.timeout
    with Cluster(wanted.members, call.journal, check_mode=call.check_mode) as cluster:

        def ready(topology: Topology) -> t.Tuple[str, ...]:
            refuse(check_readable(topology))
            refuse(check_whole(topology[wanted.replica]))
            refuse(() if call.check_mode else check_ready(wanted.replica, topology[wanted.replica].known))
            return (wanted.replica,)

        def untouched(topology: Topology) -> t.Tuple[str, ...]:
            refuse(check_readable(topology))
            refuse(check_untouched(wanted.replica, before, topology[wanted.replica].known))
            return (wanted.replica,)

        def ask(place: t.Optional[Place] = None) -> Reading:
            with call.journal.step("read binary logs", dead):
                question = Question(family, before.received, wanted.directory, max(deadline - since_boot(), 0.1), place)
                return _ask(ask_host, wanted, question, dead)

        held = Held(cluster, ready, tuple, wanted.timeout)
        held.begin(cluster.look(ask_source=False))
        node, before = cluster.nodes[wanted.replica], held.topology[wanted.replica].known
        family = before.family
        call.tell({"received": str(before.received), **describe(family, (), ())})
        reading = ask()
        found, runs, first = reading.found, reading.runs, [reading]
        call.tell(describe(family, runs, runs))
        if reading.trouble is not None:
            raise Refusal([Problem("salvage_failed", dead, _not_salvaged(reading), str(found))])
        if not found:
            return {"msg": "the dead primary has nothing that no replica has received"}
        if call.check_mode:
            call.tell(describe(family, runs, ()))
            return {"msg": "%s that no replica has received would be salvaged from the dead primary" % found.counted()}
        # What it has is not known again before it has been read.
        call.tell({"received": None})
        held.look_again(untouched)
        held.make_sure(untouched)
        call.journal.statements.append(Sent(node.name, "(%s of the dead primary %s: %s)" % (found.counted(), dead, found)))
        del reading  # with its events
        problems = _bring(cluster, _Applier(node, runs, deadline), first, ask)
        left = list(without(runs, node.state.executed.runs_of))
        call.tell(describe(family, runs, left))
        if node.server.is_open:
            call.tell({"received": str(node.state.received)})
        applied = _set_of(family, without(runs, runs_of(left)))
        problems += problems_in(cluster.on_each([node.name], lambda each: _count_as_replicated(each, applied)))
        if left:
            refuse(_why_left(node.name, problems, str(transactions_in(family, left))))
        refuse(problems)
        return {"msg": "salvaged %s from the dead primary that no replica had received" % found.counted()}


def _bring(cluster: Cluster, applier: _Applier, readings: t.List[Reading], ask: t.Callable[[Place], Reading]) -> t.List[Problem]:
    """Apply one part after the other for as long as all that was applied is seen to be there, and return what went wrong.

    The first one is taken out of the list: no part is kept beside the next one.
    """
    name, problems, waiting = applier.node.name, [], deque(readings)  # type: str, t.List[Problem], t.Deque[Reading]
    readings.clear()
    try:
        while waiting:
            place = waiting[0].place
            problems += problems_in(cluster.on_each([name], lambda _node: applier.apply(waiting.pop().events), "salvage"))
            problems += problems_in(cluster.on_each([name], _read_back))
            if place is not None and not problems and applier.all_arrived:
                waiting.append(ask(place))
    except Refusal as refusal:
        problems += refusal.problems
    finally:
        problems += problems_in(cluster.on_each([name], lambda _node: applier.close()))
    return problems


def _not_salvaged(reading: Reading) -> str:
    if not reading.found:
        return "nothing was salvaged from the dead primary: %s" % reading.trouble
    return "%s cannot be salvaged: %s" % (reading.found.counted(), reading.trouble)


def _why_left(name: str, problems: t.Sequence[Problem], left: str) -> Iterator[Problem]:
    for problem in problems:
        yield Problem("salvage_failed", name, problem.message, left)
    if not problems:
        yield Problem("salvage_failed", name, "every statement succeeded, but %s still lacks these transactions" % name, left)


def salvaging(dead: str, ask_host: AskHost) -> Verb[Salvaging]:
    """Return the half of mysql_salvage that asks the dead server's host, in a way that the caller knows. ``dead`` is the name of that server.

    ``ask_host`` returns what the other half has given as its result, and raises ``HostFailed``.
    """
    return Verb(ARGUMENTS, parse, lambda call, wanted: salvage(call, wanted, dead, ask_host))


def _ask(ask_host: AskHost, wanted: Salvaging, question: Question, dead: str) -> Reading:
    try:
        return understand(question, ask_host(wanted, question))
    except (HostFailed, ExtractFailed) as error:
        if isinstance(error, StillRunning) and not wanted.force:
            raise Refusal([Problem("primary_maybe_alive", dead, "the primary %s may be alive: %s" % (dead, error))]) from error
        what = "nothing was salvaged" if question.place is None else "no more could be salvaged"
        raise Refusal([Problem("salvage_failed", dead, "%s from the dead primary: %s" % (what, error))]) from error


def describe(family: str, found: Runs, left: Runs) -> Salvaged:
    """Describe what a dead server alone had, what of that was applied, and what is left."""
    found_, left_ = transactions_in(family, found), transactions_in(family, left)
    applied = transactions_in(family, list(without(found, runs_of(left))))
    return {
        "found": str(found_),
        "found_count": found_.count(),
        "applied": str(applied),
        "applied_count": applied.count(),
        "left": str(left_),
        "left_count": left_.count(),
    }


class _Applier:
    """Applies transactions on a replica, over a connection of its own, which takes its settings, and a transaction that is not whole, along when it ends.

    Other runs are kept off by the first connection, of which it is asked now and then, before a statement. Nothing hangs on when that is: a run that gets
    the lock because the first connection was lost ends this one before it does anything else (``Node.lock_second``), however long we stand still in
    between, and be it right before a COMMIT. Only who opens the server by hand, without a run, may get what is sent until we ask again: a second's
    worth, or one statement where we stood still right before it, for less time than the server waits until it ends this connection. All that costs a
    transaction is a look at the clock.
    """

    def __init__(self, node: Node, found: Runs, deadline: float) -> None:
        self.node = node
        self._deadline = deadline
        self._connection: t.Optional[Server] = None
        self._kept_open: t.Optional[KeptOpen] = None
        self._open = ExitStack()
        self._id = 0
        self._sure_at = 0.0
        self._last = ""
        family = node.state.family
        is_found, is_wanted = is_in(runs_of(found), "-" if family == "mariadb" else ":"), wanted_by(family, node.state.executed)
        self._replay = Replay(family, lambda gtid: is_found(gtid) and is_wanted(gtid), self._collations, self._settings)

    @property
    def all_arrived(self) -> bool:
        """Whether the replica has what was applied last, by what it was read to have."""
        return not self._last or self.node.state.executed.contains(parse_gtids(self.node.state.family, self._last))

    def apply(self, events: bytes) -> None:
        """Apply a part: whole transactions, and parts of one. Raises ``Refusal``, and the errors of ``Server``."""
        connection, kept_open = self._connected()
        self._make_sure()
        with connection.within(max(self._deadline - since_boot(), 0.1)):
            try:
                for act in self._replay.acts(events):
                    self._send(kept_open, act)
            except BinlogError as error:
                raise Refusal([Problem("salvage_failed", self.node.name, str(error))]) from error
            except OutcomeUnknown:
                # It may still wait for a lock, and be carried out once clients write.
                self.node.end_connection(self._id)
                raise

    def close(self) -> None:
        """End the connection, and let nobody write any more."""
        self._open.close()

    def _connected(self) -> t.Tuple[Server, KeptOpen]:
        if self._connection is None or self._kept_open is None:
            stop_applying(self.node)
            self._open.enter_context(open_to_privileged(self.node))
            # It may have to wait for the next part for longer than it may be silent.
            twin = self._open.enter_context(closing(self.node.server.twin(silence=SHORTEST_SILENCE)))
            self.node.lock_second(twin)
            self._connection, self._id = twin, twin.connection_id
            self._kept_open = self._open.enter_context(closing(KeptOpen(twin, SHORTEST_SILENCE / 4)))
        return self._connection, self._kept_open

    def _make_sure(self) -> None:
        """See that the first connection holds the lock. It is asked itself: the session of the other one may be in the middle of a transaction."""
        now = since_boot()
        self.node.make_sure_it_holds_lock()
        self._sure_at = now

    def _send(self, connection: KeptOpen, act: Act) -> None:
        now = since_boot()
        if now >= self._sure_at + _SURE:
            self._make_sure()
        if now >= self._deadline:
            raise Refusal([Problem("salvage_failed", self.node.name, "there was not enough time to apply everything on %s" % self.node.name)])
        shown = "(a part of the transaction %s of the dead primary)" % act.gtid
        try:
            connection.send(Statement(act.text.decode("utf-8", "surrogateescape"), timeout=_LONGEST, shown=shown))
        except StatementFailed as error:
            if not act.error or error.errno != act.error:
                raise
        if act.kind == END:
            self._last = act.gtid

    def _collations(self) -> t.Mapping[int, t.Tuple[str, str]]:
        rows = self.node.server.send(self.node.flavor.show_collations())
        return {row.number("ID") or 0: (row.text("CHARACTER_SET_NAME"), row.text("COLLATION_NAME")) for row in rows}

    def _settings(self) -> t.Mapping[str, str]:
        rows = self._connected()[1].send(self.node.flavor.show_session(SETTINGS))
        return {row.text("Variable_name"): _AS_NUMBERS.get(row.text("Value"), row.text("Value")) for row in rows}


def _read_back(node: Node) -> None:
    """Read what has arrived; over a connection that holds no lock any more where the first one was lost, so that nothing may be changed over it."""
    if not node.server.is_open:
        node.reconnect()
    node.read()


def _count_as_replicated(node: Node, applied: Gtids) -> None:
    node.make_sure_it_holds_lock()
    keeper_of(node).count_as_replicated(applied)


def _set_of(family: str, runs: t.Iterable[t.Tuple[str, int, int]]) -> Gtids:
    """Return runs of transactions as a set, of MariaDB as a position."""
    if family == "mariadb":
        return parse_gtids(family, ",".join("%s-%d" % (source, last) for source, _first, last in runs))
    return parse_gtids(family, ",".join("%s:%d-%d" % run for run in runs))
