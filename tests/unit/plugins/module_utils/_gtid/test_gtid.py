# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import pickle
import re
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._gtid import mysql as of_mysql
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.base import quote
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import (
    GtidError,
    Gtids,
    MariaDBGtidRanges,
    MariaDBGtids,
    MySQLGtids,
    Transactions,
    empty,
    parse_gtids,
    transactions_of,
)

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
B = "4f22fa47-71ca-11e1-9e33-c80aa9429562"
HIGHEST = 9223372036854775806


def long(text: str) -> str:
    """Write the UUIDs out that the tables below call A and B."""
    return re.sub(r"\b[AB]\b", lambda found: A if found.group() == "A" else B, text)


def mysql(text: str) -> MySQLGtids:
    return MySQLGtids.parse(long(text))


def short(gtids: t.Any) -> str:
    return str(gtids).replace(A, "A").replace(B, "B")


def maria(text: str) -> MariaDBGtids:
    return MariaDBGtids.parse(text)


# --- MySQL: what is read


def test_of_thousands_of_servers_only_what_differs_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def counted(function: str) -> None:
        original = getattr(of_mysql, function)

        def count(*arguments: t.Any) -> t.Any:
            done.append(function)
            return original(*arguments)

        monkeypatch.setattr(of_mysql, function, count)

    for function in ("_merge", "_subtract"):
        counted(function)
    servers = [f"{number:08x}-71ca-11e1-9e33-c80aa9429562" for number in range(3000)]
    text = ",".join(f"{server}:1-5" for server in servers)
    one = mysql(text)
    assert done.count("_merge") == 3000
    # Each member of a cluster says the same, again and again.
    done.clear()
    assert all(mysql(text) is one for _member in range(10))
    assert done == []
    # And what one has got since is all that is told apart.
    more = mysql(f"{text},{servers[7]}:9,{A}:1-3")
    done.clear()
    assert str(more.subtract(one)) == f"{servers[7]}:9,{A}:1-3"
    assert one.union(more) == more == more.union(one)
    assert more.contains(one)
    assert (done.count("_subtract"), done.count("_merge")) == (3, 5)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        pytest.param("A:1-5", "A:1-5", id="a_range"),
        pytest.param("A:7", "A:7", id="a_single_number"),
        pytest.param("A:1-3:5:9-11", "A:1-3:5:9-11", id="several_ranges"),
        pytest.param("A:9:1-3", "A:1-3:9", id="ranges_out_of_order"),
        pytest.param("A:1-3:4-5", "A:1-5", id="ranges_that_touch_are_joined"),
        pytest.param("A:1-3:2-7:3", "A:1-7", id="ranges_that_overlap_are_joined"),
        pytest.param("A:1-9:2-3", "A:1-9", id="a_range_inside_another_adds_nothing"),
        pytest.param("A:5-3", "", id="a_range_that_ends_before_it_begins_is_empty"),
        pytest.param("A:5-3:7", "A:7", id="an_empty_range_among_others_is_dropped"),
        pytest.param("A:1-0", "", id="an_empty_range_may_end_at_0"),
        pytest.param("A", "", id="a_server_without_numbers_is_empty"),
        pytest.param("B:1,A:1", "A:1,B:1", id="servers_are_sorted"),
        pytest.param("A:1,B:1,A:2", "A:1-2,B:1", id="a_server_may_be_repeated"),
        pytest.param(",,A:1,,B:1,", "A:1,B:1", id="surplus_commas_are_ignored"),
        pytest.param(",", "", id="only_commas_are_empty"),
        pytest.param(" \n", "", id="only_white_space_is_empty"),
        pytest.param("A:1-5,\nB:1", "A:1-5,B:1", id="newlines_as_servers_print_them"),
        pytest.param("\tA : 1 - 5 : 7 ,\r\n B\n:\v1\f", "A:1-5:7,B:1", id="white_space_around_every_word"),
        pytest.param(A.upper() + ":1", "A:1", id="upper_case"),
        pytest.param("{A}:1", "A:1", id="a_uuid_in_braces"),
        pytest.param(A.replace("-", "") + ":1", "A:1", id="a_uuid_without_dashes"),
        pytest.param(f"A:{HIGHEST}", f"A:{HIGHEST}", id="the_highest_number"),
        pytest.param("A:tag:1-3", "A:tag:1-3", id="a_tag"),
        pytest.param("A:1-3:tag:5:tag2:1-2:4", "A:1-3:tag:5:tag2:1-2:4", id="numbers_with_and_without_tags"),
        pytest.param("A:tag:5,A:1", "A:1:tag:5", id="numbers_without_a_tag_come_first"),
        pytest.param("A:b:1:a:1", "A:a:1:b:1", id="tags_are_sorted"),
        pytest.param("A:aa:1:a_:1:a0:2:_a:1", "A:_a:1:a0:2:a_:1:aa:1", id="tags_are_sorted_as_mysql_sorts_them"),
        pytest.param("A:b:1:a:1:1", "A:a:1:b:1", id="a_number_belongs_to_the_tag_before_it"),
        pytest.param("A:tag:1:other:1:tag:2", "A:other:1:tag:1-2", id="a_tag_may_be_repeated"),
        pytest.param("A:TAG:1:Tag:2", "A:tag:1-2", id="tags_have_no_case"),
        pytest.param("A: tag :1", "A:tag:1", id="white_space_around_a_tag"),
        pytest.param("A:tag", "", id="a_tag_without_numbers_is_empty"),
        pytest.param("A:tag:tag2:1", "A:tag2:1", id="a_tag_without_numbers_before_another"),
        pytest.param("A:_:1", "A:_:1", id="a_tag_may_be_an_underscore"),
        pytest.param("A:" + "a" * 32 + ":1", "A:" + "a" * 32 + ":1", id="the_longest_tag"),
    ],
)
def test_mysql_reads(text: str, normal: str) -> None:
    assert short(mysql(text)) == normal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("hello", "'hello' is not a server UUID", id="a_word"),
        pytest.param(A[:-1] + ":1", f"'{A[:-1]}' is not a server UUID", id="a_uuid_that_is_too_short"),
        pytest.param("{A:1", f"'{{{A}' is not a server UUID", id="a_brace_that_is_not_closed"),
        pytest.param("{ A }:1", f"'{{ {A} }}' is not a server UUID", id="white_space_inside_braces"),
        pytest.param("A B:1", f"'{A} {B}' is not a server UUID", id="two_servers_without_a_comma"),
        pytest.param("+A:1", f"'+{A}' is not a server UUID", id="a_plus_sign"),
        pytest.param("0-1-100", "'0-1-100' is not a server UUID", id="a_gtid_of_mariadb"),
        pytest.param("A:", "'' is neither a sequence number, nor a range of them, nor a tag", id="a_colon_at_the_end"),
        pytest.param("A::1", "'' is neither a sequence number, nor a range of them, nor a tag", id="two_colons"),
        pytest.param("A:1-", "'1-' is neither a sequence number, nor a range of them, nor a tag", id="a_range_without_an_end"),
        pytest.param("A:1-2-3", "'1-2-3' is neither a sequence number, nor a range of them, nor a tag", id="a_range_of_three"),
        pytest.param("A:1 2", "'1 2' is neither a sequence number, nor a range of them, nor a tag", id="two_numbers_without_a_colon"),
        pytest.param("A:-5", "'-5' is neither a sequence number, nor a range of them, nor a tag", id="a_negative_number"),
        pytest.param("A:+5", "'+5' is neither a sequence number, nor a range of them, nor a tag", id="a_number_with_a_sign"),
        pytest.param("A:0x10", "'0x10' is neither a sequence number, nor a range of them, nor a tag", id="a_hexadecimal_number"),
        pytest.param("A:1_000", "'1_000' is neither a sequence number, nor a range of them, nor a tag", id="a_number_as_python_writes_it"),
        pytest.param("A:\u0661", "'\u0661' is neither a sequence number, nor a range of them, nor a tag", id="a_digit_of_another_script"),
        pytest.param("A:1\u00a0", "'1\\xa0' is neither a sequence number, nor a range of them, nor a tag", id="white_space_that_is_not_ascii"),
        pytest.param("A:1\0", "'1\\x00' is neither a sequence number, nor a range of them, nor a tag", id="a_null_character"),
        pytest.param("A:9a:1", "'9a' is neither a sequence number, nor a range of them, nor a tag", id="a_tag_that_begins_with_a_digit"),
        pytest.param("A:a-b:1", "'a-b' is neither a sequence number, nor a range of them, nor a tag", id="a_tag_with_a_dash"),
        pytest.param("A:tag 1", "'tag 1' is neither a sequence number, nor a range of them, nor a tag", id="a_tag_and_a_number_without_a_colon"),
        pytest.param("A:" + "a" * 33, f"'{'a' * 33}' is neither a sequence number, nor a range of them, nor a tag", id="a_tag_that_is_too_long"),
        pytest.param("A:0", "'0' begins at 0, but sequence numbers begin at 1", id="number_0"),
        pytest.param("A:0-5", "'0-5' begins at 0, but sequence numbers begin at 1", id="a_range_from_0"),
        pytest.param("A:010", "'010' has a leading zero, which versions of MySQL read differently", id="a_leading_zero"),
        pytest.param("A:1-08", "'08' has a leading zero, which versions of MySQL read differently", id="a_leading_zero_at_the_end"),
        pytest.param(f"A:{HIGHEST + 1}", f"'{HIGHEST + 1}' is above {HIGHEST}, the highest sequence number", id="a_number_that_is_too_high"),
        pytest.param("A:1-" + "9" * 40, f"'{'9' * 40}' is above {HIGHEST}, the highest sequence number", id="a_number_far_too_high"),
    ],
)
def test_mysql_refuses(text: str, reason: str) -> None:
    with pytest.raises(GtidError) as caught:
        mysql(text)
    assert caught.value.reason == reason
    assert caught.value.text == long(text)
    assert str(caught.value).startswith(reason)


