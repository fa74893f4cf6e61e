# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Of each finding of a check, the test that brings it about on real servers, and fails if it is not found there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions import findings

TESTS = Path(__file__).resolve().parents[1] / "integration"

_SETTINGS = "test_readiness.py::test_a_cluster_that_is_set_up_well_is_ready_and_each_fault_is_found"
_REPLICATING = "test_readiness.py::test_what_is_found_in_how_servers_replicate_goes_away_once_its_remedy_is_followed"
_HOSTS = "test_readiness.py::test_what_is_wrong_on_hosts_and_in_the_inventory_is_found_and_put_right"
_NEXT_START = "test_readiness.py::test_a_replica_that_would_take_writes_after_a_restart_is_found"
_PRIVILEGES = "test_privileges.py::test_a_report_says_which_work_a_missing_privilege_is_for"

FOUND = {
    ("binlog_filtered", "hurts"): "test_rejoin_anew.py::test_what_the_primary_keeps_out_of_its_binary_log_is_told_and_copied",
    ("comes_back_open", "advice"): _NEXT_START,
    ("connections_scarce", "hurts"): _SETTINGS,
    ("delayed", "advice"): _REPLICATING,
    ("delayed", "hurts"): _REPLICATING,
    ("disk_scarce", "blocks"): "test_full_disk.py::test_it_is_told_that_it_hangs_it_is_not_made_to_crash_and_once_it_is_dead_its_role_is_taken",
    ("disk_scarce", "hurts"): _HOSTS,
    ("domain_unused", "advice"): "test_readiness.py::test_a_domain_in_which_nobody_writes_is_found_until_it_is_forgotten",
    ("filtered", "hurts"): _REPLICATING,
    ("gives_up", "advice"): _REPLICATING,
    ("in_two_clusters", "hurts"): _HOSTS,
    ("lagging", "hurts"): _REPLICATING,
    ("logs_expire_early", "hurts"): _SETTINGS,
    ("no_candidate", "blocks"): _SETTINGS,
    ("no_replication_account", "hurts"): _SETTINGS,
    ("not_durable", "advice"): _SETTINGS,
    ("not_logging", "hurts"): "test_readiness.py::test_nobody_could_be_elected_so_the_check_fails",
    ("not_strict", "advice"): _SETTINGS,
    ("notices_late", "advice"): _SETTINGS,
    ("notices_late", "hurts"): _SETTINGS,
    ("password_withheld", "hurts"): "test_readiness.py::test_a_login_that_would_be_refused_after_a_restart_is_found",
    ("privilege_missing", "blocks"): _PRIVILEGES,
    ("privilege_missing", "hurts"): _PRIVILEGES,
    ("public_key_missing", "hurts"): _REPLICATING,
    ("purged", "hurts"): _REPLICATING,
    ("read_only_not_kept", "advice"): _SETTINGS,
    ("read_only_not_kept", "hurts"): _NEXT_START,
    ("relay_logs_not_recovered", "advice"): "test_readiness.py::test_what_an_option_file_has_to_say_is_right_once_the_server_was_started_with_it",
    ("replication_login_refused", "advice"): _SETTINGS,
    ("replication_login_refused", "blocks"): _SETTINGS,
    (
        "replication_login_refused",
        "hurts",
    ): "test_hosts_of_accounts.py::test_what_is_said_of_the_hosts_of_accounts_is_what_becomes_of_a_login_from_there",
    ("salvage_impossible", "advice"): _HOSTS,
    ("salvage_impossible", "blocks"): _HOSTS,
    ("salvage_impossible", "hurts"): _HOSTS,
    ("semi_sync_incomplete", "advice"): _REPLICATING,
    ("semi_sync_incomplete", "hurts"): _REPLICATING,
    ("settings_differ", "advice"): _REPLICATING,
    ("settings_differ", "hurts"): _SETTINGS,
    ("site_lost", "hurts"): _REPLICATING,
    ("size_not_set", "advice"): "test_readiness.py::test_nobody_could_be_elected_so_the_check_fails",
    ("skips_rows", "hurts"): "test_rejoin_donor.py::test_a_replica_that_may_have_skipped_rows_is_found_and_comes_last",
    ("unlisted_replica", "advice"): _SETTINGS,
    ("unlisted_replica", "hurts"): _SETTINGS,
    ("versions_differ", "advice"): "test_readiness.py::test_replicas_that_are_newer_than_others_are_found",
}
"""By code and grade. Problems, which are findings that block, have tests of their own: see test_remedies.py."""


def _codes() -> set[str]:
    """Return the codes of all findings that are made."""
    calls = [each for each in ast.walk(ast.parse(Path(findings.__file__).read_text(encoding="utf-8"))) if isinstance(each, ast.Call)]
    made = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Finding"]
    return {each.value for each in made if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def test_of_each_finding_a_test_is_known_that_brings_it_about() -> None:
    assert _codes() == {code for code, _grade in FOUND}
    assert {grade for _code, grade in FOUND} <= set(findings.GRADES)


@pytest.mark.parametrize("finding", FOUND, ids="-".join)
def test_the_test_is_there_and_names_code_and_grade(finding: tuple[str, str]) -> None:
    path, _colons, name = FOUND[finding].partition("::")
    source = (TESTS / path).read_text(encoding="utf-8")
    (test,) = [each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef) and each.name == name]
    text = ast.get_source_segment(source, test) or ""
    code, grade = finding
    assert code in text
    assert f'"{grade}"' in text
