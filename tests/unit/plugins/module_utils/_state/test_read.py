# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole answers -> whole states, with a value in each field that it does not have by itself; and the questions that only some servers are asked."""

from __future__ import annotations

import datetime
import decimal
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row, Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed, Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import binlog_filters_in, gtids_in, history_in, known_by, make_state, read_state
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import (
    CONNECTING,
    RUNNING,
    STOPPED,
    STOPPING,
    Ahead,
    Channel,
    SemiSync,
    SourceTls,
    State,
)
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils._state.test_state import KINDS, MARIADB, MYSQL, answer, answers, found, found_with
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import UUIDS, gtids, long
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import state as make

# --- Whole states

ROW_OF_9_7 = {
    "Source_Host": "db9",
    "Source_Port": 3307,
    "Source_User": "east",
    "Source_UUID": UUIDS["X"].upper(),
    "Source_Server_Id": 9,
    "Source_Log_File": "binlog.000009",
    "Read_Source_Log_Pos": 700,
    "Relay_Source_Log_File": "binlog.000008",
    "Exec_Source_Log_Pos": 600,
    "Relay_Log_File": "relay.000007",
    "Relay_Log_Pos": 500,
    "Replica_IO_Running": "No",
    "Replica_SQL_Running": "No",
    "Last_IO_Errno": 13114,
    "Last_IO_Error": "Got fatal error",
    "Last_SQL_Errno": 1062,
    "Last_SQL_Error": "Duplicate entry",
    "Retrieved_Gtid_Set": long("X:4-9"),
    "Auto_Position": 0,
    "Source_SSL_Allowed": "Yes",
    "Source_SSL_CA_File": "/ca.pem",
    "Source_SSL_Cert": "/cert.pem",
    "Source_SSL_Key": "/key.pem",
    "Source_SSL_Verify_Server_Cert": "Yes",
    "Get_Source_public_key": 0,
    "Seconds_Behind_Source": 21,
    "SQL_Delay": 22,
    "Replicate_Do_DB": "a",
    "Replicate_Ignore_Server_Ids": "7",
    "Channel_Name": "east",
    "Replica_SQL_Running_State": "",
}
VARIABLES_OF_9_7 = {
    "gtid_mode": "on_permissive",
    "log_bin": "OFF",
    "log_replica_updates": "OFF",
    "event_scheduler": "On",
    "server_id": "7",
    "server_uuid": UUIDS["A"].upper(),
    "rpl_semi_sync_source_enabled": "ON",
    "rpl_semi_sync_replica_enabled": "ON",
    "rpl_semi_sync_source_wait_for_replica_count": "2",
    "slave_net_timeout": "30",
}
CHANNEL_OF_9_7 = Channel(
    name="east",
    source_host="db9",
    source_port=3307,
    source_uuid=UUIDS["X"],
    source_id=9,
    receiver=STOPPED,
    applier=STOPPED,
    receiver_error="Got fatal error (error 13114)",
    applier_error="Duplicate entry (error 1062)",
    retrieved=gtids("X:4-9"),
    auto_position=False,
    user="east",
    tls=SourceTls(True, "/ca.pem", "/cert.pem", "/key.pem", True, False),
    lag=21,
    delay=22,
    filters=("Replicate_Do_DB", "Replicate_Ignore_Server_Ids"),
    has_connected=True,
    all_read_is_executed=False,
    relay_log=("relay.000007", 500),
    source_log=("binlog.000008", 600),
    forgets_relay_logs=False,
    applies_relay_logs=False,
    lifted_delay=0,
    applied_all_read=False,
    auto_failover=True,
    raw={},
    settings=(("CONNECT_RETRY", "1"), ("RETRY_COUNT", "86400"), ("DELAY", "22")),
)


