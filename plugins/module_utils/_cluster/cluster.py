# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Many servers at once: connect to all, read all, take a step on all, one thread each, and tell apart what failed where."""

from __future__ import annotations

import time
import typing as t
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.lock import Locks
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import IsOver, Outcome, T, at_once, attempt, problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.watch import Watch
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_managed
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import must_look_into_histories
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import with_primary
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import check_opened_elsewhere
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import UnsupportedVersion
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure, failure_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Entry
from ansible_collections.dbha.mysql.plugins.module_utils._server.time_limit import look_up
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import (
    MAYBE_ALIVE,
    Member,
    followed_stranger,
    is_shut_out,
    make_topology,
    must_look_into_relay_logs,
)
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import UNDO_TIMEOUT
from ansible_collections.dbha.mysql.plugins.module_utils._steps.trial import look_at_commits, read_privileges, try_to_write

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from types import TracebackType

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.expected import Effect
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Endpoint, Topology


# Seconds that a connection may be silent beyond what the work may take.
_SILENCE = 60

# Seconds for the answer to a statement that is under way when this process is interrupted: no wait on a server is longer.
_LAST_ANSWER = 6.0

# A replica notices a moment later than we do that its source is gone (seconds).
_SETTLE = 1.0

# Seconds that a server gets to show that it lives after all, once it has been given its whole time. One whose host is off, or that hangs, costs this time
# again. One that is back greets us at once, and gets its whole time for the rest of the login, which is long over TLS and a long way.
_LAST_LOOK = 0.25


