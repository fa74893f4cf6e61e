# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.
"""Whether a replica can be given what a dead primary alone has: states -> problems. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import only_sends
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology


def check_readable(topology: Topology) -> Iterator[Problem]:
    """Members that could not be read."""
    for member in topology.listed:
        if member.failure is not None:
            yield Problem(member.failure.code, member.name, member.failure.message)


def check_whole(member: Member) -> Iterator[Problem]:
    """Whether a replica has lost in a crash what its binary log has kept: what is applied after a gap would hide it."""
    if only_sends(member):
        message = "%s lacks what it has lost in a crash (%s), and nothing can be applied on it before that"
        yield Problem("salvage_failed", member.name, message % (member.name, member.known.sends.subtract(member.known.executed)))


def check_ready(name: str, state: State) -> Iterator[Problem]:
    """What a replica has received and not applied: what is applied before that would be out of its order."""
    left = state.not_applied
    if left:
        yield Problem("not_drained", name, "%s has received %s that it has not applied: %s" % (name, left.counted(), left), str(left))


def check_untouched(name: str, before: State, now: State) -> Iterator[Problem]:
    """Whether nobody has worked on the replica since it was asked: what is applied now would be errant on a replica of another server."""
    channel = now.channel
    if now.writable and not before.writable:
        yield Problem("changed_meanwhile", name, "%s takes writes now" % name)
    elif (channel is not None and not channel.receives_no_more) or now.received.subtract(before.received):
        yield Problem("changed_meanwhile", name, "%s had received %s when it was asked, and has now received %s" % (name, before.received, now.received))
