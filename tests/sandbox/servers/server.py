# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One real server of the sandbox."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from .install import install
from .instance import Instance
from .options import replication_options, size_options
from .ports import give_back_port, take_port
from .replication import domains, normalised_status, status_statement
from .template import copy_template
from .waiting import HANGS
from .workspace import Workspace, call_at_end


class Server(Instance):
    """A server with a name, a port on loopback, an id and a binary log; attached to no other until told so.

    Used alone it has a temporary directory, and is stopped and removed by close() or at the end of a `with` block.
    """

    def __init__(
        self,
        kind: str,
        name: str = "db0",
        *,
        server_id: int = 1,
        directory: Path | None = None,
        port: int | None = None,
        options: Sequence[str] = (),
        detached: bool = False,
    ) -> None:
        self.name = name
        self.kind = kind
        self.host = "127.0.0.1"
        self.server_id = server_id
        self._workspace = Workspace() if directory is None else None
        if self._workspace is not None:
            directory = self._workspace.path / name
        assert directory is not None
        directory.mkdir(parents=True, exist_ok=True)
        self._own_port = port is None
        self.port = take_port() if port is None else port
        installation = install(kind)
        super().__init__(
            installation,
            directory,
            options=[*size_options(installation), *replication_options(installation, server_id=server_id, port=self.port), *options],
            detached=detached,
        )
        self._take_back = None if detached else call_at_end(self.close)

    def prepare(self) -> None:
        """Make the data directory, if there is none."""
        if not self.datadir.exists():
            copy_template(self.installation, self.datadir)

    def start(self, *extra: str, timeout: float = HANGS) -> None:
        """Start the server, with additional options for this time, and wait until it answers."""
        self.prepare()
        super().start(*extra, timeout=timeout)

    def close(self) -> None:
        """Kill the server and give back its port and its temporary directory."""
        if self._take_back is not None:
            self._take_back()
        with contextlib.suppress(OSError):
            self.kill()
        if self._own_port:
            give_back_port(self.port)
        if self._workspace is not None:
            self._workspace.close()

    def __enter__(self) -> Server:
        if not self.is_running:
            self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    # --- replication

    def replica_status(self) -> dict[str, Any]:
        """Return how it replicates, in names of our own (the server's own are in "raw"); empty if it is no replica."""
        # Errors and names of files may hold bytes that are not text.
        with contextlib.closing(self.connect(use_unicode=False)) as connection, connection.cursor() as cursor:
            cursor.execute(status_statement(self.installation))
            rows = cursor.fetchall()
        decoded = [{name: value.decode(errors="backslashreplace") if isinstance(value, bytes) else value for name, value in row.items()} for row in rows]
        return normalised_status(decoded[0]) if decoded else {}

    def executed(self) -> str:
        """Return the GTIDs that it has executed, in its family's notation."""
        if self.installation.is_mariadb:
            return str(self.value("SELECT CONCAT_WS(',', NULLIF(@@GLOBAL.gtid_current_pos, ''), NULLIF(@@GLOBAL.gtid_binlog_pos, ''))"))
        return str(self.value("SELECT @@GLOBAL.gtid_executed")).replace("\n", "")

    def has_executed(self, gtids: str) -> bool:
        """Tell whether it has executed all of what another server's executed() returned."""
        if self.installation.is_mariadb:
            mine = domains(self.executed())
            return all(mine.get(domain, 0) >= number for domain, number in domains(gtids).items())
        return bool(self.value("SELECT GTID_SUBSET(%s, @@GLOBAL.gtid_executed)", (gtids,)))

    def variables(self) -> dict[str, str]:
        """Return its global variables, in lower case. As one row: PyMySQL takes longer to read 600 than the server to find them."""
        schema = "information_schema" if self.installation.is_mariadb or self.installation.version < (5, 7) else "performance_schema"
        with self._cursor() as cursor:
            cursor.execute("SET SESSION group_concat_max_len = 1048576")
            columns = "LOWER(VARIABLE_NAME), '\x02', COALESCE(VARIABLE_VALUE, '') SEPARATOR '\x01'"
            cursor.execute(f"SELECT GROUP_CONCAT({columns}) AS everything FROM {schema}.global_variables")
            (row,) = cursor.fetchall()
        return dict(each.split("\x02") for each in row["everything"].split("\x01"))

    @property
    def is_writable(self) -> bool:
        """Tell whether ordinary users may write."""
        return not int(self.value("SELECT @@GLOBAL.read_only"))

    @property
    def has_super_read_only(self) -> bool:
        """Tell whether its version knows super_read_only."""
        return not self.installation.is_mariadb and self.installation.version >= (5, 7, 8)

    def set_read_only(self, value: bool = True) -> None:
        """Set read_only, and super_read_only where there is one, at run time."""
        self.execute(f"SET GLOBAL {'super_read_only' if self.has_super_read_only and value else 'read_only'} = {int(value)}")

    def leave_out(self, database: str) -> None:
        """Let a replica leave a database out of what it applies; with an empty name, none."""
        if self.installation.is_mariadb:
            self.execute_all("STOP SLAVE", f"SET GLOBAL replicate_ignore_db = '{database}'", "START SLAVE")
        else:
            self.execute_all("STOP REPLICA SQL_THREAD", f"CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = ({database})", "START REPLICA SQL_THREAD")

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}, port {self.port})"

    def __repr__(self) -> str:
        return f"<Server {self}>"
