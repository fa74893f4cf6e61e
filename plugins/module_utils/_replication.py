# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The steps on one server: stop receiving, drain, promote, repoint, and putting threads back as they were found.

Steps do not decide. Each reads back what it did, waits no longer than it was told, and may be run again after it was interrupted.
"""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from ansible_collections.dbha.mysql.plugins.module_utils._checks import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._flavor import MariaDB, MySQL
from ansible_collections.dbha.mysql.plugins.module_utils._gtid import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._relay_logs import RelayLogGone, RelayLogs, read_relay_logs
from ansible_collections.dbha.mysql.plugins.module_utils._server import OutcomeUnknown, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._state import CONNECTING, RUNNING, STOPPED, STOPPING, read_state

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._flavor import Flavor, SourceOptions
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._relay_logs import Position
    from ansible_collections.dbha.mysql.plugins.module_utils._server import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._state import Channel, State

# ER_NO_SUCH_THREAD: what was to be killed has ended by itself.
_NO_SUCH_THREAD = 1094

# ER_MTS_CHANGE_MASTER_CANT_RUN_WITH_GAPS: the workers of a replica ended out of order (seen: MySQL 5.6, killed; with GTIDs 9.7 does not mind).
_GAPS = 1802

# Seconds after which parallel appliers have said how far they are (replica_checkpoint_period is 0.3 s unless somebody has changed it).
_CHECKPOINT = 0.7

# What a receiver gets to stop that is not connected (seconds). After that it is not waited for, unless something else depends on it.
_CONNECTING_STOP = 1.0

# Seconds that an applier whose work will be fetched again gets to end by itself.
_PATIENCE = 2.0

# Seconds that the gaps of parallel workers may take to be filled: each of them had a few transactions in hand.
_LONGEST_FILL = 20.0

# A wait on the server ends at least this often (seconds), so that an applier that failed meanwhile is seen (FACTS: a wait does not end with it).
_LONGEST_SLICE = 5


@dataclass(frozen=True)
class Threads:
    """Which threads of a replica are to run."""

    receiver: bool
    applier: bool


class Node:
    """A connected server with what speaks to it and its state when it was last read."""

    def __init__(self, server: Server) -> None:
        self.server = server
        # Of a replica of MariaDB whose delay is lifted, until its relay logs are applied.
        self.lifted_delay = 0
        self._relay_logs: t.Optional[t.Tuple[t.Any, RelayLogs]] = None
        self.flavor: Flavor
        self.state: State
        self.flavor, self.state = read_state(server)

    @property
    def name(self) -> str:
        """The member's name."""
        return self.server.name

    @property
    def channel(self) -> t.Optional[Channel]:
        """The channel over which it follows its cluster."""
        return self.state.channels[0] if self.state.channels else None

    def reconnect(self) -> None:
        """Connect anew, after a statement of which it is not known whether it still runs: that one is ended first, so that it changes no more.

        Raises ``OutcomeUnknown`` when it does not end.
        """
        left_behind = self.server.connection_id
        self.server.close()
        self.server.connect()
        kill(self.server, self.flavor, left_behind)
        deadline = time.monotonic() + self.server.login.read_timeout
        while any(row["ID"] == left_behind for row in self.server.send(self.flavor.show_processlist())):
            if time.monotonic() >= deadline:
                raise OutcomeUnknown(self.name, "%s: connection %d does not end, although it was killed" % (self.name, left_behind))
            time.sleep(0.01)

    def read(self) -> State:
        """Ask the server again."""
        self.flavor, self.state = read_state(self.server)
        return self.state

    def purged(self) -> Gtids:
        """Return what its binary logs no longer hold. MariaDB says so only at the beginning of the oldest one."""
        if not isinstance(self.flavor, MariaDB):
            return self.state.purged
        for log in self.server.send(self.flavor.show_binary_logs())[:1]:
            for event in self.server.send(self.flavor.show_first_events(str(log["Log_name"]))):
                if event["Event_type"] == "Gtid_list":
                    return MariaDBGtids.parse(str(event["Info"]).strip("[]"))
        return MariaDBGtids()

    def look_into_relay_logs(self) -> None:
        """Make the state say what waits in the relay logs of a replica that stands still, by reading them.

        That takes as long as they are large, so what was found is kept until the replica moves.
        """
        for attempts_left in (2, 1, 0):
            channel, executed = self.channel, self.state.executed
            if channel is None or not isinstance(self.flavor, MariaDB) or not isinstance(executed, MariaDBGtids):
                return
            key = (executed, channel.relay_log, channel.raw.get("Relay_Log_Space"))
            if self._relay_logs is None or self._relay_logs[0] != key:
                try:
                    self._relay_logs = (key, read_relay_logs(self.server, self.flavor, channel.name, channel.relay_log, executed))
                except RelayLogGone:
                    if attempts_left:
                        self.read()
                        continue
                    self._relay_logs = (key, RelayLogs(MariaDBGtids(), trouble="%s is not there" % channel.relay_log[0], is_complete=False))
            self.state = replace(self.state, channels=(replace(channel, relay_logs=self._relay_logs[1]), *self.state.channels[1:]))
            return


