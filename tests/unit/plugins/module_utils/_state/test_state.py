# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What servers answer -> what they are. The answers are real servers' (fixtures/), and what hypothesis makes of them."""

from __future__ import annotations

import re
import time
import typing as t
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB, MySQL, UnsupportedVersion, flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problem_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row, Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed, Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import make_state, read_state
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED, STOPPING, SemiSync, SourceTls, State
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import channel, state

KINDS = ("mariadb-10.5", "mariadb-10.11", "mariadb-11.8", "mysql-9.7", "mysql-5.6")
MARIADB = KINDS[:3]
MYSQL = KINDS[3:]

Answers = tuple[dict[str, t.Any], Row, Rows]


def answer(*rows: t.Mapping[str, t.Any]) -> Rows:
    """Give what a server has answered."""
    return Rows(rows, "db1", "SHOW SOMETHING")


@cache
def load(kind: str) -> t.Any:
    path = Path(__file__).parent / "fixtures" / f"{kind}.yml"
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def answers(kind: str, situation: str) -> Answers:
    """Give the three answers of a server of this kind: its variables, its GTIDs and its replica status."""
    whole, differs = load(kind)["running"], load(kind)[situation]
    rows = answer(*({**whole["rows"][0], **row} for row in differs["rows"]))
    return {**whole["variables"], **differs["variables"]}, answer({**whole["gtids"], **differs["gtids"]}).only(), rows


def found(kind: str, situation: str, **changes: t.Any) -> State:
    """Read a situation; changes go to the row of the replica status."""
    variables, gtids, rows = answers(kind, situation)
    assert all(set(changes) <= set(row) for row in rows)
    return make_state(flavor_of(variables["version"]), variables, gtids, [row.with_columns(changes) for row in rows])


def found_with(kind: str, **more: t.Any) -> State:
    """Read a replica that replicates; what is asked for apart is in the row too."""
    variables, gtids, rows = answers(kind, "running")
    return make_state(flavor_of(variables["version"]), variables, gtids, [row.with_columns(more) for row in rows])


def numbers(gtids: t.Any) -> str:
    """Leave out the server_uuid, which is another one each time."""
    return str(gtids).rpartition(":")[2]


# --- As real servers answer


@pytest.mark.parametrize("kind", KINDS)
def test_a_replica_that_replicates(kind: str) -> None:
    state = found(kind, "running")
    (channel,) = state.channels
    assert (channel.receiver, channel.applier, channel.receiver_error, channel.applier_error) == (RUNNING, RUNNING, "", "")
    assert (channel.name, channel.source_host, channel.source_id, channel.user) == ("", "127.0.0.1", 1, "repl")
    assert 1024 < channel.source_port < 65536
    assert (channel.lag in (0, 1), channel.delay, channel.filters, channel.auto_position) == (True, 0, (), True)
    assert channel.applied_all_read
    assert channel.has_connected
    assert not channel.is_stopped
    assert not state.writable
    assert state.log_bin
    assert state.log_replica_updates
    assert state.gtid_mode == "ON"
    assert state.server_id == 2
    assert state.event_scheduler is (kind == "mysql-9.7")
    assert state.executed
    assert state.received == state.executed
    assert not state.not_applied


@pytest.mark.parametrize("kind", KINDS)
def test_a_primary(kind: str) -> None:
    state = found(kind, "primary")
    assert state.channels == ()
    assert state.writable
    assert state.executed.origins() == {state.identity}
    assert state.received == state.executed


@pytest.mark.parametrize(
    ("kind", "version"),
    [("mariadb-10.5", (10, 5)), ("mariadb-10.11", (10, 11)), ("mariadb-11.8", (11, 8)), ("mysql-9.7", (9, 7)), ("mysql-5.6", (5, 6))],
)
def test_the_version_and_who_it_is(kind: str, version: tuple[int, ...]) -> None:
    state = found(kind, "primary")
    replica = found(kind, "running").channels[0]
    assert state.version[:2] == version
    assert state.family == kind.partition("-")[0]
    assert state.identity == (replica.source_uuid or str(replica.source_id))


