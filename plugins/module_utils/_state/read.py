# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Ask a connected server for its state, in few round trips, and give what it answers names of our own over both families."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import Flavor, flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import GtidError, MariaDBGtids, empty, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import as_text
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED, STOPPING, Ahead, Channel, SemiSync, SourceTls, State

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server

# ER_TABLEACCESS_DENIED_ERROR
_TABLE_DENIED = 1142
# As the error quotes it.
_FIRST_TABLE = "'replication_connection_configuration'"

# What MySQL refers to where it says only that a worker has failed, whatever language it says that in (5.7 and later, with parallel workers).
_SEE_WORKERS = "replication_applier_status_by_worker"

# ER_UNKNOWN_SYSTEM_VARIABLE
_UNKNOWN_VARIABLE = 1193


_ALL_READ = "read all relay log"

_WORKER_WAITS = "waiting for an event from coordinator"

# Those of 2**64 - 1, the highest number that a server says.
_MOST_DIGITS = 20

# How an event tells which transaction it begins: BEGIN GTID 0-1-100.
_GTID = re.compile(r"\bGTID (\d{1,10}-\d{1,10}-\d{1,20})\b", re.ASCII)

# Columns that name what a replica leaves out, or puts elsewhere, of what its source sends.
_FILTERS = (
    "Replicate_Do_DB",
    "Replicate_Ignore_DB",
    "Replicate_Do_Table",
    "Replicate_Ignore_Table",
    "Replicate_Wild_Do_Table",
    "Replicate_Wild_Ignore_Table",
    "Replicate_Rewrite_DB",  # not in MariaDB 10.5, nor in any variable there, so that it cannot be told (seen)
    "Replicate_Ignore_Server_Ids",
    "Replicate_Do_Domain_Ids",
    "Replicate_Ignore_Domain_Ids",
)


# The accounts that MySQL Shell makes for replicas.
_SHELL_ACCOUNTS = ("mysql_innodb_rs_", "mysql_innodb_cluster_", "mysql_innodb_cs_")

_OWN_DATABASES = ("information_schema", "mysql", "performance_schema", "sys")


def read_state(server: Server) -> t.Tuple[Flavor, State]:
    """Ask a connected server for its state.

    GTIDs are read before the replica status: what is applied between the two is then in the second's received set all the same.
    Raises ``UnsupportedVersion``, ``Unreadable``, and the errors of ``Server.send``.
    """
    variables = {row.text("Variable_name").lower(): row.text("Value") for row in server.send(Flavor.show_variables())}
    # A proxy greets with a version of its own; the server's is what counts.
    flavor = flavor_of(variables.get("version") or server.version_text)
    return _read_the_rest(server, flavor, variables, server.send(flavor.select_gtids()).only())


def read_again(server: Server, flavor: Flavor, shown: t.Mapping[str, str]) -> t.Tuple[Flavor, State]:
    """Ask a server for its state over a connection over which it has just told which variables it has, and what they were (``shown``).

    A variable that is new since then, because somebody has loaded a plugin, is not asked for. One that is gone is an error, and all is asked anew.
    """
    try:
        answer = server.send(flavor.select_again(shown)).only()
    except StatementFailed as error:
        if error.errno != _UNKNOWN_VARIABLE:
            raise
        return read_state(server)
    return _read_the_rest(server, flavor, {name: _as_shown(answer[name], was) for name, was in shown.items()}, answer)


def _as_shown(value: t.Any, was: str) -> str:
    """Return the value of a variable as ``SHOW VARIABLES`` has it: ``SELECT`` has numbers for ON and OFF."""
    text = as_text(value)
    return {"0": "OFF", "1": "ON"}.get(text, text) if was in ("ON", "OFF") else text


def _read_the_rest(server: Server, flavor: Flavor, variables: t.Mapping[str, str], gtids: Row) -> t.Tuple[Flavor, State]:
    rows: t.Sequence[Row] = server.send(flavor.show_replica_status())
    if flavor.counts_halves and rows:
        rows = _with_idle_workers(server, flavor, rows, _number(variables.get("slave_parallel_workers")) or 0)
        # What it has applied by now it may not have had when they were read, and it would count as a half.
        gtids = server.send(flavor.select_gtids()).only()
    rows = _with_heartbeat(_with_worker_errors(server, flavor, _with_more(server, flavor, rows)), variables, gtids)
    state = make_state(flavor, variables, gtids, _with_pending_stop(server, flavor, rows))
    return flavor, replace(state, managed_by=_managed_by(server, flavor, state, gtids))


