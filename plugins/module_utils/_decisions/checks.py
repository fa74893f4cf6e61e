# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""States -> problems, each with a code, the server, the GTIDs at stake and a remedy. Pure.

Every code that users can meet stands in REMEDIES, and nowhere else: the documentation's table is made from it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import applier_broken, relay_log_trouble
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids, empty
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, DEAD, channel_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Election
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

REMEDIES: t.Dict[str, str] = {
    "bad_input": "Correct the option that is named; its documentation says what it takes.",
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
        "See the error. Check login_user and login_password for this server, and from where the account may log in; "
        "or free connections, if there are too many."
    ),
    "not_mysql": "Check host and port: what answers there is no MySQL or MariaDB server.",
    "driver_incomplete": "Install what is named on the machine that connects: python3 -m pip install 'PyMySQL[rsa]'.",
    "unsupported_version": "Upgrade the server, or leave it out of the group.",
    "unreadable": "The server's own account of its state cannot be understood. Please report this with the output of -vvv.",
    "privilege_missing": "Grant the account the privilege that is named; the README lists all that are needed.",
    # The primary
    "primary_alive": "Nothing needs to be failed over. To move the role from a living primary use dbha.mysql.switchover.",
    "primary_maybe_alive": (
        "Make sure that the primary is dead (switch its host off, or end its process), then run this again; "
        "or, if you are sure that it is, use failover_force=true."
    ),
    "primary_dead": "Run dbha.mysql.failover.",
    "primary_read_only": (
        "If a switchover was interrupted, run it again: to the same server, or to this one to give the role back (switchover_to). "
        "Otherwise allow writes on it (SET GLOBAL read_only = 0)."
    ),
    "primary_unknown": "Name the primary (failover_dead_primary), or check the group: its servers do not follow one and the same source.",
    "two_writable": "Two servers take writes. Make the one that is not the primary read-only, then bring it back with dbha.mysql.rejoin.",
    # Members that do not belong together
    "same_server": "Take one of the two entries out: they are the same server under two names.",
    "same_server_uuid": "One was copied from the other with its identity. Stop one, delete auto.cnf in its data directory, start it: it makes a new UUID.",
    "same_server_id": "Give each server a server_id of its own; replicas with the same one throw each other off the primary.",
    "mixed_families": "A cluster is of one family: put MySQL and MariaDB servers into groups of their own.",
    "other_primary": "It replicates from a server outside this cluster. Repoint it, or take it out of the group.",
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
    "history_lost": (
        "Its data are older than what it wrote: a crash without sync_binlog=1, or an old copy. As a replica it would skip what bears its own server_id. "
        "Overwrite it by a copy: rejoin_method=clone (MySQL 8.0.17 and later) or rejoin_method=rebuild."
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
    "changed_meanwhile": "Something else works on this cluster. Nothing was promoted; run it again to decide anew.",
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

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.code]

    def __str__(self) -> str:
        return "[%s] %s" % (self.code, self.message)


def check_reading(topology: Topology) -> Iterator[Problem]:
    """Members whose state could not be had; the primary apart, of which that is expected."""
    for member in topology.unread:
        if member.failure is not None:
            yield Problem(member.failure.code, member.name, member.failure.message)


def check_identities(topology: Topology) -> Iterator[Problem]:
    """Members that are one server twice, share an identity, or are of different families."""
    read = [member for member in topology.members if member.state is not None]
    families = sorted({member.known.family for member in read})
    if len(families) > 1:
        named = ", ".join("%s %s" % (member.name, member.known.version_text) for member in read)
        yield Problem("mixed_families", "", "the cluster has servers of both families: %s" % named)
    by_id: t.Dict[int, Member] = {}
    for member in read:
        other = by_id.setdefault(member.known.server_id, member)
        if other is member:
            continue
        pair = (other.name, member.name)
        if member.endpoints & other.endpoints:
            yield Problem("same_server", member.name, "%s and %s are the same server" % pair)
        elif not member.known.server_uuid or member.known.server_uuid != other.known.server_uuid:
            yield Problem("same_server_id", member.name, "%s and %s have the same server_id %d" % (pair + (member.known.server_id,)))
    by_uuid: t.Dict[str, Member] = {}
    for member in read:
        if not member.known.server_uuid:
            continue
        other = by_uuid.setdefault(member.known.server_uuid, member)
        if other is not member and not member.endpoints & other.endpoints:
            yield Problem("same_server_uuid", member.name, "%s and %s have the same server_uuid %s" % (other.name, member.name, member.known.server_uuid))


