# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What measures the coverage notes the lines that are carried out, no others, and changes nothing."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import pytest

PROBES = Path(__file__).resolve().parent.parent / "probes/dbha_probes.py"

SOURCE = '''"""What it is."""

from __future__ import annotations

import contextlib
import functools


class Thing:
    """A thing."""

    kind: str = "thing"

    @functools.lru_cache(
        maxsize=7,
    )
    def of(
        self,
        number: int,
    ) -> str:
        """Return something."""
        global seen
        seen = number
        if number > 2:
            return "many"
        elif number == 2:
            return "two"
        else:
            pass
        for each in range(number):
            with contextlib.suppress(ValueError):
                int("x")
                raise AssertionError
        else:
            each = 9
        while each > 8:
            each -= 1
        try:
            raise KeyError(each)
        except ValueError:
            return "never"
        except KeyError:
            result = [
                part
                for part in "few"
            ]
        finally:
            seen += 1
        return "".join(result)


def never() -> None:
    """Do nothing."""
    raise AssertionError


answers = [Thing().of(number) for number in (1, 2, 3)]
doc = (Thing.__doc__, Thing.of.__doc__, __doc__)
'''
# Python counts a docstring of a class, and each line of a statement; coverage.py only the first.
ONLY_TRACED = {'    """A thing."""', "        maxsize=7,", "                part", '                for part in "few"'}
# Coverage.py does not count it.
ONLY_NOTED = {"        global seen"}


@pytest.fixture
def probes() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("dbha_probes", PROBES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["dbha_probes"] = module
    spec.loader.exec_module(module)
    return module


def traced(code: types.CodeType) -> tuple[dict[str, Any], set[int]]:
    """Run code, and return what it has defined and the lines that Python says it has carried out."""
    lines: set[int] = set()

    def trace(frame: types.FrameType, event: str, _value: Any) -> Any:
        if frame.f_code.co_filename != "sample.py":
            return None
        if event == "line":
            lines.add(frame.f_lineno)
        return trace

    before, defined = sys.gettrace(), {"__name__": "sample"}
    sys.settrace(trace)
    try:
        exec(code, defined)
    finally:
        sys.settrace(before)
    return defined, lines


def test_probes_note_the_lines_that_are_carried_out_and_change_nothing(probes: types.ModuleType) -> None:
    plain, lines = traced(compile(SOURCE, "sample.py", "exec", dont_inherit=True))
    noting: dict[str, Any] = {"__name__": "sample"}
    exec(compile(probes.with_probes(SOURCE, "sample.py"), "sample.py", "exec", dont_inherit=True), noting)
    noted = {line for line, hit in enumerate(probes.hits("sample.py", 0)) if hit}
    assert {name: plain[name] for name in ("answers", "doc", "seen")} == {name: noting[name] for name in ("answers", "doc", "seen")}
    text = dict(enumerate(SOURCE.splitlines(), 1))
    assert {text[line] for line in lines - noted} == ONLY_TRACED
    assert {text[line] for line in noted - lines} == ONLY_NOTED
