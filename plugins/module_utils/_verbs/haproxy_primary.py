# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of haproxy_primary: let many proxies send the clients of a backend to one server, and to no other."""

from __future__ import annotations

import socket
import time
import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import LOGIN_ARGUMENTS, PLACE_OPTIONS
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._clients.haproxy import (
    LOOK,
    NAME,
    Moves,
    Unmatched,
    Unreadable,
    Wanted,
    after,
    described,
    find,
    lines,
    moves,
    read_answer,
    servers_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._clients.runtime_api import NoAnswer, ProxyAddress, ask, proxy_address
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import at_once
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._server.time_limit import look_up
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._clients.haproxy import Described, ProxyServer

ARGUMENTS: t.Dict[str, t.Any] = {
    "problems_as": LOGIN_ARGUMENTS["problems_as"],
    "proxies": {"type": "list", "elements": "str", "required": True},
    "backend": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["open", "closed"], "default": "open"},
    "primary": {"type": "dict", "options": PLACE_OPTIONS},
    "readers": {"type": "str"},
    "replicas": {"type": "list", "elements": "dict", "options": PLACE_OPTIONS},
    "server_names": {"type": "dict", "default": {}},
    "server_prefix": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 3},
}

if t.TYPE_CHECKING:
    # The servers of each backend, and to which of them its clients are to go.
    Backends = t.Dict[str, t.Tuple[t.List[ProxyServer], t.List[ProxyServer]]]

# Seconds between two looks at a proxy that still ends sessions.
_PAUSE = 0.01


class DescribedProxy(t.TypedDict):
    """What became of one proxy."""

    proxy: str
    before: t.Dict[str, Described]
    after: t.Dict[str, Described]


class Moved(t.TypedDict):
    """What haproxy_primary gives back; its documentation says what each is."""

    proxies: t.List[DescribedProxy]
    msg: str


@dataclass(frozen=True)
class Move:
    """Which proxies are to send the clients of ``backend`` where: to ``primary``, or to nobody; and those of ``readers`` to ``replicas``, if there are any."""

    proxies: t.Tuple[ProxyAddress, ...]
    backend: str
    primary: t.Optional[Wanted]
    readers: t.Optional[str]
    replicas: t.Tuple[Wanted, ...]
    timeout: float


def parse(options: Options) -> Move:
    """Read the options. Raises ``BadInput``."""
    proxies = [proxy_address(text) for text in options.texts("proxies")]
    for text, found in zip(options.texts("proxies"), proxies):
        if found is None:
            raise BadInput("proxies: %r is neither host:port ([address]:port with IPv6) nor the path of a UNIX socket" % text[:120])
    if not proxies:
        raise BadInput("proxies: name at least one")
    names = {str(name): str(known_as) for name, known_as in options.mapping("server_names").items()}
    prefix = options.text("server_prefix") or ""
    timeout = options.seconds("timeout")
    closed = options.text("state") == "closed"
    primary = options.mapping("primary")
    if not closed and not primary:
        raise BadInput("primary: name the server that clients are to be sent to, or choose state=closed")
    readers = None if closed else options.text("readers")
    if readers is not None and not options.is_given("replicas"):
        raise BadInput("replicas: name the servers that the clients of readers are to be sent to; an empty list if there are none")
    for option, name in (("backend", options.text("backend")), ("readers", readers)):
        if name is not None and not NAME.fullmatch(name):
            raise BadInput("%s: %r is not a name that a backend of HAProxy can have" % (option, name[:100]))
    if readers == options.text("backend"):
        raise BadInput("readers: %r is the backend of the writers" % readers)
    return Move(
        proxies=tuple(dict.fromkeys(each for each in proxies if each is not None)),
        backend=str(options.text("backend")),
        primary=None if closed else _wanted("primary", primary, names, prefix),
        readers=readers,
        replicas=tuple(_wanted("replicas", entry, names, prefix) for entry in options.mappings("replicas")),
        timeout=timeout,
    )