# --- MySQL: what is asked


@pytest.mark.parametrize(
    ("one", "other", "union", "difference", "common"),
    [
        pytest.param("", "", "", "", "", id="empty_sets"),
        pytest.param("A:1-5", "", "A:1-5", "A:1-5", "", id="nothing_from_something"),
        pytest.param("", "A:1-5", "A:1-5", "", "", id="something_from_nothing"),
        pytest.param("A:1-5", "A:1-5", "A:1-5", "", "A:1-5", id="equal_sets"),
        pytest.param("A:1-9", "A:4-6", "A:1-9", "A:1-3:7-9", "A:4-6", id="a_hole_in_the_middle"),
        pytest.param("A:1-9", "A:1:3:5-6:9", "A:1-9", "A:2:4:7-8", "A:1:3:5-6:9", id="several_holes"),
        pytest.param("A:1-3:7-9", "A:2-8", "A:1-9", "A:1:9", "A:2-3:7-8", id="one_range_over_two"),
        pytest.param("A:1-3", "A:4-6", "A:1-6", "A:1-3", "", id="ranges_that_touch"),
        pytest.param("A:1-3", "B:1-3", "A:1-3,B:1-3", "A:1-3", "", id="other_servers"),
        pytest.param("A:1-3,B:1-9", "B:1-4", "A:1-3,B:1-9", "A:1-3,B:5-9", "B:1-4", id="one_server_of_two"),
        pytest.param("A:1-3", "A:tag:1-3", "A:1-3:tag:1-3", "A:1-3", "", id="the_same_numbers_under_a_tag_are_others"),
        pytest.param("A:t:1-9:u:1", "A:t:3:u:1", "A:t:1-9:u:1", "A:t:1-2:4-9", "A:t:3:u:1", id="tags"),
        pytest.param(f"A:1-{HIGHEST}", "A:2", f"A:1-{HIGHEST}", f"A:1:3-{HIGHEST}", "A:2", id="the_largest_range"),
    ],
)
def test_mysql_unites_subtracts_and_intersects(one: str, other: str, union: str, difference: str, common: str) -> None:
    assert short(mysql(one).union(mysql(other))) == union
    # What was worked out from a set is kept with it, so that one that gets nothing new stays itself.
    same = mysql(one)
    assert (same.union(mysql(other)) is same) == (union == short(same))
    assert short(mysql(one).subtract(mysql(other))) == difference
    assert short(mysql(one).intersect(mysql(other))) == common
    assert mysql(one).contains(mysql(other)) == (union == short(mysql(one)))


