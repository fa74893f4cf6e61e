# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What each of several servers that take writes has, and none of the others: so that whoever is to decide between them knows what is at stake."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.own import find_alone
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.save import count_in, say_rows
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import alone
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.translate import ChangedRows
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

# Seconds that reading the binary logs of a server may take, and translating what was found there.
_LONGEST = 5.0


class AloneOn(t.TypedDict):
    """What only one server has: which transactions, and how many rows of which tables they have changed; ``problem`` says why that is not known."""

    server: str
    gtids: str
    count: int
    tables: t.List[ChangedRows]
    problem: t.Optional[str]


def look_at_each(cluster: Cluster, topology: Topology, names: Sequence[str], program: t.Optional[str] = None) -> t.List[AloneOn]:
    """Return for each of these servers what it alone has. They go on taking writes meanwhile; nothing is changed.

    :arg program: what translates binary logs; one on the PATH if none is named.
    """
    have = {name: _known_of_others(topology, name, names) for name in names}
    found = {}
    for name, outcome in cluster.on_each(names, lambda node: _count(node, have[node.name], program), "read binary logs").items():
        own = alone(topology[name], *(topology[other] for other in names if other != name))
        tables, problem = outcome.value if outcome.value is not None else ([], outcome.problems[0].message)
        found[name] = AloneOn(server=name, gtids=str(own), count=own.count(), tables=tables, problem=problem)
    return [found[name] for name in names]


def _known_of_others(topology: Topology, name: str, names: Sequence[str]) -> Gtids:
    first, *rest = (topology[other].known.executed for other in names if other != name)
    for each in rest:
        first = first.union(each)
    return first


def _count(node: Node, have: Gtids, program: t.Optional[str]) -> t.Tuple[t.List[ChangedRows], t.Optional[str]]:
    begun = time.monotonic()
    try:
        extract = find_alone(node, have, _LONGEST)
        return count_in(extract, program, max(_LONGEST - (time.monotonic() - begun), 1.0)), None
    except (ExtractFailed, ServerError) as error:
        return [], str(error)


def say_alone(found: AloneOn) -> str:
    """Say what only one server has, in a line."""
    if not found["count"]:
        return "%s has nothing that the others lack" % found["server"]
    counted = "%d transaction%s" % (found["count"], "s" * (found["count"] != 1))
    rows = found["problem"] or say_rows(found["tables"])
    return "%s alone has %s (%s)%s" % (found["server"], counted, found["gtids"], ". Rows: %s" % rows if rows else "")
