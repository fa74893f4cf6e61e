# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters for tests, in few words.

    cluster(dead(), replica("db1", "P:1-9"), replica("db2", "P:1-8", waiting="P:9"))

db0 is the primary unless told otherwise; the others follow it, and see that it is gone. GTIDs of MySQL are written with a letter for the
server_uuid: P is db0's, A, B, C those of db1, db2, db3, and X that of a server that is no member. What looks like 0-1-100 is MariaDB.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import with_primary
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, MariaDBGtids, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._state.relay_logs import RelayLogs
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED, Channel, SemiSync, SourceTls, State
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology, make_topology

UUIDS = {letter: f"{number:08d}-1111-2222-3333-444455556666" for letter, number in {"P": 0, "A": 1, "B": 2, "C": 3, "X": 9}.items()}
_LETTERS = {uuid: letter for letter, uuid in UUIDS.items()}


def long(text: str) -> str:
    """Write the UUIDs out."""
    return re.sub(r"\b[PABCX]\b", lambda found: UUIDS[found.group()], text)


def short(value: object) -> str:
    """Write letters for UUIDs."""
    return re.sub("|".join(_LETTERS), lambda found: _LETTERS[found.group()], str(value))


def gtids(text: str, family: str = "") -> Gtids:
    """Read GTIDs; the family can be seen unless there are none."""
    return parse_gtids(family or ("mariadb" if re.match(r"\d+-\d+-\d+(,|$)", text) else "mysql"), long(text))


def channel(source: str = "db0", *, family: str = "mysql", waiting: str = "", error: str = "", **changes: t.Any) -> Channel:
    """A channel as it is once its source is gone: the receiver tries to connect, the applier runs. RV(error) stops the applier."""
    host, _colon, port = source.partition(":")
    values: dict[str, t.Any] = {
        "name": "",
        "source_host": host,
        "source_port": int(port or 3306),
        "source_uuid": "",
        "source_id": 0,
        "receiver": CONNECTING,
        "applier": STOPPED if error else RUNNING,
        "receiver_error": "",
        "applier_error": error,
        "retrieved": gtids(waiting, family),
        "auto_position": True,
        "user": "repl",
        "tls": SourceTls(),
        "lag": None,
        "delay": 0,
        "filters": (),
        "has_connected": True,
        "all_read_is_executed": not waiting,
        "relay_log": ("relay.000002", 4),
        "source_log": ("binlog.000001", 4),
        "forgets_relay_logs": family == "mariadb",
        "applies_relay_logs": False,
        "lifted_delay": 0,
        "applied_all_read": not waiting,
        "auto_failover": False,
        "raw": {},
    }
    return Channel(**{**values, **changes})


def semi_sync_source(enabled: bool, wait_for: int = 1) -> SemiSync:
    """A server that waits for acknowledgements as a source, or does not."""
    return SemiSync("rpl_semi_sync_source_enabled", enabled, "rpl_semi_sync_replica_enabled", False, wait_for)


def state(name: str, executed: str, *, channels: t.Sequence[Channel] = (), **changes: t.Any) -> State:
    """What a server of this name says of itself; without channels it is writable."""
    number = int(re.sub(r"\D", "", name) or 9)
    family = changes.pop("family", None) or ("mariadb" if re.match(r"\d+-\d+-\d+(,|$)", executed) else "mysql")
    values: dict[str, t.Any] = {
        "version": (8, 0, 36) if family == "mysql" else (10, 11, 6),
        "version_text": "8.0.36" if family == "mysql" else "10.11.6-MariaDB-log",
        "family": family,
        "server_id": number + 1,
        "server_uuid": UUIDS["PABC"[number] if number < 4 else "X"] if family == "mysql" else "",
        "gtid_mode": "ON",
        "executed": gtids(executed, family),
        "purged": gtids("", family),
        "read_only": bool(channels),
        "super_read_only": False,
        "log_bin": True,
        "log_replica_updates": True,
        "event_scheduler": False,
        "semi_sync": SemiSync(),
        "channels": tuple(channels),
        "variables": {},
    }
    return State(**{**values, **changes})


