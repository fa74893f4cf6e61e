# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs side by side in a world that is a model: one takes a step, and then the same one or another. See ``tests/unit/test_model.py``.

Each is a thread, of which only one goes on at a time, and only from one step to its next: what comes of them depends on the order alone.
"""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.dbha.mysql.tests.unit.model.world import Killed, World

# Seconds after which a thread hangs, which is a mistake of ours.
_HANGS = 60.0


class _Runner(threading.Thread):
    """A run that goes on when it is told to, and says when it has taken a step."""

    def __init__(self, world: World, verb: str, name: str) -> None:
        super().__init__(daemon=True)
        self.said = f"{verb} {name}"
        self.run_number: int | None = None
        self.is_killed = False
        self.error: BaseException | None = None
        self.has_ended = False
        self._work = lambda: world.begin(verb, name)
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)

    def run(self) -> None:
        self._await_turn()
        try:
            self._work()
        except BaseException as error:  # whoever gave it the turn raises it
            self.error = error
        self.has_ended = True
        self._done.release()

    def take_a_step(self) -> None:
        """Let it go on until its next step, or its end. Raises what it has raised."""
        self._go.release()
        assert self._done.acquire(timeout=_HANGS), f"{self.said} hangs"
        if self.error is not None:
            raise self.error

    def wait(self) -> None:
        """Say that a step is over, and wait for the turn. Raises ``Killed``."""
        self._done.release()
        self._await_turn()
        if self.is_killed:
            raise Killed

    def _await_turn(self) -> None:
        assert self._go.acquire(timeout=_HANGS)


class Turns:
    """Which runs are at work, and whose turn it is."""

    def __init__(self, world: World, runs: t.Sequence[tuple[str, str]]) -> None:
        self._world = world
        self._runners = [_Runner(world, verb, name) for verb, name in runs]

    def at_step(self, run: t.Any) -> bool:
        """Let a run wait where it is one of ours, and return whether it is; others are carried out by an event, at once."""
        runner = threading.current_thread()
        if not isinstance(runner, _Runner):
            return False
        runner.run_number = run.number
        runner.wait()
        return True

    def carry_out(self, order: t.Sequence[int], events: t.Mapping[int, tuple[str, str]]) -> None:
        """Carry all out to their ends.

        ``order``: whose turn it is, by its place among those that have not ended; by turns once that is over. ``events``: what happens before which step.
        ``be killed`` happens to whose turn it is, ``stand still`` to all.
        """
        self._world.turns = self
        for runner in self._runners:
            runner.start()
        step = 0
        try:
            while left := [runner for runner in self._runners if not runner.has_ended]:
                runner = left[(order[step] if step < len(order) else step) % len(left)]
                if step in events:
                    self._happen(runner, *events[step])
                self._world.say(f"{step}: {runner.said}")
                runner.take_a_step()
                self._world.see()
                step += 1
        finally:
            self._world.turns = None
            self._end()

    def _happen(self, runner: _Runner, event: str, name: str) -> None:
        if event == "be killed":
            self._world.say(f"{runner.said} is killed")
            runner.is_killed = runner.run_number is not None
        elif event == "stand still":
            self._world.say("all stand still")
            for each in self._runners:
                self._world.stand_still(each.run_number)
        else:
            self._world.happen(event, name)
        self._world.see()

    def _end(self) -> None:
        """End those that are at work still, because something has failed."""
        for runner in self._runners:
            runner.is_killed = True
            while not runner.has_ended:
                try:
                    runner.take_a_step()
                except BaseException:  # what had failed is what matters
                    break
