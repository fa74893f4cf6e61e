# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Which clusters a run is for that is for many.

Groups of an inventory are clusters, and other things: those of a data centre, or of all primaries. A run for a part of a cluster, or for two at once, is
none that anybody wants, so patterns choose only among groups that are whole clusters.
"""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import known_as
from ansible_collections.dbha.mysql.plugins.plugin_utils._partial import left_out_by_limit

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
    from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed, quoted

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Groups = Mapping[str, Sequence[str]]
    Sizes = Callable[[str], t.Optional[int]]

GROUP = "dbha_clusters"
"""The group of the hosts that stand for clusters."""

_ALL = "all"
NO_CLUSTERS = (_ALL, "ungrouped", GROUP)
"""Groups that are none, whoever is in them."""

_WILD = re.compile(r"[*?\[]")

# How many names are told.
_TOLD = 30


def host_of(cluster: str) -> str:
    """Return the host that stands for a cluster. No host of an inventory is called so, and of one that is called as a group is, Ansible warns."""
    return "cluster=%s" % cluster


def chosen(asked: Sequence[object], groups: Groups, size_of: Sizes) -> t.List[str]:
    """Return the clusters that are asked for, in the order in which they are, each once.

    :arg asked: names of groups, patterns (C(shop_*), C(all)), and either of them with a C(!) before it for those that are left out.
    :arg size_of: says how many servers the cluster of a host has (C(mysql_cluster_size)); C(None) where nobody has said it. To ask takes time, so it is
        asked only where there is a pattern.

    A name that no group has is returned as it is: that cluster is refused, and the others are not. Raises ``Refusal`` for a pattern without a cluster, and
    for clusters that share servers.
    """
    wanted, unwanted = _split(asked)
    among: t.List[str] = []
    if any(map(_is_pattern, (*wanted, *unwanted))):
        among = whole_clusters(groups, size_of)
    found: t.Dict[str, None] = {}
    for each in wanted:
        found.update(dict.fromkeys(_matching(each, among) if _is_pattern(each) else [known_as(each, groups)]))
    for each in unwanted:
        left_out = _matching(each, among) if _is_pattern(each) else [known_as(each, groups)]
        refuse(_unknown(name, sorted(among or groups)) for name in left_out if name not in groups)
        for name in left_out:
            found.pop(name, None)
    if not found:
        raise Refusal([Problem("no_such_cluster", "", "no cluster is left of those that were asked for: %s" % ", ".join(map(str, asked)))])
    refuse(_shared(list(found), groups))
    return list(found)


def whole_clusters(groups: Groups, size_of: Sizes) -> t.List[str]:
    """Return the groups that are clusters, by their names.

    Where servers say how large their cluster is, a cluster is the group that has so many, or, where servers are missing, the one that has most of them.
    Where none says it, it is each group that has no smaller one in it.
    """
    members = {name: frozenset(hosts) for name, hosts in groups.items() if hosts and name not in NO_CLUSTERS}
    sizes = {host: size_of(host) for host in sorted(frozenset().union(*members.values()))}
    sized = {host: size for host, size in sizes.items() if size is not None}
    if not sized:
        return sorted(name for name, hosts in members.items() if not any(others < hosts for others in members.values()))
    fitting = {name: hosts for name, hosts in members.items() if all(len(hosts) <= sized.get(host, 0) for host in hosts)}
    found = [name for name, hosts in fitting.items() if all(len(hosts) == sized[host] for host in hosts)]
    covered = frozenset().union(*(fitting[name] for name in found))
    for host in sized:
        if host not in covered:
            parts = sorted((name for name, hosts in fitting.items() if host in hosts), key=lambda name: (-len(fitting[name]), name))
            found += parts[:1]
            covered |= fitting[parts[0]] if parts else frozenset()
    return sorted(found)


def cut_off(clusters: Sequence[str], limit: t.Optional[str], groups: Groups) -> Iterator[Problem]:
    """See whether a limit leaves out hosts that stand for clusters."""
    hosts = [host_of(cluster) for cluster in clusters]
    for host in hosts:
        for problem in left_out_by_limit(host, limit, {**groups, _ALL: [*groups.get(_ALL, ()), *hosts], GROUP: hosts}):
            yield problem
            return


def _split(asked: Sequence[object]) -> t.Tuple[t.List[t.Any], t.List[t.Any]]:
    """Return what is asked for, and what is left out of it."""
    wanted: t.List[t.Any] = []
    unwanted: t.List[t.Any] = []
    for each in asked:
        if isinstance(each, str) and each.startswith("!"):
            unwanted.append(each[1:].strip())
        else:
            wanted.append(each)
    return wanted, unwanted


def _is_pattern(asked: object) -> bool:
    return isinstance(asked, str) and (asked == _ALL or _WILD.search(asked) is not None)


def _matching(pattern: str, among: Sequence[str]) -> t.List[str]:
    found = [name for name in among if pattern == _ALL or fnmatch.fnmatchcase(name, pattern)]
    refuse([] if found else [_unknown(pattern, among)])
    return found


def _unknown(asked: str, there_are: Sequence[str]) -> Problem:
    return Problem("no_such_cluster", "", "%s is no cluster of the inventory. There are: %s" % (quoted(asked), listed(there_are, _TOLD) or "none"))


def _shared(clusters: Sequence[str], groups: Groups) -> Iterator[Problem]:
    """See whether two clusters have a server in common: a run of each would work on it."""
    owners: t.Dict[str, str] = {}
    said = set()
    for cluster in clusters:
        for host in groups.get(cluster, ()):
            owner = owners.setdefault(host, cluster)
            if owner != cluster and (owner, cluster) not in said:
                said.add((owner, cluster))
                message = "clusters: %s and %s are not two clusters, because %s is in both. Leave one of them out (!%s)"
                yield Problem("bad_input", "", message % (owner, cluster, host, cluster))
