# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which remedies a test follows, in the state in which they are printed, on real servers: all are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import REMEDIES, remedy_of
from sandbox.runs.remedies import OPTION, amiss, check_remedies

TESTS = Path(__file__).resolve().parents[1] / "integration"

_SETTINGS = "test_readiness.py::test_a_cluster_that_is_set_up_well_is_ready_and_each_fault_is_found"

_JOURNAL = "test_journal.py::test_a_second_failover_has_to_wait_and_a_journal_that_cannot_be_written_is_no_obstacle"

_REPLICATING = "test_readiness.py::test_what_is_found_in_how_servers_replicate_goes_away_once_its_remedy_is_followed"

FOLLOWED = {
    "address_host_unreachable": "test_address.py::test_a_host_that_is_off_costs_its_time_limit_and_one_that_still_answers_keeps_the_address",
    "address_in_use": "test_address.py::test_a_host_that_is_off_costs_its_time_limit_and_one_that_still_answers_keeps_the_address",
    "address_refused": "test_address.py::test_what_a_host_lacks_is_named_before_anything_is_opened",
    "address_unknown": "test_addresses.py::test_an_address_that_dies_with_the_primary_was_the_primarys",
    "applier_broken": "test_lossless_broken_appliers.py::test_what_only_a_replica_with_a_failed_applier_has_received_is_given_up_only_if_the_user_says_so",
    "auto_failover_on": "test_remedies.py::test_a_replica_that_does_not_fit_in_does_once_its_remedy_is_followed",
    "bad_input": "test_bad_input.py::test_what_the_inventory_or_an_option_has_wrong_is_right_once_the_remedy_is_followed",
    "cannot_copy": "test_rejoin_compared.py::test_a_dump_that_would_round_a_float_is_refused_before_anything_is_overwritten",
    "catch_up_failed": "test_lossless_most_advanced.py::test_a_candidate_that_cannot_catch_up_follows_its_own_source_again",
    "changed_meanwhile": "test_lost_locks.py::test_a_switchover_whose_connections_are_killed_neither_opens_nor_undoes",
    "closed_to_clients": "test_locks_in_the_way.py::test_a_candidate_that_is_closed_to_clients_is_not_promoted",
    "cluster_incomplete": "test_bad_input.py::test_a_part_of_a_cluster_is_not_worked_on",
    "comes_back_open": "test_readiness.py::test_what_an_option_file_has_to_say_is_right_once_the_server_was_started_with_it",
    "commits_wait": "test_handover_obstacles.py::test_a_commit_that_nobody_acknowledges_is_not_in_the_way",
    "connections_scarce": _SETTINGS,
    "cooldown": _JOURNAL,
    "delayed": "test_readiness.py::test_who_applies_late_and_who_is_newer_is_not_elected_once_it_is_named",
    "diverged": "test_force.py::test_what_only_the_primary_has_is_not_given_up_without_leave",
    "dns_library_missing": "test_dns.py::test_without_the_library_it_is_named",
    "dns_refused": "test_dns.py::test_a_name_server_that_does_not_answer_or_refuses_keeps_the_others_from_nothing",
    "driver_incomplete": "test_remedies_of_errors.py::test_a_library_that_is_missing_is_there_once_it_is_installed",
    "dns_unreachable": "test_dns.py::test_a_name_server_that_does_not_answer_or_refuses_keeps_the_others_from_nothing",
    "domain_unknown": "test_positions.py::test_a_primary_that_was_told_to_forget_a_domain_follows_once_it_is_told_that_it_has_it",
    "disk_scarce": "test_full_disk.py::test_it_is_told_that_it_hangs_it_is_not_made_to_crash_and_once_it_is_dead_its_role_is_taken",
    "domain_unused": "test_readiness.py::test_a_domain_in_which_nobody_writes_is_found_until_it_is_forgotten",
    "drain_timeout": "test_undo.py::test_a_drain_that_takes_too_long_is_undone_and_nothing_is_lost",
    "errant": "test_rejoin_replica.py::test_it_is_stopped_before_it_is_overwritten_while_clients_write",
    "fence_failed": "test_hooks.py::test_the_ready_made_fences_stop_the_unit_over_ssh_and_run_a_command",
    "binlog_filtered": "test_rejoin_anew.py::test_what_the_primary_keeps_out_of_its_binary_log_is_told_and_copied",
    "filtered": "test_what_sets_prove.py::test_where_all_replicas_leave_rows_out_that_is_known_before_and_may_be_accepted",
    "former_primary_unknown": "test_remedies.py::test_which_of_two_that_follow_nobody_is_brought_back_is_for_the_user_to_say",
    "gives_up": _REPLICATING,
    "gtid_off": "test_remedies.py::test_a_replica_that_does_not_fit_in_does_once_its_remedy_is_followed",
    "history_lost": "test_rejoin.py::test_a_former_primary_that_has_lost_what_it_wrote_is_not_joined",
    "history_unknown": "test_what_sets_prove.py::test_a_server_whose_gtids_were_emptied_beside_its_tables_is_not_joined",
    "hook_failed": "test_hooks.py::test_after_the_opening_one_that_fails_leaves_nothing_else_undone",
    "hook_refused": "test_hooks.py::test_each_moment_of_a_failover_knows_what_is_known_then_and_the_next_run_does_not_repeat_it",
    "in_two_clusters": "test_readiness.py::test_what_is_wrong_on_hosts_and_in_the_inventory_is_found_and_put_right",
    "internal_error": "test_remedies_of_errors.py::test_a_mistake_and_an_answer_that_makes_no_sense_leave_the_servers_as_they_were_found",
    "journal_not_read": _JOURNAL,
    "journal_not_written": _JOURNAL,
    "lagging": "test_handover_obstacles.py::test_a_candidate_that_lags_is_refused",
    "locked": "test_two_at_once.py::test_a_switchover_that_is_at_work_keeps_another_one_and_a_forced_failover_off",
    "log_ahead": "test_crashed.py::test_one_with_strict_gtids_stops_at_what_its_binary_log_has_and_goes_on_once_that_is_empty",
    "login_refused": "test_silent_replicas.py::test_one_that_lets_us_in_no_more_after_the_election_may_have_been_opened_since_and_is_refused",
    "logs_expire_early": _SETTINGS,
    "managed_elsewhere": "test_managed_elsewhere.py::test_a_cluster_that_a_monitor_of_maxscale_has_locked",
    "mixed_families": "test_remedies.py::test_servers_of_two_families_are_put_into_groups_of_their_own",
    "multi_source": "test_remedies.py::test_a_replica_that_does_not_fit_in_does_once_its_remedy_is_followed",
    "never_connected": "test_what_sets_prove.py::test_replicas_that_were_away_while_the_primary_wrote_are_not_promoted_as_if_they_had_everything",
    "no_candidate": "test_remedies.py::test_from_a_primary_that_lives_to_one_that_is_dead_and_back",
    "no_replicas": "test_bad_input.py::test_what_the_inventory_or_an_option_has_wrong_is_right_once_the_remedy_is_followed",
    "no_replication_account": _SETTINGS,
    "no_such_cluster": "test_bad_input.py::test_what_the_inventory_or_an_option_has_wrong_is_right_once_the_remedy_is_followed",
    "not_a_member": "test_bad_input.py::test_what_the_inventory_or_an_option_has_wrong_is_right_once_the_remedy_is_followed",
    "not_a_replica": "test_left_out_then_back.py::test_the_new_primary_stays_the_primary_and_the_others_are_brought_to_it",
    "not_copied": "test_rejoin.py::test_a_rebuild_that_is_interrupted_is_refused_until_it_is_done_again",
    "not_drained": "test_remedies.py::test_a_step_out_of_order_is_taken_in_order",
    "not_durable": _SETTINGS,
    "not_logging": "test_readiness.py::test_nobody_could_be_elected_so_the_check_fails",
    "not_mysql": "test_bad_input.py::test_what_the_inventory_or_an_option_has_wrong_is_right_once_the_remedy_is_followed",
    "not_promoted": "test_remedies.py::test_a_step_out_of_order_is_taken_in_order",
    "not_read_only": "test_lost_locks.py::test_a_switchover_whose_old_primary_takes_writes_again_opens_no_second_server",
    "not_replicating": "test_lossless_broken_appliers.py::test_a_replica_whose_applier_failed_is_passed_over_where_another_has_everything",
    "not_responding": "test_remedies.py::test_from_a_primary_that_lives_to_one_that_is_dead_and_back",
    "not_saved": "test_rejoin_saved.py::test_a_directory_that_cannot_be_written_is_named_with_what_to_do_about_it",
    "not_strict": _SETTINGS,
    "not_the_primary": "test_left_out_then_back.py::test_a_word_that_contradicts_what_the_servers_say_is_refused_and_the_living_primary_is_not_closed",
    "not_undone": "test_handover_interruptions.py::test_an_old_primary_that_dies_meanwhile_is_told_from_one_that_takes_writes_again",
    "not_writable": "test_remedies.py::test_a_step_out_of_order_is_taken_in_order",
    "notices_late": _SETTINGS,
    "other_primary": "test_remedies.py::test_a_replica_that_does_not_fit_in_does_once_its_remedy_is_followed",
    "other_server": "test_inventory_plugin.py::test_where_addresses_are_translated_replicas_are_told_the_other_one",
    "outcome_unknown": "test_silent_replicas.py::test_the_best_one_is_taken_up_again_where_it_was_paused_before_it_took_writes",
    "own_transactions": "test_rejoin_saved.py::test_the_command_that_is_named_brings_what_was_saved_to_the_new_primary",
    "partial_run": "test_partial_runs.py::test_a_failover_with_a_step_that_is_declined_is_no_success_and_does_no_harm",
    "password_withheld": "test_replication_account.py::test_replicas_keep_the_account_that_works_and_are_told_another_one_that_does",
    "primary_alive": "test_remedies.py::test_from_a_primary_that_lives_to_one_that_is_dead_and_back",
    "primary_dead": "test_remedies.py::test_from_a_primary_that_lives_to_one_that_is_dead_and_back",
    "primary_hangs": "test_full_disk.py::test_it_is_told_that_it_hangs_it_is_not_made_to_crash_and_once_it_is_dead_its_role_is_taken",
    "primary_maybe_alive": "test_salvage.py::test_a_primary_whose_process_runs_behind_a_closed_port_may_be_alive",
    "primary_not_in_group": "test_bad_input.py::test_what_the_inventory_or_an_option_has_wrong_is_right_once_the_remedy_is_followed",
    "primary_read_only": "test_safe_start.py::test_a_primary_that_came_back_closed_is_opened_again_unless_somebody_lacks_it",
    "primary_unknown": "test_remedies.py::test_of_two_primaries_that_are_dead_the_group_says_which_is_meant",
    "privilege_missing": "test_privileges.py::test_a_failover_without_a_privilege_is_refused_before_anything_is_changed",
    "proxy_refused": "test_haproxy.py::test_a_proxy_that_does_not_answer_keeps_the_others_from_nothing",
    "proxy_server_down": "test_haproxy.py::test_a_proxy_that_does_not_answer_keeps_the_others_from_nothing",
    "proxy_server_unknown": "test_haproxy.py::test_a_server_is_found_by_name_prefix_mapping_or_address",
    "proxy_unreachable": "test_haproxy.py::test_clients_follow_a_switchover_and_a_failover",
    "public_key_missing": (
        "test_replication_account.py::test_a_new_source_that_would_have_to_be_sent_the_password_is_found_before_anything_is_opened_or_closed"
    ),
    "purged": "test_what_sets_prove.py::test_who_cannot_be_sent_what_was_applied_and_not_logged_is_told",
    "read_only_not_kept": "test_readiness.py::test_a_replica_that_would_take_writes_after_a_restart_is_found",
    "relay_logs_at_risk": "test_lossless_relay_logs.py::test_relay_logs_whose_transactions_were_applied_out_of_order_are_refused_before_anything_is_touched",
    "relay_logs_not_recovered": "test_readiness.py::test_what_an_option_file_has_to_say_is_right_once_the_server_was_started_with_it",
    "replica_writable": "test_open_members.py::test_a_switchover_is_refused_while_another_member_takes_writes",
    "replication_login_refused": "test_replication_account.py::test_what_the_new_primary_refuses_is_known_before_the_old_one_is_closed",
    "replication_user_missing": "test_switchover.py::test_without_an_account_for_the_old_primary_nothing_is_begun",
    "restart_needed": "test_rejoin.py::test_a_clone_overwrites_it_and_it_is_a_replica_then",
    "salvage_failed": "test_salvage.py::test_what_cannot_be_fetched_in_time_is_named_and_holds_nobody_up",
    "salvage_impossible": "test_readiness.py::test_what_is_wrong_on_hosts_and_in_the_inventory_is_found_and_put_right",
    "same_server": "test_bad_input.py::test_what_the_inventory_or_an_option_has_wrong_is_right_once_the_remedy_is_followed",
    "same_server_id": "test_remedies.py::test_a_replica_that_does_not_fit_in_does_once_its_remedy_is_followed",
    "same_server_uuid": "test_remedies.py::test_a_replica_that_does_not_fit_in_does_once_its_remedy_is_followed",
    "semi_sync_incomplete": "test_handover_obstacles.py::test_a_commit_that_nobody_acknowledges_is_not_in_the_way",
    "settings_differ": _SETTINGS,
    "site_lost": "test_policy.py::test_who_is_preferred_takes_over_and_who_is_never_to_be_promoted_does_not",
    "size_not_set": "test_readiness.py::test_nobody_could_be_elected_so_the_check_fails",
    "skips_rows": "test_rejoin_donor.py::test_a_replica_that_may_have_skipped_rows_is_found_and_comes_last",
    "source_does_not_log": "test_what_sets_prove.py::test_a_replica_behind_one_that_does_not_log_is_told",
    "statement_failed": "test_remedies_of_errors.py::test_what_a_server_refuses_after_the_opening_is_done_by_the_next_run",
    "still_receiving": "test_remedies.py::test_a_step_out_of_order_is_taken_in_order",
    "still_writing": "test_remedies.py::test_a_step_out_of_order_is_taken_in_order",
    "stray_replica": "test_left_out_then_back.py::test_the_new_primary_stays_the_primary_and_the_others_are_brought_to_it",
    "switchover_unfinished": "test_interruptions.py::test_an_interrupted_switchover_that_has_opened_the_new_primary_is_not_taken_back_but_finished",
    "task_failed": "test_remedies_of_errors.py::test_a_mistake_and_an_answer_that_makes_no_sense_leave_the_servers_as_they_were_found",
    "tls_failed": "test_login_variables.py::test_the_name_of_a_server_need_not_be_in_its_certificate_if_the_inventory_says_so",
    "two_primaries": "test_left_out_then_back.py::test_where_both_have_taken_writes_both_are_named_and_the_word_of_the_user_decides",
    "two_writable": "test_two_at_once.py::test_an_old_primary_that_is_back_and_takes_writes_before_the_run_ends_is_told_of",
    "unlisted_replica": _SETTINGS,
    "unreachable": "test_remedies.py::test_from_a_primary_that_lives_to_one_that_is_dead_and_back",
    "unreadable": "test_remedies_of_errors.py::test_a_mistake_and_an_answer_that_makes_no_sense_leave_the_servers_as_they_were_found",
    "unsupported_version": "test_remedies.py::test_a_replica_that_does_not_fit_in_does_once_its_remedy_is_followed",
    "versions_differ": "test_readiness.py::test_who_applies_late_and_who_is_newer_is_not_elected_once_it_is_named",
    "writers_in_the_way": "test_handover_obstacles.py::test_where_nothing_may_be_killed_a_switchover_is_undone_by",
    "writes_blocked": "test_locks_in_the_way.py::test_a_primary_that_somebody_keeps_from_being_written_to_is_not_in_order",
}
"""By code, the test that does what the remedy says (or one of the ways out that it names), and sees that it helps. Only what was read is here."""


