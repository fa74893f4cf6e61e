# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is the same in a copy and what is not, and what a dump would not keep. Real servers are in tests/integration/test_rejoin_compared.py."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._copy.contents import Content, Contents, Losses, Reader, check_losses, listed
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.contents import Column, Table, select_content, select_largest_row
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement

ORDERS = Content(3, (7, 9))
DONOR = Contents({"shop.orders": ORDERS, "shop.lines": Content(0, (0, 0))}, frozenset([("view", "shop.open"), ("account", "app@%")]))


@pytest.mark.parametrize(
    ("tables", "others", "says"),
    [
        ({}, [], []),
        ({"shop.orders": Content(2, (7, 9))}, [], ["the table shop.orders has 2 rows instead of 3"]),
        ({"shop.orders": Content(3, (7, 8))}, [], ["the rows of the table shop.orders are not the same"]),
        ({"shop.orders": Content(3, (6, 9))}, [], ["the rows of the table shop.orders are not the same"]),
        ({"shop.orders": None}, [], ["it lacks the table shop.orders"]),
        ({"shop.more": ORDERS}, [], ["it has a table shop.more"]),
        ({}, [("view", "shop.open")], ["it lacks the account app@%"]),
        (
            {},
            [("view", "shop.open"), ("account", "app@%"), ("trigger", "shop.before"), ("event", "shop.daily")],
            ["it has the event shop.daily", "it has the trigger shop.before"],
        ),
    ],
)
def test_every_difference_is_told(tables: dict[str, Content | None], others: list[tuple[str, str]], says: list[str]) -> None:
    changed = {**DONOR.tables, **tables}
    copy = Contents({name: content for name, content in changed.items() if content is not None}, frozenset(others or DONOR.others))
    assert DONOR.difference(copy) == says


NOTHING_LOST: dict[str, t.Any] = {"rounded": {}, "histories": (), "imprecise": (), "large": {}, "engines": {}}


@pytest.mark.parametrize(
    ("losses", "keeps_history", "says"),
    [
        ({}, False, []),
        ({"rounded": {"shop.measured": 12}}, True, ["round FLOAT values, so that the next change of such a row stops replication: shop.measured (12 rows)"]),
        ({"histories": ("shop.prices",)}, True, []),
        ({"histories": ("shop.prices",)}, False, ["lose the history of system-versioned tables: shop.prices. Keeping it needs mariadb-dump"]),
        ({"histories": ("shop.exact",), "imprecise": ("shop.exact",)}, True, ["from transaction to transaction: shop.exact"]),
        ({"large": {"shop.files": 17000000}}, True, ["does not accept statements as large as rows of these tables (max_allowed_packet): shop.fi"]),
        ({"engines": {"ROCKSDB": "shop.logs"}}, True, ["db0 does not have the storage engines of these tables: shop.logs (ROCKSDB)"]),
        ({"rounded": {"a.b": 1}, "large": {"a.b": 9}}, True, ["a.b (1 row)", "a.b (9 bytes)"]),
    ],
)
def test_what_a_dump_would_not_keep_is_told(losses: dict[str, t.Any], keeps_history: bool, says: list[str]) -> None:
    found = list(check_losses("db0", "db1", Losses(**{**NOTHING_LOST, **losses}), keeps_history=keeps_history))
    assert [(problem.code, problem.server) for problem in found] == [("cannot_copy", "db0")] * len(says)
    assert all(expected in problem.message for expected, problem in zip(says, found, strict=True))


def test_of_many_names_only_some_are_told() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(number) for number in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"


def test_names_are_quoted_and_only_what_is_stored_is_read() -> None:
    table = Table("a`b", "100%", (Column("id", "int"), Column("f", "float"), Column("t", "text"), Column("b", "bit")), ("since", "until"))
    text = select_content(table, casts_to_float=True, timeout=9).text
    assert text.endswith(" FROM `a``b`.`100%` FOR SYSTEM_TIME ALL")
    assert "CONCAT_WS('/', `id`, `f` + 0e0, CRC32(`t`), LENGTH(`t`), `b` + 0, `since`, IF(`until` > NOW(6), 0, `until`), CONCAT(ISNULL(`id`), " in text
    assert "MAX(2 * (COALESCE(LENGTH(`t`), 0))), 0) + 760 AS largest_row" in text
    assert "WHERE 2 * (COALESCE(LENGTH(`t`), 0)) + 760 > 4096" in select_largest_row(table, 4096, timeout=9).text


