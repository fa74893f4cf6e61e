# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: clusters
short_description: The clusters that a run is for
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Finds the clusters that C(-e clusters=…) names, for plays in which each cluster is a host.
  - A pattern chooses among the groups that are whole clusters. If servers say how many their cluster has (C(mysql_cluster_size)), these are the groups
    that have so many. If none says it, these are the groups that have no smaller group in them.
  - A name that no group has is returned as well, so that this cluster is refused and the others are not. Everything else that does not fit is refused.
positional: groups, hosts
options:
  _input:
    description:
      - Names of groups, and patterns such as C(shop_*) and C(all), as a list or with commas between them. One that begins with C(!) is left out.
    type: raw
    required: true
  groups:
    description: The groups of the inventory.
    type: dict
    required: true
  hosts:
    description: The variables of all hosts, C(hostvars). They are only read if there is a pattern.
    type: dict
    required: true
  cluster:
    description: What was given as the one cluster of a run, which is refused beside many.
    type: str
    default: ""
  run_on:
    description: The host to connect from. Anything but C(localhost) is refused.
    type: str
    default: ""
  limit:
    description: The C(--limit) of the run. One that leaves out hosts that stand for clusters is refused.
    type: str
    default: ""
  verb:
    description: What the play is for. What is to be done about a problem is then said for it, with its options.
    type: str
    choices: [check, failover, switchover]
    version_added: 1.1.0
"""

EXAMPLES = r"""
- name: Let each cluster be a host of its own
  ansible.builtin.add_host:
    name: "cluster={{ item }}"
    groups: dbha_clusters
    ansible_connection: local
    dbha_cluster: "{{ item }}"
  loop: "{{ 'shop_*,!shop_test' | dbha.mysql.clusters(groups, hostvars) }}"
"""

RETURN = r"""
_value:
  description: The names of the clusters.
  type: list
  elements: str
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.dbha.mysql.plugins.plugin_utils._answers import as_list
from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory, plain
from ansible_collections.dbha.mysql.plugins.plugin_utils._many import chosen, cut_off

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse, told


def clusters(
    asked: object, groups: t.Mapping[str, t.Any], hosts: t.Mapping[str, t.Any], cluster: object = "", run_on: str = "", limit: str = "", verb: str = ""
) -> t.List[str]:
    """Return the clusters that are asked for."""
    known = {str(name): list(map(str, members)) for name, members in groups.items()}
    try:
        refuse(_contradictions(plain(cluster), plain(run_on)))
        found = chosen(as_list(plain(asked)) or [], known, Inventory(groups, hosts).size_of)
        refuse(cut_off(found, plain(limit), known))
    except Refusal as refusal:
        raise AnsibleFilterError(told(refusal.problems, verb)) from refusal
    return found


def _contradictions(cluster: object, run_on: object) -> t.Iterator[Problem]:
    if cluster not in ("", None):
        yield Problem("bad_input", "", "cluster and clusters: give only one of them")
    if run_on not in ("", None, "localhost"):
        yield Problem("bad_input", "", "run_on: many clusters are worked on from the machine that runs Ansible. For another one, give one cluster to each run")


class FilterModule:
    """The filters of this collection that are about many clusters at once."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"clusters": clusters}