def test_the_remedy_of_each_code_is_followed() -> None:
    assert FOLLOWED.keys() == REMEDIES.keys(), "a code that is new comes with a test that follows its remedy"


@pytest.mark.parametrize("code", FOLLOWED)
def test_the_test_that_follows_a_remedy_is_there_and_says_so(code: str) -> None:
    path, _colons, name = FOLLOWED[code].partition("::")
    source = (TESTS / path).read_text(encoding="utf-8")
    (test,) = [each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef) and each.name == name]
    text = ast.get_source_segment(source, test) or ""
    assert code in text
    assert "remedy" in text


def test_the_rule_sees_what_belongs_to_another_verb_and_what_there_is_not() -> None:
    said = "Do it (failover_force=true). Run dbha.mysql.rejoin with rejoin_server. Give rejoin_save."
    assert amiss("switchover", said) == ["failover_force", "rejoin_save"]
    assert amiss("failover", said) == ["rejoin_save"]
    assert amiss("check", said) == []
    unknown = "Run dbha.mysql.promote with failover_now=true, mysql_sites or clients_dns, and mysql_site, clients_dns_zone or dbha.mysql.check."
    assert amiss("", unknown) == ["dbha.mysql.promote", "failover_now", "mysql_sites", "clients_dns"]


def test_what_is_wrong_in_the_results_of_a_run_is_found_wherever_it_is() -> None:
    problem = {"code": "locked", "server": "db1", "message": "", "remedy": "Give rejoin_save."}
    check_remedies("dbha.mysql.rejoin", [{"problems": [problem]}, {"warnings": ["[locked] it is. Give rejoin_save.", {"odd": 1}, "failover_odd"]}])
    for result in ({"problems": [problem]}, {"dbha_result": {"findings": [problem]}}, {"warnings": ["[locked] it is. Give rejoin_save."]}):
        with pytest.raises(AssertionError, match="rejoin_save"):
            check_remedies("dbha.mysql.failover", [{"changed": False}, result])
    for message in ("it holds 0 transactions not applied yet: x", "it lacks transactions: ", "1 connections are in the way"):
        with pytest.raises(AssertionError, match="says"):
            check_remedies("dbha.mysql.rejoin", [{"problems": [{**problem, "message": message}]}])
    check_remedies("dbha.mysql.rejoin", [{"problems": [{**problem, "message": "db1 lacks 10 transactions, and 1 transaction: 0-1-1"}]}])
    with pytest.raises(AssertionError, match="names nothing"):
        check_remedies("dbha.mysql.failover", [{"problems": [{**problem, "remedy": ""}]}])


@pytest.mark.parametrize("verb", ["failover", "switchover", "rejoin", "check"])
def test_a_remedy_names_only_what_there_is_and_no_options_of_a_verb_that_is_not_at_work(verb: str) -> None:
    assert {code: wrong for code in REMEDIES if (wrong := amiss(verb, remedy_of(code, verb)))} == {}


def test_whoever_is_in_no_verb_is_told_of_each() -> None:
    for code, remedy in REMEDIES.items():
        said = remedy_of(code)
        assert remedy_of(code, "check") == said
        if not isinstance(remedy, str):
            assert all(option in said for verb in ("failover", "switchover", "rejoin") for option in OPTION.findall(remedy_of(code, verb)))
    assert remedy_of("lagging") == remedy_of("lagging", "switchover")
    assert remedy_of("drain_timeout").endswith(
        "In a failover: to wait for longer, run it again with a larger failover_drain_timeout. "
        "In a switchover: to wait for longer, run it again with a larger switchover_timeout. "
        "In a rejoin: to wait for longer, run it again with a larger rejoin_timeout."
    )
