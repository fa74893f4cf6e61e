# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server is expected to say of itself once a statement has been carried out."""

from __future__ import annotations

import typing as t
from dataclasses import asdict

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.relay_logs import RelayLogs
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED, SemiSync, State
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import channel, gtids, state

FOUND = state(
    "db1",
    "0-1-5",
    channels=[
        channel(family="mariadb", waiting="0-1-9", error="it stumbled", delay=60, relay_logs=RelayLogs(gtids("0-1-9"), ("relay.000002", 4))),
        channel("db9:3307", family="mariadb", name="other"),
    ],
)


def changed(effect: expected.Effect, found: State = FOUND) -> dict[str, t.Any]:
    """Return what an effect changes: of the state, and of its default channel. The other channel stays as it is."""
    after = effect(found)
    assert after.channels[-1:] == found.channels[-1:]
    mine, theirs = asdict(found), asdict(after)
    differs = {name: getattr(after, name) for name in theirs if name != "channels" and mine[name] != theirs[name]}
    if found.channels and len(after.channels) == len(found.channels):
        was, now = found.channels[0], after.channels[0]
        differs.update({name: getattr(now, name) for name in asdict(now) if getattr(was, name) != getattr(now, name)})
    return differs


@pytest.mark.parametrize(
    ("effect", "changes"),
    [
        (expected.unchanged, {}),
        (expected.receiver_started(""), {"receiver": RUNNING}),
        (expected.receiver_stopped(""), {"receiver": STOPPED}),
        (expected.applier_started(""), {"applier": RUNNING, "applier_error": ""}),
        (expected.applier_stopped(""), {}),
        (expected.replica_started(""), {"receiver": RUNNING, "applier": RUNNING, "applier_error": ""}),
        (expected.replica_stopped(""), {"receiver": STOPPED}),
        (expected.delay_set("", 0), {"delay": 0}),
        (expected.applying_relay_logs("", 0), {"applies_relay_logs": True}),
        (expected.applying_relay_logs("", 60), {"applies_relay_logs": True, "lifted_delay": 60, "delay": 0}),
        (expected.gtid_mode_restored("", 0), {}),
        (expected.gtid_mode_restored("", 7), {"delay": 7}),
        (expected.opened, {"read_only": False}),
        (expected.semi_sync_source(True), {"semi_sync": SemiSync(source=True)}),
        (expected.semi_sync_replica(True), {"semi_sync": SemiSync(replica=True)}),
    ],
)
def test_an_effect_changes_what_it_names_and_nothing_else(effect: expected.Effect, changes: dict[str, t.Any]) -> None:
    assert changed(effect) == changes


@pytest.mark.parametrize(("variables", "closed"), [({}, {"read_only": True}), ({"super_read_only": "OFF"}, {"read_only": True, "super_read_only": True})])
def test_a_server_is_closed_as_far_as_it_can_be(variables: dict[str, str], closed: dict[str, bool]) -> None:
    found = state("db0", "P:1-9", variables=variables)
    assert changed(expected.closed, found) == closed
    assert changed(expected.opened, expected.closed(found)) == dict.fromkeys(closed, False)
    assert changed(expected.open_to_privileged, expected.closed(found)) == {name: False for name in closed if name.startswith("super")}


def test_what_was_received_is_executed_then() -> None:
    after = expected.applied(FOUND.received)(FOUND)
    assert str(FOUND.not_applied) == "0-1-6..9"
    assert not after.not_applied
    assert after.channels[0].all_read_is_executed
    assert after.channels[0].applied_all_read


def test_a_channel_that_gets_another_source_stands_still_and_has_nothing_received_from_it() -> None:
    (after, other) = expected.source_changed("", SourceOptions("db7", 3308, user="east"))(FOUND).channels
    assert (after.source_host, after.source_port, after.user, after.delay, after.name) == ("db7", 3308, "east", 60, "")
    assert after.is_stopped
    assert not after.has_connected
    assert (after.retrieved, after.relay_logs, after.applier_error) == (gtids("", "mariadb"), None, "")
    assert other == FOUND.channels[1]
    assert expected.source_changed("", SourceOptions("db7", 3308))(FOUND).channels[0].user == "repl"


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_a_server_without_a_channel_gets_one(family: str) -> None:
    former = state("db0", "", family=family)
    (after,) = expected.replica_started("")(expected.source_changed("", SourceOptions("db7", 3308, user="repl"))(former)).channels
    assert (after.source_host, after.source_port, after.user, after.is_running) == ("db7", 3308, "repl", True)
    assert after.forgets_relay_logs is (family == "mariadb")
    assert after.auto_position


def test_a_channel_that_is_forgotten_is_gone() -> None:
    assert expected.source_forgotten("")(FOUND).channels == FOUND.channels[1:]
    assert expected.source_forgotten("nobody's")(FOUND) == FOUND


def test_a_receiver_that_connects_is_found_so() -> None:
    assert FOUND.channels[0].receiver == CONNECTING
