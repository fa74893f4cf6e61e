# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_promote: make one replica the primary, of a dead one or, with C(demote), in place of a living one.

Opening it for writes is the point of no return. What is slow comes after that, in an order in which an interrupted run is recognised by the
replication configuration that is still there.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import after_promotion
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import GtidError, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problem_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import describe_settings, entry_of
from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import tree
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, Channel
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import enabled_events, events_to_run, switch_events
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import Handover, Limits, hand_over, kill_clients
from ansible_collections.dbha.mysql.plugins.module_utils._steps.semi_sync import can_wait_for_acknowledgements, set_semi_sync_replica, set_semi_sync_source
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import forget_source, repoint, restore_threads
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found, found_as, let_receiver_stop, stop_for_good, stop_receiving
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import allow_writes, persist_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.legacy import OldCall, legacy

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Result
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._state.events import Event
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "replica": server_argument(required=True),
    "catch_up_from": server_argument(),
    "demote": server_argument(),
    **CLUSTER_ARGUMENTS,
    "primary": server_argument(),
    "force": {"type": "bool", "default": False},
    "received": {"type": "str"},
    "writable": {"type": "list", "elements": "str"},
    "timeout": {"type": "float", "default": 60},
    "max_lag": {"type": "float", "default": 10},
    "grace": {"type": "float", "default": 1},
    "kill": {"type": "bool", "default": True},
    "acknowledgers": {"type": "int", "default": 0},
}


def promote(call: OldCall) -> Result:
    """Open a replica for writes and end its replication; take the role from a living primary first if one is named."""
    timeout = call.seconds("timeout")
    name = call.name_of("replica") or ""
    demote, catch_up_from = call.name_of("demote"), call.name_of("catch_up_from")
    acting = [each for each in (name, demote, catch_up_from if demote is None else None) if each is not None]
    with call.cluster("replica", "catch_up_from", "demote", "replicas") as cluster:
        topology = cluster.look(demote, ask_source=False, relay_logs_of=acting)
        refuse(_check_answering(topology, acting))
        # Decided on only when it is locked: another run may have been at work until then.
        held = cluster.lock(cluster.nodes, timeout)
        refuse(problem for problem in held if problem.code == "locked" or problem.server in acting)
        if not call.check_mode:
            topology = cluster.look_again(topology)
            refuse(_check_answering(topology, acting))
        node, old = cluster.nodes[name], cluster.nodes[demote] if demote is not None else None
        before = tree(topology)
        refuse([*_check_promotable(node), *_check_decision(call, cluster, topology, node)])
        settings = describe_settings(node.channel)
        reopening = demote is None and _is_reopening(node)
        handover = None
        if old is not None:
            handover = _take_over(call, old, node, timeout)
        else:
            own_source = None
            if catch_up_from not in (None, name):
                own_source = _catch_up(call, cluster, node, cluster.nodes[catch_up_from or ""], timeout)
            try:
                if own_source is not None and not call.check_mode:
                    # That took its time. What it has now is what it was to fetch.
                    refuse(_check_decision(call, cluster, cluster.look_again(topology), node, caught_up=True))
                _open(call, cluster, node)
            except Refusal as refusal:
                if own_source is None or call.found.get("opened"):
                    raise
                raise _point_back(node, own_source, refusal, call.say) from refusal
        # Behind the point of no return: nothing is undone any more.
        call.found = {"primary": entry_of(topology[name]), "opened": True, "time": round(time.time(), 3), "replication": settings}
        if handover is not None:
            call.found["downtime"] = handover.downtime
        if reopening:
            problems = problems_in(cluster.on_each([name], lambda each: _finish_reopening(call, each), "enable events"))
        else:
            events = None if handover is None else handover.events
            problems = problems_in(cluster.on_each([name], lambda each: _finish_promotion(call, each, events), "end replication"))
        if old is not None:
            acknowledges = node.state.semi_sync.replica
            problems += problems_in(cluster.on_each([old.name], lambda each: _finish_demotion(call, each, acknowledges), "demote"))
        if not call.check_mode:
            topology = cluster.look_again(topology)
            problems += [problem for problem in _check_promoted(node) if not problems]
        else:
            topology = after_promotion(topology, name)
        refuse(problems)
        return _result(call, topology, node, before)


