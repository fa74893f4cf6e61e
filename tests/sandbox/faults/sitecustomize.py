# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupts ansible-playbook at one statement. Python imports this by itself where its directory is on PYTHONPATH: the product knows nothing of it.

DBHA_FAULT_LOG names a file in which every statement gets a line (port, tab, statement), so that its number is known across processes and threads.
At statement DBHA_FAULT_AT (from 1), or at the first one that contains DBHA_FAULT_TEXT, what DBHA_FAULT_MODE says happens once:

- kill-before: ansible-playbook is killed before the statement is sent;
- kill-after: it is killed once the statement is answered;
- unsent: the connection is cut before the statement is sent;
- unanswered: the connection is cut once the server has answered, and the answer is thrown away.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
from typing import Any

LOG = os.environ.get("DBHA_FAULT_LOG")


def _number(port: int, statement: str) -> int:
    with open(str(LOG), "a+", encoding="utf-8") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.write(f"{port}\t{' '.join(statement.split())}\n")
        log.flush()
        log.seek(0)
        return sum(1 for _line in log)


def _is_the_one(number: int, statement: str) -> bool:
    at, text, done = os.environ.get("DBHA_FAULT_AT"), os.environ.get("DBHA_FAULT_TEXT"), f"{LOG}.done"
    if not (number == int(at) if at else text and text in statement):
        return False
    try:
        os.close(os.open(done, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def _kill_all() -> None:
    # Workers have sessions of their own: the parent first, or it would report the worker's death.
    os.kill(int(os.environ["DBHA_FAULT_ROOT"]), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _install() -> None:
    from pymysql.connections import Connection

    os.environ.setdefault("DBHA_FAULT_ROOT", str(os.getpid()))
    send, mode = Connection.query, os.environ.get("DBHA_FAULT_MODE", "")
    execute = Connection._execute_command  # type: ignore[attr-defined]  # the driver offers no way to come between sending and reading

    def query(self: Any, sql: Any, unbuffered: bool = False) -> Any:
        text = sql if isinstance(sql, str) else bytes(sql).decode("utf-8", "replace")
        if not _is_the_one(_number(self.port, text), text):
            return send(self, sql, unbuffered)
        if mode == "kill-before":
            _kill_all()
        if mode == "unsent":
            self._sock.shutdown(socket.SHUT_RDWR)
        if mode == "unanswered":

            def answer_is_lost(connection: Any, command: Any, statement: Any) -> None:
                execute(connection, command, statement)
                select.select([connection._sock], [], [], 30)
                connection._sock.recv(65536)
                connection._sock.shutdown(socket.SHUT_RDWR)
                connection._rfile.close()
                connection._rfile = connection._sock.makefile("rb")

            self._execute_command = answer_is_lost.__get__(self)
        result = send(self, sql, unbuffered)
        if mode == "kill-after":
            _kill_all()
        return result

    Connection.query = query  # type: ignore[method-assign]


if LOG:
    _install()