def _managed_by(server: Server, flavor: Flavor, state: State, gtids: Row) -> t.Tuple[str, ...]:
    """Return what else decides who is the primary, and how that shows. More is asked only where something points to it."""
    found = []
    if not _off(state.variables.get("wsrep_on")):
        found.append("Galera (wsrep_on=ON)")
    group = state.variables.get("group_replication_group_name", "")
    if group and _number(as_text(server.send(flavor.count_group_appliers()).only().get("appliers"))):
        found.append("Group Replication (it is an online member of the group %s)" % group)
    if _number(as_text(gtids.get("shell"))):
        found.append("MySQL Shell (it has the metadata of an InnoDB Cluster or ReplicaSet, mysql_innodb_cluster_metadata)")
    elif any(channel.user.startswith(_SHELL_ACCOUNTS) for channel in state.channels):
        found.append("MySQL Shell (it replicates with an account of an InnoDB Cluster or ReplicaSet)")
    holder = as_text(gtids.get("maxscale"))
    if holder:
        holding = [row for row in server.send(flavor.show_processlist()) if row.text("ID") == holder]
        whose = "".join(", %s@%s" % (row.text("USER"), row.text("HOST")) for row in holding)
        found.append("MaxScale (connection %s%s holds the lock maxscale_mariadbmonitor)" % (holder, whose))
    return tuple(found)


def _with_idle_workers(server: Server, flavor: Flavor, rows: t.Sequence[Row], workers: int) -> t.List[Row]:
    """Add to the replica status whether all parallel workers wait for more: where the applier has read everything, all that is whole is applied then."""
    waiting = 0
    if workers:
        waiting = sum(_WORKER_WAITS in row.text("STATE").lower() for row in server.send(flavor.show_processlist()))
    return [row.with_columns({"Workers_Idle": waiting == workers}) for row in rows]


def _with_more(server: Server, flavor: Flavor, rows: t.Sequence[Row]) -> t.Sequence[Row]:
    """Add to the replica status what it does not say of a channel, as far as the account may know that."""
    known: t.Mapping[str, Row] = {}
    for question in flavor.select_channels() if rows else ():
        try:
            known = {row.text("Channel_Name"): row for row in server.send(question)}
            break
        except StatementFailed as error:
            if error.errno != _TABLE_DENIED:
                raise
            # Where even the first of the tables is denied, the next question, which has fewer, is as well.
            if _FIRST_TABLE in error.message:
                break
    return [row.with_columns(known.get(as_text(row.get("Channel_Name")), {})) for row in rows] if known else rows


def _with_heartbeat(rows: t.Sequence[Row], variables: t.Mapping[str, str], gtids: Row) -> t.Sequence[Row]:
    """Add to the replica status of MySQL 5.6 the period of its heartbeat, unless it is what a server takes that is not told any."""
    period, limit = as_text(gtids.get("heartbeat")), _number(variables.get("slave_net_timeout"))
    if not period or (limit is not None and period == "%.3f" % (limit / 2)):
        return rows
    return [row.with_columns({"Replica_Heartbeat_Period": period}) for row in rows]


def _with_worker_errors(server: Server, flavor: Flavor, rows: t.Sequence[Row]) -> t.Sequence[Row]:
    """Put what a worker has failed with in the place of where to look for it, if our account may look there. Nobody else is asked."""
    question = flavor.select_worker_errors()
    if question is None or not any(_SEE_WORKERS in as_text(flavor.column(row, "Last_SQL_Error")) for row in rows):
        return rows
    try:
        failed = list(server.send(question))
    except StatementFailed as error:
        if error.errno != _TABLE_DENIED:
            raise
        return rows
    return [_with_worker_error(flavor, row, failed) for row in rows]


def _with_worker_error(flavor: Flavor, row: Row, failed: t.Sequence[Row]) -> Row:
    """Put in what the worker of this channel says whose error it has, or else the one that failed first: those after it may have stopped because of it."""
    said, number = as_text(flavor.column(row, "Last_SQL_Error")), as_text(flavor.column(row, "Last_SQL_Errno"))
    own = [each for each in failed if each.text("Channel_Name") == as_text(row.get("Channel_Name")) and each.text("Error")]
    own.sort(key=lambda each: each.text("Errno") != number)
    if _SEE_WORKERS not in said or not own:
        return row
    return row.with_columns({"Last_SQL_Errno": own[0].number("Errno"), "Last_SQL_Error": own[0].text("Error")})


def _with_pending_stop(server: Server, flavor: Flavor, rows: t.Sequence[Row]) -> t.Sequence[Row]:
    """Add to the replica status whether somebody waits for a receiver to stop that still tries to connect."""
    question = flavor.count_pending_stops()
    if question is None or not any(_receiver(as_text(flavor.column(row, "Replica_IO_Running"))) == CONNECTING for row in rows):
        return rows
    pending = server.send(question).only()
    return [row.with_columns(pending) for row in rows]


