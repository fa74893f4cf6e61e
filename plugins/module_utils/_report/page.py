# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a page shows of a run: drawings, findings, members side by side, a timeline. Pure; the page itself is a template."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import ADVICE, BLOCKS, GRADES, HURTS
from ansible_collections.dbha.mysql.plugins.module_utils._report.drawing import FINE, picture

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._report.roles import RoleResult

# What a template is given: a door.
Context = t.Dict[str, t.Any]

_TASKS = {
    "look": "Look at every member",
    "election": "Look, elect",
    "promotion": "Promote",
    "salvage": "Salvage",
    "promotion_after_salvage": "Promote, with what was salvaged",
    "repointing": "Repoint",
    "verification": "Look again",
    "undo": "Undo",
    "preparation": "Close, see what it alone has",
    "restarted": "Start the copy",
    "joining": "Let it replicate",
}
_RUNS = {"check": "Check", "failover": "Failover", "switchover": "Switchover", "rejoin": "Rejoin"}

# From then on clients can write to the new primary.
_OPENING = "allow writes"


class Marked(t.TypedDict):
    """How something stands, in a word or a sentence, and how grave that is."""

    grade: str
    text: str


def page(role: str, done: Mapping[str, RoleResult], result: RoleResult, *, now: float) -> Context:
    """Return what the page of a run shows.

    :arg done: the results of its tasks that were carried out, by their names, in their order.
    :arg result: what the role leaves, ``dbha_result``.
    :arg now: the time, in seconds since 1970.
    """
    look = done.get("look") or done.get("election") or {}
    findings = look.get("findings") if role == "check" else None
    known = {(each["code"], each["server"]) for each in findings or ()}
    problems = [each for each in result["problems"] if (each["code"], each["server"]) not in known]
    found: RoleResult = {**result, **result.get("plan", {})}
    before, after = members_of(look), _after(role, done, found)
    marks = _marks([*(findings or []), *({**each, "grade": BLOCKS} for each in problems)])
    pictures = [picture(_picture_title(role, after, result), before, marks)] if before else []
    if before and after != before:
        pictures = [picture("Before", before, {}), picture("As planned" if result["check"] else "After", after, marks)]
    return {
        "cluster": str(result["cluster"]) or "?",
        "run": _RUNS[role],
        "plan": result["check"],
        "verdict": _verdict(role, found, problems, findings),
        "facts": _facts(role, done, found, now),
        "pictures": pictures,
        "problems": problems,
        "warnings": [str(warning) for task in done.values() for warning in task.get("warnings", [])],
        "findings": None if findings is None else _grouped(findings),
        "rehearsal": _rehearsal(look) if findings is not None else None,
        "losses": _losses(role, found),
        "table": _table(before, look.get("settings", {})),
        "bars": _bars(done),
        "statements": [sent for task in done.values() for sent in task.get("statements", [])],
    }


def _picture_title(role: str, after: t.Sequence[RoleResult], result: RoleResult) -> str:
    return "Who replicates from whom" if role == "check" or not after or result["outcome"] == "unchanged" else "As it was found"


def _marks(found: Iterable[RoleResult]) -> t.Dict[str, str]:
    """Return for each server how grave the gravest is that was found of it."""
    marks: t.Dict[str, str] = {}
    for each in found:
        if each["server"]:
            marks[each["server"]] = min(each["grade"], marks.get(each["server"], ADVICE), key=GRADES.index)
    return marks


def _verdict(role: str, found: RoleResult, problems: t.Sequence[RoleResult], findings: t.Optional[t.Sequence[RoleResult]]) -> Marked:
    if role == "check":
        worst = min([each["grade"] for each in findings or ()], key=GRADES.index, default=FINE)
        if problems or worst == BLOCKS:
            return {"grade": BLOCKS, "text": "Not ready" if findings is not None else "Not as expected"}
        if findings is None:
            return {"grade": FINE, "text": "As expected"}
        return {"grade": worst, "text": {HURTS: "Ready, but it would hurt", ADVICE: "Ready; some advice", FINE: "Ready"}[worst]}
    new = (found.get("new_primary") or {}).get("name")
    texts = {
        "promoted": "%s is the primary" % new,
        "repointed": "Replicas were repointed; %s is the primary as before" % new,
        "joined": "%s replicates again" % (found.get("old_primary") or {}).get("name"),
        "unchanged": "Nothing needs to be done" if found["check"] else "Nothing needed to be done",
        "refused": "Refused: the servers are as they were found",
        "failed": "Failed: something is left to do, run it again",
    }
    text = str(texts.get(found["outcome"], found["outcome"]))
    if problems and found["outcome"] == "promoted":
        return {"grade": HURTS, "text": text + "; something is left to do, run it again"}
    return {"grade": BLOCKS if problems else FINE, "text": ("Plan: " if found["check"] else "") + text}


