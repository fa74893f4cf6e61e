# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.
"""The work of mysql_salvage: what a dead primary has in its binary log files and no replica received, applied on a replica under its own GTIDs.

The replica is asked what it has, the dead server's host what of its own is not in that (``salvage_host``), and the replica is given it. Each
transaction that was applied is kept, whatever becomes of the next; a second run takes up only what is lacking then.
"""

from __future__ import annotations

import re
import time
import typing as t
from contextlib import closing

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Question, understand
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import StillRunning
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import Held
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.salvaging import check_readable, check_ready, check_untouched
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids, transactions_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from ansible_collections.dbha.mysql.plugins.module_utils._steps.relay_logs import keeper_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import stop_applying
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import open_to_privileged
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage_host import ARGUMENTS

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Reading
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

# What begins a transaction in the output of the vendors' tools.
_BEGINS = re.compile(r"(?:/\*!\d+ )?SET @@SESSION\.(?:GTID_NEXT ?= ?'[^']+:\d+'|gtid_seq_no ?= ?\d+)", re.IGNORECASE)

# What only the command-line client understands.
_CLIENT_COMMAND = "/*!\\C"


class Salvaged(t.TypedDict, total=False):
    """What mysql_salvage gives back; its documentation says what each is."""

    found: str
    found_count: int
    applied: str
    applied_count: int
    left: str
    left_count: int
    received: t.Optional[str]
    msg: str


@dataclass(frozen=True)
class Salvaging:
    """On which replica to apply what the dead server alone has, where its files are, and how long it may take (seconds).

    ``connect_within`` is what the dead server's host gets to let us in, ``timeout`` what all of it may take. ``force``: a process that still has the
    files open is no reason to spare the server.
    """

    members: Members
    replica: str
    directory: str
    program: t.Optional[str]
    connect_within: float
    timeout: float
    force: bool = False


# How the half that runs on the dead server's host is asked, and what it gives back.
AskHost = t.Callable[[Salvaging, Question], t.Mapping[str, object]]


class HostFailed(Exception):
    """The dead server's host could not be asked."""


def parse(options: Options) -> Salvaging:
    """Read the options of mysql_salvage. Raises ``BadInput``."""
    replica = options.server("replica")
    if replica is None:
        raise BadInput("replica: name the server that is to have the transactions")
    return Salvaging(
        options.members("replica"),
        replica.name,
        options.text("directory") or "",
        options.text("binlog_program"),
        # Where it must be had, the host has as long as all of it may take.
        options.seconds("timeout" if options.text("policy") == "require" else "connect_within"),
        options.seconds("timeout"),
        options.flag("force"),
    )


def salvage(call: Call, wanted: Salvaging, dead: str, ask_host: AskHost) -> Salvaged:
    """Ask the replica, the dead server's host, and apply on the replica what is found there for as long as there is time."""
    deadline = time.monotonic() + wanted.timeout
    with Cluster(wanted.members, call.journal, check_mode=call.check_mode) as cluster:

        def ready(topology: Topology) -> t.Tuple[str, ...]:
            refuse(check_readable(topology))
            refuse(() if call.check_mode else check_ready(wanted.replica, topology[wanted.replica].known))
            return (wanted.replica,)

        def untouched(topology: Topology) -> t.Tuple[str, ...]:
            refuse(check_readable(topology))
            refuse(check_untouched(wanted.replica, before, topology[wanted.replica].known))
            return (wanted.replica,)

        held = Held(cluster, ready, tuple, wanted.timeout)
        held.begin(cluster.look(ask_source=False))
        node, before = cluster.nodes[wanted.replica], held.topology[wanted.replica].known
        family = before.family
        call.tell({"received": str(before.received), **describe(family, (), ())})
        with call.journal.step("read binary logs", dead):
            question = Question(family, before.received, wanted.directory, wanted.program, max(deadline - time.monotonic(), 0.1))
            reading = _ask(ask_host, wanted, question, dead)
        call.tell(describe(family, reading.found, reading.found))
        if reading.trouble is not None:
            found = transactions_of(family, reading.found)
            raise Refusal([Problem("salvage_failed", dead, "%s cannot be salvaged: %s" % (found.counted(), reading.trouble), str(found))])
        if not reading.found:
            return {"msg": "the dead primary has nothing that no replica has received"}
        if call.check_mode:
            call.tell(describe(family, reading.found, ()))
            return {"msg": "%s that no replica has received would be salvaged from the dead primary" % transactions_of(family, reading.found).counted()}
        # What it has is not known again before it has been read.
        call.tell({"received": None})
        held.look_again(untouched)
        held.make_sure(untouched)
        sql = reading.sql.decode("utf-8", "surrogateescape")
        problems = problems_in(cluster.on_each([node.name], lambda each: _apply(each, sql, deadline), "salvage"))
        problems += problems_in(cluster.on_each([node.name], _read_back))
        left = [gtid for gtid in reading.found if not node.state.executed.contains(parse_gtids(family, gtid))]
        applied = [gtid for gtid in reading.found if gtid not in left]
        call.tell(describe(family, reading.found, left))
        if node.server.is_open:
            call.tell({"received": str(node.state.received)})
        uncounted = problems_in(cluster.on_each([node.name], lambda each: keeper_of(each).count_as_replicated(parse_gtids(family, ",".join(applied)))))
        if left:
            refuse(_why_left(node.name, [*problems, *uncounted], str(transactions_of(family, left))))
        refuse(uncounted)
        return {"msg": "salvaged %s from the dead primary that no replica had received" % transactions_of(family, applied).counted()}


