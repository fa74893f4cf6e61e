# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of the primary, beside its replicas."""

from __future__ import annotations

from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import describe_member, describe_primary
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster, dead, living, replica


def test_of_the_primary_is_told_what_it_is_compared_by() -> None:
    told = describe_primary(cluster(living(gtid_mode="ON_PERMISSIVE"), replica("db1", "P:1-9")))
    assert told is not None
    assert (told["server_id"], told["gtid_mode"]) == (1, "ON_PERMISSIVE")
    topology = cluster(dead(), replica("db1", "P:1-9"))
    silent, other = describe_primary(topology), describe_member(topology["db1"], topology)
    assert silent is not None
    assert (silent["server_id"], silent["gtid_mode"]) == (None, None)
    # By the same names as of a replica.
    assert {"server_id", "gtid_mode", "version", "writable", "executed"} <= set(told) & set(other)