def _wanted(option: str, entry: Mapping[str, t.Any], names: Mapping[str, str], prefix: str) -> Wanted:
    host, port = str(entry["host"]), int(entry["port"])
    if not 1 <= port <= 65535:
        raise BadInput("%s: port %d is not between 1 and 65535" % (option, port))
    name = str(entry["name"] if entry["name"] is not None else "%s:%d" % (host, port))
    return Wanted(name, names.get(name, prefix + name), frozenset([host, *_numeric(host)]), port)


def _numeric(host: str) -> t.List[str]:
    """Return an address as HAProxy writes it; nothing for a name, which is not looked up."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]) for *_rest, address in found]


def move(call: Call, request: Move) -> Moved:
    """Move the clients on all proxies at once. Raises ``Refusal`` with what has failed on which, once all others are done."""
    runs = [_Run(call, request, proxy) for proxy in request.proxies]
    with call.journal.step("move clients"):
        outcomes = at_once(_attempt, runs)
    failed = [problem for problem in outcomes if problem is not None]
    done = [run.proxy.name for run, problem in zip(runs, outcomes) if problem is None]
    where = "to nobody" if request.primary is None else "to %s" % request.primary.name
    would = "would go" if call.check_mode else "go"
    message = "clients of the backend %s %s %s (%s)" % (request.backend, would, where, listed(done))
    call.tell({"proxies": [run.described() for run in runs]})
    if failed:
        call.stands = message if done else ""
        refuse(failed)
    return {"proxies": [run.described() for run in runs], "msg": message}


def _attempt(run: _Run) -> t.Optional[Problem]:
    """Do the work on one proxy; return the problem that has kept it from being done."""
    proxy = run.proxy.name
    try:
        run.move()
    except NoAnswer as error:
        return Problem("proxy_unreachable", proxy, "%s: %s" % (proxy, error))
    except Unmatched as error:
        return Problem("proxy_server_unknown", proxy, "%s: %s" % (proxy, error))
    except Unreadable as error:
        return Problem("proxy_refused", proxy, "%s: %s" % (proxy, error))
    return None


class _Run:
    """The work on one proxy: look, close, look, open, look. What was asked for is read back, and not believed."""

    def __init__(self, call: Call, request: Move, proxy: ProxyAddress) -> None:
        self.proxy = proxy
        self._call = call
        self._request = request
        self._deadline = 0.0
        self._before: t.Dict[str, Described] = {}
        self._after: t.Dict[str, Described] = {}

    def described(self) -> DescribedProxy:
        return {"proxy": self.proxy.name, "before": self._before, "after": self._after}

    def move(self) -> None:
        """Raises ``NoAnswer``, ``Unmatched`` and ``Unreadable``."""
        self._deadline = time.monotonic() + self._request.timeout
        with self._call.journal.step("look at proxy", self.proxy.name):
            wanted = self._wanted(self._ask(LOOK))
        self._before = {backend: described(servers) for backend, (servers, _to) in wanted.items()}
        self._after = self._before
        planned = {backend: moves(servers, to) for backend, (servers, to) in wanted.items()}
        if self._call.check_mode:
            self._after = {backend: after(wanted[backend][0], each) for backend, each in planned.items()}
            self._note([command for each in planned.values() for command in (*each.closing(), *each.opening())])
            return
        for backend, each in planned.items():
            if backend == self._request.readers:
                # Readers may have two servers at once, and are not to have none.
                self._send(backend, each.opening())
                self._send(backend, each.closing())
            else:
                _see_closed(self._send(backend, each.closing()), wanted[backend][1])
                self._send(backend, each.opening())
        self._settle(wanted, planned)

    def _send(self, backend: str, commands: Sequence[str]) -> t.List[ProxyServer]:
        """Send commands, and return how the servers of the backend are after them; nothing where there was nothing to send."""
        servers: t.List[ProxyServer] = []
        for line in lines(commands):
            with self._call.journal.step("change proxy", self.proxy.name):
                self._note(line.split(";"))
                servers = servers_of(backend, self._ask("%s;%s" % (line, LOOK)))
                self._after = {**self._after, backend: described(servers)}
        return servers

    def _settle(self, wanted: Backends, planned: t.Mapping[str, Moves]) -> None:
        """Wait until the clients of closed servers are gone, and see that all is as it was wanted."""
        if not any(each.closing() or each.opening() for each in planned.values()):
            found = {backend: servers for backend, (servers, _to) in wanted.items()}
        else:
            found = self._found_settled(wanted)
        for backend, servers in found.items():
            self._after = {**self._after, backend: described(servers)}
            open_to = {server.name for server in wanted[backend][1]}
            wrong = [server for server in servers if server.is_open != (server.name in open_to) or (server.sessions and server.is_closed)]
            if wrong:
                states = listed(["%s (%s, %d sessions)" % (server.name, server.state, server.sessions) for server in wrong])
                raise Unreadable("the backend %s is not as it was told to be: %s" % (backend, states))
            down = [server.name for server in servers if server.state == "down"]
            if down:
                message = "%s: the backend %s sends nobody to %s, which its health check calls down"
                self._call.warn([Problem("proxy_server_down", self.proxy.name, message % (self.proxy.name, backend, listed(down)))])

    def _found_settled(self, wanted: Backends) -> t.Dict[str, t.List[ProxyServer]]:
        while True:
            servers = self._ask(LOOK)
            found = {backend: servers_of(backend, servers) for backend in wanted}
            busy = any(server.sessions and server.is_closed for each in found.values() for server in each)
            if not busy or time.monotonic() + _PAUSE > self._deadline:
                return found
            time.sleep(_PAUSE)

    def _wanted(self, servers: t.List[ProxyServer]) -> Backends:
        """Return the servers of each backend, and to which of them its clients are to go."""
        request = self._request
        of_writers = servers_of(request.backend, servers)
        if request.primary is None:
            return {request.backend: (of_writers, [])}
        found = {request.backend: (of_writers, [self._find(request.primary, of_writers)])}
        if request.readers is None:
            return found
        of_readers = servers_of(request.readers, servers)
        reading: t.List[ProxyServer] = []
        missing: t.List[Problem] = []
        for replica in request.replicas:
            try:
                reading.append(self._find(replica, of_readers))
            except Unmatched as error:
                missing.append(Problem("proxy_server_unknown", self.proxy.name, "%s: %s" % (self.proxy.name, error)))
        if request.replicas and not reading:
            raise Unmatched(missing[0].message.partition(": ")[2])
        self._call.warn(missing)
        # Readers that nobody serves would be worse off than readers of the primary.
        found[request.readers] = (of_readers, reading or [self._find(request.primary, of_readers)])
        return found

    def _find(self, wanted: Wanted, servers: Sequence[ProxyServer]) -> ProxyServer:
        """Return the server that is meant. Only where names do not tell, addresses are looked up, which takes its time."""
        try:
            return find(wanted, servers)
        except Unmatched:
            resolved = self._resolved(wanted)
            if resolved <= wanted.addresses:
                raise
        return find(replace(wanted, addresses=wanted.addresses | resolved), servers)

    def _resolved(self, wanted: Wanted) -> t.FrozenSet[str]:
        try:
            found = [look_up(host, wanted.port, self._deadline - time.monotonic()) for host in sorted(wanted.addresses)]
        except (OSError, UnicodeError):
            return frozenset()
        return frozenset(str(address[0]) for each in found for *_rest, address in each)

    def _ask(self, line: str) -> t.List[ProxyServer]:
        servers, said = read_answer(ask(self.proxy, line, self._deadline))
        if said:
            raise Unreadable("it says: %s" % " / ".join(said)[:300])
        return servers

    def _note(self, commands: Sequence[str]) -> None:
        self._call.journal.statements.extend(Sent(self.proxy.name, command) for command in commands)


def _see_closed(servers: Sequence[ProxyServer], to: Sequence[ProxyServer]) -> None:
    """Raise ``Unreadable`` if clients may still be sent to another server than to these."""
    wanted = [server.name for server in to]
    still = [server.name for server in servers if not server.is_closed and server.name not in wanted]
    if still:
        raise Unreadable("it was told to put %s into maintenance, and has not done so; nothing was opened" % listed(still))


VERB: Verb[Move] = Verb(ARGUMENTS, parse, move, connects=False)