def _why_left(name: str, problems: t.Sequence[Problem], left: str) -> Iterator[Problem]:
    for problem in problems:
        yield Problem("salvage_failed", name, problem.message, left)
    if not problems:
        yield Problem("salvage_failed", name, "every statement succeeded, but %s still lacks these transactions" % name, left)


def salvaging(dead: str, ask_host: AskHost) -> Verb[Salvaging]:
    """Return the half of mysql_salvage that asks the dead server's host, in a way that the caller knows. ``dead`` is the name of that server.

    ``ask_host`` returns what the other half has given as its result, and raises ``HostFailed``.
    """
    return Verb(ARGUMENTS, parse, lambda call, wanted: salvage(call, wanted, dead, ask_host))


def _ask(ask_host: AskHost, wanted: Salvaging, question: Question, dead: str) -> Reading:
    try:
        return understand(question.family, ask_host(wanted, question))
    except (HostFailed, ExtractFailed) as error:
        if isinstance(error, StillRunning) and not wanted.force:
            raise Refusal([Problem("primary_maybe_alive", dead, "the primary %s may be alive: %s" % (dead, error))]) from error
        raise Refusal([Problem("salvage_failed", dead, "nothing was salvaged from the dead primary: %s" % error)]) from error


def describe(family: str, found: t.Sequence[str], left: t.Sequence[str]) -> Salvaged:
    """Describe what a dead server alone had, what of that was applied, and what is left."""
    missing = set(left)
    found_, left_ = transactions_of(family, found), transactions_of(family, left)
    applied = transactions_of(family, [gtid for gtid in found if gtid not in missing])
    return {
        "found": str(found_),
        "found_count": found_.count(),
        "applied": str(applied),
        "applied_count": applied.count(),
        "left": str(left_),
        "left_count": left_.count(),
    }


def _apply(node: Node, sql: str, deadline: float) -> None:
    """Apply SQL over a connection of its own, which takes its settings, and a transaction that it did not come through with, along when it ends."""
    stop_applying(node)
    with open_to_privileged(node), closing(node.server.twin()) as twin, twin.within(max(deadline - time.monotonic(), 0.1)):
        for text in split_statements(sql):
            begins = _BEGINS.match(text) is not None
            if begins and time.monotonic() >= deadline:
                raise Refusal([Problem("salvage_failed", node.name, "there was not enough time to apply everything on %s" % node.name)])
            twin.send(Statement(text, changes=begins, shown=text if begins else "(a part of a transaction of the dead primary)"))


def _read_back(node: Node) -> None:
    if not node.server.is_open:
        node.reconnect()
    node.read()


def split_statements(sql: str) -> Iterator[str]:
    """Yield the statements of what ``mysqlbinlog`` writes, as the command-line client would find them: ``DELIMITER`` and comments are for it alone."""
    delimiter = ";"
    lines: t.List[str] = []
    for line in sql.split("\n"):
        if not lines and (not line.strip() or line.startswith(("#", _CLIENT_COMMAND))):
            continue
        if not lines and line.startswith("DELIMITER "):
            delimiter = line.split(" ", 1)[1].strip()
            continue
        lines.append(line)
        if line.endswith(delimiter):
            yield "\n".join(lines)[: -len(delimiter)]
            lines = []