def threads_of(node: Node) -> Threads:
    """Return which threads run now; a receiver that tries to connect does."""
    channel = node.channel
    return Threads(channel is not None and not channel.receives_no_more, channel is not None and channel.applier == RUNNING)


def stop_receiving(node: Node) -> None:
    """Stop the receiver, so that the set of what the replica has moves no more.

    MariaDB in GTID mode throws its relay logs away at the next start once both threads are stopped (seen: 10.11, 11.8), so there an
    applier that does not run is started first. One that failed would fail again: its receiver is left alone, which has nowhere to connect to.
    """
    channel = node.channel
    if channel is None or channel.receives_no_more or keeps_receiver(channel, node.state.family):
        return
    if node.state.family == "mariadb" and channel.applier == STOPPED:
        node.server.send(node.flavor.start_applier(channel.name))
    if channel.receiver == CONNECTING and node.flavor.count_pending_stops() is not None and not node.server.check_mode:
        _tell_receiver_to_stop(node, channel)
    else:
        node.server.send(node.flavor.stop_receiver(channel.name))


def _tell_receiver_to_stop(node: Node, channel: Channel) -> None:
    """Stop a receiver that connects, perhaps to a host that is off, without waiting until it gives up: it will receive no more in any case.

    On a connection of its own, since the one that waits is given up, and locks are held by the other.
    """
    messenger = node.server.twin()
    try:
        messenger.send(replace(node.flavor.stop_receiver(channel.name), timeout=_CONNECTING_STOP))
    except OutcomeUnknown:
        node.read()
        if node.channel is None or not node.channel.receives_no_more:
            raise
    finally:
        messenger.close()


def let_receiver_stop(node: Node, say: t.Callable[[str], None]) -> None:
    """Wait for a receiver that has been told to stop. Until it has, nothing else can be done to the threads and where they replicate from."""
    limit = float(node.state.variables.get("slave_net_timeout") or 60) + _CHECKPOINT
    deadline = time.monotonic() + limit
    said = False
    while node.channel is not None and node.channel.receiver == STOPPING and time.monotonic() < deadline:
        if not said:
            say("%s: its receiver still tries to connect to a host that does not answer; it ends within %g s (slave_net_timeout)" % (node.name, limit))
            said = True
        time.sleep(0.1)
        node.read()


def keeps_receiver(channel: Channel, family: str) -> bool:
    """Whether stopping the receiver too would put the relay logs at risk, because the applier has failed."""
    return family == "mariadb" and channel.applier == STOPPED and bool(channel.applier_error)


def restore_threads(node: Node, found: Threads, say: t.Callable[[str], None]) -> None:
    """Let the threads run as they were found. The receiver first: in MariaDB never both may be stopped.

    Raises ``Refusal`` with C(relay_logs_at_risk) where starting one would throw relay logs away.
    """
    let_receiver_stop(node, say)
    channel = node.channel
    if channel is None:
        return
    if channel.applies_relay_logs:
        if channel.applier == RUNNING:
            return  # let it get on: to stop it may take long, and the next run takes it up where it is then
        _put_relay_logs_back(node)
        node.read()
    now = threads_of(node)
    if (found.receiver or found.applier) and _has_waiting_relay_logs(node):
        message = "%s is left with both threads stopped: to start one would throw away what waits in its relay logs" % node.name
        raise Refusal([Problem("relay_logs_at_risk", node.name, message, str(node.state.not_applied))])
    if found.receiver and not now.receiver:
        node.server.send(node.flavor.start_receiver(channel.name))
    if found.applier and not now.applier:
        node.server.send(node.flavor.start_applier(channel.name))
    if channel.receiver == RUNNING:
        return  # we had stopped it: another run has been faster, and it is a replica of the new primary
    if now.receiver and not found.receiver:
        node.server.send(node.flavor.stop_receiver(channel.name))
    if now.applier and not found.applier:
        node.server.send(node.flavor.stop_applier(channel.name))


