# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut the primary and one replica off, while clients write to it, and wait until the others notice."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox import Cluster, Writer
from sandbox.servers.waiting import wait_until

cluster = Cluster.load(Path(sys.argv[1]))
assert cluster.network is not None
with Writer(cluster.primary, clients=2) as writer:
    writer.wait_for(50)
cluster.wait_in_sync()
cluster.network.cut_off(["db0", "db3"])
wait_until(lambda: all(cluster[name].replica_status()["receiver"] != "Yes" for name in ("db1", "db2")))
