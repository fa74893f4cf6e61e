# SPDX-License-Identifier: GPL-3.0-or-later
"""Write to the new primary, see that the old side has noticed nothing, and let both sides reach each other again."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox import Cluster, Writer

cluster = Cluster.load(Path(sys.argv[1]))
assert cluster.network is not None
old, stray = cluster["db0"], cluster["db3"]
(new,) = [server for server in (cluster["db1"], cluster["db2"]) if server.is_writable]
with Writer(new, clients=2) as writer:
    writer.wait_for(50)
    cluster.network.heal()
    writer.wait_for(50)
assert old.is_writable, "the old primary was closed although nobody can have reached it"
status = stray.replica_status()
assert (status["source_host"], status["receiver"], status["applier"]) == (old.host, "Yes", "Yes"), status