def _has_waiting_relay_logs(node: Node) -> bool:
    """Whether relay logs are lost when a thread is started now."""
    channel = node.channel
    if channel is None or node.state.family != "mariadb" or not channel.is_stopped:
        return False
    node.look_into_relay_logs()
    return bool(node.state.not_applied)


def _relay_log_start(channel: Channel) -> t.Optional[Position]:
    """Return where applying has to begin if starting the applier as usual would throw relay logs away."""
    return channel.relay_logs.start if channel.is_stopped and channel.relay_logs is not None else None


def _start_applier(node: Node) -> None:
    """Start the applier where it does not run; in MariaDB, after both threads were stopped, in the way that keeps the relay logs."""
    channel = node.channel
    if channel is None:
        return
    start = _relay_log_start(channel)
    if isinstance(node.flavor, MariaDB) and start is not None:
        node.server.send(node.flavor.keep_relay_logs(*start, channel.name, at_once=bool(node.lifted_delay)))
    node.server.send(node.flavor.start_applier(channel.name))


def _end_applying_relay_logs(node: Node) -> None:
    """Go back to GTID mode, after the relay logs of a replica that was found with both threads stopped are applied."""
    channel = node.channel
    if channel is None or not isinstance(node.flavor, MariaDB):
        return
    if channel.applies_relay_logs or (node.server.check_mode and _relay_log_start(channel) is not None):
        if channel.applier != STOPPED or node.server.check_mode:
            node.server.send(node.flavor.stop_applier(channel.name))
        node.server.send(node.flavor.use_gtid(channel.name, node.lifted_delay))
        node.read()


def _put_relay_logs_back(node: Node) -> None:
    """Go back to GTID mode with the rest of the relay logs in place, after the applier has failed at one.

    The position does not matter much: what is not applied is always found out from the events.
    """
    channel = node.channel
    if channel is None or not isinstance(node.flavor, MariaDB):
        return
    source_file = str(channel.raw.get("Relay_Master_Log_File") or "")
    source_position = int(channel.raw.get("Exec_Master_Log_Pos") or 4)
    node.server.send(node.flavor.put_relay_logs_back(*channel.relay_log, source_file, source_position, channel.name))


def drain(node: Node, timeout: float, say: t.Callable[[str], None], goal: t.Optional[Gtids] = None) -> None:
    """Apply all that was received, or at least RV(goal), within RV(timeout) seconds.

    Raises ``Refusal`` with C(applier_broken) when the applier fails and C(drain_timeout) when time is up, each with what is left.
    """
    wanted = goal if goal is not None else node.state.received
    channel = node.channel
    deadline = time.monotonic() + timeout
    if goal is None and channel is not None and channel.delay and node.state.not_applied:
        with _without_delay(node, channel.delay, say):
            _apply_until(node, wanted, deadline, timeout, say)
            _end_applying_relay_logs(node)
        return
    _apply_until(node, wanted, deadline, timeout, say)
    left, channel = wanted.subtract(node.state.executed), node.channel
    if goal is not None and left and channel is not None and not node.server.check_mode:
        # Of what it has received itself, only a half may be left. This it was to fetch.
        raise Refusal([Problem("not_replicating", node.name, _how_far(node, left, "its receiver stopped: %s" % channel.receiver_error), str(left))])
    _end_applying_relay_logs(node)


