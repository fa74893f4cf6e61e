# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each statement is to the connection: whether it changes anything, how long it may take."""

from __future__ import annotations

import inspect
import re
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import (
    MariaDB,
    MySQL,
    SourceOptions,
    flavor_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Secret, Statement

FAMILIES = ["5.7.44", "8.0.36", "10.11.6-MariaDB"]

Said = t.Union[Statement, "list[Statement]", None]

ROW = dict.fromkeys(["id", "event", "old_primary", "new_primary", "why", "run_by", "gtids", "seconds", "lost"], "?")

CHANGING: dict[str, t.Callable[[t.Any], Said]] = {
    "start_receiver": lambda it: it.start_receiver(),
    "stop_receiver": lambda it: it.stop_receiver(),
    "start_applier": lambda it: it.start_applier(),
    "stop_applier": lambda it: it.stop_applier(),
    "fill_gaps": lambda it: it.fill_gaps(),
    "start_replica": lambda it: it.start_replica(),
    "stop_replica": lambda it: it.stop_replica(),
    "forget_source": lambda it: it.forget_source(),
    "change_source": lambda it: it.change_source(SourceOptions("db1", 3307)),
    "set_delay": lambda it: it.set_delay(60),
    "keep_relay_logs": lambda it: it.keep_relay_logs("relay.000002", 4711),
    "put_relay_logs_back": lambda it: it.put_relay_logs_back("relay.000002", 4711, "binlog.000001", 4),
    "use_gtid": lambda it: it.use_gtid(),
    "set_position": lambda it: it.set_position("G"),
    "set_gtid_mode": lambda it: it.set_gtid_mode("ON"),
    "count_as_replicated": lambda it: it.count_as_replicated("0-1-9"),
    "count_current_as_replicated": lambda it: it.count_current_as_replicated(),
    "allow_writes": lambda it: it.allow_writes(),
    "forbid_writes": lambda it: it.forbid_writes(),
    "open_to_privileged": lambda it: it.open_to_privileged(),
    "close_at_next_start": lambda it: it.close_at_next_start(),
    "persist_read_only": lambda it: it.persist_read_only(True) + it.persist_read_only(False),
    "kill": lambda it: it.kill(7),
    "alter_event": lambda it: it.alter_event("shop", "clean", "root@%", enable=True),
    "set_semi_sync": lambda it: it.set_semi_sync("rpl_semi_sync_source_enabled", True),
    "install_clone_plugin": lambda it: it.install_clone_plugin(),
    "allow_donor": lambda it: it.allow_donor("db1", 3306),
    "clone_from": lambda it: it.clone_from("root", "db1", 3306, Secret("p"), 60),
    "drop_schema": lambda it: it.drop_schema("shop"),
    "create_schema": lambda it: it.create_schema("shop"),
    "create_journal": lambda it: it.create_journal(),
    "write_journal": lambda it: it.write_journal(ROW),
}
READING: dict[str, t.Callable[[t.Any], Said]] = {
    "show_variables": lambda it: it.show_variables(),
    "select_gtids": lambda it: it.select_gtids(),
    "select_again": lambda it: it.select_again(["read_only", "server_id"]),
    "show_settings": lambda it: it.show_settings(),
    "select_next_read_only": lambda it: it.select_next_read_only(),
    "select_disks": lambda it: it.select_disks(),
    "show_dump_connections": lambda it: it.show_dump_connections(),
    "show_registered_replicas": lambda it: it.show_registered_replicas(),
    "show_connection_count": lambda it: it.show_connection_count(),
    "select_utc_offset": lambda it: it.select_utc_offset(),
    "show_replica_status": lambda it: it.show_replica_status(),
    "select_channels": lambda it: it.select_channels(),
    "select_accounts": lambda it: it.select_accounts(["repl"]),
    "select_worker_errors": lambda it: it.select_worker_errors(),
    "select_clone_trust": lambda it: it.select_clone_trust(),
    "count_pending_stops": lambda it: it.count_pending_stops(),
    "count_group_appliers": lambda it: it.count_group_appliers(),
    "show_binary_log_status": lambda it: it.show_binary_log_status(),
    "show_binary_logs": lambda it: it.show_binary_logs(),
    "show_uptime": lambda it: it.show_uptime(),
    "show_first_events": lambda it: it.show_first_events("binlog.000001"),
    "show_event_at": lambda it: it.show_event_at("binlog.000001", 4),
    "show_relay_log_events": lambda it: it.show_relay_log_events("relay.000002", 4, 1000),
    "show_session": lambda it: it.show_session(["sql_if_exists"]),
    "show_collations": lambda it: it.show_collations(),
    "take_names_as_bytes": lambda it: it.take_names_as_bytes(),
    "go_on_after": lambda it: it.go_on_after("0-1-9"),
    "expect_binary_log": lambda it: it.expect_binary_log(),
    "expect_domains": lambda it: it.expect_domains("0-1-9,1-1-2", "1-1-5"),
    "select_read_only": lambda it: it.select_read_only(),
    "select_pulse": lambda it: it.select_pulse("lock"),
    "select_places_of_files": lambda it: it.select_places_of_files(),
    "select_clone_plugin": lambda it: it.select_clone_plugin(),
    "show_processlist": lambda it: it.show_processlist(),
    "select_cutting_defaults": lambda it: it.select_cutting_defaults(),
    "show_open_transactions": lambda it: it.show_open_transactions(),
    "show_lock_waits": lambda it: it.show_lock_waits(),
    "show_lock_holders": lambda it: it.show_lock_holders(),
    "show_schemas": lambda it: it.show_schemas(),
    "show_events": lambda it: it.show_events(),
    "ask_to_see_events": lambda it: it.ask_to_see_events(),
    "wait_until_applied": lambda it: it.wait_until_applied("G", 1),
    # It names an event that is not there.
    "try_to_write": lambda it: it.try_to_write(),
    "limit_trial": lambda it: it.limit_trial(),
    "end_trial": lambda it: it.end_trial(),
    "show_grants": lambda it: it.show_grants(),
    "show_own_account": lambda it: it.show_own_account(),
    # They end with the connection at the latest.
    "take_lock": lambda it: it.take_lock("name"),
    "take_first_lock": lambda it: it.take_first_lock("name", "second"),
    "release_lock": lambda it: it.release_lock("name"),
    "holds_lock": lambda it: it.holds_lock("name"),
    "lock_holder": lambda it: it.lock_holder("name"),
    "lock_all_tables": lambda it: it.lock_all_tables(),
    "unlock_tables": lambda it: it.unlock_tables(),
    "limit_lock_waits": lambda it: it.limit_lock_waits(5),
    "stay_connected": lambda it: it.stay_connected(600),
    "say_in": lambda it: it.say_in("latin1", "latin1_german1_ci"),
    "say_in_utf8": lambda it: it.say_in_utf8(),
    "log_to_binary_log": lambda it: it.log_to_binary_log(False),
    "prepare_to_read": lambda it: it.prepare_to_read(),
    "use_journal": lambda it: it.use_journal(),
    "prepare_journal": lambda it: it.prepare_journal(),
    "show_journal": lambda it: it.show_journal(5),
    # They fail or leave everything as it is.
    "try_to_replace": lambda it: it.try_to_replace(),
    "try_to_set_position": lambda it: it.try_to_set_position(),
}


def all_said(version: str, listed: dict[str, t.Callable[[t.Any], Said]]) -> dict[str, list[Statement]]:
    """Say all of a list that a server of this version can be told."""
    flavor = flavor_of(version)
    found: dict[str, list[Statement]] = {}
    for name, say in listed.items():
        if hasattr(flavor, name):
            statements = say(flavor)
            found[name] = [statements] if isinstance(statements, Statement) else statements or []
    return found


def test_of_every_statement_it_is_known_whether_it_changes_anything() -> None:
    methods = {name: each for family in (MySQL, MariaDB) for name, each in inspect.getmembers(family, callable) if not name.startswith("_")}
    saying = {name for name, each in methods.items() if "Statement" in str(inspect.signature(each).return_annotation)}
    assert saying == set(CHANGING) | set(READING)


@pytest.mark.parametrize("version", FAMILIES)
def test_every_statement_that_changes_something_is_held_back_in_check_mode(version: str) -> None:
    said = all_said(version, CHANGING)
    assert [name for name, statements in said.items() for statement in statements if not statement.changes] == []


@pytest.mark.parametrize("version", FAMILIES)
def test_no_statement_that_only_reads_or_changes_but_the_session_is_held_back_in_check_mode(version: str) -> None:
    said = all_said(version, READING)
    assert [name for name, statements in said.items() for statement in statements if statement.changes] == []


@pytest.mark.parametrize("version", ["5.6.24", "5.7.44", "8.0.36", "9.7.4"])
def test_what_reads_a_table_that_holds_the_statements_of_clients_can_be_asked_in_another_way(version: str) -> None:
    said = [statement for statements in all_said(version, {**CHANGING, **READING}).values() for statement in statements]
    reading = [statement for statement in said if re.search("PROCESSLIST|INNODB_TRX|performance_schema.threads|events_statements", statement.text)]
    assert len(reading) == 5
    assert [statement.text for statement in said if (statement.instead is not None) != (statement in reading)] == []


@pytest.mark.parametrize("version", ["5.6.24", *FAMILIES])
def test_a_wait_has_a_limit_on_the_server_and_a_longer_one_here(version: str) -> None:
    statement = flavor_of(version).wait_until_applied("G", 5)
    assert 5 in statement.values
    assert statement.timeout is not None
    assert statement.timeout > 5
