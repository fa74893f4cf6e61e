# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What MariaDB says in its own way, by version."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.base import SLACK, STOP_TIMEOUT, TRIAL_SECONDS, Flavor, SourceOptions, flag, older_name
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Secret, Statement

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row


class MariaDB(Flavor):
    """MariaDB 10.5 and later."""

    family = "mariadb"
    title = "MariaDB"
    oldest = (10, 5)

    # What this family calls differently, or tells by another column.
    _COLUMNS: t.ClassVar[t.Dict[str, str]] = {
        "Channel_Name": "Connection_name",
        "Retrieved_Gtid_Set": "Gtid_IO_Pos",
        "Auto_Position": "Using_Gtid",
        "Replica_Heartbeat_Period": "Slave_heartbeat_period",
    }

    @property
    def _kill_privilege(self) -> str:
        return "CONNECTION ADMIN"

    @property
    def demotes(self) -> bool:
        """Whether a former primary can be told, as it is pointed to a source, to count what it wrote itself as replicated."""
        return self.version >= (10, 10)

    def select_gtids(self) -> Statement:
        # The lock is the one by which monitors of MaxScale agree on who of them acts (its documentation: cooperative_monitoring_locks).
        return Statement(
            "SELECT @@GLOBAL.gtid_binlog_state AS binlog_state, @@GLOBAL.gtid_slave_pos AS slave_pos, @@GLOBAL.gtid_binlog_pos AS binlog_pos,"
            " IS_USED_LOCK('maxscale_mariadbmonitor') AS maxscale"
        )

    def select_next_read_only(self) -> t.Optional[Statement]:
        return Statement(
            "SELECT IF(GLOBAL_VALUE_ORIGIN = 'SQL', 'set', 'start') AS origin, GLOBAL_VALUE AS value, GLOBAL_VALUE_PATH AS path"
            " FROM information_schema.SYSTEM_VARIABLES WHERE VARIABLE_NAME = 'READ_ONLY'"
        )

    @property
    def _of_accounts(self) -> t.Tuple[str, str]:
        # A view, which does not say whether an account is locked (seen: 10.5, 11.8).
        return "'N'", " AND is_role = 'N'"

    def select_disks(self) -> t.Optional[Statement]:
        # Only with the plugin DISKS, and for accounts that have FILE.
        return Statement("SELECT Path, Total, Available FROM information_schema.DISKS")

    def show_replica_status(self) -> Statement:
        return Statement("SHOW ALL SLAVES STATUS")

    def count_pending_stops(self) -> t.Optional[Statement]:
        # One that connects to a host that is off, or to a server that hangs, cannot be interrupted: its STOP takes as long as slave_net_timeout (seen:
        # 11.8, 60 s, each time; 10.11, one of four times with a server that hangs).
        return Statement("SELECT COUNT(*) AS Pending_Stops FROM information_schema.PROCESSLIST WHERE STATE = 'Killing slave'")

    def column(self, row: Row, name: str) -> t.Any:
        return row.get(self._COLUMNS.get(name) or older_name(name))

    def show_lock_holders(self) -> t.Optional[Statement]:
        # Of the plugin METADATA_LOCK_INFO, where that is installed.
        return Statement("SELECT DISTINCT THREAD_ID AS ID FROM information_schema.METADATA_LOCK_INFO")

    def show_binary_log_status(self) -> Statement:
        return Statement("SHOW MASTER STATUS")

    def show_collations(self) -> Statement:
        if self.version < (10, 10):
            return super().show_collations()
        # Some collations belong to several character sets, and have a number for each.
        return Statement("SELECT ID, CHARACTER_SET_NAME, FULL_COLLATION_NAME AS COLLATION_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY")

    def expect_binary_log(self) -> Statement:
        # 4 is MARIA_SLAVE_CAPABILITY_GTID: without it GTID events are replaced by BEGIN (source of MariaDB: sql_repl.cc).
        return Statement("SET @master_binlog_checksum = @@GLOBAL.binlog_checksum, @mariadb_slave_capability = 4")

    def expect_domains(self, position: str, until: str) -> Statement:
        """Tell the server that this connection, as a replica at a position, wants only what comes after that in the domains of another one, up to there.

        The events of other domains are not sent, and none of these after that. The server looks for the file itself (seen: 10.5, 10.11, 11.8).
        """
        return Statement("SET @slave_connect_state = %s, @slave_until_gtid = %s", (position, until))

    def _on_channel(self, verb: str, channel: str, thread: str = "", suffix: str = "", *, timeout: t.Optional[float] = None) -> Statement:
        words = [verb, self._replica, "%s" if channel else "", thread, suffix]
        return Statement(" ".join(word for word in words if word), (channel,) if channel else (), changes=True, timeout=timeout)

    def change_source(self, source: SourceOptions, channel: str = "") -> Statement:
        settings: t.List[t.Tuple[str, t.Any]] = [
            ("MASTER_HOST", source.host),
            ("MASTER_PORT", source.port),
            ("MASTER_USER", source.user),
            ("MASTER_PASSWORD", None if source.password is None else Secret(source.password)),
            ("MASTER_SSL", flag(source.tls)),
            ("MASTER_SSL_CA", source.ca_cert),
            ("MASTER_SSL_CERT", source.client_cert),
            ("MASTER_SSL_KEY", source.client_key),
            ("MASTER_SSL_VERIFY_SERVER_CERT", flag(source.verify_cert)),
        ]
        chosen = [(name, value) for name, value in settings if value is not None]
        # Keywords, not values: they cannot be quoted. A former primary has no gtid_slave_pos that says what it has (manual, "CHANGE MASTER TO").
        position = "slave_pos, MASTER_DEMOTE_TO_SLAVE = 1" if source.demote and self.demotes else "slave_pos"
        more = self._say_more(source, "MASTER")
        words = [*(name + " = %s" for name, _value in chosen), *(text for text, _values in more), "MASTER_USE_GTID = " + position]
        values = tuple(value for _name, value in chosen) + tuple(value for _text, found in more for value in found)
        return self._change_master(", ".join(words), values, channel)

    @staticmethod
    def select_places_of_files() -> Statement:
        """Read where a server keeps its files; a path that begins with no slash is one in its data directory."""
        return Statement(
            "SELECT @@datadir AS datadir, @@pid_file AS pid_file, @@innodb_data_home_dir AS innodb_data_home_dir,"
            " @@innodb_data_file_path AS innodb_data_file_path, @@innodb_log_group_home_dir AS innodb_log_group_home_dir,"
            " @@innodb_undo_directory AS innodb_undo_directory, @@aria_log_dir_path AS aria_log_dir_path"
        )

    # Relay logs

    # Stands in Master_Log_File while relay logs are applied by position, with the replica's delay behind it if that was lifted. It tells a
    # later run what was going on, and keeps a receiver that somebody starts meanwhile from fetching anything: no source has such a file.
    _APPLYING = re.compile(r"dbha\.mysql\.applying-relay-logs(?:\.(\d{1,9}))?")

    forgets_relay_logs = True

    @classmethod
    def applies_relay_logs(cls, source_file: str) -> bool:
        return cls._APPLYING.fullmatch(source_file) is not None

    @classmethod
    def lifted_delay(cls, source_file: str) -> int:
        match = cls._APPLYING.fullmatch(source_file)
        return int(match.group(1) or 0) if match else 0

    def show_relay_log_events(self, file: str, position: int, limit: int, channel: str = "") -> Statement:
        """Read events of a relay log; messages in English, because only their text tells one failure from another."""
        return Statement("SET STATEMENT lc_messages = 'en_US' FOR SHOW RELAYLOG %s EVENTS IN %s FROM %s LIMIT %s", (channel, file, position, limit))

    def keep_relay_logs(self, file: str, position: int, channel: str = "", *, lifted_delay: int = 0) -> Statement:
        """Make the next start of the applier begin at this event of the relay logs, instead of throwing them away as it does in GTID mode.

        ``lifted_delay``: the replica's delay, if it is to be lifted meanwhile.
        """
        mark = "dbha.mysql.applying-relay-logs" + (".%d" % lifted_delay if lifted_delay else "")
        return self._change_master(
            "MASTER_USE_GTID = no, MASTER_LOG_FILE = %s, MASTER_LOG_POS = 4, RELAY_LOG_FILE = %s, RELAY_LOG_POS = %s"
            + (", MASTER_DELAY = 0" if lifted_delay else ""),
            (mark, file, position),
            channel,
        )

    def put_relay_logs_back(self, file: str, position: int, source_file: str, source_position: int, channel: str = "", delay: int = 0) -> Statement:
        """Go back to GTID mode, and to a delay that was lifted, with relay logs that are not applied; what is said of the source's file is only shown."""
        return self._change_master(
            "MASTER_USE_GTID = slave_pos, MASTER_LOG_FILE = %s, MASTER_LOG_POS = %s, RELAY_LOG_FILE = %s, RELAY_LOG_POS = %s"
            + (", MASTER_DELAY = %s" if delay else ""),
            (source_file, source_position, file, position, *([delay] if delay else [])),
            channel,
        )

    def use_gtid(self, channel: str = "", delay: int = 0) -> Statement:
        """Go back to GTID mode after the relay logs are applied, and to a delay that was lifted; it deletes them."""
        if delay:
            return self._change_master("MASTER_USE_GTID = slave_pos, MASTER_DELAY = %s", (delay,), channel)
        return self._change_master("MASTER_USE_GTID = slave_pos", (), channel)

    def _change_master(self, settings: str, values: t.Tuple[t.Any, ...], channel: str) -> Statement:
        text = "CHANGE MASTER %s" % ("%s TO " if channel else "TO ") + settings
        return Statement(text, ((channel,) if channel else ()) + values, changes=True, timeout=STOP_TIMEOUT)

    def limit_trial(self) -> t.Optional[Statement]:
        return None

    def end_trial(self) -> t.Optional[Statement]:
        return None

    def try_to_write(self) -> Statement:
        return Statement("SET STATEMENT lock_wait_timeout = %d FOR " % TRIAL_SECONDS + super().try_to_write().text)

    def stay_connected(self, seconds: int, *, trying: bool = False) -> Statement:
        return super().stay_connected(seconds)

    def prepare_to_read(self) -> t.List[Statement]:
        return [*super().prepare_to_read(), Statement("SET SESSION max_statement_time = 0")]

    @property
    def loads_history(self) -> bool:
        # system_versioning_insert_history, and --dump-history of mariadb-dump (seen: 10.11).
        return self.version >= (10, 11)

    def try_to_set_position(self) -> Statement:
        # It takes the same privilege. Of gtid_slave_pos a server that replicates says only that it does (seen: 10.11).
        return Statement("SET GLOBAL slave_net_timeout = @@GLOBAL.slave_net_timeout", needs="REPLICATION SLAVE ADMIN")

    def set_position(self, executed: str) -> t.List[Statement]:
        return [Statement("RESET MASTER", changes=True, timeout=60.0), self.count_as_replicated(executed)]

    def count_as_replicated(self, position: str) -> Statement:
        """Say up to where a replica has applied what its source has, both threads being stopped."""
        return Statement("SET GLOBAL gtid_slave_pos = %s", (position,), changes=True)

    def count_current_as_replicated(self) -> Statement:
        """Say the same of all that it has applied or, with the server_id that it has, written."""
        return Statement("SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos", changes=True)

    def wait_until_applied(self, gtids: str, seconds: int, channel: str = "") -> Statement:
        # 0: applied, -1: time is up. It looks at gtid_slave_pos only (source of MariaDB: rpl_gtid.cc).
        return Statement("SELECT MASTER_GTID_WAIT(%s, %s) AS waited", (gtids, seconds), timeout=seconds + SLACK)
