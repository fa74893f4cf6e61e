# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupts ansible-playbook at one statement. Python imports this by itself where its directory is on PYTHONPATH: the product knows nothing of it.

DBHA_FAULT_LOG names a file in which every statement gets a line (port, tab, its outline), so that they are counted across processes and threads.
At the DBHA_FAULT_NUMBERth statement to DBHA_FAULT_PORT (any, if it is not given) whose outline contains DBHA_FAULT_TEXT, what DBHA_FAULT_MODE
says happens once:

- kill-before: ansible-playbook is killed before the statement is sent;
- kill-after: it is killed once the statement is answered;
- unsent: the connection is cut before the statement is sent;
- unanswered: the connection is cut once the server has answered, and the answer is thrown away;
- hold: the statement is sent only once there is a file DBHA_FAULT_LOG with .go added;
- pause, die: the server DBHA_FAULT_PID is stopped, or killed, before the statement is sent.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import socket
import time
from typing import Any

LOG = os.environ.get("DBHA_FAULT_LOG")
SIGNALS = {"pause": signal.SIGSTOP, "die": signal.SIGKILL}

# What differs from run to run: quoted values, ports, connections, seconds. Not the 0 and 1 of variables.
_VALUES = re.compile(r"'(?:[^'\\]|\\.)*'(?:, '(?:[^'\\]|\\.)*')*|\d\d+|(?<=KILL )\d+|(?<=, )\d+")


def outline(statement: str) -> str:
    """Return a statement without what differs from run to run."""
    return _VALUES.sub("?", " ".join(statement.split()))


def _is_the_one(port: int, statement: str) -> bool:
    """Write the statement down, and tell whether something is to happen at it."""
    wanted, text = os.environ.get("DBHA_FAULT_PORT", str(port)), os.environ.get("DBHA_FAULT_TEXT")
    with open(str(LOG), "a+", encoding="utf-8") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.write(f"{port}\t{outline(statement)}\n")
        log.flush()
        if text is None or wanted != str(port) or text not in outline(statement):
            return False
        log.seek(0)
        lines = [line.rstrip("\n").split("\t", 1) for line in log]
    same = [line for line in lines if (wanted == line[0] or "DBHA_FAULT_PORT" not in os.environ) and text in line[1]]
    if len(same) != int(os.environ["DBHA_FAULT_NUMBER"]):
        return False
    with open(f"{LOG}.done", "x", encoding="utf-8") as done:
        done.write(f"{port}\t{outline(statement)}")
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
        if not _is_the_one(self.port, text):
            return send(self, sql, unbuffered)
        if mode == "kill-before":
            _kill_all()
        if mode == "unsent":
            self._sock.shutdown(socket.SHUT_RDWR)
        if mode == "hold":
            deadline = time.monotonic() + 300
            while not os.path.exists(f"{LOG}.go") and time.monotonic() < deadline:
                time.sleep(0.01)
        if mode in SIGNALS:
            os.kill(int(os.environ["DBHA_FAULT_PID"]), SIGNALS[mode])
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
