# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is interrupted: actions, each in a scene of its own, so that nearly every statement of a failover or a switchover is sent by one of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..runs.playbook import Run
from ..servers.pool import POOL
from ..servers.server import Server
from .stage import Action, Stage


def _only_received(made: Stage) -> None:
    """Let the primary die when all replicas have received what none has applied."""
    _write_what_is_only_received(made, made.cluster.replicas)


def _one_behind(made: Stage) -> None:
    """Let the primary die when only one replica has received what the others, of which one is wanted, have not: from whom it catches up is then certain."""
    _write_what_is_only_received(made, [made.cluster["db1"]])


def _standing_still(made: Stage) -> None:
    """Let the primary die when only one replica has received what it wrote last, and that one stands still: starting it would throw that away."""
    winner = made.cluster["db1"]
    _write_what_is_only_received(made, [winner])
    made.thread("STOP", winner)


def _late_on_purpose(made: Stage) -> None:
    """Let the primary die when only one replica has received what it wrote last, and that one is to apply it ten minutes later."""
    winner = made.cluster["db1"]
    made.cluster.replicate(winner, delay=600)
    for server in made.cluster.replicas:
        if server is not winner:
            made.thread("STOP", server, "IO_THREAD")
    made.received = made.write(20)
    made.await_received(winner)
    made.kill_primary()


def _appliers_blocked(made: Stage) -> None:
    """Let the primary die when two replicas have received what they cannot apply, since a client has the table locked, and one has not."""
    made.thread("STOP", made.cluster["db3"], "IO_THREAD")
    up_to_date = [made.cluster["db1"], made.cluster["db2"]]
    for server in up_to_date:
        made.lock_table(server, "rows", "READ")
    made.received = made.write(20)
    made.await_received(*up_to_date)
    made.kill_primary()


def _write_what_is_only_received(made: Stage, receiving: list[Server]) -> None:
    for server in made.cluster.replicas:
        made.thread("STOP", server, "SQL_THREAD" if server in receiving else "IO_THREAD")
    made.received = made.write(20)
    made.await_received(*receiving)
    made.kill_primary()


def _nothing(made: Stage) -> None:
    """Leave everything in order."""


def _a_second_behind(made: Stage) -> None:
    """Let the candidate always lack what the primary wrote last, so that it is seen if that is not waited for."""
    made.cluster.replicate(made.cluster["db2"], delay=1)


def _everything_in_the_way(made: Stage) -> None:
    """Let there be an event, semi-synchronous replication, and a client whose lock read_only waits for."""
    primary, side = made.cluster.primary, "master" if made.cluster.primary.installation.is_mariadb else "source"
    primary.execute_all(
        "CREATE DEFINER = 'app'@'%' EVENT dbha_demo.nightly ON SCHEDULE EVERY 1 DAY DO DO 1",
        "CREATE TABLE dbha_demo.reports (id INT NOT NULL PRIMARY KEY)",
        f"SET GLOBAL rpl_semi_sync_{side}_enabled = 1",
    )
    made.cluster.wait_in_sync()
    made.lock_table(primary, "reports", "WRITE")


def _semi_sync_options(kind: str) -> list[str]:
    if kind.startswith("mariadb"):
        return ["--rpl-semi-sync-slave-enabled=1"]
    return ["--plugin-load-add=semisync_source.so;semisync_replica.so", "--loose-rpl-semi-sync-replica-enabled=1"]


def _another_failover(made: Stage) -> list[Run]:
    return [made.run(playbook="failover")]


def _failover_and_switchover(made: Stage) -> list[Run]:
    """Fail over, and let another one have the role after that."""
    first = made.run(playbook="failover")
    to = next((server.name for server in made.living if not server.is_writable), "")
    return [first, made.run(playbook="switchover", switchover_to=to, switchover_leave_out="db0")]


def _failover_and_rejoin(made: Stage) -> list[Run]:
    """Fail over, and bring the old primary in, which is back and closed."""
    first = made.run(playbook="failover")
    made.cluster.primary.start("--read-only")
    return [first, made.run(playbook="rejoin")]


def _same_switchover(made: Stage) -> list[Run]:
    return [made.run()]


def _switchover_elsewhere(made: Stage) -> list[Run]:
    return [made.run(switchover_to="db1")]


def _switchover_and_back(made: Stage) -> list[Run]:
    return [made.run(), made.run(switchover_to="db0")]


def _forced_failover_and_rejoin(made: Stage) -> list[Run]:
    """Take the role from the living primary, and bring that one in."""
    first = made.run(playbook="failover", failover_dead_primary="db0", failover_force=True)
    return [first, made.run(playbook="rejoin")]


_AFTER_DEATH = {"failover": _another_failover, "switchover": _failover_and_switchover, "rejoin": _failover_and_rejoin}
_IN_LIFE = {"switchover": _same_switchover, "elsewhere": _switchover_elsewhere, "back": _switchover_and_back, "rejoin": _forced_failover_and_rejoin}

ACTIONS = {
    "failover": Action("failover", _only_received, twin="db3", overtakers=_AFTER_DEATH),
    "catch-up": Action("failover", _one_behind, {"failover_candidates": "db2"}, winner="db2", overtakers=_AFTER_DEATH),
    "switchover": Action("switchover", _a_second_behind, {"switchover_to": "db2"}, winner="db2", twin="db3", overtakers=_IN_LIFE),
    "switchover-full": Action("switchover", _everything_in_the_way, {"switchover_to": "db2"}, winner="db2", options=_semi_sync_options, twin="db3"),
    "relay-logs": Action("failover", _standing_still, winner="db1", families=("mariadb",), twin="db3"),
    "delayed": Action("failover", _late_on_purpose, winner="db1", twin="db3"),
    "undone": Action("failover", _appliers_blocked, refused_with="drain_timeout", hindered={"failover_drain_timeout": 2}),
    "forced": Action("failover", _nothing, {"failover_dead_primary": "db0", "failover_force": True}, twin="db3"),
}
"""What is interrupted, so that nearly every statement of a failover or a switchover is sent by one of them."""


@contextmanager
def stage(kind: str, action: str) -> Iterator[Stage]:
    """Make a cluster that has been written to, in the state that the action is about."""
    told = ACTIONS[action]
    with POOL.cluster(kind, replicas=3, options=told.options(kind)) as cluster, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        made = Stage(cluster, told, Path(directory))
        made.received = made.write(20)
        cluster.wait_in_sync()
        told.scene(made)
        try:
            yield made
        finally:
            made.remove_hindrances()
