# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real MySQL and MariaDB servers on loopback, for tests, molecule and the demo."""

from __future__ import annotations

from .accounts import PASSWORDS
from .cluster import Cluster
from .errors import SandboxError
from .install import install
from .kinds import KINDS, Kind
from .server import Server
from .writer import Writer, rows

__all__ = ["KINDS", "PASSWORDS", "Cluster", "Kind", "SandboxError", "Server", "Writer", "install", "rows"]