def test_a_mysql_set_counts_its_transactions() -> None:
    assert mysql("A:1-5:7:tag:1-2,B:3").count() == 9
    assert mysql(f"A:1-{HIGHEST}").count() == HIGHEST
    assert mysql("").count() == 0
    assert [mysql(text).counted() for text in ("", "A:7", "A:1-12")] == ["0 transactions", "1 transaction", "12 transactions"]


def test_a_mysql_set_names_the_servers_it_came_from() -> None:
    assert mysql("A:1:tag:2,B:3").origins() == {A, B}
    assert mysql("A:tag:2").origins() == {A}
    assert mysql("A:5-3").origins() == frozenset()


def test_a_mysql_set_gives_the_part_of_some_servers() -> None:
    gtids = mysql("A:1-5:tag:1,B:1-3")
    assert short(gtids.of_origins([A])) == "A:1-5:tag:1"
    assert short(gtids.of_origins({B.upper()})) == "B:1-3"
    assert gtids.of_origins([A, B]) == gtids
    assert not gtids.of_origins([])


# --- MariaDB: what is read


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        pytest.param("0-1-100", "0-1-100", id="one_gtid"),
        pytest.param("0-1-100,1-7-3", "0-1-100,1-7-3", id="several_domains"),
        pytest.param("10-1-5,9-1-5", "9-1-5,10-1-5", id="domains_are_sorted_as_numbers"),
        pytest.param("0-1-100,0-2-95", "0-2-95,0-1-100", id="the_latest_of_a_domain_comes_last"),
        pytest.param("0-2-5,0-1-5", "0-1-5,0-2-5", id="equal_numbers_are_sorted_by_server"),
        pytest.param("0-1-95,0-1-100,0-1-97", "0-1-100", id="the_highest_number_of_a_server_counts"),
        pytest.param(" 0-1-100 ,\n\t1- 7 -3\r\n", "0-1-100,1-7-3", id="white_space"),
        pytest.param("", "", id="nothing"),
        pytest.param(" \n", "", id="only_white_space_is_empty"),
        pytest.param("0-1-0", "", id="number_0_is_nothing"),
        pytest.param("0-0-5", "0-0-5", id="server_id_0"),
        pytest.param("007-001-0010", "7-1-10", id="leading_zeros"),
        pytest.param("0-1-" + "0" * 50 + "5", "0-1-5", id="many_leading_zeros"),
        pytest.param(f"{2**32 - 1}-{2**32 - 1}-{2**64 - 1}", f"{2**32 - 1}-{2**32 - 1}-{2**64 - 1}", id="the_highest_numbers"),
    ],
)
def test_mariadb_reads(text: str, normal: str) -> None:
    assert str(maria(text)) == normal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("hello", "'hello' is not a MariaDB GTID (domain-server-number)", id="a_word"),
        pytest.param(f"{A}:1", f"'{A}:1' is not a MariaDB GTID (domain-server-number)", id="a_gtid_of_mysql"),
        pytest.param("0-1", "'0-1' is not a MariaDB GTID (domain-server-number)", id="a_number_is_missing"),
        pytest.param("0-1-1-1", "'0-1-1-1' is not a MariaDB GTID (domain-server-number)", id="a_number_too_many"),
        pytest.param("0-1--1", "'0-1--1' is not a MariaDB GTID (domain-server-number)", id="a_negative_number"),
        pytest.param("0-1-+1", "'0-1-+1' is not a MariaDB GTID (domain-server-number)", id="a_number_with_a_sign"),
        pytest.param("0-1-1 0-2-2", "'0-1-1 0-2-2' is not a MariaDB GTID (domain-server-number)", id="no_comma"),
        pytest.param("0-1-1,", "'' is not a MariaDB GTID (domain-server-number)", id="a_comma_at_the_end"),
        pytest.param(",", "'' is not a MariaDB GTID (domain-server-number)", id="only_a_comma"),
        pytest.param("0-1-91..100", "'0-1-91..100' is not a MariaDB GTID (domain-server-number)", id="a_range"),
        pytest.param("0-1-\u0661", "'0-1-\u0661' is not a MariaDB GTID (domain-server-number)", id="a_digit_of_another_script"),
        pytest.param("4294967296-1-1", "'4294967296' is above 4294967295, the highest domain", id="a_domain_that_is_too_high"),
        pytest.param("0-4294967296-1", "'4294967296' is above 4294967295, the highest server_id", id="a_server_id_that_is_too_high"),
        pytest.param(f"0-1-{2**64}", f"'{2**64}' is above {2**64 - 1}, the highest sequence number", id="a_number_that_is_too_high"),
    ],
)
def test_mariadb_refuses(text: str, reason: str) -> None:
    with pytest.raises(GtidError) as caught:
        maria(text)
    assert caught.value.reason == reason
    assert caught.value.text == text


