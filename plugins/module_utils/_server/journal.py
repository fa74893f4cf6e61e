# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What was sent to the servers, and how long the steps took."""

from __future__ import annotations

import time
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Sent:
    """One statement that was sent, or in check mode would have been."""

    server: str
    statement: str


@dataclass
class Step:
    """One step of the work: what, on which server ('' for all), when it began (seconds since the start) and how long it took."""

    step: str
    server: str
    start: float
    seconds: float


class Journal:
    """What was sent to the servers and how long the steps took, shared by all connections of one call."""

    def __init__(self, clock: t.Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.started = clock()
        self.statements: t.List[Sent] = []
        self.timeline: t.List[Step] = []

    @contextmanager
    def step(self, name: str, server: str = "") -> Iterator[None]:
        """Time what is done inside, whether it succeeds or not."""
        begun = self.clock()
        try:
            yield
        finally:
            self.timeline.append(Step(name, server, round(begun - self.started, 4), round(self.clock() - begun, 4)))
