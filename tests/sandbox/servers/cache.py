# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where installed servers and template data directories are kept, and locks on that place."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def cache_directory() -> Path:
    """Return $DBHA_CACHE, by default ~/.cache/dbha."""
    return Path(os.environ.get("DBHA_CACHE") or Path.home() / ".cache" / "dbha").absolute()


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of that name in the cache, against other processes and other threads."""
    path = cache_directory() / "locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
