# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a run for many clusters reports, from the result of each. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, named
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Result = t.Dict[str, t.Any]

# How a run can end, the worst first.
_OUTCOMES = ("failed", "refused", "promoted", "repointed", "joined", "unchanged")

_NOTHING_LEFT = "nothing is known of what became of the cluster, because it has left no result: look at its last task"


class Summary(t.TypedDict):
    """What becomes of a run for many clusters.

    ``result`` is what is left of the run as a whole, ``results`` of each cluster, by its name. ``summary`` is what is said, a line for each cluster, those
    that failed first. ``complete``: each cluster has left a result.
    """

    result: Result
    results: t.Dict[str, Result]
    summary: t.List[str]
    complete: bool


def summarise(left: Iterable[t.Tuple[str, Mapping[str, t.Any]]]) -> Summary:
    """Return what a run reports.

    :arg left: each cluster with the result that it has left, which is empty where it has left none.
    """
    results = {cluster: dict(result) if result.get("outcome") else _without_result(cluster) for cluster, result in left}
    bad = {cluster: result for cluster, result in results.items() if result["problems"]}
    good = {cluster: result for cluster, result in results.items() if cluster not in bad}
    found = {result["outcome"] for result in results.values()}
    whole: Result = {
        "cluster": "",
        "clusters": list(results),
        "failed": list(bad),
        "outcome": next((outcome for outcome in _OUTCOMES if outcome in found), "unchanged"),
        "check": any(result["check"] for result in results.values()),
        "problems": [{"cluster": cluster, **problem} for cluster, result in bad.items() for problem in result["problems"]],
        # Nobody moves one address for many clusters.
        "new_primary": None,
    }
    lines = [_line(cluster, result) for cluster, result in [*bad.items(), *good.items()]]
    of_all = "%d of %d clusters failed" % (len(bad), len(results)) if bad else "none of %d clusters failed" % len(results)
    return {"result": whole, "results": results, "summary": [*lines, of_all], "complete": all("seconds" in result for result in results.values())}


def _without_result(cluster: str) -> Result:
    problem = {"code": "task_failed", "server": "", "message": _NOTHING_LEFT, "remedy": remedy_of("task_failed")}
    return {"cluster": cluster, "outcome": "failed", "check": False, "problems": [problem], "new_primary": None}


def _line(cluster: str, result: Mapping[str, t.Any]) -> str:
    """Return what is said of a cluster: how it has ended, what is wrong, who is the primary, and what was given up."""
    plan = result.get("plan") or {}
    said = ["would be %s" % plan["outcome"] if plan.get("outcome", "unchanged") != "unchanged" else str(result["outcome"])]
    problems: Sequence[Mapping[str, str]] = result["problems"]
    if problems:
        said.append(_named(problems))
    primary = plan.get("new_primary") or result.get("new_primary")
    if primary:
        said.append("the primary %s %s (%s:%s)" % ("would be" if plan else "is", primary["name"], primary["host"], primary["port"]))
    lost = plan.get("lost") or result.get("lost")
    if lost:
        said.append("transactions are lost")
    findings = result.get("findings") or []
    if findings and not problems:
        said.append(_named(findings))
    return "%s: %s" % (cluster, "; ".join(said))


def _named(found: Sequence[Mapping[str, str]]) -> str:
    # Only who and what; a finding has no GTIDs.
    return named(Problem.described({"message": "", "gtids": "", **each}) for each in found)
