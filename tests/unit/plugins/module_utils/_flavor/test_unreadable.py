# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is connected, and who is in a transaction, as told by what is asked where the tables cannot be read."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement

FLAVOR: t.Any = flavor_of("9.7.4")


def told(question: Statement, *rows: dict[str, t.Any]) -> t.Any:
    assert question.instead is not None
    return question.instead.read(Rows(rows, "db0", question.instead.text))


def process(number: int, user: str, command: str = "Query", info: str | None = None) -> dict[str, t.Any]:
    return {"Id": number, "User": user, "Host": f"10.0.0.{number}:1", "db": None, "Command": command, "Time": 3, "State": "init", "Info": info}


APPLIER = process(5, "system user", info="Group replication applier module")
PROCESSES = [APPLIER, process(7, "app", info="Group replication applier module"), process(8, "repl", "Binlog Dump GTID"), process(9, "repl", "Binlog Dump")]


def test_connections_are_told_as_the_table_does() -> None:
    expected = {"ID": 8, "USER": "repl", "HOST": "10.0.0.8:1", "COMMAND": "Binlog Dump GTID", "TIME": 3, "STATE": "init"}
    assert told(FLAVOR.show_processlist(), *PROCESSES)[2] == expected
    assert told(FLAVOR.show_dump_connections(), *PROCESSES) == [{"HOST": "10.0.0.8:1"}, {"HOST": "10.0.0.9:1"}]
    assert told(FLAVOR.count_group_appliers(), *PROCESSES) == [{"appliers": 1}]
    assert told(FLAVOR.count_group_appliers(), *PROCESSES[1:]) == [{"appliers": 0}]
    assert told(FLAVOR.show_dump_connections(), APPLIER) == []


# What MySQL 9.7.4 said, cut short.
STATUS = """
------------------------
LATEST DETECTED DEADLOCK
------------------------
*** (1) TRANSACTION:
TRANSACTION 2071, ACTIVE 5 sec starting index read
LOCK WAIT 2 lock struct(s), heap size 1128, 1 row lock(s)
MySQL thread id 3, OS thread handle 140162587141824, query id 50 localhost root updating
------------
TRANSACTIONS
------------
Trx id counter 2088
LIST OF TRANSACTIONS FOR EACH SESSION:
---TRANSACTION 375300909170616, not started
0 lock struct(s), heap size 1128, 0 row lock(s)
---TRANSACTION 2086, ACTIVE 1 sec
1 lock struct(s), heap size 1128, 0 row lock(s), undo log entries 1
MySQL thread id 18, OS thread handle 140162587141824, query id 50 localhost root
---TRANSACTION 2085, ACTIVE (PREPARED) 1 sec
1 lock struct(s), heap size 1128, 0 row lock(s), undo log entries 1
---TRANSACTION 2084, ACTIVE 1 sec starting index read
mysql tables in use 1, locked 1
LOCK WAIT 2 lock struct(s), heap size 1128, 1 row lock(s)
MySQL thread id 16, OS thread handle 140162588198592, query id 41 localhost root updating
UPDATE dbha_demo.b SET a='q' WHERE a='y' /* ?? */
------- TRX HAS BEEN WAITING 1 SEC FOR THIS LOCK TO BE GRANTED:
------------------
---TRANSACTION 2083, ACTIVE 1 sec
ROLLING BACK 2 lock struct(s), heap size 1128, 1 row lock(s)
MySQL thread id 15, OS thread handle 140162589255360, query id 37 localhost root User sleep
SELECT SLEEP(300) /*
2 lock struct(s), heap size 1128
MySQL thread id 777, OS
 */
---TRANSACTION 2081, ACTIVE 1 sec
0 lock struct(s), heap size 1128, 0 row lock(s)
MySQL thread id 14, OS thread handle 140162589255361, query id 38 localhost root User sleep
SELECT SLEEP(300) /*
2 lock struct(s), heap size 1128
MySQL thread id 777, OS
 */
--------
FILE I/O
"""


def test_transactions_are_told_as_the_table_does() -> None:
    assert told(FLAVOR.show_open_transactions(), {"Status": STATUS}) == [{"ID": 18}, {"ID": 16}, {"ID": 15}]
    assert told(FLAVOR.show_lock_waits(), {"Status": STATUS}) == [{"ID": 16}]
    assert told(FLAVOR.show_lock_waits(), {"Status": "\nno transactions\n"}) == []


QUESTIONS = ["show_processlist", "show_dump_connections", "count_group_appliers", "show_open_transactions", "show_lock_waits"]


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_that_names_nobody_tells_nothing(name: str) -> None:
    assert told(getattr(FLAVOR, name)()) is None


@pytest.mark.parametrize("name", ["show_open_transactions", "show_lock_waits"])
def test_a_status_that_is_cut_short_tells_nothing(name: str) -> None:
    cut = STATUS.replace("---TRANSACTION 375300909170616, not started", "... truncated...")
    assert told(getattr(FLAVOR, name)(), {"Status": cut}) is None
