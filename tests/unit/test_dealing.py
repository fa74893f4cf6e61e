# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tests are carried out with which servers, and that somebody carries each of them out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dealing import choose

ROOT = Path(__file__).resolve().parents[2]
INTEGRATION = ROOT / "tests/integration"
KINDS = ("mariadb-10.11", "mysql-9.7")

LACKING = {
    "conftest.py kind": "a server that is not to be had any more",
    "test_address.py": "hosts of their own",
    "test_full_disk.py on_a_small_disk": "a disk that can be mounted",
    "test_hosts_of_accounts.py": "hosts of their own",
    "test_in_the_middle.py log_in": "other versions of ansible-core",
    "test_kept_so.py test_an_ipv6_address_that_is_spelt_in_two_ways_is_one": "IPv6",
    "test_page_in_a_browser.py test_the_pages_can_be_read_on_small_and_large_dark_and_light_screens": "a browser",
    "test_partition.py test_whatever_is_run_once_the_cut_is_healed_the_new_primary_stays_the_only_one": "hosts of their own",
    "test_readiness.py test_a_disk_that_is_nearly_full_is_told_by_a_server_that_has_the_plugin": "a directory on a device",
    "test_rulebook.py test_of_two_that_watch_one_is_killed_at_work_and_the_other_one_finishes_it": "hosts of their own",
    "test_switched_off.py host": "hosts of their own",
    "test_watch.py test_a_watcher_that_is_cut_off_from_the_primary_asks_the_replicas": "hosts of their own",
}
"""Where tests skip themselves, and what the machine lacks then. What a kind of server lacks is said by the marks server() and only()."""

_SKIPS = {"skip", "skipif", "importorskip", "xfail"}


class Item:
    """A test as pytest has collected it: marks that are nearer come first."""

    def __init__(self, name: str, kind: Any = None, *marks: pytest.MarkDecorator, file: str = "test_x.py") -> None:
        self.name = name if kind is None else f"{name}[{kind}]"
        self.path = Path(file)
        self.callspec = SimpleNamespace(params={"kind": kind})
        own = [pytest.mark.server(kind)] if isinstance(kind, str) and "-" in kind else []
        self._marks = [each.mark for each in (*marks, *own)]

    def iter_markers(self, name: str) -> Iterator[pytest.Mark]:
        return (mark for mark in self._marks if mark.name == name)

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return next(self.iter_markers(name), None)


def names(items: list[Item], **asked: Any) -> list[str]:
    found: list[Any] = choose(items, **asked)  # type: ignore[arg-type]  # an Item stands in for pytest's, which only pytest can make
    return [item.name for item in found]


def both(name: str, *marks: pytest.MarkDecorator) -> list[Item]:
    return [Item(name, kind, *marks) for kind in KINDS]


def test_each_case_that_is_alike_is_dealt_to_one_by_turns() -> None:
    dealt = names([*both("a", pytest.mark.alike), *both("b", pytest.mark.alike), *both("c")])
    assert dealt in ([f"a[{one}]", f"b[{other}]", "c[mariadb-10.11]", "c[mysql-9.7]"] for one, other in (KINDS, KINDS[::-1]))
    assert names([*both("a", pytest.mark.alike("mysql-9.7")), *both("b", pytest.mark.alike("mysql-9.7"))]) == ["a[mysql-9.7]", "b[mysql-9.7]"]
    more = [*both("a", pytest.mark.alike, pytest.mark.also("mysql-5.6")), Item("a", "mysql-5.6", pytest.mark.alike, pytest.mark.also("mysql-5.6"))]
    assert len(names(more)) == 2
    assert "a[mysql-5.6]" in names(more)


def test_whatever_the_order_in_which_they_are_collected_they_are_dealt_alike() -> None:
    items = [each for name in "abc" for each in both(name, pytest.mark.alike)]
    assert sorted(names(items)) == sorted(names(items[::-1]))


@pytest.mark.parametrize("turns", [0, 1])
def test_a_case_of_one_kind_only_is_never_dealt_to_another(turns: int) -> None:
    before = [each for number in range(turns) for each in both(f"a{number}", pytest.mark.alike)]
    for only, chosen in (("mariadb", "x[mariadb-10.11]"), ("mysql-9", "x[mysql-9.7]")):
        items = [*before, *both("x", pytest.mark.only(only), pytest.mark.alike)]
        assert names(items)[turns:] == [chosen]
        assert [name for name in names(items, thorough=True) if name[0] == "x"] == [chosen]
        assert [name for name in names(items, servers=["mariadb-10.11"]) if name[0] == "x"] == [chosen] * (only == "mariadb")
    # Who stands in for another one stands in for it there, too.
    assert names([Item("x", "mariadb-10.5", pytest.mark.only("mariadb-10.11"))], servers=["mariadb-10.5"]) == ["x[mariadb-10.5]"]


def test_a_case_that_nobody_would_carry_out_is_told_of() -> None:
    items = [*both("a"), *both("x", pytest.mark.only("mysql-8"))]
    for thorough in (False, True):
        with pytest.raises(pytest.UsageError, match=r"nobody to carry these out: x\[\]"):
            names(items, thorough=thorough)
    assert names(items, servers=["mysql-9.7"]) == ["a[mysql-9.7]"]


def test_who_asks_for_a_server_gets_what_needs_it_or_none() -> None:
    items = [*both("a", pytest.mark.alike), Item("b", None, pytest.mark.server("mariadb-10.5", "mysql-9.7")), Item("c"), Item("d", 2), Item("e", "alive")]
    assert names(items, servers=["mysql-9.7"]) == ["a[mysql-9.7]", "b", "c", "d[2]", "e[alive]"]
    assert names(items, servers=["mysql-5.6"]) == ["c", "d[2]", "e[alive]"]
    assert names([Item("a", None, pytest.mark.thorough)]) == []
    assert names([Item("a", None, pytest.mark.thorough)], thorough=True) == ["a"]


def skips(node: ast.AST, inside: str = "") -> Iterator[str]:
    """Yield the functions in which something may be skipped; a file of which all may be has none."""
    for child in ast.iter_child_nodes(node):
        if (isinstance(child, ast.Attribute) and child.attr in _SKIPS) or (isinstance(child, ast.alias) and child.name in _SKIPS):
            yield inside
        is_outermost = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) and not inside
        yield from skips(child, child.name if is_outermost else inside)


def test_no_test_skips_itself_because_of_the_server_that_it_was_dealt_to() -> None:
    files = sorted(INTEGRATION.glob("**/*.py"))
    found = {f"{path.name} {name}".strip() for path in files for name in skips(ast.parse(path.read_text(encoding="utf-8")))}
    assert found == set(LACKING)
