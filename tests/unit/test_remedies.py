# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which remedies a test follows, in the state in which they are printed, on real servers; and which nobody has followed yet."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import REMEDIES

TESTS = Path(__file__).resolve().parents[1]

_SETTINGS = "integration/test_readiness.py::test_a_cluster_that_is_set_up_well_is_ready_and_each_fault_is_found"

FOLLOWED = {
    "address_unknown": "integration/test_addresses.py::test_an_address_that_dies_with_the_primary_was_the_primarys",
    "changed_meanwhile": "integration/test_lost_locks.py::test_a_switchover_whose_connections_are_killed_neither_opens_nor_undoes",
    "logs_expire_early": _SETTINGS,
    "never_connected": "integration/test_what_sets_prove.py::test_replicas_that_were_away_while_the_primary_wrote_are_not_promoted_as_if_they_had_everything",
    "not_durable": _SETTINGS,
    "not_strict": _SETTINGS,
    "notices_late": _SETTINGS,
    "own_transactions": "integration/test_rejoin_saved.py::test_the_command_that_is_named_brings_what_was_saved_to_the_new_primary",
    "password_withheld": "integration/test_replication_account.py::test_replicas_keep_the_account_that_works_and_are_told_another_one_that_does",
    "address_host_unreachable": "integration/test_address.py::test_a_host_that_is_off_costs_its_time_limit_and_one_that_still_answers_keeps_the_address",
    "address_in_use": "integration/test_address.py::test_a_host_that_is_off_costs_its_time_limit_and_one_that_still_answers_keeps_the_address",
    "address_refused": "integration/test_address.py::test_what_a_host_lacks_is_named_before_anything_is_opened",
    "dns_unreachable": "integration/test_dns.py::test_a_name_server_that_does_not_answer_or_refuses_keeps_the_others_from_nothing",
    "dns_refused": "integration/test_dns.py::test_a_name_server_that_does_not_answer_or_refuses_keeps_the_others_from_nothing",
    "dns_library_missing": "unit/plugins/module_utils/_clients/test_name_servers.py::test_without_the_library_it_is_named_and_with_it_that_is_no_obstacle",
    "primary_read_only": "integration/test_safe_start.py::test_a_primary_that_came_back_closed_is_opened_again_unless_somebody_lacks_it",
    "primary_maybe_alive": "integration/test_salvage.py::test_a_primary_whose_process_runs_behind_a_closed_port_may_be_alive",
    "read_only_not_kept": "integration/test_readiness.py::test_a_replica_that_would_take_writes_after_a_restart_is_found",
    "replication_login_refused": "integration/test_replication_account.py::test_what_the_new_primary_refuses_is_known_before_the_old_one_is_closed",
    "two_writable": "integration/test_two_at_once.py::test_an_old_primary_that_is_back_and_takes_writes_before_the_run_ends_is_told_of",
}
"""By code, the test that does what the remedy says (or one of the ways out that it names), and sees that it helps. Only what was read is here."""

NOT_FOLLOWED = frozenset(
    """
    task_failed bad_input no_such_cluster cluster_incomplete partial_run unreachable not_responding tls_failed login_refused not_mysql
    driver_incomplete unsupported_version unreadable internal_error privilege_missing managed_elsewhere primary_alive primary_dead
    primary_unknown two_primaries former_primary_unknown not_the_primary switchover_unfinished replica_writable stray_replica
    same_server same_server_uuid same_server_id mixed_families other_primary primary_not_in_group multi_source no_replicas gtid_off errant
    diverged history_unknown history_lost domain_unknown not_saved cannot_copy salvage_failed not_copied restart_needed not_a_replica
    not_replicating applier_broken relay_logs_at_risk auto_failover_on no_candidate filtered source_does_not_log not_a_member not_logging
    delayed settings_differ versions_differ semi_sync_incomplete unlisted_replica no_replication_account not_promoted locked drain_timeout
    lagging writers_in_the_way still_writing not_read_only not_undone replication_user_missing not_drained still_receiving catch_up_failed
    closed_to_clients commits_wait writes_blocked not_writable purged statement_failed outcome_unknown
    hook_refused hook_failed fence_failed other_server proxy_unreachable proxy_refused proxy_server_unknown proxy_server_down
    comes_back_open connections_scarce relay_logs_not_recovered site_lost
    """.split()  # noqa: SIM905  (a list would be eighty lines)
)
"""Those for which no test is known to do that. This list only gets shorter: a code that is new comes with a test that follows its remedy."""

MOST = 91


def test_of_each_code_it_is_known_whether_its_remedy_is_followed() -> None:
    assert FOLLOWED.keys() | NOT_FOLLOWED == REMEDIES.keys()
    assert not FOLLOWED.keys() & NOT_FOLLOWED


def test_no_more_are_left_than_there_were() -> None:
    assert len(NOT_FOLLOWED) == MOST, "shorter: let MOST say so; longer: write the test that follows the remedy of the new code"


@pytest.mark.parametrize("code", FOLLOWED)
def test_the_test_that_follows_a_remedy_is_there_and_says_so(code: str) -> None:
    path, _colons, name = FOLLOWED[code].partition("::")
    source = (TESTS / path).read_text(encoding="utf-8")
    (test,) = [each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef) and each.name == name]
    text = ast.get_source_segment(source, test) or ""
    assert code in text
    assert "remedy" in text
