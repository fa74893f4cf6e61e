# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a role reports, from what its tasks have registered: how it ended, what it leaves, what it says, and whether something is to be undone."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._report.roles import ROLES, Report, report

Registered = dict[str, t.Any]

DB0, DB1, DB2 = ({"name": f"db{number}", "host": f"10.0.0.1{number}", "port": 3306} for number in range(3))
BEGUN, NOW = 1000.0, 1002.345


def entry(server: Registered, *, replicating: bool = True) -> Registered:
    """A replica as the look describes it."""
    return {**server, "reachable": True, "replicating": replicating, "raw": {"much": "more"}}


def problem(code: str, server: str = "db1") -> Registered:
    return {"code": code, "server": server, "message": f"{server} has it", "gtids": "", "remedy": remedy_of(code)}


def sent(*statements: str) -> list[Registered]:
    return [{"server": "db1", "statement": statement} for statement in statements]


def refused(*codes: str, **found: t.Any) -> Registered:
    """What a module gives back that refuses."""
    return {"failed": True, "changed": False, "msg": "told", "problems": [problem(code) for code in codes], "statements": [], **found}


def as_text(result: Registered) -> Registered:
    """The same as Ansible registers it where problems are printed as text."""
    return {"failed": True, "changed": result["changed"], "msg": "codes", "diff": {"result": result}}


SKIPPED: Registered = {"skipped": True, "changed": False, "skip_reason": "Conditional result was False"}
LOOK: Registered = {"primary": {**DB0, "status": "dead", "writable": None}, "replicas": [entry(DB1), entry(DB2)], "time": BEGUN}
TODO: Registered = {"promote": True, "salvage": False, "repoint": ["db2"], "follow": DB1}
NOTHING: Registered = {"promote": False, "salvage": False, "repoint": [], "follow": DB0}
ELECTED: Registered = {
    **LOOK,
    "changed": True,
    "msg": "db1 is the best replica",
    "best": DB1,
    "lost": [],
    "todo": TODO,
    "found": {"db1": {"receiver": True}},
    "rehearsal": None,
    "problems": [],
    "statements": sent("STOP REPLICA IO_THREAD"),
}
ALIVE: Registered = {
    **ELECTED,
    "changed": False,
    "primary": {**DB0, "status": "alive", "writable": True},
    "best": None,
    "todo": NOTHING,
    "msg": "the primary db0 is alive and writable",
    "statements": [],
}
PROMOTED: Registered = {
    "changed": True,
    "msg": "db1 is the primary now",
    "primary": DB1,
    "opened": True,
    "time": BEGUN + 0.25,
    "problems": [],
    "statements": sent("SET GLOBAL read_only = 0"),
}
REPOINTED_DB2 = {**DB2, "changed": True, "replicating": True, "problem": None}
REPOINTED: Registered = {
    "changed": True,
    "msg": "db2 replicates from db1 now",
    "replicas": [REPOINTED_DB2],
    "problems": [],
    "statements": sent("CHANGE REPLICATION SOURCE"),
}
LEFT_BEHIND = {**DB2, "changed": True, "replicating": False, "problem": {"code": "purged"}}
NOT_REPOINTED: Registered = {**refused("purged", replicas=[LEFT_BEHIND]), "changed": True}


def failover(*, check: bool = False, **tasks: Registered) -> Report:
    return report("failover", tasks, cluster="orders", check=check, now=NOW)


def codes(found: Report) -> list[str]:
    return [each["code"] for each in found["result"]["problems"]]


# --- A failover


def test_a_failover_leaves_who_is_the_primary_now_and_where_the_others_stand() -> None:
    found = failover(election=ELECTED, promotion=PROMOTED, salvage=SKIPPED, promotion_after_salvage=SKIPPED, repointing=REPOINTED)
    assert found["result"] == {
        "cluster": "orders",
        "outcome": "promoted",
        "check": False,
        "problems": [],
        "seconds": 2.35,
        "old_primary": DB0,
        "new_primary": DB1,
        "replicas": [REPOINTED_DB2],
        "lost": [],
        "salvaged": {"count": 0, "gtids": "", "problem": None},
    }
    assert (found["changed"], found["undo"]) == (True, False)
    assert found["summary"] == [
        "db1 is the best replica",
        "db1 is the primary now",
        "db2 replicates from db1 now",
        "db1 was opened for writes 0.25 s after the first look",
    ]


