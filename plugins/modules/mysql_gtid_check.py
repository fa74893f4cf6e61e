#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_gtid_check
short_description: TODO
"""

from ansible_collections.dbha.mysql.plugins.module_utils._arguments import run_module
from ansible_collections.dbha.mysql.plugins.module_utils._gtid_check import ARGUMENTS, check_gtids


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, check_gtids)


if __name__ == "__main__":
    main()
