# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Jobs for many clusters: which ones are launched, and what became of them. Pure.

The API launches up to a hundred at once (BULK_JOB_MAX_LAUNCH) and makes a workflow of them, in which each job is a node with an identifier.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Object = t.Mapping[str, t.Any]
Job = t.Dict[str, t.Any]

AT_ONCE = 100
"""How many jobs the API launches at once, unless it was configured otherwise."""

_CLUSTER = "{cluster}"

_ENDED = ("successful", "failed", "error", "canceled")


def names(clusters: Iterable[str], template: str) -> t.List[str]:
    """Return the names of the templates that are needed, each once."""
    return list(dict.fromkeys(template.replace(_CLUSTER, cluster) for cluster in clusters))


def bulks(clusters: Iterable[str], template: str, found: Iterable[Object], variables: Mapping[str, t.Any]) -> t.List[t.List[Job]]:
    """Return the jobs to launch, as many at once as the API takes.

    :arg found: the templates that AWX has of those names. A cluster without one is left out.
    :arg variables: extra variables of each job. One template for all clusters gets the name of the cluster as well.
    """
    numbers = {str(each["name"]): each["id"] for each in found}
    jobs: t.List[Job] = []
    for cluster in clusters:
        number = numbers.get(template.replace(_CLUSTER, cluster))
        if number is not None:
            own = dict(variables) if _CLUSTER in template else {**variables, "cluster": cluster}
            jobs.append({"unified_job_template": number, "identifier": cluster, **({"extra_data": own} if own else {})})
    return [jobs[begin : begin + AT_ONCE] for begin in range(0, len(jobs), AT_ONCE)]


class Launched(t.TypedDict):
    """What became of the jobs.

    ``jobs``: by cluster the ``job`` (its number), the ``status``, and the ``result`` that it has left. ``failed``: the clusters whose job was not successful.
    ``summary``: a line for each cluster, those that failed first.
    """

    jobs: t.Dict[str, Job]
    failed: t.List[str]
    summary: t.List[str]


def launched(clusters: Sequence[str], template: str, found: Iterable[Object], nodes: Iterable[Object], details: Iterable[Object]) -> Launched:
    """Return what became of the jobs.

    :arg nodes: of the workflows that the API has made; :arg details: of the jobs that are to say more than their status.
    """
    known = {str(each["name"]) for each in found}
    by_cluster = {str(node["identifier"]): node for node in nodes}
    left = {each["id"]: ((each.get("artifacts") or {}).get("dbha_result") or {}) for each in details}
    jobs: t.Dict[str, Job] = {}
    said: t.Dict[str, str] = {}
    for cluster in clusters:
        job = (by_cluster.get(cluster, {}).get("summary_fields") or {}).get("job") or {}
        status = str(job.get("status") or "not launched")
        result = left.get(job.get("id"), {})
        jobs[cluster] = {"job": job.get("id"), "status": status, "result": result}
        said[cluster] = "%s: %s" % (cluster, "; ".join(_said(template.replace(_CLUSTER, cluster) in known, template, cluster, job, status, result)))
    failed = [cluster for cluster in clusters if jobs[cluster]["status"] != "successful"]
    lines = [said[cluster] for cluster in [*failed, *(each for each in clusters if each not in failed)]]
    of_all = "%d of %d jobs failed" % (len(failed), len(jobs)) if failed else "none of %d jobs failed" % len(jobs)
    return {"jobs": jobs, "failed": failed, "summary": [*lines, of_all]}


def _said(is_known: bool, template: str, cluster: str, job: Object, status: str, result: Object) -> t.Iterator[str]:
    """Yield what is said of a cluster."""
    if not is_known:
        yield "not launched; AWX has no template %s" % template.replace(_CLUSTER, cluster)
        return
    if not job:
        yield "not launched; AWX has refused it, or has not begun yet"
        return
    yield "job %s %s" % (job["id"], status if status in _ENDED else "is not at its end (%s)" % status)
    problems: Sequence[Object] = result.get("problems") or []
    if result.get("outcome"):
        codes = list(dict.fromkeys(str(each["code"]) for each in problems))
        yield "%s%s" % (result["outcome"], " (%s)" % ", ".join(codes) if codes else "")
