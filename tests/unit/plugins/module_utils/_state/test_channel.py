# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the values of a channel amount to: what steps go by."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._state.relay_logs import RelayLogs
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED, STOPPING
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import channel, gtids, state

START = ("relay.000002", 4711)
FOUND = RelayLogs(gtids("0-1-9"), START)


@pytest.mark.parametrize(
    ("values", "failure", "standing"),
    [
        ({}, "", "it is still connecting"),
        ({"receiver": RUNNING}, "", "receiver running, applier running"),
        # One that tries again has not failed.
        ({"receiver_error": "refused (error 2003)"}, "", "it is still connecting"),
        ({"receiver": STOPPED, "receiver_error": "purged (error 1236)"}, "purged (error 1236)", "receiver stopped, applier running"),
        ({"applier": STOPPED, "applier_error": "duplicate (error 1062)"}, "duplicate (error 1062)", "it is still connecting"),
        ({"receiver_error": "refused (error 2003)", "applier": STOPPED, "applier_error": "duplicate"}, "duplicate", "it is still connecting"),
        ({"receiver": STOPPED, "receiver_error": "purged", "applier": STOPPED, "applier_error": "duplicate"}, "purged", "receiver stopped, applier stopped"),
        ({"receiver": STOPPED, "applier": STOPPED}, "", "receiver stopped, applier stopped"),
    ],
)
def test_why_a_channel_does_not_replicate(values: dict[str, t.Any], failure: str, standing: str) -> None:
    found = channel(**values)
    assert (found.failure, found.standing) == (failure, standing)


@pytest.mark.parametrize(
    ("family", "values", "keeps"),
    [
        ("mariadb", {"applier": STOPPED, "applier_error": "duplicate"}, True),
        ("mariadb", {"applier": STOPPED}, False),
        ("mariadb", {"applier_error": "duplicate"}, False),
        ("mysql", {"applier": STOPPED, "applier_error": "duplicate"}, False),
    ],
)
def test_where_the_receiver_keeps_the_relay_logs(family: str, values: dict[str, t.Any], keeps: bool) -> None:
    assert channel(family=family, **values).keeps_receiver is keeps


@pytest.mark.parametrize(
    ("values", "applicable", "start"),
    [
        ({"receiver": STOPPED, "applier": STOPPED, "relay_logs": FOUND}, True, START),
        ({"receiver": STOPPING, "applier": STOPPED, "relay_logs": FOUND}, True, START),
        ({"receiver": STOPPED, "applier": RUNNING, "relay_logs": FOUND}, True, None),
        ({"receiver": STOPPED, "applier": STOPPED}, False, None),
        ({"receiver": STOPPED, "applier": STOPPED, "applier_error": "duplicate", "relay_logs": FOUND}, False, START),
        ({"receiver": STOPPED, "applier": STOPPED, "relay_logs": RelayLogs(gtids("0-1-9"), START, "they are too large")}, False, START),
        ({"receiver": STOPPED, "applier": STOPPED, "relay_logs": RelayLogs(gtids("0-1-5"))}, False, None),
    ],
)
def test_whether_and_from_where_relay_logs_are_applied_by_position(values: dict[str, t.Any], applicable: bool, start: t.Any) -> None:
    found = channel(family="mariadb", **values)
    assert (found.can_apply_by_position, found.relay_log_start) == (applicable, start)


@pytest.mark.parametrize(
    ("values", "waiting", "ends"),
    [
        ({"receiver": STOPPED}, "", True),
        ({"receiver": STOPPING}, "", True),
        ({"receiver": CONNECTING}, "", False),
        ({"receiver": RUNNING}, "", False),
        ({"receiver": STOPPED}, "0-1-9", False),
        ({"receiver": STOPPED, "applies_relay_logs": True}, "", False),
    ],
)
def test_when_nothing_more_will_be_applied(values: dict[str, t.Any], waiting: str, ends: bool) -> None:
    assert state("db1", "0-1-5", channels=[channel(family="mariadb", waiting=waiting, **values)]).will_apply_no_more is ends
    assert not state("db0", "0-1-5").will_apply_no_more


@pytest.mark.parametrize(
    ("values", "waiting", "applies"),
    [
        ({"applier": RUNNING}, "0-1-9", True),
        ({"applier": RUNNING}, "", False),
        ({"applier": STOPPED}, "0-1-9", False),
        ({"applier": RUNNING, "delay": 60}, "0-1-9", False),
    ],
)
def test_when_it_goes_on_applying_without_being_told_to(values: dict[str, t.Any], waiting: str, applies: bool) -> None:
    assert state("db1", "0-1-5", channels=[channel(family="mariadb", waiting=waiting, **values)]).is_applying is applies
    assert state("db0", "0-1-5").is_applying is False


