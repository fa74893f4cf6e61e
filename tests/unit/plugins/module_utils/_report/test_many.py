# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run for many clusters says at its end, and leaves."""

from __future__ import annotations

from typing import Any

from ansible_collections.dbha.mysql.plugins.module_utils._report.many import summarise

DB1 = {"name": "db1", "host": "10.0.0.1", "port": 3306}


def left(outcome: str, *codes: str, **more: Any) -> dict[str, Any]:
    problems = [{"code": code, "server": server, "message": "m", "remedy": "r"} for code, _at, server in (code.partition("@") for code in codes)]
    return {"outcome": outcome, "check": False, "problems": problems, "new_primary": None, "seconds": 1.0, **more}


def test_there_is_a_line_for_each_cluster_and_those_that_failed_come_first() -> None:
    found = summarise(
        [
            ("a", left("promoted", new_primary=DB1)),
            ("b", left("refused", "unreachable@db1", "unreachable@db2", "no_candidate")),
            ("c", left("unchanged", new_primary=DB1)),
            ("d", left("promoted", "hook_failed", new_primary=DB1, lost=[{"server": "db0"}])),
            ("e", left("unchanged", findings=[{"code": "not_durable", "server": "db0"}], new_primary=DB1)),
            ("f", left("failed", "statement_failed@db1")),
            ("g", {}),
        ]
    )
    assert found["summary"] == [
        "b: refused; unreachable (db1, db2); no_candidate",
        "d: promoted; hook_failed; the primary is db1 (10.0.0.1:3306); transactions are lost",
        "f: failed; statement_failed (db1)",
        "g: failed; task_failed",
        "a: promoted; the primary is db1 (10.0.0.1:3306)",
        "c: unchanged; the primary is db1 (10.0.0.1:3306)",
        "e: unchanged; the primary is db1 (10.0.0.1:3306); not_durable (db0)",
        "4 of 7 clusters failed",
    ]
    result = found["result"]
    assert (result["outcome"], result["failed"], result["clusters"]) == ("failed", ["b", "d", "f", "g"], list("abcdefg"))
    assert {(each["cluster"], each["code"]) for each in result["problems"]} >= {("b", "no_candidate"), ("g", "task_failed")}
    assert list(found["results"]) == list("abcdefg")
    assert not found["complete"]


def test_a_plan_says_what_would_be() -> None:
    plan = {"outcome": "promoted", "new_primary": DB1, "lost": []}
    nothing = {"outcome": "unchanged"}
    found = summarise([("a", {**left("unchanged"), "check": True, "plan": plan}), ("b", {**left("unchanged"), "check": True, "plan": nothing})])
    assert found["summary"] == ["a: would be promoted; the primary would be db1 (10.0.0.1:3306)", "b: unchanged", "none of 2 clusters failed"]
    assert (found["result"]["check"], found["result"]["outcome"], found["complete"]) == (True, "unchanged", True)
