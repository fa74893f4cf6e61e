# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Transactions that were taken out of binary logs, written as SQL by the vendors' own tools; and what that SQL changes."""

from __future__ import annotations

import collections
import os
import re
import shutil
import subprocess
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The tool of each family by its names, and an option that only this family's has (MySQL's since 5.6, MariaDB's since 10.2).
_PROGRAMS = {"mysql": (("mysqlbinlog",), "include-gtids"), "mariadb": (("mariadb-binlog", "mysqlbinlog"), "flashback")}

_CHANGED_ROW = re.compile(r"^### (INSERT INTO|UPDATE|DELETE FROM) `((?:[^`]|``)*)`\.`((?:[^`]|``)*)`")


# Lines of the tools themselves, as MariaDB 10.5 to 11.8 and MySQL 5.6 to 9.7 write them.
_THEIRS_ONLY = re.compile(rb"^/\*M?!\d+ SET @@session\.(server_id|gtid_seq_no)=\d+\*//\*!\*/;$")
_GIVEN = re.compile(rb"^(SET @@SESSION\.GTID_NEXT= ')[^']*:[^']+('/\*!\*/;)$")
_ANONYMOUS = re.compile(rb"^SET @@SESSION\.GTID_NEXT= 'ANONYMOUS'/\*!\*/;$")


class ChangedRows(t.TypedDict):
    """How many rows of a table were changed."""

    schema: str
    table: str
    inserted: int
    updated: int
    deleted: int


def find_program(family: str, named: t.Optional[str] = None, seconds: float = 10.0) -> str:
    """Return the tool of a family that translates binary logs: the one that is named, or one on the PATH. Raises ``ExtractFailed``."""
    names, mark = _PROGRAMS[family]
    for name in [named] if named else names:
        path = shutil.which(os.path.expanduser(name))
        if path is not None and mark in _run([path, "--no-defaults", "--help"], seconds).stdout.decode("utf-8", "replace"):
            return path
    if named:
        raise ExtractFailed("%s cannot be run, or is not the tool of this family" % named)
    raise ExtractFailed("%s is not installed where the task runs" % " or ".join(names))


def write_sql(program: str, files: t.Sequence[str], target: str, seconds: float, *, verbose: bool = True) -> None:
    """Translate extracts to SQL that can be replayed; ``verbose``: with the rows readable beside it as comments. Raises ``ExtractFailed``.

    Files that were loaded (``LOAD DATA``) are written beside it.
    """
    load_to = "--local-load=" + os.path.dirname(os.path.abspath(target))
    with open(target, "wb") as output:
        done = _run([program, "--no-defaults", load_to, *(["--verbose"] if verbose else []), *files], seconds, output)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ExtractFailed("%s failed: %s" % (program, said[-1] if said else "exit code %d" % done.returncode))


def replayable(lines: Iterable[bytes], directory: str, *, anew: bool = False) -> Iterator[bytes]:
    """Yield what ``write_sql`` has written so that it can be replayed on another server, from the directory that it is in.

    A server of MariaDB gives the transactions GTIDs of its own: with theirs ``gtid_strict_mode`` would refuse them (error 1950), and a replica with the
    server_id of their writer skip them. One of MySQL keeps theirs, and gives one to those that have none. Files that were loaded are named without
    their directory. Only where a statement begins anything is changed, so that no text of a client's is.

    :arg anew: one of MySQL gives all of them new ones, too: it passes over a transaction whose GTID it has.
    """
    begins, path = True, b"LOAD DATA LOCAL INFILE '" + _escaped(os.path.join(directory, "").encode("utf-8", "surrogateescape"))
    for line in lines:
        if begins and _THEIRS_ONLY.match(line):
            yield b"# " + line
        elif begins and anew and _GIVEN.match(line):
            yield _GIVEN.sub(rb"\1AUTOMATIC\2", line)
        elif begins and _ANONYMOUS.match(line):
            yield line.replace(b"'ANONYMOUS'", b"'AUTOMATIC'")
        elif begins and line.startswith(path):
            yield line.replace(path, b"LOAD DATA LOCAL INFILE '", 1)
        else:
            yield line
        begins = line.rstrip().endswith(b"*/;") or (begins and (line.startswith(b"#") or not line.strip()))


def _escaped(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b"'", b"\\'")


def _run(command: t.Sequence[str], seconds: float, output: t.Union[int, t.BinaryIO] = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    try:
        # run_command is a method of a module, knows no time limit, and keeps all output in memory.
        # pylint: disable-next=ansible-bad-function
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise ExtractFailed("%s did not finish within %g s" % (command[0], seconds)) from error
    except OSError as error:
        raise ExtractFailed("%s cannot be run: %s" % (command[0], error)) from error


def count_rows(lines: Iterable[str]) -> t.List[ChangedRows]:
    """Count the changed rows of each table in what ``write_sql`` has written."""
    counts: t.Dict[t.Tuple[str, str], t.Counter[str]] = {}
    for line in lines:
        match = _CHANGED_ROW.match(line)
        if match is not None:
            kind, schema, table = match.groups()
            counts.setdefault((schema.replace("``", "`"), table.replace("``", "`")), collections.Counter())[kind] += 1
    return [
        ChangedRows(schema=schema, table=table, inserted=counted["INSERT INTO"], updated=counted["UPDATE"], deleted=counted["DELETE FROM"])
        for (schema, table), counted in sorted(counts.items())
    ]
