# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server is expected to say of itself once a statement has been carried out."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.relay_logs import RelayLogs
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED, STOPPING, SemiSync, State
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
    told = expected.source_changed("east", SourceOptions("db7", 3308, user="repl"))(former)
    assert not told.channels[0].has_connected
    (after,) = expected.replica_started("east")(told).channels
    made = channel(
        "db7:3308",
        family=family,
        name="east",
        receiver=RUNNING,
        relay_log=("", 0),
        source_log=("", 4),
    )
    assert after == made
    # As the only one, before it is given a source.
    (bare,) = expected.replicating(former).channels
    assert bare == replace(made, name="", source_host="", source_port=0, user="")


def test_nothing_is_left_of_what_a_channel_was_doing_for_its_old_source() -> None:
    busy = channel(
        "db9:3307",
        family="mariadb",
        waiting="0-1-9",
        error="it stumbled",
        source_uuid="x",
        source_id=9,
        receiver=RUNNING,
        receiver_error="refused",
        auto_position=False,
        uses_current_pos=True,
        applies_relay_logs=True,
        lifted_delay=60,
        delay=7,
        relay_logs=FOUND.channels[0].relay_logs,
    )
    changes = changed(expected.source_changed("", SourceOptions("db7", 3308)), state("db1", "0-1-5", channels=[busy, FOUND.channels[1]]))
    assert changes == {
        "source_host": "db7",
        "source_port": 3308,
        "source_uuid": "",
        "source_id": 0,
        "receiver": STOPPED,
        "receiver_error": "",
        "applier_error": "",
        "retrieved": gtids("", "mariadb"),
        "auto_position": True,
        "uses_current_pos": False,
        "has_connected": False,
        "applies_relay_logs": False,
        "lifted_delay": 0,
        "relay_logs": None,
    }


def test_a_receiver_that_is_started_has_no_error_and_is_connected() -> None:
    fresh = state("db1", "0-1-5", channels=[channel(family="mariadb", has_connected=False, receiver_error="refused"), FOUND.channels[1]])
    started = {"receiver": RUNNING, "receiver_error": "", "has_connected": True}
    assert changed(expected.receiver_started(""), fresh) == started
    assert changed(expected.replica_started(""), fresh) == started


@pytest.mark.parametrize(
    ("effect", "changes"),
    [
        (expected.applying_relay_logs("", 0), {"uses_current_pos": False, "lifted_delay": 0}),
        (expected.applying_relay_logs("", 7), {"uses_current_pos": False, "lifted_delay": 7}),
        (expected.gtid_mode_restored("", 0), {"applies_relay_logs": False, "lifted_delay": 0}),
        (expected.gtid_mode_restored("", 60), {"applies_relay_logs": False, "lifted_delay": 0, "delay": 60}),
    ],
)
def test_what_was_said_of_relay_logs_is_taken_back(effect: expected.Effect, changes: dict[str, t.Any]) -> None:
    applies = channel(family="mariadb", applies_relay_logs=True, lifted_delay=60, uses_current_pos=True)
    assert changed(effect, state("db1", "0-1-5", channels=[applies, FOUND.channels[1]])) == changes


@pytest.mark.parametrize("effect", [expected.semi_sync_source, expected.semi_sync_replica])
def test_semi_synchronous_replication_is_switched_off_as_it_is_on(effect: t.Callable[[bool], expected.Effect]) -> None:
    assert effect(False)(effect(True)(FOUND)) == FOUND


def test_a_channel_that_is_forgotten_is_gone() -> None:
    assert expected.source_forgotten("")(FOUND).channels == FOUND.channels[1:]
    assert expected.source_forgotten("nobody's")(FOUND) == FOUND


def test_a_receiver_that_connects_is_found_so() -> None:
    assert FOUND.channels[0].receiver == CONNECTING


# --- What a whole step leaves


def threads(found: State) -> list[tuple[str, str]]:
    return [(each.receiver, each.applier) for each in found.channels]


