# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for what comes about by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from .errors import SandboxError

HANGS = 60.0
"""Seconds after which something hangs: on the busiest machine nothing else takes that long. What is to be quick is measured by `make bench`."""


def wait_until(condition: Callable[[], object], timeout: float = HANGS, pause: float = 0.01) -> None:
    """Wait for something that comes about by itself."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise SandboxError(f"it did not come about within {timeout:g} s: {condition}")
        time.sleep(pause)
