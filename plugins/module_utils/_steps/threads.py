# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The threads of a replica: which of them run, stopping and starting them, and waiting for that."""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from dataclasses import replace
from functools import partial

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import TRANSACTIONS_REFRESH
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import SERVER_USERS, describe_connection, kill
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED, STOPPING
from ansible_collections.dbha.mysql.plugins.module_utils._steps.relay_logs import keeper_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import Flavor
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel

# Seconds after which parallel appliers have said how far they are (replica_checkpoint_period is 0.3 s unless somebody has changed it).
_CHECKPOINT = 0.7

# What a receiver gets to stop that is not connected (seconds). After that it is not waited for, unless something else depends on it.
_CONNECTING_STOP = 1.0

# Seconds that an applier whose work will be fetched again gets to end by itself.
_PATIENCE = 2.0
# And between two looks at what it waits for then.
_SHORTER_PATIENCE = 0.5

# How many connections are named that may hold a lock.
_MOST_HOLDERS = 3

# ER_UNKNOWN_TABLE, ER_NO_SUCH_TABLE: the plugin that tells is not there.
_NO_SUCH_TABLE = (1109, 1146)


@dataclass(frozen=True)
class Found:
    """How a server was found: which threads ran, and whether it took writes."""

    receiver: bool
    applier: bool
    writable: bool


def found_as(node: Node) -> Found:
    """Return how a server is now; a receiver that tries to connect runs."""
    channel = node.channel
    return Found(channel is not None and not channel.receives_no_more, channel is not None and channel.applier == RUNNING, node.state.writable)


def stop_receiving(node: Node) -> None:
    """Stop the receiver, so that the set of what the replica has moves no more.

    Where that would put relay logs at risk because the applier has failed, the receiver is left alone: it has nowhere to connect to.
    """
    channel = node.channel
    if channel is None or channel.receives_no_more or channel.keeps_receiver:
        return
    keeper_of(node).before_receiver_stops()
    if channel.receiver == CONNECTING and node.flavor.count_pending_stops() is not None:
        _tell_receiver_to_stop(node, channel)
    else:
        node.act(node.flavor.stop_receiver(channel.name), expected.receiver_stopped(channel.name))


def _tell_receiver_to_stop(node: Node, channel: Channel) -> None:
    """Stop a receiver that connects, perhaps to a host that is off, without waiting until it gives up: it will receive no more in any case."""
    statement = replace(node.flavor.stop_receiver(channel.name), timeout=_CONNECTING_STOP)
    try:
        node.act(statement, expected.receiver_stopped(channel.name), aside=True)
    except OutcomeUnknown:
        node.read()
        if node.channel is None or not node.channel.receives_no_more:
            raise


def let_receiver_stop(node: Node, say: t.Callable[[str], None]) -> None:
    """Wait for a receiver that has been told to stop. Until it has, nothing else can be done to the threads and where they replicate from."""
    limit = node.state.net_timeout + _CHECKPOINT
    deadline = time.monotonic() + limit
    if _is_stopping(node):
        say("%s: its receiver still tries to connect to a host that does not answer; it stops within %g s (slave_net_timeout)" % (node.name, limit))
    while _is_stopping(node) and node.moves(0.1, deadline):
        pass


def _is_stopping(node: Node) -> bool:
    return node.channel is not None and node.channel.receiver == STOPPING


def stop_applying(node: Node) -> None:
    """Stop the applier of a replica that is drained: of a transaction that it has received only a part of it may hold the rows, and the GTID."""
    end_half_transaction(node)
    for channel in node.read().channels[:1]:
        if channel.applier != STOPPED:
            node.act(node.flavor.stop_applier(channel.name), expected.applier_stopped(channel.name))


def end_half_transaction(node: Node) -> None:
    """Roll back a transaction of which the source has sent only a part: to stop the applier would take a minute, for it waits for the rest.

    Seen on MySQL 9.7. More than is executed was read then, although all that was received whole is. A server with several channels is left
    alone: it cannot be told whose threads they are.

    MySQL 5.6 does it too where it has parallel workers, and what it counts as received tells of a half only once it has read everything.
    """
    deadline = time.monotonic() + _PATIENCE
    while node.flavor.counts_halves and node.state.not_applied and _applies_without_receiving(node) and node.moves(0.05, deadline):
        pass
    deadline = time.monotonic() + _CHECKPOINT
    while _reads_without_end(node):
        threads = _threads_in(node.ask_who_is_in_the_way(node.flavor.show_processlist()))
        in_transaction = {row.number("ID") for row in node.ask_who_is_in_the_way(node.flavor.show_open_transactions())}
        if in_transaction.intersection(threads) or not node.moves(TRANSACTIONS_REFRESH, deadline):
            for thread in threads:
                kill(node.server, node.flavor, thread)
            return


def _reads_without_end(node: Node) -> bool:
    channel = node.channel
    return _applies_without_receiving(node) and channel is not None and not channel.all_read_is_executed and not node.state.not_applied


def _applies_without_receiving(node: Node) -> bool:
    channel = node.channel
    return node.flavor.waits_for_rest and channel is not None and len(node.state.channels) == 1 and channel.receiver != RUNNING and channel.applier != STOPPED


