# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Lets Python keep what it has compiled of the core, as it does of everything else.

Ansible's loader of collections compiles them anew in every run (seen: ansible-core 2.17 to 2.21). That is a tenth of the time that a failover takes
until the new primary is open for writes.
"""

from __future__ import annotations

import sys
import typing as t
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = "ansible_collections.dbha.mysql.plugins.module_utils."
_DIRECTORY = Path(__file__).parent.parent / "module_utils"


class _Core(MetaPathFinder):
    """Finds the rooms of the core and the files in them where they are; those are loaded by Python's own loader."""

    def find_spec(self, fullname: str, path: t.Any = None, target: t.Any = None) -> t.Optional[ModuleSpec]:
        if not fullname.startswith(_PACKAGE):
            return None
        place = _DIRECTORY.joinpath(*fullname[len(_PACKAGE) :].split("."))
        if place.is_dir():
            room = ModuleSpec(fullname, None, is_package=True)
            room.submodule_search_locations = [str(place)]
            return room
        file = place.with_suffix(".py")
        return spec_from_file_location(fullname, file) if file.is_file() else None


@contextmanager
def compiled_once() -> Iterator[None]:
    """Import modules of the core with what was compiled of them before. Where that cannot be kept, they are compiled, as ever."""
    core = _Core()
    sys.meta_path.insert(0, core)
    try:
        yield
    finally:
        sys.meta_path.remove(core)
