# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The nodes of the workflow that fails a cluster over, and how they are linked. Pure.

check → approval → failover → redirect → look → rejoin; and from each that fails, the report, which fails as well: a workflow whose last node
succeeds is successful for AWX.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

# Those that a workflow may be without.
OPTIONAL_NODES = ("approval", "redirect")


@dataclass(frozen=True)
class Node:
    """A node: what it runs, a job template, or nothing if it is to be approved; with which variables; and the nodes that follow it.

    ``all_parents``: it runs only if each node that leads to it has ended as its link says.
    """

    identifier: str
    template: str
    variables: t.Mapping[str, str]
    success: t.Tuple[str, ...] = ()
    failure: t.Tuple[str, ...] = ()
    always: t.Tuple[str, ...] = ()
    all_parents: bool = False


@dataclass(frozen=True)
class Templates:
    """The job templates of one cluster; ``redirect`` is empty where there is none."""

    check: str
    failover: str
    rejoin: str
    report: str
    redirect: str


def nodes(templates: Templates, cluster: str, *, approval: bool) -> t.List[Node]:
    """Return the nodes, each after those that it leads to, so that they can be made in this order.

    The node that brings clients to the new primary follows a failover *always*: one that has opened the new primary and then fails on a replica is a
    failed job, too. What follows it wants both to have succeeded.
    """
    redirect = bool(templates.redirect)
    found = [
        Node("report", templates.report, {"cluster": cluster}),
        Node("rejoin", templates.rejoin, {}, failure=("report",)),
        # The former primary may be dead still: that is shown, and is no failure.
        Node("look", templates.check, {"expect_primary": "any"}, success=("rejoin",), failure=("report",), all_parents=redirect),
    ]
    if redirect:
        found.append(Node("redirect", templates.redirect, {}, success=("look",), failure=("report",)))
    found.append(Node("failover", templates.failover, {}, success=("look",), failure=("report",), always=("redirect",) if redirect else ()))
    if approval:
        found.append(Node("approval", "", {}, success=("failover",)))
    found.append(Node("check", templates.check, {"expect_primary": "dead"}, success=("approval" if approval else "failover",), failure=("report",)))
    return found