def make_state(flavor: Flavor, variables: t.Mapping[str, str], gtids: Row, rows: t.Sequence[Row]) -> State:
    """Put the three answers of a server together; a variable or column that its version lacks gets the meaning of its absence."""
    family = flavor.family
    if family == "mariadb":
        logged, replicated = gtids_in(gtids, "binlog_state", family), gtids_in(gtids, "slave_pos", family)
        executed, unlogged = logged.union(replicated), _unlogged(logged, replicated)
        purged = empty(family)
        gtid_mode = "ON"
        ahead = _ahead(logged, replicated, _number(variables.get("server_id")) or 0)
    else:
        executed, purged, unlogged = gtids_in(gtids, "executed", family), gtids_in(gtids, "purged", family), None
        ahead = None
        gtid_mode = variables.get("gtid_mode", "OFF").upper()
    halves_of = executed if flavor.counts_halves else None
    channels = tuple(_make_channel(flavor, row, halves_of) for row in rows if as_text(flavor.column(row, "Source_Host")))
    return State(
        version=flavor.version,
        version_text=variables.get("version", ""),
        family=family,
        server_id=_number(variables.get("server_id")) or 0,
        server_uuid=variables.get("server_uuid", "").lower() if family == "mysql" else "",
        gtid_mode=gtid_mode,
        executed=executed,
        purged=purged,
        # MariaDB 12 says NO_LOCK and the like instead of ON: anything but OFF forbids writes.
        read_only=not _off(variables.get("read_only")),
        super_read_only=not _off(variables.get("super_read_only")),
        log_bin=not _off(variables.get("log_bin")),
        log_replica_updates=not _off(variables.get("log_replica_updates", variables.get("log_slave_updates"))),
        event_scheduler=variables.get("event_scheduler", "").upper() == "ON",
        semi_sync=_make_semi_sync(variables),
        channels=channels,
        variables=variables,
        net_timeout=_number(variables.get("slave_net_timeout")) or 60,
        unlogged=unlogged,
        # What a primary has logged of others may have been salvaged.
        ahead=ahead if channels else None,
    )


def _unlogged(logged: Gtids, replicated: Gtids) -> Gtids:
    """Return what a server of MariaDB has replicated and not logged, because it did not then, or because it was made from a copy."""
    if not (isinstance(logged, MariaDBGtids) and isinstance(replicated, MariaDBGtids)):
        return replicated
    return MariaDBGtids(tuple((key, number) for key, number in replicated.numbers if number > logged.last.get(key, 0)))


def _ahead(logged: Gtids, replicated: Gtids, server_id: int) -> t.Optional[Ahead]:
    """Return what a server of MariaDB has logged of others and does not count as replicated, if there is such a thing."""
    if not (isinstance(logged, MariaDBGtids) and isinstance(replicated, MariaDBGtids)):
        return None
    beyond = logged.of_others_beyond(replicated, server_id)
    return Ahead(beyond, replicated) if beyond else None


def binlog_filters_in(row: Row) -> t.Tuple[str, ...]:
    """Return which options keep databases out of a binary log, as the status of that says; the server's own databases hold no rows of users."""
    found = []
    for option in ("Binlog_Do_DB", "Binlog_Ignore_DB"):
        names = [name for name in as_text(row.get(option)).split(",") if name and (option == "Binlog_Do_DB" or name not in _OWN_DATABASES)]
        if names:
            found.append("%s=%s" % (option.lower(), ",".join(names)))
    return tuple(found)


def _make_semi_sync(variables: t.Mapping[str, str]) -> SemiSync:
    def one_of(*names: str) -> str:
        return next((name for name in names if name in variables), "")

    source = one_of("rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled")
    replica = one_of("rpl_semi_sync_replica_enabled", "rpl_semi_sync_slave_enabled")
    count = one_of("rpl_semi_sync_source_wait_for_replica_count", "rpl_semi_sync_master_wait_for_slave_count")
    return SemiSync(source, not _off(variables.get(source)), replica, not _off(variables.get(replica)), _number(variables.get(count)) or 1)


