# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Answers of servers -> which servers replicate from each other, whom to ask next, and what an inventory says of them. Pure.

An address that one server gives for another is a hint. Whether the server that answers there is the one that was meant, it says itself: by its
server_uuid, or in MariaDB, which has none, by its server_id together with the source that it names. Two addresses of one server are found out by whoever
asks (``Answer.same_as``), because neither number is proof: both are copied with the files of a server.
"""

from __future__ import annotations

import re
import typing as t
from collections import deque
from dataclasses import field
from functools import partial

from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._state.followers import Followers
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._state.followers import Registered
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel, State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Endpoint

PRIMARY = "primary"
REPLICA = "replica"
UNKNOWN = "unknown"

_PORT = 3306

# What can be a host: a name, or an address of either family. Servers say what they like, and what is no host is not asked, nor does it name anything.
_HOST = re.compile(r"[A-Za-z0-9_:](?:[A-Za-z0-9_.:-]{0,251}[A-Za-z0-9_])?", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1", re.ASCII)

# What of a text of a server is shown that is no host.
_MOST_SHOWN = 60


def parse_address(text: str) -> t.Tuple[str, t.Optional[int]]:
    """Return host and port of ``host``, ``host:port``, ``[address]:port`` or an IPv6 address; ``None`` where no port is named. Raises ``ValueError``."""
    text = text.strip()
    match = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:\[\]]+):(\d+)|([^\[\]]+)", text, re.ASCII)
    if match is None:
        raise ValueError("%r is not an address (host, host:port or [IPv6 address]:port)" % text[:_MOST_SHOWN])
    host, port = match.group(1) or match.group(3) or match.group(5), match.group(2) or match.group(4)
    if _HOST.fullmatch(host) is None or (port is not None and not 1 <= int(port[:6]) <= 65535):
        raise ValueError("%r is not an address (host, host:port or [IPv6 address]:port)" % text[:_MOST_SHOWN])
    return host.lower(), int(port) if port is not None else None


def endpoint_of(text: str) -> Endpoint:
    """Return the address that a user has written, with the default port where none is named. Raises ``ValueError``."""
    host, port = parse_address(text)
    return host, port or _PORT


def written(endpoint: Endpoint) -> str:
    """Return an address as it is written."""
    host, port = endpoint
    return "[%s]:%d" % endpoint if ":" in host else "%s:%d" % (host, port)


class Ways:
    """How servers are reached from here that others call by an address of their own network.

    :arg addresses: for ``host:port``, or ``host`` with any port, as servers call it, where that is reached from here; without a port at the same one.
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._to = {parse_address(each): parse_address(other) for each, other in addresses.items()}

    @property
    def ends(self) -> t.FrozenSet[t.Tuple[str, t.Optional[int]]]:
        """The addresses that the user has named: those servers are not strangers."""
        return frozenset(self._to.values())

    def are_named(self, endpoint: Endpoint) -> bool:
        """Whether the user has named this address as one that others stand for."""
        return endpoint in self.ends or (endpoint[0], None) in self.ends

    def are_given(self, host: str, port: int) -> bool:
        """Whether the user has said how this address is reached."""
        return (host.lower(), port) in self._to or (host.lower(), None) in self._to

    def to(self, host: str, port: int, told_by: Endpoint) -> t.Optional[Endpoint]:
        """Return where an address is reached that a server gave; ``None`` if it is none. What a server calls itself, its own host is."""
        host = host.strip().lower()
        if _HOST.fullmatch(host) is None or not 1 <= port <= 65535:
            return None
        mapped = self._to.get((host, port)) or self._to.get((host, None))
        if mapped is not None:
            return mapped[0], mapped[1] or port
        return (told_by[0] if is_loopback(host) else host), port


def is_loopback(host: str) -> bool:
    """Whether a host is whoever says it."""
    return _LOOPBACK.fullmatch(host) is not None


@dataclass(frozen=True)
class Answer:
    """What came of asking at an address: a state, or why there is none.

    ``same_as``: an address that was asked before, at which the same server answers, or does not answer either.
    """

    state: t.Optional[State] = None
    failure: t.Optional[Failure] = None
    followers: Followers = Followers()
    same_as: t.Optional[Endpoint] = None


