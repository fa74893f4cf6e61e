# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What HAProxy says of its servers, and the commands of its runtime API that move clients. Pure: nothing here talks to a proxy.

Where the knowledge comes from: HAProxy's management guide (``show servers state``, ``show stat``, ``set server``, ``shutdown sessions server``), and
HAProxy 2.6, which was asked.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Bits of srv_admin_state. Maintenance: set by a command or the configuration, inherited from a server that is tracked, no address for its name.
_MAINT = 0x01 | 0x02 | 0x20 | 0x40
# Draining: set by a command, inherited.
_DRAIN = 0x08 | 0x10

# srv_op_state of a server that its health check has found dead.
_STOPPED = 0

# What a name of a backend or a server can be made of in HAProxy's configuration. A name with anything else would end the command that it is in.
NAME = re.compile(r"[A-Za-z0-9_.:-]+")

LOOK = "show servers state;show stat -1 4 -1"
"""All servers of all backends, and how many sessions each has."""

# Bytes of one line of commands: HAProxy takes as many as fit into its buffer, which has 16384 bytes unless somebody has made it smaller.
_LINE = 4000

Described = t.Dict[str, str]


class Unreadable(Exception):
    """An answer that is none of those that we know."""


class Unmatched(Exception):
    """A backend or a server that a proxy does not have, or not only once."""


@dataclass(frozen=True)
class ProxyServer:
    """A server of a backend, as a proxy sees it: ``admin`` and ``operational`` are its states as numbers, ``sessions`` how many clients it has."""

    backend: str
    name: str
    address: str
    fqdn: str
    port: int
    admin: int
    operational: int
    sessions: int = 0

    @property
    def is_closed(self) -> bool:
        """Whether no client is sent there, and none can be."""
        return bool(self.admin & _MAINT)

    @property
    def is_open(self) -> bool:
        """Whether clients are sent there, as long as its health check lets them."""
        return not self.admin & (_MAINT | _DRAIN)

    @property
    def state(self) -> str:
        """Its state in HAProxy's own words."""
        if self.is_closed:
            return "maint"
        if not self.is_open:
            return "drain"
        return "down" if self.operational == _STOPPED else "ready"


@dataclass(frozen=True)
class Wanted:
    """A server that is to be found in a backend: its name in the inventory and in HAProxy, and its addresses."""

    name: str
    known_as: str
    addresses: t.FrozenSet[str]
    port: int


@dataclass(frozen=True)
class Moves:
    """The servers of a backend that are to be closed, those closed ones that still have clients, and those that are to be opened."""

    close: t.Tuple[ProxyServer, ...] = ()
    clear: t.Tuple[ProxyServer, ...] = ()
    open: t.Tuple[ProxyServer, ...] = ()

    def closing(self) -> t.List[str]:
        """Return the commands that close servers and end the sessions of their clients."""
        commands = ["set server %s/%s state maint" % (server.backend, server.name) for server in self.close]
        # Only then: a client whose session is ended connects again at once.
        return commands + ["shutdown sessions server %s/%s" % (server.backend, server.name) for server in (*self.close, *self.clear)]

    def opening(self) -> t.List[str]:
        """Return the commands that open servers."""
        return ["set server %s/%s state ready" % (server.backend, server.name) for server in self.open]


def read_answer(text: str) -> t.Tuple[t.List[ProxyServer], t.List[str]]:
    """Return the servers that an answer lists, and what else it says: HAProxy says nothing of a command that it has carried out.

    Raises ``Unreadable``.
    """
    columns: t.List[str] = []
    states: t.List[t.Dict[str, str]] = []
    sessions: t.Dict[t.Tuple[str, str], int] = {}
    said: t.List[str] = []
    for line in text.splitlines():
        if line.startswith("# be_id "):
            columns = line[2:].split()
        elif line.startswith("# pxname,"):
            columns = line[2:].split(",")
        elif not line.strip():
            columns = []
        elif columns and columns[0] == "be_id":
            states.append(dict(zip(columns, line.split())))
        elif columns:
            row = dict(zip(columns, line.split(",")))
            sessions[row.get("pxname", ""), row.get("svname", "")] = _number(row.get("scur") or "0", line)
        elif line.strip() != "1":  # the version of the table that follows
            said.append(line.strip())
    return [_server(row, sessions) for row in states], said