@pytest.mark.parametrize("kind", KINDS)
def test_a_replica_whose_source_died_before_its_applier_had_read_all(kind: str) -> None:
    state = found(kind, "source_dead")
    (channel,) = state.channels
    assert (channel.receiver, channel.applier) == (CONNECTING, STOPPED)
    assert "error 2003" in channel.receiver_error
    assert channel.lag is None
    assert not channel.applied_all_read
    assert state.not_applied.count() == 5
    assert numbers(state.not_applied) in ("6-10", "0-1-6..10")


@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_in_relay_logs_counts_as_received_when_both_threads_are_stopped(kind: str) -> None:
    state = found(kind, "both_stopped")
    assert state.channels[0].is_stopped
    assert state.not_applied.count() == 5


@pytest.mark.parametrize("kind", KINDS)
def test_an_applier_that_failed_says_at_what(kind: str) -> None:
    (channel,) = found(kind, "applier_failed").channels
    assert (channel.receiver, channel.applier) == (RUNNING, STOPPED)
    assert "1062" in channel.applier_error
    assert not channel.receiver_error


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mysql-5.6"])
def test_every_channel_is_read(kind: str) -> None:
    channels = found(kind, "two_channels").channels
    assert [(channel.name, channel.source_host) for channel in channels] == [("", "127.0.0.1"), ("other", "10.0.0.9")]
    assert not channels[1].has_connected
    assert channels[1].source_uuid == ""


@pytest.mark.parametrize("kind", MARIADB)
def test_a_position_of_relay_logs_that_a_change_of_source_deleted_is_not_believed(kind: str) -> None:
    state = found(kind, "repointed")
    assert answers(kind, "repointed")[2][0]["Gtid_IO_Pos"] == "0-1-10"
    assert not state.channels[0].has_connected
    assert not state.not_applied


@pytest.mark.parametrize("kind", MARIADB)
def test_an_empty_position_after_a_restart_takes_nothing_away(kind: str) -> None:
    state = found(kind, "both_stopped", Gtid_IO_Pos="")
    assert str(state.received) == "0-1-5"
    assert state.channels[0].relay_log == ("relay.000002", 1806 if kind == "mariadb-10.5" else 1827)


# --- What columns and variables mean


@pytest.mark.parametrize(
    ("value", "receiver"),
    [("Yes", RUNNING), ("No", STOPPED), ("Connecting", CONNECTING), ("Preparing", CONNECTING), ("", STOPPED), (None, STOPPED), ("what is this", STOPPED)],
)
def test_a_receiver_runs_only_while_it_is_connected(value: str | None, receiver: str) -> None:
    assert found("mysql-9.7", "running", Replica_IO_Running=value).channels[0].receiver == receiver
    assert found("mariadb-11.8", "running", Slave_IO_Running=value).channels[0].receiver == receiver


