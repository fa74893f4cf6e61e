# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: awx_launches
short_description: Jobs of AWX for many clusters
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Says which jobs are to be launched for clusters, in lists that the module C(awx.awx.bulk_job_launch) takes, and what became of them. The playbook
    C(dbha.mysql.launch) uses it.
options:
  _input:
    description: The names of the clusters.
    type: list
    elements: str
    required: true
  template:
    description: The name of the job template. In it, C({cluster}) stands for the name of the cluster. Without that, each job gets the variable C(cluster).
    type: str
    default: "{cluster} failover"
  found:
    description: The job templates of these names, as the API describes them.
    type: list
    elements: dict
    default: []
  variables:
    description: Extra variables for each job. The templates have to ask for them.
    type: dict
    default: {}
  nodes:
    description: The nodes of the workflow jobs that were made by the bulk launch, as the API describes them.
    type: list
    elements: dict
    default: []
  details:
    description: Jobs as the API describes them, with their artifacts.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Launch a job for each cluster
  awx.awx.bulk_job_launch:
    jobs: "{{ item }}"
  loop: "{{ (['orders', 'users'] | dbha.mysql.awx_launches(found=templates)).bulks }}"
"""

RETURN = r"""
_value:
  description: What is to be launched, and what became of it.
  type: dict
  contains:
    names:
      description: The names of the templates that are needed.
      type: list
      elements: str
    bulks:
      description: The jobs, in lists of at most 100.
      type: list
      elements: list
    jobs:
      description: By the name of the cluster, its C(job), the C(status), and the C(result) that the job has left as C(dbha_result).
      type: dict
    failed:
      description: The clusters whose job was not successful, or was not launched.
      type: list
      elements: str
    summary:
      description: A line for each cluster, those that failed first, and one for all.
      type: list
      elements: str
"""

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._awx.launches import bulks, launched, names
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import plain


def awx_launches(
    clusters: t.Iterable[object],
    template: str = "{cluster} failover",
    found: t.Sequence[t.Mapping[str, t.Any]] = (),
    variables: t.Optional[t.Mapping[str, t.Any]] = None,
    nodes: t.Sequence[t.Mapping[str, t.Any]] = (),
    details: t.Sequence[t.Mapping[str, t.Any]] = (),
) -> t.Dict[str, t.Any]:
    """Return which jobs are launched, and what became of them."""
    wanted, called, known = list(map(str, clusters)), plain(template), plain(found)
    return {
        "names": names(wanted, called),
        "bulks": bulks(wanted, called, known, plain(variables or {})),
        **launched(wanted, called, known, plain(nodes), plain(details)),
    }


class FilterModule:
    """The filters of this collection that are about jobs of AWX."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"awx_launches": awx_launches}
