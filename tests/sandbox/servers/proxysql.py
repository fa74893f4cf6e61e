# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for the admin port of ProxySQL, which Debian does not have. It says so, keeps its tables in SQLite, as ProxySQL does, and sends nobody anywhere.

It has the table mysql_servers three times (in memory, at run time, on disk) and the statements that copy it from one to another, as ProxySQL documents them.
"""

from __future__ import annotations

import socketserver
import sqlite3
import struct
import threading
from types import TracebackType

from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils import fake_server as fake

VERSION = "8.0.11 (stand-in for the admin port of ProxySQL)"

_TABLE = (
    "(hostgroup_id INT NOT NULL DEFAULT 0, hostname VARCHAR NOT NULL, port INT NOT NULL DEFAULT 3306, "
    "status VARCHAR CHECK (UPPER(status) IN ('ONLINE', 'SHUNNED', 'OFFLINE_SOFT', 'OFFLINE_HARD')) NOT NULL DEFAULT 'ONLINE', "
    "PRIMARY KEY (hostgroup_id, hostname, port))"
)
_COPIES = {
    "LOAD MYSQL SERVERS TO RUNTIME": ("mysql_servers", "runtime_mysql_servers"),
    "SAVE MYSQL SERVERS TO MEMORY": ("runtime_mysql_servers", "mysql_servers"),
    "SAVE MYSQL SERVERS TO DISK": ("mysql_servers", "disk_mysql_servers"),
}

_QUERY, _QUIT = 3, 1


class ProxySQLAdmin:
    """Listens on a port of its own, for the length of a `with` block."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self._tables = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        for table in ("mysql_servers", "runtime_mysql_servers", "disk_mysql_servers"):
            self._tables.execute(f"CREATE TABLE {table} {_TABLE}")
        admin = self

        class Conversation(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                admin._talk(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> ProxySQLAdmin:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def run(self, statement: str) -> None:
        """Do what a statement says. Raises sqlite3.Error."""
        source, target = _COPIES.get(statement.upper(), ("", ""))
        if not source:
            self._tables.execute(statement)
            return
        self._tables.execute(f"DELETE FROM {target}")
        # A server that is OFFLINE_HARD is as one that was deleted.
        self._tables.execute(f"INSERT INTO {target} SELECT * FROM {source} WHERE status <> 'OFFLINE_HARD'")

    def servers(self, table: str = "runtime_mysql_servers") -> list[tuple[int, str, int, str]]:
        """Return the servers as one of the tables has them."""
        return self._tables.execute(f"SELECT hostgroup_id, hostname, port, status FROM {table} ORDER BY hostname, port").fetchall()

    def _talk(self, conversation: socketserver.BaseRequestHandler) -> None:
        connection = conversation.request

        connection.sendall(fake.greeting(VERSION))
        fake.receive(connection)
        connection.sendall(fake.packet(2, fake.OK))
        while (query := fake.receive(connection)) and query[0] != _QUIT:
            text = query[1:].decode()
            try:
                if query[0] == _QUERY and not text.upper().startswith("SET "):
                    self.run(text)
                    self.statements.append(text)
                connection.sendall(fake.packet(1, fake.OK))
            except sqlite3.Error as error:
                connection.sendall(fake.packet(1, b"\xff" + struct.pack("<H", 1045) + b"#28000ProxySQL Admin Error: " + str(error).encode()))
