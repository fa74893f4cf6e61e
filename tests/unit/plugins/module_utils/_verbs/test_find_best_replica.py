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
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.find_best_replica import ARGUMENTS, ElectionRequest, parse


def read(**given: t.Any) -> ElectionRequest:
    validated = ArgumentSpecValidator(ARGUMENTS).validate({"config_file": "/nonexistent", "replicas": [{"name": "db1"}, {"name": "db2"}], **given})
    assert not validated.error_messages
    return parse(Options(validated.validated_parameters))


def test_without_options_it_is_a_failover_from_whomever_the_replicas_follow_in_a_minute() -> None:
    request = read()
    assert request.members.names == ("db1", "db2")
    assert (request.primary, request.found_dead, request.terms, request.drain, request.drain_timeout) == (None, None, Terms(), True, 60)


def test_the_terms_are_those_of_the_user() -> None:
    request = read(
        primary={"name": "db0"},
        found_dead="db0",
        candidates=["db2", "db1"],
        exclude=["db3"],
        expect_primary="any",
        drain=False,
        drain_timeout=5,
        unreachable="proceed",
        allow_data_loss=True,
        force=True,
    )
    assert request.members.names == ("db0", "db1", "db2")
    assert (request.primary, request.found_dead, request.drain, request.drain_timeout) == ("db0", "db0", False, 5)
    assert request.terms == Terms(("db2", "db1"), ("db3",), "any", leave_out_silent=True, allow_data_loss=True, force=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replicas": []}, "replicas: name at least one server"),
        ({"replicas": [], "primary": {"name": "db0"}}, "replicas: name at least one server"),
        ({"drain_timeout": 0}, "drain_timeout: 0 is no time limit"),
        ({"expect_primary": "alive"}, "drain: only the replicas of a dead primary may be kept from receiving"),
        ({"expect_primary": "any"}, "drain: only the replicas of a dead primary may be kept from receiving"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(**given)
