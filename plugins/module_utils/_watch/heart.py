# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Whether this process has stood still: paused, swapped out, or on a machine that was. What did not come in time meanwhile says nothing of servers."""

from __future__ import annotations

import threading
import time
import typing as t

# Seconds between two beats, and how late one may be: a busy machine is late by less.
_BEAT = 0.1
_LATE = 1.0


def _clock() -> float:
    """Return the seconds since the machine was started, also those in which it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Heart:
    """A thread that beats, and notes when it could not."""

    def __init__(self, clock: t.Callable[[], float] = _clock) -> None:
        self._clock = clock
        self._last = clock()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        # When the last pause ended.
        self._missed = float("-inf")
        self._thread = threading.Thread(target=self._work, name="dbha-heart", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopped.set()

    def beat(self) -> None:
        """Note that this process runs."""
        with self._lock:
            now = self._clock()
            if now - self._last > _LATE:
                self._missed = now
            self._last = now

    def now(self) -> float:
        """Return a moment for ``missed_since``."""
        return self._clock()

    def missed_since(self, moment: float) -> bool:
        """Whether this process has stood still since then."""
        self.beat()
        return self._missed > moment

    def _work(self) -> None:
        while not self._stopped.wait(_BEAT):
            self.beat()
