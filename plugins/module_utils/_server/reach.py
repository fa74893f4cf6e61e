# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Get through to where a server should listen, and tell what it means where that fails.

Three things say something about the other side: a refusal, a host that cannot be reached, and silence. Everything else (a name that does not
resolve, no descriptor left, no route, a rule that forbids it) happened on our side or on the way: the server was not asked, and what was not
asked is not dead.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
import typing as t
from contextlib import suppress

from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import reason_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.time_limit import look_up

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address

# What a failure to connect says of the server.
REFUSED = "refused"
ABSENT = "absent"
UNKNOWN = "unknown"

_NOBODY = (errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT)
# Our machine has no way there. Where a name has addresses of both families, that is usual for those of IPv6.
_NO_WAY = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
# Under these the attempt goes on.
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EINTR)
# What shows that a host is up: it lets us in at a port, or refuses us there.
_ANSWERS = (0, errno.ECONNREFUSED, errno.ECONNRESET)

# Where a host is asked whether it is up: at the port of SSH, and at one (discard) where hardly anybody listens, so that it would refuse us.
_OTHER_PORTS = (22, 9)

# The part of the time after which silence becomes suspicious, and after which the next address is tried beside the first.
_SUSPICIOUS = 0.5
_NEXT_ADDRESS = 0.1
# Until then all have been tried: silence of a moment says nothing.
_LAST_ADDRESS = 0.5


class NotReached(Exception):
    """Nobody let us in. ``verdict`` is what that says: ``REFUSED`` and ``ABSENT`` that nothing listens there, ``UNKNOWN`` nothing."""

    def __init__(self, verdict: str, text: str) -> None:
        super().__init__(text)
        self.verdict = verdict
        self.text = text


def verdict_of(code: t.Optional[int], *, is_path: bool = False) -> str:
    """Tell what an error of the operating system says about a server at a port, or at a path."""
    if code == errno.ECONNREFUSED:
        return REFUSED
    if is_path:
        return ABSENT if code == errno.ENOENT else UNKNOWN
    return ABSENT if code in _NOBODY else UNKNOWN


def find_addresses(address: Address, seconds: float) -> t.Sequence[t.Any]:
    """Return where a server listens, as ``socket.getaddrinfo`` does; nothing for one that listens at a path. Raise ``NotReached``."""
    if address.unix_socket:
        return ()
    try:
        return look_up(address.host, address.port, seconds)
    except (OSError, UnicodeError) as error:
        raise NotReached(UNKNOWN, reason_of(error)) from error


def reach(address: Address, found: Sequence[t.Any], seconds: float) -> socket.socket:
    """Return a connection to a server, the first that any of its addresses takes. Raise ``NotReached``.

    Silence is ambiguous: the host may be off, or a server hang whose queue of connections is full, or a packet filter be in between (all seen to
    look the same). So a host that is silent, or said to be unreachable, is asked at other ports too. If it answers there, its server was not asked.
    """
    return _reach_path(address.unix_socket, seconds) if address.unix_socket else _Race(found, seconds).run()


def _reach_path(path: str, seconds: float) -> socket.socket:
    connection = None
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(max(seconds, 0.001))
        connection.connect(path)
        connection.settimeout(None)
        return connection
    except OSError as error:
        if connection is not None:
            connection.close()
        full = isinstance(error, BlockingIOError)
        raise NotReached(verdict_of(error.errno, is_path=True), "its queue of connections is full" if full else reason_of(error)) from error


class _Attempt:
    """A connection that is being made to one port of one address."""

    def __init__(self, found: t.Any, port: t.Optional[int] = None) -> None:
        self.family, self.kind, self.protocol, _name, self.target = found
        self.found = found
        if port is not None:
            self.target = (self.target[0], port, *self.target[2:])
        self.others: t.List[_Attempt] = []
        self.connection: t.Optional[socket.socket] = None
        self.code: t.Optional[int] = None
        self.text = ""

    def start(self) -> None:
        try:
            self.connection = socket.socket(self.family, self.kind, self.protocol)
            self.connection.setblocking(False)
            code = self.connection.connect_ex(self.target)
            if code not in _UNDER_WAY:
                self.end(code)
        except OSError as error:
            self.end(error.errno or 0, reason_of(error))

    @property
    def is_under_way(self) -> bool:
        return self.connection is not None and self.code is None

    @property
    def answers(self) -> bool:
        return self.code in _ANSWERS

    def end(self, code: int, text: str = "") -> None:
        """Note what came of it; code 0 without a text is success."""
        self.code = code
        self.text = text or os.strerror(code)
        if (code or text) and self.connection is not None:
            self.close()

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def judge(self) -> t.Tuple[str, str]:
        """Return what came of it, as a verdict and a text."""
        if self.code is None:
            self.end(errno.ETIMEDOUT if self.is_under_way else errno.EAGAIN, "timed out")
        verdict = verdict_of(self.code)
        up = [other.target[1] for other in self.others if other.answers]
        if verdict == ABSENT and up:
            return UNKNOWN, "%s, although its host is up (it answers at port %d): the server hangs, or a packet filter blocks connections" % (self.text, up[0])
        return verdict, self.text