def test_everything_that_mysql_says_is_read() -> None:
    variables, _gtids, rows = answers("mysql-9.7", "running")
    assert set(ROW_OF_9_7) <= set(rows[0])
    state = make_state(
        flavor_of("9.7.4-2"),
        {**variables, **VARIABLES_OF_9_7},
        answer({"executed": long("X:1-5"), "purged": long("X:1-3")}).only(),
        [rows[0].with_columns({**ROW_OF_9_7, "Source_Connection_Auto_Failover": 1})],
    )
    assert state == State(
        version=(9, 7, 4),
        version_text="9.7.4-2",
        family="mysql",
        server_id=7,
        server_uuid=UUIDS["A"],
        gtid_mode="ON_PERMISSIVE",
        executed=gtids("X:1-5"),
        purged=gtids("X:1-3"),
        read_only=True,
        super_read_only=True,
        log_bin=False,
        log_replica_updates=False,
        event_scheduler=True,
        semi_sync=SemiSync("rpl_semi_sync_source_enabled", True, "rpl_semi_sync_replica_enabled", True, 2),
        channels=(CHANNEL_OF_9_7,),
        variables={},
        net_timeout=30,
    )
    assert state.variables["gtid_mode"] == "on_permissive"
    assert state.channels[0].raw["Source_Port"] == 3307
    assert state.unlogged is None


