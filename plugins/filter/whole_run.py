# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: whole_run
short_description: The host that a play runs on, unless Ansible was told to leave the play out
version_added: 1.0.0
positional: verb
author:
  - dbha contributors (@dbha)
description:
  - For C(hosts) of a play that must not be skipped silently. A C(--limit) without the host of a play skips the whole play, and Ansible calls that a
    success. For a failover, or for a check that a monitor runs, it is not.
  - Fails with the code C(partial_run) if the limit leaves the host out. The playbooks of this collection also refuse tags, skipped tags and a task to
    start at that leave out their tasks, unless another playbook imports them, whose author may have given them tags.
options:
  _input:
    description: The host.
    type: str
    required: true
  verb:
    description:
      - What the play is for. What is to be done about a problem is then said for it, with its options; else for each.
    type: str
    choices: [check, failover, switchover, rejoin]
    version_added: 1.1.0
"""

EXAMPLES = r"""
- name: Fail over
  hosts: "{{ 'localhost' | dbha.mysql.whole_run('failover') }}"
  gather_facts: false
  tasks:
    - name: Fail over
      ansible.builtin.import_role:
        name: dbha.mysql.failover
      vars:
        failover_cluster: orders
"""

RETURN = r"""
_value:
  description: The host.
  type: str
"""

import typing as t
from pathlib import Path

from ansible import context
from ansible.errors import AnsibleFilterError
from jinja2 import pass_context

from ansible_collections.dbha.mysql.plugins.plugin_utils import _asked_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._partial import left_out_by_limit, left_out_by_tags

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import told

if t.TYPE_CHECKING:
    from jinja2.runtime import Context

_COLLECTION = "dbha.mysql."
_OWN = Path(__file__).resolve().parents[2] / "playbooks"


@pass_context
def whole_run(variables: Context, host: object, verb: str = "") -> str:
    """Return the host of a play. Raises ``AnsibleFilterError`` where the play would be skipped."""
    name = str(host)
    problems = list(left_out_by_limit(name, variables.get("ansible_limit"), variables.get("groups", {})))
    asked = context.CLIARGS
    if any(map(_is_own, asked.get("args", ()))):
        problems += left_out_by_tags(asked.get("tags", ()), asked.get("skip_tags", ()), asked.get("start_at_task"))
    if problems:
        raise AnsibleFilterError(told(problems, verb))
    # The process that evaluates this is the one that forks all tasks of the play.
    _asked_once.begin()
    return name


def _is_own(playbook: str) -> bool:
    """Whether a playbook, as it was named on the command line, is of this collection."""
    return playbook.startswith(_COLLECTION) or Path(playbook).resolve().parent == _OWN


class FilterModule:
    """The filters of this collection that are for plays."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"whole_run": whole_run}
