# SPDX-License-Identifier: GPL-3.0-or-later
"""Write to the primary of a sandbox cluster over several connections."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox import Cluster, Writer

with Writer(Cluster.load(Path(sys.argv[1]))["db0"], clients=2) as writer:
    writer.wait_for(200)
