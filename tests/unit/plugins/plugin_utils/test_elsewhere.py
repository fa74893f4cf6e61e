# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that the inventory has in two clusters; what looks like that and is not."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.plugin_utils._elsewhere import elsewhere
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory

ORDERS = {"db0": {"mysql_host": "10.0.0.10"}, "db1": {"mysql_host": "10.0.0.11"}}
USERS = {"u0": {"mysql_host": "10.0.0.20"}, "u1": {"mysql_host": "10.0.0.21"}}


def told(groups: dict[str, list[str]], changed: dict[str, dict[str, t.Any]] | None = None, raw: bool = False) -> dict[str, list[str]]:
    hosts: t.Any = {**ORDERS, **USERS, **(changed or {})}
    if raw:
        # As Ansible has it: what the inventory itself says of a host is there without asking for all of its variables.
        class Hosts(dict):  # type: ignore[type-arg]  # of what does not matter
            _inventory = types.SimpleNamespace(hosts={name: types.SimpleNamespace(vars=found) for name, found in hosts.items()})

        hosts = Hosts(hosts)
    everybody = {"all": sorted(hosts), "ungrouped": [], "orders": ["db0", "db1"], "users": ["u0", "u1"], **groups}
    return elsewhere("orders", everybody, Inventory(everybody, hosts), hosts)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ({"mysql_host": "10.0.0.11"}, {"db1": ["is the host u1 of the group users as well, by its address"]}),
        ({"ansible_host": "10.0.0.11", "mysql_port": "3306"}, {"db1": ["is the host u1 of the group users as well, by its address"]}),
        ({"mysql_host": "10.0.0.11", "mysql_port": 3307}, {}),
        ({"mysql_host": "10.0.0.11", "mysql_unix_socket": "/run/other.sock"}, {}),
        ({"mysql_host": "10.0.0.12"}, {}),
        ({}, {}),
    ],
)
def test_one_server_under_two_names(host: dict[str, t.Any], expected: dict[str, list[str]], raw: bool) -> None:
    assert told({}, {"u1": host}, raw) == expected


def test_nobody_asks_for_the_password_of_a_stranger() -> None:
    class Variables(dict):  # type: ignore[type-arg]  # of what does not matter
        def get(self, key: str, default: object = None) -> object:
            assert "password" not in key
            return super().get(key, default)

    assert told({}, {"u1": Variables(mysql_host="10.0.0.11")}) == {"db1": ["is the host u1 of the group users as well, by its address"]}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({"users": ["u0", "u1", "db1"]}, {"db1"}),
        # A data centre, all primaries, and a group that has the whole cluster in it, or a part.
        ({"vienna": ["db0", "u0"], "primary": ["db0", "u0"], "production": ["db0", "db1", "u0"], "orders_replicas": ["db1"]}, set()),
        # A host that is not a database server.
        ({"backed_up": ["db1", "w1"]}, set()),
    ],
)
def test_one_server_in_two_groups(groups: dict[str, list[str]], expected: set[str]) -> None:
    assert set(told(groups, {"w1": {"ansible_host": "10.0.0.99"}})) == expected