def _check_promotable(node: Node) -> t.Iterator[Problem]:
    if not node.state.log_bin:
        yield Problem("no_candidate", node.name, "%s has no binary log: nobody could replicate from it" % node.name)
    if node.state.gtid_mode != "ON":
        yield Problem("gtid_off", node.name, "%s has gtid_mode=%s" % (node.name, node.state.gtid_mode))


def _is_reopening(node: Node) -> bool:
    """Whether this is a primary that an interrupted switchover has closed, and that gets its role back."""
    return not node.state.channels and not node.state.writable


def _check_answering(topology: Topology, names: t.Sequence[str]) -> t.Iterator[Problem]:
    for member in topology.listed:
        if member.failure is not None and member.name in names:
            yield Problem(member.failure.code, member.name, member.failure.message)


def _check_decision(call: OldCall, cluster: Cluster, topology: Topology, node: Node, *, caught_up: bool = False) -> t.Iterator[Problem]:
    """See that what was decided on still holds: what the replica has, who else takes writes, and the death of the primary."""
    name, demote = node.name, call.name_of("demote")
    wrote = call.options["writable"]
    reopening = demote is None and _is_reopening(node)
    is_fenced_in_plan = call.check_mode and call.options["force"]
    for member in topology.members:
        if member.name in (name, demote) or member.state is None:
            continue
        if wrote is not None and member.known.writable and member.name not in wrote:
            yield Problem("changed_meanwhile", member.name, "%s takes writes by now: %s would be the second" % (member.name, name))
        elif (member.known.leads and not is_fenced_in_plan) or (reopening and member.known.writable):
            yield Problem("two_writable", member.name, "%s takes writes: %s would be the second" % (member.name, name))
        elif reopening and member.known.received.subtract(node.state.executed):
            extra = member.known.received.subtract(node.state.executed)
            yield Problem("diverged", member.name, "%s has %s that %s lacks: %s" % (member.name, extra.counted(), name, extra), str(extra))
    if call.options["received"] is not None and not node.state.writable and not caught_up:
        try:
            decided = parse_gtids(node.state.family, call.options["received"])
        except GtidError as error:
            raise BadInput("received: %s" % error) from error
        now = node.state.received
        if not (now.contains(decided) and decided.contains(now)):
            yield Problem("changed_meanwhile", name, "%s had received %s when it was elected, and now %s" % (name, decided, now))
    primary = call.entry_of("primary")
    if primary is not None and not node.state.leads:
        answers = cluster.answers(primary)
        if answers:
            yield Problem("primary_alive", primary.name, "the primary %s answers again" % primary.name)
        elif answers is None and not call.options["force"]:
            yield Problem("primary_maybe_alive", primary.name, "the primary %s takes connections again, and answers nobody" % primary.name)


# From a dead primary


class OwnSource(t.NamedTuple):
    """Whom a replica followed, and how, before it was to catch up from another one."""

    channel: Channel
    found: Found


def _open(call: OldCall, cluster: Cluster, node: Node) -> None:
    """Open a drained replica for writes."""
    refuse(_check_drained(call, node))
    before = node.state.semi_sync.source
    wanted = before if node.state.writable or not node.state.channels else _wanted_semi_sync(call, node, before or node.state.semi_sync.replica)
    if wanted != before:
        refuse(problems_in(cluster.on_each([node.name], lambda each: set_semi_sync_source(each, wanted))))
    with call.journal.step("allow writes", node.name):
        problems = problems_in(cluster.on_each([node.name], allow_writes))
    if problems:
        # Where it is not known whether the statement was carried out, it counts as open.
        call.found = {"opened": problems[0].code == "outcome_unknown"}
        if wanted != before and not call.found["opened"]:
            problems += problems_in(cluster.on_each([node.name], lambda each: set_semi_sync_source(each, before)))
    refuse(problems)


def _wanted_semi_sync(call: OldCall, node: Node, was: bool) -> bool:
    """Return whether a new primary is to wait for acknowledgements: if that was so, and enough replicas can give them."""
    acknowledgers = call.options["acknowledgers"]
    wanted = was and can_wait_for_acknowledgements(node, acknowledgers)
    if was and not wanted:
        message = "%s will not wait for acknowledgements (semi-synchronous replication): it needs %d of them, and %d replicas can acknowledge"
        call.warnings.append(message % (node.name, max(1, node.state.semi_sync.wait_for), acknowledgers))
    return wanted


