# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which process carries out which tests, and when: what belongs together in one, and what takes long first.

How long it takes is in integration/seconds.txt, which ``make test NOTE=1`` writes anew; what is not there is estimated from how many tests it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

SECONDS = Path(__file__).with_name("integration") / "seconds.txt"
_HEADER = """\
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Seconds that the tests of a file take with one kind of server, for ../scheduling.py. Written by: make test NOTE=1
"""
# What is shorter makes no difference.
_SHORTEST = 3


def scope_of(nodeid: str, kinds: Iterable[str]) -> str:
    """Return what a test belongs to: its file and its kind of server, which share what they start."""
    path, _colons, test = nodeid.partition("::")
    return f"{path}::{next((kind for kind in kinds if kind in test), '')}"


def kind_of(scope: str) -> str:
    """Return the kind of server of a scope, empty if it has none."""
    return scope.partition("::")[2]


def read_seconds(path: Path) -> dict[str, float]:
    """Return how long scopes take, by what they are called in the file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {scope: float(seconds) for seconds, scope in (line.split() for line in lines if line and not line.startswith("#"))}


def write_seconds(path: Path, seconds: Mapping[str, float]) -> None:
    """Write how long scopes take, the longest first."""
    lines = [f"{each:5.0f} {scope}\n" for scope, each in sorted(seconds.items(), key=lambda item: (-item[1], item[0])) if each >= _SHORTEST]
    path.write_text(_HEADER + "".join(lines), encoding="utf-8")


def estimate(scope: str, tests: int, known: Mapping[str, float]) -> float:
    """Return how many seconds so many tests of a scope take: what was measured, or as long as such tests take mostly."""
    each = 1.5 if "/integration/" in scope else 0.01
    return max(known.get(scope.rpartition("/")[2], 0), tests * each)


def choose(waiting: Mapping[str, float], last: str | None, others: Sequence[str], processes: int) -> str:
    """Return what a process is to do next, of what is waiting, by how long it takes.

    A process keeps its kind of server (`last`), or takes the one with most to do for each process that is at it (`others`: those of the other ones).
    But what takes so long that everybody would have to wait for it comes first. The longest first, so that all end together.
    """
    longest = max(waiting, key=lambda scope: waiting[scope])
    if waiting[longest] * processes >= sum(waiting.values()):
        return longest
    work: dict[str, float] = {}
    for scope, seconds in waiting.items():
        work[kind_of(scope)] = work.get(kind_of(scope), 0) + seconds
    kind = last if last in work else max(work, key=lambda name: work[name] / (1 + others.count(name)))
    return max((scope for scope in waiting if kind_of(scope) == kind), key=lambda scope: waiting[scope])


class ByFileAndKind(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the tests of one file and one kind of server in one process, and a process with one kind, so that what they share is started once.

    (Marks of --dist loadgroup would say it more simply, but xdist 3.8 tells them by an attribute that pytest 9.2 has no more.)

    Of a process that dies the other tests are done by others, or by the one that comes in its place; with xdist's own scheduling, the run would hang.
    """

    def __init__(self, config: pytest.Config, log: Any, kinds: Sequence[str], seconds: Mapping[str, float]) -> None:
        super().__init__(config, log)
        self._kinds = kinds
        self._seconds = seconds

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid, self._kinds)

    def _assign_work_unit(self, node: Any) -> None:
        waiting = {scope: estimate(scope, self._pending_of({scope: unit}), self._seconds) for scope, unit in self.workqueue.items()}
        last = next((kind_of(scope) for scope in reversed(self.assigned_work[node])), None)
        others = [kind_of(next(reversed(units))) for other, units in self.assigned_work.items() if units and other is not node]
        self.workqueue.move_to_end(choose(waiting, last, others, len(self.assigned_work)), last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node: Any) -> None:
        """Give a process enough to do: it begins a test only when it knows the next one, or that there is none."""
        while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) <= 2:
            self._assign_work_unit(node)
        super()._reschedule(node)

    def remove_node(self, node: Any) -> str | None:
        """Take a process that has ended out, and return the test that it died at, which nobody carries out again."""
        pending = [(scope, [nodeid for nodeid, done in unit.items() if not done]) for scope, unit in self.assigned_work.pop(node).items()]
        pending = [(scope, nodeids) for scope, nodeids in pending if nodeids]
        if not pending:
            return None
        died_at: str = pending[0][1].pop(0)
        for scope, nodeids in pending:
            if nodeids:
                self.workqueue[scope] = dict.fromkeys(nodeids, False)
        for other in self.nodes:
            self._reschedule(other)
        return died_at


class Seconds:
    """Notes how long the tests of each scope take, and writes that down in the end."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = kinds
        self._seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a part of a test: what prepares it, itself, what comes after it."""
        scope = scope_of(report.nodeid, self._kinds).rpartition("/")[2]
        if "/integration/" in report.nodeid:
            self._seconds[scope] = self._seconds.get(scope, 0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """Write it down."""
        write_seconds(SECONDS, self._seconds)
