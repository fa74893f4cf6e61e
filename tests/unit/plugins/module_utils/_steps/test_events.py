# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How events are altered: each in the character set that its text is read in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._state.events import Event
from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import switch_events

LATIN = ("latin1", "latin1_german1_ci")


def event(name: str, character_set: str = "utf8mb4", collation: str = "utf8mb4_general_ci") -> Event:
    return Event("shop", name, "app@%", "ENABLED", 1, character_set, collation)


def node(fails_at: str = "nothing") -> tuple[Any, list[Any]]:
    """A server that fails at a statement with this text. It stands in for one that cannot be made to."""
    sent: list[Any] = []

    def send(statement: Any, then: Any = None) -> None:
        sent.append((statement.text.partition(" DEFINER")[0], *statement.values))
        if fails_at in statement.text:
            raise StatementFailed("db1", "Unknown event", 1539)

    return SimpleNamespace(flavor=flavor_of("8.0.36"), server=SimpleNamespace(send=send, is_open=True), act=send), sent


SAY = "SET SESSION character_set_client = %s, SESSION collation_connection = %s"
OFF, ON = ("SET SESSION sql_log_bin = %s", 0), ("SET SESSION sql_log_bin = %s", 1)
UTF8 = ("SET NAMES utf8mb4",)
ALTER = ("ALTER", "app", "%")


def test_an_event_keeps_the_character_set_that_its_text_is_read_in() -> None:
    found, sent = node()
    switch_events(found, [event("a", *LATIN), event("b")], enable=True)
    assert sent == [OFF, (SAY, *LATIN), ALTER, (SAY, "utf8mb4", "utf8mb4_general_ci"), ALTER, UTF8, ON]


@pytest.mark.parametrize(("character_set", "own"), [("latin1", False), ("utf8mb3", True), ("utf8", True), ("utf8mb4", True)])
def test_a_name_that_would_be_another_in_that_character_set_is_said_in_utf8(character_set: str, own: bool) -> None:
    found, sent = node()
    switch_events(found, [event("caf\u00e9", character_set, "a_collation")], enable=False)
    assert sent[1] == ((SAY, character_set, "a_collation") if own else UTF8)


def test_the_connection_is_as_it_was_also_after_a_failure() -> None:
    found, sent = node(fails_at="ALTER")
    with pytest.raises(StatementFailed):
        switch_events(found, [event("a", *LATIN)], enable=True)
    assert sent[-2:] == [UTF8, ON]


def test_nothing_is_said_where_there_is_no_event() -> None:
    found, sent = node()
    switch_events(found, [], enable=True)
    assert sent == []
