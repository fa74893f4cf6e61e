# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: hooks
short_description: Which task files of the user's a role of this collection runs
version_added: 0.1.0
author:
  - dbha contributors (@dbha)
description:
  - Finds the task files that the variables of a role name, for example C(failover_before_open), and reads them, so that one that is not there or that
    Ansible cannot read is named before anything is done.
  - What the inventory group of the cluster says counts where the play says nothing.
  - It is made for the roles of this collection. To run task files yourself, use C(ansible.builtin.include_tasks).
positional: role
options:
  _input:
    description: What the play says of the variables, by their names without that of the role.
    type: dict
    required: true
  role:
    description: Which role it is.
    type: str
    choices: [failover, rejoin, switchover]
    required: true
  groups:
    description: The groups of the inventory.
    type: dict
    required: true
  hosts:
    description: The variables of all hosts, C(hostvars).
    type: dict
    required: true
  cluster:
    description: The name of the cluster.
    type: str
    required: true
  at:
    description: The host that the play runs on.
    type: str
    required: true
  playbook_dir:
    description: The directory of the playbook. Paths are relative to it, then to the directory that Ansible was started in.
    type: str
    required: true
  check:
    description: Whether this is check mode, in which nothing is run.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Say what would be run
  ansible.builtin.debug:
    msg: "{{ hooks.would }}"
  vars:
    hooks: "{{ {'before': ['ask.yml']} | dbha.mysql.hooks('failover', groups, hostvars, 'orders', inventory_hostname, playbook_dir, true) }}"
"""

RETURN = r"""
_value:
  description: What is run at which moment.
  type: dict
  contains:
    moments:
      description: The task files of each moment, by its name. In check mode there are none.
      type: dict
    would:
      description: In check mode, what would be run.
      type: list
      elements: str
    steps:
      description: Whether something is run before or right after a server is opened for writes.
      type: bool
    fenced:
      description: How many task files fence the former primary.
      type: int
    looks:
      description: Whether an election only looks at first, because somebody is to be asked before anything is changed.
      type: bool
    plans:
      description: Whether that has to be in check mode, because of C(force).
      type: bool
"""

import os
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._hooks import MOMENTS, Hooks, hooks_of
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory, plain

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal


def hooks(
    given: t.Mapping[str, t.Any],
    role: str,
    groups: t.Mapping[str, t.Any],
    hosts: t.Mapping[str, t.Any],
    cluster: object,
    at: str,
    playbook_dir: str,
    check: bool = False,
) -> Hooks:
    """Return which task files a role runs."""
    if role not in MOMENTS:
        raise AnsibleFilterError("role: %r is not one of %s" % (role, ", ".join(MOMENTS)))
    places = [plain(playbook_dir), os.getcwd()]
    try:
        return hooks_of(role, plain(given), Inventory(groups, hosts), cluster=plain(cluster), at=plain(at), places=places, check=bool(check))
    except Refusal as refusal:
        raise AnsibleFilterError("; ".join(problem.message for problem in refusal.problems)) from refusal


class FilterModule:
    """The filters of this collection that are about task files of the user's."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"hooks": hooks}
