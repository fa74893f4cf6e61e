# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.
"""What a dead server has in its binary log files and a replica lacks: read on its host, which needs no driver, and given to whoever asked.

What comes back from there is believed only as far as it has the shape that it should have.
"""

from __future__ import annotations

import base64
import os
import tempfile
import time
import typing as t
import zlib

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import StillRunning, extract_from_directory
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.translate import find_program, write_sql
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import transactions_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids

# The most SQL (bytes) that is taken from another host.
_MOST_SQL = 1 << 30


@dataclass(frozen=True)
class Question:
    """What is to be read on the dead server's host: where its files are, and what the replica has. ``seconds`` is how long that may take."""

    family: str
    have: Gtids
    directory: str
    program: t.Optional[str]
    seconds: float


class Answer(t.TypedDict):
    """What the host gives back: the GTIDs that were found, and the SQL to apply them, packed. ``trouble`` says why there is no SQL for them."""

    found: t.List[str]
    sql: str
    trouble: t.Optional[str]


@dataclass(frozen=True)
class Reading:
    """An answer that was understood."""

    found: t.Tuple[str, ...] = ()
    sql: bytes = b""
    trouble: t.Optional[str] = None


def answer(question: Question) -> Answer:
    """Take out of binary log files what a replica lacks. Raises ``ExtractFailed`` where it cannot even be found."""
    deadline = time.monotonic() + question.seconds
    extract = extract_from_directory(question.directory, question.family, question.have, question.seconds)
    found: Answer = {"found": extract.gtids, "sql": "", "trouble": None}
    if not extract.gtids:
        return found
    with tempfile.TemporaryDirectory() as directory:
        target = os.path.join(directory, "transactions.sql")
        try:
            program = find_program(question.family, question.program, max(deadline - time.monotonic(), 0.1))
            write_sql(program, extract.write(directory), target, max(deadline - time.monotonic(), 0.1), verbose=False)
        except ExtractFailed as error:
            found["trouble"] = str(error)
            return found
        with open(target, "rb") as sql:
            found["sql"] = base64.b64encode(zlib.compress(sql.read(), 1)).decode("ascii")
    return found


def understand(family: str, given: Mapping[str, object]) -> Reading:
    """Read what the host gave back: an ``Answer``, or a failed result. Raises ``ExtractFailed`` for that, and for what is neither."""
    if given.get("failed"):
        raise _told_by(given)
    found, packed, trouble = given.get("found"), given.get("sql"), given.get("trouble")
    if not isinstance(found, list) or not isinstance(packed, str) or not (trouble is None or isinstance(trouble, str)):
        raise ExtractFailed("what its host gave back is not what was asked for")
    gtids = tuple(str(gtid) for gtid in found)
    unpack = zlib.decompressobj()
    try:
        for gtid in gtids:
            if transactions_of(family, [gtid]).count() != 1:
                raise ExtractFailed("its host gave back %r, which does not name a transaction" % gtid[:80])
        sql = unpack.decompress(base64.b64decode(packed, validate=True), _MOST_SQL) if packed else b""
    except (ValueError, zlib.error) as error:  # of GTIDs, and of what is not base64
        raise ExtractFailed("what its host gave back cannot be understood: %s" % error) from error
    if unpack.unconsumed_tail:
        raise ExtractFailed("its host gave back more than %d MB of SQL" % (_MOST_SQL >> 20))
    if packed and not unpack.eof:
        raise ExtractFailed("what its host gave back cannot be understood: the SQL breaks off")
    return Reading(gtids, sql, trouble)


def _told_by(given: Mapping[str, object]) -> ExtractFailed:
    """Return what a failed result says: it may come from a module, or from whatever kept one from running."""
    problems = given.get("problems")
    problem = problems[0] if isinstance(problems, list) and problems and isinstance(problems[0], dict) else {}
    message = str(problem.get("message") or given.get("msg") or "the module ended without a result")
    return StillRunning(message) if problem.get("code") == "primary_maybe_alive" else ExtractFailed(message)
