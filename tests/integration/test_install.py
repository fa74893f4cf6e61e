# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users get: the collection as a tarball, installed where nothing of the checkout is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from sandbox.servers.pool import POOL

ROOT = Path(__file__).resolve().parents[2]

JUNK = (
    ".build/venv/bin/python",
    ".github/workflows/ci.yml",
    ".hypothesis/unicode_data/x",
    ".venv/bin/python",
    "changelogs/.plugin-cache.yaml",
    "collections/ansible_collections/other/one/README.md",
    "dbha-mysql-0.0.1.tar.gz",
    "plugins/module_utils/_gtid/__pycache__/parse.cpython-311.pyc",
    "roles/failover/.ansible/x",
    "tests/output/junit/x.xml",
)
"""What tools leave in a checkout."""

FOR_USERS = {
    *("README.md", "CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md"),
    *("FILES.json", "MANIFEST.json", "requirements.txt", "bindep.txt", "execution-environment.yml"),
    *("changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "roles"),
    *("LICENSES", "REUSE.toml"),  # the licence of each file, for whoever passes them on
}
"""What the archive may hold: nothing that only a checkout needs."""


@dataclass(frozen=True)
class Installed:
    """A directory of collections, and the only one that the programs of Ansible know of."""

    collections: Path

    @property
    def root(self) -> Path:
        return self.collections / "ansible_collections/dbha/mysql"

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH"))}
        config = self.collections / "ansible.cfg"
        config.touch()
        environment |= {"ANSIBLE_COLLECTIONS_PATH": str(self.collections), "ANSIBLE_HOME": str(self.collections / "home"), "ANSIBLE_CONFIG": str(config)}
        command = [str(Path(sys.executable).parent / program), *arguments]
        return subprocess.run(command, cwd=self.collections, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the collection from a checkout in which everything has been used."""
    directory = tmp_path_factory.mktemp("build")
    checkout = directory / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".build", ".git"))
    for name in JUNK:
        checkout.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        checkout.joinpath(name).touch()
    built = Installed(directory).run("ansible-galaxy", "collection", "build", str(checkout), "--output-path", str(directory))
    assert built.returncode == 0, built.stderr
    return next(directory.glob("dbha-mysql-*.tar.gz"))


@pytest.fixture(scope="module")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install it without a way to Galaxy."""
    installed = Installed(tmp_path_factory.mktemp("collections"))
    done = installed.run("ansible-galaxy", "collection", "install", str(tarball), "--collections-path", str(installed.collections), "--offline")
    assert done.returncode == 0, done.stderr
    return installed


def test_the_tarball_holds_the_collection_and_nothing_that_tools_have_left(tarball: Path) -> None:
    with tarfile.open(tarball) as tar:
        names = {member.name for member in tar if member.isfile()}
    assert {"README.md", "LICENSE", "meta/runtime.yml", "meta/execution-environment.yml", "requirements.txt", "docs/codes.md"} <= names
    sources = {str(path.relative_to(ROOT)) for name in ("plugins", "roles", "playbooks") for path in (ROOT / name).rglob("*.*")}
    assert {name for name in sources if name.endswith((".py", ".yml", ".md"))} - names == set()
    assert names & set(JUNK) == set()
    assert {name.split("/")[0] for name in names} <= FOR_USERS
    assert [name for name in names if any(part.startswith((".", "__pycache__")) for part in name.split("/"))] == []


def test_every_module_and_role_can_be_looked_up(installed: Installed) -> None:
    modules = {f"dbha.mysql.{path.stem}" for path in (ROOT / "plugins/modules").glob("*.py")}
    done = installed.run("ansible-doc", "--json", *modules)
    assert done.returncode == 0, done.stderr
    documented = json.loads(done.stdout)
    assert set(documented) == modules
    for name, each in documented.items():
        assert each["doc"]["filename"].startswith(str(installed.root)), name
        assert ("login_user" in each["doc"]["options"]) == (".mysql_" in name), name  # of a doc fragment
    roles = {f"dbha.mysql.{path.name}" for path in (ROOT / "roles").iterdir()}
    done = installed.run("ansible-doc", "--type", "role", "--json", *roles)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == roles
    done = installed.run("ansible-doc", "--type", "inventory", "--json", "dbha.mysql.replication")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dbha.mysql.replication"]["doc"]["filename"].startswith(str(installed.root))
    filters = {f"dbha.mysql.{path.stem}" for path in (ROOT / "plugins/filter").glob("*.py")}
    done = installed.run("ansible-doc", "--type", "filter", "--json", *filters)
    assert (done.returncode, set(json.loads(done.stdout))) == (0, filters), done.stderr


@pytest.mark.parametrize("core", ["venv", "core-2.14"])
def test_ansible_doc_shows_all_of_it_as_text(core: str, installed: Installed) -> None:
    program = ROOT / ".build" / core / "bin/ansible-doc"
    names = {
        "module": [path.stem for path in (ROOT / "plugins/modules").glob("*.py")],
        "filter": [path.stem for path in (ROOT / "plugins/filter").glob("*.py")],
        "inventory": ["replication"],
        "role": [path.name for path in (ROOT / "roles").iterdir()],
    }
    for kind, each in names.items():
        shown = installed.run(str(program), "--type", kind, *(f"dbha.mysql.{name}" for name in each))
        # Of what it may warn of itself (2.21 does, of a collection inside it), nothing is about us.
        assert (shown.returncode, "dbha" in shown.stderr) == (0, False), shown.stderr
        text = re.sub(r"\x1b\[[\d;]*m", "", shown.stdout)
        for name in each:
            assert f"dbha.mysql.{name}".upper() in text.upper()
        if kind != "filter":
            assert {option for option in options_of(kind, each) if not re.search(rf"^ *[-=]? ?{option}\b", text, re.MULTILINE)} == set()


def options_of(kind: str, names: list[str]) -> set[str]:
    """Return the options that are written in the files themselves; others come from fragments."""
    if kind == "role":
        specs = [yaml.safe_load((ROOT / "roles" / name / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"] for name in names]
        return {option for spec in specs for entry_point in spec.values() for option in entry_point["options"]}
    files = [ROOT / "plugins" / ("modules" if kind == "module" else kind) / f"{name}.py" for name in names]
    texts = [re.findall(r'^DOCUMENTATION = r"""\n(.*?)^"""$', path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL) for path in files]
    return {option for (text,) in texts for option in yaml.safe_load(text)["options"]}


@pytest.mark.parametrize(
    ("cluster", "says"),
    [
        ("nobody", "'nobody' is not a group of the inventory that has servers in it. Those that have are: orders"),
        ("orders", "[unreachable] db1 (127.0.0.1:1) cannot be reached"),
    ],
    ids=["of an unknown group", "of servers that do not answer"],
)
def test_a_playbook_runs_from_there_and_refuses(cluster: str, says: str, installed: Installed, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.ini"
    inventory.write_text("[orders]\ndb1 mysql_host=127.0.0.1 mysql_port=1 mysql_login_user=failover\n", encoding="utf-8")
    done = installed.run("ansible-playbook", "dbha.mysql.check", "-i", str(inventory), "-e", f"cluster={cluster}")
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def repository(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of a Git repository with this checkout in it."""
    directory = tmp_path_factory.mktemp("git") / "mysql.git"
    shutil.copytree(tarball.parent / "checkout", directory)
    own = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "x"]):
        subprocess.run(["git", *arguments], cwd=directory, env=own, check=True, timeout=60)
    return f"file://{directory}"


def somebodys(directory: Path, dependencies: dict[str, str]) -> Path:
    """Write a collection of somebody's that needs this one."""
    galaxy = {"namespace": "somebody", "name": "site", "version": "1.0.0", "readme": "README.md", "authors": ["x"], "dependencies": dependencies}
    (directory / "site").mkdir()
    (directory / "site/galaxy.yml").write_text(yaml.safe_dump(galaxy), encoding="utf-8")
    (directory / "site/README.md").touch()
    return directory / "site"


@pytest.mark.parametrize("way", ["an archive", "a URL", "a dependency on a URL", "a dependency on what else is required"])
def test_somebodys_requirements_bring_it(way: str, tarball: Path, repository: str, tmp_path: Path) -> None:
    url = f"git+{repository}"
    ways: dict[str, Callable[[], list[dict[str, str]]]] = {
        "an archive": lambda: [{"name": str(tarball), "type": "file"}],
        "a URL": lambda: [{"name": url, "type": "git", "version": "main"}],
        "a dependency on a URL": lambda: [{"name": str(somebodys(tmp_path, {url: "main"})), "type": "dir"}],
        "a dependency on what else is required": lambda: [
            {"name": str(somebodys(tmp_path, {"dbha.mysql": ">=0.1.0"})), "type": "dir"},
            {"name": str(tarball), "type": "file"},
        ],
    }
    requirements = tmp_path / "requirements.yml"
    requirements.write_text(yaml.safe_dump({"collections": ways[way]()}), encoding="utf-8")
    installed = Installed(tmp_path)
    arguments = ("collection", "install", "-r", str(requirements), "--collections-path", str(tmp_path))
    done = installed.run("ansible-galaxy", *arguments, *(["--offline"] if "what else" in way or "archive" in way else []))
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(tarball) as tar:
        files = json.load(tar.extractfile("FILES.json"))["files"]  # type: ignore[arg-type]  # it is a file, so that it is not None
    # From a repository, too, it is what the archive holds: nothing more and nothing less.
    there = {str(path.relative_to(installed.root)) for path in installed.root.rglob("*") if path.is_file()}
    assert there - {"MANIFEST.json", "FILES.json", "GALAXY.yml"} == {each["name"] for each in files if each["ftype"] == "file"}
    assert installed.run("ansible-playbook", "dbha.mysql.check", "--syntax-check", "-e", "cluster=orders").returncode == 0


def test_an_execution_environment_gets_what_the_collection_needs(installed: Installed) -> None:
    found = installed.run("ansible-builder", "introspect", str(installed.collections))
    assert found.returncode == 0, found.stderr
    assert yaml.safe_load(found.stdout) == {
        "python": ["PyMySQL[rsa]>=1.0.2  # from collection dbha.mysql"],
        "system": [
            "mariadb-client [platform:dpkg]  # from collection dbha.mysql",
            "mariadb [platform:rpm]  # from collection dbha.mysql",
            "openssh-client [platform:dpkg]  # from collection dbha.mysql",
            "openssh-clients [platform:rpm]  # from collection dbha.mysql",
        ],
    }


def test_the_definition_of_an_execution_environment_is_one(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("ansible-builder", "create", "--file", str(installed.root / "execution-environment.yml"), "--context", str(tmp_path / "context"))
    assert done.returncode == 0, done.stdout + done.stderr
    context = tmp_path / "context"
    assert yaml.safe_load((context / "_build/requirements.yml").read_text(encoding="utf-8"))["collections"][0]["type"] == "git"
    (recipe,) = context.glob("*file")  # Dockerfile where there is no podman
    assert "compileall -q /usr/share/ansible/collections" in recipe.read_text(encoding="utf-8")


IN_A_CONTAINER = """
set -eu
mount --bind "$COLLECTIONS" "$COLLECTIONS"
for directory in "$COLLECTIONS" /; do mount -o remount,bind,ro "$directory"; done
exec unshare --user --map-user=1234 --map-group=1234 -- "$@"
"""
"""As in a container whose root is read-only: a root file system and collections that cannot be written to, and a user who is nobody here."""


def test_all_runs_as_any_user_without_a_home_and_writes_nowhere(installed: Installed, some_kind: str) -> None:
    with POOL.cluster(some_kind, replicas=2) as cluster, tempfile.TemporaryDirectory(dir=cluster.directory) as scratch:
        cluster.write_inventory(Path(scratch, "inventory.yml"))
        shutil.rmtree(installed.collections / "home", ignore_errors=True)

        def run(playbook: str, *arguments: str) -> str:
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-c", IN_A_CONTAINER, "sh", str(Path(sys.executable).with_name("ansible-playbook")), f"dbha.mysql.{playbook}"]
                + ["-i", f"{scratch}/inventory.yml", "-e", "cluster=orders", *arguments],
                env={
                    "PATH": os.environ["PATH"],
                    "LANG": "C.UTF-8",
                    "HOME": "/",
                    "COLLECTIONS": str(installed.collections),
                    "ANSIBLE_COLLECTIONS_PATH": str(installed.collections),
                    "ANSIBLE_HOME": f"{scratch}/ansible",
                    "ANSIBLE_LOCAL_TEMP": f"{scratch}/tmp",
                    "TMPDIR": scratch,
                },
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        cluster.primary.kill()
        assert "is the primary now" in run("failover")
        assert [server.name for server in cluster.replicas if server.is_writable] != []
        cluster.primary.restart()
        run("rejoin")
        run("switchover", "-e", "switchover_to=db0")
        run("check")
        assert [server.name for server in cluster.servers.values() if server.is_writable] == ["db0"]
