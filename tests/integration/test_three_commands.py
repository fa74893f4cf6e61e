# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has two addresses and an account gets an inventory, a report and a page with three commands of the README, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from sandbox import PASSWORDS
from sandbox.servers.pool import POOL

README = Path(__file__).resolve().parents[2] / "README.md"


def test_two_addresses_and_three_commands_give_an_inventory_a_report_and_a_page(some_kind: str, tmp_path: Path) -> None:
    (block,) = re.findall(r"^```\n(printf .*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(block.splitlines()) == 3
    (tmp_path / ".my.cnf").write_text(f"[client]\nuser = failover\npassword = {PASSWORDS['failover']}\n", encoding="utf-8")
    with POOL.cluster(some_kind, replicas=2) as cluster:
        known = cluster["db1"], cluster["db2"]
        commands = block
        for written, server in zip(("10.0.0.10:3306", "10.0.0.11:3306"), known, strict=True):
            commands = commands.replace(written, f"{server.host}:{server.port}")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "HOME": str(tmp_path), "PATH": path, "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        assert re.search(r"--@orders_primary:\n.*" + str(cluster.primary.port), output), output
        assert " would be elected\n  it has applied all that it has received\n  nothing is only on " in output, output
    page = (tmp_path / "orders.html").read_text(encoding="utf-8")
    assert "Check of orders" in page
