# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a role has done, from what its tasks have registered: its result, what it says, and whether something is to be undone. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, told
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import say_check
from ansible_collections.dbha.mysql.plugins.module_utils._report.hooks import event, failures

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import Line

# What a task has registered, and what a role leaves: doors.
Registered = t.Mapping[str, t.Any]
RoleResult = t.Dict[str, t.Any]

# After these a run cannot be called refused: something was left behind.
_LEFT_BEHIND = ("not_undone", "outcome_unknown", "internal_error", "task_failed", "hook_failed")

# What task files of the user's have done is among the results of tasks under this name.
_HOOKS = "hooks"


class Report(t.TypedDict):
    """What becomes of a run of a role.

    ``result`` is what it leaves for whoever comes next, ``summary`` what it says, a line each. ``changed``: something was changed, or would be.
    ``undo``: the servers are to be put back as they were found. ``complete``: no task was left out that had to be carried out, and no task file of
    the user's has failed. ``event`` is what those know; ``refusal`` is what is said where one of them refuses. ``hooks`` are those that are to be run
    now if it is time for them: ``after`` and ``failed``.
    """

    result: RoleResult
    summary: t.List[str]
    changed: bool
    undo: bool
    complete: bool
    event: RoleResult
    refusal: t.List[str]
    hooks: t.Dict[str, t.List[Registered]]


def report(role: str, tasks: Mapping[str, Registered], *, cluster: str, check: bool, now: float) -> Report:
    """Return what a role reports.

    :arg tasks: what its tasks have registered, by a name for each, in their order; see the functions below for the names.
    :arg now: the time, in seconds since 1970.
    """
    done = carried_out(tasks)
    first = done.get("election") or done.get("look") or {}
    hooks = first.get(_HOOKS) or {}
    failed = failures(tasks.get(_HOOKS, {}).get("failed", ()), first.get("time"))
    if failed.problems:
        done[_HOOKS] = {"problems": [_described(each, role) for each in failed.problems], "stopped": failed.stopped_before}
    found = ROLES[role](done, cluster, check, now)
    # Until ansible-core 2.18 a number that went through a template is text.
    is_opened, fenced = bool(_promotion(done).get("opened")) and not check, bool(int(hooks.get("fenced", 0)))
    if fenced and is_opened:
        found["result"]["fenced"] = failed.fenced
    returning = _comes_back(done, cluster, fenced=fenced and failed.fenced) if is_opened and role == "failover" else None
    if returning is not None:
        found["result"]["comes_back"] = returning
    said, back = told(failed.problems, role).splitlines(), _say_return(returning) if returning is not None else []
    return {
        **found,
        "summary": [*found["summary"], *failed.unfenced, *said, *back, *("would run %s" % hook for hook in hooks.get("would", ()))],
        "complete": found["complete"] and not failed.problems,
        "event": event(role, done, cluster, _problems(done)),
        "refusal": said,
        "hooks": {moment: hooks.get("moments", {}).get(moment, []) if due else [] for moment, due in _due(found).items()},
    }


def _due(found: Report) -> t.Dict[str, bool]:
    return {"after": found["changed"], "failed": bool(found["result"]["problems"])}


def carried_out(tasks: Mapping[str, Registered]) -> t.Dict[str, RoleResult]:
    """Return the results of the tasks that were carried out.

    What stands behind the first one that failed was not, though it may have been in an earlier run of the same role: its variables are still there.
    """
    found: t.Dict[str, RoleResult] = {}
    for name, registered in tasks.items():
        if name == _HOOKS or not registered or registered.get("skipped"):
            continue
        if name == "salvage" and not found.get("election", {}).get("todo", {}).get("salvage"):
            continue  # as it was in an earlier run: where nothing is salvaged, the task is passed by
        found[name] = _whole(registered)
        if registered.get("failed") and name != "undo":
            break
    undo = tasks.get("undo") or {}
    return {**found, "undo": _whole(undo)} if undo and not undo.get("skipped") else found


