# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut the primary and one replica (db3) off, and wait until the others notice. With --client, a client that is cut off with them goes on writing."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from sandbox import Cluster, Writer
from sandbox.servers.waiting import wait_until

CLIENT = "client"

cluster = Cluster.load(Path(sys.argv[1]))
network = cluster.network
assert network is not None
(primary,) = [server for server in cluster.servers.values() if server.is_writable]
others = [server for server in cluster.servers.values() if server.name not in (primary.name, "db3")]
with Writer(primary, clients=2) as writer:
    writer.wait_for(50)
cluster.wait_in_sync(source=primary, replicas=cluster.servers.values())
old_side = [primary.name, "db3"]
if "--client" in sys.argv:
    network.add(CLIENT)
    cluster.save()
    old_side.append(CLIENT)
network.cut_off(old_side)
wait_until(lambda: all(server.replica_status()["receiver"] != "Yes" for server in others))
if "--client" in sys.argv:
    with Writer(primary, enter=partial(network.enter, CLIENT)) as client:
        client.wait_for(10)
