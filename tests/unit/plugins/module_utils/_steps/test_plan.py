# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps in a plan (check mode): what they would send to a server as it was found, and what they expect of it then.

That the work itself sends the same is tested on real servers (tests/integration/test_plans.py).
"""

from __future__ import annotations

import time
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import kill_clients
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import forget_source, repoint
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import (
    end_half_transaction,
    start_replicating,
    stop_receiving,
    wait_until_replicating,
)
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import allow_writes, forbid_writes, persist_read_only
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils._state.test_relay_logs import rows
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils._state.test_state import KINDS, MARIADB, MYSQL, Asked, answers

# What waits in the relay logs of the fixture both_stopped: 0-1-6 to 0-1-10.
WAITING = [
    (762 + 100 * number + offset, kind, info % number)
    for number in range(6, 11)
    for offset, kind, info in [(0, "Gtid", "BEGIN GTID 0-1-%d"), (50, "Xid", "COMMIT /* xid=%d */")]
]


class Planned(Asked):
    """A server of a plan, as it was found in some situation. As the real connection it records what would change it, and answers the rest."""

    name = "db1"
    connection_id = 1
    is_open = True
    login = Login()

    def __init__(self, kind: str, situation: str, *, check_mode: bool = True, **changes: t.Any) -> None:
        super().__init__("", kind)
        self._variables, self._gtids, found = answers(kind, situation)
        self._rows = Rows((row.with_columns(changes) for row in found), "db1", "SHOW REPLICA STATUS")
        self.check_mode = check_mode
        self.recorded: list[str] = []

    def send(self, statement: t.Any) -> Rows:
        if statement.changes:
            self.recorded.append(statement.text % tuple(repr(value) for value in statement.values) if statement.values else statement.text)
            return Rows()
        if "RELAYLOG" in statement.text:
            if not statement.values[1].endswith("2"):
                raise StatementFailed("db1", "db1: Could not find target log", 1220)
            return rows(WAITING)
        if "Pending_Stops" in statement.text:
            return Rows([{"Pending_Stops": 0}], "db1", statement.text)
        if "applier_status_by_worker" in statement.text:
            return Rows()
        if " STATUS" in statement.text and not self._rows:
            return Rows()
        return super().send(statement)


def planned(kind: str, situation: str, **changes: t.Any) -> tuple[Node, list[str]]:
    server = Planned(kind, situation, **changes)
    return Node(t.cast(t.Any, server)), server.recorded


def nobody(message: str) -> None:
    """Nobody hears it."""


def test_a_plan_records_what_changes_the_server_and_expects_what_follows() -> None:
    node, recorded = planned("mysql-9.7", "primary")
    node.act(Statement("SET GLOBAL read_only = 1", changes=True), expected.closed)
    assert recorded == ["SET GLOBAL read_only = 1"]
    assert (node.read().writable, node.takes_writes()) == (False, False)


def test_a_plan_asks_again_as_long_as_nothing_is_to_be_changed() -> None:
    node, _recorded = planned("mysql-9.7", "primary")
    texts = t.cast(t.Any, node.server).texts
    before = len(texts)
    assert node.read().writable
    assert len(texts) > before
    node.expect(expected.closed)
    before = len(texts)
    assert not node.read().writable
    assert len(texts) == before


def test_a_plan_waits_for_nothing() -> None:
    node, recorded = planned("mysql-9.7", "source_dead")
    begun = time.monotonic()
    node.act(node.flavor.wait_until_applied("G", 60), expected.applied(node.state.received))
    assert not node.moves(60, time.monotonic() + 60)
    assert time.monotonic() - begun < 50
    assert recorded == []
    assert "WAIT" not in "".join(t.cast(t.Any, node.server).texts)
    assert not node.state.not_applied


def test_nobody_is_in_the_way_of_a_plan() -> None:
    node, recorded = planned("mysql-9.7", "primary")
    kill_clients(node, nobody)
    assert (node.ask_who_is_in_the_way(node.flavor.show_processlist()), recorded) == ((), [])


def test_the_work_itself_reads_back_what_it_did_and_expects_nothing() -> None:
    node, sent = planned("mysql-9.7", "primary", check_mode=False)
    node.act(Statement("SET GLOBAL read_only = 1", changes=True), expected.closed)
    assert sent == ["SET GLOBAL read_only = 1"]
    assert node.state.writable
    assert node.read().writable


@pytest.mark.parametrize(
    ("kinds", "situation", "statements"),
    [
        (KINDS, "running", ["STOP REPLICA IO_THREAD"]),
        (MYSQL, "source_dead", ["STOP REPLICA IO_THREAD"]),
        # An applier that stands still is started first: once both are stopped its relay logs are lost.
        (MARIADB, "source_dead", ["START REPLICA SQL_THREAD", "STOP REPLICA IO_THREAD"]),
        (KINDS, "both_stopped", []),
        (MYSQL, "applier_failed", ["STOP REPLICA IO_THREAD"]),
        (MARIADB, "applier_failed", []),
    ],
)
def test_receiving_is_stopped_so_that_relay_logs_are_kept(kinds: t.Sequence[str], situation: str, statements: list[str]) -> None:
    for kind in kinds:
        node, recorded = planned(kind, situation)
        stop_receiving(node)
        assert [text.replace("SLAVE", "REPLICA") for text in recorded] == statements, kind
        (channel,) = node.state.channels
        assert channel.receives_no_more or (channel.keeps_receiver and kind in MARIADB)


@pytest.mark.parametrize(
    ("kinds", "situation", "statements"),
    [
        (KINDS, "running", []),
        (MYSQL, "source_dead", ["START REPLICA SQL_THREAD"]),
        (MARIADB, "source_dead", []),  # that was done before the receiver was stopped
        (MYSQL, "both_stopped", ["START REPLICA SQL_THREAD"]),
        (
            MARIADB,
            "both_stopped",
            [
                "CHANGE MASTER TO MASTER_USE_GTID = no, MASTER_LOG_FILE = 'dbha.mysql.applying-relay-logs', MASTER_LOG_POS = 4, "
                "RELAY_LOG_FILE = 'relay.000002', RELAY_LOG_POS = 1362",
                "START REPLICA SQL_THREAD",
                "STOP REPLICA SQL_THREAD",
                "CHANGE MASTER TO MASTER_USE_GTID = slave_pos",
            ],
        ),
    ],
)
def test_a_drain_leaves_a_replica_that_has_applied_what_it_has_received(kinds: t.Sequence[str], situation: str, statements: list[str]) -> None:
    for kind in kinds:
        node, recorded = planned(kind, situation)
        if situation == "both_stopped":
            node.look_into_relay_logs()
        received = node.state.received
        stop_receiving(node)
        recorded.clear()
        drain(node, 60, nobody)
        assert [text.replace("SLAVE", "REPLICA") for text in recorded] == statements, kind
        assert node.read().executed == received
        assert not node.state.channels[0].applies_relay_logs


@pytest.mark.parametrize(
    ("kind", "situation", "statements"),
    [
        # Their relay logs stay while the receiver runs: so it is started, and stopped again.
        (
            "mysql-9.7",
            "source_dead",
            [
                "STOP REPLICA IO_THREAD",
                "START REPLICA IO_THREAD",
                "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 0",
                "STOP REPLICA IO_THREAD",
                "START REPLICA SQL_THREAD",
                "START REPLICA IO_THREAD",
                "STOP REPLICA SQL_THREAD",
                "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 60",
                "START REPLICA SQL_THREAD",
                "STOP REPLICA IO_THREAD",
            ],
        ),
        ("mysql-5.6", "source_dead", ["STOP SLAVE IO_THREAD", "START SLAVE SQL_THREAD"]),
        (
            "mariadb-11.8",
            "both_stopped",
            [
                "CHANGE MASTER TO MASTER_USE_GTID = no, MASTER_LOG_FILE = 'dbha.mysql.applying-relay-logs.60', MASTER_LOG_POS = 4, "
                "RELAY_LOG_FILE = 'relay.000002', RELAY_LOG_POS = 1362, MASTER_DELAY = 0",
                "START REPLICA SQL_THREAD",
                "STOP REPLICA SQL_THREAD",
                "CHANGE MASTER TO MASTER_USE_GTID = slave_pos, MASTER_DELAY = 60",
            ],
        ),
    ],
)
def test_a_delay_is_lifted_and_put_back(kind: str, situation: str, statements: list[str]) -> None:
    node, recorded = planned(kind, situation, SQL_Delay=60)
    if situation == "both_stopped":
        node.look_into_relay_logs()
    stop_receiving(node)
    drain(node, 60, nobody)
    assert recorded == statements
    assert (node.state.channels[0].delay, node.state.not_applied.count()) == (60, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_replica_is_promoted_and_another_follows_it(kind: str) -> None:
    node, recorded = planned(kind, "running")
    stop_receiving(node)
    allow_writes(node)
    persist_read_only(node, False)
    forget_source(node)
    assert node.read().leads
    assert next(text for text in recorded if "RESET" in text or "read_only = 0" in text) == "SET GLOBAL read_only = 0"
    assert recorded[-1].startswith("RESET")

    other, recorded = planned(kind, "running")
    repoint(other, SourceOptions("db7", 3308), nobody)
    assert wait_until_replicating(other, 60) is None
    assert wait_until_replicating(other, 60, other.state.executed) is None
    (channel,) = other.state.channels
    assert (channel.source_host, channel.source_port, channel.is_running) == ("db7", 3308, True)
    assert [text.split()[0] for text in recorded] == ["STOP", "CHANGE", "START"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_replica_that_stands_still_is_not_told_to_stop(kind: str) -> None:
    node, recorded = planned(kind, "both_stopped")
    forget_source(node)
    assert [text.split()[0] for text in recorded] == ["RESET"]
    node, recorded = planned(kind, "both_stopped")
    start_replicating(node)
    assert [text.split()[0] for text in recorded] == ["START"]
    assert node.state.channels[0].is_running


@pytest.mark.parametrize("kind", KINDS)
def test_a_former_primary_is_closed_once(kind: str) -> None:
    node, recorded = planned(kind, "primary")
    forbid_writes(node)
    forbid_writes(node)
    assert len(recorded) == 1
    repoint(node, SourceOptions("db7", 3308, user="repl", password="secret", demote=True), nobody)
    (channel,) = node.state.channels
    assert (channel.receiver, channel.applier, channel.user) == (RUNNING, RUNNING, "repl")


OWN = "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos"


@pytest.mark.parametrize("kind", MARIADB)
def test_what_it_wrote_itself_is_handed_on_by_a_former_primary_before_10_10(kind: str) -> None:
    node, recorded = planned(kind, "primary")
    repoint(node, SourceOptions("db7", 3308, user="repl", password="secret", demote=True), nobody)
    assert ([text for text in recorded if "gtid_slave_pos" in text] == [OWN]) is (kind == "mariadb-10.5")
    assert ("MASTER_DEMOTE_TO_SLAVE" in " ".join(recorded)) is (kind != "mariadb-10.5")


@pytest.mark.parametrize("kind", MARIADB)
def test_what_it_wrote_itself_is_handed_on_by_a_replica_that_used_its_current_position_and_once_only(kind: str) -> None:
    node, recorded = planned(kind, "running", Using_Gtid="Current_Pos")
    for port in (3308, 3309):
        repoint(node, SourceOptions("db7", port), nobody)
    assert [text for text in recorded if "gtid_slave_pos" in text] == [OWN]
    assert recorded.index(OWN) == 1  # between STOP and CHANGE

    node, recorded = planned(kind, "both_stopped", Using_Gtid="Current_Pos")
    node.look_into_relay_logs()
    drain(node, 60, print)
    repoint(node, SourceOptions("db7", 3308), nobody)
    assert [text for text in recorded if "gtid_slave_pos" in text] == [OWN]
    assert recorded[0] == OWN


@pytest.mark.parametrize("kind", MARIADB)
def test_what_was_written_under_another_server_id_is_handed_on_by_its_gtid(kind: str) -> None:
    node, recorded = planned(kind, "primary")
    server = t.cast(t.Any, node.server)
    server._gtids = Rows([{"binlog_state": "0-1-5,7-9-3", "slave_pos": "0-2-4,8-2-6", "binlog_pos": "0-1-5,7-9-3"}]).only()
    repoint(node, SourceOptions("db7", 3308, user="repl", password="secret", demote=True), nobody)
    assert "SET GLOBAL gtid_slave_pos = '0-1-5,7-9-3,8-2-6'" in recorded
    assert OWN not in recorded


def test_nothing_is_killed_in_a_plan_for_half_a_transaction() -> None:
    node, recorded = planned("mysql-9.7", "running", Replica_IO_Running="Connecting", Read_Source_Log_Pos=4711)
    assert not node.state.channels[0].all_read_is_executed
    end_half_transaction(node)
    assert recorded == []
    assert node.state.channels[0].applier != STOPPED


@pytest.mark.parametrize("delay", [0, 60])
@pytest.mark.parametrize("situation", ["running", "source_dead", "both_stopped"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_an_election_leaves_is_what_its_steps_leave(kind: str, situation: str, delay: int) -> None:
    """A plan of another task takes it for granted (``after_election``)."""
    node, _recorded = planned(kind, situation, SQL_Delay=delay)
    if situation == "both_stopped":
        node.look_into_relay_logs()
    found = node.state
    stop_receiving(node)
    assert expected.frozen(found) == node.state
    drain(node, 60, nobody)
    after = expected.drained(found)
    assert (after.executed, after.channels[0].receiver, after.channels[0].applier, after.channels[0].delay) == (
        node.state.executed,
        node.state.channels[0].receiver,
        node.state.channels[0].applier,
        node.state.channels[0].delay,
    )
