# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What one server says of itself, read in few round trips, as frozen values with names of our own over both families."""

from __future__ import annotations

import typing as t
from dataclasses import field
from functools import cached_property

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import Version
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._state.relay_logs import Position, RelayLogs

RUNNING = "running"
CONNECTING = "connecting"
STOPPING = "stopping"
STOPPED = "stopped"

# Variables that keep clients from writing where they are on; nobody without a privilege can even log in under the first.
_CLOSING = ("offline_mode", "innodb_read_only", "transaction_read_only", "tx_read_only")

# With this innodb_force_recovery, and 6 is the highest, InnoDB refuses every write (manual of MySQL, "Forcing InnoDB Recovery").
_FORCED_READ_ONLY = ("4", "5", "6")

# Variables with which a replica applies every row, or stops; by their names, of which the first one counts that a server has (seen: 5.6, 9.7, 10.5, 10.11,
# 11.8). In any other way it goes on without the row, and has the GTID.
_APPLIES_ALL: t.Tuple[t.Tuple[t.Tuple[str, ...], t.Tuple[str, ...]], ...] = (
    (("replica_exec_mode", "slave_exec_mode"), ("STRICT",)),
    (("replica_skip_errors", "slave_skip_errors"), ("OFF", "")),
    (("replicate_events_marked_for_skip",), ("REPLICATE",)),
)

# A list of errors to skip may be longer than anybody reads.
_LONGEST_VALUE = 60

# From this version on a replica of MySQL keeps where it is in a table, unless it is told otherwise (*_info_repository).
_KEEPS_NAMES_IN_TABLE = (8, 0, 2)


@dataclass(frozen=True)
class SourceTls:
    """How a replica encrypts what it sends to its source, and how it logs in there without that ('' where no file is named).

    ``get_public_key`` is ``None`` where the server has no such setting.
    """

    enabled: bool = False
    ca_cert: str = ""
    client_cert: str = ""
    client_key: str = ""
    verify_cert: bool = False
    get_public_key: t.Optional[bool] = None


@dataclass(frozen=True)
class Channel:
    """One replication channel of a replica.

    ``receiver`` is ``running`` only while it is connected to its source, and ``stopping`` when it has been told to stop and will receive no
    more, but still tries to connect (see ``Flavor.count_pending_stops``); ``lag`` is in seconds, ``None`` where the server does not know;
    ``retrieved`` is what it received over this channel since its relay logs were last reset; ``relay_log`` is where the applier stands, and
    ``source_log`` where that is in the binary log of the source. ``settings``: what else it was told (``_flavor/channel``).

    ``forgets_relay_logs``: starting one thread while both are stopped throws the relay logs away (MariaDB). Only such a channel has the rest:
    ``relay_logs`` is what was found in them, where that had to be looked for; ``applies_relay_logs`` says that they are being applied by
    position, or were when we were interrupted, ``lifted_delay`` without which delay (s), and ``uses_current_pos``
    that what it asks its source for leaves out also what it wrote itself (``MASTER_USE_GTID=current_pos``).
    """

    name: str
    source_host: str
    source_port: int
    source_uuid: str
    source_id: int
    receiver: str
    applier: str
    receiver_error: str
    applier_error: str
    retrieved: Gtids
    auto_position: bool
    user: str
    tls: SourceTls
    lag: t.Optional[int]
    delay: int
    filters: t.Tuple[str, ...]
    has_connected: bool
    all_read_is_executed: bool
    relay_log: Position
    source_log: Position
    forgets_relay_logs: bool
    applies_relay_logs: bool
    lifted_delay: int
    applied_all_read: bool
    auto_failover: bool
    raw: t.Mapping[str, t.Any] = field(compare=False, repr=False)
    relay_logs: t.Optional[RelayLogs] = None
    uses_current_pos: bool = False
    settings: t.Tuple[t.Tuple[str, str], ...] = ()

    @property
    def is_stopped(self) -> bool:
        """Neither thread gets anything done."""
        return self.receives_no_more and self.applier == STOPPED

    @property
    def receives_no_more(self) -> bool:
        """Its receiver has stopped, or is about to."""
        return self.receiver in (STOPPED, STOPPING)

    @property
    def keeps_receiver(self) -> bool:
        """Stopping the receiver too would put the relay logs at risk, because the applier has failed and would fail again."""
        return self.forgets_relay_logs and self.applier == STOPPED and bool(self.applier_error)

    @property
    def relay_log_start(self) -> t.Optional[Position]:
        """Where applying has to begin, if starting the applier as usual would throw relay logs away."""
        return self.relay_logs.start if self.is_stopped and self.relay_logs is not None else None

    @property
    def can_apply_by_position(self) -> bool:
        """What waits in its relay logs can be applied from the first event that is not applied."""
        return not self.applier_error and self.relay_logs is not None and not self.relay_logs.trouble and self.relay_logs.start is not None

    @property
    def is_running(self) -> bool:
        """Both threads run, and the receiver is connected to its source."""
        return self.receiver == RUNNING and self.applier == RUNNING

    @property
    def failure(self) -> str:
        """The error at which a thread has stopped, the receiver's first; nothing where none has."""
        for stands, error in ((self.receiver, self.receiver_error), (self.applier, self.applier_error)):
            if stands == STOPPED and error:
                return error
        return ""

    @property
    def standing(self) -> str:
        """How its threads stand, in words."""
        return "it is still connecting" if self.receiver == CONNECTING else "receiver %s, applier %s" % (self.receiver, self.applier)


