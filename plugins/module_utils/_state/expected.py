# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a server is expected to say of itself once a statement has been carried out. Pure.

A plan (check mode) sends nothing that changes a server. Each step moves the state on instead, and the next one reads it from there: so a plan takes
the same way as the work itself. How a channel is meant: by its name.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import empty
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, STOPPED, Channel, SourceTls, State

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids

Effect = t.Callable[[State], State]


def unchanged(state: State) -> State:
    """What is not seen in a state."""
    return state


# Threads


def receiver_started(name: str) -> Effect:
    """The receiver runs, and is connected to its source."""
    return _on_channel(name, receiver=RUNNING, receiver_error="", has_connected=True)


def receiver_stopped(name: str) -> Effect:
    """The receiver has stopped."""
    return _on_channel(name, receiver=STOPPED)


def applier_started(name: str) -> Effect:
    """The applier runs."""
    return _on_channel(name, applier=RUNNING, applier_error="")


def applier_stopped(name: str) -> Effect:
    """The applier has stopped."""
    return _on_channel(name, applier=STOPPED)


def replica_started(name: str) -> Effect:
    """Both threads run."""
    return _both(receiver_started(name), applier_started(name))


def replica_stopped(name: str) -> Effect:
    """Both threads have stopped."""
    return _both(receiver_stopped(name), applier_stopped(name))


def applied(gtids: Gtids) -> Effect:
    """These are executed, and so is all else that the appliers have read."""

    def effect(state: State) -> State:
        channels = tuple(replace(channel, all_read_is_executed=True, applied_all_read=True) for channel in state.channels)
        return replace(state, executed=state.executed.union(gtids), channels=channels)

    return effect


# Where it replicates from, and how


def source_changed(name: str, source: SourceOptions) -> Effect:
    """The channel has another source, its threads are stopped, and its relay logs are gone."""

    def effect(state: State) -> State:
        known = [channel for channel in state.channels if channel.name == name]
        channel = replace(
            known[0] if known else _new_channel(name, state),
            source_host=source.host,
            source_port=source.port,
            source_uuid="",
            source_id=0,
            receiver=STOPPED,
            applier=STOPPED,
            receiver_error="",
            applier_error="",
            retrieved=empty(state.family),
            auto_position=True,
            uses_current_pos=False,
            has_connected=False,
            applies_relay_logs=False,
            lifted_delay=0,
            relay_logs=None,
        )
        if source.user is not None:
            channel = replace(channel, user=source.user)
        if not known:
            return replace(state, channels=(*state.channels, channel))
        return replace(state, channels=tuple(channel if each.name == name else each for each in state.channels))

    return effect


def source_forgotten(name: str) -> Effect:
    """There is no such channel any more."""
    return lambda state: replace(state, channels=tuple(channel for channel in state.channels if channel.name != name))


def delay_set(name: str, seconds: int) -> Effect:
    """The channel applies so late (s)."""
    return _on_channel(name, delay=seconds)


def applying_relay_logs(name: str, lifted_delay: int) -> Effect:
    """The relay logs will be applied by position (MariaDB), without the delay (s) if one was lifted."""
    return _on_channel(name, applies_relay_logs=True, lifted_delay=lifted_delay, uses_current_pos=False, **({"delay": 0} if lifted_delay else {}))


def gtid_mode_restored(name: str, delay: int) -> Effect:
    """The channel replicates by GTID again (MariaDB), with the delay (s) that was lifted."""
    return _on_channel(name, applies_relay_logs=False, lifted_delay=0, **({"delay": delay} if delay else {}))


# What a whole step leaves


def frozen(state: State) -> State:
    """It receives no more (``stop_receiving``)."""
    for channel in state.channels[:1]:
        if not channel.receives_no_more and not channel.keeps_receiver:
            applies = applier_started(channel.name)(state) if channel.forgets_relay_logs else state
            return receiver_stopped(channel.name)(applies)
    return state


def drained(state: State) -> State:
    """It receives no more and has applied what it has received (``drain``): by position where its relay logs would be lost, so that it stands still."""
    state = frozen(state)
    for channel in state.channels[:1] if state.not_applied else ():
        lifts_delay = channel.forgets_relay_logs and bool(channel.delay) and not channel.applier_error
        if channel.relay_log_start is not None or channel.applies_relay_logs or lifts_delay:
            state = _both(replica_stopped(channel.name), gtid_mode_restored(channel.name, channel.lifted_delay))(state)
        else:
            state = applier_started(channel.name)(state)
    return applied(state.received)(state)


def replicating(state: State) -> State:
    """Both threads of its first channel run. A server without a channel gets one, and is closed for writes before."""
    if not state.channels:
        state = replace(closed(state), channels=(_new_channel("", state),))
    return replica_started(state.channels[0].name)(state)


# Writing


def opened(state: State) -> State:
    """Anybody may write."""
    return replace(state, read_only=False, super_read_only=False)


def closed(state: State) -> State:
    """Nobody may write; where the server has no ``super_read_only``, nobody without a privilege to do so."""
    return replace(state, read_only=True, super_read_only="super_read_only" in state.variables)


def open_to_privileged(state: State) -> State:
    """Those with a privilege to do so may write."""
    return replace(state, super_read_only=False)


def semi_sync_source(enabled: bool) -> Effect:
    """As a source it waits for acknowledgements, or not."""
    return lambda state: replace(state, semi_sync=replace(state.semi_sync, source=enabled))


def semi_sync_replica(enabled: bool) -> Effect:
    """As a replica it acknowledges, or not."""
    return lambda state: replace(state, semi_sync=replace(state.semi_sync, replica=enabled))


def _both(first: Effect, second: Effect) -> Effect:
    return lambda state: second(first(state))


def _on_channel(name: str, **changes: t.Any) -> Effect:
    def effect(state: State) -> State:
        return replace(state, channels=tuple(replace(channel, **changes) if channel.name == name else channel for channel in state.channels))

    return effect


def _new_channel(name: str, state: State) -> Channel:
    """Return what a server's first channel is like before anything is known of it."""
    return Channel(
        name=name,
        source_host="",
        source_port=0,
        source_uuid="",
        source_id=0,
        receiver=STOPPED,
        applier=STOPPED,
        receiver_error="",
        applier_error="",
        retrieved=empty(state.family),
        auto_position=True,
        user="",
        tls=SourceTls(),
        lag=None,
        delay=0,
        filters=(),
        has_connected=False,
        all_read_is_executed=True,
        relay_log=("", 0),
        source_log=("", 4),
        forgets_relay_logs=state.family == "mariadb",
        applies_relay_logs=False,
        lifted_delay=0,
        applied_all_read=True,
        auto_failover=False,
        raw={},
    )