def check_replication(topology: Topology) -> Iterator[Problem]:
    """Replicas that do not use GTIDs, follow somebody else, or could change by themselves."""
    for member in topology.replicas:
        state = member.known
        channel = channel_of(member)
        if state.gtid_mode != "ON":
            yield Problem("gtid_off", member.name, "%s has gtid_mode=%s" % (member.name, state.gtid_mode))
        elif channel is not None and not channel.auto_position:
            yield Problem("gtid_off", member.name, "%s replicates by file and position, not by GTID" % member.name)
        if len(state.channels) > 1:
            names = ", ".join(repr(each.name) for each in state.channels)
            yield Problem("multi_source", member.name, "%s replicates over several channels: %s" % (member.name, names))
        source = topology.sources.get(member.name)
        if _follows_stranger(member, topology):
            yield Problem(
                "other_primary", member.name, "%s replicates from %s, not from %s" % (member.name, source, topology.primary or "a member of this cluster")
            )
        for each in state.channels:
            if each.auto_failover:
                yield Problem("auto_failover_on", member.name, "%s has SOURCE_CONNECTION_AUTO_FAILOVER=1" % member.name)


def check_relay_logs(topology: Topology) -> Iterator[Problem]:
    """MariaDB replicas whose next start would discard what they have received.

    In GTID mode the first thread that starts while both are stopped throws the relay logs away (seen: 10.11, 11.8).
    """
    for member in topology.replicas:
        channel = channel_of(member)
        left = member.known.not_applied
        if channel is not None and channel.relay_logs is not None and (left or channel.relay_logs.trouble):
            message = "%s stands still, and its relay logs hold %s not applied yet: %s" % (member.name, left.counted(), left)
            yield Problem("relay_logs_at_risk", member.name, message, gtids=str(left))


def check_relay_logs_are_known(topology: Topology) -> Iterator[Problem]:
    """MariaDB replicas whose relay logs cannot be read to their end, so that nobody knows what they have received."""
    for member in topology.replicas:
        channel = channel_of(member)
        if channel is not None and channel.relay_logs is not None and not channel.relay_logs.is_complete:
            message = "%s stands still, and it cannot be told what its relay logs hold: %s" % (member.name, channel.relay_logs.trouble)
            yield Problem("relay_logs_at_risk", member.name, message)


def check_histories(topology: Topology) -> Iterator[Problem]:
    """Transactions of a replica that cannot have come from its primary, as far as that can be told from what the servers have.

    What replicas hold beyond the dead primary's last polled set is not errant (seen: false alarms in other tools), nor what clients have
    written to a replica since an interrupted run has opened it.
    """
    origins = _primary_origins(topology)
    for member in topology.replicas:
        others = [other for other in topology.members if other.state is not None and other is not member]
        if member.known.leads or _follows_stranger(member, topology) or _may_have_been_opened(member, others, topology):
            continue
        find = _errant_in_mysql if member.known.family == "mysql" else _errant_in_mariadb
        errant = find(member, others, origins)
        if errant:
            message = "%s holds transactions that no other server has and that its primary never had: %s" % (member.name, errant)
            yield Problem("errant", member.name, message, gtids=str(errant))


def check_own_history(name: str, state: State, source_name: str, source: State) -> Iterator[Problem]:
    """What a former primary wrote, lost, and would never get back: a replica skips whatever bears its own server_id."""
    lost = source.executed.subtract(state.received).of_origins([state.identity])
    if lost:
        yield Problem("history_lost", name, "%s lacks %s that it wrote itself and %s has: %s" % (name, lost.counted(), source_name, lost), str(lost))


def _follows_stranger(member: Member, topology: Topology) -> bool:
    """Whether a replica follows neither the primary nor a member: that is what is wrong with it, not the transactions that it has from there."""
    source = topology.sources.get(member.name)
    return source is not None and source != topology.primary and (source not in topology or not topology[source].listed)


def _may_have_been_opened(member: Member, others: Sequence[Member], topology: Topology) -> bool:
    """Whether a run may have been interrupted right after it opened this replica, before it could end its replication.

    Before that a failover stops its receiver, and a switchover closes the old primary.
    """
    channel, primary = channel_of(member), topology.primary_member
    if topology.primary_status == ALIVE:
        prepared = primary is not None and primary.state is not None and not primary.state.writable
    else:
        prepared = channel is not None and channel.receives_no_more
    return prepared and member.known.writable and all(member.known.executed.contains(other.known.received) for other in others)