@dataclass(frozen=True)
class Found:
    """A server of a cluster. Exactly one of ``state`` and ``failure`` is set.

    ``also_at``: other addresses at which it was found. ``sources``: whom it follows, by the addresses of these. ``for_replicas``: where replicas
    find it, if that is known to be elsewhere.
    """

    endpoint: Endpoint
    role: str
    state: t.Optional[State] = None
    failure: t.Optional[Failure] = None
    also_at: t.Tuple[Endpoint, ...] = ()
    sources: t.Tuple[Endpoint, ...] = ()
    for_replicas: t.Optional[Endpoint] = None


@dataclass(frozen=True)
class Tree:
    """The servers of a cluster, as far as they are known. ``asks``: the addresses that are to be asked next. ``notes``: what the user should know.

    ``is_whole``: nothing points to servers that are not found.
    """

    servers: t.Tuple[Found, ...] = ()
    asks: t.Tuple[Endpoint, ...] = ()
    notes: t.Tuple[str, ...] = ()
    is_whole: bool = True


def explore(seeds: Sequence[Endpoint], answers: Mapping[Endpoint, Answer], ways: t.Optional[Ways] = None) -> Tree:
    """Find out, from what was answered so far, which servers belong together, and whom to ask next. With more answers it is called again."""
    return _Exploration(seeds, answers, ways or Ways({})).run()


