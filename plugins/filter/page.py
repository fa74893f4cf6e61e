# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: page
short_description: A page that shows what a role of this collection has found and done
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Makes a page in HTML of what the tasks of a role have registered, to be attached to an incident or a change.
  - The page is whole in itself. It has no scripts and loads nothing. What servers say is escaped.
  - It holds names and addresses of servers, their settings, GTIDs and statements, but no passwords.
positional: role
options:
  _input:
    description: What the tasks have registered, each by its name, as for P(dbha.mysql.report#filter).
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
    description: Whether the tasks ran in check mode, so that the page shows a plan.
    type: bool
    default: false
seealso:
  - plugin: dbha.mysql.report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the page
  ansible.builtin.copy:
    content: "{{ {'look': look} | dbha.mysql.page('check', cluster='orders') }}"
    dest: /srv/reports/orders.html
    mode: "0600"
"""

RETURN = r"""
_value:
  description: The page.
  type: str
"""

import time
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once


def page(tasks: t.Mapping[str, t.Mapping[str, t.Any]], role: str, cluster: object, check: bool = False) -> str:
    """Return the page of a role. What it needs is loaded here: a run without a page is not to wait for that."""
    with compiled_once():
        from ansible_collections.dbha.mysql.plugins.module_utils._report.page import page as page_of
        from ansible_collections.dbha.mysql.plugins.module_utils._report.roles import ROLES, carried_out, report
        from ansible_collections.dbha.mysql.plugins.plugin_utils._page import html_of
    if role not in ROLES:
        raise AnsibleFilterError("role: %r is not one of %s" % (role, ", ".join(ROLES)))
    now = time.time()
    result = report(role, tasks, cluster=str(cluster), check=bool(check), now=now)["result"]
    return html_of(page_of(role, carried_out(tasks), result, now=now))


class FilterModule:
    """The filters of this collection that are about pages."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"page": page}
