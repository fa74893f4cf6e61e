# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a page shows of a run, as tables; what it looks like is tested in filter/test_page_of_a_run.py."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._report.drawing import picture
from ansible_collections.dbha.mysql.plugins.module_utils._report.page import page

NOW = 1795779161.0
SENT = {"server": "db1", "statement": "STOP REPLICA IO_THREAD"}
DB0, DB1, DB2 = ({"name": f"db{number}", "host": f"10.0.0.1{number}", "port": 3306} for number in range(3))
PROBLEM = {"code": "wait_timeout", "server": "db2", "message": "db2 does not replicate yet", "remedy": "Look at it."}


def primary(**values: Any) -> dict[str, Any]:
    return {**DB0, "status": "alive", "reachable": True, "version": "10.11.18-MariaDB-log", "writable": True, "executed": "0-1-2", "error": None, **values}


def replica(place: dict[str, Any], source: str | None = "db0", **values: Any) -> dict[str, Any]:
    threads = {"receiver": "running", "applier": "running", "lag": 0, "replicating": True} if source else {"replicating": False}
    return {**place, "reachable": True, "error": None, "version": "10.11.18-MariaDB-log", "writable": False, "source": source, **threads, **values}


DEAD = primary(status="dead", reachable=False, version=None, writable=None, executed=None, error="db0 cannot be reached")


def shown(role: str, result: dict[str, Any], **done: dict[str, Any]) -> dict[str, Any]:
    common = {"cluster": "orders", "outcome": "unchanged", "check": False, "problems": [], "seconds": 1.0, "old_primary": None, "new_primary": None}
    return page(role, done, {**common, **result}, now=NOW)


def nodes(drawing: Any) -> dict[str, tuple[str, str, bool]]:
    return {node["name"]: (node["role"], node["grade"], node["broken"]) for node in drawing["nodes"]}


def finding(grade: str, server: str = "db1", message: str = "is so") -> dict[str, Any]:
    return {"code": "not_durable", "grade": grade, "concerns": ["failover"], "server": server, "message": message, "remedy": "Do it."}


def look(*findings: dict[str, Any], **values: Any) -> dict[str, Any]:
    rehearsal = {"best": "db1", "to_apply": 0, "seconds": 0.0, "lost": 3, "statements": [SENT], "not_eligible": {"db2": ["its binary log is off"]}}
    return {"primary": primary(), "replicas": [replica(DB1), replica(DB2)], "time": NOW, "findings": list(findings), "rehearsal": rehearsal, **values}


@pytest.mark.parametrize(
    ("grades", "verdict"),
    [
        (["blocks", "advice"], ("blocks", "Not ready")),
        (["hurts", "advice"], ("hurts", "Ready, but it would hurt")),
        (["advice"], ("advice", "Ready; some advice")),
        ([], ("fine", "Ready")),
    ],
)
def test_a_check_is_as_grave_as_the_gravest_finding(grades: list[str], verdict: tuple[str, str]) -> None:
    found = shown("check", {}, look=look(*(finding(grade) for grade in grades)))
    assert (found["verdict"]["grade"], found["verdict"]["text"]) == verdict
    assert nodes(found["pictures"][0])["db1"][1] == verdict[0]
    assert found["losses"] == []
    expected = {"best": "db1", "to_apply": 0, "seconds": 0.0, "lost": 3, "statements": [SENT], "not_eligible": [("db2", ["its binary log is off"])]}
    assert found["rehearsal"] == {"primary": "db0", **expected}


def test_a_check_that_expects_something_else_has_no_findings() -> None:
    seen = {"primary": DEAD, "replicas": [replica(DB1)], "time": NOW}
    found = shown("check", {}, look=seen)
    assert (found["verdict"]["text"], found["findings"], found["rehearsal"]) == ("As expected", None, None)
    assert shown("check", {"problems": [PROBLEM]}, look=seen)["verdict"] == {"grade": "blocks", "text": "Not as expected"}


def test_what_is_found_of_several_servers_is_said_once_and_a_problem_that_is_a_finding_too() -> None:
    blocking = {**finding("blocks", "db2"), "code": PROBLEM["code"]}
    found = shown("check", {"problems": [PROBLEM]}, look=look(blocking, finding("advice"), finding("advice", "db2"), finding("advice", "")))
    assert [(each["grade"], each["servers"]) for each in found["findings"]] == [("blocks", ["db2"]), ("advice", ["db1", "db2"])]
    assert found["problems"] == []
    assert ("Findings", "1 blocks, 3 advice") in found["facts"]