def _check_drained(call: OldCall, node: Node) -> t.Iterator[Problem]:
    channel, left = node.channel, node.state.not_applied
    if channel is not None and channel.receiver == RUNNING and not (call.check_mode and call.options["force"]):
        yield Problem("still_receiving", node.name, "%s still receives from its source %s:%d" % (node.name, channel.source_host, channel.source_port))
    elif left and not call.check_mode:
        yield Problem("not_drained", node.name, "%s has received %s that it has not applied: %s" % (node.name, left.counted(), left), str(left))


def _catch_up(call: OldCall, cluster: Cluster, node: Node, source: Node, timeout: float) -> t.Optional[OwnSource]:
    """Fetch from another replica what this one lacks, and return how it was found; nothing where it lacks nothing.

    It takes two steps and the time of both, and happens before anything is opened.
    """
    missing, channel = source.state.executed.subtract(node.state.received), node.channel
    if not missing or channel is None:
        return None
    gone = source.purged().subtract(node.state.executed)
    if gone:
        message = "%s lacks %s that %s has purged: %s" % (node.name, gone.counted(), source.name, gone)
        raise Refusal([Problem("catch_up_failed", node.name, message, str(gone))])
    call.say("%s: catching up on %s from %s" % (node.name, missing.counted(), source.name))
    address = source.server.address
    goal = source.state.executed.union(node.state.executed)
    own_source = OwnSource(channel, found_as(node))

    def fetch(own: Node) -> None:
        deadline = time.monotonic() + timeout
        let_receiver_stop(own, call.say)
        try:
            repoint(own, SourceOptions(address.host, address.port))
            if not call.check_mode:
                own.read()
                drain(own, max(deadline - time.monotonic(), 1), call.say, goal)
        except (Refusal, ServerError) as error:
            refusal = error if isinstance(error, Refusal) else Refusal([problem_of(own.name, error)])
            raise _point_back(own, own_source, refusal, call.say) from error
        stop_receiving(own)
        if not call.check_mode:
            own.read()

    problems = problems_in(cluster.on_each([node.name], fetch, "catch up"))
    if problems:
        raise Refusal([Problem("catch_up_failed", node.name, problem.message, problem.gtids) for problem in problems])
    return own_source


def _point_back(node: Node, own: OwnSource, refusal: Refusal, say: t.Callable[[str], None]) -> Refusal:
    """Let a replica that is not promoted after all follow its own source again, as it was found, and return what to refuse with.

    What it had fetched from another one that one still has.
    """
    source = SourceOptions(own.channel.source_host, own.channel.source_port)
    try:
        if not node.server.is_open:
            node.reconnect()
        node.read()
        if node.channel is not None and not node.channel.is_stopped:
            stop_for_good(node, own.channel.name)
        node.server.send(node.flavor.change_source(source, own.channel.name))
        node.read()
        restore_threads(node, own.found, say)
    except (Refusal, ServerError) as error:
        message = "%s could not be pointed back to %s:%d: %s" % (node.name, source.host, source.port, error)
        return Refusal([*refusal.problems, Problem("not_undone", node.name, message)])
    return refusal


# From a living primary


def _take_over(call: OldCall, old: Node, node: Node, timeout: float) -> Handover:
    """Hand the role over, unless an earlier run has opened the new primary already: then only what comes after that is left."""
    opened = node.state.writable and not old.state.writable and not old.state.executed.subtract(node.state.executed)
    if opened or (node.state.writable and not node.state.channels):
        refuse(_check_handed_over(old, node))
        return Handover(0.0, events_to_run(old, primary=True))
    refuse(_check_can_take_over(call, old, node))
    if old.state.channels:
        # It would not be closed for writes, for that it is already, and nobody knows where they go by now.
        message = "%s, from which %s was to take the role, replicates from %s:%d by now"
        channel = old.state.channels[0]
        raise Refusal([Problem("changed_meanwhile", old.name, message % (old.name, node.name, channel.source_host, channel.source_port))])
    semi_sync = _wanted_semi_sync(call, node, old.state.semi_sync.source or node.state.semi_sync.source)
    limits = Limits(timeout, call.seconds("grace"), call.options["kill"], semi_sync)
    return hand_over(old, node, limits, call.journal, call.say)


