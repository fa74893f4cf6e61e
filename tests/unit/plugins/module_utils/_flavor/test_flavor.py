# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said to each version, also to those that cannot be had: from the vendors' manuals, "Changes in MySQL 8.0.22" and so on.

Two changes rename nothing that we say. MySQL 9.0 has lost C(mysql_native_password), but no statement of ours names a plugin for passwords;
what its successor takes of a replica, C(GET_SOURCE_PUBLIC_KEY), is below. MariaDB 11.4 encrypts and verifies unless it is told otherwise,
so that a server without replication must be told either way: see the settings of the source here, and C(describe_settings).
"""

from __future__ import annotations

import inspect
import typing as t
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import (
    Flavor,
    MariaDB,
    MySQL,
    SourceOptions,
    flavor_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Secret, Statement


def said(statement: Statement) -> str:
    """Put the values in, quoted as Python does: good enough to read."""
    return statement.text % tuple(str(value) if isinstance(value, int) else f"'{value}'" for value in statement.values)


# --- The whole of what differs, version by version

CHANGE_MASTER = "CHANGE MASTER TO MASTER_HOST = 'db1', MASTER_PORT = 3307, MASTER_AUTO_POSITION = 1"
CHANGE_SOURCE = "CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'db1', SOURCE_PORT = 3307, SOURCE_AUTO_POSITION = 1"
CHANGE_MARIADB = "CHANGE MASTER TO MASTER_HOST = 'db1', MASTER_PORT = 3307, MASTER_USE_GTID = slave_pos"
WAIT_UNTIL = "SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('G', 5) AS waited"
WAIT_FOR = "SELECT WAIT_FOR_EXECUTED_GTID_SET('G', 5) AS waited"
WAIT_MARIADB = "SELECT MASTER_GTID_WAIT('G', 5) AS waited"
MASTER_STATUS = "SHOW MASTER STATUS"
BINARY_LOG_STATUS = "SHOW BINARY LOG STATUS"
ALL_SLAVES = "SHOW ALL SLAVES STATUS"
READ_ONLY = "SET GLOBAL read_only = 1"
SUPER_READ_ONLY = "SET GLOBAL super_read_only = 1"

TABLE = [
    # what VERSION() says, then: the status, the word for replicas, a change of source, the wait, the binary log's status, no more writes
    ("5.6.24-log", "SHOW SLAVE STATUS", "SLAVE", CHANGE_MASTER, WAIT_UNTIL, MASTER_STATUS, READ_ONLY),
    ("5.6.51", "SHOW SLAVE STATUS", "SLAVE", CHANGE_MASTER, WAIT_UNTIL, MASTER_STATUS, READ_ONLY),
    ("5.7.4-m14", "SHOW SLAVE STATUS", "SLAVE", CHANGE_MASTER, WAIT_UNTIL, MASTER_STATUS, READ_ONLY),
    ("5.7.5-m15", "SHOW SLAVE STATUS", "SLAVE", CHANGE_MASTER, WAIT_FOR, MASTER_STATUS, READ_ONLY),
    ("5.7.8-rc", "SHOW SLAVE STATUS", "SLAVE", CHANGE_MASTER, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),
    ("5.7.44-log", "SHOW SLAVE STATUS", "SLAVE", CHANGE_MASTER, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),
    ("5.7.44-48-log", "SHOW SLAVE STATUS", "SLAVE", CHANGE_MASTER, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),  # Percona
    ("8.0.11", "SHOW SLAVE STATUS", "SLAVE", CHANGE_MASTER, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),
    ("8.0.21", "SHOW SLAVE STATUS", "SLAVE", CHANGE_MASTER, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),
    ("8.0.22", "SHOW REPLICA STATUS", "REPLICA", CHANGE_MASTER, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),
    ("8.0.23", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),
    ("8.0.26", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),
    ("8.0.36-28", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),  # Percona
    ("8.0.36-0ubuntu0.22.04.1", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),
    ("8.1.0", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, MASTER_STATUS, SUPER_READ_ONLY),
    ("8.2.0", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, BINARY_LOG_STATUS, SUPER_READ_ONLY),
    ("8.3.0", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, BINARY_LOG_STATUS, SUPER_READ_ONLY),
    ("8.4.0", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, BINARY_LOG_STATUS, SUPER_READ_ONLY),
    ("9.0.1", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, BINARY_LOG_STATUS, SUPER_READ_ONLY),
    ("9.7.4-Debian", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, BINARY_LOG_STATUS, SUPER_READ_ONLY),
    ("26.1.0", "SHOW REPLICA STATUS", "REPLICA", CHANGE_SOURCE, WAIT_FOR, BINARY_LOG_STATUS, SUPER_READ_ONLY),
    ("10.5.29-MariaDB", ALL_SLAVES, "REPLICA", CHANGE_MARIADB, WAIT_MARIADB, MASTER_STATUS, READ_ONLY),
    ("10.6.22-MariaDB-log", ALL_SLAVES, "REPLICA", CHANGE_MARIADB, WAIT_MARIADB, MASTER_STATUS, READ_ONLY),
    ("10.7.8-MariaDB", ALL_SLAVES, "REPLICA", CHANGE_MARIADB, WAIT_MARIADB, MASTER_STATUS, READ_ONLY),
    ("10.10.7-MariaDB", ALL_SLAVES, "REPLICA", CHANGE_MARIADB, WAIT_MARIADB, MASTER_STATUS, READ_ONLY),
    ("5.5.5-10.11.6-MariaDB-0+deb12u1-log", ALL_SLAVES, "REPLICA", CHANGE_MARIADB, WAIT_MARIADB, MASTER_STATUS, READ_ONLY),
    ("11.4.5-MariaDB", ALL_SLAVES, "REPLICA", CHANGE_MARIADB, WAIT_MARIADB, MASTER_STATUS, READ_ONLY),
    ("11.8.6-MariaDB-0+deb13u1 from Debian-log", ALL_SLAVES, "REPLICA", CHANGE_MARIADB, WAIT_MARIADB, MASTER_STATUS, READ_ONLY),
    ("12.3.1-MariaDB", ALL_SLAVES, "REPLICA", CHANGE_MARIADB, WAIT_MARIADB, MASTER_STATUS, READ_ONLY),
]


@pytest.mark.parametrize(("version", "status", "word", "source", "wait", "binary_log", "no_writes"), TABLE, ids=[row[0] for row in TABLE])
def test_each_version_is_spoken_to_in_words_that_it_knows(
    version: str, status: str, word: str, source: str, wait: str, binary_log: str, no_writes: str
) -> None:
    flavor = flavor_of(version)
    assert said(flavor.show_replica_status()) == status
    assert said(flavor.start_receiver()) == f"START {word} IO_THREAD"
    assert said(flavor.stop_receiver()) == f"STOP {word} IO_THREAD"
    assert said(flavor.start_applier()) == f"START {word} SQL_THREAD"
    assert said(flavor.stop_applier()) == f"STOP {word} SQL_THREAD"
    assert said(flavor.start_replica()) == f"START {word}"
    assert said(flavor.stop_replica()) == f"STOP {word}"
    assert said(flavor.forget_source()) == f"RESET {word} ALL"
    assert said(flavor.change_source(SourceOptions("db1", 3307))) == source
    assert said(flavor.wait_until_applied("G", 5)) == wait
    assert said(flavor.show_binary_log_status()) == binary_log
    assert [said(statement) for statement in flavor.forbid_writes()] == [no_writes]
    assert [said(statement) for statement in flavor.allow_writes()] == ["SET GLOBAL read_only = 0"]


# --- Rows of the vendors' tables of renamed words, each on both sides of the version that renamed it

RENAMED: list[tuple[str, t.Callable[[Flavor], Statement], tuple[str, str], tuple[str, str]]] = [
    ("show_replica", lambda it: it.show_replica_status(), ("8.0.21", "SHOW SLAVE STATUS"), ("8.0.22", "SHOW REPLICA STATUS")),
    ("start_replica", lambda it: it.start_replica(), ("8.0.21", "START SLAVE"), ("8.0.22", "START REPLICA")),
    ("stop_replica", lambda it: it.stop_replica(), ("8.0.21", "STOP SLAVE"), ("8.0.22", "STOP REPLICA")),
    ("reset_replica", lambda it: it.forget_source(), ("8.0.21", "RESET SLAVE ALL"), ("8.0.22", "RESET REPLICA ALL")),
    ("change_source", lambda it: it.change_source(SourceOptions("db1", 3307)), ("8.0.22", CHANGE_MASTER), ("8.0.23", CHANGE_SOURCE)),
    ("binary_log_status", lambda it: it.show_binary_log_status(), ("8.1.0", MASTER_STATUS), ("8.2.0", BINARY_LOG_STATUS)),
    ("wait", lambda it: it.wait_until_applied("G", 5), ("5.7.4", WAIT_UNTIL), ("5.7.5", WAIT_FOR)),
    ("super_read_only", lambda it: it.forbid_writes()[0], ("5.7.7", READ_ONLY), ("5.7.8", SUPER_READ_ONLY)),
    (
        "disable_on_replica",
        lambda it: it.alter_event("shop", "clean", "root@%", enable=False),
        ("8.1.0", "ALTER DEFINER = 'root'@'%' EVENT `shop`.`clean` DISABLE ON SLAVE"),
        ("8.2.0", "ALTER DEFINER = 'root'@'%' EVENT `shop`.`clean` DISABLE ON REPLICA"),
    ),
    (
        "master_demote_to_slave",
        lambda it: it.change_source(SourceOptions("db1", 3307, demote=True)),
        ("10.9.8-MariaDB", CHANGE_MARIADB),
        ("10.10.7-MariaDB", CHANGE_MARIADB + ", MASTER_DEMOTE_TO_SLAVE = 1"),
    ),
    (
        "get_public_key",
        lambda it: it.change_source(SourceOptions("db1", 3307, get_public_key=True)),
        ("8.0.3", CHANGE_MASTER),
        ("8.0.4", CHANGE_MASTER.replace("MASTER_AUTO", "GET_MASTER_PUBLIC_KEY = 1, MASTER_AUTO")),
    ),
    (
        "get_source_public_key",
        lambda it: it.change_source(SourceOptions("db1", 3307, get_public_key=True)),
        ("8.0.22", CHANGE_MASTER.replace("MASTER_AUTO", "GET_MASTER_PUBLIC_KEY = 1, MASTER_AUTO")),
        ("8.0.23", CHANGE_SOURCE.replace("SOURCE_AUTO", "GET_SOURCE_PUBLIC_KEY = 1, SOURCE_AUTO")),
    ),
    ("reset_binary_logs", lambda it: it.set_position("G")[0], ("8.1.0", "RESET MASTER"), ("8.2.0", "RESET BINARY LOGS AND GTIDS")),
    (
        "source_delay",
        lambda it: t.cast(MySQL, it).set_delay(60, "east"),
        ("8.0.22", "CHANGE MASTER TO MASTER_DELAY = 60 FOR CHANNEL 'east'"),
        ("8.0.23", "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 60 FOR CHANNEL 'east'"),
    ),
]


@pytest.mark.parametrize(("statement", "before", "after"), [row[1:] for row in RENAMED], ids=[row[0] for row in RENAMED])
def test_a_word_changes_with_the_version_that_renamed_it(statement: t.Callable[[Flavor], Statement], before: tuple[str, str], after: tuple[str, str]) -> None:
    for version, text in (before, after):
        assert said(statement(flavor_of(version))) == text


@pytest.mark.parametrize(
    ("version", "closed", "opened"),
    [
        ("5.7.44", [], []),
        ("8.0.11", ["SET PERSIST super_read_only = 1"], ["SET PERSIST super_read_only = 0", "SET PERSIST read_only = 0"]),
        ("9.7.4", ["SET PERSIST super_read_only = 1"], ["SET PERSIST super_read_only = 0", "SET PERSIST read_only = 0"]),
        ("11.8.6-MariaDB", [], []),
    ],
)
def test_read_only_outlasts_a_restart_where_the_server_can_persist_it(version: str, closed: list[str], opened: list[str]) -> None:
    flavor = flavor_of(version)
    assert [said(statement) for statement in flavor.persist_read_only(True)] == closed
    assert [said(statement) for statement in flavor.persist_read_only(False)] == opened
    only = [f"SET PERSIST_ONLY {name} = 1" for name in ("read_only", "super_read_only")]
    assert [said(statement) for statement in flavor.close_at_next_start()] == (only if closed else [])


@pytest.mark.parametrize(
    ("version", "statements"),
    [
        ("5.6.24", ["RESET MASTER", "SET GLOBAL gtid_purged = 'G'"]),
        ("9.7.4", ["RESET BINARY LOGS AND GTIDS", "SET GLOBAL gtid_purged = 'G'"]),
        ("10.5.29-MariaDB", ["RESET MASTER", "SET GLOBAL gtid_slave_pos = 'G'"]),
        ("11.8.6-MariaDB", ["RESET MASTER", "SET GLOBAL gtid_slave_pos = 'G'"]),
    ],
)
def test_a_copy_is_told_what_it_has_after_its_own_history_is_forgotten(version: str, statements: list[str]) -> None:
    assert [said(statement) for statement in flavor_of(version).set_position("G")] == statements


@pytest.mark.parametrize(("version", "can"), [("8.0.16", False), ("8.0.17", True), ("9.7.4", True), ("11.8.6-MariaDB", False)])
def test_servers_are_cloned_from_8_0_17_on(version: str, can: bool) -> None:
    assert flavor_of(version).can_clone is can


@pytest.mark.parametrize(
    ("version", "privilege"),
    [
        ("5.7.44", "SUPER"),
        ("8.0.15", "CONNECTION_ADMIN"),
        ("8.0.16", "CONNECTION_ADMIN, and SYSTEM_USER for connections of accounts that have it"),
        ("10.5.29-MariaDB", "CONNECTION ADMIN"),
    ],
)
def test_the_privilege_for_ending_connections_is_named_because_no_server_does(version: str, privilege: str) -> None:
    assert flavor_of(version).kill(7).needs == privilege


@pytest.mark.parametrize(
    ("version", "knows", "lacks"),
    [
        ("5.7.44", (), ()),
        ("8.0.17", (), ()),
        ("8.0.18", ("COMPRESSION_ALGORITHM", "PRIVILEGE_CHECKS_USER"), ("TLS_CIPHERSUITES", "SOURCE_CONNECTION_AUTO_FAILOVER")),
        ("8.0.22", ("SOURCE_CONNECTION_AUTO_FAILOVER", "REQUIRE_TABLE_PRIMARY_KEY_CHECK"), ("GTID_ONLY",)),
        ("9.7.4", ("SOURCE_CONNECTION_AUTO_FAILOVER", "GTID_ONLY", "HEARTBEAT_INTERVAL"), ()),
        ("11.8.6-MariaDB", (), ()),
    ],
)
def test_of_a_channel_is_asked_what_the_version_knows_and_its_status_does_not_say(version: str, knows: tuple[str, ...], lacks: tuple[str, ...]) -> None:
    questions = flavor_of(version).select_channels()
    assert len(questions) == (2 if knows else 0)
    assert all(name in questions[0].text for name in knows)
    assert not any(name in each.text for name in lacks for each in questions)
    # The second can be answered to an account that may see one table only.
    assert "replication_applier_configuration" not in "".join(each.text for each in questions[1:])


@pytest.mark.parametrize(
    ("version", "locked", "leaves_out", "takes_cidr"),
    [
        ("5.6.51", "'N'", "", False),
        ("5.7.44", "account_locked", "", False),
        ("8.0.22", "account_locked", "", False),
        ("8.0.23", "account_locked", "", True),
        ("10.5.29-MariaDB", "'N'", "is_role = 'N'", False),
    ],
)
def test_from_where_accounts_are_let_in_is_asked_of_those_with_these_names_and_those_with_none(
    version: str, locked: str, leaves_out: str, takes_cidr: bool
) -> None:
    flavor = flavor_of(version)
    asked = flavor.select_accounts(["repl", "other"])
    assert asked.values == ("", "other", "repl")
    assert f"{locked} AS locked" in asked.text
    assert ("is_role" in asked.text) is bool(leaves_out)
    assert asked.text.endswith(leaves_out or ")")
    assert flavor.takes_cidr is takes_cidr


# What a server shows, and how it is said to another one.
SHOWN = {
    "Connect_Retry": "7",
    "Source_Retry_Count": "86400",
    "Master_Retry_Count": "86400",
    "Replica_Heartbeat_Period": "11.500",
    "Slave_heartbeat_period": "11.500",
    "SQL_Delay": "0",
    "Source_SSL_CA_Path": "",
    "Source_SSL_Crl": "/o'neil.crl",
    "Master_SSL_Crl": "/o'neil.crl",
    "Source_TLS_Version": "TLSv1.2,TLSv1.3",
    "Source_Bind": "10.0.0.7",
    "Compression_Algorithms": "zstd",
    "Zstd_Compression_Level": 3,
    "Replicate_Ignore_Server_Ids": "2, 30",
    "Replicate_Do_Domain_Ids": "1",
    "Privilege_Checks_User": r"'it\'s \me'@'%'",
    "Require_Row_Format": "YES",
    "Require_Table_Primary_Key_Check": "GENERATE",
    "Gtid_Only": "0",
}


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (
            "9.7.4",
            "SOURCE_CONNECT_RETRY = 7, SOURCE_RETRY_COUNT = 86400, SOURCE_HEARTBEAT_PERIOD = '11.5', SOURCE_SSL_CRL = '/o'neil.crl',"
            " SOURCE_TLS_VERSION = 'TLSv1.2,TLSv1.3', SOURCE_COMPRESSION_ALGORITHMS = 'zstd',"
            r" PRIVILEGE_CHECKS_USER = 'it's \me'@'%', REQUIRE_ROW_FORMAT = 1, REQUIRE_TABLE_PRIMARY_KEY_CHECK = GENERATE",
        ),
        (
            "8.0.18",
            "MASTER_CONNECT_RETRY = 7, MASTER_RETRY_COUNT = 86400, MASTER_HEARTBEAT_PERIOD = '11.5', MASTER_SSL_CRL = '/o'neil.crl',"
            " MASTER_TLS_VERSION = 'TLSv1.2,TLSv1.3', MASTER_COMPRESSION_ALGORITHMS = 'zstd',"
            r" PRIVILEGE_CHECKS_USER = 'it's \me'@'%'",
        ),
        (
            "5.6.24",
            "MASTER_CONNECT_RETRY = 7, MASTER_RETRY_COUNT = 86400, MASTER_HEARTBEAT_PERIOD = '11.5', MASTER_SSL_CRL = '/o'neil.crl'",
        ),
        (
            "10.11.6-MariaDB",
            "MASTER_CONNECT_RETRY = 7, MASTER_HEARTBEAT_PERIOD = '11.5', MASTER_SSL_CRL = '/o'neil.crl', IGNORE_SERVER_IDS = (2, 30), DO_DOMAIN_IDS = (1)",
        ),
    ],
)
def test_what_a_channel_was_told_is_said_to_one_that_gets_it_anew(version: str, expected: str) -> None:
    flavor = flavor_of(version)
    settings = flavor.settings_of_channel(Row(SHOWN, "db1", ""))
    text = said(flavor.change_source(SourceOptions("db1", 3306, more=settings)))
    assert expected + ", " in text or text.endswith(expected)
    assert "10.0.0.7" not in text


@pytest.mark.parametrize("version", ["9.7.4", "10.11.6-MariaDB"])
def test_what_is_no_setting_or_no_value_of_one_is_not_said(version: str) -> None:
    more = (
        ("CONNECT_RETRY", "1; DROP"),
        ("HEARTBEAT_PERIOD", "-1"),
        ("IGNORE_SERVER_IDS", "1) , MASTER_HOST = (2"),
        ("REQUIRE_TABLE_PRIMARY_KEY_CHECK", "ON, SOURCE_HOST"),
        ("PRIVILEGE_CHECKS_USER", "nobody"),
        ("HOST", "elsewhere"),
    )
    flavor = flavor_of(version)
    assert said(flavor.change_source(SourceOptions("db1", 3306, more=more))) == said(flavor.change_source(SourceOptions("db1", 3306)))


@pytest.mark.parametrize(("version", "word"), [("5.6.24", "SLAVE"), ("8.4.0", "REPLICA"), ("11.8.6-MariaDB", "SLAVE")])
def test_an_event_keeps_its_definer_whatever_it_is_called(version: str, word: str) -> None:
    flavor = flavor_of(version)
    assert said(flavor.alter_event("a`b", "100%s {x}", "o'neil@10.%", enable=True)) == "ALTER DEFINER = 'o'neil'@'10.%' EVENT `a``b`.`100%s {x}` ENABLE"
    assert said(flavor.alter_event("shop", "clean", "a@b@c", enable=False)) == f"ALTER DEFINER = 'a@b'@'c' EVENT `shop`.`clean` DISABLE ON {word}"


@pytest.mark.parametrize("version", ["10.5.29-MariaDB", "11.8.6-MariaDB"])
def test_relay_logs_of_mariadb_are_kept_and_put_back(version: str) -> None:
    flavor = flavor_of(version)
    assert isinstance(flavor, MariaDB)
    assert said(flavor.keep_relay_logs("relay.000002", 4711, "east")) == (
        "CHANGE MASTER 'east' TO MASTER_USE_GTID = no, MASTER_LOG_FILE = 'dbha.mysql.applying-relay-logs', MASTER_LOG_POS = 4, "
        "RELAY_LOG_FILE = 'relay.000002', RELAY_LOG_POS = 4711"
    )
    assert said(flavor.put_relay_logs_back("relay.000002", 4711, "binlog.000001", 4)) == (
        "CHANGE MASTER TO MASTER_USE_GTID = slave_pos, MASTER_LOG_FILE = 'binlog.000001', MASTER_LOG_POS = 4, "
        "RELAY_LOG_FILE = 'relay.000002', RELAY_LOG_POS = 4711"
    )
    assert said(flavor.use_gtid()) == "CHANGE MASTER TO MASTER_USE_GTID = slave_pos"


COLUMNS = [
    # its name from 8.0.22 on, the old one, MariaDB's
    ("Source_Host", "Master_Host", "Master_Host"),
    ("Source_Port", "Master_Port", "Master_Port"),
    ("Source_User", "Master_User", "Master_User"),
    ("Source_UUID", "Master_UUID", None),
    ("Source_Server_Id", "Master_Server_Id", "Master_Server_Id"),
    ("Source_Log_File", "Master_Log_File", "Master_Log_File"),
    ("Read_Source_Log_Pos", "Read_Master_Log_Pos", "Read_Master_Log_Pos"),
    ("Relay_Source_Log_File", "Relay_Master_Log_File", "Relay_Master_Log_File"),
    ("Exec_Source_Log_Pos", "Exec_Master_Log_Pos", "Exec_Master_Log_Pos"),
    ("Replica_IO_Running", "Slave_IO_Running", "Slave_IO_Running"),
    ("Replica_SQL_Running", "Slave_SQL_Running", "Slave_SQL_Running"),
    ("Replica_SQL_Running_State", "Slave_SQL_Running_State", "Slave_SQL_Running_State"),
    ("Seconds_Behind_Source", "Seconds_Behind_Master", "Seconds_Behind_Master"),
    ("Source_SSL_Allowed", "Master_SSL_Allowed", "Master_SSL_Allowed"),
    ("Get_Source_public_key", "Get_master_public_key", None),
    ("Retrieved_Gtid_Set", "Retrieved_Gtid_Set", "Gtid_IO_Pos"),
    ("Auto_Position", "Auto_Position", "Using_Gtid"),
    ("Channel_Name", "Channel_Name", "Connection_name"),
    ("Relay_Log_File", "Relay_Log_File", "Relay_Log_File"),
    ("Last_IO_Errno", "Last_IO_Errno", "Last_IO_Errno"),
    ("SQL_Delay", "SQL_Delay", "SQL_Delay"),
    ("Replicate_Do_DB", "Replicate_Do_DB", "Replicate_Do_DB"),  # no old name: a filter, not a replica
]


@pytest.mark.parametrize(("new", "old", "mariadb"), COLUMNS, ids=[row[0] for row in COLUMNS])
def test_a_column_of_the_replica_status_is_found_by_its_newest_name(new: str, old: str, mariadb: str | None) -> None:
    assert flavor_of("8.0.22").column({new: "value"}, new) == "value"
    assert flavor_of("8.0.21").column({old: "value"}, new) == "value"
    if mariadb is not None:
        assert flavor_of("10.5.29-MariaDB").column({mariadb: "value"}, new) == "value"


def test_a_column_that_a_version_lacks_is_none() -> None:
    for version in ("5.6.24", "9.7.4", "10.11.6-MariaDB"):
        assert flavor_of(version).column({}, "Source_UUID") is None


def test_a_column_that_is_null_is_not_looked_for_under_its_old_name() -> None:
    assert flavor_of("8.0.22").column({"Seconds_Behind_Source": None, "Seconds_Behind_Master": 7}, "Seconds_Behind_Source") is None


@pytest.mark.parametrize(
    "names",
    [
        ("log_slave_updates", "log_replica_updates"),
        ("rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled"),
        ("rpl_semi_sync_master_wait_for_slave_count", "rpl_semi_sync_source_wait_for_replica_count"),
        ("rpl_semi_sync_slave_enabled", "rpl_semi_sync_replica_enabled"),
    ],
)
@pytest.mark.parametrize("version", ["5.6.24", "8.0.25", "8.0.26", "9.7.4", "10.11.6-MariaDB"])
def test_variables_renamed_in_8_0_26_are_asked_for_by_both_names(version: str, names: tuple[str, str]) -> None:
    # One question for all versions: what a version does not know is missing from the answer, and no error.
    question = flavor_of(version).show_variables()
    assert question.text.startswith("SHOW GLOBAL VARIABLES WHERE Variable_name IN (")
    assert set(names) <= set(question.values)


def test_no_variable_is_asked_for_that_nobody_reads() -> None:
    files = Path(inspect.getfile(Flavor)).parent.parent.glob("_*/*.py")
    code = "".join(path.read_text(encoding="utf-8") for path in files if path.parent.name != "_flavor")
    assert [name for name in Flavor.show_variables().values if f'"{name}"' not in code] == []


# --- Channels

FAMILIES = ["5.7.44", "8.0.36", "10.11.6-MariaDB"]


@pytest.mark.parametrize(
    ("version", "statements"),
    [
        (
            "5.7.44",
            [
                "START SLAVE IO_THREAD FOR CHANNEL 'east'",
                "STOP SLAVE FOR CHANNEL 'east'",
                "RESET SLAVE ALL FOR CHANNEL 'east'",
                CHANGE_MASTER + " FOR CHANNEL 'east'",
            ],
        ),
        (
            "8.4.0",
            [
                "START REPLICA IO_THREAD FOR CHANNEL 'east'",
                "STOP REPLICA FOR CHANNEL 'east'",
                "RESET REPLICA ALL FOR CHANNEL 'east'",
                CHANGE_SOURCE + " FOR CHANNEL 'east'",
            ],
        ),
        (
            "10.6.22-MariaDB",  # FOR CHANNEL is known from 10.7 on only
            [
                "START REPLICA 'east' IO_THREAD",
                "STOP REPLICA 'east'",
                "RESET REPLICA 'east' ALL",
                CHANGE_MARIADB.replace("CHANGE MASTER TO", "CHANGE MASTER 'east' TO"),
            ],
        ),
    ],
)
def test_a_channel_is_named_where_the_family_wants_it(version: str, statements: list[str]) -> None:
    flavor = flavor_of(version)
    source = SourceOptions("db1", 3307)
    spoken = [flavor.start_receiver("east"), flavor.stop_replica("east"), flavor.forget_source("east"), flavor.change_source(source, "east")]
    assert [said(statement) for statement in spoken] == statements


# --- What a replica is told about its source

SETTINGS = [
    # the option, what 5.7 is told, 8.4, MariaDB
    ({"user": "repl"}, "MASTER_USER = 'repl'", "SOURCE_USER = 'repl'", "MASTER_USER = 'repl'"),
    ({"password": "x"}, "MASTER_PASSWORD = 'x'", "SOURCE_PASSWORD = 'x'", "MASTER_PASSWORD = 'x'"),
    ({"password": ""}, "MASTER_PASSWORD = ''", "SOURCE_PASSWORD = ''", "MASTER_PASSWORD = ''"),
    ({"tls": True}, "MASTER_SSL = 1", "SOURCE_SSL = 1", "MASTER_SSL = 1"),
    ({"tls": False}, "MASTER_SSL = 0", "SOURCE_SSL = 0", "MASTER_SSL = 0"),
    ({"ca_cert": "/ca"}, "MASTER_SSL_CA = '/ca'", "SOURCE_SSL_CA = '/ca'", "MASTER_SSL_CA = '/ca'"),
    ({"client_cert": "/c"}, "MASTER_SSL_CERT = '/c'", "SOURCE_SSL_CERT = '/c'", "MASTER_SSL_CERT = '/c'"),
    ({"client_key": "/k"}, "MASTER_SSL_KEY = '/k'", "SOURCE_SSL_KEY = '/k'", "MASTER_SSL_KEY = '/k'"),
    (
        {"verify_cert": False},
        "MASTER_SSL_VERIFY_SERVER_CERT = 0",
        "SOURCE_SSL_VERIFY_SERVER_CERT = 0",
        "MASTER_SSL_VERIFY_SERVER_CERT = 0",
    ),
    ({"get_public_key": True}, None, "GET_SOURCE_PUBLIC_KEY = 1", None),
    ({"get_public_key": False}, None, "GET_SOURCE_PUBLIC_KEY = 0", None),
]


@pytest.mark.parametrize(("given", "old", "new", "mariadb"), SETTINGS)
def test_a_setting_of_the_source_is_said_by_its_name(given: dict[str, t.Any], old: str | None, new: str | None, mariadb: str | None) -> None:
    for version, plain, expected in (("5.7.44", CHANGE_MASTER, old), ("8.4.0", CHANGE_SOURCE, new), ("10.11.6-MariaDB", CHANGE_MARIADB, mariadb)):
        text = said(flavor_of(version).change_source(SourceOptions("db1", 3307, **given)))
        assert text == (plain if expected is None else plain.replace("_PORT = 3307, ", f"_PORT = 3307, {expected}, "))


@pytest.mark.parametrize("version", FAMILIES)
def test_what_is_not_said_stays_as_the_replica_has_it(version: str) -> None:
    text = said(flavor_of(version).change_source(SourceOptions("db1", 3307)))
    assert not [word for word in ("USER", "PASSWORD", "SSL", "PUBLIC_KEY", "DELAY", "BIND", "RETRY") if word in text]


@pytest.mark.parametrize("version", FAMILIES)
def test_the_replication_password_is_marked_as_secret(version: str) -> None:
    values = flavor_of(version).change_source(SourceOptions("db1", 3307, user="repl", password="p")).values
    assert [value for value in values if isinstance(value, Secret)] == ["p"]


@pytest.mark.parametrize("version", FAMILIES)
def test_no_value_is_part_of_a_statement(version: str) -> None:
    hostile = "'; DROP TABLE t; -- %s"
    flavor = flavor_of(version)
    for statement in (
        flavor.change_source(SourceOptions(hostile, 1, hostile, hostile, True, hostile, hostile, hostile), hostile),
        flavor.start_replica(hostile),
        flavor.wait_until_applied(hostile, 1),
        flavor.take_lock(hostile),
        flavor.take_first_lock(hostile, hostile),
    ):
        assert "DROP" not in statement.text
        assert hostile in statement.values