def column(table: str, name: str, kind: str, extra: str = "", generated_by: str | None = None) -> dict[str, t.Any]:
    described = {"TABLE_SCHEMA": "shop", "TABLE_NAME": table, "COLUMN_NAME": name, "DATA_TYPE": kind, "EXTRA": extra}
    return {**described, "GENERATION_EXPRESSION": generated_by}


class FakeServer:
    """Answers what is asked of information_schema and of the tables, and notes what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def send(self, statement: Statement) -> Rows:
        self.asked.append(statement.text)
        rows: list[dict[str, t.Any]] = []
        if "information_schema.TABLES" in statement.text:
            for name, kind, engine in (
                ("orders", "BASE TABLE", "InnoDB"),
                ("prices", "SYSTEM VERSIONED", "InnoDB"),
                ("periods", "SYSTEM VERSIONED", "RocksDB"),
                ("exact", "SYSTEM VERSIONED", "InnoDB"),
                ("open", "VIEW", None),
                ("far", "BASE TABLE", "FEDERATED"),
            ):
                rows.append({"table_schema": "shop", "table_name": name, "table_type": kind, "table_engine": engine})
        elif "information_schema.COLUMNS" in statement.text:
            rows = [
                column("orders", "id", "int", "auto_increment"),
                column("orders", "twice", "int", "VIRTUAL GENERATED", "`id` * 2"),
                column("orders", "made", "datetime", "DEFAULT_GENERATED"),
                column("prices", "id", "int"),
                column("periods", "id", "int"),
                column("periods", "since", "timestamp", "STORED GENERATED, INVISIBLE", "ROW START"),
                column("periods", "until", "timestamp", "STORED GENERATED", "ROW END"),
                column("exact", "id", "int"),
                column("exact", "since", "bigint", "STORED GENERATED", "ROW START"),
                column("exact", "until", "bigint", "STORED GENERATED", "ROW END"),
            ]
        elif "row_count" in statement.text:
            large = 5000 if "`orders`" in statement.text else 300
            rows = [{"row_count": 2, "checksum_sum": 1, "checksum_xor": 0, "largest_row": large, "rounded_rows": 1 if "`prices`" in statement.text else 0}]
        elif "largest_row" in statement.text:
            rows = [{"largest_row": 4097}]
        elif "max_allowed_packet" in statement.text:
            rows = [{"longest": 4096}]
        elif "information_schema.ENGINES" in statement.text:
            rows = [{"table_engine": "InnoDB"}]
        elif "mysql.user" in statement.text:
            rows = [{"kind": "account", "name": "app@%"}]
        return Rows(rows, "db1", statement.text)


def test_what_is_in_a_server_is_read_table_by_table() -> None:
    server = FakeServer()
    reader = Reader(t.cast("t.Any", server), MariaDB((10, 11, 6)), 1e12)
    contents = reader.read()
    assert sorted(contents.tables) == ["shop.exact", "shop.orders", "shop.periods", "shop.prices"]
    assert contents.others >= {("view", "shop.open"), ("account", "app@%")}
    sources = {text.rpartition(" FROM ")[2]: text for text in server.asked if "row_count" in text}
    assert "CONCAT_WS('/', `id`, `made`, CONCAT(" in sources["`shop`.`orders`"]
    assert "`ROW_START`, IF(`ROW_END`" in sources["`shop`.`prices` FOR SYSTEM_TIME ALL"]
    assert "`since`, IF(`until`" in sources["`shop`.`periods` FOR SYSTEM_TIME ALL"]

    losses = reader.losses(t.cast("t.Any", server))
    assert losses == Losses(
        rounded={"shop.prices": 1},
        histories=("shop.exact", "shop.periods", "shop.prices"),
        imprecise=("shop.exact",),
        large={"shop.orders": 4097},
        engines={"RocksDB": "shop.periods"},
    )
