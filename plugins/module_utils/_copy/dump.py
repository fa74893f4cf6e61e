# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Overwriting a server with a logical dump of another: slow, and possible wherever both can be logged in to.

What a dump would not keep is refused before anything is overwritten, and what was loaded is compared with the donor while that is still locked.
"""

from __future__ import annotations

import os
import tempfile
import time
import typing as t
from contextlib import ExitStack, closing, contextmanager

from ansible_collections.dbha.mysql.plugins.module_utils._copy.compare import compare, lock_donor
from ansible_collections.dbha.mysql.plugins.module_utils._copy.contents import Reader, check_losses
from ansible_collections.dbha.mysql.plugins.module_utils._copy.programs import (
    ProgramFailed,
    check_reads_all,
    feed,
    find_program,
    login_options,
    run_program,
    verification,
)
from ansible_collections.dbha.mysql.plugins.module_utils._copy.unfinished import UNFINISHED, try_account, unfinished
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._server.session import session_of_program
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import forget_source
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._copy.contents import Contents
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

_DUMP_PROGRAMS = {"mysql": ("mysqldump", "mariadb-dump"), "mariadb": ("mariadb-dump", "mysqldump")}
_CLIENT_PROGRAMS = {"mysql": ("mysql", "mariadb"), "mariadb": ("mariadb", "mysql")}

# Seconds that a program may take to show that it works.
_TRIAL = 60.0

# The programs are told to take as much as a server can: their own limits are 16 and 24 MB.
_LONGEST_PACKET = "--max-allowed-packet=1073741824"


@dataclass(frozen=True)
class _Programs:
    """How to dump and to load, and whether the dump can have the history of system-versioned tables."""

    dump: t.List[str]
    load: t.List[str]
    knows_gtids: bool
    knows_history: bool


def rebuild_by_dump(node: Node, donor: Node, account: Login, seconds: float, say: Callable[[str], None], program: t.Optional[str] = None) -> None:
    """Overwrite a server with a dump of another. Raises ``Refusal``.

    The donor is locked for writes by a connection of ours for as long as it takes, so that its position fits its data whatever the dump
    program knows of GTIDs, and what was copied can be compared; the lock ends with the connection, however that ends. What is loaded is not logged by the
    recipient, which forgets its source and its own position first: as long as it holds a part, or has not been compared, it does not say that it has
    anything, and nothing is applied to it.
    """
    deadline = time.monotonic() + seconds
    with ExitStack() as files:
        programs = _try_programs(node, donor, account, files, program, int(seconds) + 60)
        try_account(node, donor, account)
        with closing(donor.server.twin(account)) as lock, closing(donor.server.twin(account)) as reading:
            lock.send(donor.flavor.stay_connected(int(seconds) + 60))
            lock_donor(donor, lock)
            executed = donor.read().executed
            contents, history = _read_donor(node, donor, reading, programs, deadline, say)
            forget_source(node)
            with unfinished(node, account, seconds) as admin:
                _empty(node, admin)
                say("%s: replacing everything with a dump of %s" % (node.name, donor.name))
                if contents is not None:
                    dump = [*programs.dump, *_dump_options(programs.knows_gtids, history=history), "--all-databases"]
                    _load(node, dump, programs.load, deadline, say)
                    compare(node, donor, account, contents, deadline, say)
                    # If this fails, the lock has been lost, and the dump is of no single moment.
                    lock.send(donor.flavor.unlock_tables())
                for statement in node.flavor.set_position(str(executed.position())):
                    admin.send(statement)


def _read_donor(
    node: Node, donor: Node, reading: Server, programs: _Programs, deadline: float, say: Callable[[str], None]
) -> t.Tuple[t.Optional[Contents], bool]:
    """Return what is in the donor, and whether tables of it keep a history; nothing in check mode. Raises ``Refusal`` for what a dump would not keep."""
    if donor.server.check_mode:
        return None, False
    say("%s: reading what is in %s, to compare the copy with it" % (node.name, donor.name))
    try:
        with donor.server.journal.step("read contents", donor.name):
            reader = Reader(reading, donor.flavor, deadline)
            contents = reader.read()
            losses = reader.losses(node.server)
    except ServerError as error:
        raise Refusal([Problem("cannot_copy", donor.name, "%s cannot be copied: %s" % (donor.name, error))]) from error
    keeps_history = programs.knows_history and donor.flavor.loads_history and node.flavor.loads_history
    refuse(check_losses(node.name, donor.name, losses, keeps_history=keeps_history))
    return contents, bool(losses.histories)


def _empty(node: Node, admin: Server) -> None:
    for statement in node.flavor.set_position(""):
        admin.send(statement)
    for row in admin.send(node.flavor.show_schemas()):
        if row.text("name") != UNFINISHED:
            admin.send(node.flavor.drop_schema(row.text("name")))


def _load(node: Node, dump: t.List[str], load: t.List[str], deadline: float, say: Callable[[str], None]) -> None:
    try:
        feed(dump, load, deadline, lambda how_much: say("%s: %s of the dump loaded" % (node.name, how_much)))
    except ProgramFailed as error:
        raise Refusal([Problem("not_copied", node.name, "%s holds only a part of a copy: %s" % (node.name, error))]) from error


def _try_programs(node: Node, donor: Node, account: Login, files: ExitStack, program: t.Optional[str], seconds: int) -> _Programs:
    """Return how to dump and to load, after the programs have shown that they work with these servers; nothing is overwritten before that.

    ``files`` holds the option files that they need.
    """
    try:
        dump = find_program(program, _DUMP_PROGRAMS[donor.state.family])
        client = find_program(None, _CLIENT_PROGRAMS[node.state.family])
        said = run_program([dump, "--no-defaults", "--help"], _TRIAL)
        of_donor = files.enter_context(_option_file(donor, account, verification(dump, said, donor.server.address, account)))
        client_said = run_program([client, "--no-defaults", "--help"], _TRIAL)
        of_node = files.enter_context(_option_file(node, account, verification(client, client_said, node.server.address, account)))
        dump_command = [dump, of_donor, *_begin_session(dump, said, donor, seconds)]
        programs = _Programs(dump_command, [client, of_node, *load_options(seconds)], b"set-gtid-purged" in said, b"dump-history" in said)
        # A program of another release, or of the other family, logs in, and then asks for columns that there are none of (seen: MySQL 5.6).
        run_program([*programs.dump, *_dump_options(programs.knows_gtids), "--no-data", "mysql", "db"], _TRIAL)
        run_program(programs.load, _TRIAL, b"SELECT 1;\n")
    except ProgramFailed as error:
        message = "%s cannot be overwritten with a dump of %s: %s. %s"
        raise Refusal([Problem("cannot_copy", node.name, message % (node.name, donor.name, error, _advice(donor)))]) from error
    return programs


def _begin_session(program: str, said: bytes, donor: Node, seconds: int) -> t.List[str]:
    """Return the option that makes the session of a dump program ours. Raises ``ProgramFailed`` where it has none and would read only a part."""
    if b"--init-command" in said:
        return ["--init-command=" + session_of_program(seconds)]
    check_reads_all(program, donor)
    return []


def _dump_options(knows_gtids: bool, *, history: bool = False) -> t.List[str]:
    """Say what a dump takes, for the programs of both families: the server's own account of its replication is left out.

    ``history``: with that of system-versioned tables.
    """
    tables = ("gtid_slave_pos", "gtid_executed", "slave_master_info", "slave_relay_log_info", "slave_worker_info", "general_log", "slow_log")
    options = ["--routines", "--events", "--triggers", "--skip-lock-tables", "--hex-blob", "--flush-privileges", _LONGEST_PACKET]
    options += ["--set-gtid-purged=OFF"] if knows_gtids else []
    options += ["--dump-history"] if history else []
    return options + ["--ignore-table=mysql.%s" % table for table in tables]


def load_options(seconds: int) -> t.List[str]:
    """Say how a dump is loaded: what it changes is not logged, and it may be long in coming."""
    return ["--init-command=%s, SESSION sql_log_bin = 0" % session_of_program(seconds), "--binary-mode", "--local-infile=0", _LONGEST_PACKET]


def _advice(donor: Node) -> str:
    tools = "the client tools of the server's family"
    if donor.state.family == "mysql" and donor.state.version < (8, 0):
        # Seen: those of MySQL 9 do not log in to 5.6, those of MariaDB do not know its tables, that of 8.0 works.
        tools = "mysqldump of MySQL 5.6 to 8.0"
    return "A dump needs %s where the task runs (rejoin_dump_program), and an account that may read and write everything (rejoin_copy_user)" % tools


@contextmanager
def _option_file(node: Node, account: Login, verified: t.Mapping[str, str]) -> Iterator[str]:
    """Write how to log in to a file that nobody else may read, and return the option that names it.

    Where the system has files that are only in memory (Linux), it is gone with this process, however that ends.
    """
    content = login_options(node.server.address, account, verified)
    in_memory = getattr(os, "memfd_create", None)
    handle, path = (in_memory("dbha.mysql"), "") if in_memory is not None else tempfile.mkstemp()
    try:
        with os.fdopen(handle, "wb") as file:
            # The vendors' programs pass over what everybody may write.
            os.fchmod(handle, 0o600)
            file.write(content)
            file.flush()
            yield "--defaults-file=%s" % (path or "/proc/%d/fd/%d" % (os.getpid(), handle))
    finally:
        if path:
            os.unlink(path)
