# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Runs that Ansible would cut down until nothing is left of them, and would then call a success (exit code 0).

Seen with ansible-core 2.14 to 2.21: a limit without the host of a play skips it, a tag that it does not have skips all of its tasks, and a task to start at
skips what stands before it.
"""

from __future__ import annotations

import typing as t

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# What stands for tasks without a tag.
_UNTAGGED = {"all", "untagged"}


def left_out_by_limit(host: str, limit: t.Optional[str], groups: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """See whether a limit (C(--limit)) leaves the host of a play. Raises ``AnsibleError`` for a limit that Ansible does not take."""
    if not limit:
        return
    inventory = InventoryManager(DataLoader(), sources=[], parse=False)
    for group, hosts in groups.items():
        inventory.add_group(group)
        for name in hosts:
            inventory.add_host(name, group)
    inventory.subset(limit)
    if not inventory.get_hosts(host):
        message = "the limit %r leaves out %s, where this playbook runs. It would have done nothing, for no member of the cluster"
        yield Problem("partial_run", "", message % (limit, host))


def left_out_by_tags(only: Sequence[str], skipped: Sequence[str], start_at: t.Optional[str]) -> Iterator[Problem]:
    """See whether tags (C(--tags), C(--skip-tags)) leave out tasks that have none, and whether those before another one are (C(--start-at-task))."""
    if not _UNTAGGED.intersection(only) or _UNTAGGED.intersection(skipped):
        message = "its tasks have no tags, and the tags that were asked for (--tags %s, --skip-tags %s) leave out all of them"
        yield Problem("partial_run", "", message % (",".join(only) or "all", ",".join(skipped) or "none"))
    if start_at:
        yield Problem("partial_run", "", "starting at the task %r leaves out those before it, on which it depends" % start_at)
