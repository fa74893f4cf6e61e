# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What forbids what was asked for: a code, the server, the GTIDs at stake, and a remedy.

Every code that users can meet stands in REMEDIES, and nowhere else: the documentation's table is made from it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


REMEDIES: t.Dict[str, str] = {
    "task_failed": "See the message: it is Ansible's own, and not about a server.",
    "bad_input": "Correct the option that is named; its documentation says what it takes.",
    "no_such_cluster": "Name a group of the inventory that has servers in it; with the playbooks: -e cluster=NAME.",
    # Servers that cannot be asked
    "unreachable": (
        "Start the server or repair the way to it. "
        "A replica that does not answer may hold what nobody else has: "
        "leave it out only if you know that it does not (failover_unreachable=proceed, switchover_leave_out)."
    ),
    "not_responding": (
        "It takes connections and does not answer: it hangs, or is paused. End it or wait for it. "
        "To go on without it: failover_unreachable=proceed, switchover_leave_out."
    ),
    "login_refused": (
        "See the error. Check login_user and login_password for this server, and from where the account may log in; or free connections, if there are too many."
    ),
    "not_mysql": "Check host and port: what answers there is no MySQL or MariaDB server.",
    "driver_incomplete": "Install what is named on the machine that connects: python3 -m pip install 'PyMySQL[rsa]'.",
    "unsupported_version": "Upgrade the server, or leave it out of the group.",
    "unreadable": "The server's own account of its state cannot be understood. Please report this with the output of -vvv.",
    "internal_error": "Run it again with -vvv and report what it prints. The servers are as they were found, or as the other problems say.",
    "privilege_missing": "Grant the account the privilege that is named; the README lists all that are needed.",
    # The primary
    "primary_alive": "Nothing needs to be failed over. To move the role from a living primary use dbha.mysql.switchover.",
    "primary_maybe_alive": (
        "If it could not be asked, repair what kept us from it. "
        "Else make sure that the primary is dead (switch its host off, or end its process), then run this again; "
        "or, if you are sure that it is, use failover_force=true."
    ),
    "primary_dead": "Run dbha.mysql.failover.",
    "primary_read_only": (
        "If a switchover was interrupted, run it again: to the same server, or to this one to give the role back (switchover_to). "
        "Otherwise allow writes on it (SET GLOBAL read_only = 0)."
    ),
    "primary_unknown": (
        "Name the primary (failover_primary, rejoin_primary; one that is dead: failover_dead_primary), "
        "or check the group: its servers do not follow one and the same source."
    ),
    "two_primaries": (
        "Find out to which of them your clients have written, and compare what each alone has. Name the one that is to stay the primary: "
        "dbha.mysql.failover with failover_primary lets the replicas follow it that can, and dbha.mysql.rejoin with rejoin_primary closes the other "
        "one and saves what it alone has."
    ),
    "former_primary_unknown": "Name the server that is to be brought back (rejoin_server).",
    "not_the_primary": "Name the one that is, or leave it out: it is found without being named (rejoin_primary, failover_primary).",
    "switchover_unfinished": (
        "Finish the switchover: run it again to the server that takes writes (switchover_to). "
        "Do not allow writes on the other one: two servers would take them."
    ),
    "replica_writable": "Forbid writes on it (SET GLOBAL read_only = 1; with MySQL 5.7.8 and later super_read_only = 1).",
    "stray_replica": "Run dbha.mysql.failover: it lets the replica follow the primary.",
    "two_writable": "Two servers take writes. Make the one that is not the primary read-only, then bring it back with dbha.mysql.rejoin.",
    # Members that do not belong together
    "same_server": "Take one of the two entries out: they are the same server under two names.",
    "same_server_uuid": "One was copied from the other with its identity. Stop one, delete auto.cnf in its data directory, start it: it makes a new UUID.",
    "same_server_id": "Give each server a server_id of its own; replicas with the same one throw each other off the primary.",
    "mixed_families": "A cluster is of one family: put MySQL and MariaDB servers into groups of their own.",
    "other_primary": "It replicates from a server outside this cluster. Repoint it, or take it out of the group.",
    "primary_not_in_group": "Add the primary to the group.",
    "multi_source": "It replicates over several channels. Take the others off it, or exclude it from the group.",
    "no_replicas": "Name at least one replica that can be read.",
    # GTIDs
    "gtid_off": "Switch GTIDs on (MySQL: gtid_mode=ON and SOURCE_AUTO_POSITION=1; MariaDB: MASTER_USE_GTID=slave_pos) before relying on a failover.",
    "errant": (
        "Somebody wrote to this replica. "
        "If the rows are not wanted, rebuild the replica and leave it out meanwhile (failover_leave_out); if they are, bring them to the others first. "
        "A former primary is brought back with dbha.mysql.rejoin."
    ),
    "diverged": (
        "These replicas hold different transactions, so that none has everything. "
        "Compare the rows; leave out the one whose history is not wanted (failover_leave_out), or give its transactions up (failover_allow_data_loss=true)."
    ),
    "own_transactions": (
        "They were committed there and reached no other server. Look at what was saved. To keep them, bring them to the primary; "
        "to give them up, overwrite the server by a copy: rejoin_method=clone (MySQL 8.0.17 and later) or rejoin_method=rebuild."
    ),
    "history_unknown": (
        "If somebody may have written to it, overwrite it with a copy, which loses that: rejoin_method=clone (MySQL 8.0.17 and later) or "
        "rejoin_method=rebuild, with rejoin_save=false. If certainly nobody has, start it with its binary log (log_bin), and run this again."
    ),
    "history_lost": (
        "Its data are older than what it wrote: a crash without sync_binlog=1, or an old copy. As a replica it would skip what bears its own server_id. "
        "Overwrite it by a copy: rejoin_method=clone (MySQL 8.0.17 and later) or rejoin_method=rebuild."
    ),
    "domain_unknown": (
        "Find out whether somebody has removed the domain there (FLUSH BINARY LOGS DELETE_DOMAIN_ID). If so, the rows are there: "
        "stop its replication if it runs, execute the statement, and run this again. If not, its data are older than what it wrote: "
        "overwrite it by a copy, with rejoin_method=rebuild."
    ),
    "not_saved": (
        "Install the client tools of the server's family where the task runs (mysqlbinlog, mariadb-binlog), or name the program (rejoin_binlog_program); "
        "see that the account has REPLICATION SLAVE. To overwrite the server without saving: rejoin_save=false."
    ),
    "cannot_copy": "Nothing was overwritten. Remove what stands in the way, or choose another rejoin_method.",
    "salvage_failed": "What the dead primary has and no replica received is still in its binary logs. Do not overwrite it; dbha.mysql.rejoin saves it.",
    "not_copied": "See what kept it from being copied, and run it again with rejoin_method=clone or rejoin_method=rebuild: it holds nothing that can be used.",
    "restart_needed": "Start it, and run this again (rejoin_start_command does both).",
    # Replicas
    "not_a_replica": "It has no replication configured and is not the primary. Use dbha.mysql.rejoin to bring it in, or take it out of the group.",
    "not_replicating": "Look at the error, repair it, and start the threads (START REPLICA; MariaDB: START SLAVE).",
    "applier_broken": "Repair what the applier stumbles over and start it; or give up what only this replica has received (failover_allow_data_loss=true).",
    "relay_logs_at_risk": (
        "Do not start its threads by hand: MariaDB would throw the relay logs away. A failover applies them first. "
        "Where it cannot: copy the relay logs, and give up what they hold (failover_allow_data_loss=true)."
    ),
    "auto_failover_on": "Switch it off (CHANGE REPLICATION SOURCE TO SOURCE_CONNECTION_AUTO_FAILOVER=0): the replica would repoint itself meanwhile.",
    "no_candidate": "Allow one of these to be promoted, or repair what keeps it from it.",
    "not_a_member": "Write the names as they stand in the group.",
    # While working
    "not_promoted": "Run the failover or switchover again that was to promote it: it ends its replication first.",
    "changed_meanwhile": (
        "Something else works on this cluster, or a connection that kept other runs off it was lost. Nothing was promoted; run it again to decide anew."
    ),
    "locked": "Another run works on this server. Wait for it to end, or end it.",
    "drain_timeout": "Run it again with a larger time limit (failover_drain_timeout, switchover_timeout), or see what holds the applier up.",
    "lagging": "Wait until it has caught up, choose another one (switchover_to), or allow it more (switchover_max_lag).",
    "writers_in_the_way": "End what writes or holds tables locked there, give it longer (switchover_grace), or allow it to be ended (switchover_kill=true).",
    "still_writing": "Find the account that may write in spite of read_only, and stop it; then run this again.",
    "not_read_only": "Something else allows writes there, another tool perhaps. Stop it, and run this again.",
    "not_undone": (
        "Look at it now. If it was the primary and no other server takes writes: SET GLOBAL read_only = 0 there. If it has died: run dbha.mysql.failover."
    ),
    "replication_user_missing": "Set mysql_replication_user and mysql_replication_password for the group: the old primary has no account to replicate with.",
    "not_drained": "Let the replica apply all that it has received before it is promoted (mysql_find_best_replica does).",
    "still_receiving": "Its source lives. To move the role from a living primary use dbha.mysql.switchover.",
    "catch_up_failed": (
        "See the error; the candidate could not fetch what it lacks. "
        "Promote the most advanced one instead (leave failover_candidates and failover_exclude out)."
    ),
    "not_writable": "Allow writes on it (SET GLOBAL read_only = 0), or see what holds that up, and run it again.",
    "purged": "The new primary no longer has the binary logs that this replica needs. Rebuild the replica from a copy of the new primary.",
    "statement_failed": "See the error of the server. Running it again continues where it stopped.",
    "outcome_unknown": "It is not known whether the statement was carried out. Run it again: what was done is read back from the servers.",
}


