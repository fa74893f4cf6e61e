# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a role is to do, told by the state of the cluster alone."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Choice
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.roles import (
    came_back_closed,
    check_demotion,
    check_finished_first,
    check_reopening,
    follow_after_switchover,
    left_after_rejoin,
    needs_failover,
    needs_reopening,
    needs_switchover,
    repoints_in_spite,
    salvage_is_wanted,
    to_finish,
    to_rejoin,
    to_repair,
)
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    cluster,
    connected,
    dead,
    hung,
    living,
    refusing,
    replica,
    server,
    state,
    stopped,
    unlisted,
    was_refused,
)

ONE, TWO = replica("db1", "P:1-9"), replica("db2", "P:1-9")
WELL = connected(ONE), connected(TWO)
PROMOTED, FOLLOWS = living("db1", "P:1-9,A:1"), connected(replica("db2", "P:1-9,A:1", source="db1"))
LEFT = replica("db3", "P:1-9")
BEGUN, ALSO_BEGUN = (stopped(replica(name, "P:1-9", source="db1", on_channel={"has_connected": False})) for name in ("db3", "db4"))
FORMER = server("db0", state("db0", "P:1-9", read_only=True))
ANOTHER = server("db3", state("db3", "P:1-9", read_only=True))


def refused(topology: Topology, named: str | None = None) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as refusal:
        to_rejoin(topology, named)
    return [(problem.code, problem.server) for problem in refusal.value.problems]


@pytest.mark.parametrize(
    ("members", "closed"),
    [
        ((FORMER, *WELL), True),
        ((living("db0"), *WELL), False),
        ((dead("db0"), *WELL), False),
        ((FORMER, connected(ONE), connected(replica("db2", "P:1-9", read_only=False))), False),
    ],
)
def test_a_primary_that_has_come_back_closed_is_one_beside_whom_nobody_takes_writes(members: tuple[Member, ...], closed: bool) -> None:
    assert came_back_closed(cluster(*members)) == closed


# --- To repair

REPAIRS: dict[str, tuple[Topology, dict[str, t.Any]]] = {
    "nothing where all is well": (cluster(living(), *WELL), {}),
    "a failover where the primary is dead": (cluster(dead(), ONE, TWO), {"failover": True}),
    "nothing where it may live": (cluster(hung(), ONE, TWO), {}),
    "nothing where it answers and lets nobody in": (cluster(refusing(), ONE, TWO), {}),
    "what an interrupted failover has left": (cluster(dead(), PROMOTED, FOLLOWS, LEFT), {"repoint": ["db3"]}),
    "the return of a former primary": (cluster(FORMER, PROMOTED, FOLLOWS), {"rejoin": ["db0"]}),
    "the return of two": (cluster(FORMER, PROMOTED, FOLLOWS, ANOTHER), {"rejoin": ["db0", "db3"]}),
    "nothing for a former primary that is still down": (cluster(dead(), PROMOTED, FOLLOWS), {}),
}


@pytest.mark.parametrize("case", REPAIRS)
def test_what_a_cluster_needs(case: str) -> None:
    topology, needed = REPAIRS[case]
    assert to_repair(topology) == {"failover": False, "repoint": [], "rejoin": [], **needed}


# --- To rejoin


@pytest.mark.parametrize(
    ("topology", "named", "names"),
    [
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS), None, ["db0"], id="the_only_one_that_follows_nobody"),
        pytest.param(cluster(dead(), PROMOTED, FOLLOWS), None, [], id="nobody_where_all_follow"),
        pytest.param(cluster(living("db0"), PROMOTED, FOLLOWS), None, ["db0"], id="one_that_takes_writes_beside_the_primary"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS, ANOTHER), "db3", ["db3"], id="the_one_that_is_named"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS), "db2", ["db2"], id="one_that_is_named_though_it_follows"),
        pytest.param(cluster(dead(), PROMOTED, FOLLOWS), "db0", ["db0"], id="one_that_is_named_though_it_does_not_answer"),
        pytest.param(cluster(FORMER, refusing("db1"), FOLLOWS), None, ["db0"], id="the_primary_answers_and_lets_nobody_in"),
        pytest.param(cluster(PROMOTED, FOLLOWS, BEGUN), None, ["db3"], id="one_whose_rejoin_was_interrupted_before_it_was_started"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS, BEGUN), None, ["db0"], id="whoever_follows_nobody_goes_before_it"),
        pytest.param(cluster(PROMOTED, BEGUN, ALSO_BEGUN), None, [], id="several_were_left_by_a_failover"),
        pytest.param(cluster(PROMOTED, FOLLOWS, stopped(replica("db3", "P:1-9", source="db1"))), None, [], id="one_was_stopped_on_purpose"),
    ],
)
def test_who_is_brought_back(topology: Topology, named: str | None, names: list[str]) -> None:
    assert to_rejoin(topology, named)["rejoin"] == names