class Cluster:
    """The servers of one call, connected to once. Use it as a context manager: leaving it ends the connections and their locks."""

    def __init__(self, members: Members, journal: Journal, *, check_mode: bool = False, worked_on: t.Optional[t.Collection[str]] = None) -> None:
        """Take the servers of a call. ``worked_on``: those that are changed, if others are locked too; only on these it is tried whether that can be done."""
        self._worked_on = worked_on
        self.entries = list(members.entries)
        self.journal = journal
        self.check_mode = check_mode
        self.locks = Locks()
        self._default_login = members.login
        self._tls = members.tls
        self._servers: t.Dict[str, Server] = {}
        self.nodes: t.Dict[str, Node] = {}
        self._members: t.Dict[str, Member] = {}
        # What came of connecting to servers that were to be locked before they are read.
        self._held: t.Dict[str, t.Union[Node, Failure]] = {}
        self._relay_logs_of: t.Optional[t.Collection[str]] = None
        self._reach: t.Dict[str, Gtids] = {}
        self._moved: t.Set[str] = set()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: t.Optional[t.Type[BaseException]], error: t.Optional[BaseException], trace: t.Optional[TracebackType]) -> None:
        for server in self._servers.values():
            server.close()

    def look(
        self,
        primary: t.Optional[str] = None,
        *,
        ask_source: bool = True,
        found_dead: t.Optional[str] = None,
        relay_logs_of: t.Optional[t.Collection[str]] = None,
        tolerates_managers: bool = False,
        found_dead_too: Sequence[Entry] = (),
        asks_unread: bool = False,
    ) -> Topology:
        """Connect to every server at once, read them, and find out who follows whom.

        The server that they replicate from is asked too, if it is none of them, unless ``ask_source`` forbids it: one whose host is off
        costs the whole time limit. ``primary`` is the name of the one that the user says is it, ``found_dead`` of one that did not answer
        a moment ago: it is only asked whether it answers by now. ``relay_logs_of``: of whom to read relay logs where that is needed, for it takes
        its time; of all if it is not given. ``found_dead_too``: servers that did not answer a moment ago; as ``look_again`` does, each is asked
        at the same time whether it does by now. ``asks_unread``: so are members to which no connection was made when they were to be held.
        ``tolerates_managers``: nothing will be done, or only undone, so that it may be managed by something else.

        Servers that are held already (``hold``) are only read. Raises ``Refusal`` where one of these cannot be, and for servers of which something else
        decides who is the primary.
        """
        self._relay_logs_of = relay_logs_of
        found_dead_too = [*found_dead_too, *(self._shut_out(self._held, found_dead_too) if asks_unread else ())]
        with self.journal.step("look"):
            asked = self._connect([_in_a_hurry(entry) if entry.name == found_dead else entry for entry in self.entries], found_dead_too=found_dead_too)
            topology = self.arrange(primary)
            stranger = followed_stranger(topology) or topology.primary
            if ask_source and stranger is not None and stranger not in topology:
                host, _colon, port = stranger.rpartition(":")
                login = self.entries[0].login if self.entries else self._default_login
                source = Entry(stranger, Address(host, int(port)), replace(login, is_ours=False))
                self._connect([_in_a_hurry(source) if source.name == found_dead else source], listed=False)
                topology = self.arrange(primary)
            if self._find_same_servers():
                topology = self.arrange(primary)
            deadline = time.monotonic() + _SETTLE
            while _is_settling(topology) and time.monotonic() < deadline:
                time.sleep(0.05)
                topology = self.look_again(topology)
            refuse(() if tolerates_managers else check_managed(topology))
            return replace(self._look_into_relay_logs(topology), asked_again=asked)

    def hold(self, seconds: float) -> t.List[Problem]:
        """Connect to every server and keep other runs off all that let us in, before any is read: what is read next need not be read again.

        Returns what ``lock`` does. On those that are worked on it is tried whether that can be done when they are read.
        """

        def connect(entry: Entry) -> t.Union[Node, Failure]:
            with self.journal.step("connect", entry.name):
                server = self._servers[entry.name] = self._server(entry)
                try:
                    server.connect()
                    return Node(server, read=False)
                except (ServerError, UnsupportedVersion) as error:
                    return failure_of(entry.name, error)

        self._held = dict(zip([entry.name for entry in self.entries], at_once(connect, self.entries, self._stop)))
        self.nodes = {name: found for name, found in self._held.items() if isinstance(found, Node)}
        return self._lock(self.nodes, seconds, tried=())

    def look_again(self, topology: Topology, *, found_dead: Sequence[Entry] = (), asks_unread: bool = False) -> Topology:
        """Read all servers again that could be read. Who is the primary stays as it was.

        ``found_dead``: servers that did not answer a moment ago. Each is asked at the same time whether it does by now (``Topology.asked_again``).
        ``asks_unread``: so are members that could not be connected to.
        """
        failures = {name: member.failure for name, member in self._members.items() if name not in self.nodes}
        found_dead = [*found_dead, *(self._shut_out(failures, found_dead) if asks_unread else ())]
        names = [node.name for node in self.nodes.values()]
        reading: t.List[t.Callable[[], t.Any]] = [partial(self._attempt, name, Node.read) for name in names]
        asking: t.List[t.Callable[[], t.Any]] = [partial(self._ask_whether_back, entry) for entry in found_dead]
        found = at_once(lambda each: each(), [*reading, *asking], self._stop)
        for name, outcome in zip(names, found):
            self._record(name, outcome)
        asked = dict(zip([entry.name for entry in found_dead], found[len(names) :]))
        return replace(self._look_into_relay_logs(self.arrange(topology.primary)), asked_again=asked)

    def _shut_out(self, found: t.Mapping[str, object], known: Sequence[Entry]) -> t.List[Entry]:
        """Return the members, those that are ``known`` apart, that have not let us in, by what came of connecting to them."""
        names = [name for name, each in found.items() if isinstance(each, Failure) and is_shut_out(each)]
        return [entry for entry in self.entries if entry.name in names and entry.name not in [each.name for each in known]]

    def ask_again(self, topology: Topology, found_dead: Sequence[Entry]) -> Topology:
        """Only ask servers that were found dead whether they answer by now, and take the others as they were read."""
        return replace(topology, asked_again=dict(zip([entry.name for entry in found_dead], at_once(self._ask_whether_back, found_dead))))

    def _ask(self, entry: Entry, question: Callable[[Server], T]) -> t.Union[T, Failure]:
        """Ask a server that was found dead once more, for a moment. Return what it says, or why it does not answer."""
        server = Server(entry.name, entry.address, _in_a_hurry(entry).login, tls=self._tls)
        try:
            server.connect()
            return question(server)
        except (ServerError, UnsupportedVersion) as error:
            return failure_of(entry.name, error)
        finally:
            server.close()

    def _ask_whether_back(self, entry: Entry) -> t.Optional[Failure]:
        """Return why a server does not answer; ``None`` if it lets us in."""
        return self._ask(entry, lambda server: None)

    def _ask_how_it_stands(self, entry: Entry) -> t.Union[State, Failure]:
        return self._ask(entry, lambda server: Node(server).state)

    def watch(self, found_dead: Sequence[Entry]) -> Watch:
        """Ask servers that were found dead, for as long as the block lasts, whether they are back; in check mode nobody, because nothing is done."""
        return Watch(self._ask_how_it_stands, () if self.check_mode else found_dead)

    def _look_into_relay_logs(self, topology: Topology) -> Topology:
        names = [member.name for member in topology.replicas if must_look_into_relay_logs(topology, member)]
        if self._relay_logs_of is not None:
            names = [name for name in names if name in self._relay_logs_of]
        if not names:
            return topology
        self.on_each(names, lambda node: node.look_into_relay_logs(), "read relay logs", record=True)
        return self.arrange(topology.primary)

    def look_into_histories(self, topology: Topology) -> Topology:
        """See how far the histories of those servers reach back that would have to testify whether somebody has written to a replica."""
        names = [name for name in must_look_into_histories(topology) if name in self.nodes and name not in self._reach]
        if not names:
            return topology
        outcomes = self.on_each(names, Node.reach, "read how far back histories reach")
        # Of one that cannot be asked it is not known, so that it does not testify.
        self._reach.update((name, outcome.value) for name, outcome in outcomes.items() if outcome.value is not None)
        return replace(topology, reach=dict(self._reach))

    def suppose(self, planned: Topology) -> Topology:
        """Expect of the servers what a plan of somebody else would have made of them, who does nothing in check mode either."""
        for name, node in self.nodes.items():
            if planned[name].known is not node.state:
                node.expect(_always(planned[name].known))
        return self.expected(planned)

    def pretend(self, topology: Topology) -> Journal:
        """From now on send nothing that changes a server, and expect of each what is given. Return the journal of what would be sent."""
        self.journal, self.check_mode = Journal(), True
        for server in self._servers.values():
            server.journal, server.check_mode = self.journal, True
        for name, node in self.nodes.items():
            if topology[name].state is not None:
                node.expect(_always(topology[name].known))
        return self.journal

    def expected(self, topology: Topology) -> Topology:
        """Put together what a plan (check mode) has made of the servers so far, as it is expected of them. Nothing is read, and the primary stays."""
        for name, node in self.nodes.items():
            if self._members[name].state is not None:
                self._members[name] = replace(self._members[name], state=node.state)
        return replace(self.arrange(topology.primary), asked_again=topology.asked_again)

    def _server(self, entry: Entry) -> Server:
        return Server(entry.name, entry.address, entry.login, journal=self.journal, check_mode=self.check_mode, tls=self._tls)

    def _connect(self, entries: Sequence[Entry], listed: bool = True, found_dead_too: Sequence[Entry] = ()) -> t.Mapping[str, t.Optional[Failure]]:
        """Connect to servers and read them. Return whether those that were found dead answer by now. Raises ``Refusal`` for what is held and not read."""

        def open_one(entry: Entry) -> t.Union[Node, Failure]:
            held = self._held.get(entry.name)
            if isinstance(held, Failure):
                return held
            if held is not None:
                problem = attempt(held, self._read_held).problem
                # Where its lock was taken nothing may be done without it: nobody can tell whether that is still held.
                refuse([problem] if problem is not None and held.name in self.locks else [])
                return held if problem is None else Failure(problem.code, problem.message, None)
            return self._open(entry)

        opening: t.List[t.Callable[[], t.Any]] = [partial(open_one, entry) for entry in entries]
        asking: t.List[t.Callable[[], t.Any]] = [partial(self._ask_whether_back, entry) for entry in found_dead_too]
        outcomes = at_once(lambda each: each(), [*opening, *asking], self._stop)
        self._held = {}
        for entry, found in zip(entries, outcomes):
            self._take_in(entry, found, listed)
        return dict(zip([entry.name for entry in found_dead_too], outcomes[len(entries) :]))

    def _take_in(self, entry: Entry, found: t.Union[Node, Failure], listed: bool = True) -> None:
        """Keep what came of connecting to a server."""
        host, port = entry.address.host.lower(), entry.address.port
        told = entry.address_for_replicas
        endpoints = frozenset([(host, port), (told.host.lower(), told.port)])
        member = Member(entry.name, entry.address.host, port, endpoints, listed=listed, promotion=entry.promotion, site=entry.site)
        if isinstance(found, Node):
            self.nodes[entry.name] = found
            self._members[entry.name] = replace(member, state=found.state)
        else:
            self.nodes.pop(entry.name, None)
            self._members[entry.name] = replace(member, failure=found)

    def follow(self, *, without: Collection[str] = ()) -> Topology:
        """Read every server over the connection that it was read over before, or connect anew where there is none: for whoever looks again and again.

        Only members are asked. Relay logs are not read, nor is anything tried out. Who is the primary is found out each time.

        :arg without: servers that are not asked this time, because they could not be read a moment ago and cost their time limit.
        """
        entries = [entry for entry in self.entries if entry.name not in without]
        outcomes = at_once(self._read_or_open, entries, self._stop)
        for entry, found in zip(entries, outcomes):
            known = self._members.get(entry.name)
            if found is self.nodes.get(entry.name) and isinstance(found, Node) and known is not None:
                # Over the same connection it is at the same addresses, also when names cannot be resolved any more.
                self._members[entry.name] = replace(known, state=found.state, failure=None)
            elif isinstance(found, Failure) and known is not None:
                self.nodes.pop(entry.name, None)
                self._members[entry.name] = replace(known, state=None, failure=found)
            else:
                self._take_in(entry, found)
        return self.look_into_histories(self.arrange(None))

    def _read_or_open(self, entry: Entry) -> t.Union[Node, Failure]:
        node = self.nodes.get(entry.name)
        if node is not None and node.server.is_open:
            try:
                node.read()
                return node
            except OutcomeUnknown as error:
                if node.server.timed_out:
                    return failure_of(entry.name, error)
                # Its connection broke, which idle connections do as well.
            except (ServerError, UnsupportedVersion) as error:
                return failure_of(entry.name, error)
        return self._open_anew(entry)

    def _open(self, entry: Entry) -> t.Union[Node, Failure]:
        """Connect to a server and read it, or say why that cannot be done."""
        server = self._servers[entry.name] = self._server(entry)
        with self.journal.step("connect", entry.name):
            try:
                try:
                    return _open(server)
                except OutcomeUnknown:
                    # It let us in, and then the connection broke. A server that has just died does not do that twice.
                    if server.timed_out:
                        raise
                    return _open(server)
            except OutcomeUnknown as error:
                return Failure("not_responding", error.message, None if server.timed_out else True, hangs=error.hangs)
            except (ServerError, UnsupportedVersion) as error:
                return failure_of(entry.name, error)

    def _read_held(self, node: Node) -> None:
        node.read()
        if self._is_worked_on(node.name):
            _try_out(node)

    def arrange(self, primary: t.Optional[str]) -> Topology:
        """Put together what was read last. ``primary`` is the name of the one that the user says is the primary."""
        return replace(self._arrange(primary), reach=dict(self._reach))

    def _arrange(self, primary: t.Optional[str]) -> Topology:
        members = list(self._members.values())
        topology = _judged(make_topology(members, primary=primary, moved=self._moved))
        names = {member.name for member in members}
        strangers = {source for source in topology.sources.values() if source not in names}
        server_ids = [member.state.server_id for member in members if member.state is not None]
        if not strangers and len(set(server_ids)) == len(server_ids):
            return topology
        # Hosts that replicas, or two entries, call by another name: compare addresses.
        wanted = {endpoint for member in members for endpoint in member.endpoints}
        wanted |= {(channel.source_host.lower(), channel.source_port) for member in members if member.state for channel in member.state.channels}
        resolved = dict(zip(wanted, at_once(partial(_resolve, seconds=self._default_login.connect_timeout), wanted)))
        self._members = {
            member.name: replace(member, endpoints=member.endpoints.union(*(resolved.get(each, frozenset()) for each in member.endpoints)))
            for member in members
        }
        return _judged(make_topology(list(self._members.values()), primary=primary, resolved=resolved, moved=self._moved))

    def _find_same_servers(self) -> bool:
        """See which of those with one identity are one process, by a lock that one of them is asked to take and the other knows of. Return whether any is.

        An address at which a member answers is one of that member's, unless that member follows it itself: then it has moved there from another one.
        """
        found = False
        first: t.Dict[t.Tuple[int, str], str] = {}
        for name, node in list(self.nodes.items()):
            other = first.setdefault((node.state.server_id, node.state.server_uuid), name)
            one, same = self._members[other], self._members[name]
            if other == name or one.endpoints & same.endpoints or attempt(node, partial(Node.is_same_process, other=self.nodes[other])).value is not True:
                continue
            found = True
            if same.listed:
                self._members[name] = replace(same, endpoints=same.endpoints | one.endpoints)
                continue
            followed = {(channel.source_host.lower(), channel.source_port) for channel in one.known.channels}
            if same.endpoints & followed:
                self._moved.add(name)
            else:
                self._members[other] = replace(one, endpoints=one.endpoints | same.endpoints)
            del self._members[name], self.nodes[name]
            self._servers.pop(name).close()
        return found

    def address_for_replicas(self, name: str) -> Address:
        """Return where replicas are told that a member is; it may have an address for that of its own."""
        return next(entry.address_for_replicas for entry in self.entries if entry.name == name)

    def on_each(self, names: Iterable[str], work: Callable[[Node], T], step: str = "", record: bool = False) -> t.Dict[str, Outcome[T]]:
        """Take a step on several servers at once, one thread each; a server that fails does not keep it from the others.

        What is raised besides ``Refusal`` and the errors of servers is a mistake of ours. It goes on upwards once all the others are done.

        ``record`` keeps the state that the nodes have read.
        """
        chosen = list(names)
        outcomes = self._on_each_its_own(dict.fromkeys(chosen, work), step)
        if record:
            for name, outcome in outcomes.items():
                self._record(name, outcome)
        return outcomes

    def on_one(self, name: str, work: Callable[[Node], T], step: str = "", record: bool = False) -> Outcome[T]:
        """Take a step on one server, in a thread as ``on_each`` does on several: an interruption (Ctrl-C) never breaks an answer off in the middle."""
        return self.on_each([name], work, step, record)[name]

    def _attempt(self, name: str, work: Callable[[Node], T], step: str = "") -> Outcome[T]:
        with self.journal.step(step, name) if step else nullcontext():
            return attempt(self.nodes[name], work)

    def _record(self, name: str, outcome: Outcome[t.Any]) -> None:
        """Keep the state that a node has read, or why that could not be done."""
        if outcome.problem is None:
            self._members[name] = replace(self._members[name], state=self.nodes[name].state, failure=None)
        else:
            self._members[name] = replace(self._members[name], state=None, failure=Failure(outcome.problem.code, outcome.problem.message, None))

    def lock(self, names: Iterable[str], seconds: float) -> t.List[Problem]:
        """Keep other runs off these servers until the connections end, and return what kept us from that: ``locked``, naming who holds it.

        A server ends a connection over which it hears nothing for longer than ``seconds``, which is what the work may take, and a minute: it would
        keep the lock for hours if our machine lost its network.

        Another run may have been there until a moment ago, so what was read before is to be read again (``look_again``). Of two runs that begin
        at the same moment one gets all: both ask for the first server by name before the others. In check mode nothing is kept off.

        Meanwhile, on those that are worked on and whose turn it is not, it is tried whether that can be done; see ``try_out``.
        """
        chosen = list(names)
        return self._lock(chosen, seconds, tried=[name for name in chosen if self._is_worked_on(name)])

    def _lock(self, names: Iterable[str], seconds: float, *, tried: Collection[str]) -> t.List[Problem]:
        chosen = sorted(names)
        problems: t.List[Problem] = []
        if self.check_mode or not chosen:
            return problems
        first, others = chosen[:1], chosen[1:]
        with self.journal.step("lock"):
            for turn, meanwhile in ((first, others), (others, first)):
                take = partial(self.locks.take, seconds=int(seconds) + _SILENCE, trying=turn is first and any(name in tried for name in first))
                trial = partial(_try_out, is_limited=meanwhile is first, is_reset_later=meanwhile is not first)
                trials = [name for name in meanwhile if name in tried]
                works: t.Dict[str, t.Callable[[Node], t.Optional[Problem]]] = {**dict.fromkeys(turn, take), **dict.fromkeys(trials, trial)}
                outcomes = self._on_each_its_own(works)
                problems += [problem for problem in (outcome.problem or outcome.value for outcome in outcomes.values()) if problem is not None]
                if any(problem.code == "locked" for problem in problems):
                    break
        self._take_over(chosen)
        return problems

    def _is_worked_on(self, name: str) -> bool:
        return self._worked_on is None or name in self._worked_on

    def _on_each_its_own(self, works: t.Mapping[str, Callable[[Node], T]], step: str = "") -> t.Dict[str, Outcome[T]]:
        names = list(works)
        return dict(zip(names, at_once(lambda name: self._attempt(name, works[name], step), names, self._stop)))

    def _stop(self, is_over: IsOver) -> None:
        """Let threads end their work, because this process is interrupted: each at its next statement, with what it has to clean up.

        A connection that holds a lock is kept, so that it can be undone what was done: a wait ends soon. What has no answer after that waits for a
        client's lock, or the server hangs. To give its connection up gives the lock up, and then nothing is undone there. Where nothing is locked
        nothing is to be undone.
        """
        servers = list(self._servers.values())
        for server in servers:
            server.interrupt(UNDO_TIMEOUT)
        for server in servers:
            if not self.locks.names or (server.is_busy and not self.locks.are_held_by(server)):
                server.give_up()
        if not self.locks.names:
            return
        if not is_over(_LAST_ANSWER):
            for server in servers:
                if server.is_busy:
                    server.give_up()
            if not is_over(_LAST_ANSWER):
                return
        for server in servers:
            server.resume()

    def try_out(self, topology: Topology) -> Topology:
        """See on every server whether a write gets past the locks that others hold, and which privileges our account lacks; see ``State``.

        Changes nothing. What a server does not answer is told when it is read next.
        """
        names = list(self.nodes)
        with self.journal.step("try out"):
            self.on_each(names, _try_out_everything)
        self._take_over(names)
        return replace(self.arrange(topology.primary), asked_again=topology.asked_again)

    def _take_over(self, names: Iterable[str]) -> None:
        """Keep what was found on servers beside what was read."""
        for name in names:
            member = self._members.get(name)
            if member is not None and member.state is not None:
                self._members[name] = replace(member, state=self.nodes[name].state)

    def check_locks(self) -> t.List[Problem]:
        """Ask every server that was locked whether the connection that took the lock still holds it: ``changed_meanwhile`` for each where it does not."""
        outcomes = self.on_each(self.locks.names, self.locks.check, "check locks")
        return [problem for outcome in outcomes.values() for problem in (outcome.problem or outcome.value,) if problem is not None]

    def release(self, names: Iterable[str]) -> t.List[Problem]:
        """Let other runs work on servers again that were locked, and return what went wrong there."""
        held = [name for name in names if name in self.locks]
        return problems_in(self.on_each(held, self.locks.release, "release locks"))

    def regain(self, node: Node, seconds: float, left_out: Collection[str] = ()) -> t.List[Problem]:
        """Take the lock of a server again if the connection that held it has been replaced, and return what forbids to undo anything there.

        Whoever changes a server locks all that it decides about, and leaves out only what does not answer. So where none of our locks is held by the
        connection that took it, somebody may have changed any server, and may have gone again. Where one is, that is no proof yet: who found
        this server dead, or was to change it, may have left out all those whose locks we have kept, because they were silent as well, and have opened
        another server. So the locks of all others are taken, too, and these are read then.

        :arg left_out: members that this run has left out, and cannot ask.
        """
        lost = None if self.check_mode else self.locks.check(node)
        if lost is None:
            return []
        checked = self.on_each([name for name in self.locks.names if name != node.name], self.locks.check)
        kept = [name for name, outcome in checked.items() if not (outcome.problem or outcome.value)]
        if not node.server.is_open or not kept:
            return [lost]
        taken = attempt(node, partial(self.locks.take, seconds=int(seconds) + _SILENCE))
        problem = taken.problem or taken.value
        if problem is not None:
            return [problem]
        others = [entry for entry in self.entries if entry.name not in (node.name, *kept)]
        gone = [entry for entry in others if entry.name not in self.nodes or not self.nodes[entry.name].server.is_open]
        for entry, found in zip(gone, at_once(self._open_anew, gone, self._stop)):
            self._take_in(entry, found)
        names = [entry.name for entry in others if entry.name in self.nodes]
        locked = [problem for problem in self.lock(names, seconds) if problem.code == "locked"]
        self.on_each(names, lambda other: other.read(), "look again", record=True)
        return locked or list(check_opened_elsewhere(self.arrange(None), node.name, kept, left_out))

    def _open_anew(self, entry: Entry) -> t.Union[Node, Failure]:
        previous = self._servers.get(entry.name)
        if previous is not None:
            previous.close()
        return self._open(entry)