def _facts(role: str, done: Mapping[str, RoleResult], found: RoleResult, now: float) -> t.List[t.Tuple[str, str]]:
    look = done.get("look") or done.get("election") or {}
    promotion = done.get("promotion") or done.get("promotion_after_salvage") or {}
    facts = [("Cluster", str(found["cluster"])), ("Begun", _utc(look.get("time", now))), ("Took", "%.2f s" % found["seconds"])]
    new, old = found.get("new_primary"), found.get("old_primary")
    if "findings" in look:
        grades = [each["grade"] for each in look["findings"]]
        facts.append(("Findings", ", ".join("%d %s" % (grades.count(grade), grade) for grade in GRADES if grade in grades) or "none"))
    if old and role != "rejoin":
        facts.append(("Primary before", _at(old)))
    if new:
        facts.append(("Primary" if role == "check" or found["outcome"] != "promoted" else "New primary", _at(new)))
    if role == "rejoin" and old:
        facts.append(("Brought back", _at(old)))
    if role == "failover" and "time" in promotion and "time" in look and not found["check"]:
        facts.append(("Opened for writes", "%.2f s after the first look" % (promotion["time"] - look["time"])))
    if role == "switchover" and found.get("downtime") and not found["check"]:
        facts.append(("Nobody could write for", "%.3f s" % found["downtime"]))
    return facts


def _at(place: RoleResult) -> str:
    return "%s (%s:%s)" % (place["name"], place["host"], place["port"])


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


# Who replicates from whom


def members_of(look: Mapping[str, t.Any]) -> t.List[RoleResult]:
    """Return the servers that a task has looked at, the primary first; the primary says of itself what the others do."""
    primary, replicas = look.get("primary"), look.get("replicas", [])
    if not primary:
        return list(replicas)
    return [{**primary, "source": None, "is_primary": True}, *replicas]


def _after(role: str, done: Mapping[str, RoleResult], found: RoleResult) -> t.List[RoleResult]:
    """Return the servers as they are after a run, as far as it has seen to them itself."""
    before = members_of(done.get("look") or done.get("election") or {})
    new = (found.get("new_primary") or {}).get("name")
    if role == "check" or new is None:
        return before
    repointed = {each["name"]: each for each in (done.get("repointing") or done.get("joining") or {}).get("replicas", [])}
    seen = []
    for member in before:
        name = member["name"]
        if name == new and found["outcome"] == "promoted":
            changed: RoleResult = {"is_primary": True, "writable": True, "source": None, "receiver": None, "applier": None, "error": None}
        elif name in repointed:
            problem = repointed[name].get("problem")
            runs = repointed[name]["replicating"] or (found["check"] and not problem)
            changed = {"is_primary": False, "writable": False, "source": new, "receiver": None, "applier": None, "lag": None, "status": None}
            changed.update(receiver_error=None, applier_error=None)
            changed.update(replicating=runs, error=(problem or {}).get("message") if isinstance(problem, dict) else problem)
        else:
            changed = {"is_primary": False} if member.get("is_primary") and found["outcome"] == "promoted" else {}
        seen.append({**member, **changed} if any(member.get(key) != value for key, value in changed.items()) else member)
    return seen


# What was found


def _grouped(findings: t.Sequence[RoleResult]) -> t.List[Context]:
    """Return each kind of finding once, with the servers that it is of: what to do is the same for all of them."""
    groups: t.Dict[t.Tuple[str, str, str, str], Context] = {}
    for each in findings:
        key = (each["grade"], each["code"], each["message"], each["remedy"])
        group = groups.setdefault(key, {**each, "servers": []})
        group["servers"] += [each["server"]] if each["server"] else []
    return list(groups.values())


def _rehearsal(look: RoleResult) -> Context:
    rehearsal = look["rehearsal"]
    reasons = sorted(rehearsal["not_eligible"].items())
    return {"primary": (look.get("primary") or {}).get("name"), **rehearsal, "not_eligible": reasons}


