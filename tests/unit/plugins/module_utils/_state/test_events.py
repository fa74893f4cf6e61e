# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scheduled events as a server tells them, and which of them run on the primary."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._state.events import Event, read_events

ROW = {
    "EVENT_SCHEMA": "shop",
    "EVENT_NAME": "daily",
    "DEFINER": "app@%",
    "STATUS": "Enabled",
    "ORIGINATOR": 7,
    "CHARACTER_SET_CLIENT": "latin1",
    "COLLATION_CONNECTION": "latin1_german1_ci",
}


def event(status: str = "ENABLED", originator: int = 7, character_set: str = "latin1", **names: str) -> Event:
    named = {"schema": "shop", "name": "daily", "definer": "app@%", **names}
    return Event(**named, status=status, originator=originator, character_set=character_set, collation="")


@pytest.mark.parametrize("version", ["11.8.6-MariaDB", "9.7.4"])
def test_events_are_read_once_the_server_was_asked_to_show_them(version: str) -> None:
    asked: list[t.Any] = []

    def send(statement: t.Any) -> Rows:
        asked.append(statement)
        return Rows([ROW, {**ROW, "EVENT_NAME": "hourly", "STATUS": "REPLICA_SIDE_DISABLED"}] if len(asked) == 2 else [], "db1", statement.text)

    flavor = flavor_of(version)
    first, second = read_events(t.cast(t.Any, SimpleNamespace(flavor=flavor, server=SimpleNamespace(send=send))))
    assert asked == [flavor.ask_to_see_events(), flavor.show_events()]
    assert first == Event("shop", "daily", "app@%", "ENABLED", 7, "latin1", "latin1_german1_ci")
    assert (str(first), str(second), second.status) == ("shop.daily", "shop.hourly", "REPLICA_SIDE_DISABLED")


@pytest.mark.parametrize(
    ("status", "originator", "enabled", "as_on_a_replica", "on_primary"),
    [
        ("ENABLED", 1, True, False, True),
        ("ENABLED", 7, True, False, True),
        ("DISABLED", 7, False, False, False),
        ("SLAVESIDE_DISABLED", 7, False, True, True),
        ("SLAVESIDE_DISABLED", 1, False, True, False),
        ("REPLICA_SIDE_DISABLED", 7, False, True, True),
        ("REPLICA_SIDE_DISABLED", 8, False, True, False),
    ],
)
def test_which_events_run_on_the_primary(status: str, originator: int, enabled: bool, as_on_a_replica: bool, on_primary: bool) -> None:
    found = event(status, originator)
    assert (found.is_enabled, found.is_disabled_as_on_a_replica, found.runs_on_primary(7)) == (enabled, as_on_a_replica, on_primary)


@pytest.mark.parametrize("names", [{"schema": "caf\u00e9"}, {"name": "caf\u00e9"}, {"definer": "caf\u00e9@%"}], ids=lambda names: next(iter(names)))
@pytest.mark.parametrize(("character_set", "same"), [("latin1", False), ("utf8mb3", True), ("utf8mb4", True)])
def test_a_name_is_the_same_in_any_character_set_only_where_it_is_ascii(names: dict[str, str], character_set: str, same: bool) -> None:
    assert event(character_set=character_set, **names).can_be_named_in_its_character_set is same
    assert event(character_set=character_set).can_be_named_in_its_character_set
