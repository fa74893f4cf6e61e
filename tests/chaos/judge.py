# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether all is as it should be in a round: what is lost, who takes writes, and what the watcher says. What is not is a finding."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime

from sandbox import SandboxError, Server, Writer, rows
from sandbox.runs.watching import Told, Watching, arguments
from sandbox.servers.accounts import SCHEMA
from sandbox.servers.process import is_paused
from sandbox.servers.replication import domains
from sandbox.servers.waiting import wait_until

from .havoc import Havoc
from .setting import Part, Setting

_WATCHING = {"connect_timeout": 1, "read_timeout": 1}
_LOOK = 5.0
"""Seconds that a look of the watcher may take, on a busy machine and with servers that are silent."""
_TOLD = 45.0
"""Seconds after which it is silent. Three looks take a second where a server is dead, ten where it hangs, and more on a busy machine."""


class Judge(Part):
    """Looks on, and writes down what it finds."""

    def __init__(self, setting: Setting, havoc: Havoc) -> None:
        super().__init__(setting)
        self.saved: set[int] = set()
        """The rows that a rejoin has saved of a server that alone had them."""
        self._havoc = havoc
        self._watcher: Watching | None = None

    def close(self) -> None:
        """Look on no longer."""
        if self._watcher is not None:
            self._watcher.end()

    def let_it_be_watched(self) -> None:
        """Start the event source."""
        self._watcher = Watching(self.directory, arguments(self.cluster, **_WATCHING), seen=self.see_event)
        wait_until(lambda: self.outcome.events)
        first = self.outcome.events[0]
        if first["type"] != "topology_changed" or first["primary"].get("name") != self.old.name:
            self.outcome.findings.append(f"the watcher begins with {first['type']}, {first['message']}, and the primary is {self.old.name}")

    def see_event(self, event: Told) -> None:
        """See, at once, that what is called dead does not live."""
        self.outcome.events.append(event)
        if event["type"] != "primary_dead":
            return
        server = self.cluster[event["server"]]
        since, pid, asked = self.watch.answering.get(server.name), server.pid, _moment(event) - _LOOK
        # It may have been dead when it was asked, a look before.
        answers = since is not None and since < asked
        if answers or (pid is not None and server.name not in self._havoc.cut and is_paused(pid)):
            self.outcome.false_alarms += 1
            self.outcome.findings.append(f"{server.name} {'answers' if answers else 'is paused'}, and the watcher says: {event['message']}")

    def wait_to_be_told(self, died: float) -> None:
        """Wait until the watcher says that the primary is dead, and so starts the failover, or as much as it can know: then somebody starts it."""
        watcher, old = self._watcher, self.old
        if watcher is None or not self.plan.death:
            return
        enough = ["primary_dead"] if self._can_be_known_to_be_dead() else ["primary_dead", "primary_suspected", "cut_off"]

        def find() -> Told | None:
            return next((event for event in self.outcome.events if event["type"] in enough), None)

        with suppress(SandboxError):
            # One that is restarted may be back before that.
            wait_until(lambda: find() or old.name not in self.watch.away, _TOLD)
        event = find()
        if event is None and old.name in self.watch.away:
            self.outcome.untold += 1
            told = [(each["type"], each["code"], each["message"]) for each in self.outcome.events]
            self.outcome.findings.append(f"the watcher does not tell any of {enough}, although {old.name} is {self.plan.death}, but {told}")
        elif event is not None and event["type"] == "primary_dead":
            self.outcome.told_after = _moment(event) - died

    def _can_be_known_to_be_dead(self) -> bool:
        """Tell whether the primary does not live, and more than half of the replicas say that they do not receive from it."""
        silent = [server for server in self.replicas if server.name in self.watch.away]
        # Where no server runs, the host says so.
        unheard = [server for server in silent if server.pid is not None or server.name in self._havoc.cut]
        is_gone = self.old.pid is None or self.old.name in self._havoc.cut
        return is_gone and len(silent) < len(self.replicas) and 2 * len(unheard) < len(self.replicas)

    def see_what_is_missing(self, writer: Writer) -> None:
        """See what the new primary lacks of what was acknowledged, when a run has just succeeded."""
        primary = self.watch.primary()
        if primary is None:
            self.outcome.findings.append("the run has succeeded, and no server takes writes")
            return
        if primary is not self.old and self.old.name in self.watch.away:
            self.watch.retired.add(self.old.name)
        acknowledged = writer.acknowledged  # before the rows are read
        missing = acknowledged - rows(primary)
        self.outcome.missing = len(missing)
        if missing and self.plan.semi_sync and not self._havoc.waited:
            self.outcome.forced = len(missing)
        elif missing and self.plan.semi_sync:
            self.outcome.findings.append(f"{len(missing)} rows are lost that were acknowledged with semi-synchronous replication: {sorted(missing)[:10]}")

    def see_what_was_received(self, own: str) -> None:
        """See that nothing of what only an old primary has had been received by a replica that could be asked when it went."""
        for name, received in self._havoc.received.items():
            if common := self._common(own, received):
                self.outcome.received_and_lost += 1
                self.outcome.findings.append(f"{name} had received what is lost: {common}")

    def _common(self, own: str, received: str) -> str:
        if self.night.is_mariadb:
            had = domains(received)
            numbers = re.findall(r"(\d+)-\d+-(\d+)", own)
            return ",".join(f"{domain}-{number}" for domain, number in numbers if int(number) <= had.get(int(domain), 0))
        # Any server can tell; the old primary may have to be started, after a clone.
        return str((self.watch.primary() or self.old).value("SELECT GTID_SUBTRACT(%s, GTID_SUBTRACT(%s, %s))", (own, own, received)))

    def compare(self, acknowledged: set[int]) -> None:
        """See whether all servers have the same in the end, and what was lost."""
        primary = self.watch.primary()
        assert primary is not None
        self.cluster.wait_in_sync(source=primary, replicas=self.servers)
        with suppress(SandboxError):
            wait_until(lambda: not self._differing(primary), timeout=5, pause=0.1)
        self.outcome.differ = self._differing(primary)
        if self.outcome.differ:
            self.outcome.findings.append(f"servers differ: {', '.join(self.outcome.differ)}")
        missing = acknowledged - rows(primary)
        self.outcome.named = len(missing & self.saved)
        self.outcome.unnamed = len(missing - self.saved)
        if self.outcome.unnamed:
            self.outcome.findings.append(f"rows are lost and named nowhere: {sorted(missing - self.saved)[:10]}")

    def look_back(self) -> None:
        """See whether two took writes at once, and whether somebody looked all the time."""
        if self.watch.two:
            self.outcome.two = sorted(self.watch.two)
            self.outcome.findings.append(f"these took writes at the same moment: {', '.join(self.outcome.two)}")
        if not self.watch.is_at_work:
            raise SandboxError("not all servers could be asked all the time whether they take writes")
        if self._watcher is not None and (self._watcher.process.poll() is not None or self._watcher.errors):
            self.outcome.findings.append(f"the watcher has failed: {self._watcher.errors}")

    def _differing(self, primary: Server) -> list[str]:
        told = {server.name: _content(server) for server in self.servers}
        return [f"{name}: {said}, {primary.name}: {told[primary.name]}" for name, said in told.items() if said != told[primary.name]]


def _moment(event: Told) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def _position(server: Server) -> str:
    if server.installation.is_mariadb:
        return ",".join(sorted(str(server.value("SELECT @@GLOBAL.gtid_current_pos")).split(",")))
    return server.executed()


def _content(server: Server) -> tuple[str, int]:
    return _position(server), int(server.query_one(f"CHECKSUM TABLE {SCHEMA}.`rows`")["Checksum"])