def _server(row: t.Dict[str, str], sessions: t.Dict[t.Tuple[str, str], int]) -> ProxyServer:
    line = " ".join(row.values())
    try:
        backend, name, address, fqdn = (row[column] for column in ("be_name", "srv_name", "srv_addr", "srv_fqdn"))
        port, admin, operational = (_number(row[column], line) for column in ("srv_port", "srv_admin_state", "srv_op_state"))
    except KeyError as error:
        raise Unreadable("a server without %s: %s" % (error, line[:200])) from error
    return ProxyServer(backend, name, address, fqdn, port, admin, operational, sessions.get((backend, name), 0))


def _number(text: str, line: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Unreadable("%r is not a number: %s" % (text[:20], line[:200])) from None


def servers_of(backend: str, servers: Iterable[ProxyServer]) -> t.List[ProxyServer]:
    """Return the servers of a backend. Raises ``Unmatched`` if there is none, ``Unreadable`` for a name that cannot be part of a command."""
    found = [server for server in servers if server.backend == backend]
    if not found:
        there_are = listed(sorted({server.backend for server in servers})) or "none"
        raise Unmatched("there is no backend %s with servers; there are: %s" % (backend, there_are))
    for server in found:
        if not NAME.fullmatch(server.name):
            raise Unreadable("the backend %s has a server called %r" % (backend, server.name[:100]))
    return found


def find(wanted: Wanted, servers: Sequence[ProxyServer]) -> ProxyServer:
    """Return the server of a backend that is meant: the one of its name, else the one at its address. Raises ``Unmatched`` where that is not one."""
    named = [server for server in servers if server.name == wanted.known_as]
    there = [server for server in servers if server.port == wanted.port and {server.address, server.fqdn} & wanted.addresses]
    if named and there and named[0] not in there:
        message = "the backend %s has a server %s, but the address of %s is the one of its server %s"
        raise Unmatched(message % (named[0].backend, named[0].name, wanted.name, there[0].name))
    found = named or there
    if len(found) == 1:
        return found[0]
    where = "%s:%d" % (min(wanted.addresses, default="?"), wanted.port)
    if found:
        message = "the backend %s has several servers at the address of %s (%s): %s"
        raise Unmatched(message % (found[0].backend, wanted.name, where, listed([server.name for server in found])))
    message = "the backend %s has no server called %s, nor one at %s; its servers are: %s"
    raise Unmatched(message % (servers[0].backend, wanted.known_as, where, listed(["%s (%s:%d)" % (each.name, each.address, each.port) for each in servers])))


def moves(servers: Iterable[ProxyServer], wanted: t.Collection[ProxyServer]) -> Moves:
    """Return what is to be done so that clients go to these servers of a backend, and to no others."""
    names = {server.name for server in wanted}
    others = [server for server in servers if server.name not in names]
    return Moves(
        close=tuple(server for server in others if not server.is_closed),
        clear=tuple(server for server in others if server.is_closed and server.sessions),
        open=tuple(server for server in wanted if not server.is_open),
    )


def lines(commands: Iterable[str]) -> t.List[str]:
    """Return commands as lines that HAProxy can take, in their order."""
    found: t.List[str] = []
    for command in commands:
        if found and len(found[-1]) + len(command) < _LINE:
            found[-1] += ";" + command
        else:
            found.append(command)
    return found


def after(servers: Iterable[ProxyServer], planned: Moves) -> Described:
    """Return the states of servers as they will be once moves have been made."""
    states = described(servers)
    states.update((server.name, "maint") for server in planned.close)
    states.update((server.name, "ready") for server in planned.open)
    return states


def described(servers: Iterable[ProxyServer]) -> Described:
    """Return the states of servers by their names."""
    return {server.name: server.state for server in servers}