@dataclass(frozen=True)
class Problem:
    """Something that forbids what was asked for, or, as a warning, that somebody should know of."""

    code: str
    server: str
    message: str
    gtids: str = ""

    @classmethod
    def described(cls, found: Mapping[str, str]) -> Problem:
        """Return the problem that a result describes."""
        return cls(*(found[key] for key in ("code", "server", "message", "gtids")))

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.code]

    def __str__(self) -> str:
        return "[%s] %s" % (self.code, self.message)


class Refusal(Exception):
    """What was asked for is not done, because of these problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise ``Refusal`` if there is any problem."""
    found = list(problems)
    if found:
        raise Refusal(found)


def not_a_member(name: str, members: Iterable[str]) -> Problem:
    """Return what is wrong with a name that is not the name of a member."""
    return Problem("not_a_member", name, "%r is not a member of this cluster (%s)" % (name[:100], ", ".join(sorted(members))))


def told(problems: Iterable[Problem]) -> str:
    """Return what a user reads: what to do, and under it what it is for, a line for each problem. What is to be done about several is said once."""
    lines: t.List[str] = []
    for remedy, concerned in _by_remedy(problems).items():
        lines += [remedy, *("  %s" % problem for problem in concerned)]
    return "\n".join(lines)


def warned(problems: Iterable[Problem]) -> t.List[str]:
    """Return problems that forbid nothing, as warnings: what is wrong, and what to do about it, in one line for each thing to do."""
    return [
        "[%s] %s. %s" % (concerned[0].code, "; ".join(problem.message for problem in concerned), remedy) for remedy, concerned in _by_remedy(problems).items()
    ]


def named(problems: Iterable[Problem]) -> str:
    """Return problems in a few words: their codes, and the servers that have them."""
    servers: t.Dict[str, t.List[str]] = {}
    for problem in problems:
        having = servers.setdefault(problem.code, [])
        having += [problem.server] if problem.server and problem.server not in having else []
    return "; ".join("%s (%s)" % (code, ", ".join(having)) if having else code for code, having in servers.items())


def _by_remedy(problems: Iterable[Problem]) -> t.Dict[str, t.List[Problem]]:
    """Return each problem once, by what to do about it, in the order in which they were found."""
    grouped: t.Dict[str, t.List[Problem]] = {}
    for problem in problems:
        concerned = grouped.setdefault(problem.remedy, [])
        concerned += [problem] if problem not in concerned else []
    return grouped
