# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Promoting a replica of a dead primary, which may first have to catch up from another replica that has received more."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import FROM_DEAD, check_can_catch_up, lacks
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problems_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import events_to_run
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import repoint, restore_threads
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import found_as, let_receiver_stop, stop_for_good, stop_receiving
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote_ways import MayBeOpen, Way

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._state.events import Event
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel
    from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found


@dataclass(frozen=True)
class OwnSource:
    """Whom a replica followed, and how, before it was to catch up from another one."""

    channel: Channel
    found: Found


class FromDead(Way):
    """A replica of a dead primary is opened, or what an interrupted run has left of that is done."""

    name = FROM_DEAD

    def open(self) -> None:
        """Catch up where something is lacking, then open it; it waits for acknowledgements if it did, or gave them, and enough others can."""
        missing = lacks(self.held.topology, self.promotion.terms)
        if missing is None:
            self._open()
            return
        name, source = self.node.name, self.cluster.nodes[self.promotion.terms.catch_up_from or ""]
        needed_by = [self.node.state.executed]
        purged = self.cluster.on_one(source.name, lambda node: node.purged(needed_by)).result()
        refuse(check_can_catch_up(self.held.topology[name], source.name, purged))
        self.call.say("%s: catching up on %s from %s" % (name, missing.counted(), source.name))
        self.cluster.on_one(name, lambda node: let_receiver_stop(node, self.call.say)).result()
        own_source = OwnSource(self.node.state.channels[0], found_as(self.node))
        try:
            problems = self.cluster.on_one(name, lambda node: self._fetch(node, source), "catch up").problems
            refuse(Problem("catch_up_failed", name, problem.message, problem.gtids) for problem in problems)
            self.caught_up = True
            # That took its time. What it has now is what it was to fetch.
            self.held.look_again(self.decide_again)
            self._open()
        except MayBeOpen:
            raise
        except Exception as error:
            raise Refusal([*problems_of(error, name), *self._point_back(own_source)]) from error
        except BaseException:
            if not self.may_be_open:
                self._point_back(own_source)
            raise

    def _open(self) -> None:
        state = self.node.state
        was = state.semi_sync.source
        self.open_for_writes(semi_sync=was if state.writable or not state.channels else self.acknowledges(was or state.semi_sync.replica))

    def _fetch(self, node: Node, source: Node) -> None:
        """Replicate from another replica until this one has all that the other one has executed. That takes two steps, and the time of both."""
        deadline = time.monotonic() + self.promotion.timeout
        goal, address = source.state.executed.union(node.state.executed), self.cluster.address_for_replicas(source.name)
        repoint(node, SourceOptions(address.host, address.port), self.call.say)
        node.read()
        drain(node, max(deadline - time.monotonic(), 1), self.call.say, goal)
        stop_receiving(node)
        node.read()

    def _point_back(self, own: OwnSource) -> t.List[Problem]:
        """Let a replica that is not promoted after all follow its own source again, as it was found, and return what kept it from that.

        What it had fetched from another one, that one still has.
        """
        source = SourceOptions(own.channel.source_host, own.channel.source_port)

        def point_back(node: Node) -> None:
            node.read()
            if node.channel is not None and not node.channel.is_stopped:
                stop_for_good(node, own.channel.name, self.call.say)
            node.server.send(node.flavor.change_source(source, own.channel.name))
            node.read()
            restore_threads(node, own.found, self.call.say)

        outcome = self.cluster.on_one(self.node.name, self._may_point_back)
        if outcome.problem is None:
            outcome = self.cluster.on_one(self.node.name, point_back, "undo")
        message = "%s could not be pointed back to %s:%d: %s"
        return [
            problem
            if problem.code in ("locked", "changed_meanwhile")
            else Problem("not_undone", problem.server, message % (problem.server, source.host, source.port, problem.message))
            for problem in outcome.problems
        ]

    def _may_point_back(self, node: Node) -> None:
        if not node.server.is_open:
            node.reconnect()
        self.may_undo(node)

    def finish(self) -> t.List[Problem]:
        """End replication, and run the events that the old primary ran. It is dead, so the new one's own account of them has to do."""
        return self.finish_promotion(self._find_events)

    def _find_events(self, node: Node) -> t.Sequence[Event]:
        events = events_to_run(node, primary=False)
        if events:
            named = ", ".join(sorted(map(str, events)))
            verb = "would run these events" if self.call.check_mode else "runs these events now"
            message = "%s %s: %s. Disable the events that were disabled on the old primary: its replicas do not know which events these were"
            self.call.warnings.append(message % (node.name, verb, named))
        return events
