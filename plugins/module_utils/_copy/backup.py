# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Overwriting a MariaDB server by the files of another, with ``mariadb-backup`` on both hosts: quick also where there is much data.

The former primary stays as it is until the whole copy lies in its data directory, ready to start. Only then it is stopped and its files are
replaced, by one command on its host that goes on when we are killed. The system tables go first and come last, and a server does not start
without them; after the start a mark (``UNFINISHED``) stays until its position is set. So nothing half done can be taken for a server.

On a replica the documentation offers ``--slave-info`` and ``--safe-slave-backup``. The first is for replication by file and position. The second stops
the applier until no temporary table is open, which matters to statements only, and would leave it stopped if it is killed. Neither is needed here:
the backup says itself which GTIDs it holds, read while nothing could commit (``mariadb_backup_binlog_info``, before 11.1 ``xtrabackup_binlog_info``).
"""

from __future__ import annotations

import shlex
import time
import typing as t
from contextlib import suppress

from ansible_collections.dbha.mysql.plugins.module_utils._copy import backup_scripts as scripts
from ansible_collections.dbha.mysql.plugins.module_utils._copy.compare import locked_for_comparison
from ansible_collections.dbha.mysql.plugins.module_utils._copy.programs import ProgramFailed, check_reads_all, feed, login_options, run_program
from ansible_collections.dbha.mysql.plugins.module_utils._copy.restart import wait_until_back
from ansible_collections.dbha.mysql.plugins.module_utils._copy.unfinished import UNFINISHED, try_account, unfinished
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import gtids_in
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import forget_source
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# Seconds that a look at a host may take.
_LOOK = 60.0


@dataclass(frozen=True)
class Hosts:
    """How to run commands on the servers' hosts: for each server the command that takes a command line, and what stops and starts the recipient."""

    shells: t.Mapping[str, str]
    stop: str
    start: str
    start_timeout: float

    def command(self, name: str, script: str) -> t.List[str]:
        """Return the command that runs a script on the host of a server."""
        return [*shlex.split(self.shells[name]), "sh -c " + shlex.quote(script)]


