# SPDX-License-Identifier: GPL-3.0-or-later
"""Write to the primary of a sandbox cluster over several connections, and kill it meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox import Cluster, Writer

primary = Cluster.load(Path(sys.argv[1]))["db0"]
writer = Writer(primary, clients=2)
writer.wait_for(200)
primary.kill()
writer.stop()
