# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was saved of a former primary can be brought to the new one, and is not thrown away with a job."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.modules import Refused, Result, change_master, find_best_replica, promote, rejoin
from sandbox.scenes.scene import Scene
from sandbox.servers.programs import tool
from sandbox.servers.waiting import wait_until

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]


class Alone:
    """A former primary that is back, and alone has rows in all formats of the binary log, and some of a file."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster, self.directory = cluster, directory
        self.former, self.new = cluster["db0"], cluster["db1"]
        self.is_mariadb = self.former.installation.is_mariadb
        scene = Scene(cluster, directory)
        self.former.execute("CREATE TABLE dbha_demo.loaded (id INT PRIMARY KEY, said VARCHAR(100))")
        scene.write(10)
        cluster.wait_in_sync()
        scene.thread("STOP", self.new, "IO_THREAD")
        loaded = directory / "loaded.txt"
        loaded.write_text("1\tone\n2\ttwo\n")
        for log in ("STATEMENT", "ROW"):
            with self.former.connect() as connection, connection.cursor() as cursor:
                cursor.execute(f"SET SESSION binlog_format = {log}")
                cursor.execute("LOAD DATA INFILE %s INTO TABLE dbha_demo.loaded", (str(loaded),))
                cursor.execute("UPDATE dbha_demo.loaded SET id = id + 1000 ORDER BY id DESC")
                cursor.execute("INSERT INTO dbha_demo.loaded VALUES (%s, 'a\n# b\nSET TIMESTAMP=1/*!*/;')", (len(log) + 100,))
                connection.commit()
        self.own = self.loaded(self.former)
        scene.kill(self.former)
        best = find_best_replica(cluster, primary={"name": "db0", "host": self.former.host, "port": self.former.port})
        assert best["best"]["name"] == "db1"
        promote(self.new)
        with Writer(self.new) as writer:
            writer.wait_for(30)
        self.former.start("--read-only")

    def loaded(self, server: Server) -> list[dict[str, Any]]:
        return server.query("SELECT * FROM dbha_demo.loaded ORDER BY id")

    def run(self, **options: Any) -> Result:
        kind = self.cluster.kind
        program = tool(kind, "mariadb-binlog" if self.is_mariadb else "mysqlbinlog")
        return rejoin(self.former, self.new, [], **{"save_to": str(self.directory / "it's saved"), "binlog_program": str(program), **options})

    def refused(self, **options: Any) -> Refused:
        with pytest.raises(Refused) as refused:
            self.run(**options)
        return refused.value


@pytest.fixture
def alone(kind: str, tmp_path: Path) -> Iterator[Alone]:
    strict = ["--gtid-strict-mode=ON"] if kind.startswith("mariadb") else []
    with Cluster(kind, replicas=1, options=["--local-infile=ON", *strict]) as cluster:
        yield Alone(cluster, tmp_path)


@pytest.mark.also("mariadb-10.11", "mysql-9.7")
def test_the_command_that_is_named_brings_what_was_saved_to_the_new_primary(alone: Alone) -> None:
    left_behind = set(os.listdir(tempfile.gettempdir()))
    refused = alone.refused()
    assert refused.codes == {"own_transactions"}
    assert not {name for name in set(os.listdir(tempfile.gettempdir())) - left_behind if name.startswith("SQL_LOAD")}
    saved = refused.result["saved"]
    assert f"add how to log in there: {saved['replay']}" in str(refused.result["problems"][0]["message"])
    alone.new.execute_all("CREATE USER keeper@'%' IDENTIFIED BY ''", "GRANT ALL PRIVILEGES ON *.* TO keeper@'%' WITH GRANT OPTION")
    # Whoever moves the directory changes to where it is then.
    moved = Path(saved["directory"]).rename(alone.directory / "moved")
    client = "mariadb" if alone.is_mariadb else "mysql"
    program = f"{tool(alone.cluster.kind, client)} --no-defaults --protocol=tcp --host={alone.new.host} --port={alone.new.port} --user=keeper"
    assert f"&& {client} " in saved["replay"]
    command = saved["replay"].partition(" && ")[2].replace(client, program, 1)
    done = subprocess.run(command, shell=True, cwd=moved, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, (command, done.stderr)
    assert alone.loaded(alone.new) == alone.own
    if alone.is_mariadb:
        # They are its own there, so that a replica with the server_id of the former primary gets them, too.
        written = {gtid.split("-")[1] for gtid in alone.new.value("SELECT @@gtid_binlog_state").split(",")}
        assert alone.new.value("SELECT @@gtid_binlog_pos").split("-")[1] == str(alone.new.server_id)
        assert written == {str(alone.former.server_id), str(alone.new.server_id)}
        assert alone.refused().codes == {"own_transactions"}
        return
    # As the remedy says, it is run again: with their own GTIDs there, nothing is the former primary's alone any more.
    alone.run()
    change_master(alone.new, [alone.former])
    wait_until(lambda: rows(alone.former) == rows(alone.new))


def test_what_was_saved_in_the_container_of_a_job_is_not_overwritten_on_the_server(alone: Alone, monkeypatch: pytest.MonkeyPatch) -> None:
    private = alone.directory / "private"
    monkeypatch.setenv("AWX_PRIVATE_DATA_DIR", str(private))
    refused = alone.refused(method="rebuild", save_to=str(private / "saved"))
    assert refused.codes == {"not_saved"}
    assert "will be gone with the directory of this job" in str(refused)
    assert "rejoin_save_to" in str(refused.result["problems"][0]["remedy"])
    assert alone.loaded(alone.former) == alone.own


def test_a_directory_that_cannot_be_written_is_named_with_what_to_do_about_it(alone: Alone) -> None:
    (alone.directory / "file").write_text("")
    refused = alone.refused(method="rebuild", save_to=str(alone.directory / "file"))
    assert refused.codes == {"not_saved"}
    assert "cannot be written" in " ".join(refused.result["warnings"])
    assert "A directory that cannot be written" in str(refused.result["problems"][0]["remedy"])
    assert alone.loaded(alone.former) == alone.own
    # What the remedy says: another directory is named.
    saved = alone.refused(save_to=str(alone.directory / "another")).result["saved"]
    assert Path(saved["directory"]).is_relative_to(alone.directory / "another")
    assert saved["count"] == 6
