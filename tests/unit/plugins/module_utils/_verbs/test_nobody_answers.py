# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is to be done, servers that answered a moment ago may answer no more: that is named, and is no mistake of ours."""

from __future__ import annotations

import socket
import typing as t
from collections.abc import Iterator
from dataclasses import fields

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import change_master, find_best_replica, gtid_check, promote, rejoin
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.performing import Refused, perform_verb

RECEIVED = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9"
ACCOUNT = {"replication_user": "repl", "replication_password": "secret"}

WORK = {
    "look": (gtid_check.VERB, {"replicas": ["db0", "db1"]}),
    "elect": (find_best_replica.VERB, {"replicas": ["db0", "db1"]}),
    "put back": (find_best_replica.VERB, {"replicas": ["db1"], "restore": {"db1": {each.name: True for each in fields(Found)}}}),
    "promote": (promote.VERB, {"replica": "db1"}),
    "drain, and promote": (promote.VERB, {"replica": "db1", "drain": True, "primary": "db0", "received": RECEIVED, "writable": []}),
    "catch up, and promote": (promote.VERB, {"replica": "db1", "drain": True, "catch_up_from": "db2", "replicas": ["db2"]}),
    "switch over": (promote.VERB, {"replica": "db1", "demote": "db0", **ACCOUNT}),
    "repoint": (change_master.VERB, {"primary": "db1", "replicas": ["db2"], **ACCOUNT}),
    "rejoin": (rejoin.VERB, {"server": "db0", "primary": "db1", "replicas": ["db2"], **ACCOUNT}),
}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which connections are refused: it is bound, and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize("check_mode", [False, True], ids=["done", "planned"])
@pytest.mark.parametrize("work", WORK)
def test_servers_that_answer_no_more_are_named(work: str, check_mode: bool, closed_port: int) -> None:
    verb: Verb[t.Any]
    verb, given = t.cast(t.Any, WORK[work])

    def server(name: str) -> dict[str, t.Any]:
        return {"name": name, "host": "127.0.0.1", "port": closed_port, "login_user": "failover", "login_password": "secret"}

    def entry(value: t.Any) -> t.Any:
        if isinstance(value, list):
            return [entry(each) for each in value]
        return server(value) if isinstance(value, str) and value.startswith("db") else value

    options = {name: value if name == "restore" else entry(value) for name, value in given.items()}
    with pytest.raises(Refused) as refusal:
        perform_verb(verb, check_mode, config_file="", connect_timeout=2, **options)
    assert refusal.value.codes <= {"unreachable", "not_undone"}, refusal.value.result
    assert "exception" not in refusal.value.result
