# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Whether a cluster is ready, as users read it."""

from __future__ import annotations

import textwrap
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import Finding, Rehearsal
    from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent

# Columns of the narrowest terminal.
_WIDTH = 78


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
    lost: int
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


def say_rehearsal(rehearsal: Rehearsal, primary: str) -> str:
    """Say in one line what a failover would do if the primary died now, or its whole site did."""
    if rehearsal.best is None:
        return "if %s died now, nobody could be elected" % primary
    rate = ""
    if rehearsal.to_apply:
        rate = " (nothing gets applied there now)" if rehearsal.seconds is None else " (%g s, as fast as it is now)" % rehearsal.seconds
    because = " (%s)" % rehearsal.because if rehearsal.because else ""
    said = "if %s died now, %s would be elected%s; transactions to apply first: %d%s, only on %s: %d" % (
        primary,
        rehearsal.best,
        because,
        rehearsal.to_apply,
        rate,
        primary,
        rehearsal.lost,
    )
    if rehearsal.site:
        said += "; if all of %s died: %s" % (rehearsal.site, rehearsal.best_elsewhere or "nobody")
    return said


def say_statements(statements: t.Sequence[Sent]) -> t.List[str]:
    """Return lines for people: what a failover would send, in its order."""
    lines = ["it would send:"] if statements else []
    for sent in statements:
        text = "%s: %s" % (sent.server, sent.statement)
        lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return lines


def say_findings(findings: Iterable[Finding]) -> t.List[str]:
    """Return lines for people: the gravest findings first, and what to do once below all those that it is for."""
    grouped: t.Dict[t.Tuple[str, str, str], t.Dict[str, t.List[str]]] = {}
    for finding in findings:
        messages = grouped.setdefault((finding.grade, finding.code, finding.remedy), {})
        own = "" if finding.told == finding.message else finding.server
        messages.setdefault(finding.message, []).extend([own] if own else [])
    lines: t.List[str] = []
    for (grade, code, remedy), messages in grouped.items():
        for message, servers in messages.items():
            text = "%s [%s] %s%s" % (grade, code, ", ".join(servers) + ": " if servers else "", message)
            lines += textwrap.wrap(text, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        lines += textwrap.wrap(remedy, _WIDTH, initial_indent="  > ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    return lines