@pytest.mark.parametrize("kind", MARIADB)
def test_everything_that_mariadb_says_is_read(kind: str) -> None:
    names = {"Channel_Name": "Connection_name", "Retrieved_Gtid_Set": "Gtid_IO_Pos", "Auto_Position": "Using_Gtid"}
    of_mysql = ("Source_UUID", "Get_Source_public_key")
    row = {names.get(name) or name.replace("Source", "Master").replace("Replica_", "Slave_"): ROW_OF_9_7[name] for name in ROW_OF_9_7 if name not in of_mysql}
    row.update({"Gtid_IO_Pos": "0-9-9", "Using_Gtid": "Current_Pos", "Replicate_Ignore_Table": "a.t"})
    row.update({"Slave_IO_Running": "Connecting", "Slave_SQL_Running": "Yes"})
    variables, _gtids, rows = answers(kind, "running")
    assert set(row) <= set(rows[0])
    more = {"server_id": "7", "server_uuid": UUIDS["A"], "slave_net_timeout": "30", "rpl_semi_sync_slave_enabled": "ON", "log_bin": "OFF"}
    said = answer({"binlog_state": "0-9-3,0-7-4", "slave_pos": "0-9-5,1-1-1", "binlog_pos": "0-7-4"}).only()
    state = make_state(flavor_of(variables["version"]), {**variables, **more}, said, [rows[0].with_columns({**row, "Pending_Stops": 1})])
    version = flavor_of(variables["version"]).version
    assert state == State(
        version=version,
        version_text=variables["version"],
        family="mariadb",
        server_id=7,
        server_uuid="",
        gtid_mode="ON",
        executed=gtids("0-9-5,0-7-4,1-1-1"),
        purged=gtids("", "mariadb"),
        read_only=True,
        super_read_only=False,
        log_bin=False,
        log_replica_updates=True,
        event_scheduler=False,
        semi_sync=SemiSync("rpl_semi_sync_master_enabled", False, "rpl_semi_sync_slave_enabled", True, 1),
        channels=(
            Channel(
                name="east",
                source_host="db9",
                source_port=3307,
                source_uuid="",
                source_id=9,
                receiver=STOPPING,
                applier=RUNNING,
                receiver_error="Got fatal error (error 13114)",
                applier_error="Duplicate entry (error 1062)",
                retrieved=gtids("0-9-9"),
                auto_position=True,
                user="east",
                tls=SourceTls(True, "/ca.pem", "/cert.pem", "/key.pem", True, None),
                lag=21,
                delay=22,
                filters=("Replicate_Do_DB", "Replicate_Ignore_Table", "Replicate_Ignore_Server_Ids"),
                has_connected=True,
                all_read_is_executed=False,
                relay_log=("relay.000007", 500),
                source_log=("binlog.000008", 600),
                forgets_relay_logs=True,
                applies_relay_logs=False,
                lifted_delay=0,
                applied_all_read=False,
                auto_failover=False,
                raw={},
                uses_current_pos=True,
                settings=(("CONNECT_RETRY", "1"), ("DELAY", "22"), ("IGNORE_SERVER_IDS", "7")),
            ),
        ),
        variables={},
        net_timeout=30,
        unlogged=gtids("0-9-5,1-1-1"),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_server_does_not_say_is_not_so(kind: str) -> None:
    """A replica that says nothing but where its source is."""
    variables, said, _rows = answers(kind, "running")
    column = "Source_Host" if kind == "mysql-9.7" else "Master_Host"
    family = kind.partition("-")[0]
    state = make_state(flavor_of(variables["version"]), {}, said, answer({column: "db9"}))
    (channel,) = state.channels
    assert state.net_timeout == make("db1", "").net_timeout
    # Nor is anything known that it was not tried for.
    assert (state.blocked, state.missing, state.unacknowledged, state.binlog_filters) == (False, (), 0, ())
    nothing = dict.fromkeys(("read_only", "super_read_only", "log_bin", "log_replica_updates", "event_scheduler"), False)
    assert {name: getattr(state, name) for name in nothing} == nothing
    assert (state.version_text, state.server_id, state.server_uuid, state.net_timeout, state.semi_sync) == ("", 0, "", 60, SemiSync())
    assert (state.gtid_mode, state.unlogged) == (("ON", gtids("", family)) if family == "mariadb" else ("OFF", None))
    assert channel == Channel(
        name="",
        source_host="db9",
        source_port=0,
        source_uuid="",
        source_id=0,
        receiver=STOPPED,
        applier=STOPPED,
        receiver_error="",
        applier_error="",
        retrieved=gtids("", family),
        auto_position=False,
        user="",
        tls=SourceTls(),
        lag=None,
        delay=0,
        filters=(),
        has_connected=False,
        all_read_is_executed=True,
        relay_log=("", 0),
        source_log=("", 4),
        forgets_relay_logs=family == "mariadb",
        applies_relay_logs=False,
        lifted_delay=0,
        applied_all_read=False,
        auto_failover=False,
        raw={},
    )


def test_a_status_is_given_as_it_is_in_what_json_knows() -> None:
    when, number = datetime.datetime(2026, 1, 2), decimal.Decimal("1.5")
    (channel,) = found_with("mariadb-11.8", a=None, b=1, c=30.5, d="text", e=when, f=number).channels
    assert {name: channel.raw[name] for name in "abcdef"} == {"a": None, "b": 1, "c": 30.5, "d": "text", "e": str(when), "f": "1.5"}


# --- Threads and positions


@pytest.mark.parametrize(
    ("changes", "is_executed"),
    [
        ({}, True),
        ({"Read_Master_Log_Pos": 9999}, False),
        ({"Exec_Master_Log_Pos": 4}, False),
        ({"Relay_Master_Log_File": "binlog.000000"}, False),
        ({"Master_Log_File": "binlog.000002"}, False),
    ],
)
def test_all_that_was_read_is_executed_where_both_positions_are_one(changes: dict[str, t.Any], is_executed: bool) -> None:
    assert found("mariadb-11.8", "running", **changes).channels[0].all_read_is_executed is is_executed


@pytest.mark.parametrize(
    ("file", "using", "applies", "lifted", "auto_position"),
    [
        ("dbha.mysql.applying-relay-logs", "No", True, 0, True),
        ("dbha.mysql.applying-relay-logs.60", "no", True, 60, True),
        ("dbha.mysql.applying-relay-logs.60", "Slave_Pos", False, 0, True),
        ("binlog.000001", "No", False, 0, False),
        ("binlog.000001", "Slave_Pos", False, 0, True),
    ],
)
def test_that_relay_logs_are_applied_is_told_by_the_file_of_the_source(file: str, using: str, applies: bool, lifted: int, auto_position: bool) -> None:
    (channel,) = found("mariadb-11.8", "running", Master_Log_File=file, Using_Gtid=using).channels
    assert (channel.applies_relay_logs, channel.lifted_delay, channel.auto_position) == (applies, lifted, auto_position)


@pytest.mark.parametrize(("kind", "received"), [("mariadb-11.8", ""), ("mysql-9.7", "5")])
def test_only_mariadb_forgets_what_it_received_before_it_was_given_a_source(kind: str, received: str) -> None:
    column = "Master_Log_File" if kind.startswith("mariadb") else "Source_Log_File"
    (channel,) = found(kind, "running", **{column: ""}).channels
    assert not channel.has_connected
    assert bool(channel.retrieved) is bool(received)


@pytest.mark.parametrize(("number", "message", "error"), [(1062, "Duplicate", "Duplicate (error 1062)"), (0, "", ""), (0, "odd", "odd"), (None, "odd", "odd")])
def test_an_error_is_told_with_its_number(number: int | None, message: str, error: str) -> None:
    (channel,) = found("mariadb-11.8", "running", Last_IO_Errno=number, Last_IO_Error=message).channels
    assert (channel.receiver_error, channel.applier_error) == (error, "")
    (channel,) = found("mysql-5.6", "running", Last_SQL_Errno=number, Last_SQL_Error=message).channels
    assert (channel.receiver_error, channel.applier_error) == ("", error)


@pytest.mark.parametrize(("value", "number"), [("2" * 20, int("2" * 20)), ("2" * 21, 0), ("-1", 0), ("\u0662", 0), ("1.5", 0), ("", 0)])
def test_a_number_that_is_none_is_told_as_if_it_were_not_there(value: str, number: int) -> None:
    variables, said, rows = answers("mariadb-11.8", "running")
    state = make_state(flavor_of(variables["version"]), {**variables, "server_id": value}, said, rows)
    assert state.server_id == number


# --- What a server has


def test_mariadb_says_what_it_has_replicated_and_not_logged() -> None:
    variables, _gtids, rows = answers("mariadb-11.8", "primary")
    said = answer({"binlog_state": "0-1-9,1-1-5,2-1-5", "slave_pos": "0-1-9,1-1-6,2-2-5,3-1-1", "binlog_pos": ""}).only()
    state = make_state(flavor_of(variables["version"]), variables, said, rows)
    assert str(state.unlogged) == "1-1-6,2-2-5,3-1-1"


@pytest.mark.parametrize(
    ("role", "logged", "replicated", "ahead"),
    [
        ("running", "0-1-100", "0-1-95", "0-1-100"),
        ("running", "0-1-95", "0-1-95", ""),
        ("running", "0-1-95", "0-1-100", ""),
        # Before this one replicated from server 2, 1 was the primary; and what it has written itself it does not replicate.
        ("running", "0-1-90,0-2-95,0-101-100", "0-2-95", ""),
        ("running", "0-1-90,0-2-97,0-101-100,5-7-1", "0-2-95", "0-2-97,5-7-1"),
        ("primary", "0-1-100", "0-1-95", ""),
    ],
)
def test_what_a_replica_of_mariadb_has_logged_and_not_replicated(role: str, logged: str, replicated: str, ahead: str) -> None:
    variables, _gtids, rows = answers("mariadb-11.8", role)
    said = answer({"binlog_state": logged, "slave_pos": replicated, "binlog_pos": ""}).only()
    state = make_state(flavor_of(variables["version"]), {**variables, "server_id": "101"}, said, rows)
    assert state.ahead == (Ahead(MariaDBGtids.parse(ahead), MariaDBGtids.parse(replicated)) if ahead else None)


@pytest.mark.parametrize(
    ("status", "filters"),
    [
        ({}, ()),
        ({"Binlog_Do_DB": "", "Binlog_Ignore_DB": ""}, ()),
        ({"Binlog_Do_DB": "a,b", "Binlog_Ignore_DB": ""}, ("binlog_do_db=a,b",)),
        ({"Binlog_Do_DB": "", "Binlog_Ignore_DB": "c"}, ("binlog_ignore_db=c",)),
        ({"Binlog_Do_DB": "a", "Binlog_Ignore_DB": "b"}, ("binlog_do_db=a", "binlog_ignore_db=b")),
        # The server's own hold no rows of users; to log nothing else keeps all rows out.
        ({"Binlog_Do_DB": "mysql", "Binlog_Ignore_DB": "information_schema,mysql,performance_schema,sys"}, ("binlog_do_db=mysql",)),
        ({"Binlog_Do_DB": None, "Binlog_Ignore_DB": "mysql,shop,,sys"}, ("binlog_ignore_db=shop",)),
    ],
)
def test_which_databases_a_binary_log_leaves_out(status: dict[str, t.Any], filters: tuple[str, ...]) -> None:
    assert binlog_filters_in(Row(status, "db1", "SHOW MASTER STATUS")) == filters


@pytest.mark.parametrize(
    ("kind", "info", "known"),
    [
        ("Gtid_list", "[0-1-7,0-2-9]", "0-1-7,0-2-9"),
        ("Gtid_list", "[]", ""),
        ("Gtid", "BEGIN GTID 0-1-100", "0-1-100"),
        ("Gtid", "GTID 0-1-100 cid=7", "0-1-100"),
        ("Gtid", "0-1-100", ""),
        # Another event may quote one.
        ("Query", "INSERT INTO t VALUES ('GTID 0-1-100')", ""),
        ("Format_desc", "Server ver: 11.8.6-MariaDB", ""),
    ],
)
def test_which_gtids_an_event_at_the_beginning_of_a_binary_log_names(kind: str, info: str, known: str) -> None:
    assert known_by(Row({"Event_type": kind, "Info": info}, "db1", "SHOW BINLOG EVENTS"), "mariadb") == gtids(known, "mariadb")


def test_what_all_files_before_held_is_read_of_either_family() -> None:
    def event(info: str) -> Row:
        return Row({"Info": info}, "db1", "SHOW BINLOG EVENTS")

    assert history_in(event("[0-1-7]"), "mariadb") == gtids("0-1-7")
    assert history_in(event(long("P:1-7")), "mysql") == gtids("P:1-7")
    assert gtids_in(event("0-1-7"), "Info", "mariadb") == gtids("0-1-7")
    with pytest.raises(Unreadable, match="column Info: 'nothing' is not a server UUID"):
        history_in(event("nothing"), "mysql")


# --- The questions


class Server:
    """A server that has an answer to each question, by a word that is in it; an answer that changes is a list of answers, and one may be an error."""

    version_text = ""

    def __init__(self, kind: str, answers_to: dict[str, t.Any], **variables: str) -> None:
        known, said, status = answers(kind, "running")
        rows = [{"Variable_name": name, "Value": value} for name, value in {**known, **variables}.items()]
        self._answers = [("VARIABLES", rows), *answers_to.items(), (" STATUS", status), ("replication_connection", []), ("SELECT", [said])]
        self.asked: list[str] = []

    def send(self, statement: t.Any) -> Rows:
        self.asked.append(statement.text)
        for word, rows in self._answers:
            if word in statement.text:
                if isinstance(rows, StatementFailed):
                    raise rows
                return answer(*(rows.pop(0) if rows and isinstance(rows[0], list) else rows))
        raise AssertionError(statement.text)


def replica_status(kind: str, **changes: t.Any) -> list[t.Any]:
    return [row.with_columns(changes) for row in answers(kind, "running")[2]]


IDLE = {"STATE": "Waiting for an event from Coordinator"}
BUSY = {"STATE": "System lock"}


@pytest.mark.parametrize(
    ("changes", "workers", "processes", "received"),
    [
        # Of what MySQL 5.6 says that it has retrieved (1-9) it may have received only a part, which no applier will ever apply.
        pytest.param({}, "0", [], "1-5", id="nothing_is_left_to_apply"),
        pytest.param({"Slave_IO_Running": "Connecting"}, "0", [], "1-5", id="also_while_it_tries_to_connect"),
        pytest.param({"Slave_IO_Running": "Yes"}, "0", [], "1-9", id="the_rest_may_still_come"),
        pytest.param({"Slave_SQL_Running_State": "Reading event from the relay log"}, "0", [], "1-9", id="not_all_is_read_yet"),
        pytest.param({}, "2", [IDLE, BUSY], "1-9", id="a_worker_is_busy"),
        pytest.param({}, "2", [IDLE, IDLE, BUSY], "1-5", id="all_workers_wait"),
    ],
)
def test_what_5_6_has_received_whole(changes: dict[str, t.Any], workers: str, processes: list[t.Any], received: str) -> None:
    rows = replica_status("mysql-5.6", **{"Slave_IO_Running": "No", "Retrieved_Gtid_Set": long("P:1-9"), **changes})
    # It has applied some by the time that it says what it has retrieved, so it is asked again.
    counted = [[{"executed": long(text), "purged": ""}] for text in ("P:1-3", "P:1-5")]
    server = Server("mysql-5.6", {"SHOW SLAVE STATUS": rows, "gtid_executed": counted, "PROCESSLIST": processes}, slave_parallel_workers=workers)
    _flavor, state = read_state(t.cast(t.Any, server))
    assert state.executed == gtids("P:1-5")
    assert state.channels[0].retrieved == gtids("P:" + received)
    assert any("PROCESSLIST" in text for text in server.asked) is (workers != "0")


@pytest.mark.parametrize(
    ("period", "timeout", "told"),
    [
        ("11.500", "3600", (("HEARTBEAT_PERIOD", "11.500"),)),
        ("1800.000", "3600", ()),
        ("1800.000", "60", (("HEARTBEAT_PERIOD", "1800.000"),)),
        (None, "60", ()),
    ],
)
def test_5_6_shows_the_period_of_heartbeats_apart(period: str | None, timeout: str, told: t.Any) -> None:
    said = {"executed": long("P:1-5"), "purged": "", "heartbeat": period}
    server = Server("mysql-5.6", {"gtid_executed": [said]}, slave_net_timeout=timeout)
    _flavor, state = read_state(t.cast(t.Any, server))
    assert tuple(each for each in state.channels[0].settings if each[0] == "HEARTBEAT_PERIOD") == told


def test_5_6_is_asked_no_more_where_it_replicates_from_nobody() -> None:
    server = Server("mysql-5.6", {"SHOW SLAVE STATUS": []}, slave_parallel_workers="2")
    assert read_state(t.cast(t.Any, server))[1].channels == ()
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("running", "count", "receiver"), [("Connecting", 1, STOPPING), ("Connecting", 0, CONNECTING), ("Yes", 1, RUNNING), ("No", 1, STOPPED)]
)
def test_mariadb_is_asked_whether_a_receiver_is_to_stop_only_where_it_connects(running: str, count: int, receiver: str) -> None:
    rows = replica_status("mariadb-11.8", Slave_IO_Running=running)
    server = Server("mariadb-11.8", {"SLAVES STATUS": rows, "PROCESSLIST": [{"Pending_Stops": count}]})
    _flavor, state = read_state(t.cast(t.Any, server))
    assert state.channels[0].receiver == receiver
    assert any("PROCESSLIST" in text for text in server.asked) is (running == "Connecting")


