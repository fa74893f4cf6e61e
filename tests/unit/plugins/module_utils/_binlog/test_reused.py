# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two binary logs -> under which GTIDs they have different transactions, and what is asked for to find out."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.reused import Mark, Run, as_sent, differing, last_of_both, less, position_before
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids, MySQLGtids
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import MAGIC, Stamp, read_beginning
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import UUIDS, gtids, short

P = UUIDS["P"]


@pytest.mark.parametrize(
    ("mine", "theirs", "origin", "last"),
    [
        pytest.param("P:1-9", "P:1-9,A:1-5", P, [(P, 9)], id="the_same"),
        pytest.param("P:1-5", "P:1-9", P, [(P, 5)], id="it_has_fewer"),
        pytest.param("P:1-15", "P:1-9", P, [(P, 9)], id="it_has_more"),
        pytest.param("A:1-9", "A:1-9", P, [], id="it_wrote_nothing"),
        pytest.param("P:1-9", "A:1-9", P, [], id="the_other_one_has_nothing_of_it"),
        pytest.param("0-1-9,0-2-12", "0-1-7,0-2-15", "1", [("0-1", 7)], id="mariadb"),
        pytest.param("0-1-9,7-1-3", "0-1-12,7-1-5", "1", [("0-1", 9), ("7-1", 3)], id="mariadb_two_domains"),
        pytest.param("0-1-9", "0-2-9", "1", [], id="mariadb_the_other_one_knows_nothing_of_it"),
        pytest.param("0-1-9", "P:1-9", "1", [], id="of_two_families"),
    ],
)
def test_which_transaction_is_compared_first(mine: str, theirs: str, origin: str, last: list[tuple[str, int]]) -> None:
    assert list(last_of_both(gtids(mine), gtids(theirs), origin)) == last


def log(first: int, last: int, *, lost: int = 0, step: int = 1) -> Mark:
    """A log that holds numbers up to the last; from ``lost`` on written anew. Each number is that of a second."""
    held = {number: Stamp(0, number + (1000 if lost and number >= lost else 0)) for number in range(first, last + 1, step)}
    return lambda number: next(((each, held[each]) for each in sorted(held) if each >= number), None) if number >= first else None


@pytest.mark.parametrize(
    ("last", "mine", "theirs", "found"),
    [
        pytest.param(150, log(1, 150), log(1, 150), None, id="they_agree"),
        pytest.param(145, log(1, 145, lost=141), log(1, 150), Run(141, 145, True), id="fewer_than_were_lost"),
        pytest.param(150, log(1, 150, lost=141), log(1, 150), Run(141, 150, True), id="as_many"),
        pytest.param(150, log(1, 155, lost=141), log(1, 150), Run(141, 150, True), id="more"),
        pytest.param(150, log(1, 150, lost=150), log(1, 150), Run(150, 150, True), id="one"),
        pytest.param(150, log(1, 150, lost=1), log(1, 150), Run(1, 150, True), id="all"),
        pytest.param(1, log(1, 1, lost=1), log(1, 1), Run(1, 1, True), id="there_is_but_one"),
        pytest.param(150, log(148, 150, lost=141), log(1, 150), Run(148, 150, False), id="what_is_before_is_no_longer_there"),
        pytest.param(150, log(147, 150, lost=141), log(1, 150), Run(147, 150, False), id="it_begins_between_two_looks"),
        pytest.param(150, log(1, 150, lost=141), log(150, 150), Run(150, 150, False), id="nor_on_the_other_one"),
        pytest.param(149, log(1, 149, lost=141, step=2), log(1, 149, step=2), Run(140, 149, True), id="numbers_that_others_have_taken_lie_between"),
    ],
)
def test_from_where_on_they_differ(last: int, mine: Mark, theirs: Mark, found: Run | None) -> None:
    assert differing(last, mine, theirs) == found


