#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_change_master
short_description: TODO
"""

from ansible_collections.dbha.mysql.plugins.module_utils._arguments import run_module
from ansible_collections.dbha.mysql.plugins.module_utils._change_master import ARGUMENTS, change_primary


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, change_primary)


if __name__ == "__main__":
    main()
