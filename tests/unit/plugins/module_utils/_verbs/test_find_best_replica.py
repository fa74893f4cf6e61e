# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What mysql_find_best_replica is told, as one value. What it does is tested on real servers, what it decides in test_failover and test_election."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Terms
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.find_best_replica import (
    ARGUMENTS,
    ChoosingRequest,
    ElectionRequest,
    Request,
    RestoreRequest,
    parse,
)


def parsed(**given: t.Any) -> Request:
    validated = ArgumentSpecValidator(ARGUMENTS).validate({"config_file": "/nonexistent", "replicas": [{"name": "db1"}, {"name": "db2"}], **given})
    assert not validated.error_messages
    return parse(Options(validated.validated_parameters))


def read(**given: t.Any) -> ElectionRequest:
    request = parsed(**given)
    assert isinstance(request, ElectionRequest)
    return request


def choosing(**given: t.Any) -> ChoosingRequest:
    request = parsed(purpose="switchover", **given)
    assert isinstance(request, ChoosingRequest)
    return request


def test_without_options_it_is_a_failover_from_whomever_the_replicas_follow_in_a_minute() -> None:
    request = read()
    assert request.members.names == ("db1", "db2")
    assert (request.primary, request.terms, request.drain, request.drain_timeout) == (None, Terms(), True, 60)
    assert (request.content_if_alive, request.salvage, request.without_ssh) == (False, "auto", ())
    assert (request.await_drain, read(await_drain=False).await_drain) == (True, False)


def test_the_terms_are_those_of_the_user() -> None:
    request = read(
        primary={"name": "db0"},
        candidates=["db2", "db1"],
        exclude=["db3"],
        expect_primary="any",
        drain=False,
        drain_timeout=5,
        unreachable="proceed",
        allow_data_loss=True,
        force=True,
        if_alive="unchanged",
        salvage="require",
        without_ssh=["db0"],
    )
    assert request.members.names == ("db0", "db1", "db2")
    assert (request.primary, request.drain, request.drain_timeout) == ("db0", False, 5)
    assert (request.content_if_alive, request.salvage, request.without_ssh) == (True, "require", ("db0",))
    assert request.terms == Terms(("db2", "db1"), ("db3",), "any", leave_out_silent=True, allow_data_loss=True, force=True, salvages=True)


def test_a_switchover_is_to_a_living_primarys_best_replica_or_to_the_one_that_is_named() -> None:
    assert choosing(candidates=["db2"], exclude=["db1"], force=True).terms == Terms(("db2",), ("db1",), "alive")
    request = choosing(to="db1", candidates=["db2"], exclude=["db1"])
    assert (request.to, request.terms) == ("db1", Terms(("db1",), (), "alive"))


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({}, False),
        ({"replication_user": "repl"}, False),
        ({"replication_password": "secret"}, False),
        ({"replication_user": "repl", "replication_password": "secret"}, True),
    ],
)
def test_an_account_is_known_by_its_name_and_its_password(given: dict[str, str], known: bool) -> None:
    assert choosing(**given).knows_account is known


@pytest.mark.parametrize("value", ["", None, 1, "0.5", 86400])
def test_time_limits_of_later_tasks_may_be_left_open(value: t.Any) -> None:
    assert read(time_limits={"failover_wait_timeout": value}).drain


@pytest.mark.parametrize("value", [0, -1, "nan", "inf", "soon", 86401, [1]])
def test_time_limits_of_later_tasks_are_looked_at_first(value: t.Any) -> None:
    for purpose in ("failover", "switchover"):
        with pytest.raises(BadInput, match=r"^failover_wait_timeout: "):
            parsed(purpose=purpose, time_limits={"failover_wait_timeout": value})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"to": "db1"}, "to: only a switchover names the server that takes the role"),
        ({"replicas": []}, "replicas: name at least one server"),
        ({"replicas": [], "primary": {"name": "db0"}}, "replicas: name at least one server"),
        ({"max_to_apply": -1}, "max_to_apply: takes a number of transactions, 0 or more"),
        ({"drain_timeout": 0}, "drain_timeout: 0 is not a time limit"),
        ({"expect_primary": "alive"}, "drain: only the replicas of a dead primary may be kept from receiving"),
        ({"expect_primary": "any"}, "drain: only the replicas of a dead primary may be kept from receiving"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(**given)


# --- Undoing one


FOUND = {"db1": {"receiver": True, "applier": True, "writable": False}, "db0": {"receiver": False, "applier": False, "writable": True}}


def test_what_was_found_is_what_is_to_be_again() -> None:
    request = parsed(primary={"name": "db0"}, restore=FOUND, drain_timeout=5)
    assert isinstance(request, RestoreRequest)
    assert (dict(request.found), request.seconds) == ({"db1": Found(True, True, False), "db0": Found(False, False, True)}, 5)


def test_nothing_that_was_found_is_nothing_to_be_put_back() -> None:
    request = parsed(restore={})
    assert isinstance(request, RestoreRequest)
    assert request.found == {}


@pytest.mark.parametrize(
    "given",
    [
        {"db7": FOUND["db1"]},
        {"db1": {"receiver": True, "applier": True}},
        {"db1": {**FOUND["db1"], "another": True}},
        {"db1": "as it was"},
    ],
    ids=["another_server", "too_little", "too_much", "something_else"],
)
def test_what_was_found_by_nobody_is_refused(given: dict[str, t.Any]) -> None:
    with pytest.raises(BadInput, match="restore: takes what mysql_find_best_replica returned as found"):
        parsed(restore=given)
