# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: report
short_description: What a role of this collection reports
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Makes the report of a role from what its tasks have registered, so that a playbook that runs the modules one by one ends like the role.
  - What is given for the tasks after one that failed does not count, because it may be from an earlier run.
positional: role
options:
  _input:
    description:
      - What the tasks have registered, each by its name. A task that was skipped, or not reached, may be an empty dictionary.
      - For V(failover) the names are C(election), C(salvage), C(promotion), C(promotion_after_salvage), C(repointing), C(verification), and C(undo).
      - For V(switchover) they are C(election), C(promotion), and C(repointing).
      - For V(rejoin) they are C(look), C(preparation), C(restarted), and C(joining).
      - For V(check) the only one is C(look).
      - C(hooks) is which task files of the user's have C(failed), as the roles of this collection note it.
    type: dict
    required: true
  role:
    description: Which role it is.
    type: str
    choices: [check, failover, rejoin, switchover]
    required: true
  cluster:
    description: The name of the cluster.
    type: str
    required: true
  check:
    description: Whether the tasks ran in check mode, so that the report is a plan.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Leave the result for the next node of a workflow
  ansible.builtin.set_stats:
    aggregate: false
    data:
      dbha_result: "{{ (tasks | dbha.mysql.report('failover', cluster='orders')).result }}"
  vars:
    tasks:
      election: "{{ election }}"
      promotion: "{{ promotion | default({}) }}"
      repointing: "{{ repointing | default({}) }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    result:
      description: What the role leaves as C(dbha_result). The README of the collection describes it.
      type: dict
    summary:
      description: What the role says at its end, line by line. In check mode, it includes the statements that would be sent.
      type: list
      elements: str
    changed:
      description: Whether anything was changed, or would be.
      type: bool
    complete:
      description:
        - Whether every task was carried out that had to be. It is V(false) if Ansible was told to leave one out (C(--step), C(--start-at-task)) and no
          other has failed. The result then has the problem C(partial_run).
        - It is V(false), too, if a task file of the user's has failed.
      type: bool
    undo:
      description: Whether C(election.found) is to be given to O(dbha.mysql.mysql_find_best_replica#module:restore), because nothing was promoted.
      type: bool
    event:
      description: What task files of the user's know as C(dbha_event), but for the moment. The guide on hooks describes it.
      type: dict
    refusal:
      description: What is said where such a task file refuses, line by line.
      type: list
      elements: str
    hooks:
      description: The task files that are to be run now, at the moments C(after) and C(failed).
      type: dict
"""

import time
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._report.roles import ROLES, Report
    from ansible_collections.dbha.mysql.plugins.module_utils._report.roles import report as report_of


def report(tasks: t.Mapping[str, t.Mapping[str, t.Any]], role: str, cluster: object, check: bool = False) -> Report:
    """Return what a role reports."""
    if role not in ROLES:
        raise AnsibleFilterError("role: %r is not one of %s" % (role, ", ".join(ROLES)))
    return report_of(role, tasks, cluster=str(cluster), check=bool(check), now=time.time())


class FilterModule:
    """The filters of this collection."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"report": report}