@pytest.mark.parametrize(("mine", "theirs"), [(log(160, 170), log(1, 150)), (log(1, 150), log(160, 170))], ids=["it_has_purged_it", "the_other_one_has"])
def test_what_no_log_holds_cannot_be_told(mine: Mark, theirs: Mark) -> None:
    with pytest.raises(ExtractFailed):
        differing(150, mine, theirs)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Stamp(7, 1), Stamp(7, 2), True),
        (Stamp(7, 1), Stamp(8, 1), True),
        (Stamp(7, 1), Stamp(8, 2), False),
        (Stamp(0, 1), Stamp(8, 1), True),
        (Stamp(0, 1), Stamp(0, 2), False),
    ],
    ids=["committed_at_the_same_time", "salvaged", "at_different_times", "an_old_version_does_not_say_when", "they_began_at_different_times"],
)
def test_which_stamps_are_of_one_transaction(one: Stamp, other: Stamp, same: bool) -> None:
    assert one.is_of_same(other) is same
    assert other.is_of_same(one) is same


@pytest.mark.parametrize(
    ("have", "found", "left"),
    [
        pytest.param("P:1-150,A:1-3", [], "P:1-150,A:1-3", id="nothing"),
        pytest.param("P:1-150,A:1-3", [(P, Run(141, 150, True))], "P:1-140,A:1-3", id="mysql"),
        pytest.param("0-1-150,0-2-180", [("0-1", Run(141, 150, True))], "0-1-140,0-2-180", id="mariadb"),
        pytest.param("0-1-150,7-1-9", [("7-1", Run(5, 9, True))], "0-1-150,7-1-4", id="mariadb_in_one_domain"),
    ],
)
def test_what_the_other_one_has_less_what_differs(have: str, found: list[tuple[str, Run]], left: str) -> None:
    assert short(less(gtids(have), found)) == left


@pytest.mark.parametrize(
    ("executed", "source", "number", "position"),
    [
        ("0-1-150,0-2-180", "0-1", 150, "0-1-149"),
        ("0-1-150,7-2-9,7-1-4", "0-1", 150, "0-1-149,7-2-9"),
        ("0-1-1", "0-1", 1, ""),
    ],
)
def test_mariadb_is_told_where_to_begin(executed: str, source: str, number: int, position: str) -> None:
    assert position_before(MariaDBGtids.parse(executed), source, number) == position


def before(body: bytes) -> tuple[tuple[str, int, int], ...] | None:
    """Read a set as the one at the beginning of a file (Previous_gtids)."""
    described = struct.pack("<IBIIIH", 0, 15, 1, 114, 0, 0) + bytes(90) + b"\0" + bytes(4)
    data = MAGIC + described + struct.pack("<IBIIIH", 0, 35, 1, 19 + len(body), 0, 0) + body
    beginning = read_beginning(data, len(data))
    return None if beginning is None else beginning.before


@pytest.mark.parametrize(
    ("executed", "tag", "sent"),
    [
        pytest.param(f"{P}:1-20,{UUIDS['A']}:1-3:5", "", f"{P}:1-8,{UUIDS['A']}:1-3:5", id="without_tags"),
        pytest.param(f"{P}:9-20,{UUIDS['A']}:1-3", "", f"{UUIDS['A']}:1-3", id="nothing_before_it"),
        pytest.param(f"{P}:1-20:some:1-4,{UUIDS['A']}:1-3", "", f"{P}:1-8:some:1-4,{UUIDS['A']}:1-3", id="with_tags"),
        pytest.param(f"{P}:1-20:some:1-14", "some", f"{P}:1-20:some:1-8", id="of_a_tag"),
    ],
)
def test_mysql_is_sent_all_that_it_need_not_send(executed: str, tag: str, sent: str) -> None:
    """What is sent is as a file begins, so that our own reader understands it."""
    body = as_sent(MySQLGtids.parse(executed), (P, tag), 9)
    found = before(body)
    assert found is not None
    assert MySQLGtids.parse(",".join(f"{source}:{first}-{last}" for source, first, last in found)) == MySQLGtids.parse(sent)
