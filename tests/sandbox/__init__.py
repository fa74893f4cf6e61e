# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real MySQL and MariaDB servers on loopback, for tests, molecule and the demo.

with Cluster("mariadb-10.11", replicas=3) as cluster, Writer(cluster.primary) as writer:
    writer.wait_for(100)
    cluster.primary.kill()

From a shell: `python -m sandbox --help`. Variables: DBHA_CACHE (where servers are installed, by default ~/.cache/dbha),
DBHA_SANDBOX_DIR (where clusters live, by default the system's temporary directory), DBHA_MARIADBD and DBHA_MYSQLD (a
server of one's own, or several with colons between them, each for the kind whose release it has).
"""

from __future__ import annotations

from .scenes.writer import Writer, rows
from .servers.accounts import PASSWORDS
from .servers.cluster import Cluster
from .servers.errors import NoLongerThere, SandboxError
from .servers.install import install
from .servers.kinds import KINDS, Kind
from .servers.server import Server

__all__ = ["KINDS", "PASSWORDS", "Cluster", "Kind", "NoLongerThere", "SandboxError", "Server", "Writer", "install", "rows"]
