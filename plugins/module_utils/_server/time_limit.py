# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Time limits on what is done over a connection.

One thread watches all of them. A ``threading.Timer`` for each statement would do the same, but starting it takes longer than most statements.
"""

from __future__ import annotations

import os
import queue
import selectors
import socket
import threading
import time
import typing as t
from contextlib import contextmanager

if t.TYPE_CHECKING:
    from collections.abc import Iterator


def look_up(host: str, port: int, seconds: float) -> t.List[t.Any]:
    """Return the addresses of a host, as ``socket.getaddrinfo`` does, within a time limit, which a resolver knows nothing of.

    Raises ``OSError``, ``UnicodeError`` for what is no name. A question that is not answered in time is left to itself: nothing can end it.
    """
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # a name, which has to be asked for
    answers: queue.SimpleQueue[t.Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, name="dbha-look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=max(seconds, 0.001))
    except queue.Empty:
        raise OSError("its name was not resolved within %.3g s" % seconds) from None
    if isinstance(answer, Exception):
        raise answer
    return list(answer)


class TimeLimit:
    """Ends whatever waits on a connection when its time is up, by shutting the connection down.

    A limit for each read would not do: a server that sends one byte a second keeps within it for ever.
    """

    def __init__(self, connection: socket.socket) -> None:
        # TLS takes the socket object over; its twin goes on naming the same connection.
        self._handle = connection.dup()
        self.exceeded = False
        self.deadline = 0.0

    @contextmanager
    def of(self, seconds: float) -> Iterator[None]:
        """Let what is done inside take this long."""
        self.deadline = time.monotonic() + seconds
        _watch.add(self)
        try:
            yield
        finally:
            _watch.remove(self)

    def end(self) -> None:
        """End the connection. Never waits."""
        self.exceeded = True
        try:
            self._handle.shutdown(socket.SHUT_RDWR)
        except OSError:
            self._handle.close()  # the other side was faster

    def is_stirred(self, seconds: float) -> bool:
        """Wait at most so long, and say whether something came over the connection meanwhile, or its end."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._handle, selectors.EVENT_READ)
                return bool(selector.select(seconds))
        except (OSError, ValueError):
            return True  # it is closed already

    def close(self) -> None:
        """Let go of the connection."""
        self._handle.close()


class _Watch:
    """The thread that ends what exceeds its limit. It runs while there are limits to watch."""

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """Forget everything: a fork inherits its parent's limits but not the thread, and a lock that the thread may have held."""
        self._changed = threading.Condition()
        self._limits: t.Set[TimeLimit] = set()
        self._thread: t.Optional[threading.Thread] = None
        self._wakes = 0.0

    def add(self, limit: TimeLimit) -> None:
        with self._changed:
            self._limits.add(limit)
            if self._thread is None:
                self._wakes = limit.deadline
                self._thread = threading.Thread(target=self._work, name="dbha-time-limits", daemon=True)
                self._thread.start()
            elif limit.deadline < self._wakes:
                self._changed.notify()

    def remove(self, limit: TimeLimit) -> None:
        with self._changed:
            self._limits.discard(limit)

    def _work(self) -> None:
        with self._changed:
            while self._limits:
                now = time.monotonic()
                for limit in [limit for limit in self._limits if limit.deadline <= now]:
                    self._limits.remove(limit)
                    limit.end()
                if self._limits:
                    self._wakes = min(limit.deadline for limit in self._limits)
                    self._changed.wait(max(self._wakes - now, 0.0))
            self._thread = None


_watch = _Watch()
os.register_at_fork(after_in_child=_watch.start_afresh)