def test_settings_that_differ_are_marked_and_states_that_always_differ_are_not() -> None:
    settings = {"db0": {"sync_binlog": "1", "time_zone": "SYSTEM"}, "db1": {"sync_binlog": "0", "time_zone": "SYSTEM"}, "db2": {"time_zone": "SYSTEM"}}
    replicas = [replica(DB1, server_id=2), replica(DB2, server_id=3, version="11.8.1-MariaDB", receiver_error="lost")]
    table = shown("check", {}, look=look(settings=settings, replicas=replicas))["table"]
    assert table["names"] == ["db0", "db1", "db2"]
    assert [row["label"] for row in table["rows"] if row["differs"]] == ["version", "sync_binlog"]
    cells = {row["label"]: row["cells"] for row in table["rows"]}
    assert cells["sync_binlog"] == ["1", "0", None]
    assert cells["takes writes"] == ["yes", "no", "no"]
    assert cells["receiver's error"] == [None, None, "lost"]
    assert "applier's error" not in cells


def test_a_drawing_has_replicas_below_their_source_and_every_server_once() -> None:
    members = [{**primary(), "is_primary": True}, replica(DB2, "db1"), replica(DB1, lag=7, delay=60), replica({**DB0, "name": "db9"}, "10.0.0.99:3306")]
    drawing = picture("title", members, {"db1": "hurts"})
    assert [(node["name"], node["x"]) for node in drawing["nodes"]] == [("db0", 1), ("db1", 31), ("db2", 61), ("10.0.0.99:3306", 1), ("db9", 31)]
    assert (drawing["width"], drawing["height"]) == (61 + 352 + 1, 5 * 86 - 14 + 2)
    states = {node["name"]: node["state"] for node in drawing["nodes"]}
    assert states["db1"] == "read-only, replicates, lag 7 s, delayed 60 s"
    assert nodes(drawing)["10.0.0.99:3306"] == ("", "unknown", False)
    (second,) = [node for node in drawing["nodes"] if node["name"] == "db2"]
    assert second["line"] == "M45 159V209H54"


def test_a_drawing_of_a_circle_ends() -> None:
    drawing = picture("title", [replica(DB1, "db2"), replica(DB2, "db1")], {})
    assert [(node["name"], bool(node["line"])) for node in drawing["nodes"]] == [("db1", False), ("db2", True)]
    assert picture("title", [], {})["nodes"] == []


@pytest.mark.parametrize(
    ("member", "state", "grade"),
    [
        (replica(DB1, receiver="connecting", replicating=False), "read-only, receiver connecting, lag 0 s", "hurts"),
        (replica(DB1, applier="stopped", applier_error="1062", replicating=False), "read-only, 1062, lag 0 s", "hurts"),
        (replica(DB1, None, writable=True), "takes writes", "hurts"),
        (replica(DB1, error="x" * 60), "x" * 45 + "\u2026", "fine"),
        ({**DB1, "reachable": False, "error": "refused"}, "refused", "blocks"),
    ],
)
def test_what_is_said_of_a_server_in_a_drawing(member: dict[str, Any], state: str, grade: str) -> None:
    (node,) = [node for node in picture("title", [{**primary(), "is_primary": True}, member], {})["nodes"] if node["name"] == "db1"]
    assert (node["state"], node["grade"]) == (state, grade)


ELECTION = {"primary": DEAD, "replicas": [replica(DB1, receiver="connecting", replicating=False), replica(DB2)], "time": NOW}
OPENED = {"opened": True, "time": NOW + 0.26, "primary": DB1, "statements": [{"server": "db1", "statement": "SET GLOBAL read_only = 0"}]}
PROMOTED = {"outcome": "promoted", "old_primary": DB0, "new_primary": DB1, "replicas": [], "lost": []}


def test_a_failover_shows_the_servers_before_and_after() -> None:
    repointing = {"replicas": [{**DB2, "changed": True, "replicating": True, "problem": None}], "warnings": ["so"]}
    found = shown("failover", PROMOTED, election=ELECTION, promotion=OPENED, repointing=repointing)
    before, after = found["pictures"]
    assert (before["title"], after["title"]) == ("Before", "After")
    assert nodes(before) == {"db0": ("dead", "blocks", False), "db1": ("replica", "hurts", True), "db2": ("replica", "fine", False)}
    assert nodes(after) == {"db1": ("primary", "fine", False), "db2": ("replica", "fine", False), "db0": ("dead", "blocks", False)}
    assert found["verdict"] == {"grade": "fine", "text": "db1 is the primary"}
    assert ("Opened for writes", "0.26 s after the first look") in found["facts"]
    assert ("New primary", "db1 (10.0.0.11:3306)") in found["facts"]
    assert [each["what"] for each in found["losses"]] == ["Nothing that any replica that answered has received is lost"]
    assert (found["warnings"], found["statements"]) == (["so"], OPENED["statements"])


def test_a_replica_that_does_not_follow_is_marked_after_a_failover() -> None:
    repointing = {"replicas": [{**DB2, "changed": True, "replicating": False, "problem": PROBLEM}]}
    found = shown("failover", {**PROMOTED, "problems": [PROBLEM]}, election=ELECTION, promotion=OPENED, repointing=repointing)
    assert nodes(found["pictures"][1])["db2"] == ("replica", "blocks", True)
    assert found["verdict"] == {"grade": "hurts", "text": "db1 is the primary; something is left to do, run it again"}
    (node,) = [node for node in found["pictures"][1]["nodes"] if node["name"] == "db2"]
    assert node["state"] == PROBLEM["message"]