def server(name: str, found: State | Failure, *, listed: bool = True, also: t.Iterable[str] = ()) -> Member:
    """A member, by its name and other names of its host."""
    host, _colon, port = name.partition(":")
    endpoints = frozenset((each, int(port or 3306)) for each in (host, *also))
    known = {"state": found} if isinstance(found, State) else {"failure": found}
    return Member(name, host, int(port or 3306), endpoints, listed=listed, **t.cast(t.Any, known))


def replica(
    name: str,
    executed: str,
    *,
    source: str = "db0",
    waiting: str = "",
    error: str = "",
    family: str = "",
    on_channel: t.Mapping[str, t.Any] | None = None,
    also: t.Iterable[str] = (),
    **changes: t.Any,
) -> Member:
    """A replica that has executed some GTIDs, with others waiting in its relay logs.

    RV(error) stops its applier; RV(on_channel) and the other arguments replace what its channel and its state have.
    """
    family = family or ("mariadb" if re.match(r"\d+-\d+-\d+(,|$)", executed or waiting) else "mysql")
    details = {**_identity_of_source(source, family), **(on_channel or {})}
    replicates = channel(source, family=family, waiting=waiting, error=error, **details)
    return server(name, state(name, executed, channels=[replicates], family=family, **changes), also=also)


def _identity_of_source(source: str, family: str) -> dict[str, t.Any]:
    number = int(re.sub(r"\D", "", source.partition(":")[0]) or 9)
    return {"source_uuid": UUIDS["PABC"[number] if number < 4 else "X"] if family == "mysql" else "", "source_id": number + 1}


def living(name: str = "db0", executed: str = "P:1-9", **changes: t.Any) -> Member:
    """A server that answers, takes writes and follows nobody."""
    return server(name, state(name, executed, **changes))


def dead(name: str = "db0", **options: t.Any) -> Member:
    """A server where nothing answers."""
    return server(name, Failure("unreachable", f"{name} cannot be reached: Connection refused", False), **options)


def hung(name: str = "db0", **options: t.Any) -> Member:
    """A server that takes connections and never answers."""
    return server(name, Failure("not_responding", f"{name} accepts connections but did not finish the login", None), **options)


def stuck(name: str = "db0", **options: t.Any) -> Member:
    """A server that lets us log in, and hangs then."""
    return server(name, Failure("not_responding", f"{name} did not answer within 10 s", None, hangs=True), **options)


def refusing(name: str = "db0", **options: t.Any) -> Member:
    """A server that answers, and lets nobody in."""
    return server(name, Failure("login_refused", f"{name} refused the login: Too many connections", True), **options)


def unlisted(member: Member) -> Member:
    """The same server, but the user has not named it as a member."""
    return replace(member, listed=False)


def connected(member: Member) -> Member:
    """The same replica, but receiving from its source."""
    return replace(member, state=replace(member.known, channels=tuple(replace(each, receiver=RUNNING) for each in member.known.channels)))


REFUSED = (
    "Got fatal error 1236 from source when reading data from binary log: 'Replica has more GTIDs than the source has, using the source's SERVER_UUID.' "
    "(error 13114)"
)


def was_refused(name: str, received: str, error: str = REFUSED, **on_channel: t.Any) -> Member:
    """Make a replica that had more than its source when it last asked that for more."""
    return replica(name, received, on_channel={"receiver": STOPPED, "source_id": 1, "receiver_error": error, **on_channel})


def stopped(member: Member, trouble: str = "", is_complete: bool = True) -> Member:
    """The same replica, with both threads stopped; of MariaDB, with what its relay logs were found to hold and why that cannot be applied."""

    def stop(each: Channel) -> Channel:
        found = RelayLogs(each.retrieved, None, trouble, is_complete) if isinstance(each.retrieved, MariaDBGtids) else None
        return replace(each, receiver=STOPPED, applier=STOPPED, relay_logs=found)

    return replace(member, state=replace(member.known, channels=tuple(map(stop, member.known.channels))))


def cluster(*members: Member, primary: str | None = None) -> Topology:
    """Find out who follows whom, and who is the primary."""
    topology = make_topology(members, primary=primary)
    return with_primary(topology) if primary is None else topology