def test_mysql_is_asked_about_its_channels_only_where_it_has_some() -> None:
    server = Server("mysql-9.7", {"SHOW REPLICA STATUS": []})
    assert read_state(t.cast(t.Any, server))[1].channels == ()
    assert not any("replication_connection" in text for text in server.asked)


@pytest.mark.parametrize(("known", "chooses"), [({"east": "1"}, True), ({"east": "0", "": "1"}, False), ({}, False)])
def test_that_a_channel_chooses_its_source_is_told_by_its_name(known: dict[str, str], chooses: bool) -> None:
    rows = [{"Channel_Name": name, "Source_Connection_Auto_Failover": value} for name, value in known.items()]
    server = Server("mysql-9.7", {"SHOW REPLICA STATUS": replica_status("mysql-9.7", Channel_Name="east"), "replication_connection": rows})
    _flavor, state = read_state(t.cast(t.Any, server))
    assert [(channel.name, channel.auto_failover) for channel in state.channels] == [("east", chooses)]


@pytest.mark.parametrize(
    ("table", "asked", "chooses"),
    [("replication_applier_configuration", 2, True), ("replication_connection_configuration", 1, False)],
)
def test_an_account_that_may_see_one_table_is_asked_for_that(table: str, asked: int, chooses: bool) -> None:
    denied = StatementFailed("db1", f"db1: SELECT command denied to user 'a'@'b' for table '{table}'", 1142)
    rows = [{"Channel_Name": "", "Source_Connection_Auto_Failover": "1"}]
    both = denied if not chooses else rows
    server = Server("mysql-9.7", {"LEFT JOIN": denied, "replication_connection": both})
    _flavor, state = read_state(t.cast(t.Any, server))
    assert [channel.auto_failover for channel in state.channels] == [chooses]
    assert sum("replication_connection" in text for text in server.asked) == asked
    # Who may see both is asked once.
    server = Server("mysql-9.7", {"LEFT JOIN": rows})
    assert read_state(t.cast(t.Any, server))[1].channels[0].auto_failover
    assert sum("replication_connection" in text for text in server.asked) == 1