@contextmanager
def _without_delay(node: Node, delay: int, say: t.Callable[[str], None]) -> t.Iterator[None]:
    """Let a replica that is late on purpose apply at once what it has received. Its delay is put back afterwards.

    MariaDB changes it only while both threads stand still, so that the relay logs have to be kept as after a stop of both; it is put back with
    the GTID mode. MySQL 5.6 cannot change it without losing them: there it has to be waited for.
    """
    if isinstance(node.flavor, MariaDB):
        lifted = _stop_to_apply_at_once(node, delay)
    else:
        lifted = not node.flavor.counts_halves
        if lifted:
            _change_delay(node, 0)
    how = "its delay is lifted while it applies what it has received" if lifted else "what it received last is applied only then"
    say("%s: it replicates %d s late on purpose: %s" % (node.name, delay, how))
    try:
        yield
    finally:
        if lifted and node.server.is_open and not isinstance(node.flavor, MariaDB):
            _change_delay(node, delay)


def _change_delay(node: Node, seconds: int) -> None:
    """Change the delay of a replica of MySQL. Its relay logs stay because its receiver runs meanwhile."""
    channel = node.channel
    if channel is None or not isinstance(node.flavor, MySQL):
        return
    applies = channel.applier != STOPPED
    receives = channel.receiver != STOPPED and not node.server.check_mode  # where stop_receiving() has stopped it, in the plan
    if not receives:
        node.server.send(node.flavor.start_receiver(channel.name))
    stop_applying(node)
    node.server.send(node.flavor.set_delay(seconds, channel.name))
    if applies:
        node.server.send(node.flavor.start_applier(channel.name))
    if not receives:
        node.server.send(node.flavor.stop_receiver(channel.name))
    node.read()


def _stop_to_apply_at_once(node: Node, delay: int) -> bool:
    """Stop the applier of a replica of MariaDB, so that it is started without its delay. Return C(False) where that would put relay logs at risk."""
    node.look_into_relay_logs()
    channel = node.channel
    if channel is None or channel.applier_error or channel.relay_logs is None or channel.relay_logs.trouble or channel.relay_logs.start is None:
        return False
    if channel.applier != STOPPED:
        node.server.send(node.flavor.stop_applier(channel.name))
    if node.server.check_mode:
        node.state = replace(node.state, channels=(replace(channel, receiver=STOPPED, applier=STOPPED), *node.state.channels[1:]))
    else:
        node.read()
        node.look_into_relay_logs()
        if node.state.not_applied and (node.channel is None or _relay_log_start(node.channel) is None):
            message = "%s is left with both threads stopped: to start one would throw away what waits in its relay logs" % node.name
            raise Refusal([Problem("relay_logs_at_risk", node.name, message, str(node.state.not_applied))])
    node.lifted_delay = delay
    return True


def _apply_until(node: Node, wanted: Gtids, deadline: float, timeout: float, say: t.Callable[[str], None]) -> None:
    started = False
    wait = 1
    while True:
        left = wanted.subtract(node.state.executed)
        channel = node.channel
        if not left or channel is None:
            return
        # In check mode stop_receiving() has started it in the plan, and the state does not know of that.
        if channel.applier == STOPPED and not (node.server.check_mode and node.state.family == "mariadb" and channel.receiver != STOPPED):
            if channel.applier_error and started:
                raise Refusal([Problem("applier_broken", node.name, _how_far(node, left, "the applier failed: " + channel.applier_error), str(left))])
            let_receiver_stop(node, say)
            _start_applier(node)
        started = True
        if node.server.check_mode or _has_applied_what_it_has(node):
            return
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise Refusal([Problem("drain_timeout", node.name, _how_far(node, left, "%g s were not enough" % timeout), str(left))])
        before = node.state.executed
        node.server.send(node.flavor.wait_until_applied(_wait_text(wanted), max(1, min(wait, int(remaining))), channel.name))
        wait = min(wait * 2, _LONGEST_SLICE)
        node.read()
        if wait >= 4:
            done = node.state.executed.subtract(before).count()
            say("%s: applying what it has received: %d transactions left, %d done since" % (node.name, wanted.subtract(node.state.executed).count(), done))


def _has_applied_what_it_has(node: Node) -> bool:
    """Whether nothing more will be applied: of a transaction that was to be applied, only a part has arrived (see C(_state))."""
    channel = node.channel
    return channel is not None and channel.receives_no_more and not channel.applies_relay_logs and not node.state.not_applied


def _how_far(node: Node, left: Transactions, why: str) -> str:
    return "%s has not applied all it has received, %d transactions are left (%s): %s" % (node.name, left.count(), left, why)


