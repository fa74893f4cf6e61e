# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupt a failover, or a switchover, at each of its statements and tasks, run it again, and see that it ends as an undisturbed one: `make sweep`.

It also stands still at each of them until its connections and locks are gone and other runs have finished, and then goes on: it must do no harm.

A statement is told by the server it goes to and the place in the code that it comes from. One that reads, and comes from the same place again, is a
question that is asked until something has come about; how often differs from run to run, so it is interrupted the first time. What only one of two
undisturbed runs sends is a matter of time, as what ends an applier that happens to stop slowly: it is named, and left out. A point that does not come
up all the same is tried again, and has failed if it never does.

What is left out, and why that loses little:

- The statements to a replica that is treated as another one is, at the same moment, by the same code (db3 in most actions); --all takes them, too.
- What takes more than a cluster of this kind to be sent: what ends half-received transactions and fills gaps of parallel workers, and fetching what
  only a dead primary's binary logs have. They have tests of their own.
- Being killed at a statement that neither changes anything nor waits or locks: it leaves the servers as being killed after the one before does.
- Cutting the connection before such a statement is sent: it is to us what cutting it before the answer is, and to the server nothing was asked.
- Cutting it at the second or third of the statements that read a server's state: whichever of them fails, reading the state does, as at the first.
- Standing still at a statement that only reads while each of the others goes by: servers stand there as at the next one that changes something, where
  each of them does. So it is one of them, and at another such statement another one. --all takes each of them, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from zlib import crc32

from ..runs.fault import Fault
from ..runs.playbook import TESTS
from ..scenes.actions import ACTIONS
from ..scenes.interruption import Clean, Outcome, Sent, clean_run, interrupt, overtake, undisturbed
from ..servers.snapshot import changing

MODES = ("kill-after", "kill-at-task", "overtaken", "unsent", "kill-before", "unanswered")
"""Those first that tell most, so that they come first in a sweep."""
_HOLDS = re.compile("GET_LOCK|_WAIT|WAIT_")
_READS_ON = re.compile("SELECT @@GLOBAL.gtid|SHOW (ALL SLAVES|REPLICA) STATUS|SELECT .* FROM performance_schema.replication_connection_configuration")

_ATTEMPTS = 5
"""How often a point is tried that does not come up."""


def points(clean: Clean, twin: str = "", overtakers: Iterable[str] = (), *, everything: bool = False) -> Iterator[Fault]:
    """Yield where and how a run is interrupted, but not at what is sent to a twin; and where it stands still, and who overtakes it then."""
    times: Counter[Sent] = Counter()
    standing = [f"overtaken-{name}" for name in overtakers]
    for sent in (each for each in clean.statements if each.server != twin):
        times[sent] += 1
        is_changing = bool(changing([sent.text]))
        modes: tuple[str, ...] = ("kill-after", "unsent", "kill-before", "unanswered")
        if not is_changing and not _HOLDS.search(sent.text):
            modes = () if _READS_ON.match(sent.text) else ("unanswered",)
        if not is_changing and times[sent] > 1:
            continue
        if modes and standing:
            # Which one does not depend on the order, which differs from run to run.
            modes += tuple(standing) if is_changing or everything else (standing[crc32(repr(sent).encode()) % len(standing)],)
        for mode in modes:
            yield Fault(mode, sent.text, times[sent], sent.server, sent.place)
    for number, _task in enumerate(clean.tasks, 1):
        yield Fault("kill-at-task", number=number)


def fingerprint() -> str:
    """Return what stands for the code that is swept: an outcome of other code says nothing of this one."""
    digest = hashlib.sha256()
    for directory in ("playbooks", "plugins", "roles"):
        for path in sorted((TESTS.parent / directory).rglob("*")):
            if path.suffix in (".py", ".yml"):
                digest.update(f"{path.relative_to(TESTS.parent)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


class Results:
    """The outcomes so far, kept in a file so that a sweep can be taken up where it ended, as long as the code is the same."""

    def __init__(self, path: Path, code: str, *, resume: bool) -> None:
        self._path = path
        self.outcomes: dict[str, Outcome] = {}
        lines = path.read_text(encoding="utf-8").splitlines() if resume and path.exists() else []
        if lines[:1] == [json.dumps({"code": code})]:
            for line in lines[1:]:
                record = json.loads(line)
                point = record.pop("point")
                self.outcomes[point] = Outcome(**{**record, "wrong": tuple(record["wrong"]), "seconds": tuple(record["seconds"])})
        else:
            if lines:
                print(f"the outcomes in {path} are of other code: starting anew", flush=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"code": code}) + "\n", encoding="utf-8")

    def passed(self, point: str) -> bool:
        """Tell whether a point was swept already, and nothing was wrong."""
        return point in self.outcomes and not self.outcomes[point].wrong

    def add(self, point: str, outcome: Outcome) -> None:
        """Keep an outcome."""
        self.outcomes[point] = outcome
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"point": point, **vars(outcome)}) + "\n")

    def summary(self) -> str:
        """Count the points by the way of interrupting, how the interrupted run ended, and how the cluster stood then."""
        counts = Counter((point.split()[2], each.first or "did not come up", each.found, bool(each.wrong)) for point, each in self.outcomes.items())
        lines = [f"{'points':>6}  {'way':12}  {'the cluster stood':17}  the interrupted run"]
        for (mode, first, found, wrong), count in sorted(counts.items()):
            lines.append(f"{count:6}  {mode:12}  {found:17}  {first}{'  - FAILED' if wrong else ''}")
        outcomes = self.outcomes.values()
        longest = [max((each.seconds[index] for each in outcomes), default=0.0) for index in (0, 1)]
        locked = [each.locked for each in outcomes if each.locked]
        lines.append(f"the longest interrupted run took {longest[0]} s, the longest one after it {longest[1]} s")
        lines.append(f"the lock of a killed run was still held after {len(locked)} of them: {sum(locked)} runs were refused")
        failed = sum(bool(each.wrong) for each in outcomes)
        lines.append(f"{len(outcomes)} points; after the second run {len(outcomes) - failed} were in order, {failed} were not")
        return "\n".join(lines)


