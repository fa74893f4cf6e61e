# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What to do about each problem, by its code and by the verb that meets it.

Every code that users can meet stands in REMEDIES, and nowhere else: the documentation's table is made from it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass


@dataclass(frozen=True)
class Remedy:
    """What to do about a problem, and what else can be done in a failover, a switchover or a rejoin: with its options."""

    always: str
    failover: str = ""
    switchover: str = ""
    rejoin: str = ""

    def within(self, verb: str) -> str:
        """Return what is to be read in a verb. Outside of these three, in a check for example, that is what is to be done in each of them."""
        more = {"failover": self.failover, "switchover": self.switchover, "rejoin": self.rejoin}
        if verb in more:
            return " ".join(filter(None, (self.always, more[verb])))
        named = {each: text for each, text in more.items() if text}
        if len(named) == 1:
            return " ".join((self.always, *named.values()))
        return " ".join((self.always, *("In a %s: %s" % (each, text[0].lower() + text[1:]) for each, text in named.items())))


# failover_unreachable is a word about replicas.
_NOT_REOPENED = "Where a closed primary is to take writes again, use failover_leave_out instead."

_LEAVE_OUT_IN_A_REJOIN = "A server that is neither the primary nor the one to be brought back can be left out (rejoin_leave_out)."

REMEDIES: t.Dict[str, t.Union[str, Remedy]] = {
    "task_failed": "Fix what the message names, and run this again: it is Ansible's own, and not about a server.",
    "bad_input": "Correct the option that is named. Its documentation says what it takes.",
    "no_such_cluster": "Name a group of the inventory that has servers in it. With the playbooks: -e cluster=NAME.",
    "cluster_incomplete": Remedy(
        (
            "Run it with the whole inventory: in AWX without slices, limits, filters and disabled hosts. If the cluster has become smaller, correct "
            "mysql_cluster_size."
        ),
        failover="To go on without a server, leave it in the group and name it in failover_leave_out.",
        switchover="To go on without a server, leave it in the group and name it in switchover_leave_out.",
        rejoin="To go on without a server, leave it in the group and name it in rejoin_leave_out.",
    ),
    "partial_run": Remedy(
        (
            "Run it whole: without --limit, --tags, --skip-tags and --start-at-task, and with --step only if no step is declined. Where there has to be a "
            "limit, let it contain the host that the playbook runs on, too: --limit orders,localhost."
        ),
        failover="To keep away from a server, name it in failover_leave_out.",
        switchover="To keep away from a server, name it in switchover_leave_out.",
        rejoin="To keep away from a server, name it in rejoin_leave_out.",
    ),
    "hook_refused": "Fix what the task file of yours objects to, or take it out of the list that is named, and run this again.",
    "hook_failed": "See the message of the task file of yours, and do by hand what it was to do. Everything else was done.",
    "cooldown": Remedy(
        "Find out why two primaries have failed so soon one after the other.",
        failover="If there is to be a failover all the same, run it with failover_cooldown=0, or wait until that time is over.",
    ),
    "journal_not_written": (
        "Grant our account CREATE, INSERT and SELECT ON dbha_mysql.* if a privilege is missing, else fix what the message names. "
        "The role of the primary has moved all the same, and the next time is written again. To go on without a journal: mysql_journal=false."
    ),
    "journal_not_read": Remedy(
        "Grant our account CREATE, INSERT and SELECT ON dbha_mysql.* if a privilege is missing, else fix what the message names.",
        failover="Until then a server that remembers the last failover may not have been heard (failover_cooldown).",
    ),
    "fence_failed": Remedy(
        "Make sure that the old primary stays off, fix what the message names, and run this again.",
        failover="To go on without: failover_fence_required=false.",
    ),
    # Servers that cannot be asked
    "unreachable": Remedy(
        "Start the server, or repair the way to it. If it had the role of the primary, bring it back with dbha.mysql.rejoin then.",
        failover=(
            "A replica that does not answer may hold what no other server has: leave it out only if you know that it does not "
            "(failover_unreachable=proceed). " + _NOT_REOPENED
        ),
        switchover="To go on without the server, name it in switchover_leave_out.",
        rejoin=_LEAVE_OUT_IN_A_REJOIN,
    ),
    "not_responding": Remedy(
        "Wait for the server, or kill its process if it hangs or is paused.",
        failover="To go on without it, use failover_unreachable=proceed. " + _NOT_REOPENED,
        switchover="To go on without it, name it in switchover_leave_out.",
        rejoin=_LEAVE_OUT_IN_A_REJOIN,
    ),
    "tls_failed": (
        "Fix what the error names: the server's certificate (who signed it, until when it is valid), or the authority's in the inventory (mysql_ca_cert). "
        "If the certificate does not name the host: mysql_check_hostname=false. If the server should offer TLS and does not, somebody may be in the middle."
    ),
    "password_withheld": (
        "Name the certificate of the authority that signed the server's (mysql_ca_cert), or connect over a socket (mysql_unix_socket). "
        "In a network that you trust: mysql_allow_unverified=true. A server that is not in the group and belongs to it: add it."
    ),
    "login_refused": (
        "Check login_user and login_password for this server, and from which hosts the account may log in. If there are too many connections, close some."
    ),
    "not_mysql": "Check host and port: they must be those of a MySQL or MariaDB server.",
    "driver_incomplete": "Install what is named, for the Python that connects: python3 -m pip install 'PyMySQL[rsa,ed25519]'.",
    "unsupported_version": "Upgrade the server, or leave it out of the group.",
    "unreadable": Remedy(
        "Run it again with -vvv, and please report what it prints.",
        failover="To go on without the server, use failover_unreachable=proceed. " + _NOT_REOPENED,
        switchover="To go on without the server, name it in switchover_leave_out.",
        rejoin=_LEAVE_OUT_IN_A_REJOIN,
    ),
    "internal_error": "Run it again with -vvv, and report what it prints. The servers are as they were found, or as the other problems say.",
    "privilege_missing": "Grant the account the privilege that is named. The README lists all that are needed.",
    "managed_elsewhere": (
        "Use what manages the cluster (MySQL Shell, MaxScale, Galera itself), or end that first: STOP GROUP_REPLICATION, dba.dropMetadataSchema(), "
        "maxctrl stop monitor, wsrep_on=OFF. If nothing holds the lock of MaxScale rightfully, kill the connection that is named."
    ),
    # The primary
    "primary_alive": "Use dbha.mysql.switchover to move the role from a living primary. Nothing needs to be failed over.",
    "primary_maybe_alive": Remedy(
        (
            "Fix what prevented the check, if the primary could not be asked. Otherwise make sure that the primary is dead (switch its host off, or kill "
            "its process), and run this again."
        ),
        failover="If you are sure that it is dead, use failover_force=true.",
    ),
    "primary_dead": "Run dbha.mysql.failover.",
    "primary_read_only": (
        "Run dbha.mysql.switchover again if one was interrupted: to the same server, or to this server to give the role back (switchover_to). Otherwise "
        "allow writes on it (SET GLOBAL read_only = 0). If it has only restarted: dbha.mysql.failover opens it with mysql_safe_start=true."
    ),
    "primary_hangs": (
        "Wait for it if it is only slow, and make room if its disk is full. "
        "If it hangs on, kill its process or switch its host off, and run dbha.mysql.failover; failover_force=true does not help."
    ),
    "primary_unknown": Remedy(
        "Check the group: its servers do not all follow the same source.",
        failover="If they are to be in one group, name the primary (failover_primary; if it is dead: failover_dead_primary).",
        rejoin="If they are to be in one group, name the primary (rejoin_primary).",
    ),
    "two_primaries": (
        "Find out which of them your clients have written to, and compare what only one of them has. Name the server that is to stay the primary. "
        "dbha.mysql.failover with failover_primary repoints the replicas that can follow it. "
        "dbha.mysql.rejoin with rejoin_primary closes the other server for writes and saves what only that server has."
    ),
    "former_primary_unknown": "Run dbha.mysql.rejoin with the name of the server that is to be brought back (rejoin_server).",
    "not_the_primary": Remedy(
        "Name the current primary, or leave the option out: the primary is found without it.",
        failover="The option is failover_primary.",
        rejoin="The option is rejoin_primary.",
    ),
    "switchover_unfinished": (
        "Finish the switchover: run dbha.mysql.switchover again to the server that takes writes (switchover_to). Do not allow writes on the other server: "
        "then two servers would take them."
    ),
    "replica_writable": "Forbid writes on it (SET GLOBAL read_only = 1; with MySQL 5.7.8 and later super_read_only = 1).",
    "stray_replica": "Run dbha.mysql.failover: it repoints the replica to the primary.",
    "two_writable": "Make the server that is not the primary read-only, then bring it back with dbha.mysql.rejoin.",
    # Members that do not belong together
    "same_server": "Remove one of the two entries: they name the same server.",
    "same_server_uuid": (
        "Stop one of the two, delete auto.cnf in its data directory, and start it: it makes a new UUID. One was copied from the other with its identity."
    ),
    "same_server_id": "Give each server a server_id of its own: replicas with the same server_id disconnect each other from the primary.",
    "mixed_families": "Put MySQL and MariaDB servers into groups of their own: a cluster is of one family.",
    "other_primary": "Repoint it to a server of this cluster, or take it out of the group.",
    "address_unknown": (
        "Say in the inventory where replicas are told that the server is (mysql_replication_host, mysql_replication_port), or let them follow the address "
        "that the inventory has."
    ),
    "primary_not_in_group": Remedy(
        "Add the primary to the group, and whatever else is missing there.",
        failover="A dead primary may also be elsewhere in the inventory, if you name it (failover_dead_primary).",
    ),
    "multi_source": "Remove the other channels from it, or exclude it from the group.",
    "no_replicas": "Name at least one replica that can be read.",
    # GTIDs
    "gtid_off": (
        "Let the replica apply all that it has received, for what it has not applied is thrown away by the next step (START REPLICA SQL_THREAD; MariaDB: "
        "START SLAVE SQL_THREAD). Then switch GTIDs on (MySQL: gtid_mode=ON and SOURCE_AUTO_POSITION=1; MariaDB: MASTER_USE_GTID=slave_pos)."
    ),
    "errant": Remedy(
        (
            "Find out who wrote to this replica. If the rows are not wanted, rebuild the replica. If the rows are wanted, bring them to the other servers "
            "first. A former primary is brought back with dbha.mysql.rejoin."
        ),
        failover="To go on without the replica meanwhile, name it in failover_leave_out.",
        switchover="To go on without the replica meanwhile, name it in switchover_leave_out.",
        rejoin="To go on without the replica meanwhile, name it in rejoin_leave_out.",
    ),
    "diverged": Remedy(
        (
            "Compare the rows, because no server has everything, and decide whose history is wanted. Overwrite the servers that have another one with a "
            "copy: dbha.mysql.rejoin with rejoin_server and rejoin_method=clone (MySQL 8.0.17 and later) or rejoin_method=rebuild. If the primary lives, "
            "and that of its replicas is wanted, stop the primary first, and run dbha.mysql.failover."
        ),
        failover=(
            "Leave out the replica whose history is not wanted (failover_leave_out), or give its transactions up (failover_allow_data_loss=true). Servers "
            "that have different transactions under the same GTIDs are not brought together by either."
        ),
    ),
    "own_transactions": (
        "Decide what is to become of these transactions, which reached no other server. To keep them, replay on the primary what was saved, with the "
        "command that the message names, and run this again. If they get new GTIDs there (MariaDB, or where the primary has other transactions under "
        "theirs), overwrite the server afterwards. To give them up, overwrite the server with a copy: dbha.mysql.rejoin with rejoin_method=clone (MySQL "
        "8.0.17 and later) or rejoin_method=rebuild."
    ),
    "history_unknown": (
        "Overwrite it with a copy if somebody may have written to it, which loses what was written: dbha.mysql.rejoin with rejoin_server, "
        "rejoin_method=clone (MySQL 8.0.17 and later) or rejoin_method=rebuild, and rejoin_save=false. If certainly nobody has, start it with its binary "
        "log (log_bin), and run this again."
    ),
    "history_lost": (
        "Overwrite it with a copy: dbha.mysql.rejoin with rejoin_server and rejoin_method=clone (MySQL 8.0.17 and later) or rejoin_method=rebuild. Its "
        "data are older than what it wrote, because of a crash without sync_binlog=1 or an old copy. What it has written since is saved before that, as far "
        "as binary logs show it. As a replica it would skip all transactions that carry its own server_id."
    ),
    "domain_unknown": (
        "Find out whether somebody has removed the domain there (FLUSH BINARY LOGS DELETE_DOMAIN_ID). If so, the rows are there: stop its replication if "
        "it runs, execute the statement, and run this again. If not, its data are older than what it wrote: overwrite it with a copy (dbha.mysql.rejoin "
        "with rejoin_server and rejoin_method=rebuild)."
    ),
    "not_saved": Remedy(
        "Fix what the message names. Binary logs that cannot be read: grant the account REPLICATION SLAVE.",
        rejoin=(
            "A program that is missing: install the client tools of the server's family where the task runs (mysqlbinlog, mariadb-binlog), or name the "
            "program (rejoin_binlog_program). A directory that cannot be written, or is gone with the job's container: name another (rejoin_save_to), in a "
            "container one on a volume. To overwrite the server without saving: rejoin_save=false."
        ),
    ),
    "cannot_copy": Remedy(
        "Fix what prevents the copy. Nothing was overwritten.",
        rejoin="Otherwise choose another rejoin_method, or another server to copy: without rejoin_donor, one is chosen that holds all rows.",
    ),
    "salvage_failed": "Do not overwrite the dead primary: its binary logs still hold what no replica received. dbha.mysql.rejoin saves it.",
    "not_copied": (
        "Fix what prevented the copy, and run dbha.mysql.rejoin again with rejoin_method=clone or rejoin_method=rebuild. Until then the server holds "
        "nothing that can be used."
    ),
    "restart_needed": Remedy(
        "Start the server, and run this again.",
        rejoin="With rejoin_start_command, both is done for you.",
    ),
    # Replicas
    "not_a_replica": "Bring it in with dbha.mysql.rejoin, or take it out of the group.",
    "not_replicating": "Fix the error, and start the threads (START REPLICA; MariaDB: START SLAVE).",
    "applier_broken": Remedy(
        "Fix what stops the applier, and start it.",
        failover="Otherwise give up what only this replica has received (failover_allow_data_loss=true).",
    ),
    "relay_logs_at_risk": Remedy(
        "Do not start its threads by hand: MariaDB would throw the relay logs away. A failover applies them first.",
        failover=(
            "If it cannot, copy the relay logs, and give up what they hold (failover_allow_data_loss=true). "
            "If that leaves no replica to promote, start the threads of one after you have copied its relay logs (START SLAVE)."
        ),
    ),
    "log_ahead": Remedy(
        "If another server has these transactions, let this one get them again: STOP SLAVE; RESET MASTER; START SLAVE.",
        failover=(
            "If none has, copy its binary logs, execute RESET MASTER on it, apply the copies (mariadb-binlog of 10.8 or later with "
            "--start-position= and its gtid_slave_pos), and run this again."
        ),
    ),
    "auto_failover_on": (
        "Switch it off (STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_CONNECTION_AUTO_FAILOVER=0; START REPLICA): "
        "the replica would repoint itself meanwhile."
    ),
    "no_candidate": (
        "Allow one of these replicas to be promoted, or fix what disqualifies it. "
        "MariaDB: a replica that is made to log what it replicates (log_slave_updates) still cannot send what it replicated before."
    ),
    "filtered": Remedy(
        (
            "Remove the filters from a replica, and overwrite it with a copy of one that holds all rows, before you rely on a failover: dbha.mysql.rejoin with "
            "rejoin_server, rejoin_method=clone (MySQL 8.0.17 and later) or rejoin_method=rebuild, and rejoin_anew=true."
        ),
        failover="To promote it as it is, and give up the rows that it leaves out: failover_allow_data_loss=true.",
    ),
    "binlog_filtered": (
        "Start the primary without binlog_do_db and binlog_ignore_db, then overwrite each replica with a copy of it: dbha.mysql.rejoin with rejoin_server, "
        "rejoin_donor (the primary), rejoin_method=clone (MySQL 8.0.17 and later) or rejoin_method=rebuild, and rejoin_anew=true. If nobody needs these "
        "rows on another server, nothing has to be done."
    ),
    "never_connected": Remedy(
        "Start the dead primary if that is possible: the replicas then receive what they lack.",
        failover="Otherwise fetch it from its binary logs (failover_salvage=require), or give it up (failover_allow_data_loss=true).",
    ),
    "source_does_not_log": (
        "Overwrite the replica with a copy of the primary (dbha.mysql.rejoin with rejoin_server and rejoin_method), "
        "or make its source log what it replicates and overwrite both: what was not logged cannot be sent."
    ),
    "other_server": (
        "Say in the inventory source where the server that is meant is reached from here (addresses), "
        "or correct what the servers say (report_host and report_port, the source of the replica)."
    ),
    "not_a_member": "Write the names as they are in the group.",
    # What a failover or switchover will meet some day: a check says it beforehand, with what to do on exactly this server
    "not_logging": "Let the server write a binary log, with a name in UTF-8, and log what it replicates (log_bin, log_replica_updates), and restart it.",
    "delayed": Remedy(
        "Let another replica take over, if there is one.",
        failover="Name the one that is delayed in failover_exclude.",
        switchover="Name the one that is delayed in switchover_exclude.",
    ),
    "read_only_not_kept": "Make read_only outlast a restart (MySQL 8.0 and later: SET PERSIST; others: the option file).",
    "settings_differ": "Set it to the same value on all members.",
    "versions_differ": Remedy(
        "Upgrade the older servers, the primary last.",
        failover="Until then name the newer ones in failover_exclude.",
        switchover="Until then name the newer ones in switchover_exclude.",
    ),
    "semi_sync_incomplete": "Enable semi-synchronous replication on more replicas, or disable it on the primary.",
    "not_durable": "Set sync_binlog and innodb_flush_log_at_trx_commit to 1.",
    "logs_expire_early": "Keep binary logs for some days (binlog_expire_logs_seconds, or expire_logs_days).",
    "not_strict": "Set gtid_strict_mode to ON on all members.",
    "disk_scarce": "Make room on the disk: purge binary logs that every replica has received, or give it a larger one.",
    "salvage_impossible": (
        "Let the machine that runs Ansible log in to the host over SSH, name the directory of the binary logs (mysql_binlog_directory), "
        "and let the account read it, or become root (ansible_become)."
    ),
    "in_two_clusters": "Take the server out of all groups but one.",
    "domain_unused": (
        "If nobody writes in the domain any more, let all members forget it: purge the binary logs that hold it, then "
        "FLUSH BINARY LOGS DELETE_DOMAIN_ID=(…), the primary first, and take it out of gtid_slave_pos of the replicas."
    ),
    "public_key_missing": (
        "Let the replica fetch the public key of its source (GET_SOURCE_PUBLIC_KEY=1, GET_MASTER_PUBLIC_KEY=1), or use TLS. "
        "Replicas that are about to be repointed are told so by mysql_source_public_key=true, or mysql_source_ssl=true, for the group."
    ),
    "notices_late": "Set replica_net_timeout (or slave_net_timeout) to 60 or less.",
    "unlisted_replica": "Add the server to the group, or it stays with a dead primary.",
    "comes_back_open": "Set mysql_safe_start=true for the group; on the primary SET PERSIST_ONLY read_only=ON (elsewhere: read_only in its option file).",
    "connections_scarce": "Find out who holds the connections (SHOW PROCESSLIST), or allow more (max_connections).",
    "relay_logs_not_recovered": "Set relay_log_recovery to ON in the option file of the replica, and restart it.",
    "site_lost": "Let a replica in another site be promoted (mysql_promotion), or add one.",
    "gives_up": "Let the replica try for longer (SOURCE_RETRY_COUNT, or MASTER_RETRY_COUNT).",
    "skips_rows": Remedy(
        (
            "Let the replica stop where it cannot apply something (slave_exec_mode=STRICT, slave_skip_errors=OFF, "
            "replicate_events_marked_for_skip=REPLICATE; replica_exec_mode and replica_skip_errors in newer versions of MySQL). Then compare its rows with "
            "those of the primary, or overwrite it with a copy: dbha.mysql.rejoin with rejoin_server, rejoin_method=clone (MySQL 8.0.17 and later) or "
            "rejoin_method=rebuild, and rejoin_anew=true."
        ),
        rejoin="To copy a server without such settings, leave rejoin_donor out.",
    ),
    "size_not_set": "Set mysql_cluster_size for the group to the number of servers that the cluster has.",
    "no_replication_account": "Set mysql_replication_user and mysql_replication_password for the group.",
    # While working
    "not_promoted": "Repeat the failover or switchover that was to promote it: the run removes its replication first.",
    "changed_meanwhile": (
        "Run it again to decide anew. No server was promoted after this was noticed. "
        "Something else works on this cluster, or a connection that kept other runs away from it was lost."
    ),
    "locked": "Wait for the other run to finish, or stop it.",
    "drain_timeout": Remedy(
        "Find out what delays the applier.",
        failover="To wait for longer, run it again with a larger failover_drain_timeout.",
        switchover="To wait for longer, run it again with a larger switchover_timeout.",
        rejoin="To wait for longer, run it again with a larger rejoin_timeout.",
    ),
    "lagging": Remedy(
        "Wait until it has caught up.",
        switchover="Otherwise choose another server (switchover_to), or allow a longer lag (switchover_max_lag).",
    ),
    "writers_in_the_way": Remedy(
        "Stop the clients that write or hold tables locked there.",
        switchover="Otherwise give them longer (switchover_grace), or allow their connections to be killed (switchover_kill=true).",
        rejoin="Otherwise give them longer (rejoin_grace), or allow their connections to be killed (rejoin_kill=true).",
    ),
    "still_writing": "Find the account that may write in spite of read_only, and stop it. Then run this again.",
    "not_read_only": "Stop whatever allows writes there, perhaps another tool, and run this again.",
    "not_undone": (
        "Look at it now. If it was the primary and no other server takes writes: SET GLOBAL read_only = 0 there. If it has died: run dbha.mysql.failover."
    ),
    "replication_user_missing": (
        "Set mysql_replication_user and mysql_replication_password for the group: the old primary needs an account to replicate with."
    ),
    "replication_login_refused": Remedy(
        "Correct mysql_replication_user and mysql_replication_password, or the account on the server (its password, lock, expiry, host part, privileges).",
        switchover="If it may log in from the other servers and not from here, leave the trial out (switchover_try_account=false).",
    ),
    "not_drained": "Let the replica apply all that it has received before it is promoted (mysql_find_best_replica does that).",
    "still_receiving": "Use dbha.mysql.switchover to move the role from a living primary.",
    "catch_up_failed": Remedy(
        "Fix the error that kept the candidate from fetching what it lacks.",
        failover="Otherwise promote the most advanced replica (leave out failover_candidates, failover_exclude, and mysql_promotion=never in the inventory).",
    ),
    "closed_to_clients": "Choose another server, or set the variable that is named so that clients can log in and write there.",
    "commits_wait": (
        "Let a replica acknowledge: start those of this primary that are stopped (START REPLICA; MariaDB: START SLAVE), and have those that follow another "
        "server repointed (dbha.mysql.failover). Or let the primary wait no longer "
        "(SET GLOBAL rpl_semi_sync_source_enabled = 0; older versions and MariaDB: rpl_semi_sync_master_enabled)."
    ),
    "writes_blocked": (
        "End what holds the lock there, a backup for example (FLUSH TABLES WITH READ LOCK, BACKUP STAGE, LOCK INSTANCE FOR BACKUP), or choose another server."
    ),
    "not_writable": "Allow writes on it (SET GLOBAL read_only = 0), or find out what prevents that, and run it again.",
    "purged": (
        "Overwrite the replica with a copy, since the binary logs of the new primary no longer go back far enough: dbha.mysql.rejoin with rejoin_server, "
        "rejoin_primary (the new primary) and rejoin_method=clone (MySQL 8.0.17 and later) or rejoin_method=rebuild."
    ),
    "statement_failed": "Fix what the server's error names, and run it again: it continues where it stopped.",
    "outcome_unknown": "Run it again: what was done is read back from the servers.",
    # Proxies that clients go through
    "proxy_unreachable": (
        "Start the proxy, or repair the way to its runtime API (stats socket), and run this again. "
        "If the proxy is gone for good, take it off the list (clients_haproxies)."
    ),
    "proxy_refused": "Give the socket of the runtime API the level admin (stats socket … level admin), or fix what the proxy says, and run this again.",
    "proxy_server_unknown": (
        "Name backend and servers as the configuration of the proxy does (clients_backend, clients_readers_backend; "
        "clients_server_prefix or clients_server_names where servers have other names than in the inventory), and run this again."
    ),
    "address_host_unreachable": (
        "Let the machine that runs Ansible log in to the host over SSH, or switch the host off if it is gone for good, and run this again. "
        "A host that comes back without having been restarted may have the address still: run this before clients reach it."
    ),
    "address_in_use": (
        "Take the address off the host that has it (ip address delete), or switch that host off, and run this again. "
        "An address in the configuration of the network of a host comes back with it: remove it there."
    ),
    "address_refused": (
        "Install what the host lacks, or name the interface (clients_address_interface), or let the account become root (ansible_become_method), "
        "as the message says, and run this again."
    ),
    "dns_unreachable": (
        "Start the name server, or open its port for TCP (53), and run this again. If it is gone for good, take it off the list (clients_dns_servers)."
    ),
    "dns_refused": (
        "Name key, zone and record as the name server has them (clients_dns_key_name, clients_dns_zone, clients_dns_record), let it take updates with that "
        "key (BIND: allow-update or update-policy), and run this again."
    ),
    "dns_library_missing": "Install what is named on the machine that runs Ansible: python3 -m pip install dnspython.",
    "proxy_server_down": "Find out why the health check of the proxy fails there (the log of HAProxy says it). Until it succeeds, no client gets there.",
}


def remedy_of(code: str, verb: str = "") -> str:
    """Return what to do about a problem, as it is to be read in a verb: ``failover``, ``switchover``, ``rejoin``; elsewhere what is to be done in each."""
    remedy = REMEDIES[code]
    return remedy if isinstance(remedy, str) else remedy.within(verb)