UNKNOWN = {"server": "db0", "member": True, "closed": None, "why": "nobody knows"}


def test_the_last_lines_say_how_the_old_primary_comes_back_and_what_to_run_then() -> None:
    found = failover(election={**ELECTED, "comes_back": UNKNOWN}, promotion=PROMOTED, repointing=REPOINTED)
    run = "ansible-playbook dbha.mysql.rejoin -e cluster=orders"
    assert found["result"]["comes_back"] == {"server": "db0", "closed": None, "why": "nobody knows", "run": run}
    assert found["summary"][-2:] == [
        "db0, which had the role before, may come back open for writes: nobody knows",
        "Once it runs, bring it back with: " + run,
    ]
    closed = failover(election={**ELECTED, "comes_back": {**UNKNOWN, "closed": True, "member": False}}, promotion=PROMOTED, repointing=REPOINTED)
    assert closed["summary"][-2:] == [
        "db0, which had the role before, comes back closed: nobody knows",
        "Once it runs, add it to the group, and bring it back with dbha.mysql.rejoin",
    ]


def test_one_that_was_fenced_comes_back_closed_unless_that_has_failed() -> None:
    election = {**ELECTED, "comes_back": UNKNOWN, "hooks": {"fenced": 1}}
    assert failover(election=election, promotion=PROMOTED, repointing=REPOINTED)["result"]["comes_back"]["closed"] is True
    missed = {"run": BEGUN, "moment": "fence", "name": "mine", "stops": False, "task": "off", "message": "no"}
    assert failover(election=election, promotion=PROMOTED, repointing=REPOINTED, hooks={"failed": [missed]})["result"]["comes_back"]["closed"] is None


def test_where_nobody_was_opened_nobody_comes_back() -> None:
    for found in (failover(election=ALIVE), failover(election={**ELECTED, "comes_back": UNKNOWN}, promotion=refused("locked"))):
        assert "comes_back" not in found["result"]
        assert not any("Once it runs" in line for line in found["summary"])
    assert "comes_back" not in failover(check=True, election={**ELECTED, "comes_back": UNKNOWN}, promotion=PROMOTED, repointing=REPOINTED)["result"]["plan"]


REMEMBERED = {
    "at": "2026-11-27 14:03:22",
    "event": "failover",
    "old_primary": "db0",
    "new_primary": "db1",
    "run_by": "us@here",
    "seconds": 0.412,
    "lost": "",
    "why": "the primary db0 is dead",
}


def test_a_check_says_what_the_cluster_remembers() -> None:
    again = {**REMEMBERED, "event": "reopened", "old_primary": "", "seconds": None, "lost": "[…]"}
    look = {**ALIVE, "topology": "db0", "journal": [REMEMBERED, again]}
    found = report("check", {"look": look}, cluster="orders", check=False, now=NOW)
    assert found["result"]["journal"] == [REMEMBERED, again]
    assert found["summary"][-4:] == [
        "2026-11-27 14:03:22 UTC failover: db0 to db1, by us@here, 0.41 s. the primary",
        "    db0 is dead",
        "2026-11-27 14:03:22 UTC reopened: db1, by us@here; transactions were given up.",
        "    the primary db0 is dead",
    ]


def test_where_the_primary_lives_all_stays_as_it_was() -> None:
    found = failover(election=ALIVE, promotion=SKIPPED, repointing=SKIPPED)
    result = found["result"]
    assert (result["outcome"], result["old_primary"], result["new_primary"]) == ("unchanged", DB0, DB0)
    assert result["replicas"] == [{**server, "changed": False, "replicating": True, "problem": None} for server in (DB1, DB2)]
    assert found["summary"] == ["the primary db0 is alive and writable", "nothing is to be done"]
    assert (found["changed"], found["undo"]) == (False, False)


