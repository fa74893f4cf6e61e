# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where and how a run is interrupted; the interrupters themselves, which know nothing of us, are in faults/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..servers.cluster import Cluster
from .playbook import INTERRUPTERS


@dataclass(frozen=True)
class Fault:
    """How and where a run is interrupted: at the nth statement (to that server), or at the nth start or end of a task, that contains a text."""

    mode: str
    text: str = ""
    number: int = 1
    server: str | None = None
    place: str = ""
    """From where in the product's code, or from which of its functions; anywhere if it is not said."""

    def environment(self, log: Path, cluster: Cluster) -> dict[str, str]:
        """Return what the interrupters read (see faults/)."""
        what = "DBHA_FAULT_TASK" if self.mode.endswith("at-task") else "DBHA_FAULT_TEXT"
        environment = {**watching(log), "DBHA_FAULT_MODE": self.mode, what: self.text, "DBHA_FAULT_NUMBER": str(self.number)}
        if self.place:
            environment["DBHA_FAULT_PLACE"] = self.place
        if self.server is not None:
            environment.update(DBHA_FAULT_PORT=str(cluster[self.server].port), DBHA_FAULT_PID=str(cluster[self.server].pid))
        return environment

    @property
    def innermost(self) -> str:
        """The last functions on the way to that place."""
        return " ".join(self.place.split()[-2:])

    def __str__(self) -> str:
        number, place = f" #{self.number}" if self.number > 1 else "", f" in {self.place}" if self.place else ""
        return f"{self.mode} {self.server or ''} {self.text}".strip() + number + place


def watching(log: Path) -> dict[str, str]:
    """Return the environment in which statements and tasks are only written down."""
    return {**INTERRUPTERS, "DBHA_FAULT_LOG": str(log)}
