# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Overwriting a server by a copy of another: by MySQL's clone plugin, or by a dump.

Both leave a server that has exactly what the donor had, and the position that goes with it. Killed in the middle, a server is left with a part
of the donor's data, and without a position that says more than it has; running it again begins anew.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import typing as t
from contextlib import closing, contextmanager, suppress

from ansible_collections.dbha.mysql.plugins.module_utils._checks import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._gtid import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._server import OutcomeUnknown, Secret, ServerError, StatementFailed

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._replication import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._server import Login

# ER_RESTART_SERVER_FAILED: the clone is complete, and the server has shut itself down, for nobody would start it again.
_RESTART_FAILED = 3707

# A database that is there for as long as a server holds only a part of what it is to hold. It does not get into the binary log.
_UNFINISHED = "dbha_copy_unfinished"

_DUMP_PROGRAMS = {"mysql": ("mysqldump", "mariadb-dump"), "mariadb": ("mariadb-dump", "mysqldump")}
_CLIENT_PROGRAMS = {"mysql": ("mysql", "mariadb"), "mariadb": ("mariadb", "mysql")}


def clone(node: Node, donor: Node, seconds: float, say: Callable[[str], None]) -> bool:
    """Overwrite a server by MySQL's clone plugin. Return whether it has ended afterwards, and waits to be started.

    Nothing may be cloned while C(super_read_only) is on (seen: 9.7). C(read_only) stays, so that clients go on being kept out.
    """
    for each in (donor, node):
        if not each.server.send(each.flavor.select_clone_plugin()):
            with _open_to_privileged(each):
                each.server.send(each.flavor.install_clone_plugin())
    address, login = donor.server.address, donor.server.login
    node.server.send(node.flavor.allow_donor(address.host, address.port))
    say("%s: cloning %s" % (node.name, donor.name))
    with _open_to_privileged(node):
        try:
            node.server.send(node.flavor.clone_from(login.user or "", address.host, address.port, Secret(login.password or ""), seconds))
        except StatementFailed as error:
            if error.errno != _RESTART_FAILED:
                raise
            return True
        except OutcomeUnknown:
            pass  # it restarts
    return False


@contextmanager
def _open_to_privileged(node: Node) -> Iterator[None]:
    """Let accounts write that may do so under C(read_only), and no other; as it was afterwards, if the server is still there."""
    if not node.state.super_read_only:
        yield
        return
    node.server.send(node.flavor.open_to_privileged())
    try:
        yield
    finally:
        with suppress(ServerError):
            for statement in node.flavor.forbid_writes() if node.server.is_open else ():
                node.server.send(statement)


def wait_until_back(node: Node, seconds: float) -> None:
    """Wait until a server that restarts answers again. Raises ``Refusal`` with C(restart_needed)."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(ServerError):
            node.server.close()
            node.server.connect()
            node.read()
            return
        if time.monotonic() >= deadline:
            raise Refusal([Problem("restart_needed", node.name, "%s has not come back within %g s" % (node.name, seconds))])
        time.sleep(0.2)


def is_unfinished(node: Node) -> bool:
    """Whether a server's data were being replaced by an earlier run, which was interrupted."""
    return any(row["name"] == _UNFINISHED for row in node.server.send(node.flavor.show_schemas()))


def rebuild(node: Node, donor: Node, account: Login, seconds: float, say: Callable[[str], None], program: t.Optional[str] = None) -> None:
    """Overwrite a server by a dump of another.

    The donor is locked for writes by a connection of ours for as long as it takes, so that its position fits its data whatever the dump
    program knows of GTIDs; the lock ends with the connection, however that ends. What is loaded is not logged by the recipient.
    """
    deadline = time.monotonic() + seconds
    flavor = node.flavor
    dump, client = _find_program(program, _DUMP_PROGRAMS[donor.state.family]), _find_program(None, _CLIENT_PROGRAMS[node.state.family])
    with closing(donor.server.twin(account)) as lock, closing(node.server.twin(account)) as admin, _open_to_privileged(node):
        if not node.server.check_mode:
            lock.send(donor.flavor.lock_all_tables())
        executed = donor.read().executed
        admin.send(flavor.log_to_binary_log(False))
        admin.send(flavor.create_schema(_UNFINISHED))
        for row in admin.send(flavor.show_schemas()):
            if row["name"] != _UNFINISHED:
                admin.send(flavor.drop_schema(str(row["name"])))
        say("%s: replacing everything by a dump of %s" % (node.name, donor.name))
        if not node.server.check_mode:
            with _options_file(donor, account) as of_donor, _options_file(node, account) as of_node:
                options = donor.flavor.dump_options(_knows_gtids(dump))
                _pipe([dump, of_donor, *options], [client, of_node, *flavor.load_options()], deadline)
            lock.send(donor.flavor.unlock_tables())
        for statement in flavor.set_position(str(executed.position() if isinstance(executed, MariaDBGtids) else executed)):
            admin.send(statement)
        admin.send(flavor.drop_schema(_UNFINISHED))


def _knows_gtids(program: str) -> bool:
    done = subprocess.run([program, "--no-defaults", "--help"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    return b"set-gtid-purged" in done.stdout


def _find_program(named: t.Optional[str], names: t.Sequence[str]) -> str:
    for name in [named] if named else names:
        path = shutil.which(os.path.expanduser(name))
        if path is not None:
            return path
    raise Refusal([Problem("not_copied", "", "%s is not installed where the task runs" % (named or " or ".join(names)))])


@contextmanager
def _options_file(node: Node, account: Login) -> Iterator[str]:
    """Write how to log in to a file that nobody else may read: command lines are seen by everybody."""
    address = node.server.address
    options = {"user": account.user, "password": account.password, "ssl-ca": account.ca_cert, "ssl-cert": account.client_cert, "ssl-key": account.client_key}
    options.update({"socket": address.unix_socket} if address.unix_socket else {"host": address.host, "port": str(address.port), "protocol": "tcp"})
    handle, path = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("[client]\n")
            for name, value in options.items():
                if value is not None:
                    file.write('%s="%s"\n' % (name, value.replace("\\", "\\\\").replace('"', '\\"')))
        yield "--defaults-file=%s" % path
    finally:
        os.unlink(path)


def _pipe(source: t.Sequence[str], sink: t.Sequence[str], deadline: float) -> None:
    """Run two programs, the output of the first being the input of the second. Raises ``Refusal`` unless both succeed in time."""
    with tempfile.TemporaryFile() as errors:
        first = subprocess.Popen(source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        second = subprocess.Popen(sink, stdin=first.stdout, stdout=subprocess.DEVNULL, stderr=errors)
        if first.stdout is not None:
            first.stdout.close()  # so that the first ends when the second does
        try:
            codes = [process.wait(max(deadline - time.monotonic(), 0.1)) for process in (second, first)]
        except subprocess.TimeoutExpired:
            raise Refusal([Problem("not_copied", "", "%s and %s did not end in time" % (source[0], sink[0]))]) from None
        finally:
            for process in (first, second):
                process.kill()
                process.wait()
        if any(codes):
            errors.seek(0)
            said = errors.read().decode("utf-8", "replace").strip().splitlines()
            raise Refusal([Problem("not_copied", "", "%s or %s failed: %s" % (source[0], sink[0], " / ".join(said[-2:])))])
