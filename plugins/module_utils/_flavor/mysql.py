# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What MySQL says in its own way, by version."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.base import SLACK, STOP_TIMEOUT, Flavor, SourceOptions, flag, older_name
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Secret, Statement

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row


class MySQL(Flavor):
    """MySQL 5.6 and later, Percona Server included."""

    family = "mysql"
    title = "MySQL"
    oldest = (5, 6)
    # Seen: 9.7 (a minute), 5.6 (1 to 3 s).
    waits_for_rest = True

    # Columns of SHOW REPLICA STATUS whose old name does not follow from the rule Source -> Master, Replica -> Slave.
    _OLD_COLUMNS: t.ClassVar[t.Dict[str, str]] = {"Get_Source_public_key": "Get_master_public_key", "Network_Namespace": "Network_Namespace"}

    def set_delay(self, seconds: int, channel: str = "") -> t.Optional[Statement]:
        # They stay if its receiver runs meanwhile (seen: 9.7); 5.6 would not have that.
        if self.version < (5, 7):
            return None
        text = "CHANGE REPLICATION SOURCE TO SOURCE_DELAY = %s" if self._says_source else "CHANGE MASTER TO MASTER_DELAY = %s"
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
    def has_super_read_only(self) -> bool:
        """Privileged users can be kept from writing too."""
        return self.version >= (5, 7, 8)

    def select_gtids(self) -> Statement:
        asked = "SELECT @@GLOBAL.gtid_executed AS executed, @@GLOBAL.gtid_purged AS purged"
        if self.version >= (8, 0):
            # Where MySQL Shell notes that it manages a cluster or a ReplicaSet. Older servers would look through their files for that.
            asked += ", (SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'mysql_innodb_cluster_metadata') AS shell"
        elif self.version < (5, 7):
            # Of the one channel that it can have. Nothing else shows it (seen: 5.6).
            asked += ", (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'SLAVE_HEARTBEAT_PERIOD') AS heartbeat"
        return Statement(asked)

    def select_next_read_only(self) -> t.Optional[Statement]:
        if self.version < (8, 0):
            return None
        # Everybody may read these tables (seen: 9.7). Where both are persisted, what read_only says counts: that is on the safe side.
        return Statement(
            "SELECT origin, value, path FROM (SELECT 'persisted' AS origin, VARIABLE_VALUE AS value, 'mysqld-auto.cnf' AS path"
            " FROM performance_schema.persisted_variables"
            " WHERE VARIABLE_NAME IN ('read_only', 'super_read_only') ORDER BY VARIABLE_NAME LIMIT 1) AS persisted"
            " UNION ALL SELECT IF(VARIABLE_SOURCE = 'DYNAMIC', 'set', 'start'), '', VARIABLE_PATH FROM performance_schema.variables_info"
            " WHERE VARIABLE_NAME = 'read_only'"
        )

    def show_registered_replicas(self) -> Statement:
        return Statement("SHOW REPLICAS" if self.version >= (8, 0, 22) else "SHOW SLAVE HOSTS")

    @property
    def _of_accounts(self) -> t.Tuple[str, str]:
        return ("account_locked" if self.version >= (5, 7, 6) else "'N'"), ""

    @property
    def takes_cidr(self) -> bool:
        # Manual, "Specifying Account Names" and "Access Control, Stage 1: Connection Verification".
        return self.version >= (8, 0, 23)

    @property
    def persists(self) -> bool:
        return self.version >= (8, 0)

    def show_replica_status(self) -> Statement:
        return Statement("SHOW %s STATUS" % self._replica)

    def select_channels(self) -> t.Sequence[Statement]:
        # The replica status does not say these (seen: 9.7). The tables answer with performance_schema=OFF, too. Versions from 5.7 on have no more to tell
        # there than the period of heartbeats, which is not worth a question in each look: one that is repointed has half of slave_net_timeout.
        names = {
            (8, 0, 18): (
                "channels.HEARTBEAT_INTERVAL AS Replica_Heartbeat_Period, COMPRESSION_ALGORITHM AS Compression_Algorithms,"
                " ZSTD_COMPRESSION_LEVEL AS Zstd_Compression_Level"
            ),
            (8, 0, 19): "TLS_CIPHERSUITES AS Source_TLS_Ciphersuites",
            (8, 0, 22): "SOURCE_CONNECTION_AUTO_FAILOVER AS Source_Connection_Auto_Failover",
            (8, 0, 27): "GTID_ONLY AS Gtid_Only",
        }
        of_appliers = {
            (8, 0, 18): "PRIVILEGE_CHECKS_USER AS Privilege_Checks_User",
            (8, 0, 19): "REQUIRE_ROW_FORMAT AS Require_Row_Format",
            (8, 0, 20): "REQUIRE_TABLE_PRIMARY_KEY_CHECK AS Require_Table_Primary_Key_Check",
        }
        if self.version < (8, 0, 18):
            return ()
        known, known_of_appliers = ([text for since, text in each.items() if self.version >= since] for each in (names, of_appliers))
        text = "SELECT channels.CHANNEL_NAME AS Channel_Name, %s FROM performance_schema.replication_connection_configuration AS channels"
        join = " LEFT JOIN performance_schema.replication_applier_configuration AS appliers ON appliers.CHANNEL_NAME = channels.CHANNEL_NAME"
        return Statement(text % ", ".join([*known, *known_of_appliers]) + join), Statement(text % ", ".join(known))

    def select_worker_errors(self) -> t.Optional[Statement]:
        if self.version < (5, 7):
            return None
        # Whose error it is that the replica status has the number of comes first of those that failed at once.
        return Statement(
            "SELECT CHANNEL_NAME AS Channel_Name, LAST_ERROR_NUMBER AS Errno, LAST_ERROR_MESSAGE AS Error"
            " FROM performance_schema.replication_applier_status_by_worker WHERE LAST_ERROR_NUMBER <> 0 ORDER BY LAST_ERROR_TIMESTAMP, WORKER_ID"
        )

    def column(self, row: Row, name: str) -> t.Any:
        if name in row:
            return row[name]
        return row.get(self._OLD_COLUMNS.get(name) or older_name(name))

    def show_binary_log_status(self) -> Statement:
        return Statement("SHOW BINARY LOG STATUS" if self.version >= (8, 2) else "SHOW MASTER STATUS")

    def set_gtid_mode(self, mode: str) -> Statement:
        """Say whether transactions have GTIDs. With ON a server sends nobody what has none (seen: 9.7)."""
        return Statement("SET GLOBAL gtid_mode = %s", (mode,), changes=True)

    def take_names_as_bytes(self) -> t.Optional[Statement]:
        # Seen: 5.6.
        return Statement("SET NAMES binary")

    def go_on_after(self, position: str) -> t.Optional[Statement]:
        return None

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
            (prefix + "_SSL", flag(source.tls)),
            (prefix + "_SSL_CA", source.ca_cert),
            (prefix + "_SSL_CERT", source.client_cert),
            (prefix + "_SSL_KEY", source.client_key),
            (prefix + "_SSL_VERIFY_SERVER_CERT", flag(source.verify_cert)),
        ]
        if self.version >= (8, 0, 4):
            settings.append(("GET_%s_PUBLIC_KEY" % prefix, flag(source.get_public_key)))
        settings.append((prefix + "_AUTO_POSITION", 1))
        chosen = [(name, value) for name, value in settings if value is not None]
        more = self._say_more(source, prefix)
        words = [*(name + " = %s" for name, _value in chosen), *(text for text, _values in more)]
        text = "CHANGE %s TO %s" % ("REPLICATION SOURCE" if self._says_source else "MASTER", ", ".join(words))
        values = tuple(value for _name, value in chosen) + tuple(value for _text, found in more for value in found)
        if channel:
            text += " FOR CHANNEL %s"
            values += (channel,)
        return Statement(text, values, changes=True, timeout=STOP_TIMEOUT)

    def wait_until_applied(self, gtids: str, seconds: int, channel: str = "") -> Statement:
        if self.version >= (5, 7, 5):
            # 0: applied, 1: time is up.
            return Statement("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s) AS waited", (gtids, seconds), timeout=seconds + SLACK)
        # A number: applied; -1: time is up; NULL: the applier does not run.
        return Statement("SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS(%s, %s) AS waited", (gtids, seconds), timeout=seconds + SLACK)

    def show_own_account(self) -> t.Optional[Statement]:
        """Since 5.7 grants do not say it; of itself an account may ask without any privilege (manual, "SHOW CREATE USER"; seen: 9.7)."""
        return Statement("SHOW CREATE USER CURRENT_USER()") if self.version >= (5, 7, 6) else None

    def persist_read_only(self, read_only: bool) -> t.List[Statement]:
        if self.version < (8, 0):
            return []
        if read_only:
            return [Statement("SET PERSIST super_read_only = 1", changes=True)]
        return [Statement("SET PERSIST super_read_only = 0", changes=True), Statement("SET PERSIST read_only = 0", changes=True)]

    def close_at_next_start(self) -> t.List[Statement]:
        if self.version < (8, 0):
            return []
        # super_read_only brings read_only with it, but what is persisted for that would stay (seen: 9.7).
        needs = "SYSTEM_VARIABLES_ADMIN and PERSIST_RO_VARIABLES_ADMIN"
        return [Statement("SET PERSIST_ONLY %s = 1" % name, changes=True, needs=needs) for name in ("read_only", "super_read_only")]

    @property
    def _kill_privilege(self) -> str:
        if self.version < (8, 0):
            return "SUPER"
        return "CONNECTION_ADMIN" + (", and SYSTEM_USER for connections of accounts that have it" if self.version >= (8, 0, 16) else "")

    @property
    def can_clone(self) -> bool:
        return self.version >= (8, 0, 17)

    def prepare_to_read(self) -> t.List[Statement]:
        unlimited = [Statement("SET SESSION max_execution_time = 0")] if self.version >= (5, 7, 8) else []
        return [*super().prepare_to_read(), *unlimited]

    def _cutting_defaults(self) -> t.List[t.Tuple[str, str]]:
        # mariadb-dump sets its max_statement_time by itself.
        limited = [("@@GLOBAL.max_execution_time > 0", "max_execution_time")] if self.version >= (5, 7, 8) else []
        return [*super()._cutting_defaults(), *limited]

    @property
    def casts_to_float(self) -> bool:
        return self.version >= (8, 0, 17)

    def try_to_set_position(self) -> Statement:
        return Statement("SET GLOBAL gtid_purged = @@GLOBAL.gtid_purged", needs="SUPER or SYSTEM_VARIABLES_ADMIN")

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