# --- MariaDB: what is asked


@pytest.mark.parametrize(
    ("here", "there", "missing"),
    [
        pytest.param("0-1-100", "", "", id="nothing_is_everywhere"),
        pytest.param("", "0-1-3", "0-1-1..3", id="an_empty_server_has_nothing"),
        pytest.param("0-1-100", "0-1-100", "", id="the_same_position"),
        pytest.param("0-1-100", "0-1-90", "", id="ahead_of_the_other"),
        pytest.param("0-1-90", "0-1-100", "0-1-91..100", id="behind_the_other"),
        pytest.param("0-1-99", "0-1-100", "0-1-100", id="one_transaction_behind"),
        pytest.param("0-1-100,1-1-5", "0-1-100", "", id="a_domain_that_only_this_server_has"),
        pytest.param("0-1-100", "0-1-100,1-1-5", "1-1-1..5", id="a_domain_that_only_the_other_has"),
        pytest.param("0-1-100,1-1-5", "0-1-90,1-1-7", "1-1-6..7", id="ahead_in_one_domain_and_behind_in_another"),
        pytest.param("0-1-100", "0-2-100", "0-2-100", id="the_same_number_of_another_server_is_a_divergence"),
        pytest.param("0-1-100", "0-1-100,0-2-100", "0-2-100", id="the_same_number_of_a_second_server_is_a_divergence"),
        pytest.param("0-2-100", "0-1-95", "", id="an_older_primary_that_is_not_known_here_is_covered_by_the_number"),
        pytest.param("0-1-100", "0-2-95,0-1-100", "", id="a_state_is_covered_by_a_position"),
        pytest.param("0-2-85,0-1-100", "0-2-90", "0-2-86..90", id="a_known_server_must_have_come_as_far"),
        pytest.param("0-2-95,0-1-100", "0-2-95,0-1-97", "", id="a_state_that_is_ahead"),
        pytest.param("0-1-90", "0-1-80,0-2-100", "0-2-91..100", id="the_new_primary_has_written_since"),
        pytest.param("0-1-90", "0-1-95,0-2-100", "0-1-91..95,0-2-96..100", id="each_number_is_put_down_to_the_server_whose_last_number_comes_next"),
        pytest.param("0-1-90", "0-1-101,0-2-100", "0-1-101,0-2-91..100", id="the_server_ahead_wrote_only_what_came_last"),
        pytest.param("0-1-90", "0-1-93,0-2-93", "0-1-91..93,0-2-93", id="two_servers_with_the_same_last_number_are_two_transactions"),
        pytest.param("0-1-10,0-2-12,0-3-30", "0-1-20,0-2-18", "0-1-11..12,0-1-19..20,0-2-13..18", id="no_number_is_counted_twice"),
        pytest.param("0-1-10,0-2-15,0-3-30", "0-1-20,0-2-18", "0-1-11..15,0-1-19..20,0-2-16..18", id="a_range_around_another"),
        pytest.param("0-1-10,0-2-15,0-3-30", "0-1-20,0-2-20", "0-1-11..20,0-2-20", id="the_longer_range_takes_what_both_have"),
        pytest.param("0-1-15,0-2-10,0-3-11,0-4-30", "0-1-18,0-2-20,0-3-22", "0-1-16..18,0-2-11..15,0-2-19..20,0-3-21..22", id="three_ranges_over_each_other"),
        pytest.param("0-1-10,0-2-11,0-3-30", "0-1-20,0-2-12,0-3-31", "0-1-11,0-1-13..20,0-2-12,0-3-31", id="diverged_and_ahead"),
    ],
)
def test_mariadb_tells_what_is_missing_here(here: str, there: str, missing: str) -> None:
    assert str(maria(there).subtract(maria(here))) == missing
    assert maria(here).contains(maria(there)) == (missing == "")


