# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watching a cluster by the collection's event source, in a process of its own, which can be paused and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..servers.accounts import PASSWORDS
from ..servers.cluster import Cluster
from ..servers.waiting import HANGS

# Through the link, as a user's collection lies.
EXTENSIONS = Path(__file__).resolve().parents[3] / ".build/ansible_collections/dbha/mysql/extensions/eda"
SOURCE = EXTENSIONS / "plugins/event_source/watch.py"

Told = dict[str, Any]

# Times (s) that make a test short; what they are by default is for a production.
QUICKLY = {"interval": 0.2, "look_interval": 0.5, "retry_interval": 0.1, "grace": 0.4, "repeat": 1, "connect_timeout": 1, "read_timeout": 1}


def arguments(cluster: Cluster, **options: Any) -> dict[str, Any]:
    """Return what the source takes to watch a cluster."""
    servers = [{"name": server.name, "host": server.host, "port": server.port} for server in cluster.servers.values()]
    return {
        "clusters": {"orders": servers},
        "login_user": "failover",
        "login_password": PASSWORDS["failover"],
        "allow_unverified": True,
        "config_file": "/dev/null",
        **options,
    }


class Watching:
    """Watches, as a context manager. `events`: what was told until now."""

    def __init__(self, directory: Path, given: dict[str, Any], *, prefix: Sequence[str] = (), seen: Callable[[Told], None] = lambda event: None) -> None:
        """`prefix`: what the command line has to begin with, to be carried out elsewhere. `seen` is called with each event at once, by another thread."""
        path = directory / "watch.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        self.events: list[Told] = []
        self._seen = seen
        self._changed = threading.Condition()
        self._errors = directory / "watch.txt"
        with self._errors.open("wb") as errors:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("DBHA_MYSQL_")}
            self.process = subprocess.Popen(
                [*prefix, sys.executable, str(SOURCE), str(path)], stdout=subprocess.PIPE, stderr=errors, env=environment, start_new_session=True
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            event = json.loads(line)
            self._seen(event)
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, kind: str, accept: Callable[[Told], object] = lambda event: True, *, after: int = 0) -> Told:
        """Wait for an event of a type, among all or those after the first so many, and return it."""

        def found() -> Told | None:
            return next((event for event in self.events[after:] if event["type"] == kind and accept(event)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None or self.process.poll() is not None, HANGS)
        event = found()
        assert event is not None, f"no {kind}, but {[(each['type'], each['code']) for each in self.events[after:]]}; {self.errors}"
        return event

    @property
    def types(self) -> set[str]:
        """The types of all that was told."""
        return {event["type"] for event in self.events}

    @property
    def errors(self) -> str:
        """What was printed beside events."""
        return self._errors.read_text(encoding="utf-8", errors="replace")

    def pause(self) -> None:
        """Let it stand still."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def end(self) -> None:
        """End it at once."""
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.__exit__(None, None, None)

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(HANGS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._reader.join(HANGS)
            if self.process.stdout is not None:
                self.process.stdout.close()