def _errant_in_mysql(member: Member, others: Sequence[Member], origins: t.FrozenSet[str]) -> t.Optional[Transactions]:
    """Return what no other server has, the primary's own apart.

    A server that stands still, and lacks something that the primary wrote, may do so since an earlier primary, which may have been this member:
    it is no witness.
    """
    received = member.known.received
    suspect = received.of_origins(received.origins() - origins if origins else [member.known.identity])
    fed = received.of_origins(origins)
    witnesses = [other for other in others if not origins or other.known.identity in origins or _was_fed(other, other.known.received.of_origins(origins), fed)]
    if not witnesses:
        return None
    elsewhere = empty("mysql")
    for other in witnesses:
        elsewhere = elsewhere.union(other.known.received)
    return suspect.subtract(elsewhere)


def _was_fed(other: Member, theirs: Gtids, fed: Gtids) -> bool:
    """Whether a server received what the primary wrote, all of it or until it died."""
    return bool(theirs) and (_kept_receiving(other) or theirs.contains(fed))


def _kept_receiving(other: Member) -> bool:
    channel = channel_of(other)
    return channel is not None and not channel.receives_no_more


def _errant_in_mariadb(member: Member, others: Sequence[Member], origins: t.FrozenSet[str]) -> t.Optional[Transactions]:
    """Return the last numbers that a replica wrote itself, where no other server knows them.

    A state names the last number of each server: of a replica built from a copy only those since then. One that does not know every earlier
    primary is no witness, nor is one that stands still and lacks something that the primary wrote (see above); one that does not log what it
    applies names nobody but itself.
    """
    own = member.known.identity
    numbers = _numbers(member)
    earlier = {key for key in numbers if str(key[1]) not in (own, *origins)}
    fed = {key: number for key, number in numbers.items() if str(key[1]) in origins}
    known = [_numbers(other) for other in others if other.known.log_replica_updates]
    witnesses = [
        theirs
        for other, theirs in zip(others, map(_numbers, others))
        if other.known.log_replica_updates
        and earlier <= theirs.keys()
        and (other.known.identity in origins or _kept_receiving(other) or all(theirs.get(key, 0) >= number for key, number in fed.items()))
    ]
    if own in origins or not witnesses:
        return None
    errant = {key: number for key, number in numbers.items() if str(key[1]) == own and all(number > theirs.get(key, 0) for theirs in known)}
    return MariaDBGtids(tuple(errant.items()))


def _numbers(member: Member) -> t.Dict[t.Tuple[int, int], int]:
    received = member.known.received
    return dict(received.numbers) if isinstance(received, MariaDBGtids) else {}


def _primary_origins(topology: Topology) -> t.FrozenSet[str]:
    """Name the primary as GTIDs do: what it says of itself, or what those that follow it know of it."""
    primary = topology.primary_member
    if primary is not None and primary.state is not None:
        return frozenset([primary.state.identity])
    followers = [member for member in topology.replicas if topology.sources.get(member.name) == topology.primary]
    channels = [(member.known.family, channel) for member in followers for channel in member.known.channels[:1]]
    return frozenset(channel.source_uuid if family == "mysql" else str(channel.source_id or "") for family, channel in channels) - {""}


def check_writers(topology: Topology) -> Iterator[Problem]:
    """Servers beside the primary that take writes, and a living primary that takes none."""
    primary = topology.primary_member
    if primary is not None and primary.state is not None and not primary.state.writable:
        yield Problem("primary_read_only", primary.name, "the primary %s is read-only" % primary.name)
    for member in topology.replicas:
        if member.known.writable and primary is not None and primary.state is not None and primary.state.writable:
            yield Problem("two_writable", member.name, "%s takes writes beside the primary %s" % (member.name, primary.name))


def check_leaders(topology: Topology) -> Iterator[Problem]:
    """What leaves open where clients are to write although the primary lives; replicas that could be written to, but follow it, do not."""
    for problem in check_writers(topology):
        if problem.server == topology.primary or topology[problem.server].known.leads:
            yield problem


def check_followers(topology: Topology) -> Iterator[Problem]:
    """Replicas of a living primary that do not replicate."""
    for member in topology.replicas:
        channel = channel_of(member)
        if channel is None:
            yield Problem("not_a_replica", member.name, "%s replicates from nobody" % member.name)
        elif applier_broken(member):
            yield Problem("applier_broken", member.name, "the applier of %s failed: %s" % (member.name, channel.applier_error))
        elif channel.receives_no_more or channel.applier == STOPPED:
            error = channel.receiver_error or channel.applier_error
            message = "%s does not replicate: receiver %s, applier %s%s" % (member.name, channel.receiver, channel.applier, ": " + error if error else "")
            yield Problem("not_replicating", member.name, message)
        elif channel.receiver == CONNECTING and topology.primary_status == ALIVE:
            message = "%s cannot connect to %s: %s" % (member.name, topology.sources.get(member.name), channel.receiver_error)
            yield Problem("not_replicating", member.name, message)


