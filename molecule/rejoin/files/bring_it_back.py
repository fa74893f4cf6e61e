# SPDX-License-Identifier: GPL-3.0-or-later
"""Write to the new primary of a sandbox cluster, and start the former one, which knows nothing of that."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox import Cluster, Writer

cluster = Cluster.load(Path(sys.argv[1]))
(primary,) = [server for server in cluster.replicas if server.is_writable]
with Writer(primary) as writer:
    writer.wait_for(20)
cluster.primary.start()