class _Exploration:
    """Follows channels upwards and replicas downwards, each server once."""

    def __init__(self, seeds: Sequence[Endpoint], answers: Mapping[Endpoint, Answer], ways: Ways) -> None:
        self.seeds = list(dict.fromkeys(seeds))
        self.answers = answers
        self.ways = ways
        self.read: t.Dict[Endpoint, State] = {}
        self.unread: t.Dict[Endpoint, Failure] = {}
        self.asks: t.Dict[Endpoint, None] = {}
        self.notes: t.Dict[str, None] = {}
        self.is_replica: t.Set[Endpoint] = set()
        self._queue: t.Deque[Endpoint] = deque()
        self._up: t.List[t.Tuple[Endpoint, Channel, Endpoint]] = []
        self._down: t.List[t.Tuple[Endpoint, Registered]] = []
        self._guesses: t.List[t.Tuple[Endpoint, Endpoint]] = []

    def run(self) -> Tree:
        for seed in self.seeds:
            self._try(seed, lambda _state: True)
        while self._queue:
            self._follow(self._queue.popleft())
            if not self._queue:
                self._look_down()
        self._note_unread()
        sources = self._sources()
        roles = self._roles(sources)
        servers = [self._found(endpoint, roles, sources) for endpoint in (*self.read, *self.unread)]
        followed_unread = [endpoint for endpoint in self.unread if any(endpoint in each for each in sources.values())]
        for endpoint in followed_unread:
            self._note("unreachable", "%s is replicated from and cannot be asked for its other replicas: those that are no seeds are missing", endpoint)
        return Tree(tuple(servers), tuple(self.asks), tuple(self.notes), not self.asks and not followed_unread)

    def _note(self, code: str, text: str, *endpoints: Endpoint) -> None:
        self.notes["[%s] %s" % (code, text % tuple(map(written, endpoints)))] = None

    def _known_as(self, endpoint: Endpoint) -> Endpoint:
        answer = self.answers.get(endpoint)
        return endpoint if answer is None or answer.same_as is None else answer.same_as

    def _try(self, endpoint: Endpoint, fits: t.Callable[[State], bool]) -> bool:
        """Take in the server at an address, if it was asked and is the one that is meant; note that it is to be asked, if it was not."""
        known = self.answers.get(self._known_as(endpoint))
        if known is None:
            self.asks[endpoint] = None
            return False
        if known.state is None or not fits(known.state):
            return False
        endpoint = self._known_as(endpoint)
        if endpoint not in self.read:
            self.read[endpoint] = known.state
            self._queue.append(endpoint)
        return True

    def _follow(self, endpoint: Endpoint) -> None:
        """Take in whom a server follows, and note who it says follows it."""
        for channel in self.read[endpoint].channels:
            source = self.ways.to(channel.source_host, channel.source_port, endpoint)
            if source is None:
                self._note("bad_input", "%%s replicates from %r, which is not an address" % channel.source_host[:_MOST_SHOWN].replace("%", "%%"), endpoint)
                continue
            self._up.append((endpoint, channel, source))
            self._try(source, partial(_can_be_source, channel=channel))
        followers = self.answers[endpoint].followers
        if followers.registered is None:
            privileges = "REPLICATION SLAVE; MariaDB: REPLICATION MASTER ADMIN"
            self._note("privilege_missing", "%s does not tell this account which replicas it has (" + privileges + ")", endpoint)
            hosts = [self.ways.to(host, port, endpoint) for host in followers.dump_hosts for port in dict.fromkeys((endpoint[1], _PORT))]
            self._guesses += [(endpoint, each) for each in hosts if each is not None and each != endpoint]
        # What has no port is a program that reads the binary log.
        self._down += [(endpoint, each) for each in followers.registered or () if each.port]

    def _look_down(self) -> None:
        for source, replica in self._down:
            if self._replica_known_as(source, replica) is not None:
                continue
            for rank in self._places_of(source, replica):
                taken = [self._try(place, partial(self._is_replica, source=source, replica=replica)) for place in rank]
                if any(taken) or any(place in self.asks for place in rank):
                    break
        for source, place in self._guesses:
            self._try(place, partial(self._follows, source=source))

    def _places_of(self, source: Endpoint, replica: Registered) -> t.List[t.List[Endpoint]]:
        """Return where a replica can be: where it says that it is, and if it is not there, at the hosts from where the binary log is read."""
        said = self.ways.to(replica.host, replica.port, source) if replica.host else None
        if replica.host and said is None:
            shown = replica.host[:_MOST_SHOWN].replace("%", "%%")
            self._note("bad_input", "a replica of %%s says that it is at %r (report_host), which is not an address" % shown, source)
        seen = [self.ways.to(host, replica.port, source) for host in self.answers[source].followers.dump_hosts]
        ranks = [[said] if said is not None else [], [each for each in seen if each is not None and each != said]]
        return [rank for rank in ranks if rank]

    def _is_replica(self, state: State, source: Endpoint, replica: Registered) -> bool:
        """Whether a server is the one that has introduced itself."""
        if state.server_uuid or replica.uuid:
            return state.server_uuid == replica.uuid
        return state.server_id == replica.server_id and self._follows(state, source)

    def _follows(self, state: State, source: Endpoint) -> bool:
        return any(_is_source(self.read[source], channel) for channel in state.channels)

    def _replica_known_as(self, source: Endpoint, replica: Registered) -> t.Optional[Endpoint]:
        return next((endpoint for endpoint, state in self.read.items() if self._is_replica(state, source, replica)), None)

    def _note_unread(self) -> None:
        """Take in those that belong to the cluster and cannot be read."""
        for seed in self.seeds:
            self._leave_unread(seed)
        for follower, channel, source in self._up:
            if self._source_known_as(channel, source) is None:
                message = "%s follows %s, and the server that answers there is another one" % (written(follower), written(source))
                self._leave_unread(source, message)
        for source, replica in self._down:
            if self._replica_known_as(source, replica) is not None:
                continue
            places = [place for rank in self._places_of(source, replica) for place in rank]
            if any(place in self.asks for place in places):
                continue
            named = "the replica of %s with server_id %d" % (written(source), replica.server_id)
            free = [place for place in places if self._known_as(place) not in self.read]
            if free:
                self._leave_unread(free[0], "%s says that it is at %s, and the server that answers there is another one" % (named, written(free[0])))
                self.is_replica.add(self._known_as(free[0]))
            else:
                self.notes["[other_server] %s is not where it says that it is. %s" % (named, remedy_of("other_server"))] = None

    def _leave_unread(self, endpoint: Endpoint, other: str = "") -> None:
        endpoint = self._known_as(endpoint)
        answer = self.answers.get(endpoint)
        if answer is None or endpoint in self.read:
            return
        failure = answer.failure
        if failure is None and other:
            failure = Failure("other_server", other, None)
        if failure is not None:
            self.unread.setdefault(endpoint, failure)

    def _source_known_as(self, channel: Channel, source: Endpoint) -> t.Optional[Endpoint]:
        """Return which server a channel follows: the one at its address, unless it knows better whom it is connected to."""
        source = self._known_as(source)
        if source in self.read and _can_be_source(self.read[source], channel):
            return source
        # Who is not connected may name the source that it had before.
        by_identity = [endpoint for endpoint, state in self.read.items() if channel.receiver == RUNNING and _is_source(state, channel)]
        return by_identity[0] if by_identity else None

    def _sources(self) -> t.Dict[Endpoint, t.Tuple[Endpoint, ...]]:
        sources: t.Dict[Endpoint, t.Tuple[Endpoint, ...]] = {}
        for follower, channel, address in self._up:
            source = self._source_known_as(channel, address) or self._known_as(address)
            if source in self.read or source in self.unread:
                sources[follower] = (*sources.get(follower, ()), source)
        return sources

    def _roles(self, sources: Mapping[Endpoint, t.Tuple[Endpoint, ...]]) -> t.Dict[Endpoint, str]:
        followed = {source for each in sources.values() for source in each}
        roles = {endpoint: REPLICA if state.channels else UNKNOWN for endpoint, state in self.read.items()}
        roles.update((endpoint, REPLICA if endpoint in self.is_replica else UNKNOWN) for endpoint in self.unread)
        for endpoint, state in self.read.items():
            if (endpoint in followed and not state.channels) or (state.writable and _is_in_cycle(endpoint, sources)):
                roles[endpoint] = PRIMARY
        if PRIMARY not in roles.values():
            lost = [endpoint for endpoint in self.unread if endpoint in followed and endpoint not in self.is_replica]
            alone = [endpoint for endpoint, state in self.read.items() if state.leads]
            for candidates in (lost, alone):
                if candidates:
                    roles.update((endpoint, PRIMARY) for endpoint in candidates if len(candidates) == 1)
                    break
        return roles

    def _found(self, endpoint: Endpoint, roles: Mapping[Endpoint, str], sources: Mapping[Endpoint, t.Tuple[Endpoint, ...]]) -> Found:
        also_at = tuple(sorted(each for each, answer in self.answers.items() if answer.same_as == endpoint))
        return Found(
            endpoint,
            roles[endpoint],
            self.read.get(endpoint),
            self.unread.get(endpoint),
            also_at,
            sources.get(endpoint, ()),
            self._for_replicas(endpoint),
        )

    def _for_replicas(self, endpoint: Endpoint) -> t.Optional[Endpoint]:
        """Return where replicas find a server that is reached from here in another way: as those that follow it do, or as it says itself."""
        said = [(channel, channel.source_host.lower(), channel.source_port) for _follower, channel, source in self._up if self._known_as(source) == endpoint]
        said.sort(key=lambda each: each[0].receiver != RUNNING)
        called = [(host, port) for _channel, host, port in said]
        for source, replica in self._down:
            place = self.ways.to(replica.host, replica.port, source) if replica.host else None
            if place is not None and self._known_as(place) == endpoint:
                called.append((replica.host.lower(), replica.port))
        for host, port in called:
            if self.ways.are_given(host, port) or (is_loopback(endpoint[0]) and not is_loopback(host)):
                return host, port
        return None