def check_primary_is_dead(topology: Topology) -> Iterator[Problem]:
    """What speaks against taking the role away from the primary."""
    name = topology.primary
    if name is None:
        followed = ", ".join("%s follows %s" % pair for pair in sorted(topology.sources.items())) or "nobody follows anybody"
        yield Problem("primary_unknown", "", "it cannot be told which server is the primary: %s" % followed)
        return
    status = topology.primary_status
    member = topology.primary_member
    if status == ALIVE:
        detail = "" if member is None or member.failure is None else " (it answered: %s)" % member.failure.message
        yield Problem("primary_alive", name, "the primary %s is alive%s" % (name, detail))
    elif status != DEAD:
        receiving = topology.receiving_from_primary
        if receiving:
            connected = "%s still %s connected to it" % (", ".join(receiving), "are" if len(receiving) > 1 else "is")
            message = "the primary %s does not answer here, but %s" % (name, connected)
        else:
            failure = member.failure if member is not None else None
            message = "the primary %s may be alive: %s" % (name, failure.message if failure is not None else "it was not asked")
        yield Problem("primary_maybe_alive", name, message)


def check_primary_lives(topology: Topology) -> Iterator[Problem]:
    """What speaks against the primary being alive."""
    for problem in check_primary_is_dead(topology):
        if problem.code != "primary_alive":
            yield problem
    if topology.primary_status == DEAD and topology.primary is not None:
        yield Problem("primary_dead", topology.primary, "the primary %s is dead: nothing answers there and no replica receives from it" % topology.primary)


def check_election(topology: Topology, election: Election) -> Iterator[Problem]:
    """What speaks against an election's outcome: nobody eligible, or transactions that would be lost."""
    if not topology.replicas:
        yield Problem("no_replicas", "", "there is no replica whose state is known")
        return
    if election.best is None:
        why = "; ".join("%s: %s" % (rank.name, ", ".join(rank.reasons)) for rank in election.ranking)
        yield Problem("no_candidate", "", "no replica may be promoted: %s" % why)
    for member in topology.replicas:
        if member.known.leads and member.name != election.best:
            message = "%s takes writes and follows nobody (promoted by an earlier run?): %s would be the second" % (member.name, election.best or "another")
            yield Problem("two_writable", member.name, message)
    for loss in election.lost:
        member = topology[loss.server]
        channel = channel_of(member)
        gtids = str(loss.transactions)
        who = "nobody else can" if election.best in (None, loss.server) else "%s cannot" % election.best
        counted = "%s that %s get: %s" % (loss.transactions.counted(), who, gtids)
        if applier_broken(member) and channel is not None:
            message = "the applier of %s failed (%s), and it has received %s" % (loss.server, channel.applier_error, counted)
            yield Problem("applier_broken", loss.server, message, gtids=gtids)
        elif relay_log_trouble(member):
            message = "the relay logs of %s cannot be applied (%s), and it has received %s" % (loss.server, relay_log_trouble(member), counted)
            yield Problem("relay_logs_at_risk", loss.server, message, gtids=gtids)
        else:
            yield Problem("diverged", loss.server, "%s has %s" % (loss.server, counted), gtids=gtids)


def check_opened(topology: Topology, election: Election) -> Iterator[Problem]:
    """A replica that an interrupted run may have opened already, where another one is to be promoted that takes no writes yet.

    To be asked before receivers are stopped: where replicas take writes at all times, those that stand still cannot be told apart after that.
    """
    if election.best is None or topology[election.best].known.writable:
        return
    for member in topology.replicas:
        others = [other for other in topology.members if other.state is not None and other is not member]
        if channel_of(member) is not None and _may_have_been_opened(member, others, topology):
            message = "%s takes writes (opened by an interrupted run?), and %s would be the second. To finish that run, promote %s (failover_candidates, "
            message = (message + "switchover_to)") % (member.name, election.best, member.name)
            yield Problem("two_writable", member.name, message)


def check_names(topology: Topology, names: Iterable[str]) -> Iterator[Problem]:
    """Names that are no members."""
    for name in names:
        if name not in [member.name for member in topology.listed]:
            listed = ", ".join(sorted(member.name for member in topology.listed))
            yield Problem("not_a_member", name, "%r is no member of this cluster (%s)" % (name[:100], listed))


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