def test_replicas_that_an_interrupted_run_left_behind_are_repointed() -> None:
    found = failover(election={**ALIVE, "todo": {**NOTHING, "repoint": ["db2"]}}, promotion=SKIPPED, repointing=REPOINTED)
    assert (found["result"]["outcome"], found["result"]["new_primary"]) == ("repointed", DB0)
    assert [replica["name"] for replica in found["result"]["replicas"]] == ["db2", "db1"]


SALVAGED = {"changed": True, "msg": "2 are salvaged", "problems": [], "problem": None, "applied_count": 2, "applied": "0-1-2", "left_count": 0, "left": ""}


def test_what_was_salvaged_and_what_was_left_is_told() -> None:
    salvage = {**SALVAGED, "problem": "no time", "left_count": 1, "left": "0-1-3"}
    election = {**ELECTED, "lost": [{"server": "db2", "gtids": "0-3-1", "count": 1}], "todo": {**TODO, "salvage": True}}
    found = failover(election=election, promotion=SKIPPED, salvage=salvage, promotion_after_salvage=PROMOTED, repointing=REPOINTED)
    result = found["result"]
    assert (result["outcome"], result["salvaged"]) == ("promoted", {"count": 2, "gtids": "0-1-2", "problem": "no time"})
    assert result["lost"] == [{"server": "db2", "gtids": "0-3-1", "count": 1}, {"server": "db0", "gtids": "0-1-3", "count": 1}]


WHERE_IT_FAILS: dict[str, tuple[dict[str, Registered], str, list[str], bool]] = {
    "an option": ({"election": refused("bad_input")}, "refused", ["bad_input"], False),
    "the election": ({"election": refused("primary_alive", "errant", **LOOK)}, "refused", ["primary_alive", "errant"], False),
    "its undo": ({"election": refused("drain_timeout", "not_undone", **LOOK)}, "failed", ["drain_timeout", "not_undone"], False),
    "the promotion": ({"election": ELECTED, "promotion": refused("changed_meanwhile")}, "refused", ["changed_meanwhile"], True),
    "it may not be known": ({"election": ELECTED, "promotion": refused("outcome_unknown", opened=True)}, "promoted", ["outcome_unknown"], False),
    "another run is at it": ({"election": ELECTED, "promotion": refused("locked")}, "refused", ["locked"], False),
    "salvaging": (
        {"election": {**ELECTED, "todo": {**TODO, "salvage": True}}, "promotion": SKIPPED, "salvage": refused("salvage_failed")},
        "refused",
        ["salvage_failed"],
        True,
    ),
    "a mistake of ours": ({"election": ELECTED, "promotion": refused("internal_error")}, "failed", ["internal_error"], True),
    "after the opening": (
        {"election": ELECTED, "promotion": {**PROMOTED, **refused("statement_failed"), "changed": True}},
        "promoted",
        ["statement_failed"],
        False,
    ),
    "the repointing": ({"election": ELECTED, "promotion": PROMOTED, "repointing": NOT_REPOINTED}, "promoted", ["purged"], False),
    "a repointing alone": ({"election": ALIVE, "promotion": SKIPPED, "repointing": NOT_REPOINTED}, "failed", ["purged"], False),
    "putting back": (
        {"election": ELECTED, "promotion": refused("changed_meanwhile"), "undo": refused("not_undone")},
        "failed",
        ["changed_meanwhile", "not_undone"],
        True,
    ),
}


@pytest.mark.parametrize("shown", [dict, as_text])
@pytest.mark.parametrize("where", WHERE_IT_FAILS)
def test_a_run_that_fails_leaves_why_and_how_it_ended(where: str, shown: t.Callable[[Registered], Registered]) -> None:
    tasks, outcome, problems, undo = WHERE_IT_FAILS[where]
    found = failover(**{name: shown(result) if result.get("failed") else result for name, result in tasks.items()})
    assert (found["result"]["outcome"], codes(found), found["undo"]) == (outcome, problems, undo)
    assert [sorted(each) for each in found["result"]["problems"]] == [["code", "message", "remedy", "server"]] * len(problems)


