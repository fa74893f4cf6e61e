# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""GTID arithmetic compared with what real servers say of thousands of random sets and texts."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import GtidError, MariaDBGtids, MySQLGtids
from sandbox import Kind, Server

A, B = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "3e11fa47-71ca-11e1-9e33-c80aa9429563"
UUIDS = ("00000000-0000-0000-0000-00000000000a", A, B, "ffffffff-0000-0000-0000-000000000000")
TAGS = ("", "", "_", "_a", "a", "a0", "a_", "aa", "b" * 32)
SPACES = ("", "", "", "", "", " ", "\n", "\t ", "\r\n", "\v", "\f")
HIGHEST = 2**63 - 2
MALFORMED = 1772  # ER_MALFORMED_GTID_SET_SPECIFICATION
INCORRECT = 1941  # ER_INCORRECT_GTID_STATE, MariaDB
PAIRS = 3000
TEXTS = 2000
BATCH = 100

NUMBERS = ("", "0", "0-3", "5-3", "1-0", "1-2-3", "1 2", ":1", f"{HIGHEST}", f"{HIGHEST + 1}", f"1-{HIGHEST}", f"1-{HIGHEST + 1}", "9" * 30)
MYSQL_TEXTS = ("", " ", ",", A, f"{A} :1", f"{A}{B}:1", f"{A} {B}:1", "ANONYMOUS", "x", f"{A}:t:", f"{A}:1\u00a0", *(f"{A}:{number}" for number in NUMBERS))
MARIADB_TEXTS = ("", ",", "0-1-1,", ",0-1-1", "0-0-0", "007-01-005", "0-1-1\0", "0-1-\u0661", "0-1-1\u00a0")
MARIADB_LIMITS = (f"{2**32}-1-1", f"0-{2**32}-1", f"0-1-{2**64}", f"0-1-{2**64 - 1}")

Row = tuple[Any, ...]


class Connection:
    """One connection, and the rows of its answers as plain tuples."""

    def __init__(self, server: Server) -> None:
        self.connection: pymysql.Connection[Any] = server.connect(cursorclass=pymysql.cursors.Cursor)

    def row(self, sql: str, *arguments: object) -> Row:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return tuple(cursor.fetchone() or ())

    def value(self, sql: str, *arguments: object) -> Any:
        return self.row(sql, *arguments)[0]

    def value_unless(self, refused: int, sql: str, *arguments: object) -> Any:
        """Return the value, None where the server refuses with that error code."""
        try:
            return self.value(sql, *arguments)
        except pymysql.MySQLError as error:
            if error.args[0] != refused:
                raise
            return None


@pytest.fixture(scope="module")
def server(kind: str) -> Iterator[Server]:
    with Server(kind) as server:
        yield server


@pytest.fixture
def ask(server: Server) -> Iterator[Connection]:
    connection = Connection(server)
    yield connection
    connection.connection.close()


@pytest.fixture
def dice() -> random.Random:
    return random.Random(20261122)


def knows_tags(kind: str) -> bool:
    """Tell whether a server knows tags, and UUIDs in braces or without dashes, and reads numbers as decimal ones."""
    return Kind.named(kind).release >= (8, 3)


# --- MySQL


def random_text(dice: random.Random, *, tags: bool, pieces: int = 5) -> str:
    """Write a GTID set as untidily as the server allows."""

    def word(text: str) -> str:
        return dice.choice(SPACES) + (text.upper() if dice.random() < 0.2 else text) + dice.choice(SPACES)

    def run() -> str:
        base = HIGHEST - 30 if dice.random() < 0.05 else 0
        first, last = (base + dice.randint(1, 30) for _end in range(2))
        return word(str(first)) if dice.random() < 0.4 else f"{word(str(first))}-{word(str(last if dice.random() < 0.1 else max(first, last)))}"

    def piece() -> str:
        uuid = dice.choice(UUIDS)
        if tags:
            uuid = dice.choice([uuid, uuid, "{" + uuid + "}", uuid.replace("-", "")])
        words = [word(uuid)]
        for _part in range(dice.randint(0, 3)):
            tag = dice.choice(TAGS) if tags else ""
            words += [word(tag)] if tag else []
            words += [run() for _run in range(dice.randint(0, 4))]
        return ":".join(words)

    separator = dice.choice([",", ",\n", ",,"])
    return dice.choice(["", ",", " "]) + separator.join(piece() for _piece in range(dice.randint(0, pieces))) + dice.choice(["", ","])


