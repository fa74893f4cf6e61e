# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Whether a cluster is ready, as users read it."""

from __future__ import annotations

import textwrap
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import Finding, Rehearsal
    from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent

# Columns of the narrowest terminal.
_WIDTH = 78

# The grades, as findings.py has them, and that everything is in order.
_GRADES = ("blocks", "hurts", "advice")
GOOD = "good"


class Line(t.NamedTuple):
    """A line of a report. ``tone``: how grave what it says is, a grade or ``GOOD``; empty where it only tells."""

    text: str
    tone: str = ""


class DescribedFinding(t.TypedDict):
    """A finding as it stands in a result."""

    code: str
    grade: str
    concerns: t.List[str]
    server: str
    message: str
    remedy: str


class DescribedRehearsal(t.TypedDict):
    """A rehearsal as it stands in a result."""

    best: t.Optional[str]
    to_apply: int
    lost: t.Optional[int]
    not_eligible: t.Dict[str, t.List[str]]
    site: t.Optional[str]
    best_elsewhere: t.Optional[str]
    seconds: t.Optional[float]
    because: t.Optional[str]
    statements: t.List[t.Dict[str, str]]


def describe_finding(finding: Finding) -> DescribedFinding:
    """Return a finding for a result."""
    return {
        "code": finding.code,
        "grade": finding.grade,
        "concerns": list(finding.verbs),
        "server": finding.server,
        "message": finding.message,
        "remedy": finding.remedy,
    }


def describe_rehearsal(rehearsal: Rehearsal, statements: Iterable[Sent] = ()) -> DescribedRehearsal:
    """Return a rehearsal for a result, with the statements that a failover would send."""
    reasons = {name: list(why) for name, why in rehearsal.reasons.items()}
    return {
        "best": rehearsal.best,
        "to_apply": rehearsal.to_apply,
        "lost": rehearsal.lost,
        "not_eligible": reasons,
        "site": rehearsal.site or None,
        "best_elsewhere": rehearsal.best_elsewhere,
        "seconds": rehearsal.seconds,
        "because": rehearsal.because or None,
        "statements": [{"server": sent.server, "statement": sent.statement} for sent in statements],
    }


def say_rehearsal(rehearsal: DescribedRehearsal, primary: str) -> t.List[str]:
    """Return lines for people: what a failover would do if the primary died now, or its whole site did, and what it would send, in its order."""
    if rehearsal["best"] is None:
        return _wrapped("if %s died now, nobody could be elected" % primary)
    because = " (%s)" % rehearsal["because"] if rehearsal["because"] else ""
    lines = _wrapped("if %s died now, %s would be elected%s" % (primary, rehearsal["best"], because))
    if rehearsal["to_apply"]:
        rate = "nothing gets applied there now" if rehearsal["seconds"] is None else "%g s, as fast as it is now" % rehearsal["seconds"]
        lines += _wrapped("it would first apply %s that it has received (%s)" % (_counted(rehearsal["to_apply"]), rate), "  ")
    else:
        lines += ["  it has applied all that it has received"]
    lost = "only %s has %s: lost, unless its binary logs can be read then" % (primary, _counted(rehearsal["lost"])) if rehearsal["lost"] else ""
    none = "nothing is only on %s at this moment" if rehearsal["lost"] is not None else "whether anything is only on %s is not known"
    lines += _wrapped(lost or none % primary, "  ")
    if rehearsal["site"]:
        lines += _wrapped("if all of %s died: %s" % (rehearsal["site"], rehearsal["best_elsewhere"] or "nobody"), "  ")
    lines += ["it would send:"] if rehearsal["statements"] else []
    for sent in rehearsal["statements"]:
        lines += _wrapped("%s: %s" % (sent["server"], sent["statement"]), "  ")
    return lines


def say_findings(findings: Iterable[DescribedFinding]) -> t.List[Line]:
    """Return lines for people: the gravest findings first, and what to do once below all those that it is for."""
    grouped: t.Dict[t.Tuple[str, str, str], t.Dict[str, t.List[str]]] = {}
    for finding in findings:
        messages = grouped.setdefault((finding["grade"], finding["code"], finding["remedy"]), {})
        own = finding["server"] if finding["server"] not in finding["message"] else ""
        messages.setdefault(finding["message"], []).extend([own] if own else [])
    lines: t.List[Line] = []
    for (grade, code, remedy), messages in grouped.items():
        for message, servers in messages.items():
            text = "%s [%s] %s%s" % (grade, code, ", ".join(servers) + ": " if servers else "", message)
            lines += [Line(each, grade) for each in _wrapped(text)]
        lines += [Line(each) for each in _wrapped("> " + remedy, "  ")]
    return lines


def say_check(look: t.Mapping[str, t.Any], said: Iterable[str] = ()) -> t.List[Line]:
    """Return the whole report of a check, from what its task has given back. ``said``: what else there is to say at its end."""
    lines = [_drawn(each) for each in (look.get("drawing") or look.get("topology") or "").splitlines()]
    lines += [Line(each, GOOD) for each in ([] if look.get("problems") else _wrapped(look.get("msg", "")))]
    lines += [Line(each) for text in look.get("side_by_side", []) for each in _wrapped(text)]
    if look.get("rehearsal"):
        primary = (look.get("primary") or {}).get("name")
        lines += [Line(each) for each in say_rehearsal(look["rehearsal"], primary or "the primary")]
    return [*lines, *say_findings(look.get("findings", [])), *(Line(each) for text in said for each in _wrapped(text))]


def title_of(look: t.Mapping[str, t.Any], cluster: str) -> Line:
    """Return the line that a report of a check begins with, wherever that is pasted: which cluster, when, and how it stands."""
    grades, problems = [each["grade"] for each in look.get("findings", [])], look.get("problems", [])
    counted = ", ".join("%d %s" % (grades.count(grade), grade) for grade in _GRADES if grade in grades)
    if "findings" in look:
        tone = next((grade for grade in _GRADES if grade in grades), GOOD)
        how = "not ready" if tone == _GRADES[0] else "ready"
    else:
        tone, how = (_GRADES[0], "not as expected") if problems else (GOOD, "as expected")
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(look["time"])) if "time" in look else ""
    return Line("%s: %s" % (", ".join(filter(None, (cluster, when))), how + (" (%s)" % counted if counted else "")), tone)


def _drawn(line: str) -> Line:
    """Return a line of a drawing. What was found at a server is marked at the end of its line, or of the next one, which is longer then."""
    mark = line.rpartition("<- ")[2]
    return Line(line, mark if mark in _GRADES else "")


def _counted(transactions: int) -> str:
    return "1 transaction" if transactions == 1 else "%d transactions" % transactions


def _wrapped(text: str, indent: str = "") -> t.List[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
