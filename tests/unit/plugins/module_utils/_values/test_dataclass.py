# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our frozen dataclasses do what Python's own do: each case is asked of both."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import typing as t
from collections.abc import Callable

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

T = t.TypeVar("T")
Classes = dict[str, t.Any]


def classes(decorate: t.Any) -> Classes:
    """Make the same classes with one decorator or the other."""

    @decorate(frozen=True)
    class Point:
        """Where something is."""

        x: int
        y: int = 2
        seen: list[str] = dataclasses.field(default_factory=list, compare=False)  # pylint: disable=invalid-field-call
        secret: str = dataclasses.field(default="s", repr=False)  # pylint: disable=invalid-field-call
        kind: t.ClassVar[str] = "point"

    @decorate(frozen=True)
    class Deep(Point):
        """With a depth."""

        z: int = 3

    @decorate(frozen=True)
    class Holds(t.Generic[T]):
        """Has methods of its own."""

        value: T

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "holds"

    return {"Point": Point, "Deep": Deep, "Holds": Holds}


OURS, PYTHONS = classes(dataclass), classes(dataclasses.dataclass)

CASES: dict[str, Callable[[Classes], object]] = {
    "values": lambda of: dataclasses.astuple(of["Point"](1, 5, ["a"], "b")),
    "names": lambda of: dataclasses.asdict(of["Point"](y=4, x=1)),
    "defaults": lambda of: dataclasses.asdict(of["Point"](1)),
    "defaults are not shared": lambda of: of["Point"](1).seen is of["Point"](1).seen,
    "inherited": lambda of: dataclasses.asdict(of["Deep"](1, z=9)),
    "fields": lambda of: [each.name for each in dataclasses.fields(of["Deep"])],
    "of the class": lambda of: (of["Point"].kind, of["Point"](1).kind, of["Point"].y),
    "shown": lambda of: repr(of["Deep"](1)),
    "equal": lambda of: of["Point"](1, 2, ["a"]) == of["Point"](1, 2, ["b"]),
    "not equal": lambda of: of["Point"](1) == of["Point"](2),
    "unequal": lambda of: of["Point"](1) != of["Point"](1),
    "of another class": lambda of: of["Point"](1) == of["Deep"](1),
    "not a value at all": lambda of: of["Point"](1) == (1, 2, [], "s"),
    "in a set": lambda of: len({of["Point"](1, seen=["a"]), of["Point"](1), of["Point"](2)}),
    "replaced": lambda of: dataclasses.asdict(dataclasses.replace(of["Deep"](1), x=7)),
    "copied": lambda of: copy.deepcopy(of["Point"](1)) == of["Point"](1),
    "methods of its own": lambda of: (of["Holds"](1) == 2, hash(of["Holds"](1)), repr(of["Holds"](1)), of["Holds"](5).value),
    "is a dataclass": lambda of: dataclasses.is_dataclass(of["Point"]),
    "matched": lambda of: of["Deep"].__match_args__,
}
"""What goes. The name of a class tells where it was made, which is the same place for both."""

FAILING: dict[str, Callable[[Classes], object]] = {
    "without a value": lambda of: of["Point"](),
    "too many": lambda of: of["Point"](1, 2, [], "s", 5),
    "twice": lambda of: of["Point"](1, x=2),
    "unknown": lambda of: of["Point"](1, z=2),
    "replaced, unknown": lambda of: dataclasses.replace(of["Point"](1), z=2),
    "assigned": lambda of: setattr(of["Point"](1), "x", 2),
    "added": lambda of: setattr(of["Point"](1), "z", 2),
    "deleted": lambda of: delattr(of["Point"](1), "x"),
    "not to be hashed": lambda of: hash(of["Deep"](1, y=[])),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_made_is_as_pythons_own(case: str) -> None:
    assert CASES[case](OURS) == CASES[case](PYTHONS)


@pytest.mark.parametrize("case", FAILING)
def test_what_fails_with_pythons_own_fails_alike(case: str) -> None:
    with pytest.raises((TypeError, dataclasses.FrozenInstanceError)) as theirs:
        FAILING[case](PYTHONS)
    with pytest.raises(theirs.type):
        FAILING[case](OURS)


@dataclass(frozen=True)
class Pickled:
    """Found by its name, so that it can be pickled."""

    value: int


def test_a_value_survives_another_process() -> None:
    assert pickle.loads(pickle.dumps(Pickled(3))) == Pickled(3)


def test_one_that_can_be_changed_is_pythons_own() -> None:
    with pytest.raises(TypeError, match="Python's own"):
        dataclass(frozen=False)
