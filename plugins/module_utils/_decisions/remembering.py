# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What is remembered of a promotion, and what follows from what is remembered. Pure."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.record import REOPENED

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._state.record import Entry, Record
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member

# Hexadecimal digits of an id.
_LENGTH = 32


def is_news(state: State) -> bool:
    """Whether a server that is to be promoted is no primary yet, or an earlier run has not finished that."""
    return not state.writable or bool(state.channels)


def opened(record: Record, name: str, state: State, *, run_by: str, now: float) -> Record:
    """Return a record with what is known once a server is open.

    Of an interrupted run and the one that finishes it the ids are equal: they are made of who was opened, and of what others have written that it had
    then. As long as it is the primary that does not grow; before it is promoted again, another primary has written a row.
    """
    others = state.executed.origins() - {state.identity}
    known = state.executed if record.event == REOPENED else state.executed.of_origins(others)
    kind = REOPENED if record.event == REOPENED else ""
    text = "|".join((kind, state.server_uuid or str(state.server_id), str(known)))
    digest = hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]
    seconds = round(max(now - record.begun, 0.0), 3)
    return replace(record, new_primary=name, id=digest, gtids=str(state.executed), run_by=run_by, seconds=seconds)


def last_of(entries: Iterable[Entry]) -> t.Optional[Entry]:
    """Return what was written last, of what several servers remember."""
    return min(entries, key=lambda entry: entry.age, default=None)


def check_cooldown(last: t.Optional[Entry], seconds: float, best: Member) -> Iterator[Problem]:
    """Whether the last failover was so short a time ago that the next one is not to come by itself.

    :arg last: the last failover that any member remembers. The run that goes on with it, because it was interrupted, finds its new primary open.
    """
    if last is None or last.age >= seconds:
        return
    if best.known.writable and last.new_primary == best.name:
        return
    message = "%s took over from %s %d s ago, at %s UTC, and within %g s (failover_cooldown) there is to be no other failover"
    yield Problem("cooldown", best.name, message % (last.new_primary, last.old_primary or "another server", max(last.age, 0), last.at, seconds))