def test_who_is_elected_and_not_opened_is_no_primary() -> None:
    for tasks in ({"election": refused("errant", **LOOK)}, {"election": ELECTED, "promotion": refused("changed_meanwhile")}):
        result = failover(**tasks)["result"]
        assert (result["old_primary"], result["new_primary"], result["replicas"]) == (DB0, None, [])


def test_a_primary_that_was_opened_is_named_whatever_came_after_that() -> None:
    result = failover(election=ELECTED, promotion=PROMOTED, repointing=as_text(NOT_REPOINTED))["result"]
    assert (result["new_primary"], result["replicas"]) == (DB1, [LEFT_BEHIND])


def test_what_stands_behind_a_task_that_failed_is_from_an_earlier_run() -> None:
    found = failover(election=as_text(refused("bad_input")), promotion=PROMOTED, repointing=REPOINTED)
    assert (found["result"]["outcome"], found["result"]["new_primary"], found["changed"]) == ("refused", None, False)


def test_a_task_that_failed_for_a_reason_of_ansibles_has_a_code_all_the_same() -> None:
    found = failover(election={"failed": True, "msg": "'vault_password' is undefined"})
    told = {"code": "task_failed", "server": "", "message": "'vault_password' is undefined", "remedy": remedy_of("task_failed")}
    assert found["result"]["problems"] == [told]
    assert found["result"]["outcome"] == "failed"


@pytest.mark.parametrize("role", ["check", "failover", "rejoin", "switchover"])
def test_a_run_that_did_nothing_at_all_is_no_success(role: str) -> None:
    found = report(role, {}, cluster="orders", check=False, now=NOW)
    assert (found["result"]["outcome"], found["result"].get("new_primary"), found["result"]["seconds"]) == ("refused", None, 0)
    assert (codes(found), found["complete"], found["undo"]) == (["partial_run"], False, False)
    assert found["summary"][0] == remedy_of("partial_run", role)


REJOINING = {**SKIPPED, "skipped": False, "todo": {"rejoin": ["db0"]}, "changed": False, "msg": "", "time": BEGUN, "problems": [], "statements": []}


@pytest.mark.parametrize(
    ("role", "tasks", "left_out"),
    [
        # Ansible registers nothing for a step that is declined, and something for one whose condition does not hold.
        ("failover", {"election": ELECTED, "promotion": {}, "repointing": {}}, "promotion, repointing"),
        ("failover", {"election": ELECTED, "promotion": {}, "repointing": REPOINTED}, "promotion"),
        ("failover", {"election": ELECTED, "promotion": PROMOTED, "repointing": {}}, "repointing"),
        ("failover", {"election": {}, "promotion": PROMOTED, "repointing": REPOINTED}, "election"),
        ("switchover", {"election": ELECTED, "promotion": {}, "repointing": {}}, "promotion, repointing"),
        ("rejoin", {"look": REJOINING, "preparation": {}, "joining": REPOINTED}, "preparation"),
        ("rejoin", {"look": REJOINING, "preparation": SKIPPED, "joining": {}}, "preparation, joining"),
    ],
)
def test_a_step_that_was_left_out_is_named(role: str, tasks: dict[str, Registered], left_out: str) -> None:
    found = report(role, tasks, cluster="orders", check=False, now=NOW)
    assert (codes(found), found["complete"]) == (["partial_run"], False)
    assert f"({left_out})" in found["result"]["problems"][0]["message"]
    # What was stopped for an election is started again.
    assert found["undo"] == (role in ("failover", "switchover") and left_out.startswith("promotion"))


