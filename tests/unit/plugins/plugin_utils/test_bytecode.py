# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The core is imported with what was compiled of it before, and nothing else is imported in another way because of that."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

CORE = "ansible_collections.dbha.mysql.plugins.module_utils."


def test_only_the_core_is_found_and_only_while_it_is_imported() -> None:
    before = list(sys.meta_path)
    with compiled_once():
        (finder,) = [each for each in sys.meta_path if each not in before]
        spec = finder.find_spec(CORE + "_gtid", None)
        assert spec is not None
        assert isinstance(spec.loader, SourceFileLoader)
        assert spec.cached is not None
        for other in (CORE + "_nothing", CORE[:-1], "ansible_collections.dbha.mysql.plugins.action.mysql_promote", "ansible_collections.dbha.other", "_gtid"):
            assert finder.find_spec(other, None) is None, other
    assert sys.meta_path == before
