# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The core is imported with what was compiled of it before, and nothing else is imported in another way because of that."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

CORE = "ansible_collections.dbha.mysql.plugins.module_utils."


def test_only_the_core_is_found_and_only_while_it_is_imported() -> None:
    before = list(sys.meta_path)
    with compiled_once():
        (finder,) = [each for each in sys.meta_path if each not in before]
        file = finder.find_spec(CORE + "_gtid.parse", None)
        assert file is not None
        assert isinstance(file.loader, SourceFileLoader)
        assert file.cached is not None
        room = finder.find_spec(CORE + "_gtid", None)
        assert room is not None
        assert room.submodule_search_locations == [str(Path(file.origin).parent)]
        others = ("ansible_collections.dbha.mysql.plugins.action.mysql_promote", "ansible_collections.dbha.other", "_gtid")
        for other in (CORE + "_nothing", CORE + "_gtid.nothing", CORE[:-1], *others):
            assert finder.find_spec(other, None) is None, other
    assert sys.meta_path == before


def test_all_that_a_door_imports_of_the_core_is_kept_compiled(tmp_path: Path) -> None:
    # In a Python of its own: here the core was imported by other ways before. Without the finder Ansible's loader compiles it anew.
    program = f"""
import sys
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
_AnsibleCollectionFinder(paths=[path for path in sys.path if path])._install()
import ansible_collections.dbha.mysql.plugins.action.mysql_promote
core = {{name: module for name, module in sys.modules.items() if name.startswith("{CORE}_") and getattr(module, "__file__", None)}}
print(len(core), *(name for name, module in core.items() if type(module.__loader__).__name__ != "SourceFileLoader" or not module.__cached__))
"""
    root = next(Path(path) for path in sys.path if (Path(path) / "ansible_collections/dbha/mysql").is_dir())
    run = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(root), "HOME": str(tmp_path)}, capture_output=True, text=True, check=True)
    number, *compiled_anew = run.stdout.split()
    assert int(number) > 20
    assert compiled_anew == []
