# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying rounds out on one cluster, which is whole again at the end of each."""

from __future__ import annotations

import subprocess
import time
import traceback
from pathlib import Path

import pymysql

from sandbox import Cluster, SandboxError, Writer
from sandbox.servers.accounts import SCHEMA
from sandbox.servers.network import Network
from sandbox.servers.waiting import wait_until

from .havoc import Havoc
from .judge import Judge
from .operating import Operator
from .plan import REPLICAS, Plan
from .report import longest_gap
from .setting import Outcome, Setting
from .watch import Watch

CLIENTS = 4
_NEVER = 3_600_000


class Night:
    """A cluster to which bad things happen: a primary and three replicas, each on a host of its own if the machine allows that."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self.directory = directory
        self.has_hosts = True
        try:
            Network.try_out()
        except SandboxError:
            self.has_hosts = False
        self.is_mariadb = kind.startswith("mariadb")
        self.sides = ("master", "slave") if self.is_mariadb else ("source", "replica")
        self._cluster: Cluster | None = None

    def cluster(self) -> Cluster:
        """Return the cluster, after making it if there is none."""
        if self._cluster is None:
            self._cluster = Cluster(self.kind, REPLICAS, options=self._options(), hosts=self.has_hosts)
            self._cluster.primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'copier'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")
            if self.kind == "mysql-9.7":
                # What the README says of mysql_safe_start and of clones.
                more = "SELECT, BACKUP_ADMIN, CLONE_ADMIN, INSERT, SYSTEM_VARIABLES_ADMIN, PERSIST_RO_VARIABLES_ADMIN"
                self._cluster.primary.execute(f"GRANT {more} ON *.* TO failover@'%'")
            self._cluster.wait_in_sync()
        return self._cluster

    def _options(self) -> list[str]:
        options = ["--loose-slave-net-timeout=2", "--loose-replica-net-timeout=2"]
        if self.kind == "mysql-5.6":  # its package has no plugins
            return options
        if not self.is_mariadb:
            options.append("--plugin-load-add=semisync_source.so;semisync_replica.so")
        source, replica = self.sides
        # A primary that goes on without acknowledgements after some seconds promises nothing.
        return [*options, f"--loose-rpl-semi-sync-{replica}-enabled=1", f"--loose-rpl-semi-sync-{source}-timeout={_NEVER}"]

    def close(self) -> None:
        """Remove the cluster; the next round gets a new one."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()

    def carry_out(self, plan: Plan, number: int) -> Outcome:
        """Carry a round out. Whatever goes wrong is a finding; after one that the cluster may not survive, it is made anew."""
        outcome, begun = Outcome(), time.monotonic()
        directory = self.directory / f"round-{number}"
        directory.mkdir(parents=True, exist_ok=True)
        try:
            work = Round(self, self.cluster(), plan, outcome, directory)
            try:
                work.carry_out()
            finally:
                work.close()
        except subprocess.TimeoutExpired as error:
            said = error.output.decode(errors="replace") if isinstance(error.output, bytes) else error.output
            outcome.findings.append(f"a run hangs:\n{said}")
        except (SandboxError, pymysql.Error, OSError) as error:
            outcome.findings.append(f"{type(error).__name__}: {error}")
            (directory / "traceback.txt").write_text(traceback.format_exc(), encoding="utf-8")
        if outcome.findings:
            self.close()
        outcome.seconds = time.monotonic() - begun
        return outcome


class Round:
    """One round: what happens, what is done about it, and what came of it."""

    def __init__(self, night: Night, cluster: Cluster, plan: Plan, outcome: Outcome, directory: Path) -> None:
        servers = list(cluster.servers.values())
        (old,) = [server for server in servers if server.is_writable]
        self.setting = Setting(night, cluster, plan, outcome, directory, old, Watch(servers))
        self.havoc = Havoc(self.setting)
        self.judge = Judge(self.setting, self.havoc)
        self.operator = Operator(self.setting, self.havoc, self.judge)

    def close(self) -> None:
        """End what would go on by itself."""
        self.havoc.close()
        self.judge.close()
        self.setting.watch.close()
        self.operator.close()

    def carry_out(self) -> None:
        """Carry it out."""
        havoc, judge, operator = self.havoc, self.judge, self.operator
        plan, old, watch, outcome = self.setting.plan, self.setting.old, self.setting.watch, self.setting.outcome
        old.execute(f"TRUNCATE TABLE {SCHEMA}.`rows`")
        havoc.set_semi_sync()
        self.setting.cluster.wait_in_sync(source=old, replicas=havoc.servers)
        wait_until(lambda: watch.writable is old)
        with Writer(old, CLIENTS, follow=lambda: watch.writable, pause=0.04, timeout=1) as writer:
            writer.wait_for(30)
            if plan.watched:
                judge.let_it_be_watched()
            havoc.begin()
            began = time.monotonic()
            died = time.time()
            havoc.let_it_go()
            judge.wait_to_be_told(died)
            havoc.go_on()
            done = operator.run_until_done()
            if done:
                judge.see_what_is_missing(writer)
                operator.mend()
                writer.wait_for(10)
            ended = time.monotonic()
        outcome.acknowledged = len(writer.acknowledged)
        outcome.gap = longest_gap(list(writer.times.values()), began, ended)
        if done and not outcome.findings:
            judge.compare(writer.acknowledged)
        judge.look_back()
