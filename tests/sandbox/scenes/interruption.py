# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failover, or a switchover, that is interrupted and run again; what has to hold then."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql

from ..runs.fault import Fault, watching
from ..runs.playbook import Run
from ..servers.errors import SandboxError
from ..servers.process import is_paused
from ..servers.server import Server
from ..servers.snapshot import differences
from ..servers.waiting import HANGS, wait_until
from .actions import stage
from .stage import Stage, Standing, writing

if TYPE_CHECKING:
    import pytest

# Seconds within which replicas follow that only have to connect.
_SOON = 20.0


def right_before(owner: Any, function: str, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen once, right before a function is called."""
    real, waiting = getattr(owner, function), [act]

    def wrapper(*arguments: Any, **named: Any) -> Any:
        if waiting:
            waiting.pop()()
        return real(*arguments, **named)

    monkeypatch.setattr(owner, function, wrapper)


def kill_connections(*servers: Server) -> None:
    """End our connections to these servers, and with them the locks."""
    for server in servers:
        rows = _ours_on(server)
        assert rows, f"nobody of ours is connected to {server.name}"
        for row in rows:
            with contextlib.suppress(pymysql.Error):
                server.execute("KILL %s", (row["ID"],))
        wait_until(partial(_is_left_by_us, server))


def _ours_on(server: Server) -> list[dict[str, Any]]:
    return server.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'failover'")


def _is_left_by_us(server: Server) -> bool:
    return not _ours_on(server)


@dataclass(frozen=True)
class Sent:
    """A statement, to which server, from where in the code."""

    server: str
    place: str
    text: str


def while_held(made: Stage, fault: Fault, act: Callable[[], None], **variables: Any) -> Run:
    """Carry an action out, and do something while it is held where the fault says."""
    for left in ("", ".tasks", ".done", ".go"):
        Path(f"{made.log}{left}").unlink(missing_ok=True)
    with ThreadPoolExecutor() as pool:
        run = pool.submit(made.run, fault.environment(made.log, made.cluster), **variables)
        try:
            wait_until(lambda: run.done() or Path(f"{made.log}.done").exists())
            act()
        finally:
            Path(f"{made.log}.go").touch()
        return run.result()


@dataclass(frozen=True)
class Clean:
    """An undisturbed run: its statements and events of tasks in their order, and how the cluster stands after it (and a second one if it is refused)."""

    statements: tuple[Sent, ...]
    tasks: tuple[str, ...]
    standing: Standing


@cache
def clean_run(kind: str, action: str) -> Clean:
    """Carry an action out undisturbed, once for all that is compared with it."""
    return undisturbed(kind, action)


def undisturbed(kind: str, action: str) -> Clean:
    """Carry an action out undisturbed."""
    with stage(kind, action) as made:
        before, received = made.standing(), made.received
        with writing(made) as sampler:
            run = made.first_run(watching(made.log))
            expected = {made.action.refused_with} - {""}
            wrong = [] if bool(run.returncode) == bool(expected) and run.codes == expected else [f"codes: {sorted(run.codes)}"]
            if expected:
                wrong += [] if made.standing() == before else [f"it is not undone: {differences(before, made.standing())}"]
                run = made.run()
                wrong += ["the second run fails"] if run.returncode else []
        wrong += ["two took writes"] if sampler.most > 1 else []
        wrong += ["no client could write"] if made.received == received else []
        wrong += made.faults_in_end()
        if wrong:
            raise SandboxError(f"an undisturbed {action} fails: {wrong}\n{run}")
        ports = {str(server.port): server.name for server in made.cluster.servers.values()}
        lines = [line.split("\t", 2) for line in made.log.read_text(encoding="utf-8").splitlines()]
        tasks = Path(f"{made.log}.tasks").read_text(encoding="utf-8").splitlines()
        return Clean(tuple(Sent(ports[port], place, text) for port, place, text in lines), tuple(tasks), made.standing())


@dataclass(frozen=True)
class Outcome:
    """What came of an interrupted run and the one after it."""

    where: str
    """The statement or task at which it was interrupted; empty if it did not come up."""
    first: str = ""
    """How the interrupted run ended: killed, stopped by Ctrl-C, finished, or refused with codes."""
    found: str = ""
    """How the cluster stood then: before, after (as after an undisturbed run), between."""
    wrong: tuple[str, ...] = ()
    seconds: tuple[float, float] = (0.0, 0.0)
    """How long the interrupted run took, and the one after it."""
    locked: int = 0
    """How often a run was refused before that one, since the servers still kept the lock of the one that was killed."""


def interrupt(kind: str, action: str, fault: Fault) -> Outcome:
    """Carry an action out with an interruption, then again without."""
    clean = clean_run(kind, action)
    with stage(kind, action) as made:
        before = made.standing()
        with writing(made) as sampler:
            first = made.first_run(fault.environment(made.log, made.cluster))
            done = Path(f"{made.log}.done")
            if not done.exists():
                return Outcome("", wrong=("it did not come up",))
            ended = _end(first)
            wrong = _faults_of(ended)
            stood = made.standing()
            found = "before" if stood == before else "after" if stood == clean.standing else "between"
            if ended == "finished" and found != "after":
                wrong.append(f"the interrupted run says that it has finished, and it has not: {differences(clean.standing, stood)}")
            second, locked = made.second_run()
        if sampler.most > 1:
            wrong.append(f"{sampler.most} servers took writes at the same time")
        if second.returncode:
            wrong.append(f"the second run failed:\n{second}")
        wrong += made.faults_in_end()
        different = differences(clean.standing, made.standing())
        if different:
            wrong.append(f"it stands otherwise than after an undisturbed run: {different}")
        seconds = (round(first.seconds, 1), round(second.seconds, 1))
        where = done.read_text(encoding="utf-8")
        return Outcome(where, ended, found, tuple([*wrong, f"the first run:\n{first}"] if wrong else []), seconds, locked)


def overtake(kind: str, action: str, fault: Fault) -> Outcome:
    """Let an action stand still until its connections and locks are gone and others have finished, and then go on.

    As a virtual machine does that is moved, or a laptop whose lid is closed.
    """
    with stage(kind, action) as made:
        others: list[Run] = []
        with writing(made) as sampler, ThreadPoolExecutor() as pool:
            done = Path(f"{made.log}.done")
            begun = pool.submit(made.first_run, fault.environment(made.log, made.cluster))
            wait_until(lambda: begun.done() or done.exists(), 2 * HANGS)
            if not done.exists():
                return Outcome("", wrong=("it did not come up",))
            process = int(Path(f"{made.log}.pid").read_text(encoding="utf-8"))
            try:
                wait_until(lambda: is_paused(process))
                made.end_connections()
                others = made.action.overtakers[fault.mode.partition("-")[2]](made)
                stood = made.writable()
            finally:
                os.kill(process, signal.SIGCONT)
            first = begun.result()
            ended, then = _end(first), made.writable()
            failed = [run for run in others if run.returncode]
            wrong = [f"others failed:\n{run}" for run in failed if not run.codes]
            wrong += _faults_of(ended)
            if first.returncode and then != stood:
                wrong.append(f"{then} took writes after it was refused, and {stood} before")
        if sampler.most > 1:
            wrong.append(f"{sampler.most} servers took writes at the same time")
        if not failed:
            # Whatever the one has done that was overtaken, it has harmed nothing.
            wrong += [f"before it is run again: {each}" for each in made.faults_in_end(_SOON)]
        # Where others have done everything, nothing is left to be done.
        second, locked = made.second_run() if failed else (made.run(playbook="failover"), 0)
        if second.returncode or (not failed and second.changed):
            wrong.append(f"the run after that failed, or had something to do:\n{second}")
        wrong += made.faults_in_end(_SOON)
        found = f"others refused: {', '.join(sorted(set().union(*(run.codes for run in failed))))}" if failed else "overtaken"
        seconds = (round(first.seconds, 1), round(second.seconds, 1))
        shown = [f"the first run:\n{first}", *(f"another run:\n{run}" for run in others)] if wrong else []
        return Outcome(done.read_text(encoding="utf-8"), ended, found, (*wrong, *shown), seconds, locked)


def _faults_of(ended: str) -> list[str]:
    """Say what is wrong with how an interrupted run ended: it may be refused, for a reason that has a code, and is not a mistake of our own."""
    if ended == "refused: ":
        return ["it has failed without a code"]
    return ["it has failed by a mistake of our own"] if "internal_error" in ended else []


def _end(run: Run) -> str:
    if run.returncode < 0:
        return "killed"
    if run.returncode == 99:
        return "stopped"  # what ansible-playbook says of Ctrl-C
    return f"refused: {', '.join(sorted(run.codes))}" if run.returncode else "finished"