COORDINATOR = (
    "Coordinator stopped because there were error(s) in the worker(s). The most recent failure being: Worker 1 failed executing transaction"
    " 'u:7'. See error log and/or performance_schema.replication_applier_status_by_worker table for more details about this failure or others, if any."
)
DENIED = StatementFailed("db1", "db1: SELECT command denied to user 'a'@'b' for table 'replication_applier_status_by_worker'", 1142)


def failed_worker(channel: str, number: int, text: str) -> dict[str, t.Any]:
    return {"Channel_Name": channel, "Errno": number, "Error": text}


@pytest.mark.parametrize(
    ("said", "workers", "told", "is_asked"),
    [
        pytest.param("", [], "", False, id="nothing_has_failed"),
        pytest.param("Duplicate entry", [], "Duplicate entry (error 1062)", False, id="without_workers_all_is_said"),
        pytest.param(COORDINATOR, [failed_worker("", 1062, "Duplicate entry '7'")], "Duplicate entry '7' (error 1062)", True, id="the_worker"),
        pytest.param(COORDINATOR, [failed_worker("", 3030, "gave up"), failed_worker("", 1062, "Duplicate")], "Duplicate (error 1062)", True, id="of_two"),
        pytest.param(COORDINATOR, [failed_worker("", 1032, "no row"), failed_worker("", 3030, "gave up")], "no row (error 1032)", True, id="the_first"),
        pytest.param(COORDINATOR, [failed_worker("east", 1062, "elsewhere")], COORDINATOR + " (error 1062)", True, id="of_another_channel"),
        pytest.param(COORDINATOR, [], COORDINATOR + " (error 1062)", True, id="it_has_been_started_again_meanwhile"),
        pytest.param(COORDINATOR, DENIED, COORDINATOR + " (error 1062)", True, id="our_account_may_not_look"),
    ],
)
def test_what_a_worker_has_failed_with_is_asked_only_where_it_is_not_said(said: str, workers: t.Any, told: str, is_asked: bool) -> None:
    rows = replica_status("mysql-9.7", Last_SQL_Error=said, Last_SQL_Errno=1062 if said else 0)
    server = Server("mysql-9.7", {"status_by_worker": workers, "SHOW REPLICA STATUS": rows})
    assert read_state(t.cast(t.Any, server))[1].channels[0].applier_error == told
    assert any("status_by_worker" in text for text in server.asked) is is_asked


def test_any_other_error_about_the_workers_is_told_and_5_6_is_not_asked() -> None:
    broken = StatementFailed("db1", "db1: the table is damaged", 1194)
    rows = replica_status("mysql-9.7", Last_SQL_Error=COORDINATOR, Last_SQL_Errno=1062)
    with pytest.raises(StatementFailed):
        read_state(t.cast(t.Any, Server("mysql-9.7", {"status_by_worker": broken, "SHOW REPLICA STATUS": rows})))
    old = Server("mysql-5.6", {"SHOW SLAVE STATUS": replica_status("mysql-5.6", Last_SQL_Error=COORDINATOR, Last_SQL_Errno=1062)})
    assert read_state(t.cast(t.Any, old))[1].channels[0].applier_error.startswith("Coordinator stopped")


@pytest.mark.parametrize("kind", MYSQL)
def test_mysql_says_itself_what_it_has_purged(kind: str) -> None:
    server = Server(kind, {"gtid_executed": [{"executed": long("P:1-9"), "purged": long("P:1-2")}]})
    _flavor, state = read_state(t.cast(t.Any, server))
    assert (state.executed, state.purged, state.unsendable) == (gtids("P:1-9"), gtids("P:1-2"), gtids("P:1-2"))