def _way(fault: Fault) -> str:
    """Return the mode of a fault without who does it."""
    return "overtaken" if fault.mode.startswith("overtaken-") else fault.mode


def sweep(kind: str, action: str, fault: Fault) -> tuple[Outcome, float]:
    """Interrupt a run at one point, and return what came of it and how long it took. Whatever fails is the outcome of that point alone."""
    begun = time.monotonic()
    try:
        for _attempt in range(_ATTEMPTS):
            outcome = (overtake if _way(fault) == "overtaken" else interrupt)(kind, action, fault)
            if outcome.where:
                break
    except Exception as error:
        outcome = Outcome("", wrong=(f"{type(error).__name__}: {error}",))
    return outcome, time.monotonic() - begun


def main() -> int:
    """Sweep as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.tools.sweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", help="kind of server (default: mariadb-10.11 and mysql-9.7)")
    parser.add_argument("--action", choices=ACTIONS, action="append")
    parser.add_argument("--mode", choices=MODES, action="append")
    parser.add_argument("--all", action="store_true", help="leave out nothing that is like another one: servers, and who overtakes")
    parser.add_argument("--results", type=Path, default=Path(".build/sweep.jsonl"), help="file that outcomes are kept in (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="how many points at once (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="leave out what has passed already, as the results say")
    options = parser.parse_args()
    results = Results(options.results, fingerprint(), resume=options.resume)
    for kind in options.server or ("mariadb-10.11", "mysql-9.7"):
        for action in options.action or ACTIONS:
            if kind.partition("-")[0] in ACTIONS[action].families:
                _sweep_all(kind, action, options.mode or MODES, results, options.jobs, everything=options.all)
    print(results.summary())
    return 1 if any(each.wrong for each in results.outcomes.values()) else 0


def _sweep_all(kind: str, action: str, modes: tuple[str, ...], results: Results, jobs: int, *, everything: bool) -> None:
    try:
        clean = clean_run(kind, action)
        again = set(undisturbed(kind, action).statements)
    except Exception as error:
        results.add(f"{kind} {action} undisturbed", Outcome("", wrong=(f"{type(error).__name__}: {error}",)))
        print(f"FAILED {kind}, {action}, undisturbed: {error}", flush=True)
        return
    for sent in dict.fromkeys(each for each in clean.statements if each not in again):
        print(f"left out, as it is not always sent: {sent.server} {sent.text} in {sent.place}", flush=True)
    clean = replace(clean, statements=tuple(each for each in clean.statements if each in again))
    found = points(clean, "" if everything else ACTIONS[action].twin, ACTIONS[action].overtakers, everything=everything)
    # Of one way, first where something is changed.
    chosen = sorted((fault for fault in found if _way(fault) in modes), key=lambda fault: (MODES.index(_way(fault)), not changing([fault.text])))
    print(f"{kind}, {action}: {len(clean.statements)} statements, {len(clean.tasks)} starts and ends of tasks, {len(chosen)} points", flush=True)
    open_points = [fault for fault in chosen if not results.passed(f"{kind} {action} {fault}")]
    pool = ThreadPoolExecutor(jobs)
    try:
        for fault, (outcome, seconds) in zip(open_points, pool.map(partial(sweep, kind, action), open_points), strict=True):
            results.add(f"{kind} {action} {fault}", outcome)
            verdict = "FAILED" if outcome.wrong else "ok"
            shown = f"{verdict:7}{seconds:4.1f} s  {str(replace(fault, place=fault.innermost))[:150]}  ({outcome.first}, {outcome.found})"
            print(shown, *outcome.wrong, sep="\n        ", flush=True)
    finally:
        pool.shutdown(cancel_futures=True)


if __name__ == "__main__":
    sys.exit(main())
