# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What MySQL and MariaDB say differently, by version: statements, columns, variables. The one place that knows versions.

Names by version are from the vendors' manuals ("Changes in MySQL 8.0.22" and so on, MariaDB's knowledge base) and were read
off MySQL 5.6.24, MySQL 9.7, MariaDB 10.11 and MariaDB 11.8.
"""

from __future__ import annotations

import re
import typing as t
from abc import ABC, abstractmethod
from dataclasses import dataclass

from ansible_collections.dbha.mysql.plugins.module_utils._server import Secret, Statement

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server import Row

Version = t.Tuple[int, ...]

# Seconds that a statement may take beyond what it was told to wait for on the server.
_SLACK = 5.0
# STOP REPLICA waits for the transaction that is being applied; what is longer than this is reported, not waited for.
_STOP_TIMEOUT = 20.0


class UnsupportedVersion(Exception):
    """A server whose statements are not known here."""


@dataclass(frozen=True)
class SourceOptions:
    """What a replica is told about its source. C(None) leaves a setting as the replica has it."""

    host: str
    port: int
    user: t.Optional[str] = None
    password: t.Optional[str] = None
    tls: t.Optional[bool] = None
    ca_cert: t.Optional[str] = None
    client_cert: t.Optional[str] = None
    client_key: t.Optional[str] = None
    verify_cert: t.Optional[bool] = None
    get_public_key: t.Optional[bool] = None
    # The server was a primary until now: what it wrote itself counts as its position.
    demote: bool = False


def parse_version(text: str) -> Version:
    """Return the numbers of C(VERSION()) as a tuple: C('8.0.36-28') gives C((8, 0, 36)).

    MariaDB before 11 prefixes C(5.5.5-) in its greeting, so that old replicas accept it.
    Raises ``UnsupportedVersion`` for text without such numbers.
    """
    match = re.match(r"(?:5\.5\.5-(?=\d))?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", text, re.ASCII)
    if not match:
        raise UnsupportedVersion("%r is no version of MySQL or MariaDB" % text[:100])
    return tuple(int(part) for part in match.groups() if part is not None)


def flavor_of(version_text: str) -> Flavor:
    """Return what speaks to a server that calls itself RV(version_text).

    The family is told by the text, never by the number. Raises ``UnsupportedVersion`` for servers older than MySQL 5.6 and MariaDB 10.5.
    """
    version = parse_version(version_text)
    family: t.Type[Flavor] = MariaDB if "mariadb" in version_text.lower() else MySQL
    if version < family.oldest:
        raise UnsupportedVersion("%s is older than %s %s, the oldest that is supported" % (version_text, family.title, ".".join(map(str, family.oldest))))
    return family(version)


class Flavor(ABC):
    """One family of servers at one version. Statements of a replication channel take its name; C('') is the default one."""

    family: t.ClassVar[str]
    title: t.ClassVar[str]
    oldest: t.ClassVar[Version]

    def __init__(self, version: Version) -> None:
        self.version = version

    @property
    def counts_halves(self) -> bool:
        """Whether a transaction is said to be received as soon as its first event is."""
        return False

    # Reading

    _variables: t.ClassVar[t.Tuple[str, ...]] = (
        "version",
        "version_comment",
        "server_id",
        "server_uuid",
        "read_only",
        "super_read_only",
        "offline_mode",
        "log_bin",
        "log_slave_updates",
        "log_replica_updates",
        "gtid_mode",
        "enforce_gtid_consistency",
        "gtid_strict_mode",
        "event_scheduler",
        "relay_log_recovery",
        "slave_net_timeout",
        "slave_preserve_commit_order",
        "replica_preserve_commit_order",
        "slave_parallel_mode",
        "slave_parallel_workers",
        "replica_parallel_workers",
        "rpl_semi_sync_master_enabled",
        "rpl_semi_sync_master_wait_for_slave_count",
        "rpl_semi_sync_slave_enabled",
        "rpl_semi_sync_source_enabled",
        "rpl_semi_sync_source_wait_for_replica_count",
        "rpl_semi_sync_replica_enabled",
        "wsrep_on",
    )

    @classmethod
    def show_variables(cls) -> Statement:
        """Read the variables that matter: one question for all, since what a version does not have is missing from the answer and no error."""
        names = cls._variables
        return Statement("SHOW GLOBAL VARIABLES WHERE Variable_name IN (%s)" % ", ".join(["%s"] * len(names)), names)

    @abstractmethod
    def select_gtids(self) -> Statement:
        """Read the GTID variables, whole: C(SHOW VARIABLES) cuts them off at 1,024 characters."""

    @abstractmethod
    def show_replica_status(self) -> Statement:
        """Read the status of every channel, a row each."""

    def select_auto_failover(self) -> t.Optional[Statement]:
        """Read of every channel whether it chooses another source by itself; C(None) where a server never does."""
        return None

    def count_pending_stops(self) -> t.Optional[Statement]:
        """Count those who wait for a receiver to stop; C(None) where one that tries to connect stops at once, or nearly so."""
        return None

    @abstractmethod
    def column(self, row: Row, name: str) -> t.Any:
        """Return a column of the replica status by its newest MySQL name; C(None) where this server has no such column."""

    @abstractmethod
    def show_binary_log_status(self) -> Statement:
        """Read file and position of the binary log."""

    def show_binary_logs(self) -> Statement:
        """Read the names of the binary log files, the oldest first."""
        return Statement("SHOW BINARY LOGS")

    def show_first_events(self, file: str) -> Statement:
        """Read how a binary log file begins: the second or third event says, in the column C(Info), what all files before it hold."""
        return Statement("SHOW BINLOG EVENTS IN %s LIMIT 3", (file,))

    @abstractmethod
    def expect_binary_log(self) -> Statement:
        """Tell the server that this connection understands all that its binary log holds."""

    def select_read_only(self) -> Statement:
        """Read back whether ordinary users can write."""
        return Statement("SELECT @@GLOBAL.read_only AS read_only")

    def show_processlist(self) -> Statement:
        """Read all connections."""
        return Statement("SELECT ID, USER, HOST, COMMAND, TIME, STATE FROM information_schema.PROCESSLIST")

    def show_open_transactions(self) -> Statement:
        """Read which connections have a transaction open that holds locks; one that only reads is in nobody's way."""
        return Statement("SELECT trx_mysql_thread_id AS ID FROM information_schema.INNODB_TRX WHERE trx_lock_structs > 0 OR trx_rows_modified > 0")

    # Threads

    @property
    def _replica(self) -> str:
        return "REPLICA"

    @abstractmethod
    def _on_channel(self, verb: str, channel: str, thread: str = "", suffix: str = "", *, timeout: t.Optional[float] = None) -> Statement:
        """Compose a statement about a channel, in the order of words of the family."""

    def start_receiver(self, channel: str = "") -> Statement:
        """Start the thread that receives from the source."""
        return self._on_channel("START", channel, "IO_THREAD")

    def stop_receiver(self, channel: str = "") -> Statement:
        """Stop the thread that receives from the source."""
        return self._on_channel("STOP", channel, "IO_THREAD", timeout=_STOP_TIMEOUT)

    def start_applier(self, channel: str = "") -> Statement:
        """Start the thread that applies what was received."""
        return self._on_channel("START", channel, "SQL_THREAD")

    def stop_applier(self, channel: str = "") -> Statement:
        """Stop the thread that applies what was received; it ends the transaction it is at."""
        return self._on_channel("STOP", channel, "SQL_THREAD", timeout=_STOP_TIMEOUT)

    def fill_gaps(self, channel: str = "") -> Statement:
        """Start the thread that applies, until nothing is missing any more before what parallel workers have applied (MySQL)."""
        return self._on_channel("START", channel, "SQL_THREAD UNTIL SQL_AFTER_MTS_GAPS")

    def start_replica(self, channel: str = "") -> Statement:
        """Start both threads."""
        return self._on_channel("START", channel)

    def stop_replica(self, channel: str = "") -> Statement:
        """Stop both threads."""
        return self._on_channel("STOP", channel, timeout=_STOP_TIMEOUT)

    def forget_source(self, channel: str = "") -> Statement:
        """Drop the replication configuration and the relay logs of a channel."""
        return self._on_channel("RESET", channel, suffix="ALL")

    @abstractmethod
    def change_source(self, source: SourceOptions, channel: str = "") -> Statement:
        """Point a channel to another source with GTID auto-positioning; what RV(source) leaves open stays as it is."""

    # Waiting

    @abstractmethod
    def wait_until_applied(self, gtids: str, seconds: int, channel: str = "") -> Statement:
        """Wait on the server until RV(gtids) are applied, at most RV(seconds) (at least 1)."""

    # Writing

    def allow_writes(self) -> t.List[Statement]:
        """Open a server for writes: the point of no return of a failover."""
        return [Statement("SET GLOBAL read_only = 0", changes=True)]

    def forbid_writes(self) -> t.List[Statement]:
        """Close a server for writes. Waits behind C(LOCK TABLES) and commits: bound it by C(lock_wait_timeout)."""
        return [Statement("SET GLOBAL read_only = 1", changes=True)]

    def limit_lock_waits(self, seconds: int) -> Statement:
        """Bound how long this connection waits for locks of tables, and so for its turn to set C(read_only) (seen: all four servers)."""
        return Statement("SET SESSION lock_wait_timeout = %s", (max(1, seconds),))

    def persist_read_only(self, read_only: bool) -> t.List[Statement]:
        """Let C(read_only) outlast a restart, whatever the option files say; nothing where the server cannot."""
        return []

    @property
    @abstractmethod
    def _kill_privilege(self) -> str:
        """What ending connections of others takes."""

    def kill(self, connection_id: int) -> Statement:
        """End a connection and roll back what it has not committed."""
        return Statement("KILL %s", (connection_id,), changes=True, needs=self._kill_privilege)

    # Events

    def ask_to_see_events(self) -> Statement:
        """Fail for want of the privilege C(EVENT): without it C(information_schema) tells of no event, as if there were none (seen: all four)."""
        return Statement("SHOW EVENTS FROM mysql", needs="EVENT")

    def show_events(self) -> Statement:
        """Read all scheduled events."""
        return Statement("SELECT EVENT_SCHEMA, EVENT_NAME, DEFINER, STATUS, ORIGINATOR FROM information_schema.EVENTS ORDER BY 1, 2")

    @property
    def _disable_event(self) -> str:
        return "DISABLE ON SLAVE"

    def alter_event(self, schema: str, name: str, definer: str, enable: bool) -> Statement:
        """Enable an event, or disable it as on a replica. The definer is named, or it would become whoever alters it."""
        user, _at, host = definer.rpartition("@")
        return Statement(
            "ALTER DEFINER = %s@%s EVENT {}.{} {}".format(_identifier(schema), _identifier(name), "ENABLE" if enable else self._disable_event),
            (user, host),
            changes=True,
        )

    def log_to_binary_log(self, enabled: bool) -> Statement:
        """Choose whether what this connection changes is replicated; what is not would be an errant transaction if it were logged."""
        return Statement("SET SESSION sql_log_bin = %s", (int(enabled),))

    # Semi-synchronous replication

    def set_semi_sync(self, variable: str, enabled: bool) -> Statement:
        """Switch one side of semi-synchronous replication; the variable is one that the server has (its plugin decides on the name)."""
        return Statement("SET GLOBAL %s = %d" % (variable, enabled), changes=True)

    # Copies

    @property
    def can_clone(self) -> bool:
        """A server can be overwritten by a copy of another from within."""
        return False

    def select_clone_plugin(self) -> Statement:
        """Ask for the plugin that clones; no row where it is not active."""
        return Statement("SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'clone' AND PLUGIN_STATUS = 'ACTIVE'")

    def install_clone_plugin(self) -> Statement:
        """Load the plugin that clones, now and at every start."""
        return Statement("INSTALL PLUGIN clone SONAME 'mysql_clone.so'", changes=True)

    def allow_donor(self, host: str, port: int) -> Statement:
        """Name the only server that may be cloned."""
        return Statement("SET GLOBAL clone_valid_donor_list = %s", ("%s:%d" % (host, port),), changes=True)

    def clone_from(self, user: str, host: str, port: int, password: Secret, seconds: float) -> Statement:
        """Replace all data by those of another server, and restart."""
        return Statement("CLONE INSTANCE FROM %s@%s:%s IDENTIFIED BY %s", (user, host, port, password), changes=True, timeout=seconds)

    def open_to_privileged(self) -> Statement:
        """Let privileged accounts write, and no other."""
        return Statement("SET GLOBAL super_read_only = 0", changes=True)

    def stay_connected(self, seconds: int) -> Statement:
        """Let the server not end this connection while nothing is sent over it."""
        return Statement("SET SESSION wait_timeout = %s", (seconds,))

    def lock_all_tables(self) -> Statement:
        """Let nothing on a server change for as long as this connection lasts."""
        return Statement("FLUSH TABLES WITH READ LOCK", timeout=60.0)

    def unlock_tables(self) -> Statement:
        """Let it change again."""
        return Statement("UNLOCK TABLES")

    def show_schemas(self) -> Statement:
        """Read the names of the databases that are not the server's own."""
        return Statement(
            "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
        )

    def drop_schema(self, name: str) -> Statement:
        """Drop a database with all that is in it."""
        return Statement("DROP DATABASE `%s`" % name.replace("`", "``"), changes=True, timeout=300.0)

    def create_schema(self, name: str) -> Statement:
        """Create a database, unless it is there."""
        return Statement("CREATE DATABASE IF NOT EXISTS `%s`" % name.replace("`", "``"), changes=True)

    def dump_options(self, knows_gtids: bool) -> t.List[str]:
        """Say what a dump takes, for the programs of both families: the server's own account of its replication is left out."""
        tables = ("gtid_slave_pos", "gtid_executed", "slave_master_info", "slave_relay_log_info", "slave_worker_info", "general_log", "slow_log")
        options = ["--routines", "--events", "--triggers", "--skip-lock-tables", "--hex-blob", "--flush-privileges"]
        options += ["--set-gtid-purged=OFF"] if knows_gtids else []
        return options + ["--ignore-table=mysql.%s" % table for table in tables]

    def load_options(self) -> t.List[str]:
        """Say how a dump is loaded: what it changes is not logged."""
        return ["--init-command=SET SESSION sql_log_bin = 0", "--binary-mode"]

    @abstractmethod
    def set_position(self, executed: str) -> t.List[Statement]:
        """Let a server whose data were replaced forget its own history, and have that of its donor."""

    # Locks

    def take_lock(self, name: str) -> Statement:
        """Take a named lock; it is held until the connection ends. A server needs a moment to notice that a killed run has gone."""
        return Statement("SELECT GET_LOCK(%s, 1) AS taken", (name,))

    def lock_holder(self, name: str) -> Statement:
        """Ask which connection holds a named lock."""
        return Statement("SELECT IS_USED_LOCK(%s) AS connection_id", (name,))


