# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible inventories of sandbox clusters."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from .accounts import PASSWORDS
from .server import Server


def write_inventory(path: Path, servers: Iterable[Server], group: str = "orders") -> None:
    """Write the servers as a YAML inventory, as users would."""
    text = json.dumps  # what JSON quotes, YAML reads
    lines = [f"{group}:", "  hosts:"]
    lines += [f"    {server.name}: {{mysql_host: {server.host}, mysql_port: {server.port}}}" for server in servers]
    lines += [
        "  vars:",
        "    mysql_login_user: failover",
        f"    mysql_login_password: {text(PASSWORDS['failover'])}",
        "    mysql_replication_user: repl",
        "    mysql_allow_unverified: true",
        f"    mysql_replication_password: {text(PASSWORDS['repl'])}",
        "    ansible_connection: local",
        '    ansible_python_interpreter: "{{ ansible_playbook_python }}"',
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
