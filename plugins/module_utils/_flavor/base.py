# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What can be said to servers of both families: the statements that are the same, and the names of those that are not."""

from __future__ import annotations

import re
import typing as t
from abc import ABC, abstractmethod
from functools import lru_cache

from ansible_collections.dbha.mysql.plugins.module_utils._flavor import unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.channel import ChannelSettings, read_settings, say_settings
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import as_text
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Secret, Statement
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row

Version = t.Tuple[int, ...]

# Seconds that a statement may take beyond what it was told to wait for on the server.
SLACK = 5.0
# STOP REPLICA waits for the transaction that is being applied; what is longer than this is reported, not waited for.
STOP_TIMEOUT = 20.0
# Seconds after which show_open_transactions() is worth repeating: InnoDB answers from a buffer that it fills anew only when nobody has read it
# for 0.1 s (manual of MySQL, "Persistence and Consistency of InnoDB Transaction and Locking Information"; seen: all four servers).
TRANSACTIONS_REFRESH = 0.15
# Seconds that a trial of writing waits for a lock: MySQL takes no less than one.
TRIAL_SECONDS = 1
# Seconds that a connection of ours may wait for a lock of tables, where nothing shorter is said: the default of both vendors.
LONGEST_LOCK_WAIT = 86400


class UnsupportedVersion(Exception):
    """A server whose statements are not known here."""


@dataclass(frozen=True)
class SourceOptions:
    """What a replica is told about its source. ``None`` leaves a setting as the replica has it."""

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
    # What else a channel is told that is made anew.
    more: ChannelSettings = ()
    # The server was a primary until now: what it wrote itself counts as its position.
    demote: bool = False


def parse_version(text: str) -> Version:
    """Return the numbers of ``VERSION()`` as a tuple: ``'8.0.36-28'`` gives ``(8, 0, 36)``.

    MariaDB before 11 prefixes ``5.5.5-`` in its greeting, so that old replicas accept it.
    Raises ``UnsupportedVersion`` for text without such numbers.
    """
    match = re.match(r"(?:5\.5\.5-(?=\d))?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?", text, re.ASCII)
    if not match:
        raise UnsupportedVersion("%r is not a version of MySQL or MariaDB" % text[:100])
    return tuple(int(part) for part in match.groups() if part is not None)