def _whole(registered: Registered) -> RoleResult:
    """Return the whole result of a task, of which Ansible has printed only a part; see ``problems_as``."""
    hidden = registered.get("diff")
    whole = dict(hidden["result"]) if isinstance(hidden, dict) and isinstance(hidden.get("result"), dict) else dict(registered)
    if registered.get("failed") and not whole.get("problems"):
        message = str(whole.get("msg", "the task failed"))
        whole["problems"] = [{"code": "task_failed", "server": "", "message": message, "gtids": "", "remedy": remedy_of("task_failed")}]
    return whole


# A failover: election, salvage, promotion, promotion_after_salvage, repointing, verification, undo


def _failover(done: t.Dict[str, RoleResult], cluster: str, check: bool, now: float) -> Report:
    election, salvage, promotion = done.get("election", {}), done.get("salvage", {}), _promotion(done)
    dead = election.get("primary") or {}
    left = [{"server": dead["name"], "gtids": salvage["left"], "count": salvage["left_count"]}] if salvage.get("left_count") else []
    details = {
        "lost": [*election.get("lost", []), *left],
        "salvaged": {"count": salvage.get("applied_count", 0), "gtids": salvage.get("applied", ""), "problem": salvage.get("problem")},
    }
    summary = [*_said(done, check), *_lines(election.get("rehearsal"))]
    if "time" in promotion and "time" in election and not check:
        summary.append("%s was opened for writes %.2f s after the first look" % (promotion["primary"]["name"], promotion["time"] - election["time"]))
    return _moved("failover", done, details, summary, cluster=cluster, check=check, now=now)


def _comes_back(done: t.Dict[str, RoleResult], cluster: str, *, fenced: bool) -> t.Optional[RoleResult]:
    """Describe how the server that had the role before will come back, and what is to be run then."""
    known = done.get("election", {}).get("comes_back")
    if not known:
        return None
    run = "ansible-playbook dbha.mysql.rejoin -e cluster=%s" % cluster
    closed, why = (True, "it was fenced (failover_fence)") if fenced else (known["closed"], known["why"])
    return {"server": known["server"], "closed": closed, "why": why, "run": run if known["member"] else None}


def _say_return(returning: RoleResult) -> t.List[str]:
    how = "comes back closed" if returning["closed"] else "may come back open for writes"
    then = "bring it back with: %s" % returning["run"] if returning["run"] else "add it to the group, and bring it back with dbha.mysql.rejoin"
    return ["%s, which had the role before, %s: %s" % (returning["server"], how, returning["why"]), "Once it runs, %s" % then]


# A switchover: election, promotion, repointing


def _switchover(done: t.Dict[str, RoleResult], cluster: str, check: bool, now: float) -> Report:
    downtime = _promotion(done).get("downtime")
    summary = _said(done, check)
    if downtime is not None and not check:
        summary.append("nobody could write for %.2f s" % downtime)
    return _moved("switchover", done, {"lost": [], "downtime": downtime or 0}, summary, cluster=cluster, check=check, now=now)


def _promotion(done: Mapping[str, RoleResult]) -> RoleResult:
    return done.get("promotion") or done.get("promotion_after_salvage") or {}


