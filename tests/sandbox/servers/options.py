# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of servers: small, quick rather than durable, ready for GTID replication."""

from __future__ import annotations

import os

from .installation import Installation


def size_options(installation: Installation) -> list[str]:
    """Return what keeps a server small; some of it is fixed when its data directory is made."""
    options = [
        "--innodb-buffer-pool-size=16M",
        "--innodb-buffer-pool-dump-at-shutdown=OFF",
        "--innodb-buffer-pool-load-at-startup=OFF",
        "--key-buffer-size=1M",
        "--performance-schema=OFF",
        "--skip-name-resolve",
        "--secure-file-priv=",
        # The kernel allows 65,536 asynchronous requests on the whole machine (fs.aio-max-nr), and a server of MySQL 9.7 reserves 2,600: the 26th did not start.
        "--innodb-use-native-aio=OFF",
    ]
    if installation.is_mariadb:
        options += ["--innodb-log-file-size=8M", "--innodb-log-buffer-size=2M", "--aria-pagecache-buffer-size=1M"]
    elif installation.version >= (8, 0, 30):
        # What is read, or cleared, at each start: an eighth of what that costs.
        small = ["--innodb-log-buffer-size=2M", "--innodb-doublewrite-files=2", "--innodb-doublewrite-pages=4"]
        options += ["--innodb-redo-log-capacity=8M", "--mysqlx=OFF", *small]
    elif installation.version >= (8, 0):
        options += ["--innodb-log-file-size=4M", "--mysqlx=OFF"]
    else:
        options += ["--innodb-log-file-size=4M"]
    if os.geteuid() == 0:
        options.append("--user=root")
    return options


def replication_options(installation: Installation, *, server_id: int, port: int) -> list[str]:
    """Return what makes a server fit for GTID replication, as a primary and as a replica."""
    options = [
        f"--server-id={server_id}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--report-host=127.0.0.1",
        f"--report-port={port}",
        "--log-bin=binlog",
        "--relay-log=relay",
        "--innodb-flush-log-at-trx-commit=2",
        "--sync-binlog=0",
    ]
    if installation.is_mariadb:
        return [*options, "--binlog-format=ROW", "--log-slave-updates=ON"]
    options += ["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]
    if installation.version >= (8, 0, 26):
        return [*options, "--log-replica-updates=ON"]
    return [*options, "--binlog-format=ROW", "--log-slave-updates=ON"]