@dataclass(frozen=True)
class SemiSync:
    """Semi-synchronous replication on a server: its two switches, with the names that its plugin gives them ('' where it has none).

    ``wait_for`` is the number of acknowledgements that a commit waits for as a source.
    """

    source_variable: str = ""
    source: bool = False
    replica_variable: str = ""
    replica: bool = False
    wait_for: int = 1


@dataclass(frozen=True)
class State:
    """What one server said of itself at one moment.

    ``executed``: what it has applied or written itself. ``purged``: what its binary logs no longer hold (MySQL only; empty for MariaDB).
    ``server_uuid`` is empty for MariaDB. ``net_timeout``: the seconds after which a receiver gives a silent source up (``slave_net_timeout``).
    ``unlogged``: what it has replicated and not logged, so that it can send it to nobody (MariaDB only: in MySQL that is a part of ``purged``).
    ``binlog_filters``: the options that keep databases out of its binary log, with these.
    ``blocked``: when that was tried, no write got past a lock that somebody holds; ``missing``: the privileges that our account lacks;
    ``unacknowledged``: for how many seconds a commit had waited for an acknowledgement (semi-synchronous replication). None of it is known before
    it was tried (``_steps/trial.py``).
    ``managed_by``: what else decides who is the primary, and how that shows. ``odd_log``: the name of its binary log, where that is not UTF-8.
    """

    version: Version
    version_text: str
    family: str
    server_id: int
    server_uuid: str
    gtid_mode: str
    executed: Gtids
    purged: Gtids
    read_only: bool
    super_read_only: bool
    log_bin: bool
    log_replica_updates: bool
    event_scheduler: bool
    semi_sync: SemiSync
    channels: t.Tuple[Channel, ...]
    variables: t.Mapping[str, str] = field(compare=False, repr=False)
    net_timeout: int = 60
    unlogged: t.Optional[Gtids] = None
    binlog_filters: t.Tuple[str, ...] = ()
    blocked: bool = False
    missing: t.Tuple[str, ...] = ()
    unacknowledged: int = 0
    managed_by: t.Tuple[str, ...] = ()
    odd_log: str = ""

    @property
    def closed_by(self) -> str:
        """What keeps clients from writing, or out, whatever ``read_only`` says; nothing where nothing does."""
        name = next((name for name in _CLOSING if self.variables.get(name, "").upper() in ("ON", "1")), "")
        forced = self.variables.get("innodb_force_recovery", "")
        if not name and forced in _FORCED_READ_ONLY:
            name = "innodb_force_recovery"
        return "%s=%s" % (name, self.variables[name]) if name else ""

    @property
    def may_skip(self) -> t.Tuple[t.Tuple[str, str], ...]:
        """The variables, with their values, because of which a replica may have the GTID of a transaction and not its rows. A long value is cut short."""
        known = [(next((name for name in names if name in self.variables), ""), strict) for names, strict in _APPLIES_ALL]
        found = [(name, self.variables[name]) for name, strict in known if name and self.variables[name].upper() not in strict]
        return tuple((name, value if len(value) <= _LONGEST_VALUE else value[:_LONGEST_VALUE] + "…") for name, value in found)

    @property
    def channel(self) -> t.Optional[Channel]:
        """The channel over which it follows its cluster; ``None`` for a server without replication."""
        return self.channels[0] if self.channels else None

    @cached_property
    def received(self) -> Gtids:
        """All that this server has: executed, or waiting in its relay logs. Of each state it is put together once: an election asks for it hundreds of times.

        ``retrieved`` alone covers only what came since the relay logs were last reset (seen: MySQL 5.6 and 9.7).
        """
        have = self.executed
        for channel in self.channels:
            have = have.with_received(channel.retrieved) if channel.relay_logs is None else have.union(channel.relay_logs.received)
        return have

    @cached_property
    def not_applied(self) -> t.Any:
        """What is received and not executed yet."""
        return self.received.subtract(self.executed)

    @property
    def unsendable(self) -> Gtids:
        """What it has and can send to nobody, as far as it says so itself."""
        return self.purged if self.unlogged is None else self.unlogged

    @property
    def logs_all(self) -> bool:
        """Whether all that it applies, and all that is written to it, gets into its binary log."""
        return self.log_bin and self.log_replica_updates and not self.binlog_filters

    @property
    def stops_replicas(self) -> bool:
        """Whether replicas would stop at the name of its binary log, which is not UTF-8: they keep it in a table (MySQL 9.7), and not in a file (5.6)."""
        return bool(self.odd_log) and self.family == "mysql" and self.version >= _KEEPS_NAMES_IN_TABLE

    @property
    def will_apply_no_more(self) -> bool:
        """It has applied all that it received whole, and receives no more: of what it still lacks at most a part has arrived."""
        channel = self.channel
        return channel is not None and channel.receives_no_more and not channel.applies_relay_logs and not self.not_applied

    @property
    def is_applying(self) -> bool:
        """It has something left to apply, and goes on with that without being told to, and without waiting on purpose."""
        channel = self.channel
        return channel is not None and channel.applier == RUNNING and not channel.delay and bool(self.not_applied)

    @property
    def identity(self) -> str:
        """What names this server in its GTIDs: its UUID, or its server id in MariaDB."""
        return self.server_uuid or str(self.server_id)

    @property
    def writable(self) -> bool:
        """Whether ordinary users can write."""
        return not self.read_only

    @property
    def leads(self) -> bool:
        """Whether it stands as a primary does: it takes writes and follows nobody. A replica that does was promoted by an interrupted run."""
        return self.writable and not self.channels
