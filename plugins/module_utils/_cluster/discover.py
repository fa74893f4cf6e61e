# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Find the servers of a cluster from a few of them: ask those, then whom they name, many at once, and see which addresses are those of one server.

Nothing is changed anywhere. What to ask, and what the answers mean, is decided in ``_decisions/discovery.py``.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import at_once
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.discovery import Answer, Ways, explore, written
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import UnsupportedVersion
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import failure_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address
from ansible_collections.dbha.mysql.plugins.module_utils._server.reach import NotReached, find_addresses
from ansible_collections.dbha.mysql.plugins.module_utils._state.followers import read_followers
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

if t.TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.discovery import Tree
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Endpoint

# How many servers are asked at once.
_AT_ONCE = 32

# Seconds that a server is given at least, however little time is left.
_SHORTEST = 0.2


def discover(seeds: Sequence[Endpoint], ways: Ways, login: Login, tls: ssl.SSLContext, *, limit: int, seconds: float) -> Tree:
    """Return the servers that replicate from each other, and some of which are at these addresses.

    :arg limit: how many addresses are asked at most. :arg seconds: after which time no further server is asked; those that are asked have time
        limits of their own.
    """
    search = _Search(seeds, ways, login, tls, time.monotonic() + seconds)
    try:
        while True:
            tree = explore(seeds, search.answers, ways)
            batch = tree.asks[: min(_AT_ONCE, limit - len(search.answers))]
            if not batch or time.monotonic() >= search.deadline:
                return tree
            search.ask(batch)
    finally:
        search.close()


class _Search:
    """The connections and answers of one search."""

    def __init__(self, seeds: Sequence[Endpoint], ways: Ways, login: Login, tls: ssl.SSLContext, deadline: float) -> None:
        self.answers: t.Dict[Endpoint, Answer] = {}
        self.deadline = deadline
        self._seeds = frozenset(seeds)
        self._ways = ways
        self._login = login
        self._tls = tls
        self._servers: t.List[Server] = []
        self._nodes: t.Dict[Endpoint, Node] = {}
        # Of those that do not answer, what their addresses stand for.
        self._places: t.Dict[Endpoint, t.FrozenSet[t.Any]] = {}

    def close(self) -> None:
        for server in self._servers:
            server.close()

    def ask(self, endpoints: Sequence[Endpoint]) -> None:
        """Ask at all these addresses at once."""
        for endpoint, answer in zip(endpoints, at_once(self._ask, endpoints)):
            self.answers[endpoint] = replace(answer, same_as=self._same_as(endpoint, answer))

    def _ask(self, endpoint: Endpoint) -> Answer:
        left = max(self.deadline - time.monotonic(), _SHORTEST)
        login = replace(
            self._login,
            # What servers say of each other may be anybody's address: no password goes there, unless the user allows it or the server proves who it is.
            is_ours=endpoint in self._seeds or self._ways.are_named(endpoint),
            connect_timeout=min(self._login.connect_timeout, left),
            read_timeout=min(self._login.read_timeout, left),
        )
        server = Server(written(endpoint), Address(*endpoint), login, check_mode=True, tls=self._tls)
        self._servers.append(server)
        try:
            server.connect()
            node = Node(server)
            followers = read_followers(node)
        except (ServerError, UnsupportedVersion) as error:
            self._places[endpoint] = self._place_of(endpoint)
            return Answer(failure=failure_of(written(endpoint), error))
        self._nodes[endpoint] = node
        return Answer(node.state, followers=followers)

    def _place_of(self, endpoint: Endpoint) -> t.FrozenSet[t.Any]:
        try:
            found = find_addresses(Address(*endpoint), self._login.connect_timeout)
        except NotReached:
            return frozenset({endpoint})
        return frozenset(each[4][:2] for each in found)

    def _same_as(self, endpoint: Endpoint, answer: Answer) -> t.Optional[Endpoint]:
        """Return the address that was asked before at which the same server is."""
        for other, known in self.answers.items():
            if known.same_as is not None:
                continue
            if answer.state is None:
                if known.state is None and self._places[endpoint] & self._places[other]:
                    return other
            elif known.state is not None and known.state.family == answer.state.family and known.state.identity == answer.state.identity:
                # Neither number is proof, because both are copied with the files of a server. What is locked here and seen there is.
                try:
                    if self._nodes[other].is_same_process(self._nodes[endpoint]):
                        return other
                except ServerError:
                    continue
        return None
