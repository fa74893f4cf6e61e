# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the corpus anew: let the modules work on real servers, and note what these answer (``python -m fuzz.record``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.dbha.mysql.plugins.module_utils._server import connection as module
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server as Connection
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from sandbox.runs import modules
from sandbox.servers.accounts import PASSWORDS
from sandbox.servers.cluster import Cluster

from .conversation import CORPUS, normal

ACCOUNT = {"replication_user": "repl", "replication_password": PASSWORDS["repl"]}


class Recorder:
    """Notes what each server answers, and what was asked of the modules."""

    def __init__(self, cluster: Cluster) -> None:
        self.calls: list[dict[str, Any]] = []
        self.servers: dict[str, dict[str, Any]] = {
            name: {"port": server.port, "version": "", "connections": [], "answers": {}, "events": []} for name, server in cluster.servers.items()
        }

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note what goes over connections of the core."""
        send, connect, dump = Connection._send, Connection.connect, Connection.read_binary_log

        def sent(self_: Connection, statement: Any) -> Any:
            text = normal(str(self_._connection.cursor().mogrify(statement.text, module._plain(statement.values) or None)))
            answers = self.servers[self_.name]["answers"].setdefault(f"{self_.login.user}: {text}", [])
            try:
                rows = send(self_, statement)
            except StatementFailed as error:
                answers.append({"errno": error.errno, "message": error.message})
                raise
            answers.append({"rows": [dict(row) for row in rows]})
            return rows

        def connected(self_: Connection) -> None:
            connect(self_)
            told = self.servers[self_.name]
            told["version"] = self_.version_text
            told["connections"].append(self_.connection_id)

        def dumped(self_: Connection, file: str, seconds: float) -> Iterator[bytes]:
            for event in dump(self_, file, seconds):
                self.servers[self_.name]["events"].append(event.hex())
                yield event

        Connection._send, Connection.connect, Connection.read_binary_log = sent, connected, dumped  # type: ignore[assignment, method-assign]  # to listen in
        try:
            yield
        finally:
            Connection._send, Connection.connect, Connection.read_binary_log = send, connect, dump  # type: ignore[method-assign]  # as they were

    def call(self, verb: str, work: Callable[..., Any], *servers: Any, **options: Any) -> Any:
        """Let a module work, and note how it was called."""
        names = [[each.name for each in server] if isinstance(server, list) else getattr(server, "name", "") for server in servers]
        given = {name: value.name if hasattr(value, "name") else value for name, value in options.items()}
        self.calls.append({"verb": verb, "servers": names, "options": given})
        return work(*servers, **options)


def record(kind: str) -> None:
    """Record a check, a switchover and a rejoin of a former primary."""
    with Cluster(kind, replicas=2) as cluster:
        old, new, other = (cluster[name] for name in ("db0", "db1", "db2"))
        cluster.wait_in_sync()
        recorder = Recorder(cluster)
        with recorder.listening():
            recorder.call("gtid_check", modules.gtid_check, cluster, purpose="readiness", fail_on="never", **ACCOUNT)
            recorder.call("promote", modules.promote, new, demote=old, **ACCOUNT)
            recorder.call("rejoin", modules.rejoin, old, new, [other], save=False)
            recorder.call("change_master", modules.change_master, new, [other, old], **ACCOUNT)
        told = {"calls": recorder.calls, "servers": recorder.servers}
        (CORPUS / f"{kind}.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for each in ("mariadb-10.11", "mysql-9.7"):
        record(each)