def test_a_run_that_failed_or_is_whole_has_left_nothing_out() -> None:
    for tasks in ({"election": refused("primary_alive")}, {"election": ELECTED, "promotion": refused("locked")}, {"election": ALIVE, "promotion": SKIPPED}):
        found = failover(**tasks)
        assert (found["complete"], "partial_run" in codes(found)) == (True, False)
    assert failover(election=ELECTED, promotion=SKIPPED, promotion_after_salvage=PROMOTED, repointing=REPOINTED)["complete"]


# --- A plan


def test_a_plan_leaves_nothing_that_could_be_taken_for_a_result() -> None:
    found = failover(check=True, election=ELECTED, promotion=PROMOTED, repointing=REPOINTED)
    result = found["result"]
    assert {key: value for key, value in result.items() if key != "plan"} == {
        "cluster": "orders",
        "outcome": "unchanged",
        "check": True,
        "problems": [],
        "seconds": 2.35,
    }
    assert (result["plan"]["outcome"], result["plan"]["new_primary"]) == ("promoted", DB1)
    assert found["summary"][3:] == ["db1: STOP REPLICA IO_THREAD", "db1: SET GLOBAL read_only = 0", "db1: CHANGE REPLICATION SOURCE"]


def test_where_the_election_has_touched_nothing_there_is_nothing_to_undo() -> None:
    opened_again = {**ELECTED, "found": {}}
    assert failover(election=opened_again, promotion=refused("diverged"))["undo"] is False
    assert failover(election=ELECTED, promotion=refused("diverged"))["undo"] is True


def test_a_plan_that_is_refused_says_why_and_undoes_nothing() -> None:
    found = failover(check=True, election=ELECTED, promotion=refused("changed_meanwhile"))
    assert (found["result"]["outcome"], found["result"]["check"], codes(found), found["undo"]) == ("refused", True, ["changed_meanwhile"], False)
    assert "plan" not in found["result"]


def test_a_plan_with_a_living_primary_says_who_would_be_elected() -> None:
    found = failover(check=True, election={**ALIVE, "rehearsal": "if db0 died now, db1 would be elected"})
    assert found["summary"] == ["the primary db0 is alive and writable", "nothing is to be done", "if db0 died now, db1 would be elected"]


# --- The others


def test_a_switchover_says_how_long_nobody_could_write() -> None:
    tasks = {"election": {**ELECTED, "changed": False, "statements": []}, "promotion": {**PROMOTED, "downtime": 0.0391}, "repointing": REPOINTED}
    found = report("switchover", tasks, cluster="orders", check=False, now=NOW)
    assert (found["result"]["outcome"], found["result"]["downtime"], found["result"]["lost"]) == ("promoted", 0.0391, [])
    assert found["summary"][-1] == "nobody could write for 0.04 s"
    assert "salvaged" not in found["result"]


def test_to_the_present_primary_a_switchover_changes_nothing() -> None:
    found = report("switchover", {"election": ALIVE, "promotion": SKIPPED, "repointing": SKIPPED}, cluster="orders", check=False, now=NOW)
    assert (found["result"]["outcome"], found["result"]["new_primary"], found["result"]["downtime"]) == ("unchanged", DB0, 0)


REJOIN_LOOK = {
    "changed": False,
    "msg": "db1 is alive",
    "primary": {**DB1, "status": "alive", "writable": True},
    "time": BEGUN,
    "problems": [],
    "statements": [],
}
PREPARED = {
    "changed": True,
    "msg": "db0 has nothing that db1 lacks",
    "server": DB0,
    "own": {"gtids": "", "count": 0},
    "saved": None,
    "problems": [],
    "statements": sent("SET GLOBAL read_only = 1"),
}
OWN = {"gtids": "0-1-9", "count": 1}
OWN_TRANSACTIONS = refused("own_transactions", server=DB0, own=OWN, saved={"directory": "/srv"})