class MySQL(Flavor):
    """MySQL 5.6 and later, Percona Server included."""

    family = "mysql"
    title = "MySQL"
    oldest = (5, 6)

    # Columns of SHOW REPLICA STATUS whose old name does not follow from the rule Source -> Master, Replica -> Slave.
    _OLD_COLUMNS: t.ClassVar[t.Dict[str, str]] = {"Get_Source_public_key": "Get_master_public_key", "Network_Namespace": "Network_Namespace"}

    def set_delay(self, seconds: int, channel: str = "") -> Statement:
        """Change how late a replica applies. Its relay logs stay if its receiver runs meanwhile (seen: 9.7); 5.6 would not have that."""
        old = self.version < (8, 0, 23)
        text = "CHANGE MASTER TO MASTER_DELAY = %s" if old else "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = %s"
        values: t.Tuple[t.Any, ...] = (seconds,)
        if channel:
            text, values = text + " FOR CHANNEL %s", (seconds, channel)
        return Statement(text, values, changes=True)

    @property
    def counts_halves(self) -> bool:
        # Seen with 5.6: a primary that was killed while sending 400 MB. Later versions, and MariaDB, count only whole ones.
        return self.version < (5, 7)

    @property
    def _replica(self) -> str:
        return "REPLICA" if self.version >= (8, 0, 22) else "SLAVE"

    @property
    def _says_source(self) -> bool:
        return self.version >= (8, 0, 23)

    @property
    def has_channels(self) -> bool:
        """C(FOR CHANNEL) is understood."""
        return self.version >= (5, 7, 6)

    @property
    def has_super_read_only(self) -> bool:
        """Privileged users can be kept from writing too."""
        return self.version >= (5, 7, 8)

    def select_gtids(self) -> Statement:
        return Statement("SELECT @@GLOBAL.gtid_executed AS executed, @@GLOBAL.gtid_purged AS purged")

    def show_replica_status(self) -> Statement:
        return Statement("SHOW %s STATUS" % self._replica)

    def select_auto_failover(self) -> t.Optional[Statement]:
        if self.version < (8, 0, 22):
            return None
        # The replica status does not say it (seen: 9.7).
        return Statement(
            "SELECT CHANNEL_NAME AS Channel_Name, SOURCE_CONNECTION_AUTO_FAILOVER AS Source_Connection_Auto_Failover"
            " FROM performance_schema.replication_connection_configuration"
        )

    def column(self, row: Row, name: str) -> t.Any:
        if name in row:
            return row[name]
        return row.get(self._OLD_COLUMNS.get(name) or name.replace("Source", "Master").replace("Replica_", "Slave_"))

    def show_binary_log_status(self) -> Statement:
        return Statement("SHOW BINARY LOG STATUS" if self.version >= (8, 2) else "SHOW MASTER STATUS")

    def expect_binary_log(self) -> Statement:
        # The name is new from 8.0.26; a server does not mind the other one.
        return Statement("SET @master_binlog_checksum = @@GLOBAL.binlog_checksum, @source_binlog_checksum = @@GLOBAL.binlog_checksum")

    def _on_channel(self, verb: str, channel: str, thread: str = "", suffix: str = "", *, timeout: t.Optional[float] = None) -> Statement:
        words = [verb, self._replica, thread, suffix]
        values: t.Tuple[t.Any, ...] = ()
        if channel:
            words.append("FOR CHANNEL %s")
            values = (channel,)
        # From 8.0 on the server says itself what it takes.
        return Statement(" ".join(word for word in words if word), values, changes=True, timeout=timeout, needs="" if self.version >= (8, 0) else "SUPER")

    def change_source(self, source: SourceOptions, channel: str = "") -> Statement:
        prefix = "SOURCE" if self._says_source else "MASTER"
        settings: t.List[t.Tuple[str, t.Any]] = [
            (prefix + "_HOST", source.host),
            (prefix + "_PORT", source.port),
            (prefix + "_USER", source.user),
            (prefix + "_PASSWORD", None if source.password is None else Secret(source.password)),
            (prefix + "_SSL", _flag(source.tls)),
            (prefix + "_SSL_CA", source.ca_cert),
            (prefix + "_SSL_CERT", source.client_cert),
            (prefix + "_SSL_KEY", source.client_key),
            (prefix + "_SSL_VERIFY_SERVER_CERT", _flag(source.verify_cert)),
        ]
        if self.version >= (8, 0, 4):
            settings.append(("GET_%s_PUBLIC_KEY" % prefix, _flag(source.get_public_key)))
        settings.append((prefix + "_AUTO_POSITION", 1))
        chosen = [(name, value) for name, value in settings if value is not None]
        text = "CHANGE %s TO %s" % ("REPLICATION SOURCE" if self._says_source else "MASTER", ", ".join(name + " = %s" for name, _value in chosen))
        values = tuple(value for _name, value in chosen)
        if channel:
            text += " FOR CHANNEL %s"
            values += (channel,)
        return Statement(text, values, changes=True, timeout=_STOP_TIMEOUT)

    def wait_until_applied(self, gtids: str, seconds: int, channel: str = "") -> Statement:
        if self.version >= (5, 7, 5):
            # 0: applied, 1: time is up.
            return Statement("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s) AS waited", (gtids, seconds), timeout=seconds + _SLACK)
        # A number: applied; -1: time is up; NULL: the applier does not run.
        return Statement("SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS(%s, %s) AS waited", (gtids, seconds), timeout=seconds + _SLACK)

    def allow_writes(self) -> t.List[Statement]:
        # read_only = 0 switches super_read_only off with it (manual, "super_read_only"): one statement, one round trip, no half-open state.
        return super().allow_writes()

    def persist_read_only(self, read_only: bool) -> t.List[Statement]:
        if self.version < (8, 0):
            return []
        if read_only:
            return [Statement("SET PERSIST super_read_only = 1", changes=True)]
        return [Statement("SET PERSIST super_read_only = 0", changes=True), Statement("SET PERSIST read_only = 0", changes=True)]

    @property
    def _kill_privilege(self) -> str:
        return "CONNECTION_ADMIN, and SYSTEM_USER for connections of accounts that have it" if self.version >= (8, 0) else "SUPER"

    @property
    def can_clone(self) -> bool:
        return self.version >= (8, 0, 17)

    def set_position(self, executed: str) -> t.List[Statement]:
        reset = "RESET BINARY LOGS AND GTIDS" if self.version >= (8, 2) else "RESET MASTER"
        return [Statement(reset, changes=True, timeout=60.0), Statement("SET GLOBAL gtid_purged = %s", (executed,), changes=True)]

    @property
    def _disable_event(self) -> str:
        return "DISABLE ON REPLICA" if self.version >= (8, 2) else "DISABLE ON SLAVE"

    def forbid_writes(self) -> t.List[Statement]:
        if self.has_super_read_only:
            # It switches read_only on with it.
            return [Statement("SET GLOBAL super_read_only = 1", changes=True)]
        return super().forbid_writes()