@pytest.mark.parametrize(
    ("one", "other", "counted"),
    [
        pytest.param("0-1-20", "0-1-15", "5 transactions", id="it_is_ahead"),
        pytest.param("0-1-15,0-2-20", "0-1-15", "5 transactions", id="another_one_went_on"),
        pytest.param("0-1-10,0-2-20", "0-1-15", "at least 5 transactions", id="both_went_on"),
        pytest.param("0-1-10,0-2-15", "0-1-15", "at least 1 transaction", id="both_went_on_as_far"),
        pytest.param("0-1-10,7-2-3", "0-1-15", "3 transactions", id="another_domain"),
        pytest.param("0-1-10", "0-3-1", "at least 9 transactions", id="both_went_on_and_one_no_further_than_one"),
    ],
)
def test_of_a_mariadb_difference_it_is_said_whether_there_may_be_more(one: str, other: str, counted: str) -> None:
    assert maria(one).subtract(maria(other)).counted() == counted
    assert maria(one).subtract(maria(other)).of_origins(["2", "1"]).counted() == counted


def test_a_mariadb_difference_is_counted_and_sorted_by_server() -> None:
    missing = maria("0-1-95,0-2-100,3-2-4").subtract(maria("0-1-90"))
    assert missing.count() == 5 + 5 + 4
    assert missing.origins() == {"1", "2"}
    assert str(missing.of_origins(["2"])) == "0-2-96..100,3-2-1..4"
    assert not missing.of_origins(["9"])
    assert missing == maria("0-2-100,3-2-4,0-1-95").subtract(maria("0-1-90"))
    assert hash(missing) == hash(copy.deepcopy(missing))
    assert missing
    assert not MariaDBGtidRanges()
    assert str(MariaDBGtidRanges()) == ""