def _judged(topology: Topology) -> Topology:
    """Find out who is the primary, unless that was said."""
    return with_primary(topology) if topology.primary is None else topology


def _try_out(node: Node, *, is_limited: bool = False, is_reset_later: bool = False) -> None:
    try_to_write(node, is_limited=is_limited, is_reset_later=is_reset_later)
    read_privileges(node)


def _try_out_everything(node: Node) -> None:
    _try_out(node)
    look_at_commits(node)


def _open(server: Server) -> Node:
    server.close()
    server.connect()
    return Node(server)


def _always(state: State) -> Effect:
    return lambda _found: state


def _in_a_hurry(entry: Entry) -> Entry:
    """Let a server that was found dead be asked for a moment only. Its name may take as long to resolve as ever: it would not be asked at all."""
    return replace(entry, login=replace(entry.login, greet_timeout=_LAST_LOOK))


def _resolve(endpoint: Endpoint, seconds: float) -> t.FrozenSet[Endpoint]:
    host, port = endpoint
    try:
        return frozenset((str(info[4][0]), port) for info in look_up(host, port, seconds))
    except (OSError, UnicodeError):
        return frozenset()


def _is_settling(topology: Topology) -> bool:
    primary = topology.primary_member
    return topology.primary_status == MAYBE_ALIVE and primary is not None and primary.failure is not None and primary.failure.alive is False