@pytest.mark.parametrize(
    "changes",
    [
        {"Replicate_Do_DB": "a"},
        {"Replicate_Ignore_DB": "a"},
        {"Replicate_Do_Table": "a.t"},
        {"Replicate_Ignore_Table": "a.t"},
        {"Replicate_Wild_Do_Table": "a.%"},
        {"Replicate_Wild_Ignore_Table": "a.%"},
        {"Replicate_Ignore_Server_Ids": "7"},
        {"Replicate_Rewrite_DB": "a->b"},
        {"Replicate_Do_Domain_Ids": "1"},
        {"Replicate_Ignore_Domain_Ids": "1"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_filter_of_either_family_is_seen(changes: dict[str, str]) -> None:
    kinds = ["mariadb-11.8"] if "Domain" in str(changes) else ["mariadb-11.8", "mysql-9.7"]
    for kind in kinds:
        assert found(kind, "running", **changes).channels[0].filters == tuple(changes)


@pytest.mark.parametrize(("kind", "column", "values"), [("mysql-9.7", "Auto_Position", (0, 1)), ("mariadb-10.11", "Using_Gtid", ("No", "Current_Pos"))])
def test_replication_by_file_and_position_is_told_from_that_by_gtid(kind: str, column: str, values: tuple[t.Any, t.Any]) -> None:
    assert [found(kind, "running", **{column: value}).channels[0].auto_position for value in values] == [False, True]


@pytest.mark.parametrize(("value", "uses_it"), [("Current_Pos", True), ("Slave_Pos", False), ("No", False)])
def test_a_replica_that_asks_from_its_current_position_is_told_from_one_that_asks_from_its_replicated_position(value: str, uses_it: bool) -> None:
    assert found("mariadb-10.11", "running", Using_Gtid=value).channels[0].uses_current_pos is uses_it


@pytest.mark.parametrize("kind", KINDS)
def test_a_lag_or_delay_is_in_seconds(kind: str) -> None:
    column = "Seconds_Behind_Source" if kind == "mysql-9.7" else "Seconds_Behind_Master"
    (channel,) = found(kind, "running", SQL_Delay=3600, **{column: 17}).channels
    assert (channel.lag, channel.delay) == (17, 3600)


def test_received_is_executed_united_with_what_came_over_every_channel() -> None:
    variables, _gtids, rows = answers("mysql-9.7", "two_channels")
    a, b, c = (f"{number:08d}-0000-0000-0000-000000000000" for number in (1, 2, 3))
    rows[0]["Retrieved_Gtid_Set"] = f"{a}:5-9"
    rows[1]["Retrieved_Gtid_Set"] = f"{b}:1-2"
    state = make_state(flavor_of("9.7.4"), variables, answer({"executed": f"{a}:1-6,\n{c}:1", "purged": f"{a}:1-3"}).only(), rows)
    assert str(state.received) == f"{a}:1-9,{b}:1-2,{c}:1"
    assert str(state.not_applied) == f"{a}:7-9,{b}:1-2"
    assert str(state.purged) == f"{a}:1-3"


def test_mariadb_has_what_it_logged_and_what_it_applied_without_logging() -> None:
    variables, _gtids, rows = answers("mariadb-11.8", "running")
    gtids = answer({"binlog_state": "0-2-4,0-1-9,1-1-3", "slave_pos": "0-1-12,2-7-1", "binlog_pos": "0-1-9,1-1-3"}).only()
    assert str(make_state(flavor_of("11.8.6-MariaDB"), variables, gtids, rows).executed) == "0-2-4,0-1-12,1-1-3,2-7-1"


@pytest.mark.parametrize(("value", "writable"), [("OFF", True), ("ON", False), ("NO_LOCK", False), ("NO_LOCK_NO_ADMIN", False), ("0", True), ("1", False)])
def test_anything_but_off_forbids_writes(value: str, writable: bool) -> None:
    variables, gtids, rows = answers("mariadb-11.8", "primary")
    assert make_state(flavor_of("12.1.1-MariaDB"), {**variables, "read_only": value}, gtids, rows).writable is writable


@pytest.mark.parametrize(
    ("names", "logs"),
    [
        ({"log_slave_updates": "ON"}, True),
        ({"log_slave_updates": "OFF"}, False),
        ({"log_replica_updates": "ON"}, True),
        ({"log_replica_updates": "OFF"}, False),
        ({"log_slave_updates": "OFF", "log_replica_updates": "ON"}, True),  # 8.0.26 to 8.3 know both
    ],
)
def test_a_variable_is_taken_by_its_newest_name(names: dict[str, str], logs: bool) -> None:
    variables, gtids, rows = answers("mysql-9.7", "running")
    rest = {name: value for name, value in variables.items() if not name.startswith("log_")}
    assert make_state(flavor_of("8.0.36"), {**rest, **names}, gtids, rows).log_replica_updates is logs


@pytest.mark.parametrize(
    ("source", "replica", "count"),
    [
        ("rpl_semi_sync_source_enabled", "rpl_semi_sync_replica_enabled", "rpl_semi_sync_source_wait_for_replica_count"),
        ("rpl_semi_sync_master_enabled", "rpl_semi_sync_slave_enabled", "rpl_semi_sync_master_wait_for_slave_count"),
    ],
)
def test_semi_synchronous_replication_is_read_by_the_names_that_its_plugin_gives_it(source: str, replica: str, count: str) -> None:
    # From 8.0.26 on there are two plugins for each side, and either may be loaded, whatever the version.
    variables, gtids, rows = answers("mysql-9.7", "running")
    for flavor in (flavor_of("8.0.25"), flavor_of("8.0.36")):
        on = make_state(flavor, {**variables, source: "ON", replica: "OFF", count: "2"}, gtids, rows).semi_sync
        off = make_state(flavor, {**variables, source: "OFF", replica: "ON", count: "1"}, gtids, rows).semi_sync
        assert on == SemiSync(source, True, replica, False, 2)
        assert off == SemiSync(source, False, replica, True, 1)


def test_a_server_without_the_plugin_is_not_semi_synchronous() -> None:
    variables, gtids, rows = answers("mysql-9.7", "running")
    assert make_state(flavor_of("9.7.4"), variables, gtids, rows).semi_sync == SemiSync()


def test_a_mariadb_that_waits_for_one_acknowledgement_has_no_variable_that_says_so() -> None:
    variables, gtids, rows = answers("mariadb-11.8", "running")
    read = make_state(flavor_of("11.8.6-MariaDB"), {**variables, "rpl_semi_sync_master_enabled": "ON", "rpl_semi_sync_slave_enabled": "OFF"}, gtids, rows)
    assert read.semi_sync == SemiSync("rpl_semi_sync_master_enabled", True, "rpl_semi_sync_slave_enabled", False, 1)


@pytest.mark.parametrize(
    ("kind", "prefix", "key"),
    [
        ("mysql-9.7", "Source", "Get_Source_public_key"),
        ("mysql-5.6", "Master", None),
        ("mariadb-10.5", "Master", None),
        ("mariadb-10.11", "Master", None),
        ("mariadb-11.8", "Master", None),
    ],
)
def test_how_a_replica_encrypts_is_read_by_the_names_of_its_version(kind: str, prefix: str, key: str | None) -> None:
    said = {
        f"{prefix}_SSL_Allowed": "Yes",
        f"{prefix}_SSL_CA_File": "/ca.pem",
        f"{prefix}_SSL_Cert": "/client.pem",
        f"{prefix}_SSL_Key": "/client.key",
        f"{prefix}_SSL_Verify_Server_Cert": "Yes",
    }
    (channel,) = found(kind, "running", **said, **({key: 0} if key else {})).channels
    assert channel.tls == SourceTls(True, "/ca.pem", "/client.pem", "/client.key", verify_cert=True, get_public_key=False if key else None)
    (channel,) = found(kind, "running", **dict.fromkeys(said, "No"), **({key: 1} if key else {})).channels
    assert (channel.tls.enabled, channel.tls.verify_cert, channel.tls.get_public_key) == (False, False, True if key else None)


def test_the_public_key_is_read_by_the_name_that_it_had_before_8_0_23() -> None:
    variables, gtids, rows = answers("mysql-5.6", "running")
    (channel,) = make_state(flavor_of("8.0.21"), variables, gtids, [rows[0].with_columns({"Get_master_public_key": 1})]).channels
    assert channel.tls.get_public_key is True


def test_a_variable_that_a_version_lacks_has_the_meaning_of_its_absence() -> None:
    gtids = answer({"executed": "", "purged": None, "binlog_state": "", "slave_pos": ""}).only()
    state = make_state(flavor_of("5.6.24"), {}, gtids, [])
    assert (state.gtid_mode, state.super_read_only, state.log_bin, state.server_uuid, state.server_id) == ("OFF", False, False, "", 0)
    assert make_state(flavor_of("10.6.1-MariaDB"), {}, gtids, []).gtid_mode == "ON"


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_a_source_is_no_channel(kind: str) -> None:
    column = "Source_Host" if kind == "mysql-9.7" else "Master_Host"
    assert found(kind, "running", **{column: ""}).channels == ()
    assert found(kind, "running", **{column: None}).channels == ()


# --- Anything at all

NULLABLE = st.one_of(st.none(), st.text(max_size=30), st.binary(max_size=10), st.integers(), st.sampled_from(["Yes", "No", "ON", "0-1-5", "a:b"]))
ROW_CHANGES = st.dictionaries(st.integers(0, 70), NULLABLE, max_size=12)


@given(st.sampled_from(KINDS), st.sampled_from(["running", "source_dead", "applier_failed"]), ROW_CHANGES, st.sets(st.integers(0, 70)))
def test_a_row_with_columns_missing_null_or_strange_is_read_or_called_unreadable(
    kind: str, situation: str, changes: dict[int, t.Any], missing: set[int]
) -> None:
    variables, gtids, rows = answers(kind, situation)
    row = {name: changes.get(position, value) for position, (name, value) in enumerate(rows[0].items()) if position not in missing}
    try:
        state = make_state(flavor_of(variables["version"]), variables, gtids, answer(row))
    except Unreadable as unreadable:
        problem = problem_of("db1", unreadable)
        assert (problem.code, problem.server, "Retrieved_Gtid_Set" in problem.message) == ("unreadable", "db1", True)
        return
    for each in state.channels:
        assert each.receiver in (RUNNING, CONNECTING, STOPPED)
        assert each.applier in (RUNNING, STOPPED)
    assert state.received.contains(state.executed)


@given(st.sampled_from(KINDS), st.data())
def test_gtids_that_are_missing_null_or_strange_are_read_or_called_unreadable(kind: str, data: st.DataObject) -> None:
    variables, gtids, rows = answers(kind, "running")
    changed = {name: data.draw(NULLABLE) for name in gtids if data.draw(st.booleans())}
    needed = {"binlog_state", "slave_pos"} if "binlog_state" in gtids else {"executed", "purged"}
    try:
        make_state(flavor_of(variables["version"]), variables, answer(changed).only(), rows)
    except Unreadable as unreadable:
        problem = problem_of("db1", unreadable)
        assert any(f"column {name}: " in problem.message for name in needed)
    else:
        assert needed <= set(changed)


# --- The three questions


class Asked:
    """A server that has answers. A stand-in: what a proxy says before the server can be had from no server of the sandbox."""

    denied = 0
    denied_again = 0
    connection_id = 7
    is_open = True

    def __init__(self, greeting: str, kind: str, **variables: t.Any) -> None:
        self.version_text = greeting
        self._variables, self._gtids, self._rows = answers(kind, "running")
        self._variables = {**self._variables, **variables}
        self.texts: list[str] = []

    def change(self, **variables: str | None) -> None:
        """Let variables have other values, or be gone."""
        self._variables = {name: value for name, value in {**self._variables, **variables}.items() if value is not None}

    def twin(self) -> Asked:
        return self

    def close(self) -> None:
        """There is nothing to be closed."""

    def _selected(self, name: str) -> t.Any:
        """Return a variable as SELECT has it."""
        if self.denied_again:
            raise StatementFailed("db1", f"SELECT command denied (error {self.denied_again})", self.denied_again)
        if name not in self._variables:
            raise StatementFailed("db1", f"Unknown system variable '{name}'", 1193)
        value = self._variables[name]
        return {"ON": 1, "OFF": 0}.get(value, value) if name not in ("gtid_mode", "event_scheduler") else value

    def send(self, statement: t.Any) -> Rows:
        self.texts.append(statement.text)
        if "VARIABLES" in statement.text:
            return answer(*({"Variable_name": name, "Value": value} for name, value in self._variables.items() if name in statement.values))
        if "replication_connection_configuration" in statement.text:
            if self.denied:
                raise StatementFailed("db1", "SELECT command denied", self.denied)
            return answer({"Channel_Name": "", "Source_Connection_Auto_Failover": "1"}, {"Channel_Name": "gone", "Source_Connection_Auto_Failover": "0"})
        if "replication_applier_status_by_worker" in statement.text:
            return answer()
        if "SELECT" in statement.text:
            return answer({**self._gtids, **{name: self._selected(name) for name in re.findall(r"@@GLOBAL\.(\w+) AS \1\b", statement.text)}})
        if statement.text in ("SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"):
            return answer({"File": "binlog.000001", "Position": 4, "Binlog_Do_DB": "", "Binlog_Ignore_DB": "sys"})
        if ("REPLICA" in statement.text) == ("Source_Host" in self._rows[0]):
            return self._rows
        raise StatementFailed("db1", "You have an error in your SQL syntax", 1064)


@pytest.mark.parametrize(
    ("greeting", "kind", "family"),
    [
        ("8.0.11", "mysql-5.6", MySQL),
        ("8.0.11 (ProxySQL)", "mysql-9.7", MySQL),
        ("5.5.30 (ProxySQL)", "mysql-9.7", MySQL),
        ("5.5.5-10.11.19-MariaDB", "mariadb-10.11", MariaDB),
        ("8.0.11", "mariadb-11.8", MariaDB),
    ],
)
def test_what_the_server_says_counts_and_not_what_a_proxy_greets_with(greeting: str, kind: str, family: type) -> None:
    asked = Asked(greeting, kind)
    flavor, state = read_state(t.cast(t.Any, asked))
    assert isinstance(flavor, family)
    assert state.version == flavor.version
    assert len(asked.texts) <= 4


class Managed(Asked):
    """One with answers that point to something else that manages it."""

    def __init__(self, kind: str, found: dict[str, t.Any], appliers: int = 0, **variables: t.Any) -> None:
        super().__init__("", kind, **variables)
        self._gtids = {**self._gtids, **found}
        self._appliers = appliers

    def send(self, statement: t.Any) -> Rows:
        if statement.text.startswith("SELECT COUNT(*) AS appliers"):
            return answer({"appliers": self._appliers})
        if statement.text.startswith("SELECT ID, USER"):
            return answer({"ID": 12, "USER": "maxscale", "HOST": "10.0.0.9:4321", "COMMAND": "Sleep", "TIME": 1, "STATE": ""})
        return super().send(statement)


@pytest.mark.parametrize(
    ("server", "manager"),
    [
        (Managed("mariadb-10.11", {"maxscale": None}, wsrep_on="OFF"), None),
        (Managed("mariadb-10.11", {"maxscale": None}, wsrep_on="ON"), "Galera (wsrep_on=ON)"),
        (Managed("mariadb-11.8", {"maxscale": 12}), "MaxScale (connection 12, maxscale@10.0.0.9:4321 holds the lock maxscale_mariadbmonitor)"),
        (Managed("mariadb-11.8", {"maxscale": 13}), "MaxScale (connection 13 holds the lock maxscale_mariadbmonitor)"),
        (Managed("mysql-9.7", {"shell": 0}), None),
        (Managed("mysql-9.7", {"shell": 1}), "MySQL Shell (it has the metadata of an InnoDB Cluster or ReplicaSet, mysql_innodb_cluster_metadata)"),
        # A group that is only configured is none.
        (Managed("mysql-9.7", {"shell": 0}, group_replication_group_name="g"), None),
        (Managed("mysql-9.7", {}, 1, group_replication_group_name="g"), "Group Replication (it is an online member of the group g)"),
    ],
)
def test_what_manages_a_server_shows(server: Managed, manager: str | None) -> None:
    assert read_state(t.cast(t.Any, server))[1].managed_by == (() if manager is None else (manager,))


@pytest.mark.parametrize("version", ["", None])
def test_the_greeting_counts_where_the_version_cannot_be_read(version: t.Any) -> None:
    assert read_state(t.cast(t.Any, Asked("9.7.4", "mysql-9.7", version=version)))[0].version == (9, 7, 4)


@given(NULLABLE)
def test_any_value_of_any_variable_is_read_or_called_unsupported(value: t.Any) -> None:
    for name in ("version", "read_only", "server_id", "gtid_mode", "server_uuid", "log_bin"):
        try:
            _flavor, state = read_state(t.cast(t.Any, Asked("9.7.4", "mysql-9.7", **{name: value})))
        except UnsupportedVersion:
            continue
        assert state.server_id >= 0


def test_what_is_long_or_may_hold_a_secret_is_not_printed() -> None:
    found = state("db1", "P:1-9", channels=[channel(raw={"Last_SQL_Error": "in a statement"})], variables={"init_connect": "in a variable"})
    assert "in a " not in repr(found)
    assert found == replace(found, variables={}, channels=tuple(replace(each, raw={}) for each in found.channels))


def test_a_variable_that_is_null_is_off() -> None:
    _flavor, state = read_state(t.cast(t.Any, Asked("9.7.4", "mysql-9.7", super_read_only=None, read_only=b"ON")))
    assert not state.super_read_only
    assert state.read_only


def test_a_channel_that_chooses_another_source_by_itself_is_seen() -> None:
    _flavor, state = read_state(t.cast(t.Any, Asked("9.7.4", "mysql-9.7")))
    assert [channel.auto_failover for channel in state.channels] == [True]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mysql-9.7"])
def test_others_are_not_asked_for_what_they_never_do(kind: str) -> None:
    asked = Asked("5.6.24", kind)
    _flavor, state = read_state(t.cast(t.Any, asked))
    assert [channel.auto_failover for channel in state.channels] == [False]
    assert not any("replication_connection_configuration" in text for text in asked.texts)


@pytest.mark.parametrize(
    ("running", "pending", "receiver"), [("Connecting", 1, STOPPING), ("Connecting", 0, CONNECTING), ("No", 1, STOPPED), ("Yes", 1, RUNNING)]
)
def test_a_receiver_that_connects_and_was_told_to_stop_receives_no_more(running: str, pending: int, receiver: str) -> None:
    (channel,) = found_with("mariadb-11.8", Slave_IO_Running=running, Pending_Stops=pending).channels
    assert channel.receiver == receiver
    assert channel.receives_no_more is (receiver in (STOPPED, STOPPING))


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_read_again_is_not_asked_for_all_its_variables(kind: str) -> None:
    asked = Asked("", kind, read_only="ON")
    node = Node(t.cast(t.Any, asked))
    first = node.state
    asked.texts.clear()
    again = node.read()
    assert (again, dict(again.variables)) == (first, dict(first.variables))
    assert [text for text in asked.texts if "VARIABLES" in text] == []
    asked.change(read_only="OFF")
    assert (node.read().writable, node.state.variables["read_only"]) == (True, "OFF")


@pytest.mark.parametrize(
    ("greeting", "asks"), [("9.7.4", False), ("8.0.11 (ProxySQL)", False), ("5.5.5-10.11.19-MariaDB", False), ("5.5.30 (ProxySQL)", True), ("a proxy", True)]
)
def test_a_server_that_is_to_be_locked_before_it_is_read_is_asked_nothing_unless_its_greeting_says_nothing(greeting: str, asks: bool) -> None:
    asked = Asked(greeting, "mysql-9.7")
    node = Node(t.cast(t.Any, asked), read=False)
    assert bool(asked.texts) is asks
    for seconds in (60, 7):
        assert node.flavor.stay_connected(seconds) == flavor_of("9.7.4").stay_connected(seconds) == flavor_of("10.11.19-MariaDB").stay_connected(seconds)
    assert node.read().version == (9, 7, 4)
    assert node.flavor.version == (9, 7, 4)


def test_variables_are_listed_anew_where_one_is_gone_and_after_a_while_and_over_another_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked("", "mysql-9.7", rpl_semi_sync_source_enabled="ON")
    node = Node(t.cast(t.Any, asked))

    def lists() -> bool:
        asked.texts.clear()
        node.read()
        return any("VARIABLES" in text for text in asked.texts)

    assert (lists(), node.state.semi_sync.source) == (False, True)
    asked.change(rpl_semi_sync_source_enabled=None)
    assert (lists(), node.state.semi_sync.source_variable) == (True, "")
    assert not lists()
    asked.change(rpl_semi_sync_source_enabled="ON")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 11)
    assert (lists(), node.state.semi_sync.source) == (True, True)
    asked.connection_id += 1
    assert lists()
    asked.denied_again = 1142
    with pytest.raises(StatementFailed, match="1142"):
        node.read()


def test_an_account_that_may_not_know_it_is_enough() -> None:
    asked = Asked("9.7.4", "mysql-9.7")
    asked.denied = 1142
    _flavor, state = read_state(t.cast(t.Any, asked))
    assert [channel.auto_failover for channel in state.channels] == [False]


def test_another_error_is_not_taken_for_that() -> None:
    asked = Asked("9.7.4", "mysql-9.7")
    asked.denied = 1146
    with pytest.raises(StatementFailed):
        read_state(t.cast(t.Any, asked))
