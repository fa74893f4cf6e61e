# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._first_look import FirstLook

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.gtid_check import VERB


class ActionModule(FirstLook):
    """Fill in inventory hosts and run M(dbha.mysql.mysql_gtid_check) directly where the connection is local."""

    verb = VERB
