# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters that are used again: to start one takes ten times as long as to make a used one like new."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pymysql

from .cluster import Cluster
from .errors import SandboxError
from .renewal import Nature, nature, renew

Make = tuple[str, int, tuple[str, ...]]
"""The kind, how many replicas, and the options of all servers."""

_MOST = 2
"""How many clusters are kept for later at most: their servers need memory."""


class Pool:
    """Lends clusters, each like a new one, to one user at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Make, Cluster, Nature]] = []
        self.discarded: list[str] = []
        """Why used clusters could not be made like new."""

    @contextmanager
    def cluster(self, kind: str, replicas: int = 3, *, options: Sequence[str] = ()) -> Iterator[Cluster]:
        """Lend a cluster. It is used again unless an exception ends this."""
        make = (kind, replicas, tuple(options))
        cluster, new = self._take(make)
        usable = False
        try:
            yield cluster
            usable = True
        finally:
            if usable:
                self._give_back(make, cluster, new)
            else:
                cluster.close()

    def close(self) -> None:
        """Remove all clusters that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _make, cluster, _new in idle:
            cluster.close()

    def _take(self, make: Make) -> tuple[Cluster, Nature]:
        kind, replicas, options = make
        with self._lock:
            others = [each for each in self._idle if each[0][0] != kind]
            found = next((each for each in self._idle if each[0] == make), None)
            self._idle = [each for each in self._idle if each is not found and each not in others]
        for _make, cluster, _new in others:  # whoever tests one kind is done with the others
            cluster.close()
        if found is not None:
            _make, cluster, new = found
            try:
                renew(cluster, new)
            except (SandboxError, pymysql.Error, OSError) as error:
                self.discarded.append(f"{cluster.kind}: {error}")
                cluster.close()
            else:
                return cluster, new
        cluster = Cluster(kind, replicas, options=options)
        return cluster, nature(cluster)

    def _give_back(self, make: Make, cluster: Cluster, new: Nature) -> None:
        with self._lock:
            self._idle.append((make, cluster, new))
            superfluous, self._idle = self._idle[:-_MOST], self._idle[-_MOST:]
        for _make, each, _new in superfluous:
            each.close()


POOL = Pool()
"""The clusters of this process."""
