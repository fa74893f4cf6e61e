# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real servers for tests: every test that takes the fixture `kind` or `cluster` runs once for each kind of server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import KINDS, Cluster, Kind, NoLongerThere, install
from sandbox.scenes.clusters import Clusters
from sandbox.servers.kinds import STAND_INS, runs_with
from sandbox.servers.pool import POOL
from sandbox.servers.sshd import Sshd


def _mark_name(kind: str) -> str:
    """Return a name that `-m` understands: mysql_5_6."""
    return kind.replace("-", "_").replace(".", "_")


def _kinds(config: pytest.Config) -> list[Kind]:
    """Return the kinds named by --server, and then all others that can be installed; tests with those are left out by ../conftest.py."""
    return [Kind.named(name) for name in dict.fromkeys([*(config.getoption("--server") or ()), *KINDS])]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks of families and kinds."""
    for family in ("mariadb", "mysql"):
        config.addinivalue_line("markers", f"{family}: runs with a real {family} server")
    for kind in _kinds(config):
        config.addinivalue_line("markers", f"{_mark_name(kind.name)}: runs with a real {kind.name} server")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `kind` its values; a test marked server("mysql"), or server("mysql-9.7", …), takes only kinds that begin so (see runs_with())."""
    if "kind" not in metafunc.fixturenames:
        return
    wanted, also = ([name for mark in metafunc.definition.iter_markers(marker) for name in mark.args] for marker in ("server", "also"))
    asked = {*(metafunc.config.getoption("--server") or ()), *(set(KINDS) - set(STAND_INS) if metafunc.config.getoption("--thorough") else ())}
    parameters = [
        pytest.param(kind.name, marks=[pytest.mark.server(kind.name), getattr(pytest.mark, kind.family), getattr(pytest.mark, _mark_name(kind.name))])
        for kind in _kinds(metafunc.config)
        if runs_with(kind.name, wanted, also, asked=kind.name in asked)
    ]
    metafunc.parametrize("kind", parameters, indirect=True, scope="session")


_LONG = {
    "test_chaos": 30,
    "test_examples": 20,
    "test_molecule": 20,
    "test_awx.py": 4,
    "test_address.py": 4,
    "test_rejoin_by_files": 5,
    "test_switched_off": 5,
    "test_salvage.py": 3,
}
"""How long a test of a file takes, where it is longer than others: what is long begins early, so that nobody waits for it in the end."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of one file and one kind of server in one process, and a process with one kind, so that what they share is started once.

    (Marks of --dist loadgroup would say it more simply, but xdist 3.8 tells them by an attribute that pytest 9.2 has no more.)
    """
    from xdist.scheduler import LoadScopeScheduling

    names = [kind.name for kind in _kinds(config)]

    def kind_of(nodeid: str) -> str:
        return next((name for name in names if name in nodeid.partition("::")[2]), "")

    class ByFileAndKind(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return f"{nodeid.partition('::')[0]}::{kind_of(nodeid)}"

        def _assign_work_unit(self, node: Any) -> None:
            waiting = {name: [scope for scope in self.workqueue if kind_of(scope) == name] for name in ["", *names]}
            last = next((kind_of(scope) for scope in reversed(self.assigned_work[node])), None)
            others = [kind_of(next(reversed(units))) for other, units in self.assigned_work.items() if units and other is not node]
            kind = last if last is not None and waiting[last] else max(waiting, key=lambda name: sum(map(self._work, waiting[name])) / (1 + others.count(name)))
            self.workqueue.move_to_end(max(waiting[kind], key=self._work), last=False)
            super()._assign_work_unit(node)

        def _work(self, scope: str) -> float:
            """Estimate how long a scope takes: a test with servers as long as a hundred without, and some as long as many."""
            each = next((each for file, each in _LONG.items() if file in scope), 1 if "/integration/" in scope else 0.01)
            return len(self.workqueue[scope]) * each

    return ByFileAndKind(config, log)


@pytest.fixture(scope="session")
def kind(request: pytest.FixtureRequest) -> str:
    """Name a kind of server that is installed; tests of one that is not to be had any more are skipped."""
    name = str(request.param)
    try:
        install(name)
    except NoLongerThere as error:
        pytest.skip(str(error))
    return name


@pytest.fixture(scope="session")
def some_kind(request: pytest.FixtureRequest) -> str:
    """Name one kind of server, for what is the same with all of them."""
    return _kinds(request.config)[0].name


@pytest.fixture(scope="session", autouse=True)
def pool() -> Iterator[None]:
    """Remove the clusters that tests have used, when there are no more tests."""
    yield
    POOL.close()


@pytest.fixture(scope="module")
def clusters(kind: str) -> Iterator[Clusters]:
    """A cluster that the tests of a module share."""
    clusters = Clusters(kind)
    yield clusters
    clusters.close()


@pytest.fixture
def cluster(kind: str) -> Iterator[Cluster]:
    """Lend a primary (db0) and three replicas, like new, to one test."""
    with POOL.cluster(kind, replicas=3) as cluster:
        yield cluster


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """Let this machine be reached over SSH, at a port and with a key of our own."""
    directory = tmp_path / "ssh"
    directory.mkdir()
    with Sshd(directory) as daemon:
        yield daemon