def _wait_text(wanted: Gtids) -> str:
    # MASTER_GTID_WAIT takes one GTID for each domain.
    return str(wanted.position()) if isinstance(wanted, MariaDBGtids) else str(wanted)


def allow_writes(node: Node) -> None:
    """Open the server for writes: the point of no return."""
    if not node.state.writable:
        for statement in node.flavor.allow_writes():
            node.server.send(statement)


def forbid_writes(node: Node) -> None:
    """Close a server for writes that nobody is to write to any more."""
    if node.state.writable:
        for statement in node.flavor.forbid_writes():
            node.server.send(statement)


def can_wait_for_acknowledgements(node: Node, acknowledgers: int) -> bool:
    """Whether a new primary can be semi-synchronous: with too few replicas to acknowledge, its first commit would hang."""
    semi_sync = node.state.semi_sync
    return bool(semi_sync.source_variable) and acknowledgers >= max(1, semi_sync.wait_for)


def set_semi_sync_source(node: Node, enabled: bool) -> None:
    """Let a server wait for acknowledgements as a source, or not."""
    semi_sync = node.state.semi_sync
    if semi_sync.source_variable:
        node.server.send(node.flavor.set_semi_sync(semi_sync.source_variable, enabled))


def set_semi_sync_replica(node: Node, enabled: bool) -> None:
    """Let a server acknowledge as a replica, or not. It counts from the next start of its receiver."""
    semi_sync = node.state.semi_sync
    if semi_sync.replica_variable and semi_sync.replica != enabled:
        node.server.send(node.flavor.set_semi_sync(semi_sync.replica_variable, enabled))


def persist_read_only(node: Node, read_only: bool) -> bool:
    """Let C(read_only) outlast a restart. Return whether the server can do that."""
    statements = node.flavor.persist_read_only(read_only)
    for statement in statements:
        node.server.send(statement)
    return bool(statements)


def forget_source(node: Node) -> None:
    """End replication on a server that is promoted, and forget where it came from."""
    _end_half_transaction(node)
    for channel in node.state.channels:
        if not channel.is_stopped or node.server.check_mode:
            node.server.send(node.flavor.stop_replica(channel.name))
        node.server.send(node.flavor.forget_source(channel.name))


def _end_half_transaction(node: Node) -> None:
    """Roll back a transaction of which the source has sent only a part: to stop the applier would take a minute, for it waits for the rest.

    Seen on MySQL 9.7. More than is executed was read then, although all that was received whole is. A server with several channels is left
    alone: it cannot be told whose threads they are.

    MySQL 5.6 does it too where it has parallel workers, and what it counts as received tells of a half only once it has read everything.
    """
    deadline = time.monotonic() + _PATIENCE
    while node.flavor.counts_halves and node.state.not_applied and _applies_without_receiving(node) and time.monotonic() < deadline:
        time.sleep(0.05)
        node.read()
    deadline = time.monotonic() + _CHECKPOINT
    while _reads_without_end(node):
        threads = _replication_threads(node.server, node.flavor)
        in_transaction = {int(row["ID"]) for row in node.server.send(node.flavor.show_open_transactions())}
        if in_transaction.intersection(threads) or time.monotonic() >= deadline:
            for thread in threads:
                kill(node.server, node.flavor, thread)
            return
        time.sleep(0.05)
        node.read()


def stop_applying(node: Node) -> None:
    """Stop the applier of a replica that is drained: of a transaction that it has received only a part of it may hold the rows, and the GTID."""
    _end_half_transaction(node)
    for channel in node.read().channels[:1]:
        if channel.applier != STOPPED:
            node.server.send(node.flavor.stop_applier(channel.name))


def count_as_replicated(node: Node, applied: Gtids) -> None:
    """Let a replica that stands still know what was applied past its applier: MariaDB would ask a source for it again. MySQL sees that itself."""
    if isinstance(node.flavor, MariaDB) and applied:
        replicated = MariaDBGtids.parse(str(node.server.send(node.flavor.select_gtids())[0]["slave_pos"]))
        node.server.send(node.flavor.count_as_replicated(str(replicated.union(applied).position())))


def _reads_without_end(node: Node) -> bool:
    channel = node.channel
    return _applies_without_receiving(node) and channel is not None and not channel.all_read_is_executed and not node.state.not_applied


