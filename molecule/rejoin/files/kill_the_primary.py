# SPDX-License-Identifier: GPL-3.0-or-later
"""Write to the primary of a sandbox cluster, and kill it once its replicas have all of that."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox import Cluster, Writer

cluster = Cluster.load(Path(sys.argv[1]))
with Writer(cluster.primary, clients=2) as writer:
    writer.wait_for(200)
cluster.wait_in_sync()
cluster.primary.kill()
