# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: told
short_description: What the result of a run says, for people
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Says in a few lines what a run of this collection has handed on as C(dbha_result), for the node of an AWX workflow that reports a failure.
options:
  _input:
    description:
      - The result. An empty dictionary if there is none, because the job before was cancelled.
    type: dict
    required: true
  cluster:
    description: The name of the cluster, for a result that does not say it.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Say why it failed
  ansible.builtin.fail:
    msg: "{{ dbha_result | default({}) | dbha.mysql.told }}"
"""

RETURN = r"""
_value:
  description: What happened, who is the primary, and what is to be done, line by line.
  type: str
"""

import typing as t

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._report.handed_on import tell


class FilterModule:
    """The filters of this collection that are about results."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"told": lambda result, cluster="": tell(result, str(cluster))}