def _applies_without_receiving(node: Node) -> bool:
    channel = node.channel
    return (
        node.state.family == "mysql"
        and channel is not None
        and len(node.state.channels) == 1
        and channel.receiver != RUNNING
        and channel.applier != STOPPED
        and not node.server.check_mode
    )


def _replication_threads(server: Server, flavor: Flavor) -> t.List[int]:
    """Return the ids of a replica's threads, workers before their coordinator, which was there first."""
    return sorted((int(row["ID"]) for row in server.send(flavor.show_processlist()) if row["USER"] == "system user"), reverse=True)


def kill(server: Server, flavor: Flavor, connection_id: int) -> None:
    """End a connection or thread, if it has not ended by itself."""
    try:
        server.send(flavor.kill(connection_id))
    except StatementFailed as error:
        if error.errno != _NO_SUCH_THREAD:
            raise


def repoint(node: Node, source: SourceOptions) -> None:
    """Let a replica follow another source from what it has executed; it fetches there what was in its relay logs."""
    channel = node.channel
    name = channel.name if channel is not None else ""
    _end_half_transaction(node)
    if channel is not None and not channel.is_stopped:
        _stop_for_good(node, name)
    try:
        node.server.send(node.flavor.change_source(source, name))
    except StatementFailed as error:
        if error.errno != _GAPS:
            raise
        _fill_gaps(node)
        node.server.send(node.flavor.change_source(source, name))
    node.server.send(node.flavor.start_replica(name))


def _stop_for_good(node: Node, name: str) -> None:
    """Stop the threads of a replica whose relay logs are to go. An applier that waits, for a lock or for the rest of a transaction, is ended.

    What it rolls back is fetched again. One of MySQL 5.6 must end in order (C(_GAPS)), and it is not known whose the threads of several channels are.
    """
    statement = node.flavor.stop_replica(name)
    if node.flavor.counts_halves or node.state.family != "mysql" or len(node.state.channels) > 1:
        node.server.send(statement)
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        stopping = pool.submit(node.server.send, statement)
        try:
            stopping.result(timeout=_PATIENCE)
        except NotDone:
            with closing(node.server.twin()) as twin:
                for thread in _replication_threads(twin, node.flavor):
                    kill(twin, node.flavor, thread)
            stopping.result()


def _fill_gaps(node: Node) -> None:
    """Apply what is missing before transactions that parallel workers have applied already, and no more."""
    name = node.channel.name if node.channel is not None else ""
    node.server.send(node.flavor.fill_gaps(name))
    deadline = time.monotonic() + _LONGEST_FILL
    while node.read().channels[0].applier != STOPPED:
        if time.monotonic() >= deadline:
            raise Refusal(
                [Problem("drain_timeout", node.name, "%s has gaps in what it has applied, and they are not filled within %g s" % (node.name, _LONGEST_FILL))]
            )
        time.sleep(0.05)


def start_replicating(node: Node) -> None:
    """Start what does not run of a replica that already follows the right source."""
    channel = node.channel
    if channel is not None:
        node.server.send(node.flavor.start_replica(channel.name))


def wait_until_replicating(node: Node, timeout: float, stumbled: t.Optional[Gtids] = None) -> t.Optional[str]:
    """Wait until both threads run and the receiver is connected. Return C(None), or what holds it up when time is up or it failed.

    RV(stumbled): what had been executed when the applier failed before; it runs for a moment before it fails again.
    """
    deadline = time.monotonic() + timeout
    pause = 0.005
    while True:
        node.read()
        channel = node.channel
        if channel is None:
            return "it has no replication configured"
        if channel.receiver == RUNNING and channel.applier == RUNNING and (stumbled is None or node.state.executed != stumbled):
            return None
        error = channel.receiver_error or channel.applier_error
        if (channel.receiver == STOPPED and channel.receiver_error) or (channel.applier == STOPPED and channel.applier_error):
            return error
        if time.monotonic() >= deadline:
            if channel.receiver == RUNNING and channel.applier == RUNNING:
                return None
            state = "it is still connecting" if channel.receiver == CONNECTING else "receiver %s, applier %s" % (channel.receiver, channel.applier)
            return "%s after %g s%s" % (state, timeout, ": " + error if error else "")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
