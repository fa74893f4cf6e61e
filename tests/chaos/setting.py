# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the parts of a round share: what there is, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import Cluster, Server
from sandbox.runs.playbook import Run
from sandbox.runs.watching import Told

from .plan import Plan
from .watch import Watch

if TYPE_CHECKING:
    from .night import Night


@dataclass
class Outcome:
    """What came of a round."""

    runs: list[tuple[str, Run]] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    """Why another run was needed."""
    acknowledged: int = 0
    missing: int = 0
    """Acknowledged rows that the new primary lacked when the run had succeeded."""
    forced: int = 0
    """Those of them that a MySQL may have acknowledged while it was shut down: without a replica it then waits no longer, and says so in its log."""
    named: int = 0
    """Those of them that were given up in the end, each named and saved."""
    unnamed: int = 0
    received_and_lost: int = 0
    """Transactions of the old primary alone that a replica had received which could be asked."""
    differ: list[str] = field(default_factory=list)
    two: list[str] = field(default_factory=list)
    gap: float = 0.0
    """The longest time without an accepted write, from the moment on at which it began."""
    seconds: float = 0.0
    events: list[Told] = field(default_factory=list)
    """What the watcher has told."""
    told_after: float | None = None
    """How many seconds after the primary went it said that it is dead."""
    false_alarms: int = 0
    """How often it said so of a primary that answered, or was only paused."""
    untold: int = 0
    """Dead primaries of which it said nothing, or less than it could know."""
    findings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Setting:
    """What there is in a round."""

    night: Night
    cluster: Cluster
    plan: Plan
    outcome: Outcome
    directory: Path
    old: Server
    """The primary at the beginning."""
    watch: Watch


class Part:
    """A part of a round, with all that there is."""

    def __init__(self, setting: Setting) -> None:
        self.night, self.cluster, self.plan, self.outcome = setting.night, setting.cluster, setting.plan, setting.outcome
        self.directory, self.watch, self.old = setting.directory, setting.watch, setting.old
        self.servers = list(self.cluster.servers.values())
        self.replicas = [server for server in self.servers if server is not self.old]