class Flavor(ABC):
    """One family of servers at one version. Statements of a replication channel take its name; ``''`` is the default one."""

    family: t.ClassVar[str]
    title: t.ClassVar[str]
    oldest: t.ClassVar[Version]

    def __init__(self, version: Version) -> None:
        self.version = version

    @property
    def counts_halves(self) -> bool:
        """Whether a transaction is said to be received as soon as its first event is."""
        return False

    # Stopping the applier waits for the rest of a transaction of which only a part has arrived.
    waits_for_rest: t.ClassVar[bool] = False

    # Relay logs

    # Starting one thread of a replica while both are stopped throws its relay logs away.
    forgets_relay_logs: t.ClassVar[bool] = False

    @classmethod
    def applies_relay_logs(cls, source_file: str) -> bool:
        """Whether this name of the source's file says that relay logs are applied by position."""
        return False

    @classmethod
    def lifted_delay(cls, source_file: str) -> int:
        """Return the delay (seconds) that was lifted meanwhile, as this name says; 0 if none was."""
        return 0

    # Reading

    # Renamed ones by both names. Some are asked for by the only name that those servers have for which they are read:
    # slave_parallel_workers of MySQL 5.6, slave_net_timeout of MariaDB.
    _variables: t.ClassVar[t.Tuple[str, ...]] = (
        "version",
        "server_id",
        "server_uuid",
        "read_only",
        "super_read_only",
        "log_bin",
        "log_slave_updates",
        "log_replica_updates",
        "gtid_mode",
        "event_scheduler",
        "slave_net_timeout",
        "slave_parallel_workers",
        "rpl_semi_sync_master_enabled",
        "rpl_semi_sync_master_wait_for_slave_count",
        "rpl_semi_sync_slave_enabled",
        "rpl_semi_sync_source_enabled",
        "rpl_semi_sync_source_wait_for_replica_count",
        "rpl_semi_sync_replica_enabled",
        # What keeps clients out or from writing, whatever read_only says.
        "offline_mode",
        "transaction_read_only",
        "tx_read_only",
        "innodb_read_only",
        "innodb_force_recovery",
        # What lets a replica have the GTID of a transaction and not its rows. Whichever of two names a server has, both have the same value.
        "replica_exec_mode",
        "replica_skip_errors",
        "slave_exec_mode",
        "slave_skip_errors",
        "replicate_events_marked_for_skip",
        # What shows that something else than replication holds the cluster together.
        "wsrep_on",
        "group_replication_group_name",
    )

    @classmethod
    def show_variables(cls) -> Statement:
        """Read the variables that matter: one question for all, since what a version does not have is missing from the answer and no error."""
        names = cls._variables
        return Statement("SHOW GLOBAL VARIABLES WHERE Variable_name IN (%s)" % ", ".join(["%s"] * len(names)), names)

    # What only a report of readiness asks for.
    _settings: t.ClassVar[t.Tuple[str, ...]] = (
        "binlog_expire_logs_seconds",
        "binlog_format",
        "character_set_server",
        "collation_server",
        "datadir",
        "event_scheduler",
        "expire_logs_days",
        "gtid_domain_id",
        "gtid_strict_mode",
        "innodb_flush_log_at_trx_commit",
        "log_bin_basename",
        "lower_case_table_names",
        "max_allowed_packet",
        "max_connections",
        "relay_log_basename",
        "relay_log_recovery",
        "replica_net_timeout",
        "skip_name_resolve",
        "slave_net_timeout",
        "sql_mode",
        "sql_require_primary_key",
        "sync_binlog",
        "time_zone",
        "tmpdir",
    )

    @classmethod
    def show_settings(cls) -> Statement:
        """Read how a server is set up, as far as that decides how a failover goes."""
        names = cls._settings
        return Statement("SHOW GLOBAL VARIABLES WHERE Variable_name IN (%s)" % ", ".join(["%s"] * len(names)), names)

    def show_connection_count(self) -> Statement:
        """Read how many clients are connected."""
        return Statement("SHOW GLOBAL STATUS LIKE 'Threads_connected'")

    def select_utc_offset(self) -> Statement:
        """Read how many minutes the clock is ahead of UTC, for those who have set no time zone of their own."""
        return Statement("SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW()) AS minutes")

    def select_next_read_only(self) -> t.Optional[Statement]:
        """Read where ``read_only`` comes from, as rows of ``origin``, ``value`` and ``path`` (of a file); ``None`` where a server does not say that.

        ``persisted``: what goes before option files at the next start. ``start``: it is as it was at the last one. Anything else: somebody has set it since.
        """
        return None

    def select_disks(self) -> t.Optional[Statement]:
        """Read which disks there are: where each is mounted, and its KiB in all and available; ``None`` where no server of this family says that."""
        return None

    def show_registered_replicas(self) -> Statement:
        """Read which replicas have introduced themselves to a server, in the column ``Server_id``."""
        return Statement("SHOW SLAVE HOSTS")

    def show_dump_connections(self) -> Statement:
        """Read from which hosts the binary log is read at this moment; only one's own connections without the privilege ``PROCESS``."""
        return Statement(
            "SELECT HOST FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Binlog Dump', 'Binlog Dump GTID')", instead=unreadable.DUMP_CONNECTIONS
        )

    def select_accounts(self, users: Collection[str]) -> Statement:
        """Read from where these users, and those without a name, are let in, and from where we are, for accounts that may read that."""
        text = (
            "SELECT User AS user, Host AS host, ssl_type AS tls, %s AS locked, SUBSTRING_INDEX(USER(), '@', -1) AS client FROM mysql.user WHERE User IN (%s)%s"
        )
        locked, more = self._of_accounts
        names = sorted({"", *users})
        return Statement(text % (locked, ", ".join(["%s"] * len(names)), more), tuple(names))

    @property
    @abstractmethod
    def _of_accounts(self) -> t.Tuple[str, str]:
        """How a row of ``mysql.user`` says that an account is locked, and which rows are none of an account."""

    @property
    def takes_cidr(self) -> bool:
        """Whether the host of an account may be a network as in 192.0.2.0/24. Then one address goes before such a network, and that before a netmask."""
        return False

    @property
    def persists(self) -> bool:
        """Whether a statement can change a variable so that it outlasts a restart."""
        return False

    @abstractmethod
    def select_gtids(self) -> Statement:
        """Read the GTID variables, whole: ``SHOW VARIABLES`` cuts them off at 1,024 characters."""

    def select_again(self, names: Collection[str]) -> Statement:
        """Read the GTID variables, and others by name that the server has been found to have, for one that it has not is an error.

        To list all its variables takes a server longer than everything else in a look: 0.5 ms (seen: 10.11), 1.6 ms (9.7), where this takes 0.1 ms.
        """
        more = ["@@GLOBAL.%s AS %s" % (name, name) for name in self._variables if name in names]
        return Statement(", ".join([self.select_gtids().text, *more]))

    @abstractmethod
    def show_replica_status(self) -> Statement:
        """Read the status of every channel, a row each."""

    def select_channels(self) -> t.Sequence[Statement]:
        """Read of every channel what its replica status does not say; one after the other is tried, until the account may."""
        return ()

    def select_worker_errors(self) -> t.Optional[Statement]:
        """Read what parallel workers have failed with, the first one first; ``None`` where the replica status says that itself."""
        return None

    def settings_of_channel(self, row: Row) -> ChannelSettings:
        """Return what a channel is told besides its source and its login, as the replica status shows it."""
        return read_settings(self.family, self.version, lambda name: as_text(self.column(row, name)))

    def _say_more(self, source: SourceOptions, prefix: str) -> t.List[t.Tuple[str, t.Tuple[t.Any, ...]]]:
        """Return what else a channel is told, with the values apart."""
        return list(say_settings(self.family, self.version, prefix, source.more))

    def count_pending_stops(self) -> t.Optional[Statement]:
        """Count those who wait for a receiver to stop; ``None`` where one that tries to connect stops at once, or nearly so."""
        return None

    @abstractmethod
    def column(self, row: Row, name: str) -> t.Any:
        """Return a column of the replica status by its newest MySQL name; ``None`` where this server has no such column."""

    @abstractmethod
    def show_binary_log_status(self) -> Statement:
        """Read file and position of the binary log."""

    def show_binary_logs(self) -> Statement:
        """Read the names of the binary log files, the oldest first."""
        return Statement("SHOW BINARY LOGS")

    def show_first_events(self, file: str, number: int = 3) -> Statement:
        """Read how a binary log file begins: the second or third event says, in the column ``Info``, what all files before it hold."""
        return Statement("SHOW BINLOG EVENTS IN %s LIMIT %s", (file, number))

    def show_event_at(self, file: str, position: int) -> Statement:
        """Read the event of a binary log file that begins there; where none does, that is an error (1220)."""
        return Statement("SHOW BINLOG EVENTS IN %s FROM %s LIMIT 1", (file, position))

    def take_names_as_bytes(self) -> t.Optional[Statement]:
        """Let this connection name files whose names are not UTF-8; ``None`` where no statement can (MariaDB refuses them or converts them; seen: 10.11)."""
        return None

    def show_session(self, names: t.Sequence[str]) -> Statement:
        """Read what this connection has of these variables; one that the version does not have is not there."""
        return Statement("SHOW SESSION VARIABLES WHERE Variable_name IN (%s)" % ", ".join(["%s"] * len(names)), tuple(names))

    def show_collations(self) -> Statement:
        """Ask what collations are called, and whose they are: in binary logs they are numbers."""
        return Statement("SELECT ID, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLLATIONS")

    @abstractmethod
    def go_on_after(self, position: str) -> t.Optional[Statement]:
        """Say after which GTIDs the binary log is to be read on this connection; ``None`` where the request itself says that."""

    @abstractmethod
    def expect_binary_log(self) -> Statement:
        """Tell the server that this connection understands all that its binary log holds."""

    def select_read_only(self) -> Statement:
        """Read back whether ordinary users can write."""
        return Statement("SELECT @@GLOBAL.read_only AS read_only")

    def show_processlist(self) -> Statement:
        """Read all connections."""
        return Statement("SELECT ID, USER, HOST, COMMAND, TIME, STATE FROM information_schema.PROCESSLIST", instead=unreadable.PROCESSES)

    def count_group_appliers(self) -> Statement:
        """Count the threads that only an online member of a replication group has (seen: 9.7). The tables of the group take a privilege of their own."""
        return Statement(
            "SELECT COUNT(*) AS appliers FROM information_schema.PROCESSLIST WHERE USER = 'system user' AND INFO = %s",
            (unreadable.GROUP_APPLIER,),
            instead=unreadable.GROUP_APPLIERS,
        )

    def show_open_transactions(self) -> Statement:
        """Read which connections have a transaction open that holds locks; one that only reads is in nobody's way.

        A prepared transaction (XA) whose client is gone has the number 0 (seen: 10.11, 9.7): no connection could end it, and replicas have it, too.
        """
        return Statement(
            "SELECT trx_mysql_thread_id AS ID FROM information_schema.INNODB_TRX"
            " WHERE trx_mysql_thread_id > 0 AND (trx_lock_structs > 0 OR trx_rows_modified > 0)",
            instead=unreadable.OPEN_TRANSACTIONS,
        )

    def show_lock_waits(self) -> Statement:
        """Read which connections wait for rows that another one has locked."""
        return Statement("SELECT trx_mysql_thread_id AS ID FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'", instead=unreadable.LOCK_WAITS)

    def show_lock_holders(self) -> t.Optional[Statement]:
        """Read which connections hold locks of tables, or of the whole server; ``None`` where no server says that to everybody."""
        return None

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
        return self._on_channel("STOP", channel, "IO_THREAD", timeout=STOP_TIMEOUT)

    def start_applier(self, channel: str = "") -> Statement:
        """Start the thread that applies what was received."""
        return self._on_channel("START", channel, "SQL_THREAD")

    def stop_applier(self, channel: str = "") -> Statement:
        """Stop the thread that applies what was received; it ends the transaction it is at."""
        return self._on_channel("STOP", channel, "SQL_THREAD", timeout=STOP_TIMEOUT)

    def fill_gaps(self, channel: str = "") -> Statement:
        """Start the thread that applies, until nothing is missing any more before what parallel workers have applied (MySQL)."""
        return self._on_channel("START", channel, "SQL_THREAD UNTIL SQL_AFTER_MTS_GAPS")

    def start_replica(self, channel: str = "") -> Statement:
        """Start both threads."""
        return self._on_channel("START", channel)

    def stop_replica(self, channel: str = "") -> Statement:
        """Stop both threads."""
        return self._on_channel("STOP", channel, timeout=STOP_TIMEOUT)

    def forget_source(self, channel: str = "") -> Statement:
        """Drop the replication configuration and the relay logs of a channel."""
        return self._on_channel("RESET", channel, suffix="ALL")

    @abstractmethod
    def change_source(self, source: SourceOptions, channel: str = "") -> Statement:
        """Point a channel to another source with GTID auto-positioning; what ``source`` leaves open stays as it is."""

    def set_delay(self, seconds: int, channel: str = "") -> t.Optional[Statement]:
        """Change how late a replica applies, its relay logs staying as they are; ``None`` where they would not."""
        return None

    # Waiting

    @abstractmethod
    def wait_until_applied(self, gtids: str, seconds: int, channel: str = "") -> Statement:
        """Wait on the server until ``gtids`` are applied, at most ``seconds`` (at least 1)."""

    # Writing

    def allow_writes(self) -> t.List[Statement]:
        """Open a server for writes: the point of no return of a failover.

        In MySQL it switches ``super_read_only`` off with it (manual, "super_read_only"): one statement, no half-open state.
        """
        return [Statement("SET GLOBAL read_only = 0", changes=True)]

    def forbid_writes(self) -> t.List[Statement]:
        """Close a server for writes. Waits behind ``LOCK TABLES`` and commits: bound it by ``lock_wait_timeout``."""
        return [Statement("SET GLOBAL read_only = 1", changes=True)]

    def limit_lock_waits(self, seconds: int) -> Statement:
        """Bound how long this connection waits for locks of tables, and so for its turn to set ``read_only`` (seen: all four servers)."""
        return Statement("SET SESSION lock_wait_timeout = %s", (max(1, seconds),))

    def limit_trial(self) -> t.Optional[Statement]:
        """Bound how long ``try_to_write`` waits; ``None`` where it says so itself."""
        return Statement("SET SESSION lock_wait_timeout = %s", (TRIAL_SECONDS,))

    def end_trial(self) -> t.Optional[Statement]:
        """Let this connection wait for locks as before; ``None`` where nothing has changed that."""
        return Statement("SET SESSION lock_wait_timeout = %s", (LONGEST_LOCK_WAIT,))

    def try_to_write(self) -> Statement:
        """Do what every write has to do first, and change nothing: alter an event that is not there.

        Waits as a write would behind ``FLUSH TABLES WITH READ LOCK``, ``BACKUP STAGE BLOCK_DDL`` and ``BLOCK_COMMIT``, and ``LOCK INSTANCE FOR
        BACKUP``, also on a server that is read-only: only then it fails with 1539, or where that forbids even us to write with 1290 (seen: 10.11,
        11.8, 5.6, 9.7).
        """
        return Statement("ALTER EVENT mysql.`dbha.mysql trial` DISABLE")

    @classmethod
    def show_grants(cls) -> Statement:
        """Read what this account may do, by itself and by its roles, as far as they are active."""
        return Statement("SHOW GRANTS")

    def show_own_account(self) -> t.Optional[Statement]:
        """Read what a login as this account takes; ``None`` where its grants say that."""
        return None

    def persist_read_only(self, read_only: bool) -> t.List[Statement]:
        """Let ``read_only`` outlast a restart, whatever the option files say; nothing where the server cannot."""
        return []

    def close_at_next_start(self) -> t.List[Statement]:
        """Let a server that takes writes be read-only after its next start; nothing where it cannot be told that."""
        return []

    @property
    @abstractmethod
    def _kill_privilege(self) -> str:
        """What ending connections of others takes."""

    def kill(self, connection_id: int) -> Statement:
        """End a connection and roll back what it has not committed."""
        return Statement("KILL %s", (connection_id,), changes=True, needs=self._kill_privilege)

    # The journal of a cluster

    def prepare_journal(self) -> Statement:
        """Let this connection wait for nobody, and let what it writes be replicated, whatever the server's defaults are."""
        return Statement("SET SESSION sql_log_bin = 1, SESSION lock_wait_timeout = %s, SESSION innodb_lock_wait_timeout = %s", (TRIAL_SECONDS, TRIAL_SECONDS))

    def use_journal(self) -> Statement:
        """Let what this connection writes count as written in this database, which is what filters go by: else a replica could get a part of it."""
        return Statement("USE dbha_mysql")

    def create_journal(self) -> t.List[Statement]:
        """Make the table that holds what has happened to a cluster, unless it is there. The names of servers may be as long as those in inventories."""
        return [
            Statement("CREATE DATABASE IF NOT EXISTS dbha_mysql", changes=True, needs="CREATE ON dbha_mysql.*"),
            Statement(
                "CREATE TABLE IF NOT EXISTS dbha_mysql.journal (id CHAR(32) CHARACTER SET ascii NOT NULL PRIMARY KEY, at DATETIME NOT NULL,"
                " event VARCHAR(16) NOT NULL, old_primary VARCHAR(255) NOT NULL, new_primary VARCHAR(255) NOT NULL, why TEXT NOT NULL,"
                " run_by VARCHAR(255) NOT NULL, gtids MEDIUMTEXT NOT NULL, seconds DOUBLE NOT NULL, lost MEDIUMTEXT NOT NULL)"
                " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4",
                changes=True,
                needs="CREATE ON dbha_mysql.*",
            ),
        ]

    def write_journal(self, row: Mapping[str, t.Union[str, float]]) -> Statement:
        """Write a row, given by its columns; one that is there is an error (1062)."""
        names = ("id", "event", "old_primary", "new_primary", "why", "run_by", "gtids", "seconds", "lost")
        return Statement(
            "INSERT INTO dbha_mysql.journal (id, at, event, old_primary, new_primary, why, run_by, gtids, seconds, lost)"
            " VALUES (%s, UTC_TIMESTAMP(), %s, %s, %s, %s, %s, %s, %s, %s)",
            tuple(row[name] for name in names),
            changes=True,
            needs="INSERT ON dbha_mysql.*",
            # What is in it, times above all, is different each time.
            shown="INSERT INTO dbha_mysql.journal (id, at, event, old_primary, new_primary, why, run_by, gtids, seconds, lost) VALUES (…)",
        )

    def show_journal(self, number: int, event: str = "%") -> Statement:
        """Read the rows that were written last, all or of one kind. Their age is told by the server's own clock, whose time they have."""
        return Statement(
            "SELECT id, DATE_FORMAT(at, '%%Y-%%m-%%d %%H:%%i:%%s') AS at, GREATEST(0, TIMESTAMPDIFF(SECOND, at, UTC_TIMESTAMP())) AS age,"
            " event, old_primary, new_primary, why, run_by, gtids, seconds, lost FROM dbha_mysql.journal WHERE event LIKE %s"
            " ORDER BY journal.at DESC, id LIMIT %s",
            (event, number),
            needs="SELECT ON dbha_mysql.*",
        )

    # Events

    def ask_to_see_events(self) -> Statement:
        """Fail for want of the privilege ``EVENT``: without it ``information_schema`` tells of no event, as if there were none (seen: all four)."""
        return Statement("SHOW EVENTS FROM mysql", needs="EVENT")

    def show_events(self) -> Statement:
        """Read all scheduled events."""
        return Statement(
            "SELECT EVENT_SCHEMA, EVENT_NAME, DEFINER, STATUS, ORIGINATOR, CHARACTER_SET_CLIENT, COLLATION_CONNECTION"
            " FROM information_schema.EVENTS ORDER BY 1, 2"
        )

    def say_in(self, character_set: str, collation: str) -> Statement:
        """Let this connection talk in another character set. An altered event is left with that of whoever alters it, and its text read in it."""
        return Statement("SET SESSION character_set_client = %s, SESSION collation_connection = %s", (character_set, collation))

    def say_in_utf8(self) -> Statement:
        """Let this connection talk as it did when it was opened."""
        return Statement("SET NAMES utf8mb4")

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

    def select_clone_trust(self) -> Statement:
        """Read whose certificates a server trusts when it clones. With one, it logs in to no donor that it cannot verify (seen: 9.7); else to any."""
        return Statement("SELECT @@GLOBAL.clone_ssl_ca AS ca")

    def allow_donor(self, host: str, port: int) -> Statement:
        """Name the only server that may be cloned."""
        return Statement("SET GLOBAL clone_valid_donor_list = %s", ("%s:%d" % (host, port),), changes=True)

    def clone_from(self, user: str, host: str, port: int, password: Secret, seconds: float) -> Statement:
        """Replace all data by those of another server, and restart."""
        return Statement("CLONE INSTANCE FROM %s@%s:%s IDENTIFIED BY %s", (user, host, port, password), changes=True, timeout=seconds)

    def open_to_privileged(self) -> Statement:
        """Let privileged accounts write, and no other."""
        return Statement("SET GLOBAL super_read_only = 0", changes=True)

    def show_uptime(self) -> Statement:
        """Read for how many seconds the server has run."""
        return Statement("SHOW GLOBAL STATUS LIKE 'Uptime'")

    def stay_connected(self, seconds: int, *, trying: bool = False) -> Statement:
        """Let the server end this connection once nothing has been sent over it for that long, and not before.

        :arg trying: ``try_to_write`` comes next, and ``end_trial``.
        """
        return Statement("SET SESSION wait_timeout = %s, SESSION lock_wait_timeout = %s", (seconds, TRIAL_SECONDS if trying else LONGEST_LOCK_WAIT))

    def lock_all_tables(self) -> Statement:
        """Let nothing on a server change for as long as this connection lasts."""
        return Statement("FLUSH TABLES WITH READ LOCK", timeout=60.0)

    def unlock_tables(self) -> Statement:
        """Let it change again."""
        return Statement("UNLOCK TABLES")

    def show_schemas(self) -> Statement:
        """Read the names of the databases that are not the server's own, nor directories that are no databases, as lost+found."""
        return Statement(
            "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT LIKE '#mysql50#%'"
            " AND SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
        )

    def drop_schema(self, name: str) -> Statement:
        """Drop a database with all that is in it."""
        return Statement("DROP DATABASE `%s`" % name.replace("`", "``"), changes=True, timeout=300.0)

    def create_schema(self, name: str) -> Statement:
        """Create a database, unless it is there."""
        return Statement("CREATE DATABASE IF NOT EXISTS `%s`" % name.replace("`", "``"), changes=True)

    def prepare_to_read(self) -> t.List[Statement]:
        """Let what this connection reads be printed the same on every server, and take as long as it takes."""
        return [Statement("SET SESSION time_zone = '+00:00', SESSION sql_mode = ''")]

    def select_cutting_defaults(self) -> Statement:
        """Read which globals would cut short what a program reads whose session they begin: ``1`` for each that would."""
        return Statement("SELECT %s" % ", ".join("%s AS %s" % each for each in self._cutting_defaults()))

    def _cutting_defaults(self) -> t.List[t.Tuple[str, str]]:
        return [("@@GLOBAL.sql_select_limit < 18446744073709551615", "sql_select_limit"), ("NOT @@GLOBAL.sql_big_selects", "max_join_size")]

    @property
    def casts_to_float(self) -> bool:
        """Whether the server can cast to FLOAT."""
        return True

    @property
    def loads_history(self) -> bool:
        """Whether the history of a system-versioned table can be loaded."""
        return False

    def try_to_replace(self) -> t.List[Statement]:
        """Fail for want of a privilege that replacing all data takes, or else change nothing (seen: 10.11, 11.8, 5.6, 9.7)."""
        return [
            self.log_to_binary_log(False),
            Statement("CREATE DATABASE IF NOT EXISTS mysql", needs="CREATE"),
            Statement("DROP DATABASE IF EXISTS dbha_copy_trial", needs="DROP"),
            Statement("FLUSH LOCAL ERROR LOGS", needs="RELOAD"),
        ]

    @abstractmethod
    def try_to_set_position(self) -> Statement:
        """Fail for want of the privilege to set what a server has executed, or for another reason, or else change nothing."""

    @abstractmethod
    def set_position(self, executed: str) -> t.List[Statement]:
        """Let a server whose data were replaced forget its own history, and have that of its donor."""

    # Locks

    def take_lock(self, name: str) -> Statement:
        """Take a named lock; it is held until the connection ends. A server needs a moment to notice that a killed run has gone."""
        return Statement("SELECT GET_LOCK(%s, 1) AS taken", (name,))

    def take_first_lock(self, name: str, second: str) -> Statement:
        """Take a named lock, and ask which connection holds a second one by then: columns are evaluated from left to right."""
        return Statement("SELECT GET_LOCK(%s, 1) AS taken, IS_USED_LOCK(%s) AS second", (name, second))

    def release_lock(self, name: str) -> Statement:
        """Let go of a named lock that this connection holds."""
        return Statement("SELECT RELEASE_LOCK(%s) AS released", (name,))

    def holds_lock(self, name: str) -> Statement:
        """Ask whether this very connection holds a named lock: one that was replaced has lost it (``NULL`` where nobody has it)."""
        return Statement("SELECT IS_USED_LOCK(%s) = CONNECTION_ID() AS held", (name,))

    def lock_holder(self, name: str) -> Statement:
        """Ask which connection holds a named lock."""
        return Statement("SELECT IS_USED_LOCK(%s) AS connection_id", (name,))

    def select_pulse(self, name: str) -> Statement:
        """Ask what a watcher asks each second: whether a server is read-only, and which connection holds a named lock."""
        return Statement("SELECT @@GLOBAL.read_only AS read_only, IS_USED_LOCK(%s) AS connection_id", (name,))


def _identifier(name: str) -> str:
    """Quote a name as the servers do; percent signs are doubled, for the driver replaces single ones."""
    return "`%s`" % name.replace("`", "``").replace("%", "%%")


def flag(value: t.Optional[bool]) -> t.Optional[int]:
    return None if value is None else int(value)


@lru_cache(maxsize=256)
def older_name(column: str) -> str:
    """Name a column of the replica status as it was called before there were sources and replicas."""
    return column.replace("Source", "Master").replace("Replica_", "Slave_")
