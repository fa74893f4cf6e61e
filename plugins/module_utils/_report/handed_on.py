# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a result says that a run has handed on to another one: the next node of a workflow. Pure."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_OUTCOMES = {
    "promoted": "it was failed over or switched over, and something is left to do: run it again",
    "unchanged": "nothing was changed",
    "repointed": "replicas were repointed; the primary is the one that it was",
    "joined": "a former primary was brought back",
    "refused": "it was refused; the servers are as they were found",
    "failed": "it failed, and something is left to do: run it again",
}


def tell(result: Mapping[str, t.Any], cluster: str) -> str:
    """Return what the result of a run says, for people.

    :arg result: ``dbha_result``, as it was handed on. Empty where nothing was: a job that was cancelled, or has died, hands on nothing.
    :arg cluster: what it is about, where the result does not say it.
    """
    about = str(result.get("cluster") or cluster or "the cluster")
    if not result.get("outcome"):
        return "%s: no result was handed on. The job before this one was cancelled, or died: look at its output, and run it again." % about
    outcome, primary = str(result["outcome"]), result.get("new_primary") or {}
    lines = ["%s: %s" % (about, _OUTCOMES.get(outcome, outcome))]
    if primary.get("name"):
        lines.append("the primary is %s (%s:%s)" % (primary["name"], primary.get("host"), primary.get("port")))
    # As that run has worded it: what is to be done belongs to its verb, and it may have been of another version of this collection.
    concerned: t.Dict[str, t.List[str]] = {}
    for each in result.get("problems") or []:
        concerned.setdefault(each["remedy"], []).append("  [%s] %s" % (each["code"], each["message"]))
    lines += [line for remedy, problems in concerned.items() for line in (remedy, *problems)]
    return "\n".join(lines)
