# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this document fragment is **PRIVATE** to the collection.

from __future__ import annotations


class ModuleDocFragment:
    """What the modules support."""

    DOCUMENTATION = r"""
options: {}
attributes:
  action:
    description: Has an action plugin of the same name, which runs on the controller.
    support: full
    details:
      - It fills in servers that are named by inventory hosts, and does the work itself if the connection is local.
  action_group:
    description: Use C(group/dbha.mysql.all) in C(module_defaults) to set the login options once for all modules.
    support: full
    membership:
      - dbha.mysql.all
  check_mode:
    description: Can run in C(check_mode) and say what would be done without doing it.
  diff_mode:
    description: Shows in C(diff) mode which server replicates from which, before and after.
  idempotent:
    description: Changes nothing when it is run again with the same options after it has succeeded.
  platform:
    description: Where the module can run. The servers can run on anything.
    support: full
    platforms: posix
"""