@pytest.mark.parametrize(
    ("topology", "named", "problems"),
    [
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS, ANOTHER), None, [("former_primary_unknown", "")], id="several_follow_nobody"),
        pytest.param(cluster(dead(), ONE, TWO), None, [("primary_dead", "db0")], id="the_primary_is_dead"),
        pytest.param(cluster(dead(), ONE, TWO), "db0", [("primary_dead", "db0")], id="also_if_somebody_is_named"),
        pytest.param(cluster(hung(), ONE, TWO), None, [("not_responding", "db0")], id="the_primary_hangs"),
        pytest.param(cluster(dead(), connected(ONE), TWO), None, [("unreachable", "db0")], id="we_cannot_reach_it_but_a_replica_can"),
        pytest.param(cluster(FORMER, ANOTHER), None, [("primary_unknown", "")], id="nobody_follows_anybody"),
    ],
)
def test_nobody_is_brought_back_to_a_primary_that_does_not_live(topology: Topology, named: str | None, problems: list[tuple[str, str]]) -> None:
    assert refused(topology, named) == problems


def test_those_that_may_be_meant_are_named() -> None:
    with pytest.raises(Refusal) as refusal:
        to_rejoin(cluster(FORMER, PROMOTED, FOLLOWS, ANOTHER), None)
    assert refusal.value.problems[0].message.startswith("db0 and db3 replicate from nobody")


def test_a_replica_that_its_primary_has_refused_is_mended_where_it_is_the_one() -> None:
    topology, problems = cluster(living(), was_refused("db1", "P:1-9"), was_refused("db2", "P:1-9")), [Problem("diverged", name, "") for name in ("db1", "db2")]
    assert [problem.server for problem in left_after_rejoin(topology, "db1", problems)] == ["db2"]


OPEN = [Problem(code, "db0", "") for code in ("two_writable", "not_a_replica", "gtid_off")]


@pytest.mark.parametrize(
    ("topology", "named", "codes"),
    [
        pytest.param(cluster(living("db0"), PROMOTED, FOLLOWS), None, ["gtid_off"], id="what_it_mends_is_not_told"),
        pytest.param(cluster(living("db0"), PROMOTED, FOLLOWS), "db0", ["gtid_off"], id="nor_if_it_is_named"),
        pytest.param(cluster(living("db0"), PROMOTED, FOLLOWS), "db2", ["two_writable", "not_a_replica", "gtid_off"], id="it_is_if_another_one_is_named"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS, ANOTHER), None, ["two_writable", "not_a_replica", "gtid_off"], id="and_if_nobody_is_brought_back"),
    ],
)
def test_whoever_runs_a_rejoin_is_not_told_to_run_one(topology: Topology, named: str | None, codes: list[str]) -> None:
    assert [problem.code for problem in left_after_rejoin(topology, named, OPEN)] == codes


# --- A failover


@pytest.mark.parametrize(
    ("topology", "named", "needed"),
    [
        pytest.param(cluster(dead(), ONE, TWO), None, True, id="the_primary_is_dead"),
        pytest.param(cluster(dead(), ONE, TWO), "db0", True, id="and_named"),
        pytest.param(cluster(hung(), ONE, TWO), None, True, id="it_may_be_alive"),
        pytest.param(cluster(FORMER, ANOTHER), None, True, id="nobody_knows_who_it_is"),
        pytest.param(cluster(living(), *WELL), None, False, id="it_lives"),
        pytest.param(cluster(refusing(), ONE, TWO), None, False, id="it_answers_and_lets_nobody_in"),
        # Whoever names what lives as dead is told so.
        pytest.param(cluster(living(), *WELL), "db0", True, id="it_lives_and_is_named_as_dead"),
        pytest.param(cluster(refusing(), ONE, TWO), "db0", True, id="it_answers_and_is_named_as_dead"),
        pytest.param(cluster(living(), *WELL), "db1", True, id="a_replica_is_named_as_dead"),
        pytest.param(cluster(living(), PROMOTED, FOLLOWS), "db0", True, id="a_former_primary_that_takes_writes_is_named_as_dead"),
        # A former one is no news.
        pytest.param(cluster(dead(), PROMOTED, FOLLOWS), "db0", False, id="the_former_primary_is_dead"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS), "db0", False, id="the_former_primary_is_closed"),
        pytest.param(cluster(PROMOTED, FOLLOWS), "db9", False, id="who_is_named_is_not_there"),
    ],
)
def test_whether_there_is_something_to_fail_over_from(topology: Topology, named: str | None, needed: bool) -> None:
    assert needs_failover(topology, named) is needed