def _losses(role: str, found: RoleResult) -> t.List[Context]:
    """Return what was lost, salvaged, or is only on a former primary, each with how grave that is. Empty for a check, which loses nothing."""
    if role == "check" or "replicas" not in found:
        return []
    rows = [{"grade": BLOCKS, "what": "lost", "server": each["server"], "count": each["count"], "gtids": each["gtids"]} for each in found.get("lost", [])]
    salvaged, own, saved = found.get("salvaged") or {}, found.get("own") or {}, found.get("saved") or {}
    if salvaged.get("count"):
        rows.append({"grade": FINE, "what": "salvaged", "server": "", "count": salvaged["count"], "gtids": salvaged["gtids"]})
    if salvaged.get("problem"):
        rows.append({"grade": HURTS, "what": "not salvaged: %s" % _message(salvaged["problem"]), "server": "", "count": None, "gtids": ""})
    if own.get("count") or own.get("without_gtid"):
        what = "only on the former primary" + (", saved in %s" % saved["directory"] if saved.get("directory") else "")
        count = own["count"] + own.get("without_gtid", 0)
        rows.append({"grade": HURTS, "what": what, "server": (found.get("old_primary") or {}).get("name", ""), "count": count, "gtids": own["gtids"]})
    if not rows and found["outcome"] not in ("refused", "failed"):
        what = {
            "failover": "Nothing that any replica that answered has received is lost",
            "rejoin": "It had nothing that the primary lacks",
        }.get(role, "Nothing is lost")
        rows.append({"grade": FINE, "what": what, "server": "", "count": None, "gtids": ""})
    return rows


def _message(problem: t.Any) -> str:
    return str(problem["message"]) if isinstance(problem, dict) and "message" in problem else str(problem)


# Members side by side

_ROWS = (
    ("version", "version"),
    ("server_id", "server id"),
    ("gtid_mode", "GTIDs"),
    ("writable", "takes writes"),
    ("source", "replicates from"),
    ("receiver", "receiver"),
    ("applier", "applier"),
    ("lag", "lag (s)"),
    ("delay", "delay (s)"),
    ("executed", "executed"),
    ("received", "received"),
    ("receiver_error", "receiver's error"),
    ("applier_error", "applier's error"),
    ("error", "error"),
)
# Where members differ in one of these, that is worth a look. Everything of which a server is set up counts as well.
_COMPARED = ("version", "gtid_mode")


def _table(members: t.Sequence[RoleResult], settings: Mapping[str, Mapping[str, str]]) -> Context:
    """Set members side by side: a row for each thing to know of them that at least one has, and whether they differ where they should not."""
    names = [str(member["name"]) for member in members]
    rows = [_row(label, [_text(member.get(key)) for member in members], key in _COMPARED) for key, label in _ROWS]
    variables = sorted({variable for values in settings.values() for variable in values})
    rows += [_row(variable, [settings.get(name, {}).get(variable) for name in names], True) for variable in variables]
    return {"names": names, "rows": [row for row in rows if any(cell for cell in row["cells"])]}


def _row(label: str, cells: t.List[t.Optional[str]], compared: bool) -> Context:
    return {"label": label, "cells": cells, "differs": compared and len({cell for cell in cells if cell is not None}) > 1}


def _text(value: t.Any) -> t.Optional[str]:
    return None if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


# What took how long


def _bars(done: Mapping[str, RoleResult]) -> t.List[Context]:
    """Return a group of bars for each task, one after the other, as parts of the whole (%)."""
    ends = {name: max((step["start"] + step["seconds"] for step in task.get("timeline", [])), default=0.0) for name, task in done.items()}
    whole, begun = sum(ends.values()) or 1.0, 0.0
    groups: t.List[Context] = []
    for name, task in done.items():
        steps = [
            {
                "step": each["step"],
                "server": each["server"],
                "left": round(100 * (begun + each["start"]) / whole, 3),
                "width": round(100 * each["seconds"] / whole, 3),
                "start": "%.3f" % (begun + each["start"]),
                "seconds": "%.3f" % each["seconds"],
                "opening": each["step"] == _OPENING,
            }
            for each in task.get("timeline", [])
        ]
        groups += [{"title": _TASKS.get(name, name), "seconds": "%.3f" % ends[name], "steps": steps}] if steps else []
        begun += ends[name]
    return groups