@pytest.mark.parametrize(
    ("tasks", "outcome", "former", "primary"),
    [
        pytest.param({"look": REJOIN_LOOK, "preparation": PREPARED, "joining": REPOINTED}, "joined", DB0, DB1, id="it_is_a_replica_now"),
        pytest.param({"look": REJOIN_LOOK, "preparation": SKIPPED, "joining": SKIPPED}, "unchanged", None, DB1, id="there_was_nobody"),
        pytest.param({"look": REJOIN_LOOK, "preparation": as_text(OWN_TRANSACTIONS)}, "refused", DB0, DB1, id="it_has_transactions_of_its_own"),
        pytest.param({"look": REJOIN_LOOK, "preparation": PREPARED, "joining": NOT_REPOINTED}, "failed", DB0, DB1, id="it_does_not_replicate"),
        pytest.param(
            {"look": as_text(refused("primary_dead", primary={**DB1, "status": "dead", "writable": None}, time=BEGUN))}, "refused", None, None, id="no_primary"
        ),
        pytest.param(
            {"look": REJOIN_LOOK, "preparation": PREPARED, "restarted": {**PREPARED, "server": DB2}, "joining": REPOINTED},
            "joined",
            DB2,
            DB1,
            id="the_last_word_is_that_of_the_restarted_one",
        ),
    ],
)
def test_how_a_rejoin_ended(tasks: dict[str, Registered], outcome: str, former: t.Any, primary: t.Any) -> None:
    result = report("rejoin", tasks, cluster="orders", check=False, now=NOW)["result"]
    assert (result["outcome"], result["old_primary"], result["new_primary"]) == (outcome, former, primary)


def test_a_rejoin_that_is_refused_says_what_was_saved_where() -> None:
    result = report("rejoin", {"look": REJOIN_LOOK, "preparation": as_text(OWN_TRANSACTIONS)}, cluster="orders", check=False, now=NOW)["result"]
    assert (result["own"], result["saved"]) == (OWN, {"directory": "/srv"})


def test_a_check_draws_the_cluster_whatever_is_wrong_with_it() -> None:
    topology = "db0  (dead)\n+- db1  (read-only)\n"
    well = report("check", {"look": {**REJOIN_LOOK, "topology": topology}}, cluster="orders", check=False, now=NOW)
    assert well["summary"] == ["db0  (dead)", "+- db1  (read-only)", "db1 is alive"]
    marked = report("check", {"look": {**REJOIN_LOOK, "topology": topology, "drawing": "db0  (dead)  <- blocks\n"}}, cluster="orders", check=False, now=NOW)
    assert marked["summary"] == ["db0  (dead)  <- blocks", "db1 is alive"]
    ill = report("check", {"look": as_text(refused("primary_dead", topology=topology))}, cluster="orders", check=False, now=NOW)
    assert (ill["summary"], codes(ill)) == (["db0  (dead)", "+- db1  (read-only)"], ["primary_dead"])


def test_there_is_a_report_for_each_role_and_for_the_check() -> None:
    assert sorted(ROLES) == ["check", "failover", "rejoin", "switchover"]


# --- Task files of the user's


def of_hook(moment: str, *, run: float = BEGUN, stops: object = "False") -> Registered:
    return {"run": run, "moment": moment, "name": "x.yml", "stops": stops, "task": "Ask", "message": "no"}


def test_one_that_refuses_before_anything_is_changed_leaves_nothing_to_undo() -> None:
    for moment, undone in (("before", False), ("before_open", True)):
        found = failover(election=ELECTED, promotion=SKIPPED, hooks={"failed": [of_hook(moment, stops=True)]})
        result = found["result"]
        assert (result["outcome"], [each["code"] for each in result["problems"]]) == ("refused", ["hook_refused"])
        assert (found["undo"], found["complete"]) == (undone, False)
        assert found["refusal"][-1] == f"  [hook_refused] {moment}: x.yml: Ask: no"
        assert found["event"]["refusal"] == {"code": "hook_refused", "message": f"{moment}: x.yml: Ask: no"}


