# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done in a round, as somebody does it who reads what the runs say: playbooks are run until all is well again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox import SandboxError, Server
from sandbox.runs.fault import Fault
from sandbox.runs.playbook import Playbooks, Run
from sandbox.scenes.clusters import is_whole
from sandbox.servers.programs import replay, tool
from sandbox.servers.waiting import wait_until

from .havoc import Havoc
from .judge import Judge
from .report import rows_in
from .setting import Part, Setting

_COPIER = {"rejoin_copy_user": "copier", "rejoin_copy_password": "copier"}
_MOST_RUNS = 8


class Operator(Part):
    """Runs playbooks, and does what their remedies say."""

    def __init__(self, setting: Setting, havoc: Havoc, judge: Judge) -> None:
        super().__init__(setting)
        self._havoc = havoc
        self._judge = judge
        self._playbooks = Playbooks(self.cluster, self.directory)
        self._pool = ThreadPoolExecutor(8)
        self._word: dict[str, Any] = {}
        """What a rejoin is told besides: which of two primaries is the one."""

    def close(self) -> None:
        """Wait for the runs that were begun."""
        self._pool.shutdown()

    def run_until_done(self) -> bool:
        """Run the playbook until it succeeds, doing something about what was in its way, as somebody would who reads what it says."""
        runs = self._first_runs()
        for attempt in range(_MOST_RUNS):
            if any(run.returncode == 0 for run in runs):
                self._havoc.wait_for_all()
                return True
            self.outcome.again.append(_why(runs[0]))
            self._havoc.wait_for_all()
            if runs[0].codes & {"two_primaries", "two_writable"} and self.watch.primary() is not self.old:
                return True  # one that was killed has opened it, and what the remedies ask for is a rejoin of the other one, which comes next
            if runs[0].codes == {"locked"}:
                time.sleep(0.2)
            variables = self._variables()
            forced = self.plan.then == "forced" and self.old.name in self.watch.away
            if forced:
                variables.update(failover_force=True, failover_dead_primary=self.old.name)
            self._havoc.heal(spare=[self.old] if forced else [])
            if "commits_wait" in runs[0].codes:
                self._let_one_acknowledge()
            if "never_connected" in runs[0].codes and not self.old.is_running:
                # All replicas were restarted without it: as is asked for, it is started, and they receive what they lack.
                self._havoc.start(self.old)
            if self.plan.action == "switchover":
                self._havoc.start_threads()
                if attempt:
                    variables = {}
            playbook = self.plan.action
            if attempt > 2:  # it is asked for a server that takes writes, whoever it is
                playbook, variables = "failover", {}
            runs = [self._play(playbook, **variables)]
        self.outcome.findings.append(f"it has not succeeded in {_MOST_RUNS} runs; the last one:\n{runs[0]}")
        return False

    def mend(self) -> None:
        """Bring everything back, until one server takes writes and all others replicate from it."""
        seen: list[str] = []
        for _attempt in range(_MOST_RUNS):
            self._havoc.heal()
            if not self.old.is_running:
                self._havoc.start(self.old)
            primary = self.watch.primary()
            if primary is not None and self._is_whole_soon():
                self._havoc.end_delays()
                return
            run = self._rejoin(self._strays(primary)) if primary is not None and self._strays(primary) else self._play("failover")
            if run.returncode:
                seen.append(_why(run))
                if "commits_wait" in run.output:
                    self._let_one_acknowledge()
                if "two_primaries" in run.codes and primary is not None:
                    # As its remedy says: only clients know whom they have written to.
                    self._word = {"primary": primary.name}
                    continue
                # Those who cannot follow as they are: what only they have is saved, and they are overwritten, or it is brought to the primary.
                apart = [name for name in dict.fromkeys(problem.get("server") for problem in run.problems) if name in self.cluster.servers]
                if primary is not None and len(seen) > 1 and apart and apart != [primary.name]:
                    self._rejoin([name for name in apart if name != primary.name], by_name=True)
            elif "not_replicating" in run.output:
                # Somebody may have stopped them on purpose: where the primary lives, no run starts them, and a warning says how.
                self._havoc.start_threads()
        self.outcome.findings.append(f"it is not whole after {_MOST_RUNS} runs: {', '.join(seen)}; the last one:\n{self.outcome.runs[-1][1]}")

    def _let_one_acknowledge(self) -> None:
        """Do what is asked for where commits wait for an acknowledgement: start the replicas of the primary, and have the others repointed."""
        self._havoc.start_threads(of=self.watch.primary())
        self._play("failover", **{f"failover_{name}": value for name, value in self._word.items()})

    def _play(self, playbook: str, environment: Mapping[str, str] | None = None, **variables: Any) -> Run:
        run = self._playbooks.run(f"dbha.mysql.{playbook}", environment=environment, timeout=240, mysql_safe_start=True, **variables)
        self.outcome.runs.append((playbook, run))
        return run

    def _variables(self) -> dict[str, Any]:
        if self.plan.action == "switchover":
            return {} if self.plan.to is None else {"switchover_to": self.replicas[self.plan.to].name}
        return {"failover_unreachable": "proceed"} if self.plan.proceed else {}

    def _first_runs(self) -> list[Run]:
        plan, variables = self.plan, self._variables()
        if plan.interruption == "twice":
            first: Future[Run] = self._pool.submit(self._play, plan.action, **variables)
            time.sleep(plan.head_start)
            second = self._play(plan.action, **variables)
            return [first.result(), second]
        environment = None
        if plan.interruption:
            environment = Fault(plan.interruption, number=plan.statement).environment(self.directory / "statements", self.cluster)
        return [self._play(plan.action, environment, **variables)]

    def _is_whole_soon(self) -> bool:
        with suppress(SandboxError):
            wait_until(lambda: is_whole(self.cluster), timeout=1)
            return True
        return False

    def _strays(self, primary: Server) -> list[str]:
        """Name those that replicate from nobody, or take writes beside the primary."""
        return [server.name for server in self.servers if server is not primary and (server.is_writable or not server.replica_status())]

    def _rejoin(self, names: Sequence[str], *, by_name: bool = False) -> Run:
        program = tool(self.night.kind, "mariadb-binlog" if self.night.is_mariadb else "mysqlbinlog")
        variables: dict[str, Any] = {"rejoin_save_to": str(self.directory / "saved"), "rejoin_binlog_program": str(program), **_COPIER}
        if self.night.kind != "mysql-5.6":
            variables["rejoin_dump_program"] = str(tool(self.night.kind, "mariadb-dump" if self.night.is_mariadb else "mysqldump"))
        if self.plan.overwrite != "replay":
            variables["rejoin_method"] = self.plan.overwrite
        if by_name or len(names) > 1:
            variables["rejoin_server"] = names[0]
        run = self._play("rejoin", **variables, **{f"rejoin_{name}": value for name, value in self._word.items()})
        self._note_what_is_saved(run)
        if "restart_needed" in run.output:
            for server in self.servers:
                if not server.is_running or server.name in names:
                    server.stop()
                    self._havoc.start(server)
        return run

    def _note_what_is_saved(self, run: Run) -> None:
        result = run.custom.get("dbha_result") or {}
        saved = result.get("saved")
        if not saved:
            return
        self._judge.saved |= rows_in(Path(saved["sql"]))
        self._judge.see_what_was_received(result["own"]["gtids"])
        if self.plan.overwrite == "replay" and "own_transactions" in run.codes:
            primary = self.watch.primary()
            if primary is not None:
                replay(Path(saved["sql"]), primary)


def _why(run: Run) -> str:
    """Say why a run has not succeeded: its codes, or how it ended."""
    return "+".join(sorted(run.codes)) or (f"killed by signal {-run.returncode}" if run.returncode < 0 else f"exit code {run.returncode}")
