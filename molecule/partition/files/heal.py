# SPDX-License-Identifier: GPL-3.0-or-later
"""Write to the new primary, see that the old side has noticed nothing, and let both sides reach each other again. With --client, the old side's writes, too."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from sandbox import Cluster, Writer

cluster = Cluster.load(Path(sys.argv[1]))
network = cluster.network
assert network is not None
stray = cluster["db3"]
status = stray.replica_status()
(old,) = [server for server in cluster.servers.values() if server.host == status["source_host"]]
(new,) = [server for server in cluster.servers.values() if server.is_writable and server is not old]
with Writer(new, clients=2) as writer:
    writer.wait_for(50)
    if "--client" in sys.argv:
        with Writer(old, enter=partial(network.enter, "client")) as client:
            client.wait_for(10)
        cluster.wait_in_sync(source=old, replicas=[stray])
    network.heal()
    writer.wait_for(50)
assert old.is_writable, "the old primary was closed although nobody can have reached it"
status = stray.replica_status()
assert (status["source_host"], status["receiver"], status["applier"]) == (old.host, "Yes", "Yes"), status
