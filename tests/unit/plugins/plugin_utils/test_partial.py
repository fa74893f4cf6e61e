# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Ansible was told to leave a play out."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.plugin_utils._partial import left_out_by_limit, left_out_by_tags

IMPLICIT = {"all": ["db0", "db1"], "ungrouped": [], "orders": ["db0", "db1"]}
EXPLICIT = {"all": ["db0", "db1", "localhost", "bastion"], "ungrouped": ["localhost", "bastion"], "orders": ["db0", "db1"]}


@pytest.mark.parametrize(
    ("host", "limit", "groups", "left_out"),
    [
        ("localhost", None, IMPLICIT, False),
        ("localhost", "", IMPLICIT, False),
        ("localhost", "orders", IMPLICIT, True),
        ("localhost", "db1", EXPLICIT, True),
        # The one that nobody has written into the inventory is in no group.
        ("localhost", "all", IMPLICIT, True),
        ("localhost", "all", EXPLICIT, False),
        ("localhost", "orders,localhost", IMPLICIT, False),
        ("localhost", "localhost", IMPLICIT, False),
        ("localhost", "local*", EXPLICIT, False),
        ("localhost", "all:!localhost", EXPLICIT, True),
        ("localhost", "all:&orders", EXPLICIT, True),
        ("localhost", "~loc.*", EXPLICIT, False),
        ("bastion", "localhost", EXPLICIT, True),
        ("bastion", "ungrouped", EXPLICIT, False),
    ],
)
def test_a_limit_without_the_host_of_a_play_leaves_it_out(host: str, limit: str | None, groups: dict[str, list[str]], left_out: bool) -> None:
    problems = list(left_out_by_limit(host, limit, groups))
    assert [problem.code for problem in problems] == ["partial_run"] * left_out
    assert all(f"{limit!r} leaves out {host}" in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("only", "skipped", "start_at", "count"),
    [
        (("all",), (), None, 0),
        (["all"], [], None, 0),
        (("untagged",), (), None, 0),
        (("all",), ("slow",), None, 0),
        (("failover", "untagged"), (), None, 0),
        (("failover",), (), None, 1),
        (("tagged",), (), None, 1),
        (("all",), ("all",), None, 1),
        (("all",), ("untagged",), None, 1),
        (("all",), (), "Promote", 1),
        (("never",), (), "Promote", 2),
    ],
)
def test_tags_and_a_task_to_start_at_leave_out_tasks_without_tags(only: list[str], skipped: list[str], start_at: str | None, count: int) -> None:
    assert [problem.code for problem in left_out_by_tags(only, skipped, start_at)] == ["partial_run"] * count
