# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server has of its own: which files are read for it, and which transactions are out of the order of the cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.own import first_without_gtids, out_of_order, suspected, unproven_by
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import gtids


@pytest.mark.parametrize(
    ("before", "executed", "have", "first"),
    [
        pytest.param(["", "P:1-5"], "P:1-9", "P:1-9", None, id="the_last_file_has_something_that_both_have"),
        pytest.param(["", "P:1-9"], "P:1-9", "P:1-9", 1, id="it_was_started_again"),
        pytest.param(["", "P:1-5", "P:1-9", "P:1-9", "P:1-9"], "P:1-9", "P:1-9", 2, id="several_files_without_gtids"),
        pytest.param(["", "P:1-5", "P:1-9"], "P:1-9,X:1", "P:1-9", 2, id="what_only_it_has_does_not_end_that"),
        pytest.param(["", "P:1-5", "P:1-9", "P:1-9,X:1"], "P:1-9,X:1", "P:1-9", 2, id="nor_in_an_earlier_file"),
        pytest.param(["", "P:1-5", "P:1-9", "P:1-9"], "P:1-9,A:1", "P:1-9,A:1", None, id="it_has_received_something_since"),
        pytest.param(["", ""], "", "P:1-9", 0, id="it_never_had_a_gtid"),
        pytest.param(["", None], "P:1-5", "P:1-9", 0, id="a_file_that_does_not_say_what_was_before_it"),
        pytest.param(["", "P:1-5", None, "P:1-9"], "P:1-9", "P:1-9", 1, id="or_several_that_do_and_one_that_does_not"),
        pytest.param(["", "P:1-3", "P:1-5", None, "P:1-9"], "P:1-9", "P:1-9", 2, id="the_one_before_those_is_known"),
        pytest.param([], "P:1-9", "P:1-9", None, id="no_file"),
    ],
)
def test_where_transactions_without_gtids_may_be(before: list[str | None], executed: str, have: str, first: int | None) -> None:
    files = [str(number) for number in range(len(before))]
    histories = {file: None if text is None else gtids(text, "mysql") for file, text in zip(files, before, strict=True)}
    found = first_without_gtids(files, histories.__getitem__, gtids(executed, "mysql"), gtids(have, "mysql"))
    assert found == (None if first is None else str(first))


def mariadb(text: str) -> MariaDBGtids:
    return MariaDBGtids.parse(text)


@pytest.mark.parametrize(
    ("executed", "have", "others", "suspects"),
    [
        pytest.param("0-1-100,0-3-51", "0-1-150", [], {0: 0}, id="nobody_knows_what_it_wrote"),
        pytest.param("0-1-100,0-3-51", "0-1-150,0-3-51", [], {}, id="the_primary_does"),
        pytest.param("0-1-100,0-3-51", "0-1-150", ["0-1-90,0-3-51"], {}, id="another_member_does"),
        pytest.param("0-1-100,0-3-51", "0-1-150", ["0-1-90,0-3-40"], {0: 40}, id="another_member_knows_a_part_of_it"),
        pytest.param("0-1-50,0-3-60", "0-1-150", [], {}, id="what_comes_last_is_certain"),
        pytest.param("0-1-100,0-4-51", "0-1-150", [], {}, id="somebody_else_wrote_it"),
        pytest.param("0-1-100,7-3-51", "0-1-150", [], {}, id="an_unknown_domain_is_certain"),
        pytest.param("0-1-100,7-1-100,0-3-51,7-3-60", "0-1-150,7-1-150", [], {0: 0, 7: 0}, id="in_two_domains"),
    ],
)
def test_when_the_logs_are_asked(executed: str, have: str, others: list[str], suspects: dict[int, int]) -> None:
    assert suspected(mariadb(executed), mariadb(have), [mariadb(other) for other in others], 3) == suspects


@pytest.mark.parametrize(
    ("log", "errant"),
    [
        pytest.param("0-1-50 0-3-51 0-1-51 0-1-52", "0-3-51", id="the_source_takes_the_same_number"),
        pytest.param("0-1-50 0-3-51 0-3-52 0-1-51 0-1-52", "0-3-51 0-3-52", id="several"),
        pytest.param("0-1-50 0-3-51 0-3-52 0-1-53", "", id="it_was_the_primary_then"),
        pytest.param("0-1-50 0-3-51 0-4-52 0-1-53", "", id="whoever_came_next"),
        pytest.param("0-3-1 0-3-2 0-1-3 0-3-4 0-1-4", "0-3-4", id="first_as_the_primary_and_then_as_a_replica"),
        pytest.param("0-1-50 0-3-40 0-1-51", "0-3-40", id="a_number_that_was_set_by_hand"),
        pytest.param("0-1-50 7-3-51 0-1-51", "", id="another_domain_has_numbers_of_its_own"),
        pytest.param("0-1-50 0-3-51", "", id="nobody_came_next"),
    ],
)
def test_who_does_not_count_up_was_written_to(log: str, errant: str) -> None:
    assert list(out_of_order(log.split(), {0: 0}, 3)) == errant.split()


def test_what_is_known_elsewhere_is_not_asked_for() -> None:
    assert list(out_of_order(["0-1-50", "0-3-51", "0-1-51", "0-3-52", "0-1-52"], {0: 51}, 3)) == ["0-3-52"]


states = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4), st.integers(1, 9)), max_size=6).map(
    lambda numbers: mariadb(",".join(f"{domain}-{server}-{number}" for domain, server, number in numbers))
)


@given(states, states)
def test_one_by_one_they_are_told_apart_as_they_are_together(mine: MariaDBGtids, have: MariaDBGtids) -> None:
    unproven = unproven_by(mine, have)
    alone = mine.not_proven_in(have)
    last = {f"{domain}-{server}-{number}" for (domain, server), number in mine.numbers}
    ends = {f"{domain}-{server}-{end}" for domain, server, _first, end in alone.ranges}
    assert {gtid for gtid in last if unproven(gtid)} == ends & last == ends


def test_what_another_primary_wrote_with_lower_numbers_is_wanted_too() -> None:
    """Two that were both the primary count up beside each other: that the other one has a higher number says nothing."""
    is_wanted = unproven_by(mariadb("0-1-9,0-2-14"), mariadb("0-1-30"))
    assert [gtid for gtid in ("0-1-9", "0-2-10", "0-2-14", "0-1-30") if is_wanted(gtid)] == ["0-2-10", "0-2-14"]