def test_containing_is_not_transitive_where_numbers_decide() -> None:
    first, second, third = maria("0-1-10,0-2-100"), maria("0-3-50"), maria("0-1-20")
    assert first.contains(second)
    assert second.contains(third)
    assert not first.contains(third)


def test_an_errant_write_of_a_server_that_is_not_known_here_is_assumed_to_be_here() -> None:
    here, there = maria("0-1-100"), maria("0-1-95,0-2-90")
    assert here.contains(there)
    assert str(here.assumed(there)) == "0-2-90"
    assert not here.assumed(maria("0-1-95"))
    assert not here.assumed(maria("0-2-100"))
    assert not here.assumed(maria("1-2-3"))


@pytest.mark.parametrize(
    ("one", "other", "union", "common"),
    [
        pytest.param("", "0-1-5", "0-1-5", "", id="nothing"),
        pytest.param("0-1-90", "0-1-100", "0-1-100", "0-1-90", id="one_server"),
        pytest.param("0-1-90,1-1-5", "0-1-100,2-1-5", "0-1-100,1-1-5,2-1-5", "0-1-90", id="several_domains"),
        pytest.param("0-1-95", "0-2-100", "0-1-95,0-2-100", "0-1-95", id="the_new_primary_covers_the_old_one"),
        pytest.param("0-1-100", "0-2-100", "0-1-100,0-2-100", "", id="what_diverged_servers_have_in_common_is_not_known"),
        pytest.param("0-1-80,0-2-100", "0-1-80,0-3-100", "0-1-80,0-2-100,0-3-100", "0-1-80", id="diverged_servers_with_a_known_past"),
        pytest.param("0-1-100,0-2-50", "0-1-90", "0-2-50,0-1-100", "0-2-50,0-1-90", id="a_state_and_a_position"),
    ],
)
def test_mariadb_unites_and_intersects(one: str, other: str, union: str, common: str) -> None:
    assert str(maria(one).union(maria(other))) == union
    assert str(maria(one).intersect(maria(other))) == common


def test_mariadb_gives_the_latest_gtid_of_each_domain() -> None:
    state = maria("0-1-100,0-2-95,1-7-3,1-8-4")
    assert state.heads() == {0: 100, 1: 4}
    assert str(state.position()) == "0-1-100,1-8-4"
    assert maria("").heads() == {}
    assert not maria("").position()


def test_of_two_servers_with_the_same_number_the_position_names_the_higher_server_id() -> None:
    assert str(maria("0-2-100,0-1-100").position()) == "0-2-100"


def test_mariadb_counts_up_to_the_latest_number_of_each_domain() -> None:
    assert maria("0-1-100,0-2-95,1-7-3").count() == 103
    assert maria("").count() == 0


def test_mariadb_names_servers_by_their_server_id_as_text() -> None:
    state = maria("0-1-100,0-22-95,1-1-3")
    assert state.origins() == {"1", "22"}
    assert str(state.of_origins(["1"])) == "0-1-100,1-1-3"
    assert not state.of_origins([])


def test_mariadb_all_of_a_domain_is_received_up_to_where_a_receiver_has_come_whoever_wrote_it() -> None:
    late = maria("0-1-50,1-7-3").with_received(maria("0-3-140,1-7-3,2-1-9"))
    prompt = maria("0-1-100,0-3-140,1-7-3,2-1-9")
    assert late.contains(prompt)
    assert prompt.contains(late)
    assert not prompt.subtract(late)
    # Not what may have been written to a server before, nor what came later.
    assert str(maria("0-1-40,0-2-45,0-3-140,1-7-3").subtract(late)) == ""
    assert not late.contains(maria("0-1-150,0-3-140"))
    assert str(maria("0-1-150,0-3-140").subtract(late)) == "0-1-141..150"
    assert str(maria("0-1-50,0-2-90").with_received(maria("0-3-90")).union(maria("0-3-90"))) == "0-1-50,0-2-90,0-3-90"
    for unchanged in (maria(""), maria("0-1-50"), maria("0-1-30")):
        assert maria("0-1-50").with_received(unchanged) == maria("0-1-50")


@pytest.mark.parametrize(
    ("first", "before", "gap"),
    [
        ("0-1-51", "0-1-50", ""),
        ("0-1-52", "0-1-50", "0-1-51"),
        ("0-1-101", "0-1-50", "0-1-100"),
        ("0-2-101", "0-1-50,1-1-200", "0-2-100"),
        ("0-1-1", "", ""),
        ("0-1-2", "", "0-1-1"),
        ("7-1-9", "0-1-50", "7-1-8"),
    ],
)
def test_mariadb_numbers_that_a_file_leaves_out_at_its_beginning_are_missing(first: str, before: str, gap: str) -> None:
    assert str(maria(first).gap_after(maria(before))) == gap


