# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupts ansible-playbook at one statement. Python imports this by itself where its directory is on PYTHONPATH: the product knows nothing of it.

DBHA_FAULT_LOG names a file in which every statement gets a line (port, place, outline), so that they are counted across processes and threads.
At the DBHA_FAULT_NUMBERth statement to DBHA_FAULT_PORT, sent from DBHA_FAULT_PLACE (any, if they are not given), whose outline contains
DBHA_FAULT_TEXT, what DBHA_FAULT_MODE says happens once. A place without the number of a line is a function: whatever it calls sends from there.

- kill-before: ansible-playbook is killed before the statement is sent;
- kill-after: it is killed once the statement is answered, with an error perhaps;
- unsent: the connection is cut before the statement is sent;
- unanswered: the connection is cut once the server has answered, and the answer is thrown away;
- overtaken-…: the process stands still before the statement is sent, all its threads, until it is sent SIGCONT;
- hold: the statement is sent only once there is a file DBHA_FAULT_LOG with .go added;
- hold-all: so are all those after it that are meant, in whichever thread;
- terminate: SIGTERM is sent to ansible-playbook and its worker, as by whoever stops a job, and then the statement;
- ctrl-c: SIGINT is sent to the process group of ansible-playbook, as by Ctrl-C in a terminal, and then the statement;
- pause, die: the server DBHA_FAULT_PID is stopped, or killed, before the statement is sent.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

LOG = os.environ.get("DBHA_FAULT_LOG")
SIGNALS = {"pause": signal.SIGSTOP, "die": signal.SIGKILL}

# What differs from run to run: quoted values, ports, connections, seconds. Not the 0 and 1 of variables.
_VALUES = re.compile(r"'(?:[^'\\]|\\.)*'(?:, '(?:[^'\\]|\\.)*')*|\d\d+|(?<=KILL )\d+|(?<=, )\d+")


def outline(statement: str) -> str:
    """Return a statement without what differs from run to run."""
    return _VALUES.sub("?", " ".join(statement.split()))


_thread = threading.local()


def place() -> str:
    """Return where in the product we are: its functions and their lines, the outermost first, across threads."""
    functions = []
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if "/plugins/module_utils/_" in frame.f_code.co_filename and frame.f_code.co_name != "send":
            functions.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
    return " ".join([*getattr(_thread, "came_from", ()), *reversed(functions)])


def _is_the_one(port: int, statement: str) -> bool:
    """Write the statement down, and tell whether something is to happen at it."""
    line = (str(port), place(), outline(statement))
    with open(str(LOG), "a+", encoding="utf-8") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.write("\t".join(line) + "\n")
        log.flush()
        if not _is_meant(line):
            return False
        log.seek(0)
        lines = [each.rstrip("\n").split("\t", 2) for each in log]
    count, number, holds_all = sum(_is_meant(each) for each in lines), int(os.environ["DBHA_FAULT_NUMBER"]), os.environ["DBHA_FAULT_MODE"] == "hold-all"
    if count != number:
        return holds_all and count > number
    with open(f"{LOG}.pid", "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    with open(f"{LOG}.done", "x", encoding="utf-8") as done:
        done.write("\t".join(line))
    return True


def _is_meant(line: Sequence[str]) -> bool:
    port, where, text = line
    wanted = os.environ.get("DBHA_FAULT_TEXT")
    if wanted is None or wanted not in text:
        return False
    from_there = os.environ.get("DBHA_FAULT_PLACE", where)
    return port == os.environ.get("DBHA_FAULT_PORT", port) and (where == from_there or f" {from_there}:" in f" {where}")


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
        if mode.startswith("overtaken-"):
            os.kill(os.getpid(), signal.SIGSTOP)
        if mode in ("hold", "hold-all"):
            deadline = time.monotonic() + 300
            while not os.path.exists(f"{LOG}.go") and time.monotonic() < deadline:
                time.sleep(0.01)
        if mode == "terminate":
            os.kill(int(os.environ["DBHA_FAULT_ROOT"]), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        if mode == "ctrl-c":
            os.killpg(int(os.environ["DBHA_FAULT_ROOT"]), signal.SIGINT)
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
        try:
            return send(self, sql, unbuffered)
        finally:
            if mode == "kill-after":
                _kill_all()

    Connection.query = query  # type: ignore[method-assign]
    if mode == "ctrl-c":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it runs in the background ignore it


def _follow_into_threads() -> None:
    """Let a thread of a pool know from where its work was handed to it."""
    submit = ThreadPoolExecutor.submit

    def submit_from_here(self: ThreadPoolExecutor, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        came_from = place()

        def work(*arguments: Any, **named: Any) -> Any:
            _thread.came_from = [came_from]
            return function(*arguments, **named)

        return submit(self, work, *arguments, **named)

    ThreadPoolExecutor.submit = submit_from_here  # type: ignore[method-assign, assignment]  # what a thread was started for is known nowhere else


if LOG:
    _install()
    _follow_into_threads()
