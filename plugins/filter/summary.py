# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
short_description: What a run for many clusters reports
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Sums up the results that a role of this collection has left for each of many clusters.
options:
  _input:
    description:
      - The clusters, each as a list of its name and of its C(dbha_result), which is empty if it has left none.
    type: list
    elements: list
    required: true
seealso:
  - plugin: dbha.mysql.clusters
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Say how each cluster stands
  ansible.builtin.debug:
    msg: "{{ (names | zip(results) | dbha.mysql.summary).summary }}"
  vars:
    names: "{{ groups.dbha_clusters | map('extract', hostvars, 'dbha_cluster') }}"
    results: "{{ groups.dbha_clusters | map('extract', hostvars) | map(attribute='dbha_result', default={}) }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    result:
      description: What the run leaves as C(dbha_result). The guide on many clusters describes it.
      type: dict
    results:
      description: The result of each cluster, by its name. The run leaves it as C(dbha_results).
      type: dict
    summary:
      description: A line for each cluster, those that failed first, and one for all.
      type: list
      elements: str
    complete:
      description: Whether each cluster has left a result.
      type: bool
"""

import typing as t

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import plain

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._report.many import Summary, summarise


def summary(left: t.Iterable[t.Sequence[t.Any]]) -> Summary:
    """Return what a run for many clusters reports."""
    return summarise((str(name), plain(result) or {}) for name, result in left)


class FilterModule:
    """The filters of this collection that sum up."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"summary": summary}