@pytest.mark.parametrize(
    ("here", "there", "domains"),
    [
        ("", "", []),
        ("0-1-5", "0-1-5", []),
        ("0-1-5", "0-1-6", []),
        ("0-1-5,7-1-2", "0-1-5", [7]),
        ("0-1-5,3-1-4,7-1-2", "0-1-4,3-1-4,7-1-1", [0, 7]),
        ("0-1-5,0-2-9", "0-1-5", [0]),
    ],
)
def test_mariadb_in_which_domains_something_is_here_and_not_there(here: str, there: str, domains: list[int]) -> None:
    assert sorted(maria(here).domains_beyond(maria(there))) == domains


@pytest.mark.parametrize(("domains", "part"), [([], ""), ([0], "0-1-5,0-2-9"), ([7, 8], "7-1-2"), ([7, 0], "0-1-5,0-2-9,7-1-2")])
def test_mariadb_what_is_in_some_domains(domains: list[int], part: str) -> None:
    assert str(maria("0-1-5,0-2-9,7-1-2").of_domains(domains)) == part


@pytest.mark.parametrize(
    ("here", "there", "alone"),
    [
        ("0-1-1", "", "0-1-1"),
        ("0-1-3,0-2-5", "0-3-9", "0-1-1..3,0-2-4..5"),
        ("0-1-3", "0-1-3", ""),
        ("0-1-3", "0-1-2,0-2-9", "0-1-3"),
        ("0-1-3", "0-2-9", "0-1-1..3"),
        # Whoever has a later one of a third server had received everything before it.
        ("0-1-3,0-2-9", "0-2-9", ""),
        ("0-1-3,0-2-9", "0-2-3", "0-1-1..3,0-2-4..9"),
        ("0-1-3,0-2-9", "0-2-2", "0-1-3,0-2-4..9"),
        ("0-1-3,0-2-9", "0-2-4", "0-2-5..9"),
        ("0-1-7,0-2-9", "0-1-1,0-2-4", "0-1-5..7,0-2-8..9"),
        ("0-1-3,1-1-3", "1-1-9", "0-1-1..3"),
    ],
)
def test_what_of_mariadb_cannot_be_shown_to_be_elsewhere(here: str, there: str, alone: str) -> None:
    assert str(maria(here).not_proven_in(maria(there))) == alone
    assert not maria(here).not_proven_in(maria(there)).at_least


@pytest.mark.parametrize(("number", "waits"), [(49, False), (50, False), (51, True), (139, True), (140, False), (141, False)])
def test_mariadb_what_waits_is_between_what_is_applied_and_the_last_that_is_received(number: int, waits: bool) -> None:
    late = maria("0-1-50,7-1-60").with_received(maria("0-3-140"))
    assert late.backlog == ((0, 50, 140),)
    assert late.has_waiting(0, number) is waits
    assert not late.has_waiting(7, number)
    assert late.union(late).backlog == late.backlog


@pytest.mark.parametrize(
    ("source", "runs"),
    [("0-1", ((1, 100),)), ("0-2", ((1, 95),)), ("0-9", ((1, 99),)), ("1-7", ((1, 2),)), ("1-8", ((1, 1),)), ("2-7", ((1, 1),)), ("2-8", ()), ("3-7", ())],
)
def test_mariadb_the_numbers_of_a_server_that_is_not_known_end_below_the_latest(source: str, runs: tuple[tuple[int, int], ...]) -> None:
    assert maria("0-1-100,0-2-95,1-7-2,2-7-1").runs_of(source) == runs


def test_mariadb_single_transactions_are_put_together() -> None:
    listed = MariaDBGtidRanges.of_list("0-1-7,0-1-5,,0-1-6,0-1-6,0-1-9,1-1-10,0-2-10")
    assert str(listed) == "0-1-5..7,0-1-9,0-2-10,1-1-10"
    assert (listed.count(), listed.domains(), str(listed.latest())) == (6, {0, 1}, "0-2-10,1-1-10")
    # The second run of one server grows as well as its first one.
    assert str(MariaDBGtidRanges.of_list("0-1-1,0-1-5,0-1-6")) == "0-1-1,0-1-5..6"
    assert str(MariaDBGtidRanges.of_list("0-1-1,0-2-5,0-2-6")) == "0-1-1,0-2-5..6"
    assert str(transactions_of("mariadb", ["0-1-2", "0-1-1"])) == "0-1-1..2"
    assert str(transactions_of("mysql", [f"{A}:2", f"{A}:1"])) == f"{A}:1-2"
    with pytest.raises(GtidError):
        MariaDBGtidRanges.of_list("0-1-7,0-1")


