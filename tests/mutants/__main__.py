# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change the pure rooms of the core at random places, one change at a time, and count the changes that their unit tests do not notice.

Cosmic Ray knows the changes and makes them. What is chosen here: places are drawn, and for each of them one of the changes that are possible
there, because a % has eleven and a "not" has one. A survivor is a change that no test of these rooms notices. It counts unless it is
listed in equivalent.yml, with the reason why nobody could notice it.

The tests are called in forks of this process, which has imported what they need besides the collection: that is most of the time that a change takes.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import multiprocessing
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis.stateful
import pymysql
import pytest
import yaml
from cosmic_ray.commands import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec

ROOT = Path(__file__).resolve().parents[2]
CORE = Path("plugins/module_utils")
TESTS = Path("tests/unit/plugins/module_utils")
IN_COPY = Path("ansible_collections/dbha/mysql")

FILES = ("_gtid/*.py", "_state/*.py", "_decisions/*.py", "_logged/*.py")
NOT_PURE = ("_state/node.py",)
"""What acts on a connection: the tests with real servers say whether it does that well."""

ROOMS = {
    "_gtid": ("_gtid", "_state", "_decisions", "_binlog"),
    "_state": ("_state", "_decisions", "_binlog", "_steps"),
    "_decisions": ("_decisions",),
    "_logged": ("_logged", "_state", "_binlog"),
}
"""The rooms whose tests are called when a room is changed, its own first: those that may import it (see tests/unit/test_rooms.py)."""

NEEDED_BY_TESTS = (hypothesis, pymysql, pytest)
MEMORY = 4 * 2**30
"""What the tests of one change may take: there are changes that never stop collecting."""
ONE_TEST = 60
"""Seconds after which a test has noticed that it does not end; the longest takes three."""

# Whether two equal values are the same object is up to Python: who compares numbers or texts by "is" is told by ruff.
_LEFT_OUT_OPERATORS = re.compile(r"core/ReplaceComparisonOperator_(?!Is).*_Is(Not)?$")
# Which of two texts comes first is an accident: what a status or a code is compared with for equality may be all that comes after it.
_ORDERED_INSTEAD = re.compile(r"core/ReplaceComparisonOperator_(Eq|NotEq)_(Lt|LtE|Gt|GtE)$")
_COMPARES_TEXT = re.compile(r"[!=]= (\"|[A-Z]{2})")
# What is imported for types alone may be imported always: linters see to that.
_LEFT_OUT_LINES = re.compile(r"if t\.TYPE_CHECKING:")

# Cosmic Ray fails where it is to replace the name of an exception that has a dot.
_EXCEPTION = "core/ExceptionReplacer"
# What stands in an annotation is not evaluated.
_ANNOTATES = re.compile(r"\| None\b")

MOST_SURVIVORS = 0.05