def mutated(text: str, dice: random.Random, alphabet: str) -> str:
    """Insert, remove, or replace some characters."""
    characters = list(text)
    for _edit in range(dice.randint(1, 2)):
        place = dice.randint(0, len(characters))
        characters[place : place + dice.randint(0, 1)] = dice.choice(["", *alphabet])
    return "".join(characters)


def unfolded(printed: object) -> str:
    """Put what the server prints on several lines on one."""
    return str(printed).replace("\n", "")


@pytest.mark.server("mysql")
@pytest.mark.also("mysql-5.6")
def test_subsets_differences_and_normal_forms_are_those_of_the_server(kind: str, ask: Connection, dice: random.Random) -> None:
    pairs = []
    for _pair in range(PAIRS):
        one = random_text(dice, tags=knows_tags(kind))
        other = random_text(dice, tags=knows_tags(kind))
        if dice.random() < 0.2:  # seldom a subset otherwise
            other = str(MySQLGtids.parse(one).intersect(MySQLGtids.parse(other)))
        pairs.append((one, other))
    contained = 0
    for begin in range(0, PAIRS, BATCH):
        batch = pairs[begin : begin + BATCH]
        columns = "GTID_SUBTRACT(%s, ''), GTID_SUBTRACT(%s, %s), GTID_SUBTRACT(%s, %s), GTID_SUBSET(%s, %s)"
        arguments = [text for one, other in batch for text in (one, one, other, other, one, other, one)]
        answers = iter(ask.row("SELECT " + ", ".join([columns] * len(batch)), *arguments))
        for one, other in batch:
            mine, theirs = MySQLGtids.parse(one), MySQLGtids.parse(other)
            normal, left, right, subset = itertools.islice(answers, 4)
            assert (one, str(mine)) == (one, unfolded(normal))
            assert (one, other, str(mine.subtract(theirs))) == (one, other, unfolded(left))
            assert (one, other, str(theirs.subtract(mine))) == (one, other, unfolded(right))
            assert (one, other, mine.contains(theirs)) == (one, other, bool(subset))
            contained += bool(subset)
    assert PAIRS * 0.1 < contained < PAIRS * 0.9


def known_to_differ(text: str, kind: str) -> bool:
    """Tell whether a text is one of those that are read in a way of our own, or that old servers read in a way of theirs."""
    leading_zero = r":\s*(?:[0-9]+\s*-\s*)?0[0-9]"
    if knows_tags(kind):
        return bool(re.search(leading_zero, text))
    # Hexadecimal numbers, signs and ranges without an end; tags, and UUIDs in braces or without dashes.
    old = rf"{leading_zero}|0[xX]|\+|-\s*(?:$|[:,])|[{{}}]|:\s*[A-Za-z_]|(?:^|[\s,])[0-9a-fA-F]{{32}}(?:$|[\s:,])"
    return bool(re.search(old, text))


@pytest.mark.server("mysql")
@pytest.mark.also("mysql-5.6")
def test_what_the_server_refuses_is_refused_and_nothing_else(kind: str, ask: Connection, dice: random.Random) -> None:
    alphabet = "0123456789abfABFxgz_-:,{}+ \n\t\v." + ("\0" if knows_tags(kind) else "")
    texts = [mutated(random_text(dice, tags=knows_tags(kind), pieces=2), dice, alphabet) for _text in range(TEXTS)]
    texts += MYSQL_TEXTS
    read = refused = skipped = 0
    for text in texts:
        if known_to_differ(text, kind):
            skipped += 1
            continue
        answer = ask.value_unless(MALFORMED, "SELECT GTID_SUBTRACT(%s, '')", text)
        try:
            mine: str | None = str(MySQLGtids.parse(text))
        except GtidError:
            mine = None
        assert (text, mine) == (text, None if answer is None else unfolded(answer))
        read += mine is not None
        refused += mine is None
    assert read > TEXTS * 0.1
    assert refused > TEXTS * 0.1
    assert skipped < TEXTS * 0.4


@pytest.mark.server("mysql")
@pytest.mark.also("mysql-5.6")
def test_a_leading_zero_is_refused_because_servers_disagree_on_it(kind: str, ask: Connection) -> None:
    text = f"{A}:010"
    assert ask.value("SELECT GTID_SUBTRACT(%s, '')", text) == f"{A}:{10 if knows_tags(kind) else 8}"
    with pytest.raises(GtidError, match="leading zero"):
        MySQLGtids.parse(text)