def _can_be_source(state: State, channel: Channel) -> bool:
    """Whether the server at the address of a channel can be its source: a receiver that is connected knows whom it is connected to."""
    return channel.receiver != RUNNING or not (channel.source_uuid or channel.source_id) or _is_source(state, channel)


def _is_source(state: State, channel: Channel) -> bool:
    """Whether a channel was connected to this server last, by its server_uuid or, in MariaDB, its server_id."""
    if state.server_uuid or channel.source_uuid:
        return state.server_uuid == channel.source_uuid
    return channel.has_connected and channel.source_id != 0 and state.server_id == channel.source_id


def _is_in_cycle(start: Endpoint, sources: Mapping[Endpoint, t.Tuple[Endpoint, ...]]) -> bool:
    seen: t.Set[Endpoint] = set()
    todo = list(sources.get(start, ()))
    while todo:
        endpoint = todo.pop()
        if endpoint == start:
            return True
        if endpoint not in seen:
            seen.add(endpoint)
            todo += sources.get(endpoint, ())
    return False


# What an inventory says of them


@dataclass(frozen=True)
class Described:
    """What an inventory says of clusters, of plain values: the variables of hosts, and of groups their hosts, their groups, and their variables."""

    hosts: t.Dict[str, t.Dict[str, t.Any]] = field(default_factory=dict)
    groups: t.Dict[str, t.Dict[str, t.Any]] = field(default_factory=dict)
    notes: t.List[str] = field(default_factory=list)

    def group(self, name: str) -> t.Dict[str, t.Any]:
        """Return a group, a new one if there is none yet."""
        return self.groups.setdefault(name, {"hosts": [], "children": [], "vars": {}})


