# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Data directories to copy: each kind is initialised once, its users already in it, and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from .accounts import account_statements
from .cache import cache_directory, locked
from .certificate import make_certificate
from .errors import SandboxError
from .installation import Installation
from .instance import Instance
from .options import size_options

_SUBJECTS = ("system_tables", "performance_tables", "system_tables_data")
_UNUSED = 7 * 24 * 3600
"""After how many seconds without use a template of an older making is removed."""


def copy_template(installation: Installation, target: Path) -> None:
    """Make a new data directory for a server."""
    shutil.copytree(_template(installation) / "data", target, symlinks=True)


def _template(installation: Installation) -> Path:
    """Return the template of a kind, made now if there is none."""
    name = f"{installation.kind.name}-{_fingerprint(installation)}"
    place = cache_directory() / "templates" / name
    if not place.exists():
        with locked(f"template-{installation.kind.name}"):
            if not place.exists():
                _build(installation, place)
    os.utime(place)
    return place


def _fingerprint(installation: Installation) -> str:
    """Return a text that changes with anything that a template is made of."""
    parts = (installation.version, installation.command, size_options(installation), list(account_statements(installation.kind.family, installation.version)))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _build(installation: Installation, place: Path) -> None:
    for old in place.parent.glob(f"{installation.kind.name}-*"):
        if time.time() - old.stat().st_mtime > _UNUSED:
            shutil.rmtree(old, ignore_errors=True)
    partial = place.with_name(f".{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        # Without a binary log: nothing of this may count as a transaction that replicas disagree about.
        options = [*size_options(installation), "--skip-networking", "--skip-log-bin"]
        if not installation.is_mariadb and installation.version >= (8, 0):
            options.append("--innodb-fast-shutdown=0")
        instance = Instance(installation, partial, options=options)
        (partial / "tmp").mkdir()
        _initialise(installation, instance)
        instance.start()
        try:
            _create_users(instance)
            instance.stop()
        finally:
            instance.kill()
        for name in ("auto.cnf", "ib_buffer_pool", "ibtmp1", "test"):
            path = instance.datadir / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if installation.is_mariadb and installation.version >= (11, 4):
            make_certificate(instance.datadir)
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _initialise(installation: Installation, instance: Instance) -> None:
    """Make the system tables."""
    if installation.is_mariadb or installation.version < (5, 7):
        instance.datadir.mkdir()
        _run(instance, "--bootstrap", sql=_system_tables(installation))
    else:
        _run(instance, "--initialize-insecure")


def _system_tables(installation: Installation) -> str:
    """Return the SQL that makes the system tables of a server without --initialize."""
    if installation.share is None:
        raise SandboxError(f"There is no *_system_tables.sql that belongs to {installation.command[-1]}: install the whole package of the server.")
    statements = ["CREATE DATABASE IF NOT EXISTS mysql;", "USE mysql;", "SET @auth_root_socket = NULL;"]
    for subject in _SUBJECTS:
        for prefix in ("mariadb", "mysql"):
            path = installation.share / f"{prefix}_{subject}.sql"
            if path.exists():
                statements.append(path.read_text(encoding="utf-8"))
                break
    return "\n".join(statements)


def _run(instance: Instance, mode: str, sql: str | None = None) -> None:
    done = subprocess.run(
        [*instance.command, mode],
        input=sql,
        stdin=subprocess.DEVNULL if sql is None else None,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=300,
        env=instance.installation.full_environment,
    )
    if done.returncode != 0:
        said = " / ".join(line for line in done.stderr.splitlines() if "ERROR" in line)[-600:]
        raise SandboxError(f"A data directory for {instance.installation.kind.name} could not be made: {said or done.stderr[-300:]}")


def _create_users(instance: Instance) -> None:
    """Leave root, by socket only, and create the users of the sandbox."""
    keep = {"mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "PUBLIC"}
    installation = instance.installation
    connection = instance.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT user, host FROM mysql.user")
            for row in cursor.fetchall():
                user, host = row.values()
                if user not in keep and (user, host) != ("root", "localhost"):
                    cursor.execute("DROP USER %s@%s", (user, host))
            cursor.execute("DELETE FROM mysql.db")
            cursor.execute("FLUSH PRIVILEGES")
            for statement, arguments in account_statements(installation.kind.family, installation.version):
                cursor.execute(statement, arguments)
    finally:
        connection.close()