def stop_for_good(node: Node, name: str, say: t.Callable[[str], None]) -> None:
    """Stop the threads of a replica whose relay logs are to go. An applier that waits, for a lock or for the rest of a transaction, is ended.

    What it rolls back is fetched again. One of MySQL 5.6 must end in order (``_GAPS``), and it is not known whose the threads of several channels are.
    In MariaDB only what waits for a lock is ended: a statement that changes tables without transactions is not to be ended in the middle.
    """
    stop = partial(node.act, node.flavor.stop_replica(name), expected.replica_stopped(name))
    if node.flavor.counts_halves or len(node.state.channels) > 1:
        stop()
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        stopping = pool.submit(stop)
        patience = _PATIENCE
        while True:
            try:
                stopping.result(timeout=patience)
                return
            except NotDone:
                patience = _SHORTER_PATIENCE
                _end_applier(node, say)


def _end_applier(node: Node, say: t.Callable[[str], None]) -> None:
    """Kill the threads of an applier that does not stop: in MariaDB those that wait for a lock, elsewhere all."""
    with node.aside() as twin:
        waits = find_lock_waits(twin, node.flavor)
        if waits is not None:
            say("%s: %s; its applier is ended, and applies it again later" % (node.name, waits.text))
        if node.flavor.waits_for_rest:
            threads: t.Sequence[int] = _threads_in(twin.send(node.flavor.show_processlist()))
        else:
            threads = waits.threads if waits is not None else ()
        for thread in threads:
            kill(twin, node.flavor, thread)


@dataclass(frozen=True)
class LockWaits:
    """Which threads of a replica wait for locks, workers first, and what for and who may hold them, in words."""

    threads: t.Tuple[int, ...]
    text: str


def find_lock_waits(server: Server, flavor: Flavor) -> t.Optional[LockWaits]:
    """Say which threads of a replica wait for locks of clients; ``None`` where none does."""
    processes = server.send(flavor.show_processlist())
    waiting = {row.number("ID"): row.text("STATE") for row in processes if _waits_for_lock(row)}
    in_rows = {row.number("ID") for row in server.send(flavor.show_lock_waits())}
    waiting.update({row.number("ID"): "waiting for rows" for row in processes if row.text("USER") == "system user" and row.number("ID") in in_rows})
    if not waiting:
        return None
    clients = [row for row in processes if row.text("USER") not in SERVER_USERS and row.number("ID") != server.connection_id]
    holders = _ids_of_holders(server, flavor)
    held = [row for row in clients if row.number("ID") in holders] or [row for row in clients if not row.text("COMMAND").startswith("Binlog Dump")]
    named = listed([describe_connection(row) for row in held], _MOST_HOLDERS)
    who = "held by %s" % named if len(held) == 1 else "held by one of these: %s" % named if held else "held by nobody who is still there"
    text = "its applier waits for a lock (%s), %s" % (", ".join(sorted(set(waiting.values()))), who)
    return LockWaits(tuple(sorted(waiting, reverse=True)), text)


def _waits_for_lock(row: Row) -> bool:
    state = row.text("STATE").lower()
    return row.text("USER") == "system user" and state.startswith("waiting for ") and state.endswith(" lock")


def _ids_of_holders(server: Server, flavor: Flavor) -> t.Set[int]:
    question = flavor.show_lock_holders()
    try:
        return {row.number("ID") for row in server.send(question)} if question is not None else set()
    except StatementFailed as error:
        if error.errno not in _NO_SUCH_TABLE:
            raise
        return set()


def _threads_in(processes: t.Iterable[Row]) -> t.List[int]:
    """Return the ids of a replica's threads, workers before their coordinator, which was there first."""
    return sorted((row.number("ID") for row in processes if row.text("USER") == "system user"), reverse=True)


def start_applier(node: Node) -> None:
    """Start the applier of a replica, in the way that keeps its relay logs."""
    channel = node.channel
    if channel is not None:
        keeper_of(node).before_applier_starts()
        node.act(node.flavor.start_applier(channel.name), expected.applier_started(channel.name))


def start_replicating(node: Node) -> None:
    """Start what does not run of a replica that already follows the right source."""
    channel = node.channel
    if channel is not None:
        node.act(node.flavor.start_replica(channel.name), expected.replica_started(channel.name))


def wait_until_replicating(
    node: Node,
    timeout: float,
    standing: t.Optional[Gtids] = None,
    patience: float = 0,
    is_hopeless: t.Optional[t.Callable[[str], bool]] = None,
) -> t.Optional[str]:
    """Wait until both threads run and the receiver is connected. Return ``None``, or what holds it up when time is up or it failed.

    ``standing``: what is executed before there is more: an applier runs for a moment before it fails at the first that it cannot apply. After
    ``patience`` seconds it is enough that it runs, because what is first may be large. ``is_hopeless`` says of an error of a receiver that tries to
    connect that it need not be waited for.
    """
    begun = refused_since = time.monotonic()
    deadline, enough = begun + timeout, begun + patience
    pause = 0.005
    node.read()
    while True:
        if node.channel is None:
            return "it has no replication configured"
        if node.channel.is_running and (node.state.executed != standing or time.monotonic() >= enough):
            return None
        if node.channel.failure:
            return node.channel.failure
        if node.channel.receiver != CONNECTING or not node.channel.receiver_error:
            refused_since = time.monotonic()
        elif is_hopeless is not None and time.monotonic() - refused_since > _PATIENCE and is_hopeless(node.channel.receiver_error):
            return node.channel.standing + _because(node.channel)
        if not node.moves(pause, deadline):
            return None if node.channel.is_running else "%s after %g s" % (node.channel.standing, timeout) + _because(node.channel)
        pause = min(pause * 1.5, 0.2)


def _because(channel: Channel) -> str:
    error = channel.receiver_error or channel.applier_error
    return ": " + error if error else ""
