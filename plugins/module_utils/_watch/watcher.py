# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Watching one cluster: looking at it again and again over kept connections, and telling what is to be told of it."""

from __future__ import annotations

import os
import time
import typing as t
from contextlib import contextmanager

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.lock import LOCK
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.watching import Look, Memory, Patience, observe
from ansible_collections.dbha.mysql.plugins.module_utils._report.watched import describe_event
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._watch.heart import Heart


@dataclass(frozen=True)
class Rhythm:
    """When is looked, in seconds: at the primary alone, at all servers, and again after something was seen that is urgent."""

    interval: float = 1.0
    look_interval: float = 5.0
    retry_interval: float = 0.2


@dataclass(frozen=True)
class Watched:
    """A cluster that is to be watched. ``pause_directory``: where files say that nothing is to be done about a cluster."""

    cluster: str
    members: Members
    patience: Patience = Patience()
    rhythm: Rhythm = Rhythm()
    pause_directory: t.Optional[str] = None

    @property
    def is_paused(self) -> bool:
        """Whether somebody has said that nothing is to be done; also where that cannot be told."""
        if self.pause_directory is None:
            return False
        for name in (self.cluster, "all"):
            try:
                os.stat(os.path.join(self.pause_directory, name))
                return True
            except FileNotFoundError:
                pass
            except OSError:
                return True
        return False


class _Unwritten(Journal):
    """A journal that keeps nothing: what is watched for months would fill the memory."""

    @contextmanager
    def step(self, name: str, server: str = "") -> Iterator[None]:
        yield


class Watcher:
    """Looks at one cluster. Each second the primary is asked by one statement whether it is as it was, and only now and then everything of all servers."""

    def __init__(self, watched: Watched, tell: Callable[[t.Dict[str, t.Any]], None], heart: Heart) -> None:
        """Take what to watch, and to whom to tell what is seen: that is called in the thread that watches."""
        self._watched = watched
        self._tell = tell
        self._heart = heart
        self._memory = Memory()
        self._primary: t.Optional[Node] = None
        # Whether nothing is wrong, and nobody at work: then the primary alone need be asked, until all servers are due.
        self._is_calm = False
        self._due = 0.0
        # Whether the connection to the primary says something only when it ends.
        self._is_quiet = False
        # When servers were asked last that cost their time limit.
        self._silent: t.Dict[str, float] = {}

    def run(self, stop: threading.Event) -> None:
        """Watch until somebody says stop."""
        with Cluster(self._watched.members, _Unwritten(), check_mode=True) as cluster:
            while not stop.is_set():
                if self._must_look():
                    self._look(cluster)
                self._wait(stop)

    def _must_look(self) -> bool:
        """Ask the primary whether it is as it was, and return whether more must be asked."""
        node = self._primary
        if node is None or not self._is_calm or time.monotonic() >= self._due:
            return True
        try:
            pulse = node.server.send(node.flavor.select_pulse(LOCK)).only()
            return bool(pulse.number("read_only")) or pulse.optional_number("connection_id") is not None
        except ServerError:
            return True

    def _look(self, cluster: Cluster) -> None:
        begun, now = self._heart.now(), time.monotonic()
        # Not even a replica whose host is off is to hold up the news of the primary.
        spared = [name for name, asked in self._silent.items() if now - asked < self._watched.rhythm.look_interval]
        topology = cluster.follow(without=spared)
        self._silent = {
            member.name: self._silent[member.name] if member.name in spared else now
            for member in topology.listed
            if member.failure is not None and not member.failure.refused and member.name not in (topology.primary, self._memory.primary)
        }
        # Asked after the servers were read: whoever has changed them since then had the lock, or has it.
        outcomes = cluster.on_each(list(cluster.nodes), _is_locked)
        look = Look(
            topology,
            time.time(),
            tuple(sorted(name for name, outcome in outcomes.items() if outcome.value)),
            self._heart.missed_since(begun),
        )
        self._memory, events = observe(self._memory, look, self._watched.patience)
        self._primary = cluster.nodes.get(topology.primary) if topology.primary is not None else None
        self._is_calm = self._memory.is_calm and not look.worked_on and not look.stood_still
        self._is_quiet = True
        self._due = time.monotonic() + self._watched.rhythm.look_interval
        for event in events:
            self._tell(describe_event(self._watched.cluster, event, look, self._watched.is_paused))

    def _wait(self, stop: threading.Event) -> None:
        """Wait until it is time to look again, or until the primary ends its connection: then at once."""
        rhythm = self._watched.rhythm
        seconds = rhythm.retry_interval if self._memory.is_doubtful else rhythm.interval
        if self._primary is None or not self._is_quiet:
            stop.wait(seconds)
        elif self._primary.server.is_stirred(seconds):
            # Where it was something else than the end, the next one would be no news either.
            self._is_quiet = False


def _is_locked(node: Node) -> bool:
    return node.server.send(node.flavor.lock_holder(LOCK)).only().optional_number("connection_id") is not None