def test_what_was_lost_and_salvaged_is_shown() -> None:
    lost = [{"server": "db0", "gtids": "0-1-9", "count": 1}]
    salvaged = {"count": 4, "gtids": "0-1-5", "problem": {"message": "the host hangs"}}
    found = shown("failover", {**PROMOTED, "lost": lost, "salvaged": salvaged}, election=ELECTION, promotion=OPENED)["losses"]
    assert [(each["grade"], each["what"], each["count"], each["gtids"]) for each in found] == [
        ("blocks", "lost", 1, "0-1-9"),
        ("fine", "salvaged", 4, "0-1-5"),
        ("hurts", "not salvaged: the host hangs", None, ""),
    ]
    told = shown("failover", {**PROMOTED, "salvaged": {"problem": "no"}}, election=ELECTION, promotion=OPENED)["losses"]
    assert [each["what"] for each in told] == ["not salvaged: no"]


def test_a_rejoin_shows_who_came_back_and_what_it_alone_had() -> None:
    seen = {"primary": primary(), "replicas": [replica(DB1, None, writable=True), replica(DB2)], "time": NOW}
    own, saved = {"gtids": "0-2-7", "count": 2, "without_gtid": 1}, {"directory": "/srv/saved"}
    joining = {"replicas": [{**DB1, "changed": True, "replicating": True, "problem": None}]}
    result = {"outcome": "joined", "old_primary": DB1, "new_primary": DB0, "replicas": joining["replicas"], "own": own, "saved": saved}
    found = shown("rejoin", result, look=seen, preparation={}, joining=joining)
    before, after = found["pictures"]
    assert (nodes(before)["db1"], nodes(after)["db1"]) == (("no source", "hurts", False), ("replica", "fine", False))
    assert found["verdict"]["text"] == "db1 replicates again"
    assert ("Brought back", "db1 (10.0.0.11:3306)") in found["facts"]
    assert [(each["what"], each["server"], each["count"]) for each in found["losses"]] == [("only on the former primary, saved in /srv/saved", "db1", 3)]


def test_a_plan_is_shown_as_one_and_a_run_that_was_refused_as_it_found_the_servers() -> None:
    repointing = {"replicas": [{**DB0, "changed": True, "replicating": False, "problem": None}]}
    election = {**ELECTION, "primary": primary()}
    plan = shown("switchover", {"check": True, "plan": {**PROMOTED, "downtime": 0.5}}, election=election, promotion=OPENED, repointing=repointing)
    assert [each["title"] for each in plan["pictures"]] == ["Before", "As planned"]
    assert nodes(plan["pictures"][1])["db0"] == ("replica", "fine", False)
    assert (plan["plan"], plan["verdict"]["text"]) == (True, "Plan: db1 is the primary")
    assert not [said for said, _value in plan["facts"] if "write" in said]

    refused = shown("switchover", {"outcome": "refused", "problems": [PROBLEM], "replicas": []}, election=election)
    assert [each["title"] for each in refused["pictures"]] == ["As it was found"]
    assert refused["verdict"]["grade"] == "blocks"
    assert refused["losses"] == []

    done = shown("switchover", {**PROMOTED, "downtime": 0.0059}, election=election, promotion=OPENED)
    assert ("Nobody could write for", "0.006 s") in done["facts"]
    nothing = shown("switchover", {"new_primary": DB0, "replicas": []}, election=election)
    assert (nothing["verdict"]["text"], nothing["pictures"][0]["title"]) == ("Nothing needed to be done", "Who replicates from whom")


def test_a_run_that_has_seen_nothing_has_a_page_all_the_same() -> None:
    found = shown("failover", {"outcome": "refused", "problems": [PROBLEM]}, election={"problems": [PROBLEM]})
    assert (found["pictures"], found["table"]["rows"], found["bars"]) == ([], [], [])
    assert found["problems"] == [PROBLEM]
    without = shown("check", {"problems": [PROBLEM]}, look={"primary": None, "replicas": [replica(DB1)]})
    assert nodes(without["pictures"][0])["db1"][0] == "replica"


def test_bars_are_parts_of_the_whole_one_task_after_the_other() -> None:
    first = {"timeline": [{"step": "look", "server": "", "start": 0.0, "seconds": 1.0}, {"step": "connect", "server": "db1", "start": 0.5, "seconds": 0.25}]}
    second = {"timeline": [{"step": "allow writes", "server": "db1", "start": 0.5, "seconds": 0.5}]}
    bars = shown("failover", {"outcome": "promoted", "new_primary": DB1}, election=first, promotion=second, undo={})["bars"]
    assert [(group["title"], group["seconds"]) for group in bars] == [("Look, elect", "1.000"), ("Promote", "1.000")]
    steps = [(step["step"], step["left"], step["width"], step["opening"]) for group in bars for step in group["steps"]]
    assert steps == [("look", 0.0, 50.0, False), ("connect", 25.0, 12.5, False), ("allow writes", 75.0, 25.0, True)]
