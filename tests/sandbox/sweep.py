# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupt a failover, or a switchover, at each of its statements and tasks, run it again, and see that it ends as an undisturbed one: `make sweep`.

What is left out, and why that loses nothing:

- The statements to db3, which is what db1 is, or db2: both are worked on at the same moment by the same code.
- Being killed at a statement that neither changes anything nor waits or locks: it leaves the servers as being killed after the one before does.
- Cutting the connection before such a statement is sent: it is to us what cutting it before the answer is, and to the server nothing was asked.
- Cutting it at the second or third of the statements that read a server's state: whichever of them fails, reading the state does, as at the first.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from .interruption import ACTIONS, Clean, Fault, Outcome, clean_run, interrupt
from .snapshot import changing

MODES = ("kill-after", "kill-at-task", "unsent", "kill-before", "unanswered")
"""Those first that tell most, so that they come first in a sweep."""
_HOLDS = re.compile("GET_LOCK|_WAIT|WAIT_")
_READS_ON = re.compile("SELECT @@GLOBAL.gtid|SHOW (ALL SLAVES|REPLICA) STATUS|SELECT .* FROM performance_schema.replication_connection_configuration")


def points(clean: Clean) -> Iterator[Fault]:
    """Yield where and how a run is interrupted."""
    for index, (server, text) in enumerate(clean.statements):
        if server == "db3":
            continue
        number = sum(1 for other, before in clean.statements[: index + 1] if other == server and text in before)
        modes: tuple[str, ...] = ("kill-after", "unsent", "kill-before", "unanswered")
        if not changing([text]) and not _HOLDS.search(text):
            modes = () if _READS_ON.match(text) else ("unanswered",)
        for mode in modes:
            yield Fault(mode, text, number, server)
    for number, _task in enumerate(clean.tasks, 1):
        yield Fault("kill-at-task", number=number)


class Results:
    """The outcomes so far, kept in a file so that a sweep can be taken up where it ended."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self._path = path
        self.outcomes: dict[str, Outcome] = {}
        if resume and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                point = record.pop("point")
                self.outcomes[point] = Outcome(**{**record, "wrong": tuple(record["wrong"])})
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("", encoding="utf-8")

    def passed(self, point: str) -> bool:
        """Tell whether a point was swept already, it came up, and nothing was wrong."""
        return point in self.outcomes and bool(self.outcomes[point].where) and not self.outcomes[point].wrong

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
            lines.append(f"{count:6}  {mode:12}  {found:17}  {first}{'  - FAILED afterwards' if wrong else ''}")
        failed = sum(bool(each.wrong) for each in self.outcomes.values())
        lines.append(f"{len(self.outcomes)} points; after the second run {len(self.outcomes) - failed} were in order, {failed} were not")
        return "\n".join(lines)


def _timed(kind: str, action: str, fault: Fault) -> tuple[Outcome, float]:
    begun = time.monotonic()
    return interrupt(kind, action, fault), time.monotonic() - begun


def main() -> int:
    """Sweep as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.sweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", help="kind of server (default: mariadb-10.11 and mysql-9.7)")
    parser.add_argument("--action", choices=ACTIONS, action="append")
    parser.add_argument("--mode", choices=MODES, action="append")
    parser.add_argument("--results", type=Path, default=Path(".build/sweep.jsonl"), help="file that outcomes are kept in (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="how many points at once (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="leave out what has passed already, as the results say")
    options = parser.parse_args()
    results = Results(options.results, resume=options.resume)
    for kind in options.server or ("mariadb-10.11", "mysql-9.7"):
        for action in options.action or ACTIONS:
            clean = clean_run(kind, action)
            chosen = sorted((fault for fault in points(clean) if fault.mode in (options.mode or MODES)), key=lambda fault: MODES.index(fault.mode))
            print(f"{kind}, {action}: {len(clean.statements)} statements, {len(clean.tasks)} starts and ends of tasks, {len(chosen)} points", flush=True)
            open_points = [fault for fault in chosen if not results.passed(f"{kind} {action} {fault}")]
            pool = ThreadPoolExecutor(options.jobs)
            try:
                for fault, (outcome, seconds) in zip(open_points, pool.map(partial(_timed, kind, action), open_points), strict=True):
                    results.add(f"{kind} {action} {fault}", outcome)
                    verdict = "FAILED" if outcome.wrong else "ok" if outcome.where else "-"
                    print(
                        f"{verdict:7}{seconds:4.1f} s  {str(fault)[:110]}  ({outcome.first}, {outcome.found})",
                        *outcome.wrong,
                        sep="\n        ",
                        flush=True,
                    )
            finally:
                pool.shutdown(cancel_futures=True)
    print(results.summary())
    return 1 if any(each.wrong for each in results.outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