def _moved(
    role: str, done: t.Dict[str, RoleResult], details: RoleResult, summary: t.List[str], *, cluster: str, check: bool, now: float
) -> Report:
    """Report on a role that moves the role of the primary, or leaves it where it is."""
    election, promotion, repointing = done.get("election", {}), _promotion(done), done.get("repointing", {})
    todo = election.get("todo", {})
    wanted = {"election": True, "promotion": bool(todo.get("promote")), "repointing": bool(todo.get("repoint"))}
    left_out = _left_out(done, {name: bool(promotion) if name == "promotion" else name in done for name in wanted if wanted[name]})
    problems, opened = [*_problems(done), *(_described(each, role) for each in left_out)], bool(promotion.get("opened"))
    old = election.get("primary")
    # Who is elected and not opened is no primary.
    new = election.get("best") if opened else old if todo.get("promote") is False else None
    repointed = repointing.get("replicas", [])
    others = [] if new is None else [_as_it_was(each) for each in election.get("replicas", []) if each["name"] not in _names([new, *repointed])]
    found = {"old_primary": _place(old), "new_primary": _place(new), "replicas": [*repointed, *others], **details}
    outcome = "promoted" if opened else _outcome(done, problems, "repointed")
    result = _result(outcome, found, problems, cluster=cluster, check=check, seconds=now - election.get("time", now))
    locked = any(problem["code"] == "locked" for problem in promotion.get("problems", []))
    looked_only = done.get(_HOOKS, {}).get("stopped", False)
    # The election has touched nothing where the primary is only to be finished, or opened again.
    undo = bool(problems and election.get("found")) and todo.get("promote") is True and not opened and not locked and not looked_only and not check
    return _report(role, result, summary, left_out, changed=_has_changed(done), undo=undo)


def _as_it_was(replica: Registered) -> RoleResult:
    return {**(_place(replica) or {}), "changed": False, "replicating": replica["replicating"], "problem": None}


# A rejoin: look, preparation, restarted, joining


def _rejoin(done: t.Dict[str, RoleResult], cluster: str, check: bool, now: float) -> Report:
    look, prepared, joining = done.get("look", {}), done.get("restarted") or done.get("preparation", {}), done.get("joining", {})
    wanted = ["look", *(["preparation", "joining"] if look.get("todo", {}).get("rejoin") else [])]
    left_out = _left_out(done, {name: name in done for name in wanted})
    problems = [*_problems(done), *(_described(each, "rejoin") for each in left_out)]
    primary = look.get("primary") or {}
    found = {
        "old_primary": prepared.get("server"),
        "new_primary": _place(primary) if _lives(primary) else None,
        "replicas": joining.get("replicas", []),
        "own": prepared.get("own", {"gtids": "", "count": 0, "without_gtid": 0}),
        "saved": prepared.get("saved"),
    }
    outcome = _outcome(done, problems, "joined")
    result = _result(outcome, found, problems, cluster=cluster, check=check, seconds=now - look.get("time", now))
    return _report("rejoin", result, _said(done, check), left_out, changed=_has_changed(done))


def say_entry(entry: Registered) -> str:
    """Say a row of the journal in one line."""
    roles = "%s to %s" % (entry["old_primary"], entry["new_primary"]) if entry["old_primary"] else entry["new_primary"]
    took = "" if entry["seconds"] is None else ", %.2f s" % float(entry["seconds"])
    lost = "; transactions were given up" if entry["lost"] else ""
    return "%s UTC %s: %s, by %s%s%s. %s" % (entry["at"], entry["event"], roles, entry["run_by"], took, lost, entry["why"])


def _lives(primary: Registered) -> bool:
    return primary.get("status") == "alive" and primary.get("writable") is True


# A check: look


def _check(done: t.Dict[str, RoleResult], cluster: str, check: bool, now: float) -> Report:
    look = done.get("look", {})
    left_out = _left_out(done, {"look": "look" in done})
    problems = [*_problems(done), *(_described(each, "check") for each in left_out)]
    primary = look.get("primary") or {}
    found: RoleResult = {key: look[key] for key in ("findings", "rehearsal") if key in look}
    found.update((key, look[key]) for key in ("journal", "alone") if key in look)
    found["new_primary"] = _place(primary) if _lives(primary) else None
    result = _result("refused" if problems else "unchanged", found, problems, cluster=cluster, check=check, seconds=now - look.get("time", now))
    return _report("check", result, [line.text for line in say_look(look)], left_out, changed=False)