REFUSES = server("db0", Failure("unreachable", "db0 cannot be reached: Connection refused", False, refused=True))
OFF = server("db0", Failure("unreachable", "db0 cannot be reached: No route to host", False))
CHOICE = Choice("db1", "db1", (), ())
OPENED = replica("db1", "P:1-9", read_only=False)


@pytest.mark.parametrize(
    ("topology", "options", "wanted"),
    [
        pytest.param(cluster(REFUSES, ONE, TWO), {}, True, id="the_host_is_there_and_the_server_is_not"),
        pytest.param(cluster(OFF, ONE, TWO), {}, False, id="the_host_is_off"),
        pytest.param(cluster(OFF, ONE, TWO), {"policy": "require"}, True, id="the_host_is_off_and_it_is_required"),
        pytest.param(cluster(REFUSES, ONE, TWO), {"policy": "never"}, False, id="it_is_forbidden"),
        pytest.param(cluster(REFUSES, ONE, TWO), {"without_ssh": ["db0"]}, False, id="the_host_has_no_ssh"),
        pytest.param(cluster(REFUSES, ONE, TWO), {"without_ssh": ["db0"], "policy": "require"}, True, id="and_it_is_required"),
        pytest.param(cluster(REFUSES, ONE, TWO), {"without_ssh": ["db1"]}, True, id="another_host_has_no_ssh"),
        pytest.param(cluster(unlisted(REFUSES), ONE, TWO), {"policy": "require"}, False, id="it_is_not_in_the_inventory"),
        pytest.param(cluster(living(), *WELL), {"policy": "require", "fenced": True}, False, id="it_lives_and_was_closed"),
        pytest.param(cluster(REFUSES, OPENED, TWO), {"policy": "require", "receiving": []}, False, id="an_earlier_run_has_opened_the_winner"),
        pytest.param(cluster(REFUSES, OPENED, TWO), {"receiving": ["db1"]}, True, id="replicas_take_writes_at_all_times_here"),
        pytest.param(cluster(REFUSES, was_refused("db1", "P:1-9"), TWO), {"policy": "require"}, False, id="what_it_has_does_not_fit"),
    ],
)
def test_whether_salvaging_is_worth_it(topology: Topology, options: dict[str, t.Any], wanted: bool) -> None:
    assert salvage_is_wanted(topology, CHOICE, **{"policy": "auto", "receiving": ["db1", "db2"], "fenced": False, **options}) is wanted


# --- A switchover

CLOSED = server("db0", state("db0", "P:1-9", read_only=True))


@pytest.mark.parametrize(
    ("topology", "to", "move", "reopen"),
    [
        pytest.param(cluster(living(), *WELL), None, True, False, id="to_the_best_one"),
        pytest.param(cluster(living(), *WELL), "db1", True, False, id="to_a_replica"),
        pytest.param(cluster(living(), *WELL), "db0", False, False, id="to_the_present_primary"),
        pytest.param(cluster(CLOSED, *WELL), "db0", False, True, id="back_to_one_that_was_closed"),
        pytest.param(cluster(CLOSED, *WELL), "db1", True, False, id="on_from_one_that_was_closed"),
        pytest.param(cluster(dead(), ONE, TWO), "db0", True, False, id="to_a_dead_one"),
        pytest.param(cluster(refusing(), ONE, TWO), "db0", False, False, id="to_one_that_answers_and_lets_nobody_in"),
        pytest.param(cluster(FORMER, ANOTHER), "db0", True, False, id="nobody_knows_who_has_the_role"),
    ],
)
def test_whether_the_role_is_to_move(topology: Topology, to: str | None, move: bool, reopen: bool) -> None:
    assert (needs_switchover(topology, to), needs_reopening(topology, to)) == (move, reopen)


