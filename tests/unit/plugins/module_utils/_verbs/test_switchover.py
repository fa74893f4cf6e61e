# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a switchover decides by what servers say: whom to end, which events to move, how the old primary logs in.

The rest of it is tested on real servers.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import describe_settings
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row, Rows
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import SourceTls
from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import events_to_run
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import _is_client
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import channel


@pytest.mark.parametrize(
    ("command", "user", "may_be_ended"),
    [
        ("Query", "app", True),
        ("Sleep", "app", True),
        ("Execute", "root", True),
        ("Binlog Dump", "repl", False),
        ("Binlog Dump GTID", "repl", False),
        ("Connect", "system user", False),
        ("Query", "system user", False),
        ("Slave_IO", "system user", False),
        ("Slave_SQL", "system user", False),
        ("Slave_worker", "system user", False),
        ("Daemon", "event_scheduler", False),
        ("Daemon", "", False),
    ],
)
def test_only_clients_are_ended(command: str, user: str, may_be_ended: bool) -> None:
    assert _is_client(Row({"COMMAND": command, "USER": user}, "db0", "SHOW PROCESSLIST")) is may_be_ended


def node(server_id: int, *rows: tuple[str, str, int]) -> Any:
    """A server that answers with these events: name, status, originator. It stands in for real ones, which cannot be asked so quickly."""
    same = {"EVENT_SCHEMA": "shop", "DEFINER": "app@%", "CHARACTER_SET_CLIENT": "utf8mb4", "COLLATION_CONNECTION": "utf8mb4_general_ci"}
    events = [{**same, "EVENT_NAME": name, "STATUS": status, "ORIGINATOR": originator} for name, status, originator in rows]
    return SimpleNamespace(
        flavor=flavor_of("8.0.36"), state=SimpleNamespace(server_id=server_id), server=SimpleNamespace(name="db0", send=lambda statement: Rows(events))
    )


EVENTS = [
    ("runs", "ENABLED", 1),
    ("switched off", "DISABLED", 1),
    ("disabled by an interrupted run", "SLAVESIDE_DISABLED", 1),
    ("disabled by an interrupted run of MySQL 8.2", "REPLICA_SIDE_DISABLED", 1),
    ("left by an earlier primary", "SLAVESIDE_DISABLED", 2),
]


def test_events_that_run_on_a_primary_are_those_enabled_and_those_that_an_interrupted_run_has_disabled() -> None:
    names = [event.name for event in events_to_run(node(1, *EVENTS), primary=True)]
    assert names == ["runs", "disabled by an interrupted run", "disabled by an interrupted run of MySQL 8.2"]


def test_events_that_are_to_run_on_a_promoted_replica_are_those_disabled_only_because_it_is_one() -> None:
    names = [event.name for event in events_to_run(node(3, *EVENTS), primary=False)]
    assert names == ["disabled by an interrupted run", "disabled by an interrupted run of MySQL 8.2", "left by an earlier primary"]


def test_the_old_primary_is_told_to_log_in_as_the_new_one_did() -> None:
    tls = SourceTls(True, "/ca.pem", "/client.pem", "/client.key", verify_cert=True, get_public_key=True)
    assert describe_settings(channel(tls=tls, settings=(("CONNECT_RETRY", "7"),))) == {
        "replication_user": "repl",
        "source_ssl": True,
        "source_ssl_ca": "/ca.pem",
        "source_ssl_cert": "/client.pem",
        "source_ssl_key": "/client.key",
        "source_ssl_verify_server_cert": True,
        "source_public_key": True,
        "source_settings": {"CONNECT_RETRY": "7"},
    }


def test_what_the_new_primary_did_without_is_said_too_where_servers_can_do_it() -> None:
    # What is not said gets the server's default, and MariaDB 11.4 and later verify certificates by default.
    assert describe_settings(channel()) == {
        "replication_user": "repl",
        "source_ssl": False,
        "source_ssl_ca": None,
        "source_ssl_cert": None,
        "source_ssl_key": None,
        "source_ssl_verify_server_cert": False,
        "source_public_key": None,
        "source_settings": {},
    }