class _Race:
    """Connections to all addresses of a server, the next beside the first where that one is slow, and questions to hosts that are silent."""

    def __init__(self, found: Sequence[t.Any], seconds: float) -> None:
        self.attempts = [_Attempt(each) for each in found]
        self.seconds = max(seconds, 0.001)
        step = min(_NEXT_ADDRESS, _LAST_ADDRESS / (len(self.attempts) or 1)) * self.seconds
        self.due = [number * step for number in range(len(self.attempts))]
        self.begun = time.monotonic()
        self.selector = getattr(selectors, "PollSelector", selectors.SelectSelector)()

    def run(self) -> socket.socket:
        winner = None
        try:
            winner = self._find_winner()
            if winner is None or winner.connection is None:
                raise self._judge()
            winner.connection.setblocking(True)
            with suppress(OSError):  # the other side may have gone again; whoever speaks to it will notice
                winner.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return winner.connection
        finally:
            self.selector.close()
            for attempt in self.attempts:
                for each in (attempt, *attempt.others):
                    if each is not winner:
                        each.close()

    def _find_winner(self) -> t.Optional[_Attempt]:
        while True:
            passed = time.monotonic() - self.begun
            for due, attempt in zip(self.due, self.attempts):
                is_next = attempt.code is None and attempt.connection is None
                if is_next and (passed >= due or not any(each.is_under_way for each in self.attempts)):
                    self._start(attempt)
                silent = attempt.is_under_way and passed >= _SUSPICIOUS * self.seconds
                if (silent or verdict_of(attempt.code) == ABSENT) and not attempt.others:
                    attempt.others = [_Attempt(attempt.found, port) for port in _OTHER_PORTS if port != attempt.target[1]]
                    for other in attempt.others:
                        self._start(other)
            winner = next((attempt for attempt in self.attempts if attempt.code == 0 and attempt.connection is not None), None)
            if winner is not None or not self._goes_on() or passed >= self.seconds:
                return winner
            self._wait(passed)

    def _goes_on(self) -> bool:
        """Whether there is anything to wait for: an attempt, or whether a host is up that is said to be unreachable."""
        return any(
            attempt.code is None or (any(other.is_under_way for other in attempt.others) and not any(other.answers for other in attempt.others))
            for attempt in self.attempts
        )

    def _start(self, attempt: _Attempt) -> None:
        attempt.start()
        if attempt.is_under_way and attempt.connection is not None:
            self.selector.register(attempt.connection, selectors.EVENT_WRITE, attempt)

    def _wait(self, passed: float) -> None:
        """Wait until something happens, or something else is to be done."""
        upcoming = min(moment for moment in (*self.due, _SUSPICIOUS * self.seconds, self.seconds) if moment > passed)
        for key, _events in self.selector.select(upcoming - passed):
            attempt = key.data
            self.selector.unregister(key.fileobj)
            attempt.end(attempt.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _judge(self) -> NotReached:
        """Put together what the addresses say: nothing listens there only if nothing does at any of them."""
        told = [(attempt, *attempt.judge()) for attempt in self.attempts]
        says = [(verdict, text) for attempt, verdict, text in told if not (attempt.family == socket.AF_INET6 and attempt.code in _NO_WAY)]
        says = says or [(verdict, text) for _attempt, verdict, text in told]
        for verdict in (UNKNOWN, REFUSED, ABSENT):
            for each, text in says:
                if each == verdict:
                    return NotReached(verdict, text)
        return NotReached(UNKNOWN, "no address")