def _make_channel(flavor: Flavor, row: Row, executed: t.Optional[Gtids]) -> Channel:
    """Name what a row says. ``executed`` is given where what was retrieved counts only as far as it can be applied."""

    def text(name: str) -> str:
        return as_text(flavor.column(row, name))

    applies_relay_logs = flavor.applies_relay_logs(text("Source_Log_File")) and text("Auto_Position").lower() == "no"
    has_connected = bool(text("Source_Log_File"))
    receiver = _receiver(text("Replica_IO_Running"))
    if receiver == CONNECTING and _number(row.get("Pending_Stops")):
        receiver = STOPPING
    all_read_is_executed = (text("Source_Log_File"), text("Read_Source_Log_Pos")) == (text("Relay_Source_Log_File"), text("Exec_Source_Log_Pos"))
    retrieved = _gtids(row, "Retrieved_Gtid_Set", text("Retrieved_Gtid_Set"), flavor.family)
    if flavor.family == "mariadb" and not has_connected:
        # Gtid_IO_Pos keeps its old value after a CHANGE MASTER that deleted the relay logs (seen: 10.5, 10.11, 11.8).
        retrieved = empty(flavor.family)
    applied_all_read = _ALL_READ in text("Replica_SQL_Running_State").lower()
    if executed is not None and receiver != RUNNING and applied_all_read and row.get("Workers_Idle"):
        retrieved = retrieved.intersect(executed)
    public_key = flavor.column(row, "Get_Source_public_key")
    return Channel(
        name=text("Channel_Name"),
        source_host=text("Source_Host"),
        source_port=_number(flavor.column(row, "Source_Port")) or 0,
        source_uuid=text("Source_UUID").lower(),
        source_id=_number(flavor.column(row, "Source_Server_Id")) or 0,
        receiver=receiver,
        applier=RUNNING if text("Replica_SQL_Running").lower() == "yes" else STOPPED,
        receiver_error=_error(flavor, row, "IO"),
        applier_error=_error(flavor, row, "SQL"),
        retrieved=retrieved,
        auto_position=applies_relay_logs or text("Auto_Position").lower() not in ("", "0", "no"),
        user=text("Source_User"),
        tls=SourceTls(
            enabled=text("Source_SSL_Allowed").lower() == "yes",
            ca_cert=text("Source_SSL_CA_File"),
            client_cert=text("Source_SSL_Cert"),
            client_key=text("Source_SSL_Key"),
            verify_cert=text("Source_SSL_Verify_Server_Cert").lower() == "yes",
            get_public_key=None if public_key is None else as_text(public_key) == "1",
        ),
        lag=_number(flavor.column(row, "Seconds_Behind_Source")),
        delay=_number(flavor.column(row, "SQL_Delay")) or 0,
        filters=tuple(name for name in _FILTERS if text(name)),
        has_connected=has_connected,
        all_read_is_executed=all_read_is_executed,
        relay_log=(text("Relay_Log_File"), _number(flavor.column(row, "Relay_Log_Pos")) or 0),
        source_log=(text("Relay_Source_Log_File"), _number(flavor.column(row, "Exec_Source_Log_Pos")) or 4),
        forgets_relay_logs=flavor.forgets_relay_logs,
        applies_relay_logs=applies_relay_logs,
        lifted_delay=flavor.lifted_delay(text("Source_Log_File")) if applies_relay_logs else 0,
        applied_all_read=applied_all_read,
        auto_failover=text("Source_Connection_Auto_Failover") == "1",
        settings=flavor.settings_of_channel(row),
        uses_current_pos=text("Auto_Position").lower() == "current_pos",
        raw={str(key): value if value is None or isinstance(value, (int, float, str)) else str(value) for key, value in row.items()},
    )


def _receiver(value: str) -> str:
    return {"yes": RUNNING, "connecting": CONNECTING, "preparing": CONNECTING}.get(value.lower(), STOPPED)


def _error(flavor: Flavor, row: Row, thread: str) -> str:
    number = _number(flavor.column(row, "Last_%s_Errno" % thread))
    message = as_text(flavor.column(row, "Last_%s_Error" % thread))
    return "%s (error %d)" % (message, number) if number else message


def gtids_in(row: Row, column: str, family: str) -> Gtids:
    """Return a column as GTIDs of a family. What is not is ``Unreadable``."""
    return _gtids(row, column, row.text(column), family)


def history_in(event: Row, family: str) -> Gtids:
    """Return what an event at the beginning of a binary log says of all files before it: ``Gtid_list`` of MariaDB, ``Previous_gtids`` of MySQL."""
    return _gtids(event, "Info", event.text("Info").strip("[]"), family)


def known_by(event: Row, family: str) -> Gtids:
    """Return which GTIDs an event at the beginning of a binary log of MariaDB names: those of all files before it, or that of the first transaction."""
    kind = event.text("Event_type")
    if kind == "Gtid_list":
        return history_in(event, family)
    found = _GTID.search(event.text("Info")) if kind == "Gtid" else None
    return _gtids(event, "Info", found.group(1) if found is not None else "", family)


def _gtids(row: Row, column: str, text: str, family: str) -> Gtids:
    try:
        return parse_gtids(family, text)
    except GtidError as error:
        raise row.misread(column, str(error)) from error


def _number(value: t.Any) -> t.Optional[int]:
    """Return a number of a variable or column that not every version has; ``None`` where it says anything else."""
    text = as_text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _off(value: t.Optional[str]) -> bool:
    return value is None or value.upper() in ("OFF", "0", "NO", "")
