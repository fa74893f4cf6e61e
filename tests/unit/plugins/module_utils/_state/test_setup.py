# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What servers say of how they are set up."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._state.host import Disk
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from ansible_collections.dbha.mysql.plugins.module_utils._state.setup import read_setup
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils._state.test_state import Asked, answer


class Mounted(Asked):
    """A server that says on which disks its files are. A stand-in: MariaDB does so only with a plugin, of the disks of this machine."""

    name = "db1"
    is_let_in_from_memory = False
    may_be_told_secrets = True
    is_read = False
    disks: t.Sequence[t.Mapping[str, t.Any]] = ()

    def send(self, statement: t.Any) -> Rows:
        if "information_schema.DISKS" in statement.text:
            return answer(*self.disks)
        if "datadir" in statement.values:
            return answer({"Variable_name": "datadir", "Value": "/data/"})
        for part, row in (("_connected", {"Value": 7}), ("minutes", {"minutes": 0})):
            if part in statement.text.lower():
                return answer(row)
        return super().send(statement) if not self.is_read else answer()


def test_the_disk_that_its_files_are_on_is_told() -> None:
    server = Mounted("", "mariadb-10.11")
    node = Node(t.cast(t.Any, server))
    node.read()
    server.is_read = True
    server.disks = [{"Path": "/", "Total": 10, "Available": 1}, {"Path": "/data", "Total": 20, "Available": 2}]
    assert read_setup(node).disks == (Disk(("data",), 20, 2),)