@pytest.mark.parametrize(
    ("topology", "known", "codes"),
    [
        pytest.param(cluster(living(), *WELL), True, [], id="nothing"),
        pytest.param(cluster(living(), *WELL), False, ["replication_user_missing"], id="no_account"),
        pytest.param(cluster(unlisted(living()), *WELL), False, ["primary_not_in_group"], id="not_in_the_group"),
    ],
)
def test_what_keeps_a_primary_from_becoming_a_replica(topology: Topology, known: bool, codes: list[str]) -> None:
    assert [(problem.code, problem.server) for problem in check_demotion(topology, knows_account=known)] == [(code, "db0") for code in codes]


@pytest.mark.parametrize(
    ("topology", "new", "names"),
    [
        pytest.param(cluster(living(), *WELL), "db1", ["db2", "db0"], id="the_others_and_the_old_primary_last"),
        pytest.param(cluster(living(), *WELL), "db0", ["db1", "db2"], id="all_where_the_primary_stays"),
        pytest.param(cluster(living(), ONE, connected(replica("db2", "P:1-9", source="db1"))), "db1", ["db0"], id="not_the_replica_of_a_replica"),
        pytest.param(cluster(living(), ONE, connected(replica("db2", "P:1-9", source="db1"))), "db2", ["db1", "db0"], id="unless_it_is_to_be_the_primary"),
        pytest.param(cluster(living(), ONE, hung("db2")), "db1", ["db2", "db0"], id="one_that_does_not_answer"),
        pytest.param(cluster(unlisted(living()), *WELL), "db1", ["db2"], id="no_primary_that_is_not_in_the_group"),
    ],
)
def test_who_is_to_follow_a_new_primary(topology: Topology, new: str, names: list[str]) -> None:
    assert follow_after_switchover(topology, new) == names


# --- What an interrupted run has left

HANDED_OVER = cluster(FORMER, PROMOTED, connected(replica("db2", "P:1-9", source="db0")))


@pytest.mark.parametrize(
    ("topology", "to", "finished"),
    [
        pytest.param(HANDED_OVER, None, ("db1", "db0"), id="the role has moved and somebody still follows the old primary"),
        pytest.param(HANDED_OVER, "db1", ("db1", "db0"), id="to the server that has it by now"),
        pytest.param(HANDED_OVER, "db2", None, id="but not to another one"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS), None, None, id="a former primary that nobody follows is a rejoin's"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS), "db1", ("db1", "db0"), id="unless the role is wanted where it is"),
        pytest.param(cluster(living(), *WELL), "db0", None, id="nothing where all is well"),
    ],
)
def test_what_a_switchover_is_to_finish(topology: Topology, to: str | None, finished: tuple[str, str | None] | None) -> None:
    assert to_finish(topology, to) == finished


@pytest.mark.parametrize(("to", "codes"), [(None, []), ("db0", ["switchover_unfinished"]), ("db1", []), ("db2", [])])
def test_the_role_does_not_go_back_before_it_has_wholly_moved(to: str | None, codes: list[str]) -> None:
    assert [problem.code for problem in check_finished_first(HANDED_OVER, to)] == codes


def test_replicas_are_repointed_to_a_living_primary_whoever_else_takes_writes() -> None:
    assert repoints_in_spite(HANDED_OVER)
    assert not repoints_in_spite(cluster(living(), *WELL))
    assert not repoints_in_spite(cluster(dead(), ONE, TWO))


def test_a_closed_primary_does_not_get_its_role_back_while_a_member_does_not_answer() -> None:
    """That member may be the one that was opened in its place."""
    closed = living(read_only=True)
    assert list(check_reopening(cluster(closed, connected(replica("db1", "P:1-9"))))) == []
    for silent, code in ((hung("db1"), "not_responding"), (dead("db1"), "unreachable")):
        assert [f"{problem.code} {problem.server}" for problem in check_reopening(cluster(closed, silent))] == [f"{code} db1"]


@pytest.mark.parametrize(
    ("members", "left"),
    [
        pytest.param([FORMER], ["stray_replica db9"], id="who_follows_the_former_primary_is_repointed_with_it"),
        pytest.param([FORMER, ANOTHER], ["stray_replica db2", "stray_replica db9"], id="not_where_nobody_is_brought_back"),
    ],
)
def test_a_rejoin_mends_what_still_follows_the_former_primary(members: list[Member], left: list[str]) -> None:
    topology = cluster(*members, PROMOTED, connected(replica("db2", "P:1-9", source="db0")), connected(replica("db4", "P:1-9", source="db1")))
    problems = [Problem("stray_replica", name, "") for name in ("db2", "db9")]
    assert [f"{problem.code} {problem.server}" for problem in left_after_rejoin(topology, None, problems)] == left
