# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens in a round, drawn from a seed and the number of the round alone: the same two give the same round, whatever came before it."""

from __future__ import annotations

import random
from dataclasses import dataclass

REPLICAS = 3

DEATHS = ("killed", "killed", "shut down", "paused", "cut off", "cut off with a replica", "restarted")
"""How a primary goes. One that is killed is the most usual."""

TROUBLES = ("receiver stopped", "applier stopped", "both stopped", "killed", "paused", "cut off", "delayed", "locked", "restarted")
"""What a replica may suffer."""

OUT_OF_REACH = ("killed", "paused", "cut off")
"""After these it does not answer until somebody does something about it."""

INTERRUPTIONS = ("kill-before", "kill-after", "unsent", "unanswered")
"""What happens to a run at one of its statements (see sandbox/runs/faults): it is killed, or its connection is cut."""


@dataclass(frozen=True)
class Trouble:
    """What one replica suffers, and when: before the primary goes, or so many seconds after the run was started."""

    what: str
    replica: int
    after: float | None = None

    def __str__(self) -> str:
        return f"{self.what} (replica {self.replica}{'' if self.after is None else f', {self.after} s after the start'})"


@dataclass(frozen=True)
class Plan:
    """One round."""

    action: str
    """failover or switchover."""
    death: str = ""
    """How the primary goes, if it does."""
    then: str = ""
    """What is done about a primary that is paused when the failover is refused: it is resumed, killed, or the failover is forced."""
    companion: int = 0
    """The replica that is cut off with the primary."""
    to: int | None = None
    """The replica that a switchover names, if it names one."""
    semi_sync: bool = False
    troubles: tuple[Trouble, ...] = ()
    unreceived: bool = False
    """Whether no replica receives what the primary writes last."""
    lock_on_primary: bool = False
    """Whether a client has a table of the primary locked."""
    interruption: str = ""
    """What happens to the first run: one of INTERRUPTIONS, twice (two are started at once), or nothing."""
    statement: int = 0
    """At which of its statements."""
    head_start: float = 0.0
    """How many seconds before the second of two runs the first one is started."""
    proceed: bool = False
    """Whether replicas that do not answer are left out."""
    delay: float = 0.0
    """How many seconds after the primary died somebody starts a dead one again."""
    overwrite: str = "rebuild"
    """What becomes of an old primary that has transactions of its own: replay (what was saved is brought to the new one), clone, rebuild."""
    watched: bool = False
    """Whether the event source watches. What it calls a dead primary starts the failover."""

    def __str__(self) -> str:
        said = [f"{self.action}{'' if self.to is None else f' to replica {self.to}'}"]
        if self.death:
            companion = f" {self.companion}" if "replica" in self.death else ""
            said.append(f"the primary is {self.death}{companion}{f', then {self.then}' if self.then else ''}")
        said += ["semi-sync"] if self.semi_sync else []
        said += map(str, self.troubles)
        said += ["no replica receives what is written last"] if self.unreceived else []
        said += ["a table of the primary is locked"] if self.lock_on_primary else []
        if self.interruption:
            at = f" after {self.head_start} s" if self.interruption == "twice" else f" at statement {self.statement}"
            said.append(f"run: {self.interruption}{at}")
        said += ["those that do not answer are left out"] if self.proceed else []
        said += ["watched"] if self.watched else []
        return "; ".join(said)


def draw(seed: int, number: int, kind: str) -> Plan:
    """Draw a round. Of the kind of server only what it has counts: semi-synchronous replication, and ways to copy it."""
    chance = random.Random(f"{seed}/{number}")
    action = "failover" if chance.random() < 0.65 else "switchover"
    death = chance.choice(DEATHS) if action == "failover" else ""
    then = chance.choice(("resumed", "killed", "forced")) if death == "paused" else ""
    companion, to = chance.randrange(REPLICAS), chance.choice((None, *range(REPLICAS)))
    semi_sync = chance.random() < 0.5
    troubled = chance.sample(range(REPLICAS), chance.choice((0, 0, 1, 1, 2, 3)))
    troubles = tuple(
        Trouble(chance.choice(TROUBLES), replica, round(chance.uniform(0, 2), 1) if chance.random() < 0.3 else None) for replica in sorted(troubled)
    )
    lock = chance.random() < 0.15
    interruption = chance.choice(("twice", *INTERRUPTIONS)) if chance.random() < 0.4 else ""
    statement, head_start = chance.randint(1, 90), round(chance.uniform(0, 0.8), 1)
    proceed = chance.random() < 0.3
    delay = round(chance.uniform(0, 2), 1)
    copies = ("replay",) if kind == "mysql-5.6" else ("replay", "clone", "rebuild") if kind.startswith("mysql") else ("rebuild",)
    copy = chance.choice(copies)
    unreceived = chance.random() < 0.2
    semi_sync = semi_sync and kind != "mysql-5.6"
    unanswering = "replica" in death or any(trouble.what in OUT_OF_REACH for trouble in troubles)
    return Plan(
        action=action,
        death=death,
        then=then,
        companion=companion,
        to=to if action == "switchover" else None,
        semi_sync=semi_sync,
        troubles=troubles,
        unreceived=unreceived and action == "failover",
        lock_on_primary=lock and action == "switchover",
        interruption=interruption,
        statement=statement,
        head_start=head_start,
        # With semi-synchronous replication the one that is left out may be the one that has acknowledged.
        proceed=proceed and action == "failover" and unanswering and not semi_sync,
        delay=delay,
        overwrite=copy,
        # Of its own: what else was drawn before there was a watcher stays as it was.
        watched=random.Random(f"{seed}/{number}/watcher").random() < 0.5,
    )
