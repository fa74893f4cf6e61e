# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: awx_objects
short_description: What AWX needs to run this collection, as options of the modules of C(awx.awx)
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Makes the options of the modules of C(awx.awx) from a short description of an AWX, as the playbook C(dbha.mysql.awx) gives it.
  - The surveys are made from the argument specs of the roles of this collection.
options:
  _input:
    description:
      - The description. The page on AWX in the documentation of the collection says what is in it.
    type: dict
    required: true
  update_secrets:
    description: Whether passwords are sent to AWX also where it has some already. It does not tell whether they differ.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Organization
  awx.awx.organization:
    name: "{{ item.name }}"
  loop: "{{ (awx | dbha.mysql.awx_objects).organizations }}"
"""

RETURN = r"""
_value:
  description:
    - For each kind of object a list of dictionaries, one for each object, with options of the module of C(awx.awx) that makes it.
  type: dict
"""

import typing as t
from pathlib import Path

import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.dbha.mysql.plugins.module_utils._awx.description import Unusable, read
from ansible_collections.dbha.mysql.plugins.module_utils._awx.objects import objects
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import plain

try:
    from ansible.utils.unsafe_proxy import wrap_var
except ImportError:
    # It is to go with ansible-core 2.23. Since 2.19 what a filter returns is not evaluated anyway.
    def wrap_var(v: t.Any) -> t.Any:
        """Return a value as it is."""
        return v


ROLES = ("failover", "switchover", "rejoin")


def awx_objects(described: t.Mapping[str, t.Any], update_secrets: bool = False) -> t.Any:
    """Return what AWX is to have, by kind."""
    roles = Path(__file__).resolve().parents[2] / "roles"
    try:
        found = objects(read(plain(described)), {role: _options(roles / role) for role in ROLES}, update_secrets=bool(update_secrets))
    except Unusable as error:
        raise AnsibleFilterError(str(error)) from error
    # The expressions in it are for AWX.
    return wrap_var(found)


def _options(role: Path) -> t.Mapping[str, t.Any]:
    """Return the options that a role has, by its argument spec."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))
    options: t.Mapping[str, t.Any] = specs["argument_specs"]["main"]["options"]
    return options


class FilterModule:
    """The filters of this collection that are about AWX."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        """Return the filters by their names."""
        return {"awx_objects": awx_objects}
