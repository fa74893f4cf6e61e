# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Decide, lock what that touches, look again, decide anew: what is then decided holds, because no other run works on these servers.

Until the locks are taken another run may be at work, so that what was read before them proves nothing.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import DEAD

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Entry
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

Decision = t.TypeVar("Decision")

# Seconds after which what was read is too old to pass the point of no return on.
YOUNG = 1.0

# Seconds that looking may take, where the network is slow, without being taken for a time in which this machine stood still.
_SLOWEST = 10.0

# A clock that also runs while the machine sleeps, where there is one (Linux).
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def since_boot() -> float:
    """Return a number of seconds that grows also while this machine, or this process, stands still."""
    return time.clock_gettime(_CLOCK)


def look_at_once(cluster: Cluster, primary: t.Optional[str] = None, *, tolerates_managers: bool = False) -> Topology:
    """Look at a cluster so that all servers, if the primary is not dead, are as they were within a moment. Raises what ``Cluster.look`` does.

    If the first look took long, because this machine stood still or a server is slow, what was read first may be over by then: another run may have moved
    the role. (Seen: a replica that still followed the old primary when it was read was taken for a replica of a replica, and left where it was.)
    """
    begun = since_boot()
    topology = cluster.look(primary, tolerates_managers=tolerates_managers)
    if topology.primary_status != DEAD and since_boot() - begun > YOUNG:
        # Who is the primary by now is known once all have been read; relay logs are looked into by that.
        cluster.look_again(topology)
        topology = cluster.look_again(cluster.arrange(primary))
    return topology


def no_problem(problem: Problem) -> bool:
    """Tolerate nothing."""
    return False


class Held(t.Generic[Decision]):
    """What was decided, and what it was decided on, while other runs are kept off the servers that it touches.

    ``decide`` takes what was read and returns the decision, or raises ``Refusal``; ``touches`` names the servers that acting on a decision touches.
    ``seconds`` is what acting on it may take. ``tolerates`` says of a server that cannot be locked whether the work goes on without it; never where
    another run has it. ``found_dead``: servers that did not answer, and that are asked with each look whether they do by now; with ``asks_unread``
    so are, from the second look on, members that could not be connected to.
    """

    def __init__(
        self,
        cluster: Cluster,
        decide: Callable[[Topology], Decision],
        touches: Callable[[Decision], Iterable[str]],
        seconds: float,
        tolerates: Callable[[Problem], bool] = no_problem,
        found_dead: Sequence[Entry] = (),
        asks_unread: bool = False,
        clock: Callable[[], float] = since_boot,
    ) -> None:
        self._cluster = cluster
        self._decide = decide
        self._touches = touches
        self._seconds = seconds
        self._tolerates = tolerates
        self._found_dead = found_dead
        self._asks_unread = asks_unread
        self._clock = clock
        self._looked_at = 0.0
        self.topology: Topology
        self.decision: Decision

    def begin(self, topology: Topology) -> None:
        """Decide, lock, look again and decide anew. In check mode, and where nothing is touched, only decide, because nothing is done."""
        self.topology = self._cluster.ask_again(topology, self._found_dead) if self._cluster.check_mode else topology
        self.decision = self._decide(self.topology)
        names = list(self._touches(self.decision))
        if names and not self._cluster.check_mode:
            self.lock(names)
            self.look_again()

    def begin_locked(self, look: Callable[[], Topology]) -> None:
        """Lock every server that answers, whatever will be decided, and only then look and decide: so one look is enough. Raises ``Refusal``.

        :arg look: looks for the first time; it asks those that were found dead, too.
        """
        self._refuse_unless_tolerated(self._cluster.hold(self._seconds))
        self._looked_at = self._clock()
        self.topology = look()
        self._decide_on_what_is_locked(self._decide)

    def lock(self, names: Iterable[str]) -> None:
        """Keep other runs off more servers. Raises ``Refusal``. What was read of them before is to be read again."""
        self._refuse_unless_tolerated(self._cluster.lock(names, self._seconds))

    def release(self, names: Iterable[str]) -> None:
        """Let other runs work on servers again that what is left to do does not touch. Raises ``Refusal`` for one that does not answer."""
        refuse(self._cluster.release(names))

    def _refuse_unless_tolerated(self, problems: Iterable[Problem]) -> None:
        refuse(problem for problem in problems if problem.code == "locked" or not self._tolerates(problem))

    def look_again(self, decide: t.Optional[Callable[[Topology], Decision]] = None) -> None:
        """Read the servers again and decide anew; by other rules if they are given, where the work has changed what there is to decide on.

        Raises ``Refusal``, with ``changed_meanwhile`` where the decision now touches a server that other runs are not kept off. In check mode the
        servers are as they are expected to be by now, and nothing is read.
        """
        if self._cluster.check_mode:
            self.topology = self._cluster.expected(self.topology)
        else:
            with self._cluster.journal.step("look again"):
                self._looked_at = self._clock()
                self.topology = self._cluster.look_again(self.topology, found_dead=self._found_dead, asks_unread=self._asks_unread)
        self._decide_on_what_is_locked(decide or self._decide)

    def _decide_on_what_is_locked(self, decide: Callable[[Topology], Decision]) -> None:
        self.decision = decide(self.topology)
        if not self._cluster.check_mode:
            refuse(_not_kept(name) for name in self._touches(self.decision) if name not in self._cluster.locks)

    def make_sure(self, decide: t.Optional[Callable[[Topology], Decision]] = None) -> None:
        """See, right before the point of no return, that every lock is still held by the connection that took it, and that the decision is young.

        Where it is not, looks again and decides anew. Raises ``Refusal``.
        """
        if self._cluster.check_mode:
            return
        refuse(self._cluster.check_locks())
        if self._age() <= YOUNG:
            return
        ages: t.List[float] = []
        for _look in range(2):
            self.look_again(decide)
            refuse(self._cluster.check_locks())
            ages.append(self._age())
            if ages[-1] <= YOUNG:
                return
        # Where the network is slow, looking takes about as long each time.
        if max(ages) > min(2 * min(ages), _SLOWEST):
            message = "the decision rests on what was read %.1f s ago: this machine, or the way to the servers, stood still meanwhile" % ages[-1]
            raise Refusal([Problem("changed_meanwhile", "", message)])

    def _age(self) -> float:
        return self._clock() - self._looked_at

    def may_undo(self, node: Node, left_out: Collection[str] = ()) -> None:
        """See that nobody else can have worked on a server before something is undone there, nor have opened another one. Raises ``Refusal``.

        :arg left_out: members that were left out from the beginning.
        """
        refuse(self._cluster.regain(node, self._seconds, left_out))


def _not_kept(name: str) -> Problem:
    return Problem("changed_meanwhile", name, "%s was not concerned a moment ago, and is now" % name)
