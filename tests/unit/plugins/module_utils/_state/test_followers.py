# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who replicates from a server, as it says itself. The server is a fake; tests/integration/test_inventory_plugin.py asks real ones."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._state.followers import Followers, Registered, read_followers

VERSIONS = pytest.mark.parametrize("version", ["11.8.6-MariaDB", "9.7.4"])
DENIED = 1227


def followers(version: str, replicas: list[dict[str, t.Any]] | int, connections: list[dict[str, t.Any]] | int) -> Followers:
    """Ask a server that answers so, or with the number of an error."""
    flavor = flavor_of(version)
    answers = {flavor.show_registered_replicas().text: replicas, flavor.show_dump_connections().text: connections}

    def send(statement: t.Any) -> Rows:
        answer = answers[statement.text]
        if isinstance(answer, int):
            raise StatementFailed("db0", statement.text, answer, "Access denied")
        return Rows(answer, "db0", statement.text)

    return read_followers(t.cast(t.Any, SimpleNamespace(flavor=flavor, server=SimpleNamespace(send=send))))


@VERSIONS
def test_who_has_introduced_himself_and_from_where_the_binary_log_is_read(version: str) -> None:
    rows = [
        {"Server_Id": 2, "Host": "db1", "Port": 3307, "Source_Id": 1, "Replica_UUID": "ABC-1"},
        {"Server_id": "3", "Host": "", "Port": "3306", "Slave_UUID": "def-2"},
        {"Server_id": 4, "Host": "db3", "Port": "\uff19"},
        {"Server_id": "12345678901", "Host": "db4", "Port": "-1"},
    ]
    connections = [{"HOST": "10.0.0.2:4711"}, {"HOST": "10.0.0.1:1"}, {"HOST": "10.0.0.2:4712"}, {"HOST": ""}]
    assert followers(version, rows, connections) == Followers(
        (Registered(2, "abc-1", "db1", 3307), Registered(3, "def-2", "", 3306), Registered(4, "", "db3", 0), Registered(0, "", "db4", 0)),
        ("10.0.0.1", "10.0.0.2"),
    )


@VERSIONS
def test_who_may_not_know_is_told_from_who_has_none(version: str) -> None:
    assert followers(version, [], []) == Followers((), ())
    assert followers(version, DENIED, [{"HOST": "db1"}]) == Followers(None, ("db1",))
    assert followers(version, [], DENIED) == Followers((), ())
    with pytest.raises(StatementFailed):
        followers(version, 1064, [])
