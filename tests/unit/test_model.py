# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An invariant of opening, tested on a model: small clusters, and runs that stand still anywhere while servers die and come back and other runs go by.

Servers are values (``model/world.py``). What is decided, on what was read, when it is read again and what may be undone are the product's own decisions
and its own frame (``_cluster/held.py``); only what a statement does to a server is modelled (``model/runs.py``). Whatever happens:

- none of our steps opens a server while another one that lives is open;
- a run that says that nothing is lost opens a server that has every row that any server had received which it could read, and has applied them;
- none closes an open server that has everything, or while the other one takes no writes, nor one that has rows which the other one lacks, unless the user
  has named that one, or the role has moved to it;
- no server is called the primary while an open one has all that it has, and more.

An example that fails is printed with its story, and with what ``@reproduce_failure`` takes to have it again.
"""

from __future__ import annotations

import itertools
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._decisions import checks, failover, primary, promotion, rejoining, roles
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.tests.unit.model.runs import VERBS, Run
from ansible_collections.dbha.mysql.tests.unit.model.turns import Turns
from ansible_collections.dbha.mysql.tests.unit.model.world import Violation, World

Events = t.Sequence[tuple[str, str]]


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
@given(data=st.data())
@settings(max_examples=100, deadline=None, print_blob=True)
def test_whatever_comes_between_no_second_server_is_opened_and_nothing_is_lost(family: str, data: st.DataObject) -> None:
    world = _drawn(family, data)
    for _turn in range(data.draw(st.integers(1, 12))):
        world.interleave()


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
@given(data=st.data())
@settings(max_examples=150, deadline=None, print_blob=True)
def test_wherever_a_run_stands_still_while_others_go_by_no_second_server_is_opened(family: str, data: st.DataObject) -> None:
    stand_still_in_a_run(_drawn(family, data))


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
@given(data=st.data())
@settings(max_examples=150, deadline=None, print_blob=True)
def test_however_the_steps_of_two_runs_interleave_no_second_server_is_opened(family: str, data: st.DataObject) -> None:
    carry_out_side_by_side(_drawn(family, data))


def all_come_back(world: World) -> None:
    """Let nobody be away any more, and see that it is known who is the primary."""
    for name in world.hosts:
        world.happen("come back", name)
    world.see()


def carry_out_side_by_side(world: World) -> None:
    """Let two runs take their steps in any order, and something happen in between."""
    for event, name in world.draw(st.sampled_from(_BEFORE)):
        world.happen(event, name)
    hosts = st.sampled_from(sorted(world.hosts))
    runs = world.draw(st.lists(st.tuples(st.sampled_from(sorted(VERBS)), hosts), min_size=2, max_size=2))
    # Long turns and short ones: one that stands still for many steps of the other is as likely as two that alternate.
    turns = world.draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 12)), max_size=12))
    events = world.draw(st.dictionaries(st.integers(0, 40), st.tuples(st.sampled_from(_IN_BETWEEN), hosts), max_size=4))
    Turns(world, runs).carry_out([who for who, steps in turns for _step in range(steps)], events)
    all_come_back(world)


_PROCEED = "failover without those that are silent"
_DEAD: Events = [("die", "db0")]
_BACK: Events = [("die", "db0"), ("failover", "db0"), ("write", "db1"), ("come back", "db0")]
_SIDE_BY_SIDE: list[tuple[Events, tuple[str, str], tuple[str, str]]] = [
    (_DEAD, ("failover to", "db1"), ("failover to", "db2")),
    (_DEAD, (_PROCEED, "db0"), ("failover to", "db2")),
    ([], ("switchover", "db1"), ("switchover", "db2")),
    ([], ("switchover", "db1"), ("switchover without one", "db2")),
    (_BACK, ("rejoin", "db0"), ("switchover", "db2")),
    (_BACK, ("rejoin", "db0"), ("rejoin to", "db0")),
]


@pytest.mark.parametrize("stands_still", [False, True], ids=["", "having lost its connections"])
@pytest.mark.parametrize(("before", "one", "other"), _SIDE_BY_SIDE, ids=[f"{one} {other}" for _before, (one, _at), (other, _beside) in _SIDE_BY_SIDE])
@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_one_that_stops_at_any_step_while_another_stops_at_any_of_its_own(
    family: str, before: Events, one: tuple[str, str], other: tuple[str, str], stands_still: bool
) -> None:
    stop_at_each(family, before, one, other, stands_still=stands_still)


def stop_both(family: str, before: Events, one: tuple[str, str], other: tuple[str, str], first: int, second: int, *, stands_still: bool) -> None:
    """Let one take so many steps, the other so many, the one all that it has left, and the other, too. Raises ``Violation``."""
    world = World(family, 3, VERBS)
    world.story = {}
    try:
        for event in before:
            world.happen(*event)
        order = [*[0] * first, *[1] * second, *[0] * 100]
        Turns(world, [one, other]).carry_out(order, {first: ("stand still", "")} if stands_still else {})
        all_come_back(world)
    except Violation as violation:
        raise Violation("\n".join([str(violation), *world.said])) from violation


def test_that_locks_are_not_asked_for_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def take_all(run: Run, names: t.Iterable[str], _seconds: float) -> list[Problem]:
        for name in sorted(names):
            run.world.interleave(run)
            run.world.hosts[name].locked_by = run.number
            run._taken[name] = True
        return []

    monkeypatch.setattr(Run, "lock", take_all)
    monkeypatch.setattr(Run, "check_locks", lambda _run: [])
    for before, one, other in _SIDE_BY_SIDE[:3]:
        with pytest.raises(Violation):
            stop_at_each("mysql", before, one, other)


def stop_at_each(family: str, before: Events, one: tuple[str, str], other: tuple[str, str], *, stands_still: bool = False) -> None:
    """Stop both everywhere: at every third step of the one, and at every fourth of the other, beginning with another one each time."""
    for first in range(0, 24, 3):
        for second in range(first % 4, 24, 4):
            stop_both(family, before, one, other, first, second, stands_still=stands_still)


_IN_BETWEEN = ["write", "replicate", "die", "hang", "come back", "come back closed", "stand still", "be killed", "lag", "catch up"]


def _drawn(family: str, data: st.DataObject) -> World:
    return World(family, data.draw(st.integers(2, 4)), VERBS, data.draw, aliased=data.draw(st.booleans()))


def stand_still_in_a_run(world: World) -> None:
    """Let a failover, a switchover or a rejoin be held up at one step, and much happen there."""
    for event, name in world.draw(st.sampled_from(_BEFORE)):
        world.happen(event, name)
    world.chosen_step = world.draw(st.integers(1, 16))
    world.happen(world.draw(st.sampled_from(["failover", "switchover", "rejoin", "rejoin to"])), world.draw(st.sampled_from(sorted(world.hosts))))
    world.chosen_step = None
    all_come_back(world)


_BEFORE: list[Events] = [
    [],
    [("die", "db0")],
    [("die", "db0"), ("failover", "db0"), ("write", "db1"), ("come back", "db0")],
    [("write", "db0"), ("replicate", "db1"), ("die", "db0")],
    [("switchover", "db1"), ("write", "db1")],
]


def carry_out(family: str, before: Events, work: tuple[str, str], story: t.Mapping[int, Events], *, aliased: bool = False, hosts: int = 3) -> int:
    """Let something happen, and then a run go by, and what the story says at its steps. Return how many these are. Raises ``Violation``, with the story."""
    world = World(family, hosts, VERBS, aliased=aliased)
    world.story = {}
    try:
        for event in before:
            world.happen(*event)
        world.steps, world.story = 0, story
        world.happen(*work)
        world.story = {}
        all_come_back(world)
    except Violation as violation:
        raise Violation("\n".join([str(violation), f"{family}, at the steps {[*story]}:", *world.said])) from violation
    return world.steps


def at_each_step(family: str, before: Events, work: tuple[str, str], events: Events, hosts: int = 3) -> t.Iterator[int]:
    """Let the same happen at each step of a run, one after the other."""
    for step in itertools.count(1):
        steps = carry_out(family, before, work, {step: events}, aliased=step % 2 == 0, hosts=hosts)
        yield step
        if steps < step:
            return


_STORIES: list[Events] = [
    [("come back", "db0")],
    [("come back closed", "db0")],
    [("die", "db0")],
    [("die", "db1")],
    [("hang", "db0"), ("come back", "db0")],
    [("hang", "db1")],
    [("write", "db0"), ("die", "db0")],
    [("stand still", "db0")],
    [("stand still", "db0"), ("come back", "db0")],
    [("stand still", "db0"), ("failover", "db0"), ("write", "db1"), ("write", "db2"), ("come back", "db0")],
    [("stand still", "db0"), ("switchover", "db2"), ("write", "db2")],
    [("stand still", "db0"), ("switchover", "db1"), ("switchover", "db0"), ("write", "db0")],
    [("stand still", "db0"), ("die", "db0"), ("failover", "db0"), ("come back", "db0"), ("rejoin", "db0")],
    [("be killed", "db0")],
    [("rejoin", "db0"), ("switchover", "db0"), ("write", "db0")],
]
"""What is likely to happen while a run is at work."""

_LAGS: Events = [("lag", "db1"), ("write", "db0"), ("replicate", "db1"), ("die", "db0")]

_RECEIVES: Events = [("start receiver by hand", "db2"), ("come back", "db0"), ("write", "db0"), ("replicate", "db2"), ("die", "db0")]

_AHEAD: Events = [("write", "db0"), ("replicate", "db1"), ("die", "db0")]
"""One has more than the one that is wanted, db2, which therefore catches up from it. Another run leaves it out and opens db2, or a fourth server."""

_OPENS_SILENT: Events = [("hang", "db1"), ("come back", "db2"), (_PROCEED, "db0")]
"""Another run leaves out whom the first one elects, and opens who was silent to that one."""

_OPENS_WANTED: Events = [("hang", "db1"), ("die", "db2"), ("come back", "db2"), (_PROCEED, "db0"), ("come back", "db1")]
_OPENS_FOURTH: Events = [("hang", "db1"), ("die", "db2"), ("die", "db3"), ("come back", "db3"), (_PROCEED, "db0")]
_OPENS_FOURTH = [*_OPENS_FOURTH, ("come back", "db2"), (_PROCEED, "db0"), ("come back", "db1")]

_WORK: dict[str, tuple[Events, tuple[str, str], list[Events]]] = {
    "a failover": (
        [("write", "db0"), ("replicate", "db1"), ("die", "db0")],
        ("failover", "db0"),
        [*_STORIES, _RECEIVES, [*_RECEIVES, ("stop receiver by hand", "db2")]],
    ),
    "a failover to one that lags": (
        _LAGS,
        ("failover", "db0"),
        [[("throw relay logs away by hand", "db1")], [("die", "db1")], [("start receiver by hand", "db1")], [("be killed", "db0"), ("failover", "db0")]],
    ),
    "a failover to one that catches up": (_AHEAD, ("failover to", "db2"), [*_STORIES[:5], _OPENS_WANTED, [("stand still", "db0"), (_PROCEED, "db0")]]),
    "a failover without one": (
        [("hang", "db2"), ("die", "db0")],
        (_PROCEED, "db0"),
        [[("hang", "db1"), ("come back", "db2"), (_PROCEED, "db0"), ("come back", "db1")], [("come back", "db2")], [("come back", "db0")]],
    ),
    "a switchover": (
        [],
        ("switchover", "db1"),
        [
            *_STORIES,
            [("hang", "db1"), ("die", "db0"), (_PROCEED, "db0"), ("come back closed", "db0"), ("come back", "db1")],
            [("open by hand", "db0")],
            [("open by hand", "db0"), ("write", "db0"), ("close by hand", "db0")],
            [("lag", "db1"), ("write", "db0"), ("replicate", "db1")],
        ],
    ),
    "a switchover without one": (
        [],
        ("switchover without one", "db1"),
        [*_STORIES[:10], [("hang", "db1"), ("die", "db0"), (_PROCEED, "db0"), ("come back closed", "db0"), ("come back", "db1")]],
    ),
    "a switchover back": ([("switchover", "db1"), ("write", "db1")], ("switchover", "db0"), _STORIES),
    "a closed primary that is to be opened again": (
        [("die", "db0"), ("come back closed", "db0")],
        ("failover that opens again", "db0"),
        [*_STORIES, [("die", "db0"), ("failover", "db0"), ("come back closed", "db0")], [("die", "db0"), ("failover", "db0"), ("hang", "db1")]],
    ),
    "a rejoin": ([("die", "db0"), ("failover", "db0"), ("write", "db1"), ("write", "db2"), ("come back", "db0")], ("rejoin", "db0"), _STORIES),
}


@pytest.mark.parametrize("work", _WORK)
@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_what_is_likely_to_happen_does_no_harm_at_any_step(family: str, work: str) -> None:
    before, run, stories = _WORK[work]
    for events in stories:
        assert max(at_each_step(family, before, run, events)) > 5, events


_RIVALS: Events = [("stop receiver by hand", "db1"), ("write", "db0"), ("die", "db0"), ("failover", "db0"), ("come back", "db0")]
"""Of two, one is back that has everything, until somebody writes to the one that was promoted."""

_OVERTAKEN: Events = [("die", "db0"), ("failover", "db0"), ("write", "db1"), ("come back", "db0")]

_TO_TWO: list[Events] = [
    [("write", "db1")],
    [("write", "db0")],
    [("stand still", "db0"), ("write", "db1")],
    [("die", "db0")],
    [("die", "db1")],
    [("hang", "db1")],
    [("rejoin to", "db0")],
    [("rejoin to", "db1")],
    [("stand still", "db0"), ("rejoin to", "db1")],
]


@pytest.mark.parametrize("work", [("rejoin", "db0"), ("rejoin to", "db0"), ("rejoin to", "db1")], ids=" ".join)
@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_of_two_servers_none_is_closed_that_is_all_there_is_or_has_something_of_its_own(family: str, work: tuple[str, str]) -> None:
    for before, events in itertools.product([_RIVALS, _OVERTAKEN, _OVERTAKEN[:2] + _OVERTAKEN[3:]], _TO_TWO):
        assert max(at_each_step(family, before, work, events, hosts=2)) > 2, events


class Broken(t.NamedTuple):
    """A decision, and in which story, of how many servers, it alone prevents harm. ``then``: what happens at a later step than ``events``."""

    module: t.Any
    decision: str
    before: Events
    work: tuple[str, str]
    events: Events = ()
    then: Events = ()
    hosts: int = 3


_OPENED_BESIDE: Events = [("stop receiver by hand", "db2"), ("open by hand", "db2")]
_OPENED: Events = [("stop receiver by hand", "db1"), ("open by hand", "db1")]

_BROKEN: dict[str, Broken] = {
    "neither of two is closed each of which has something": Broken(primary, "check_undecided", _RIVALS, ("rejoin", "db0"), [("write", "db1")], hosts=2),
    "nor one that the servers say is the primary": Broken(
        rejoining, "check_claim", [("die", "db0"), ("failover", "db0"), ("come back", "db0")], ("rejoin to", "db0"), [("write", "db1")], hosts=2
    ),
    "all that the winner has received is applied": Broken(promotion, "_check_drained", _LAGS, ("failover that does not drain", "db0")),
    "the winner has what it was elected for": Broken(
        promotion, "_check_received", _LAGS, ("failover that does not drain", "db0"), [("throw relay logs away by hand", "db1")]
    ),
    "the old primary is closed": Broken(promotion, "check_closed", [], ("switchover", "db1"), [("open by hand", "db0")]),
    "the new primary has all of the old one": Broken(
        promotion, "_check_handed_over", [], ("switchover", "db1"), [("open by hand", "db0"), ("write", "db0"), ("close by hand", "db0")]
    ),
    "every member was read": Broken(failover, "check_reading", [("write", "db0"), ("replicate", "db2"), ("hang", "db2"), ("die", "db0")], ("failover", "db0")),
    "none was opened by another run": Broken(checks, "check_opened", [("die", "db0"), *_OPENED], ("failover to", "db2")),
    "no other one has received anything since": Broken(
        promotion, "_check_received_by_others", [("die", "db0")], ("failover", "db0"), [*_RECEIVES, ("stop receiver by hand", "db2")]
    ),
    "the dead primary is dead still": Broken(promotion, "_check_still_dead", [("die", "db0")], ("failover", "db0"), [("come back", "db0")]),
    "who was left out is silent still": Broken(
        promotion,
        "_check_still_silent",
        [("die", "db0"), ("hang", "db2")],
        (_PROCEED, "db0"),
        [*_OPENS_SILENT, ("come back", "db1")],
    ),
    "who was left out does not answer without letting us in": Broken(
        promotion, "_check_still_silent", [("die", "db0"), ("hang", "db2")], (_PROCEED, "db0"), [*_OPENS_SILENT, ("fill up", "db2"), ("come back", "db1")]
    ),
    "nor takes connections, where nothing was there": Broken(
        promotion, "_check_still_silent", [("die", "db0"), ("die", "db2")], (_PROCEED, "db0"), [*_OPENS_SILENT, ("hang", "db2"), ("come back", "db1")]
    ),
    "none was opened since a closed primary was chosen from": Broken(
        promotion, "_check_still_answering", [("close by hand", "db0")], ("switchover", "db1"), [*_OPENED_BESIDE, ("hang", "db2")]
    ),
    "nor since it was to be opened again": Broken(
        promotion, "_check_still_answering", [("close by hand", "db0")], ("switchover", "db0"), [*_OPENED_BESIDE, ("hang", "db2")]
    ),
    "nor since the election": Broken(promotion, "_check_still_answering", [("die", "db0")], ("failover to", "db1"), [*_OPENED_BESIDE, ("hang", "db2")]),
    "what was opened and is to be finished is open still": Broken(
        promotion,
        "_check_still_open",
        [("die", "db0"), *_OPENED, ("write", "db1"), ("come back closed", "db0"), ("hang", "db2")],
        ("failover", "db0"),
        [("close by hand", "db1"), ("come back", "db2"), *_OPENED_BESIDE],
    ),
    "everybody was asked before a closed primary is opened again": Broken(
        roles, "check_reopening", [("die", "db0"), *_OPENED, ("come back closed", "db0"), ("hang", "db1")], ("failover that opens again", "db0")
    ),
    "none was opened while a lock was lost": Broken(
        promotion,
        "check_opened_elsewhere",
        [],
        ("switchover", "db1"),
        [("hang", "db2")],
        [("come back", "db2"), ("die", "db0"), ("hang", "db1"), (_PROCEED, "db0"), ("come back closed", "db0"), ("come back", "db1")],
    ),
    "nor one that was left out": Broken(
        promotion,
        "check_opened_elsewhere",
        [],
        ("switchover without one", "db1"),
        [("die", "db0"), ("hang", "db1"), (_PROCEED, "db0"), ("come back closed", "db0"), ("come back", "db1")],
    ),
    "nor one that did not answer when the others were locked": Broken(
        promotion, "_check_still_silent", [], ("switchover", "db1"), [("hang", "db2")], [("come back", "db2"), *_OPENED_BESIDE]
    ),
    "the one that is wanted was not opened by another run": Broken(promotion, "check_unopened", _AHEAD, ("failover to", "db2"), _OPENS_WANTED),
    "nor does it follow a server that another run has opened": Broken(
        promotion, "check_opened_elsewhere", _AHEAD, ("failover to", "db2"), _OPENS_FOURTH, hosts=4
    ),
}


@pytest.mark.parametrize("what", _BROKEN)
@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_a_decision_that_says_nothing_any_more_is_noticed(family: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the model would prove nothing about it."""
    broken = _BROKEN[what]
    stories = list(_stories(broken))
    noticed = []
    with monkeypatch.context() as patch:
        patch.setattr(broken.module, broken.decision, lambda *_arguments, **_named: iter(()))
        for story in stories:
            try:
                carry_out(family, broken.before, broken.work, story, hosts=broken.hosts)
            except Violation:
                noticed.append(story)
                break
    assert noticed
    # It is that decision that prevents it.
    carry_out(family, broken.before, broken.work, noticed[0], hosts=broken.hosts)


def _stories(broken: Broken) -> t.Iterator[t.Mapping[int, Events]]:
    """Say what happens at which steps, for each choice of steps."""
    if not broken.events:
        yield {}
    elif not broken.then:
        yield from ({step: broken.events} for step in range(1, 20))
    else:
        yield from ({step: broken.events, later: broken.then} for step, later in itertools.combinations(range(1, 20), 2))