@pytest.mark.server("mysql")
@pytest.mark.also("mysql-5.6")
def test_what_a_server_says_that_it_has_executed_is_read_back_as_it_was_set(kind: str, ask: Connection, dice: random.Random) -> None:
    reset = "RESET BINARY LOGS AND GTIDS" if Kind.named(kind).release >= (8, 2) else "RESET MASTER"
    several_lines = 0
    for _set in range(20):
        gtids = MySQLGtids.parse(random_text(dice, tags=knows_tags(kind)))
        ask.row(reset)
        ask.row("SET GLOBAL gtid_purged = %s", str(gtids))
        printed = ask.value("SELECT @@GLOBAL.gtid_executed")
        assert MySQLGtids.parse(printed) == gtids
        several_lines += "\n" in printed
    assert several_lines
    ask.row(reset)


# --- MariaDB


def random_gtid(dice: random.Random, domains: int) -> str:
    number = dice.choice([dice.randint(1, 9), dice.randint(1, 10**6), 2**63 + dice.randint(-2, 2), 2**64 - 1])
    return f"{dice.choice([dice.randint(0, domains), 2**32 - 1])}-{dice.choice([0, 1, 2, 3, 10, 2**32 - 1])}-{number}"


@pytest.mark.server("mariadb")
@pytest.mark.also("mariadb-11.8", "mariadb-10.5")
def test_positions_are_printed_as_the_server_prints_them(ask: Connection, dice: random.Random) -> None:
    for _position in range(200):
        position = MariaDBGtids.parse(",".join(random_gtid(dice, 12) for _gtid in range(dice.randint(0, 6)))).position()
        texts = str(position).split(",")
        dice.shuffle(texts)
        ask.row("SET GLOBAL gtid_slave_pos = %s", ", ".join(texts))
        assert ask.value("SELECT @@GLOBAL.gtid_slave_pos") == str(position)
    ask.row("SET GLOBAL gtid_slave_pos = ''")


@pytest.mark.server("mariadb")
@pytest.mark.also("mariadb-11.8", "mariadb-10.5")
def test_of_a_state_the_server_knows_the_same_servers_and_the_same_latest_gtids(ask: Connection, dice: random.Random) -> None:
    for _state in range(200):
        state = MariaDBGtids.parse(",".join(random_gtid(dice, 2) for _gtid in range(dice.randint(0, 8))))
        ask.row("RESET MASTER")
        ask.row("SET GLOBAL gtid_binlog_state = %s", str(state))
        printed, position = ask.row("SELECT @@GLOBAL.gtid_binlog_state, @@GLOBAL.gtid_binlog_pos")
        assert MariaDBGtids.parse(printed) == state
        assert position == str(state.position())
    ask.row("RESET MASTER")


@pytest.mark.server("mariadb")
@pytest.mark.also("mariadb-11.8", "mariadb-10.5")
def test_what_the_server_refuses_is_refused_but_for_white_space_after_a_number(ask: Connection, dice: random.Random) -> None:
    spaces = " \t\n\v\f\r"
    texts = []
    for _text in range(TEXTS):
        tidy = ",".join(random_gtid(dice, 2) for _gtid in range(dice.randint(1, 4)))
        texts.append(mutated(tidy, dice, "0123456789-,x+ \n\t;."))
    texts += [*MARIADB_TEXTS, *MARIADB_LIMITS]
    read = refused = 0
    for text in texts:
        try:
            mine: MariaDBGtids | None = MariaDBGtids.parse(text)
        except GtidError:
            mine = None
        server_reads = ask.value_unless(INCORRECT, "SELECT MASTER_GTID_WAIT(%s, 0)", text) is not None
        if re.search(rf"[0-9][{spaces}]+(?:[-,]|$)|^[{spaces}]+$", text):
            assert not server_reads
        elif "+" in text:  # the server reads a sign as well, but never prints one
            assert mine is None
        else:
            assert (text, mine is not None) == (text, server_reads)
        if mine is not None:
            assert ask.value("SELECT MASTER_GTID_WAIT(%s, 0)", str(mine.position())) is not None
        read += mine is not None
        refused += mine is None
    assert read > TEXTS * 0.1
    assert refused > TEXTS * 0.1
