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

from .accounts import PASSWORDS
from .cluster import Cluster
from .errors import SandboxError
from .install import install
from .kinds import KINDS, Kind
from .server import Server
from .writer import Writer, rows

__all__ = ["KINDS", "PASSWORDS", "Cluster", "Kind", "SandboxError", "Server", "Writer", "install", "rows"]