@dataclass(frozen=True)
class Change:
    """What becomes of a file where it is changed: the lines that go and those that come, without their indentation."""

    file: str
    was: str
    becomes: str
    line: int = field(default=0, compare=False)
    """The first of them, for who looks for it. It moves with what is written above it."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}\n    - {self.was}\n    + {self.becomes}"


def draw(count: int, seed: int) -> list[MutationSpec]:
    """Draw places, and a change for each."""
    left_out = {ROOT / CORE / file for file in NOT_PURE}
    files = sorted(path for pattern in FILES for path in (ROOT / CORE).glob(pattern) if path not in left_out)
    lines = {path.relative_to(ROOT): path.read_text(encoding="utf-8").splitlines() for path in files}
    places: dict[Any, list[MutationSpec]] = defaultdict(list)
    with use_db(":memory:", WorkDB.Mode.create) as found:
        init([path.relative_to(ROOT) for path in files], found, {})
        for item in found.work_items:
            (mutation,) = item.mutations
            line = lines[Path(mutation.module_path)][mutation.start_pos[0] - 1]
            if _LEFT_OUT_OPERATORS.match(mutation.operator_name) or _LEFT_OUT_LINES.match(line):
                continue
            if mutation.operator_name.startswith("core/ReplaceBinaryOperator_BitOr_") and _ANNOTATES.search(line):
                continue
            if mutation.operator_name == _EXCEPTION and "." in line[mutation.start_pos[1] : mutation.end_pos[1]]:
                continue
            if not (_ORDERED_INSTEAD.match(mutation.operator_name) and _COMPARES_TEXT.search(line)):
                places[str(mutation.module_path), mutation.start_pos, mutation.end_pos].append(mutation)
    dice = random.Random(seed)
    print(f"{sum(map(len, places.values()))} changes at {len(places)} places of {len(files)} files; {count} of the places are drawn (seed {seed})", flush=True)
    return [dice.choice(sorted(places[place], key=str)) for place in dice.sample(sorted(places), min(count, len(places)))]


class Copy:
    """A copy of the checkout, for one change at a time."""

    def __init__(self, directory: Path) -> None:
        subprocess.run([str(ROOT / "tests/tools/copy"), str(directory)], check=True)
        self._directory = directory
        self._checkout = directory / IN_COPY
        self._fork = multiprocessing.get_context("fork")

    def pass_as_they_are(self) -> float:
        """Call all tests without any change, and return how long they take."""
        begun = time.monotonic()
        rooms = sorted({here for each in ROOMS.values() for here in each})
        if not self._pass([*self._tests_of(""), *(path for room in rooms for path in self._tests_of(room))], None):
            raise SystemExit("the tests fail without any change:\n" + self._output.read_text(encoding="utf-8"))
        return time.monotonic() - begun

    def test(self, mutation: MutationSpec, limit: float) -> tuple[Change, bool]:
        """Make a change, call the tests, and return the change and whether they notice it."""
        path = self._checkout / mutation.module_path
        operator = get_operator(mutation.operator_name)(**mutation.operator_args)
        with use_mutation(path, operator, mutation.occurrence) as (was, becomes):
            if becomes is None:
                raise SystemExit(f"{mutation} could not be made")
            return _change(Path(mutation.module_path), was, becomes), not all(self._pass(files, limit) for files in self._stages(path.parent.name, path.stem))

    @property
    def _output(self) -> Path:
        return self._directory / "output"

    def _stages(self, room: str, name: str) -> list[list[Path]]:
        """Return the tests that can notice a change of this file, in the order in which they probably do: most changes need only the first."""
        stages: list[list[Path]] = [[], [], []]
        for path in [*self._tests_of(""), *(each for here in ROOMS[room] for each in self._tests_of(here))]:
            stages[0 if path.name == f"test_{name}.py" else 1 if path.parent.name == room else 2].append(path)
        return [files for files in stages if files]

    def _tests_of(self, room: str) -> list[Path]:
        return sorted((self._checkout / TESTS / room).glob("test_*.py"))

    def _pass(self, files: Sequence[Path], limit: float | None) -> bool:
        process = self._fork.Process(target=self._call, args=(files, limit))
        process.start()
        process.join(limit)
        if process.is_alive():
            process.kill()
            process.join()
        return process.exitcode == 0

    def _call(self, files: Sequence[Path], limit: float | None) -> None:
        with self._output.open("w", encoding="utf-8") as output:
            for descriptor in (1, 2):
                os.dup2(output.fileno(), descriptor)
        os.chdir(self._checkout)
        sys.path.insert(0, str(self._directory))
        # What is compiled is told apart by the second of its change, and two changes may be made in one.
        sys.dont_write_bytecode = limit is not None
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        options = ["-x", "-q", "--hypothesis-seed=0", "--hypothesis-profile=mutants", f"--timeout={ONE_TEST}", "--timeout-method=thread"]
        status = pytest.main([*options, *map(str, files)])
        os._exit(int(status))


def _change(file: Path, was: str, becomes: str) -> Change:
    lines = [line for line in difflib.unified_diff(was.splitlines(), becomes.splitlines(), n=0, lineterm="") if not line.startswith(("---", "+++"))]
    found = re.match(r"@@ -(\d+)", lines[0])
    gone, come = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return Change(str(file.relative_to(CORE)), gone, come, int(found[1]) if found else 0)


def equivalent() -> dict[Change, str]:
    """Return the changes that nobody could notice, and why."""
    listed = yaml.safe_load((Path(__file__).parent / "equivalent.yml").read_text(encoding="utf-8")) or []
    return {Change(each["file"], each["was"], each["becomes"]): each["reason"] for each in listed}


_copy: Copy
"""Of this process of the pool."""


def _begin(directory: Path, index: Any) -> None:
    global _copy
    with index.get_lock():
        index.value += 1
        _copy = Copy(directory / str(index.value))


def _try_one(mutation: MutationSpec, limit: float, deadline: float) -> tuple[Change, bool] | None:
    return _copy.test(mutation, limit) if time.monotonic() < deadline else None


def try_all(mutations: Sequence[MutationSpec], jobs: int, deadline: float) -> Iterator[tuple[Change, bool]]:
    """Yield each change, and whether the tests notice it, until the time is up."""
    directory, fork = ROOT / ".build/mutants", multiprocessing.get_context("fork")
    limit = 60 + 3 * Copy(directory / "0").pass_as_they_are()
    with ProcessPoolExecutor(jobs, fork, _begin, (directory, fork.Value("i", 0))) as pool:
        for result in pool.map(_try_one, mutations, itertools.repeat(limit), itertools.repeat(deadline)):
            if result is not None:
                yield result


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
        if tried % 50 == 0:
            print(f"{tried} tried after {time.monotonic() - begun:.0f} s", flush=True)
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