def why_not_by_backup(node: Node, donor: Node, hosts: Hosts) -> str:
    """Return why a server cannot be overwritten by the files of another; empty if it can. Raises nothing for what hosts say."""
    missing = ["mysql_host_shell of %s" % each.name for each in (donor, node) if not hosts.shells.get(each.name)]
    missing += [name for name, command in (("rejoin_stop_command", hosts.stop), ("rejoin_start_command", hosts.start)) if not command]
    if missing:
        return "not set: %s" % ", ".join(missing)
    if node.state.version[:2] != donor.state.version[:2]:
        return "%s is %s, and %s is %s" % (donor.name, donor.state.version_text, node.name, node.state.version_text)
    files = _files(node)
    elsewhere = sorted(name for name, path in files.items() if name not in ("datadir", "pid_file") and not _is_in_datadir(str(path or ""), files))
    if elsewhere:
        return "%s keeps files outside its data directory (%s)" % (node.name, ", ".join(elsewhere))
    if node.server.check_mode:
        return ""
    try:
        needed = int(run_program(hosts.command(donor.name, scripts.MEASURE_DONOR % _places(donor)), _LOOK))
    except (ProgramFailed, ValueError) as error:
        return "on the host of %s: %s" % (donor.name, error)
    try:
        free = int(run_program(hosts.command(node.name, scripts.MEASURE_RECIPIENT % _places(node)), _LOOK))
    except (ProgramFailed, ValueError) as error:
        return "on the host of %s: %s" % (node.name, error)
    if free < needed:
        return "on the host of %s: the copy needs up to %d MB in the data directory, and %d MB are free" % (node.name, needed // 1024, free // 1024)
    return ""


def rebuild_by_backup(node: Node, donor: Node, account: Login, hosts: Hosts, seconds: float, say: Callable[[str], None]) -> None:
    """Overwrite a server by the files of another. Raises ``Refusal``; as long as the copy is not complete the server stays as it is."""
    deadline = time.monotonic() + seconds
    try:
        # It crashes at some limits, gives up at others (seen: 10.11, 11.8), and has no option for its session.
        check_reads_all("mariadb-backup", donor)
    except ProgramFailed as error:
        raise Refusal([Problem("cannot_copy", node.name, "%s cannot be overwritten with the files of %s: %s" % (node.name, donor.name, error))]) from error
    replace = scripts.REPLACE % dict(_places(node), mark=UNFINISHED, stop=hosts.stop, start=hosts.start, seconds=int(hosts.start_timeout))
    journal = node.server.journal
    journal.statements.append(Sent(node.name, "on its host: replace its files with those of %s; %s; %s" % (donor.name, hosts.stop, hosts.start)))
    if node.server.check_mode:
        return
    try_account(node, donor, account)
    with locked_for_comparison(node, donor, account, seconds, deadline, say) as compare:
        position = _copy_files(node, donor, account, hosts, deadline, say)
        _replace_files(node, donor, replace, hosts, deadline, say)
        with unfinished(node, account, seconds) as admin:
            compare()
            for statement in node.flavor.set_position(position):
                admin.send(statement)


def _copy_files(node: Node, donor: Node, account: Login, hosts: Hosts, deadline: float, say: Callable[[str], None]) -> str:
    """Copy the files of a server, ready to start, beside those of another, and return the position that they hold. Raises ``Refusal``."""
    journal = node.server.journal
    say("%s: copying the files of %s" % (node.name, donor.name))
    try:
        send, receive = hosts.command(donor.name, scripts.SEND % _places(donor)), hosts.command(node.name, scripts.RECEIVE % _places(node))
        with journal.step("copy files", node.name):
            how_to_log_in = login_options(donor.server.address, account, on_its_host=True)
            feed(send, receive, deadline, lambda how_much: say("%s: %s copied" % (node.name, how_much)), how_to_log_in)
        with journal.step("prepare", node.name):
            return _position(run_program(hosts.command(node.name, scripts.PREPARE % _places(node)), max(deadline - time.monotonic(), 1.0)))
    except ProgramFailed as error:
        with suppress(ProgramFailed):  # the server that goes on running there needs the room
            run_program(hosts.command(node.name, scripts.CLEAN_UP % _places(node)), _LOOK)
        message = "%s cannot be overwritten with the files of %s: %s. For a dump instead, leave rejoin_stop_command out"
        raise Refusal([Problem("cannot_copy", node.name, message % (node.name, donor.name, error))]) from error


def _replace_files(node: Node, donor: Node, replace: str, hosts: Hosts, deadline: float, say: Callable[[str], None]) -> None:
    """Replace the files of a server by those that were copied, and wait until it is back. Raises ``Refusal``."""
    forget_source(node)
    written = _written(node)
    say("%s: replacing its files" % node.name)
    try:
        with node.server.journal.step("replace files", node.name):
            run_program(hosts.command(node.name, replace), max(deadline - time.monotonic(), 0.0) + 2 * hosts.start_timeout + _LOOK)
    except ProgramFailed as error:
        raise Refusal([Problem("not_copied", node.name, "the files of %s could not be replaced: %s" % (node.name, error))]) from error
    wait_until_back(node, hosts.start_timeout)
    node.lock_again()
    for statement in node.flavor.forbid_writes():
        node.server.send(statement)
    if _written(node) != written:
        message = "somebody wrote to %s before it could be made read-only: set read_only=1 in its option files" % node.name
        raise Refusal([Problem("not_copied", node.name, message)])


def _files(node: Node) -> Row:
    return node.server.send(MariaDB.select_places_of_files()).only()


def _is_in_datadir(path: str, files: Row) -> bool:
    return "/" not in path.rstrip("/") or path.rstrip("/") == files.text("datadir").rstrip("/")


def _places(node: Node) -> t.Dict[str, str]:
    """Return where a server's files are, quoted for a shell."""
    files = _files(node)
    datadir = files.text("datadir").rstrip("/")
    pid_file = files.text("pid_file")
    if not pid_file.startswith("/"):
        pid_file = "%s/%s" % (datadir, pid_file)
    places = {"datadir": datadir, "copy": "%s/%s" % (datadir, scripts.COPY), "pid_file": pid_file}
    return {name: shlex.quote(path) for name, path in places.items()}


def _position(said: bytes) -> str:
    """Return the GTIDs that a backup holds: the third column, after file and position of the donor's binary log."""
    position = said.decode("utf-8", "replace").strip().partition("\t")[2].partition("\t")[2].strip()
    silent = ProgramFailed("mariadb-backup does not say which GTIDs the copy holds; it says %r" % said[:200])
    try:
        if not MariaDBGtids.parse(position):
            raise silent
    except ValueError as error:
        raise silent from error
    return position


def _written(node: Node) -> Gtids:
    """Return what the binary logs say of all that was written; they survive the replacement."""
    return gtids_in(node.server.send(node.flavor.select_gtids()).only(), "binlog_state", node.state.family)
