# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What mysql_promote is told, as one value, and what counts as open. What it does is tested on real servers, what it decides in test_promotion."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import AGAIN, FINISH, FROM_DEAD, FROM_LIVING, Terms
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login, Members, make_tls_context
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote import _WAYS, ARGUMENTS, parse
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote_ways import Again, MayBeOpen, Promotion
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import semi_sync_source, state


def read(**given: t.Any) -> Promotion:
    validated = ArgumentSpecValidator(ARGUMENTS).validate({"config_file": "/nonexistent", "replica": {"name": "db1"}, **given})
    assert not validated.error_messages
    return parse(Options(validated.validated_parameters))


def test_without_options_a_replica_is_promoted_on_what_is_found_and_nobody_is_asked_whether_the_primary_lives() -> None:
    promotion = read()
    assert promotion.members.names == ("db1",)
    assert promotion.terms == Terms("db1")
    assert (promotion.dead, promotion.timeout, promotion.grace, promotion.kill, promotion.acknowledgers) == (None, 60, 1, True, 0)
    assert (promotion.drain, read(drain=True).drain) == (False, True)


def test_the_terms_are_those_of_the_user_and_of_the_election() -> None:
    promotion = read(
        catch_up_from={"name": "db2"},
        demote={"name": "db0"},
        replicas=[{"name": "db2"}, {"name": "db3"}],
        primary={"name": "db9", "host": "10.0.0.9"},
        force=True,
        received="0-1-95",
        writable=["db0"],
        timeout=5,
        max_lag=0,
        grace=2,
        kill=False,
        acknowledgers=3,
        silent=[{"name": "db4"}, {"name": "db5"}],
        silent_status={"db4": "dead"},
        leave_out=["db6"],
    )
    # The dead primary is asked whether it answers, and nothing else.
    assert promotion.members.names == ("db1", "db2", "db0", "db3")
    assert promotion.dead is not None
    assert (promotion.dead.name, promotion.dead.address.host) == ("db9", "10.0.0.9")
    assert promotion.terms == Terms("db1", "db0", "db2", "db9", "0-1-95", ("db0",), silent=("db4", "db5"), silent_status={"db4": "dead"}, force=True, max_lag=0)
    assert [entry.name for entry in promotion.found_dead] == ["db9", "db4", "db5"]
    assert promotion.not_locked == ["db4", "db5", "db6"]
    assert (promotion.timeout, promotion.grace, promotion.kill, promotion.acknowledgers) == (5, 2, False, 3)


def test_that_nobody_took_writes_is_told_from_not_knowing_who_did() -> None:
    assert (read(writable=[]).terms.writable, read().terms.writable) == ((), None)


@pytest.mark.parametrize("received", ["", "0-1-95", "0-1-95,1-2-7", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-95"])
def test_what_was_received_may_be_written_as_either_family_does(received: str) -> None:
    assert read(received=received).terms.received == received


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"received": "what db1 has"}, "received: "),
        ({"timeout": 0}, "timeout: 0 is no"),
        ({"silent_status": {"db4": "gone"}}, "silent_status: takes dead, maybe_alive, alive for each server, not 'gone' for 'db4'"),
        ({"grace": 0}, "grace: 0 is no"),
        ({"replicas": [{"name": "db2"}, {"name": "db2"}]}, "replicas: 'db2' is named twice"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(**given)


def test_there_is_something_to_do_for_every_way() -> None:
    assert set(_WAYS) == {FROM_DEAD, FROM_LIVING, FINISH, AGAIN}


# --- What counts as open

SURE, LOST = None, Problem("changed_meanwhile", "db1", "other runs are no longer kept off db1")


class Mistake(Exception):
    """One of ours."""


@pytest.mark.parametrize(
    ("not_sure", "error", "opened", "raised", "undone"),
    [
        pytest.param(None, None, None, None, False, id="it_is_open"),
        pytest.param(LOST, None, None, Refusal, True, id="the_decision_no_longer_holds"),
        pytest.param(None, StatementFailed("db1", "db1: Deadlock", 1213), False, Refusal, True, id="the_server_says_that_it_did_not_do_it"),
        pytest.param(None, StatementFailed("db1", "db1: Access denied", 1227), False, Refusal, True, id="or_that_it_may_not"),
        pytest.param(None, OutcomeUnknown("db1", "db1 did not answer"), True, MayBeOpen, False, id="it_does_not_answer"),
        pytest.param(None, Mistake("a mistake"), True, MayBeOpen, False, id="we_make_a_mistake_meanwhile"),
        pytest.param(None, KeyboardInterrupt(), True, KeyboardInterrupt, False, id="we_are_interrupted"),
    ],
)
def test_where_it_is_not_known_whether_a_server_was_opened_it_counts_as_open_and_nothing_is_undone(
    not_sure: Problem | None, error: BaseException | None, opened: bool | None, raised: type[BaseException] | None, undone: bool
) -> None:
    sent: list[str] = []

    def send(statement: t.Any) -> Rows:
        sent.append(statement.text)
        if statement.text == "SET GLOBAL read_only = 0" and error is not None:
            raise error
        return Rows()

    def make_sure(decide: t.Any) -> None:
        if not_sure is not None:
            raise Refusal([not_sure])

    closed = state("db1", "P:1-9", read_only=True, semi_sync=semi_sync_source(False))
    node: t.Any = SimpleNamespace(name="db1", state=closed, flavor=flavor_of("8.0.36"), act=lambda statement, then=None: send(statement), read=lambda: closed)
    call = Call(False, lambda message: None)
    cluster = Cluster(Members((), Login(), make_tls_context(Login())), call.journal)
    cluster.nodes = {"db1": node}
    held: t.Any = SimpleNamespace(make_sure=make_sure, may_undo=lambda node, left_out: None)
    way = Again(call, read(), cluster, held)
    if raised is None:
        way.open_for_writes(semi_sync=True)
    else:
        with pytest.raises(raised) as stopped:
            way.open_for_writes(semi_sync=True)
        assert stopped.type is raised
    switches = [text[-1] for text in sent if "semi_sync" in text]
    assert switches == (["1", "0"] if undone else ["1"])
    assert call.found.get("opened") is opened