@pytest.mark.parametrize(
    ("receiver", "applier", "running", "stopped"),
    [
        (RUNNING, RUNNING, True, False),
        (RUNNING, STOPPED, False, False),
        (CONNECTING, RUNNING, False, False),
        (STOPPED, RUNNING, False, False),
        (STOPPING, STOPPED, False, True),
        (STOPPED, STOPPED, False, True),
    ],
)
def test_a_channel_runs_where_both_threads_do_and_is_stopped_where_neither_gets_anything_done(
    receiver: str, applier: str, running: bool, stopped: bool
) -> None:
    found = channel(receiver=receiver, applier=applier)
    assert (found.is_running, found.is_stopped) == (running, stopped)


@pytest.mark.parametrize(
    ("changes", "logs"),
    [({}, True), ({"log_bin": False}, False), ({"log_replica_updates": False}, False), ({"binlog_filters": ("binlog_do_db=a",)}, False)],
)
def test_a_server_logs_all_where_nothing_is_left_out(changes: dict[str, t.Any], logs: bool) -> None:
    assert state("db1", "P:1-9", **changes).logs_all is logs


@pytest.mark.parametrize(("channels", "read_only", "leads"), [([], False, True), ([], True, False), ([channel()], False, False), ([channel()], True, False)])
def test_a_server_leads_that_takes_writes_and_follows_nobody(channels: list[t.Any], read_only: bool, leads: bool) -> None:
    found = state("db1", "P:1-9", channels=channels, read_only=read_only)
    assert (found.leads, found.writable, found.channel) == (leads, not read_only, channels[0] if channels else None)


def test_what_a_server_can_send_to_nobody_is_told_by_either_family() -> None:
    assert state("db1", "P:1-9", purged=gtids("P:1-3")).unsendable == gtids("P:1-3")
    assert state("db1", "0-1-9", unlogged=gtids("0-1-3")).unsendable == gtids("0-1-3")
    assert state("db1", "0-1-9", unlogged=gtids("", "mariadb"), purged=gtids("0-1-3")).unsendable == gtids("", "mariadb")


@pytest.mark.parametrize(
    ("variables", "closed_by"),
    [
        ({"offline_mode": "on", "tx_read_only": "ON"}, "offline_mode=on"),
        ({"offline_mode": "OFF", "tx_read_only": "1"}, "tx_read_only=1"),
        ({"innodb_force_recovery": "3"}, ""),
        ({"innodb_force_recovery": "4"}, "innodb_force_recovery=4"),
        ({"innodb_force_recovery": "6", "innodb_read_only": "ON"}, "innodb_read_only=ON"),
        ({"innodb_force_recovery": "high"}, ""),
        ({"innodb_force_recovery": "9" * 5000}, ""),
        ({"innodb_force_recovery": "\u00b2"}, ""),
    ],
)
def test_what_keeps_clients_out_is_named(variables: dict[str, str], closed_by: str) -> None:
    assert state("db1", "P:1-9", variables=variables).closed_by == closed_by


@pytest.mark.parametrize(
    ("variables", "may_skip"),
    [
        ({}, ()),
        ({"slave_exec_mode": "STRICT", "slave_skip_errors": "OFF", "replicate_events_marked_for_skip": "REPLICATE"}, ()),
        ({"slave_exec_mode": "strict", "slave_skip_errors": ""}, ()),
        ({"slave_exec_mode": "IDEMPOTENT", "slave_skip_errors": "1062"}, (("slave_exec_mode", "IDEMPOTENT"), ("slave_skip_errors", "1062"))),
        # It has both names, and is told of the newer one.
        ({"slave_exec_mode": "IDEMPOTENT", "replica_exec_mode": "IDEMPOTENT"}, (("replica_exec_mode", "IDEMPOTENT"),)),
        ({"slave_skip_errors": "ALL", "replica_skip_errors": "ALL"}, (("replica_skip_errors", "ALL"),)),
        ({"replicate_events_marked_for_skip": "FILTER_ON_MASTER"}, (("replicate_events_marked_for_skip", "FILTER_ON_MASTER"),)),
        ({"slave_skip_errors": "1" * 60}, (("slave_skip_errors", "1" * 60),)),
        ({"slave_skip_errors": "1" * 61}, (("slave_skip_errors", "1" * 60 + "\u2026"),)),
    ],
)
def test_because_of_what_a_replica_may_lack_rows_is_named(variables: dict[str, str], may_skip: tuple[tuple[str, str], ...]) -> None:
    assert state("db1", "P:1-9", variables=variables).may_skip == may_skip
