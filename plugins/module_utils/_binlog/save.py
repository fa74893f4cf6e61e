# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Transactions that only one server has, kept in files: a binary log extract, SQL that can be read and replayed, and a summary of both.

The directory is named by the server and a digest of what is in it, for other clusters may use the same GTIDs, and its summary is written last. So
saving again finds what is there, and what an interrupted run has left, or somebody has removed, is written anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import tempfile
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed, put_file
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.translate import ChangedRows, count_rows, find_program, replayable, write_sql

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import Extract

_SUMMARY = "summary.json"

# Podman puts this into containers, which execution environments run in.
_CONTAINER_OF_PODMAN = "/run/.containerenv"

# What brings saved transactions to a server, less how to log in to it. Files that were loaded are sent by the client, from where it stands.
_REPLAY = {family: "cd %%s && %s --binary-mode --local-infile=1 < transactions.sql" % client for family, client in (("mysql", "mysql"), ("mariadb", "mariadb"))}


class Saved(t.TypedDict):
    """What was kept where; the documentation of mysql_rejoin says what each is."""

    server: str
    gtids: str
    count: int
    without_gtid: int
    directory: str
    binary_logs: t.List[str]
    sql: t.Optional[str]
    replay: t.Optional[str]
    tables: t.Optional[t.List[ChangedRows]]
    problem: t.Optional[str]


def save(server: str, extract: Extract, save_to: str, program: t.Optional[str], seconds: float, *, anew: bool = False) -> Saved:
    """Keep the transactions that a server alone has, and return what was kept where. Raises ``ExtractFailed``.

    :arg anew: they get new GTIDs where they are replayed, because other transactions are there under theirs.
    """
    named = "%s-%s%s" % (_file_name(server), _digest(extract), "-anew" if anew else "")
    directory = os.path.join(os.path.abspath(os.path.expanduser(save_to)), named)
    found = _read_summary(directory)
    if found is not None and all(os.path.isfile(path) for path in (*found["binary_logs"], found["sql"] or "")):
        return found
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        return _write(server, extract, directory, program, seconds, anew=anew)
    except OSError as error:
        raise ExtractFailed("%s cannot be written: %s" % (directory, error)) from error


def count_in(extract: Extract, program: t.Optional[str], seconds: float) -> t.List[ChangedRows]:
    """Count the rows of each table that transactions have changed, and keep nothing. Raises ``ExtractFailed``."""
    if not extract.segments:
        return []
    try:
        with tempfile.TemporaryDirectory() as directory:
            sql = os.path.join(directory, "transactions.sql")
            write_sql(find_program(extract.family, program), extract.write(directory), sql, seconds)
            with open(sql, encoding="utf-8", errors="replace") as text:
                return count_rows(text)
    except OSError as error:
        raise ExtractFailed("they cannot be written to be translated: %s" % error) from error


def say_rows(tables: t.Iterable[ChangedRows]) -> str:
    """Say how many rows of which tables were changed; nothing where none were."""
    return "; ".join("%s.%s %s" % (table["schema"], table["table"], _describe_rows(table)) for table in tables)


def _describe_rows(table: ChangedRows) -> str:
    counted = (("inserted", table["inserted"]), ("updated", table["updated"]), ("deleted", table["deleted"]))
    return ", ".join("%d %s" % (number, kind) for kind, number in counted if number)


def vanishes_with(directory: str, environment: t.Mapping[str, str], device_of: t.Callable[[str], int]) -> str:
    """Say with what a directory is gone when this run ends; nothing where it stays.

    A job of AWX runs in a container that is removed, and in a directory that is removed; only what is mounted into it stays.

    :arg device_of: the device that a path is on, as ``os.stat`` says.
    """
    path, private = os.path.realpath(directory), environment.get("AWX_PRIVATE_DATA_DIR")
    if private and os.path.join(path, "").startswith(os.path.join(os.path.realpath(private), "")):
        return "the directory of this job"
    in_container = bool(private) or os.path.exists(_CONTAINER_OF_PODMAN)
    return "the container of this job" if in_container and device_of(path) == device_of("/") else ""


def gone_with_job(directory: str) -> str:
    """Say with what a directory that is there is gone when this run ends; nothing where it stays."""
    return vanishes_with(directory, os.environ, lambda path: os.stat(path).st_dev)


def _only_for_us(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _digest(extract: Extract) -> str:
    digest = hashlib.sha256()
    for segment in extract.segments:
        for transaction in segment.transactions:
            for event in transaction.events:
                digest.update(event.raw)
    return digest.hexdigest()[:12]


def _file_name(name: str) -> str:
    return "".join(character if character.isalnum() or character in "-." else "_" for character in name)


def _read_summary(directory: str) -> t.Optional[Saved]:
    """Return the summary that an earlier run has written last; ``None`` where there is none, or what stands there is not one."""
    try:
        with open(os.path.join(directory, _SUMMARY), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return t.cast("Saved", found) if isinstance(found, dict) and found.keys() == Saved.__annotations__.keys() else None


def _write(server: str, extract: Extract, directory: str, program: t.Optional[str], seconds: float, *, anew: bool) -> Saved:
    saved: Saved = {
        "server": server,
        "gtids": str(extract.transactions),
        "count": extract.transactions.count() + extract.anonymous,
        "without_gtid": extract.anonymous,
        "directory": directory,
        "binary_logs": extract.write(directory),
        "sql": None,
        "replay": None,
        "tables": None,
        "problem": None,
    }
    sql, translated = os.path.join(directory, "transactions.sql"), os.path.join(directory, "transactions.sql.partial")
    try:
        os.close(os.open(translated, os.O_CREAT | os.O_WRONLY, 0o600))
        write_sql(find_program(extract.family, program), saved["binary_logs"], translated, seconds)
    except ExtractFailed as error:
        saved["problem"] = str(error)
        return saved
    with open(translated, "rb") as lines, open(sql, "wb", opener=_only_for_us) as output:
        output.writelines(replayable(lines, directory, anew=anew))
    os.unlink(translated)
    with open(sql, encoding="utf-8", errors="replace") as text:
        saved["sql"], saved["tables"], saved["replay"] = sql, count_rows(text), _REPLAY[extract.family] % shlex.quote(directory)
    put_file(directory, _SUMMARY, json.dumps(saved, indent=2).encode())
    return saved