@pytest.mark.parametrize(
    ("moment", "stops", "code", "fenced"),
    [("after_open", "False", "hook_failed", True), ("fence", "True", "fence_failed", False), ("fence", True, "fence_failed", False)],
)
def test_one_that_fails_after_the_opening_lets_the_run_fail_and_what_was_done_is_told(moment: str, stops: object, code: str, fenced: bool) -> None:
    election = {**ELECTED, "hooks": {"moments": {"fence": ["x.yml"], "after": ["y.yml"], "failed": ["z.yml"]}, "fenced": "1"}}
    found = failover(election=election, promotion=PROMOTED, repointing=REPOINTED, hooks={"failed": [of_hook(moment, stops=stops)]})
    assert found["hooks"] == {"after": ["y.yml"], "failed": ["z.yml"]}
    result = found["result"]
    assert (result["outcome"], result["fenced"], [each["code"] for each in result["problems"]]) == ("promoted", fenced, [code])
    assert (found["complete"], found["undo"]) == (False, False)
    assert found["summary"][-1] == f"  [{code}] {moment}: x.yml: Ask: no"


def test_a_fence_that_is_not_required_is_told_and_no_problem() -> None:
    election = {**ELECTED, "hooks": {"moments": {"failed": ["z.yml"]}, "fenced": 1}}
    found = failover(election=election, promotion=PROMOTED, repointing=REPOINTED, hooks={"failed": [of_hook("fence")]})
    assert found["hooks"] == {"after": [], "failed": []}
    assert (found["result"]["problems"], found["result"]["fenced"], found["complete"]) == ([], False, True)
    assert found["summary"][-1] == "the old primary was not fenced (fence: x.yml: Ask: no)"


def test_what_failed_in_an_earlier_run_does_not_count() -> None:
    stale = {"failed": [of_hook("before", run=BEGUN - 9)]}
    found = failover(election={**ELECTED, "hooks": {"fenced": 1}}, promotion=PROMOTED, repointing=REPOINTED, hooks=stale)
    assert (found["result"]["problems"], found["result"]["fenced"], found["complete"]) == ([], True, True)
    assert "fenced" not in failover(election={**ELECTED, "hooks": {"fenced": "0"}}, promotion=PROMOTED, repointing=REPOINTED)["result"]
    assert failover(election=refused("bad_input"), hooks=stale)["result"]["outcome"] == "refused"


def test_an_event_is_what_is_known_so_far() -> None:
    event = failover(election={**ELECTED, "received": "0-1-7"}, promotion=SKIPPED)["event"]
    assert event == {
        "verb": "failover",
        "cluster": "orders",
        "old_primary": {**DB0, "status": "dead"},
        "new_primary": DB1,
        "replicas": ["db2"],
        "replicating": ["db2"],
        "gtids": "0-1-7",
        "refusal": None,
    }
    for repointed, replicating in ((REPOINTED, ["db2"]), (NOT_REPOINTED, [])):
        assert failover(election=ELECTED, promotion=PROMOTED, repointing=repointed)["event"]["replicating"] == replicating
    event = failover(election=ALIVE)["event"]
    assert (event["old_primary"], event["new_primary"], event["replicas"]) == (None, DB0, ["db1", "db2"])
    # A run that was interrupted has opened it already.
    event = failover(election={**ALIVE, "best": DB0, "todo": {**NOTHING, "promote": True}})["event"]
    assert (event["old_primary"], event["new_primary"]) == (None, DB0)
    event = failover(election=refused("primary_unknown"))["event"]
    assert (event["old_primary"], event["new_primary"], event["refusal"]["code"]) == (None, None, "primary_unknown")
    look = {**ALIVE, "todo": {"rejoin": ["db2"]}}
    event = report("rejoin", {"look": look}, cluster="orders", check=False, now=NOW)["event"]
    assert (event["old_primary"], event["new_primary"], event["replicas"]) == ({**DB2, "status": None}, DB0, ["db1"])


def test_a_plan_says_what_would_be_run() -> None:
    found = report("failover", {"election": {**ALIVE, "hooks": {"moments": {}, "would": ["after: x.yml"]}}}, cluster="orders", check=True, now=NOW)
    assert found["summary"][-1] == "would run after: x.yml"