class MariaDB(Flavor):
    """MariaDB 10.5 and later."""

    family = "mariadb"
    title = "MariaDB"
    oldest = (10, 5)

    # What this family calls differently, or tells by another column.
    _COLUMNS: t.ClassVar[t.Dict[str, str]] = {"Channel_Name": "Connection_name", "Retrieved_Gtid_Set": "Gtid_IO_Pos", "Auto_Position": "Using_Gtid"}

    @property
    def _kill_privilege(self) -> str:
        return "CONNECTION ADMIN"

    def select_gtids(self) -> Statement:
        return Statement("SELECT @@GLOBAL.gtid_binlog_state AS binlog_state, @@GLOBAL.gtid_slave_pos AS slave_pos, @@GLOBAL.gtid_binlog_pos AS binlog_pos")

    def show_replica_status(self) -> Statement:
        return Statement("SHOW ALL SLAVES STATUS")

    def count_pending_stops(self) -> t.Optional[Statement]:
        # One that connects to a host that is off cannot be interrupted (seen: 11.8; not 10.11): its STOP takes as long as slave_net_timeout.
        return Statement("SELECT COUNT(*) AS Pending_Stops FROM information_schema.PROCESSLIST WHERE STATE = 'Killing slave'")

    def column(self, row: Row, name: str) -> t.Any:
        return row.get(self._COLUMNS.get(name) or name.replace("Source", "Master").replace("Replica_", "Slave_"))

    def show_binary_log_status(self) -> Statement:
        return Statement("SHOW MASTER STATUS")

    def expect_binary_log(self) -> Statement:
        # 4 is MARIA_SLAVE_CAPABILITY_GTID: without it GTID events are replaced by BEGIN (source of MariaDB: sql_repl.cc).
        return Statement("SET @master_binlog_checksum = @@GLOBAL.binlog_checksum, @mariadb_slave_capability = 4")

    def _on_channel(self, verb: str, channel: str, thread: str = "", suffix: str = "", *, timeout: t.Optional[float] = None) -> Statement:
        words = [verb, self._replica, "%s" if channel else "", thread, suffix]
        return Statement(" ".join(word for word in words if word), (channel,) if channel else (), changes=True, timeout=timeout)

    def change_source(self, source: SourceOptions, channel: str = "") -> Statement:
        settings: t.List[t.Tuple[str, t.Any]] = [
            ("MASTER_HOST", source.host),
            ("MASTER_PORT", source.port),
            ("MASTER_USER", source.user),
            ("MASTER_PASSWORD", None if source.password is None else Secret(source.password)),
            ("MASTER_SSL", _flag(source.tls)),
            ("MASTER_SSL_CA", source.ca_cert),
            ("MASTER_SSL_CERT", source.client_cert),
            ("MASTER_SSL_KEY", source.client_key),
            ("MASTER_SSL_VERIFY_SERVER_CERT", _flag(source.verify_cert)),
        ]
        chosen = [(name, value) for name, value in settings if value is not None]
        # Keywords, not values: they cannot be quoted. A former primary has no gtid_slave_pos that says what it has (manual, "CHANGE MASTER TO").
        position = "slave_pos"
        if source.demote:
            position = "slave_pos, MASTER_DEMOTE_TO_SLAVE = 1" if self.version >= (10, 10) else "current_pos"
        words = [*(name + " = %s" for name, _value in chosen), "MASTER_USE_GTID = " + position]
        return self._change_master(", ".join(words), tuple(value for _name, value in chosen), channel)

    @staticmethod
    def select_places_of_files() -> Statement:
        """Read where a server keeps its files; a path that begins with no slash is one in its data directory."""
        return Statement(
            "SELECT @@datadir AS datadir, @@pid_file AS pid_file, @@innodb_data_home_dir AS innodb_data_home_dir,"
            " @@innodb_data_file_path AS innodb_data_file_path, @@innodb_log_group_home_dir AS innodb_log_group_home_dir,"
            " @@innodb_undo_directory AS innodb_undo_directory, @@aria_log_dir_path AS aria_log_dir_path"
        )

    # Relay logs

    # Stands in Master_Log_File while relay logs are applied by position. It tells a later run what was going on, and keeps a receiver
    # that somebody starts meanwhile from fetching anything: no source has such a file.
    APPLYING_RELAY_LOGS = "dbha.mysql.applying-relay-logs"

    def show_relay_log_events(self, file: str, position: int, limit: int, channel: str = "") -> Statement:
        """Read events of a relay log; messages in English, because only their text tells one failure from another."""
        return Statement("SET STATEMENT lc_messages = 'en_US' FOR SHOW RELAYLOG %s EVENTS IN %s FROM %s LIMIT %s", (channel, file, position, limit))

    def keep_relay_logs(self, file: str, position: int, channel: str = "", *, at_once: bool = False) -> Statement:
        """Make the next start of the applier begin at this event of the relay logs, instead of throwing them away as it does in GTID mode.

        RV(at_once): without the replica's delay.
        """
        return self._change_master(
            "MASTER_USE_GTID = no, MASTER_LOG_FILE = %s, MASTER_LOG_POS = 4, RELAY_LOG_FILE = %s, RELAY_LOG_POS = %s"
            + (", MASTER_DELAY = 0" if at_once else ""),
            (self.APPLYING_RELAY_LOGS, file, position),
            channel,
        )

    def put_relay_logs_back(self, file: str, position: int, source_file: str, source_position: int, channel: str = "") -> Statement:
        """Go back to GTID mode with relay logs that are not applied; what it is told of the source's file is only shown."""
        return self._change_master(
            "MASTER_USE_GTID = slave_pos, MASTER_LOG_FILE = %s, MASTER_LOG_POS = %s, RELAY_LOG_FILE = %s, RELAY_LOG_POS = %s",
            (source_file, source_position, file, position),
            channel,
        )

    def use_gtid(self, channel: str = "", delay: int = 0) -> Statement:
        """Go back to GTID mode after the relay logs are applied, and to a delay that was lifted; it deletes them."""
        if delay:
            return self._change_master("MASTER_USE_GTID = slave_pos, MASTER_DELAY = %s", (delay,), channel)
        return self._change_master("MASTER_USE_GTID = slave_pos", (), channel)

    def _change_master(self, settings: str, values: t.Tuple[t.Any, ...], channel: str) -> Statement:
        text = "CHANGE MASTER %s" % ("%s TO " if channel else "TO ") + settings
        return Statement(text, ((channel,) if channel else ()) + values, changes=True, timeout=_STOP_TIMEOUT)

    def set_position(self, executed: str) -> t.List[Statement]:
        return [Statement("RESET MASTER", changes=True, timeout=60.0), self.count_as_replicated(executed)]

    def count_as_replicated(self, position: str) -> Statement:
        """Say up to where a replica has applied what its source has, both threads being stopped."""
        return Statement("SET GLOBAL gtid_slave_pos = %s", (position,), changes=True)

    def wait_until_applied(self, gtids: str, seconds: int, channel: str = "") -> Statement:
        # 0: applied, -1: time is up. It looks at gtid_slave_pos only (source of MariaDB: rpl_gtid.cc).
        return Statement("SELECT MASTER_GTID_WAIT(%s, %s) AS waited", (gtids, seconds), timeout=seconds + _SLACK)


def _identifier(name: str) -> str:
    """Quote a name as the servers do; percent signs are doubled, for the driver replaces single ones."""
    return "`%s`" % name.replace("`", "``").replace("%", "%%")


def _flag(value: t.Optional[bool]) -> t.Optional[int]:
    return None if value is None else int(value)
