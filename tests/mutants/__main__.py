# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change the pure rooms of the core at random places, one change at a time, and count the changes that their unit tests do not notice.

Cosmic Ray knows the changes, makes them and calls the tests. What is chosen here: places are drawn, and for each of them one of the changes that are
possible there, because a % has eleven and a "not" has one. A survivor is a change that no test of these rooms notices. It counts unless it is
listed in equivalent.yml, with the reason why nobody could notice it.
"""

from __future__ import annotations

import argparse
import queue
import random
import re
import shlex
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome

ROOT = Path(__file__).resolve().parents[2]
CORE = Path("plugins/module_utils")
TESTS = Path("tests/unit/plugins/module_utils")

PURE = ("_gtid", "_state", "_decisions", "_binlog")
"""The rooms whose tests are called, those of the room of a change first."""
FILES = ("_gtid/*.py", "_state/*.py", "_decisions/*.py", "_binlog/events.py")

# Whether two equal values are the same object is up to Python: who compares numbers or texts by "is" is told by ruff.
_LEFT_OUT = re.compile(r"core/ReplaceComparisonOperator_(?!Is).*_Is(Not)?$")

MOST_SURVIVORS = 0.05


@dataclass(frozen=True)
class Change:
    """What becomes of a file where it is changed: the lines that go and those that come, without their indentation."""

    file: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.file}\n    - {self.was}\n    + {self.becomes}"


def draw(count: int, seed: int) -> list[MutationSpec]:
    """Draw places, and a change for each."""
    files = sorted(path for pattern in FILES for path in (ROOT / CORE).glob(pattern))
    places: dict[Any, list[MutationSpec]] = defaultdict(list)
    with use_db(":memory:", WorkDB.Mode.create) as found:
        init([path.relative_to(ROOT) for path in files], found, {})
        for item in found.work_items:
            (mutation,) = item.mutations
            if not _LEFT_OUT.match(mutation.operator_name):
                places[str(mutation.module_path), mutation.start_pos, mutation.end_pos].append(mutation)
    dice = random.Random(seed)
    print(f"{sum(map(len, places.values()))} changes at {len(places)} places of {len(files)} files; {count} of the places are drawn (seed {seed})", flush=True)
    return [dice.choice(sorted(places[place], key=str)) for place in dice.sample(sorted(places), min(count, len(places)))]


class Copies:
    """Copies of the checkout, each for one change at a time."""

    def __init__(self, directory: Path, number: int) -> None:
        self._free: queue.Queue[Path] = queue.Queue()
        for index in range(number):
            subprocess.run([str(ROOT / "tests/tools/copy"), str(directory / str(index))], check=True)
            self._free.put(directory / str(index))

    def test(self, mutation: MutationSpec | None, limit: float) -> tuple[Change | None, bool]:
        """Call the tests, with a change or without, and return the change and whether they notice anything."""
        copy = self._free.get()
        try:
            checkout = copy / "ansible_collections/dbha/mysql"
            if mutation is None:
                done = subprocess.run(shlex.split(_command(copy, PURE)), capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    raise SystemExit(f"the tests fail without any change:\n{done.stdout}{done.stderr}")
                return None, False
            room = Path(mutation.module_path).parent.name
            first = sorted(PURE, key=lambda each: each != room)
            there = {name: getattr(mutation, name) for name in ("operator_name", "operator_args", "occurrence", "start_pos", "end_pos", "definition_name")}
            spec = MutationSpec(module_path=checkout / mutation.module_path, **there)
            result = mutate_and_test([spec], _command(copy, first), limit)
            if result.worker_outcome is not WorkerOutcome.NORMAL or result.test_outcome is TestOutcome.INCOMPETENT:
                raise SystemExit(f"{mutation} could not be tried: {result.output}")
            return _change(str(mutation.module_path), result.diff or ""), result.test_outcome is TestOutcome.KILLED
        finally:
            self._free.put(copy)


def _command(copy: Path, rooms: Sequence[str]) -> str:
    """Return the command that calls the tests of these rooms in a copy, until the first of them fails."""
    pytest = shlex.join([sys.executable, "-m", "pytest", "-x", "-q", "--hypothesis-seed=0", *(str(TESTS / room) for room in rooms)])
    checkout, path = shlex.quote(str(copy / "ansible_collections/dbha/mysql")), shlex.quote(str(copy))
    return shlex.join(["sh", "-c", f"cd {checkout} && PYTHONPATH={path} exec {pytest}"])


def _change(file: str, diff: str) -> Change:
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    was, becomes = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return Change(file.removeprefix(f"{CORE}/"), was, becomes)


def equivalent() -> dict[Change, str]:
    """Return the changes that nobody could notice, and why."""
    listed = yaml.safe_load((Path(__file__).parent / "equivalent.yml").read_text(encoding="utf-8")) or []
    return {Change(each["file"], each["was"], each["becomes"]): each["reason"] for each in listed}


def try_all(mutations: Sequence[MutationSpec], jobs: int, deadline: float) -> Iterator[tuple[Change, bool]]:
    """Yield each change, and whether the tests notice it, until the time is up."""
    copies = Copies(ROOT / ".build/mutants", jobs)
    begun = time.monotonic()
    copies.test(None, 0)
    limit = 20 + 10 * (time.monotonic() - begun)
    with ThreadPoolExecutor(jobs) as pool:
        for change, noticed in pool.map(lambda mutation: copies.test(mutation, limit) if time.monotonic() < deadline else (None, False), mutations):
            if change is not None:
                yield change, noticed


def main() -> int:
    """Try as many changes as are wanted, and judge."""
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="how many changes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="for other changes (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=45, help="after which no other one is begun, and it has failed (default: %(default)s)")
    options = parser.parse_args()
    begun = time.monotonic()
    mutations, known = draw(options.count, options.seed), equivalent()
    tried, survivors, excused = 0, [], 0
    for change, noticed in try_all(mutations, options.jobs, begun + 60 * options.minutes):
        tried += 1
        if not noticed and change in known:
            excused += 1
        elif not noticed:
            survivors.append(change)
            print(f"survives: {change}", flush=True)
    share, seconds = len(survivors) / max(tried, 1), time.monotonic() - begun
    print(f"{len(survivors)} of {tried} changes survive ({share:.1%}; at most {MOST_SURVIVORS:.0%} may), {excused} more are equivalent; {seconds:.0f} s")
    if tried < len(mutations):
        print(f"{len(mutations) - tried} changes were not tried: {options.minutes:g} minutes were too short.")
    return 1 if share > MOST_SURVIVORS or tried < len(mutations) else 0


if __name__ == "__main__":
    sys.exit(main())
