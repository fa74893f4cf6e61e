# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The few statements that no failover can do without, sent by a script that checks nothing: what the servers themselves cost."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql

from ..servers.accounts import PASSWORDS
from ..servers.replication import status_statement, stop_statement
from ..servers.server import Server


def open_first(replicas: Sequence[Server]) -> None:
    """Stop receiving on all replicas, in parallel, and open the first one for writes. All must be in sync: nothing is elected, nothing is waited for."""
    with ThreadPoolExecutor(len(replicas)) as pool:
        connections = list(pool.map(_stop_receiving, replicas))
    winner = replicas[0]
    with connections[0].cursor() as cursor:
        cursor.execute(f"{stop_statement(winner.installation)} SQL_THREAD")
        cursor.execute("SET GLOBAL read_only = 0")
    for connection in connections:
        connection.close()


def _stop_receiving(replica: Server) -> pymysql.Connection[Any]:
    connection = replica.connect(host=replica.host, port=replica.port, user="failover", password=PASSWORDS["failover"])
    with connection.cursor() as cursor:
        cursor.execute(status_statement(replica.installation))
        cursor.execute(f"{stop_statement(replica.installation)} IO_THREAD")
        cursor.execute(status_statement(replica.installation))
    return connection
