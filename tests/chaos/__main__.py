# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random failovers and switchovers on real servers to which random things happen, while clients write (``make chaos``). What it looks for, and what it
has found, is in docs/chaos.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from sandbox import KINDS, SandboxError

from .night import Night
from .plan import Plan, draw
from .report import Record, read, reasons, seeds, table
from .setting import Outcome


def main() -> int:
    """Carry rounds out as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--server", action="append", metavar="KIND", help=f"one of: {', '.join(KINDS)} (default: mariadb-10.11)")
    parser.add_argument("--rounds", type=int, default=20, help="how many, on each kind of server (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="another one each time, if it is not given")
    parser.add_argument("--first", type=int, default=1, help="the number of the first round (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no round after so many")
    parser.add_argument("--log", type=Path, default=Path(".build/chaos"), help="directory for a line about each round (default: %(default)s)")
    parser.add_argument("--report", action="store_true", help="only sum up what lies there")
    options = parser.parse_args()
    paths = sorted(options.log.glob("*.jsonl"))
    if not options.report:
        seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
        end = time.monotonic() + options.seconds
        paths = [carry_out(kind, seed, range(options.first, options.first + options.rounds), options.log, end) for kind in options.server or KINDS[:1]]
    records = read(paths)
    print("\n".join(table(records)))
    print(f"\nWhy a second run was needed: {', '.join(f'{why} {count}' for why, count in reasons(records).most_common())}")
    print("\n".join(seeds(records)))
    return 1 if any(record["findings"] for record in records) else 0


def carry_out(kind: str, seed: int, numbers: range, log: Path, end: float = float("inf")) -> Path:
    """Carry rounds out on one kind of server, and return the file with a line about each."""
    log.mkdir(parents=True, exist_ok=True)
    path = log / f"{kind}-{seed}-{numbers.start}.jsonl"
    kept = log / f"{kind}-{seed}"
    path.unlink(missing_ok=True)
    night = Night(kind, kept.absolute())
    print(f"{kind}, seed {seed}, rounds {numbers.start} to {numbers.stop - 1}{'' if night.has_hosts else '; hosts are paused instead of cut off'}", flush=True)
    try:
        for number in numbers:
            if time.monotonic() > end:
                break
            plan = draw(seed, number, kind)
            outcome = night.carry_out(plan, number)
            record = record_of(kind, seed, number, plan, outcome)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
            show(record)
            directory = kept / f"round-{number}"
            if outcome.findings:
                (directory / "runs.txt").write_text("\n\n".join(f"==== {playbook}\n{run!r}" for playbook, run in outcome.runs), encoding="utf-8")
                (directory / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in outcome.events), encoding="utf-8")
                print(f"    make chaos SEED={seed} SERVER={kind} FIRST={number} ROUNDS=1; what the runs said: {directory}", flush=True)
            else:
                shutil.rmtree(directory)
    except SandboxError as error:
        print(f"make chaos: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    finally:
        night.close()
    return path


def record_of(kind: str, seed: int, number: int, plan: Plan, outcome: Outcome) -> Record:
    """Return the line about a round."""
    runs = [{"playbook": playbook, "code": run.returncode, "codes": sorted(run.codes), "seconds": round(run.seconds, 2)} for playbook, run in outcome.runs]
    told = {name: value for name, value in vars(outcome).items() if name not in ("runs", "events")}
    told.update(gap=round(outcome.gap, 3), seconds=round(outcome.seconds, 2), told_after=None if outcome.told_after is None else round(outcome.told_after, 2))
    return {
        "kind": kind, "seed": seed, "round": number, "plan": str(plan), "action": plan.action, "semi_sync": plan.semi_sync, "watched": plan.watched, **told,
        "runs": runs,
    }  # fmt: skip


def show(record: Record) -> None:
    """Print the line about a round for people."""
    runs = ", ".join(run["playbook"] + (f" [{'+'.join(run['codes']) or run['code']}]" if run["code"] else "") for run in record["runs"])
    said = "" if record["told_after"] is None else f"told after {record['told_after']:.1f} s, "
    said += f"{record['acknowledged']} rows, {record['named']} named, no write for {record['gap']:.1f} s, {record['seconds']:.1f} s in all"
    verdict = "FOUND" if record["findings"] else "ok"
    print(f"{verdict:5} {record['round']:4}  {record['plan']}\n            {runs}; {said}", *record["findings"], sep="\n    ", flush=True)


if __name__ == "__main__":
    sys.exit(main())