_GROUP_OF_ROLE = {PRIMARY: "primary", REPLICA: "replicas"}


def describe(trees: Mapping[str, Tree], sizes: t.Optional[Mapping[str, int]] = None) -> Described:
    """Return what an inventory says of clusters, by their names.

    :arg sizes: how many servers a cluster has, where the user says so. A group that lacks some, as far as can be known, says that it has one more than
        it has, so that no failover takes it for the whole cluster.
    """
    sizes = sizes or {}
    described = Described()
    for cluster, tree in trees.items():
        group = described.group(cluster)
        names = _names(tree.servers)
        for role in _GROUP_OF_ROLE.values():
            child = "%s_%s" % (cluster, role)
            described.group(child)
            described.group(role)["children"].append(child)
            group["children"].append(child)
        for server in tree.servers:
            name = names[server.endpoint]
            if name in described.hosts:
                described.notes.append("[in_two_clusters] %s is found in more than one of the clusters, %s is one of them" % (name, cluster))
            described.hosts[name] = _variables(server, names)
            described.group("%s_%s" % (cluster, _GROUP_OF_ROLE[server.role]) if server.role in _GROUP_OF_ROLE else cluster)["hosts"].append(name)
        described.notes.extend("%s: %s" % (cluster, note) for note in tree.notes)
        if tree.asks:
            text = "%s: [cluster_incomplete] %d more addresses were not asked (limit, timeout), %s is the first"
            described.notes.append(text % (cluster, len(tree.asks), written(tree.asks[0])))
        if cluster in sizes:
            group["vars"]["mysql_cluster_size"] = sizes[cluster]
        elif not tree.is_whole:
            group["vars"]["mysql_cluster_size"] = len(tree.servers) + 1
            text = "%s: [cluster_incomplete] servers may be missing, and a failover is refused. Say how many there are (size), and name more of them as seeds"
            described.notes.append(text % cluster)
    return described


def _names(servers: Iterable[Found]) -> t.Dict[Endpoint, str]:
    """Name hosts by their addresses: what they are called elsewhere is for servers to say, and they may say anything."""
    names: t.Dict[Endpoint, str] = {}
    for host, port in sorted({server.endpoint for server in servers}):
        plain = host.replace(":", "-").strip("-")
        names[host, port] = plain if port == _PORT else "%s_%d" % (plain, port)
    return names


def _variables(server: Found, names: Mapping[Endpoint, str]) -> t.Dict[str, t.Any]:
    host, port = server.endpoint
    found: t.Dict[str, t.Any] = {"ansible_host": host, "mysql_host": host, "mysql_port": port, "mysql_role": server.role}
    if server.for_replicas is not None:
        found["mysql_replication_host"], found["mysql_replication_port"] = server.for_replicas
    if server.also_at:
        found["mysql_also_at"] = [written(each) for each in server.also_at]
    if server.failure is not None:
        found["mysql_unreachable"] = "[%s] %s" % (server.failure.code, server.failure.message)
    state = server.state
    if state is not None:
        channel = state.channel
        found.update(
            mysql_family=state.family,
            mysql_version=state.version_text,
            mysql_server_id=state.server_id,
            mysql_server_uuid=state.server_uuid,
            mysql_read_only=state.read_only,
            mysql_source=names[server.sources[0]] if server.sources else "",
        )
        if channel is not None:
            found["mysql_lag"] = channel.lag
    return found
