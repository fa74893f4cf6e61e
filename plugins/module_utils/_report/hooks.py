# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Task files of the user's that a role runs: what they know, and what is said of those that have failed. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# What a task has registered, and what a task file knows.
Registered = t.Mapping[str, t.Any]
Event = t.Dict[str, t.Any]

# At these a task file that fails refuses what is about to be done.
REFUSING = ("before", "before_open")


class Failures(t.NamedTuple):
    """What has failed of one run.

    ``unfenced``: what is said of a fence that was not required. ``stopped_before``: nothing was changed yet. ``fenced``: no fence
    has failed.
    """

    problems: t.List[Problem]
    unfenced: t.List[str]
    stopped_before: bool
    fenced: bool


def failures(failed: Iterable[Registered], begun: t.Optional[float]) -> Failures:
    """Return what has failed of the run that has begun then; others have left theirs, too, where one play has several runs."""
    own = [each for each in failed if begun is not None and str(each["run"]) == str(begun)]
    problems, unfenced = [], []
    for each in own:
        message = "%s: %s: %s: %s" % (each["moment"], each["name"], each["task"], each["message"])
        if each["moment"] == "fence" and str(each["stops"]) != "True":
            unfenced.append("the old primary was not fenced (%s)" % message)
        else:
            code = _code(each["moment"])
            problems.append(Problem(code, "", message))
    at = {each["moment"] for each in own}
    return Failures(problems, unfenced, "before" in at, "fence" not in at)


def _code(moment: str) -> str:
    return "hook_refused" if moment in REFUSING else "fence_failed" if moment == "fence" else "hook_failed"


def event(role: str, done: Mapping[str, Registered], cluster: str, problems: Sequence[Registered]) -> Event:
    """Return what is known so far.

    :arg done: the results of the tasks of the role that were carried out; :arg problems: of them all.
    """
    old, new, replicas, gtids = _rejoin(done) if role == "rejoin" else _moving(done)
    return {
        "verb": role,
        "cluster": cluster,
        "old_primary": _place(old, "status"),
        "new_primary": _place(new),
        "replicas": [each["name"] for each in replicas if each["name"] not in [server["name"] for server in (old, new) if server]],
        "replicating": _replicating(done, replicas, new["name"] if new else None),
        "gtids": gtids or "",
        "refusal": {"code": problems[0]["code"], "message": problems[0]["message"]} if problems else None,
    }


def _replicating(done: Mapping[str, Registered], replicas: t.Sequence[Registered], new: t.Optional[str]) -> t.List[str]:
    """Return who replicates, as far as that is known: from the new primary if they were repointed to it, or as they did when they were looked at."""
    known = {each["name"]: each.get("replicating") for each in replicas}
    for task in ("repointing", "joining"):
        known.update((each["name"], each.get("replicating")) for each in done.get(task, {}).get("replicas", []))
    return [name for name, replicates in known.items() if replicates is True and name != new]


_Known = t.Tuple[t.Optional[Registered], t.Optional[Registered], t.Sequence[Registered], t.Optional[str]]


def _moving(done: Mapping[str, Registered]) -> _Known:
    election = done.get("election", {})
    primary, best = election.get("primary"), election.get("best")
    if election.get("todo", {}).get("promote"):
        # One that was opened by a run that was interrupted is the primary already.
        old = primary if primary and best and primary["name"] != best["name"] else election.get("demote")
        return old, best, election.get("replicas", []), election.get("received")
    lives = primary is not None and primary["status"] == "alive" and primary.get("writable") is True
    return None if lives else primary, primary if lives else None, election.get("replicas", []), (primary or {}).get("executed")


def _rejoin(done: Mapping[str, Registered]) -> _Known:
    look = done.get("look", {})
    primary, wanted = look.get("primary"), look.get("todo", {}).get("rejoin", [])
    replicas = look.get("replicas", [])
    old = next((each for each in replicas if each["name"] in wanted), None)
    return old, primary, replicas, (primary or {}).get("executed")


def _place(server: t.Optional[Registered], *also: str) -> t.Optional[Event]:
    return {**{key: server[key] for key in ("name", "host", "port")}, **{key: server.get(key) for key in also}} if server else None
