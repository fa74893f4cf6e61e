# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real servers for tests: every test that takes the fixture `kind` or `cluster` runs once for each kind of server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dealing import choose

from sandbox import KINDS, Cluster, Kind, NoLongerThere, install
from sandbox.scenes.clusters import Clusters
from sandbox.servers.kinds import STAND_INS, runs_with
from sandbox.servers.pool import POOL
from sandbox.servers.sshd import Sshd


def _mark_name(kind: str) -> str:
    """Return a name that `-m` understands: mysql_5_6."""
    return kind.replace("-", "_").replace(".", "_")


def _kinds(config: pytest.Config) -> list[Kind]:
    """Return the kinds named by --server, and then all others that can be installed; tests with those are left out below."""
    return [Kind.named(name) for name in dict.fromkeys([*(config.getoption("--server") or ()), *KINDS])]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks of families and kinds."""
    for family in ("mariadb", "mysql"):
        config.addinivalue_line("markers", f"{family}: runs with a real {family} server")
    for kind in _kinds(config):
        config.addinivalue_line("markers", f"{_mark_name(kind.name)}: runs with a real {kind.name} server")
    if config.getoption("--note-seconds") and not hasattr(config, "workerinput"):
        from scheduling import Seconds

        config.pluginmanager.register(Seconds([kind.name for kind in _kinds(config)]))


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not to be carried out with a kind of server."""
    kept = choose(items, servers=config.getoption("--server") or (), thorough=config.getoption("--thorough"))
    left_out = set(items) - set(kept)
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = kept


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Say which process carries out which tests."""
    from scheduling import SECONDS, ByFileAndKind, read_seconds

    return ByFileAndKind(config, log, [kind.name for kind in _kinds(config)], read_seconds(SECONDS))


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
