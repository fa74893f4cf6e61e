# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a step gave on each of many servers: a value, or the problems that kept the server from it."""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import UnsupportedVersion
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problem_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


S = t.TypeVar("S")


T = t.TypeVar("T")

# Waits for some seconds at most, and says whether all threads have ended.
IsOver = t.Callable[[float], bool]


# Seconds after which a signal is heard at the latest.
_SIGNALS = 0.2


@dataclass(frozen=True)
class Outcome(t.Generic[T]):
    """What a step gave on one server: a value, or the problems that kept it from it."""

    value: t.Optional[T] = None
    problems: t.Tuple[Problem, ...] = ()

    @property
    def problem(self) -> t.Optional[Problem]:
        """The first problem, where one is enough to know that the step failed; ``None`` if it did not."""
        return self.problems[0] if self.problems else None

    def result(self) -> T:
        """Return the value. Raises ``Refusal`` where there are problems instead."""
        refuse(self.problems)
        return t.cast("T", self.value)


def attempt(node: Node, work: Callable[[Node], T]) -> Outcome[T]:
    """Do something on one server, and return what came of it: what is refused, or goes wrong between us and the server, is a problem of that server's.

    What else is raised is a mistake of ours, and goes on upwards.
    """
    try:
        return Outcome(work(node))
    except Refusal as refusal:
        return Outcome(problems=refusal.problems)
    except (ServerError, UnsupportedVersion) as error:
        return Outcome(problems=(problem_of(node.name, error),))


def at_once(work: Callable[[S], T], items: Iterable[S], stop: t.Optional[Callable[[IsOver], None]] = None) -> t.List[T]:
    """Do the same work for each item, one thread each, and return what came of it in their order.

    :arg stop: lets the threads end their work when this process is interrupted: Ctrl-C, or a time limit of Ansible's for the task. It is given what
        waits for them for some seconds, and says whether they are done. The interruption goes on upwards after that, also where they are not.
    """
    chosen = list(items)
    pool = ThreadPoolExecutor(max_workers=len(chosen) or 1)
    running: t.List[Future[T]] = []
    # Also of a thread that is interrupted between its start and its entry in the list above.
    ends: t.List[Event] = []

    def ended(item: S, end: Event) -> T:
        try:
            return work(item)
        finally:
            end.set()

    def is_over(seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        return all(end.wait(max(0.0, deadline - time.monotonic())) for end in ends)

    try:
        for item in chosen:
            ends.append(Event())
            running.append(pool.submit(ended, item, ends[-1]))
        while wait(running, timeout=_SIGNALS).not_done:
            pass  # Not without end: Python lets signals be handled only in between.
    except BaseException:
        if stop is not None:
            stop(is_over)
        pool.shutdown(wait=False)
        raise
    pool.shutdown()
    return [future.result() for future in running]


def problems_in(outcomes: t.Mapping[str, Outcome[t.Any]]) -> t.List[Problem]:
    """Return the problems among the outcomes."""
    return [problem for outcome in outcomes.values() for problem in outcome.problems]
