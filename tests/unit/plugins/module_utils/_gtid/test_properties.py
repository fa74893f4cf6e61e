# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every GTID set, tried with many that hypothesis makes up.

MySQL's are compared with a plain set of (uuid, tag, number), MariaDB's with clusters whose whole history is known.
"""

from __future__ import annotations

import itertools
import random
import time
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import GtidError, Gtids, MariaDBGtids, MySQLGtids, parse_gtids

UUIDS = ("00000000-0000-0000-0000-00000000000a", "3e11fa47-71ca-11e1-9e33-c80aa9429562", "ffffffff-0000-0000-0000-000000000000")
TAGS = ("", "a", "_b1")
SPACES = ("", "", "", " ", "\n", "\t ", "\r\n")

Piece = tuple[str, str, tuple[tuple[int, int], ...]]
Model = frozenset[tuple[str, str, int]]


# --- MySQL

numbers = st.integers(1, 30)
runs = st.lists(st.tuples(numbers, numbers), max_size=5).map(tuple)
pieces = st.lists(st.tuples(st.sampled_from(UUIDS), st.sampled_from(TAGS), runs), max_size=6)


def model(written: t.Sequence[Piece]) -> Model:
    return frozenset((uuid, tag, number) for uuid, tag, spans in written for first, last in spans for number in range(first, last + 1))


def write(written: t.Sequence[Piece], dice: random.Random) -> str:
    """Write pieces down as untidily as MySQL allows."""

    def word(text: str) -> str:
        return dice.choice(SPACES) + (text.upper() if dice.random() < 0.3 else text) + dice.choice(SPACES)

    def run(first: int, last: int) -> str:
        return word(str(first)) if first == last and dice.random() < 0.7 else f"{word(str(first))}-{word(str(last))}"

    texts = []
    for uuid, tag, spans in written:
        name = dice.choice([uuid, uuid, "{" + uuid + "}", uuid.replace("-", "")])
        texts.append(":".join([word(name), *([word(tag)] if tag else []), *(run(first, last) for first, last in spans)]))
    dice.shuffle(texts)
    return dice.choice(["", ",", " ,\n"]) + dice.choice([",", ",\n", ",,"]).join(texts) + dice.choice(["", ","])


def sets(written: t.Sequence[Piece]) -> MySQLGtids:
    return MySQLGtids.parse(write(written, random.Random(0)))


def members(gtids: MySQLGtids) -> Model:
    return frozenset((uuid, tag, number) for (uuid, tag), spans in gtids.parts for first, last in spans for number in range(first, last + 1))


@given(pieces, st.randoms(use_true_random=False))
def test_mysql_text_in_any_form_is_read_as_what_it_says(written: t.Sequence[Piece], dice: random.Random) -> None:
    gtids = MySQLGtids.parse(write(written, dice))
    assert members(gtids) == model(written)
    assert gtids == sets(written)
    assert hash(gtids) == hash(sets(written))
    assert str(gtids) == str(sets(written))


@given(pieces)
def test_a_printed_mysql_set_is_read_back_equal(written: t.Sequence[Piece]) -> None:
    gtids = sets(written)
    assert MySQLGtids.parse(str(gtids)) == gtids
    assert MySQLGtids.parse(str(gtids).replace(",", ",\n").upper()) == gtids
    assert "\n" not in str(gtids)


@given(pieces, pieces)
def test_mysql_operations_are_those_of_plain_sets(one: t.Sequence[Piece], other: t.Sequence[Piece]) -> None:
    mine, theirs = sets(one), sets(other)
    assert members(mine.union(theirs)) == model(one) | model(other)
    assert members(mine.subtract(theirs)) == model(one) - model(other)
    assert members(mine.intersect(theirs)) == model(one) & model(other)
    assert mine.contains(theirs) == (model(one) >= model(other))
    assert (mine == theirs) == (model(one) == model(other))
    assert mine.count() == len(model(one))
    assert bool(mine) == bool(model(one))
    assert mine.origins() == {uuid for uuid, _tag, _number in model(one)}
    assert members(mine.of_origins(UUIDS[:2])) == {member for member in model(one) if member[0] in UUIDS[:2]}


@given(pieces, pieces)
def test_every_result_is_in_normal_form(one: t.Sequence[Piece], other: t.Sequence[Piece]) -> None:
    mine, theirs = sets(one), sets(other)
    for result in (mine.union(theirs), mine.subtract(theirs), mine.intersect(theirs), mine.of_origins(UUIDS[1:])):
        assert MySQLGtids.parse(str(result)) == result
        assert [source for source, _spans in result.parts] == sorted({source for source, _spans in result.parts})
        for _source, spans in result.parts:
            assert spans
            assert all(first <= last for first, last in spans)
            assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(spans))


# --- MariaDB: any states

states = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 4), st.integers(1, 12)).map(lambda gtid: "-".join(map(str, gtid))),
    max_size=9,
).map(lambda texts: MariaDBGtids.parse(",".join(texts)))


@given(states, st.randoms(use_true_random=False))
def test_a_printed_mariadb_state_is_read_back_equal_in_any_order(state: MariaDBGtids, dice: random.Random) -> None:
    assert MariaDBGtids.parse(str(state)) == state
    texts = str(state).split(",")
    dice.shuffle(texts)
    untidy = ",".join(dice.choice(SPACES) + text + dice.choice(SPACES) for text in texts)
    assert MariaDBGtids.parse(untidy) == state
    assert hash(MariaDBGtids.parse(untidy)) == hash(state)


@given(states, states)
def test_what_is_missing_is_nothing_just_when_it_is_contained(here: MariaDBGtids, there: MariaDBGtids) -> None:
    assert here.contains(there) == (not there.subtract(here))


@given(states, states)
def test_the_difference_of_mariadb_states_is_what_the_rules_say(here: MariaDBGtids, there: MariaDBGtids) -> None:
    missing = {(domain, server, number) for domain, server, first, last in there.subtract(here).ranges for number in range(first, last + 1)}
    known, heads = dict(here.numbers), here.heads()
    lasts = {(domain, server, number) for (domain, server), number in there.numbers}
    expected: set[tuple[int, int]] = set()
    for (domain, server), last in there.numbers:
        head = heads.get(domain, 0)
        if last > head:
            expected.update((domain, number) for number in range(head + 1, last + 1))
        elif (domain, server) in known:
            expected.update((domain, number) for number in range(known[(domain, server)] + 1, last + 1))
        elif last == head:
            expected.add((domain, last))
    assert {(domain, number) for domain, _server, number in missing} == expected
    assert there.subtract(here).count() == len(missing)
    for domain, number in expected:
        servers = {server for d, server, n in missing if (d, n) == (domain, number)}
        assert len(servers) == 1 or servers <= {server for d, server, n in lasts if (d, n) == (domain, number)}
        assert all(dict(there.numbers)[(domain, server)] >= number for server in servers)


@given(states, states)
def test_every_last_number_that_is_missing_stays_with_its_server(here: MariaDBGtids, there: MariaDBGtids) -> None:
    difference = there.subtract(here)
    for (domain, server), last in there.numbers:
        alone = MariaDBGtids.parse(f"{domain}-{server}-{last}")
        named = any(d == domain and s == server and first <= last <= end for d, s, first, end in difference.ranges)
        assert named == (not here.contains(alone))


@given(states, states, states)
def test_the_union_of_mariadb_states_contains_both(one: MariaDBGtids, two: MariaDBGtids, three: MariaDBGtids) -> None:
    assert one.union(two).contains(one)
    assert one.union(two).contains(two)
    assert one.union(two) == two.union(one)
    assert one.union(two).union(three) == one.union(two.union(three))
    assert one.union(one) == one
    assert one.union(MariaDBGtids()) == one
    if one.contains(two):
        assert one.contains(one.union(two))


@given(states, states)
def test_both_mariadb_states_contain_what_they_have_in_common(one: MariaDBGtids, two: MariaDBGtids) -> None:
    common = one.intersect(two)
    assert one.contains(common)
    assert two.contains(common)
    assert common == two.intersect(one)
    assert one.intersect(one) == one
    assert not one.intersect(MariaDBGtids())
    if one.contains(two):
        assert common.contains(two)
        assert two.contains(common)


@given(states)
def test_a_mariadb_state_contains_itself_its_parts_and_nothing(state: MariaDBGtids) -> None:
    assert state.contains(state)
    assert state.contains(MariaDBGtids())
    assert state.contains(state.position())
    assert MariaDBGtids().contains(state) == (not state)
    for server in state.origins():
        assert state.contains(state.of_origins([server]))


@given(states, states)
def test_what_is_assumed_is_what_a_complete_state_would_lack(here: MariaDBGtids, there: MariaDBGtids) -> None:
    known = {key for key, _number in here.numbers}
    for key, number in here.assumed(there).numbers:
        assert key not in known
        assert dict(there.numbers)[key] == number
        assert here.contains(MariaDBGtids.parse(f"{key[0]}-{key[1]}-{number}"))


# --- MariaDB: clusters whose history is known

Terms = t.Sequence[tuple[int, int]]  # who was the primary, and how many transactions it wrote
History = list[int]  # the server that wrote number 1, number 2, ...
terms = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=5)


def history(terms: Terms) -> History:
    return [server for server, length in terms for _number in range(length)]


def state_of(written: History, begin: int = 0) -> MariaDBGtids:
    """Give the state of a server that has that history, and whose binary log began after C(begin) transactions."""
    return MariaDBGtids.parse(",".join(f"0-{server}-{number}" for number, server in enumerate(written, 1) if number > begin))


@given(terms, st.integers(0, 30), st.integers(0, 30))
def test_of_two_servers_with_one_history_the_longer_contains_the_shorter(written: Terms, one: int, two: int) -> None:
    whole = history(written)
    short, long = sorted((min(one, len(whole)), min(two, len(whole))))
    behind, ahead = state_of(whole[:short]), state_of(whole[:long])
    assert ahead.contains(behind)
    assert behind.contains(ahead) == (short == long)
    assert ahead.subtract(behind).count() == long - short
    assert ahead.count() == long


@given(st.permutations([1, 2, 3, 4]), st.lists(st.integers(1, 6), min_size=4, max_size=4), st.integers(0, 24), st.integers(0, 24))
def test_where_every_server_was_primary_once_the_missing_gtids_are_known_exactly(servers: list[int], lengths: list[int], one: int, two: int) -> None:
    whole = history(list(zip(servers, lengths, strict=True)))
    short, long = sorted((min(one, len(whole)), min(two, len(whole))))
    missing = state_of(whole[:long]).subtract(state_of(whole[:short]))
    assert {(server, number) for _domain, server, first, last in missing.ranges for number in range(first, last + 1)} == {
        (whole[number - 1], number) for number in range(short + 1, long + 1)
    }


@given(terms, st.integers(0, 30), st.integers(0, 30))
def test_a_server_whose_binary_log_began_later_contains_what_it_was_made_from(written: Terms, begin: int, behind: int) -> None:
    whole = history(written)
    late = state_of(whole, min(begin, len(whole) - 1))
    assert late.contains(state_of(whole[:behind]))
    assert late.contains(state_of(whole[:behind]).position())


@given(terms, terms, st.integers(0, 30))
def test_a_server_that_diverged_is_contained_only_where_that_is_assumed(one: Terms, two: Terms, fork: int) -> None:
    whole = history(one)
    common = whole[: min(fork, len(whole) - 1)]
    mine, theirs = [server * 10 for server in whole[len(common) :]], history(two)  # after the fork, no server writes on both sides
    here, there = state_of(common + mine), state_of(common + theirs)
    assert not here.contains(there) or here.assumed(there)
    if set(theirs) <= set(common):
        assert not here.contains(there)


@given(terms, terms, st.integers(0, 30))
def test_of_two_servers_that_diverged_each_is_shown_to_have_what_it_wrote_since(one: Terms, two: Terms, fork: int) -> None:
    whole = history(one)
    common = whole[: min(fork, len(whole) - 1)]
    mine, theirs = [server * 10 for server in whole[len(common) :]], [server * 100 for server in history(two)]
    here, there = state_of(common + mine), state_of(common + theirs)
    for own, (ahead, behind) in ((mine, (here, there)), (theirs, (there, here))):
        alone = ahead.not_proven_in(behind)
        assert alone.origins() == {str(server) for server in own}
        assert alone.count() == len(own)


@given(terms, terms, st.integers(0, 30))
def test_what_an_old_primary_went_on_to_write_beside_a_new_one_is_shown(one: Terms, two: Terms, fork: int) -> None:
    whole = history(one)
    common = whole[: max(1, min(fork, len(whole)))]
    theirs = [server * 10 for server in history(two)]
    here, there = state_of(common + [common[-1]] * 3), state_of(common + theirs)
    assert here.not_proven_in(there).count() == 3
    assert there.not_proven_in(here).count() == len(theirs)


@given(terms, st.integers(0, 30), st.integers(0, 30))
def test_of_one_history_nothing_is_alone_with_the_shorter(written: Terms, one: int, two: int) -> None:
    whole = history(written)
    short, long = sorted((min(one, len(whole)), min(two, len(whole))))
    behind, ahead = state_of(whole[:short]), state_of(whole[:long])
    assert not behind.not_proven_in(ahead)
    assert ahead.not_proven_in(behind).count() == long - short


@given(terms, st.integers(0, 30))
def test_a_server_that_was_made_from_a_copy_and_has_received_since_is_shown_to_have_all(written: Terms, begin: int) -> None:
    whole = [*history(written), 7]
    late = state_of(whole, min(begin, len(whole) - 1))
    assert not state_of(whole).not_proven_in(late)


# --- texts of any kind

texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="0123456789-:, abcdefABCDEF{}_+\n", max_size=80),
    st.lists(
        st.sampled_from([*UUIDS, *UUIDS, ":", ":", ":", "-", ",", "tag", "0", "1", "7-9", "9223372036854775807", " ", "\n", "{", "}", "0-1-5", "1-2-"]),
        max_size=14,
    ).map("".join),
)


def read(flavor: str, text: str) -> Gtids | GtidError:
    try:
        return parse_gtids(flavor, text)
    except GtidError as error:
        return error


@pytest.mark.parametrize("flavor", ["mysql", "mariadb"])
@settings(max_examples=300)
@given(text=texts)
def test_any_text_is_read_or_refused_with_a_gtid_error(flavor: str, text: str) -> None:
    result = read(flavor, text)
    if isinstance(result, GtidError):
        assert result.text == text
        assert result.reason
        assert len(str(result)) < 1000
        assert "\n" not in str(result)
    else:
        assert parse_gtids(flavor, str(result)) == result


MEGABYTE = 1_000_000
HUGE = {
    "ranges": UUIDS[0] + "".join(f":{number}-{number + 3}" for number in range(1, 600_000, 8)),
    "one_number_again_and_again": UUIDS[0] + ":1" * (MEGABYTE // 2),
    "servers": ",".join(f"{number:08x}-0000-0000-0000-000000000000:1" for number in range(MEGABYTE // 40)),
    "tags": UUIDS[0] + "".join(f":t{number}:1" for number in range(MEGABYTE // 10)),
    "commas": "," * MEGABYTE,
    "colons": UUIDS[0] + ":" * MEGABYTE,
    "spaces": " " * MEGABYTE + "x",
    "spaces_inside": UUIDS[0] + ":1" + " " * MEGABYTE + "x",
    "spaces_in_many_places": UUIDS[0] + (":" + " " * 1000) * 1000,
    "digits": UUIDS[0] + ":" + "9" * MEGABYTE,
    "letters": UUIDS[0] + ":" + "a" * MEGABYTE,
    "domains": ",".join(f"{number}-1-5" for number in range(MEGABYTE // 10)),
    "servers_of_a_domain": ",".join(f"0-{number}-{number % 7000}" for number in range(MEGABYTE // 14)),
    "digits_of_mariadb": "0-1-" + "9" * MEGABYTE,
    "zeros_of_mariadb": "0-1-" + "0" * MEGABYTE + "x",
    "spaces_of_mariadb": "0 " + " " * MEGABYTE + "x",
    "dashes": "-" * MEGABYTE,
}


@pytest.mark.parametrize("flavor", ["mysql", "mariadb"])
@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_read_or_refused_at_once(flavor: str, kind: str) -> None:
    begin = time.process_time()
    result = read(flavor, HUGE[kind])
    if isinstance(result, Gtids):
        assert result.contains(result)
    else:
        assert len(str(result)) < 1000
    assert time.process_time() - begin < 30  # about 0.5 s; a blow-up would take hours


def test_ten_thousand_ranges_are_subtracted_in_milliseconds() -> None:
    one = MySQLGtids.parse(UUIDS[0] + "".join(f":{number}-{number + 3}" for number in range(1, 70_000, 7)))
    other = MySQLGtids.parse(UUIDS[0] + "".join(f":{number}-{number + 3}" for number in range(4, 70_000, 7)))
    begin = time.process_time()
    difference = one.subtract(other)
    assert time.process_time() - begin < 3  # about 5 ms; to compare each with each would take a minute
    assert difference.count() == 30_000


def test_thousands_of_servers_in_one_domain_are_subtracted_at_once() -> None:
    one = MariaDBGtids.parse(",".join(f"0-{server}-{server + 5}" for server in range(50_000)))
    other = MariaDBGtids.parse(",".join(f"0-{server}-{max(1, server - 7000)}" for server in range(50_000)) + ",0-99999-99999")
    begin = time.process_time()
    difference = one.subtract(other)
    assert time.process_time() - begin < 10  # about 0.1 s; to compare each with each would take an hour
    assert difference.count() == 50_003