def say_look(look: Registered) -> t.List[Line]:
    """Return what a check says of what its task has given back."""
    return say_check(look, map(say_entry, look.get("journal", [])))


# Every role that reports, and how.
ROLES: t.Dict[str, t.Callable[[t.Dict[str, RoleResult], str, bool, float], Report]] = {
    "check": _check,
    "failover": _failover,
    "rejoin": _rejoin,
    "switchover": _switchover,
}


# What all have in common


def _left_out(done: Mapping[str, RoleResult], wanted: Mapping[str, bool]) -> t.List[Problem]:
    """Return what is wrong where Ansible was told to leave a task out without which a run is none, and where no task has failed before it.

    :arg wanted: the tasks that had to be carried out, and whether they were.
    """
    missing = [name for name, carried_out in wanted.items() if not carried_out]
    if not missing or _problems(done):
        return []
    return [Problem("partial_run", "", "the run is not whole: Ansible was told to leave out a step (%s)" % ", ".join(missing))]


def _report(role: str, result: RoleResult, summary: t.List[str], left_out: t.Sequence[Problem], *, changed: bool, undo: bool = False) -> Report:
    """Return a report. Of a run that is not whole only that is said: what else there is to say would be half of it."""
    said = told(left_out, role).splitlines() or summary
    return {"result": result, "summary": said, "changed": changed, "undo": undo, "complete": not left_out, "event": {}, "refusal": [], "hooks": {}}


def _outcome(done: Mapping[str, RoleResult], problems: t.Sequence[Registered], changed: str) -> str:
    """Say how a run has ended that has opened no server: what was changed goes before ``unchanged``, and what stays so although it failed is ``failed``."""
    if problems:
        # Whatever is done before the last task is undone, or does no harm.
        last = done.get("verification") or done.get("repointing") or done.get("joining") or {}
        return "failed" if last.get("problems") or any(problem["code"] in _LEFT_BEHIND for problem in problems) else "refused"
    return changed if _has_changed(done) else "unchanged"


def _result(outcome: str, found: RoleResult, problems: t.List[RoleResult], *, cluster: str, check: bool, seconds: float) -> RoleResult:
    """Return what a role leaves. What a plan would do is no result: it lies apart, where nobody takes it for what was done."""
    left = {"cluster": cluster, "outcome": outcome, "check": check, "problems": problems, "seconds": round(seconds, 2)}
    if not check:
        return {**left, **found}
    return left if problems else {**left, "outcome": "unchanged", "plan": {"outcome": outcome, **found}}


def _problems(done: Mapping[str, RoleResult]) -> t.List[RoleResult]:
    described = [problem for result in done.values() for problem in result.get("problems", [])]
    return [{key: problem[key] for key in ("code", "server", "message", "remedy")} for problem in described]


def _described(problem: Problem, role: str) -> RoleResult:
    return {"code": problem.code, "server": problem.server, "message": problem.message, "remedy": problem.remedy(role)}


def _has_changed(done: Mapping[str, RoleResult]) -> bool:
    return any(result.get("changed") for result in done.values())


def _said(done: Mapping[str, RoleResult], check: bool) -> t.List[str]:
    """Return what each task has said, and, of a plan, the statements."""
    said = [line for result in done.values() for line in _lines(result.get("msg"))]
    plan = ["%s: %s" % (sent["server"], sent["statement"]) for result in done.values() for sent in result.get("statements", [])]
    return [*said, *([] if plan else ["nothing is to be done"]), *(plan if check else [])]


def _lines(text: t.Optional[str]) -> t.List[str]:
    return (text or "").splitlines()


def _names(servers: t.Iterable[t.Optional[Registered]]) -> t.List[str]:
    return [server["name"] for server in servers if server]


def _place(server: t.Optional[Registered]) -> t.Optional[RoleResult]:
    return {key: server[key] for key in ("name", "host", "port")} if server else None