# --- both


@pytest.mark.parametrize(("source", "runs"), [("A", ((1, 5), (7, 7))), ("A:t", ((2, 2),)), ("A:u", ()), ("B", ())])
def test_the_numbers_of_a_mysql_source_are_those_without_its_tags(source: str, runs: tuple[tuple[int, int], ...]) -> None:
    assert mysql("A:1-5:7:t:2").runs_of(long(source)) == runs


@pytest.mark.parametrize(("length", "ending"), [(79, "x'"), (80, "x'"), (81, "x'... (81 characters)")])
def test_a_long_text_is_quoted_in_part(length: int, ending: str) -> None:
    assert quote("x" * length) == "'" + "x" * (min(length, 80) - 1) + ending


@pytest.mark.parametrize(
    ("gtids", "same", "other"),
    [
        (mysql("A:1-5:t:1"), mysql("A:t:1,A:4-5,A:1-3"), mysql("A:1-5")),
        (maria("0-1-5,1-2-3"), maria("1-2-3,0-1-5"), maria("0-1-5")),
    ],
)
def test_equal_sets_are_one_member_of_a_set(gtids: Gtids, same: Gtids, other: Gtids) -> None:
    assert gtids == same
    assert gtids != other
    assert {gtids, same, other} == {gtids, other}
    assert bool(gtids)


@pytest.mark.parametrize("gtids", [mysql("A:1-5:t:1"), maria("0-1-5,1-2-3"), maria("0-1-5").subtract(maria("0-1-3"))])
def test_values_never_change_and_can_be_copied(gtids: t.Any) -> None:
    for name in vars(gtids):
        with pytest.raises(AttributeError):
            setattr(gtids, name, ())
    assert pickle.loads(pickle.dumps(gtids)) == copy.deepcopy(gtids) == gtids


def test_a_family_says_everything_that_all_of_them_say() -> None:
    printed = {"__str__", "__bool__", "count", "origins", "of_origins"}
    assert Transactions.__abstractmethods__ == printed
    assert Gtids.__abstractmethods__ == {*printed, "parse", "contains", "subtract", "union", "intersect", "runs_of"}


@pytest.mark.parametrize("operation", ["contains", "subtract", "union", "intersect"])
def test_families_do_not_mix(operation: str) -> None:
    for one, other in ((mysql("A:1"), maria("0-1-1")), (maria("0-1-1"), mysql("A:1")), (empty("mysql"), empty("mariadb"))):
        with pytest.raises(TypeError, match="cannot be compared with"):
            getattr(one, operation)(other)


def test_empty_sets_of_two_families_differ() -> None:
    assert empty("mysql") != empty("mariadb")


@pytest.mark.parametrize(("flavor", "text"), [("mysql", f"{A}:1-5"), ("mariadb", "0-1-5")])
def test_the_family_decides_how_a_text_is_read(flavor: str, text: str) -> None:
    assert str(parse_gtids(flavor, text)) == text
    assert parse_gtids(flavor, None) == parse_gtids(flavor, "") == empty(flavor)
    assert not empty(flavor)
    assert str(empty(flavor)) == ""
    with pytest.raises(GtidError):
        parse_gtids("mysql" if flavor == "mariadb" else "mariadb", text)


def test_an_error_quotes_the_text_it_is_in() -> None:
    with pytest.raises(GtidError) as caught:
        mysql("A:1,hello:2")
    assert str(caught.value) == f"'hello' is not a server UUID, in '{A}:1,hello:2'"
    assert isinstance(caught.value, ValueError)


def test_an_error_does_not_say_the_same_twice() -> None:
    with pytest.raises(GtidError) as caught:
        mysql("hello")
    assert str(caught.value) == "'hello' is not a server UUID"


def test_an_error_shortens_a_long_text_and_keeps_it_on_one_line() -> None:
    text = "\n".join(f"{A}:{number}," for number in range(1, 1000)) + "hello"
    with pytest.raises(GtidError) as caught:
        MySQLGtids.parse(text)
    assert caught.value.text == text
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)
    assert f"({len(text)} characters)" in str(caught.value)


def test_an_error_can_be_handed_to_another_process() -> None:
    with pytest.raises(GtidError) as caught:
        mysql("hello")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.text, again.reason, str(again)) == (caught.value.text, caught.value.reason, str(caught.value))