def following(family: str, **changes: t.Any) -> State:
    """A replica whose first channel is as is said, and that has a second one."""
    executed, waiting = ("0-1-5", "0-1-9") if family == "mariadb" else ("P:1-5", "P:6-9")
    first = channel(family=family, waiting=changes.pop("waiting", waiting), **changes)
    return state("db1", executed, channels=[first, channel("db9:3307", family=family, name="other", applier=STOPPED)])


OTHER = (CONNECTING, STOPPED)


@pytest.mark.parametrize(
    ("found", "left"),
    [
        pytest.param(following("mysql"), (STOPPED, RUNNING), id="the_receiver_is_stopped"),
        pytest.param(following("mysql", applier=STOPPED), (STOPPED, STOPPED), id="mysql_leaves_an_applier_that_is_stopped"),
        pytest.param(following("mariadb", applier=STOPPED), (STOPPED, RUNNING), id="mariadb_needs_it_so_as_not_to_forget_its_relay_logs"),
        pytest.param(following("mariadb", error="1062"), (CONNECTING, STOPPED), id="but_not_one_that_has_failed_and_would_fail_again"),
        pytest.param(following("mysql", error="1062"), (STOPPED, STOPPED), id="which_does_not_matter_to_mysql"),
        pytest.param(following("mariadb", receiver=STOPPED, applier=STOPPED), (STOPPED, STOPPED), id="nothing_where_it_is_stopped"),
        pytest.param(following("mysql", receiver=STOPPING), (STOPPING, RUNNING), id="nor_where_it_stops_already"),
    ],
)
def test_a_server_that_is_frozen_receives_no_more(found: State, left: tuple[str, str]) -> None:
    assert threads(expected.frozen(found)) == [left, OTHER]
    assert expected.frozen(found).executed == found.executed
    alone = state("db0", "P:1-9")
    assert expected.frozen(alone) == alone


START = RelayLogs(gtids("0-1-9"), ("relay.000002", 4))


@pytest.mark.parametrize(
    ("found", "left", "delay"),
    [
        pytest.param(following("mysql"), (STOPPED, RUNNING), 0, id="its_applier_runs"),
        pytest.param(following("mysql", receiver=STOPPED, applier=STOPPED), (STOPPED, RUNNING), 0, id="or_is_started"),
        pytest.param(following("mysql", delay=60), (STOPPED, RUNNING), 60, id="mysql_keeps_the_delay"),
        pytest.param(following("mysql", waiting="", applier=STOPPED), (STOPPED, STOPPED), 0, id="nothing_is_started_for_nothing"),
        pytest.param(following("mariadb"), (STOPPED, RUNNING), 0, id="mariadb_likewise"),
        pytest.param(
            following("mariadb", receiver=STOPPED, applier=STOPPED, relay_logs=START), (STOPPED, STOPPED), 0, id="by_position_where_relay_logs_would_be_lost"
        ),
        pytest.param(following("mariadb", applies_relay_logs=True, lifted_delay=60), (STOPPED, STOPPED), 60, id="and_the_delay_that_was_lifted_is_put_back"),
        pytest.param(following("mariadb", delay=60), (STOPPED, STOPPED), 60, id="likewise_where_it_is_to_be_lifted"),
        pytest.param(following("mariadb", delay=60, error="1062"), (CONNECTING, RUNNING), 60, id="not_where_the_applier_has_failed"),
    ],
)
def test_a_server_that_is_drained_has_applied_what_it_has_received(found: State, left: tuple[str, str], delay: int) -> None:
    after = expected.drained(found)
    assert threads(after) == [left, OTHER]
    assert after.executed == found.received
    assert (after.channels[0].delay, after.channels[0].applies_relay_logs, after.channels[0].lifted_delay) == (delay, False, 0)


def test_a_server_that_replicates_from_another_has_both_threads_running() -> None:
    assert threads(expected.replicating(following("mysql", receiver=STOPPED, applier=STOPPED))) == [(RUNNING, RUNNING), OTHER]
    former = expected.replicating(state("db0", "P:1-9"))
    assert threads(former) == [(RUNNING, RUNNING)]
    assert former.read_only