def _check_handed_over(old: Node, node: Node) -> t.Iterator[Problem]:
    extra = old.state.executed.subtract(node.state.executed)
    if extra:
        yield Problem("diverged", old.name, "%s has %s that %s lacks: %s" % (old.name, extra.counted(), node.name, extra), str(extra))
    elif old.state.writable and not old.state.channels:
        yield Problem("two_writable", old.name, "%s and %s both take writes" % (old.name, node.name))


def _check_can_take_over(call: OldCall, old: Node, node: Node) -> t.Iterator[Problem]:
    channel = node.channel
    if channel is None:
        yield Problem("not_a_replica", node.name, "%s replicates from nobody" % node.name)
    elif channel.applier_error and channel.applier != RUNNING:
        yield Problem("applier_broken", node.name, "the applier of %s failed: %s" % (node.name, channel.applier_error))
    elif channel.receiver != RUNNING or channel.applier != RUNNING:
        message = "%s does not replicate from %s: receiver %s, applier %s" % (node.name, old.name, channel.receiver, channel.applier)
        yield Problem("not_replicating", node.name, message)
    elif (channel.lag or 0) > call.options["max_lag"] + channel.delay or channel.delay > call.options["max_lag"]:
        message = "%s is %s s behind %s (its delay: %d s), more than %g s" % (node.name, channel.lag, old.name, channel.delay, call.options["max_lag"])
        yield Problem("lagging", node.name, message)
    extra = node.state.executed.subtract(old.state.executed).of_origins([node.state.identity])
    if extra and not node.state.writable:
        yield Problem("errant", node.name, "%s holds %s of its own that %s lacks: %s" % (node.name, extra.counted(), old.name, extra), str(extra))


# After the point of no return


def _finish_promotion(call: OldCall, node: Node, events: t.Optional[t.Sequence[Event]]) -> None:
    """End replication, and run the events that the old primary ran; where that is dead, the new one knows them."""
    if not node.state.channels:
        return
    if events is None:
        events = events_to_run(node, primary=False)
        if events:
            named = ", ".join(sorted(map(str, events)))
            verb = "would run these events" if call.check_mode else "runs these events now"
            message = "%s %s: %s. Disable those that were disabled on the old primary: its replicas do not know which they were"
            call.warnings.append(message % (node.name, verb, named))
    switch_events(node, events, enable=True)
    _persist(call, node, read_only=False)
    let_receiver_stop(node, call.say)
    forget_source(node)


def _finish_reopening(call: OldCall, node: Node) -> None:
    """Run the events again that an interrupted switchover has disabled, and stay writable over a restart."""
    enabled = enabled_events(node)
    switch_events(node, [event for event in events_to_run(node, primary=True) if event not in enabled], enable=True)
    _persist(call, node, read_only=False)


def _finish_demotion(call: OldCall, old: Node, acknowledges: bool) -> None:
    """Prepare a former primary for replicating: semi-synchronous as the new one was, read-only for good, no transaction in the applier's way."""
    if old.state.channels:
        return
    if old.state.semi_sync.source:
        set_semi_sync_source(old, False)
    if acknowledges:
        set_semi_sync_replica(old, True)
    _persist(call, old, read_only=True)
    if call.options["kill"]:
        kill_clients(old, call.say, in_transaction=True)


def _persist(call: OldCall, node: Node, *, read_only: bool) -> None:
    if not persist_read_only(node, read_only):
        call.warnings.append("%s cannot keep read_only over a restart: see to it that its option files say read_only=%d" % (node.name, read_only))


def _check_promoted(node: Node) -> t.Iterator[Problem]:
    if not node.state.writable:
        yield Problem("not_writable", node.name, "%s is read-only again: something else has set it" % node.name)
    if node.state.channels:
        yield Problem("not_promoted", node.name, "%s still has a replication configuration" % node.name)


def _result(call: OldCall, topology: Topology, node: Node, before: str) -> Result:
    row: t.Mapping[str, t.Any] = (node.server.send(node.flavor.show_binary_log_status()) or [{}])[0]
    now = "would be the primary" if call.check_mode else "is the primary now"
    return {
        "gtid": str(node.state.executed),
        "binlog": {"file": row.get("File"), "position": row.get("Position")},
        "diff": {"before": before, "after": tree(topology), "before_header": node.name, "after_header": node.name},
        "msg": "%s %s" % (node.name, now if call.journal.statements else "is a primary already: writable, and without a source"),
    }


VERB = legacy(ARGUMENTS, promote, strangers=("primary",))
