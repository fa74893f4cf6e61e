# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages of a check and of a failover in a real browser: whoever looks at them in the middle of an incident can read them, on whatever screen."""

from __future__ import annotations

from pathlib import Path

import pytest
from markupsafe import escape

from sandbox import Cluster, SandboxError
from sandbox.runs.browser import Browser
from sandbox.runs.playbook import Playbooks
from sandbox.servers.accounts import SCHEMA
from sandbox.servers.waiting import wait_until

HTML = "<img src=x onerror=alert(1)>"

# WCAG 2.2, 1.4.3: the least contrast of text.
READABLE = 4.5


@pytest.mark.server("mariadb-10.11")
def test_the_pages_can_be_read_on_small_and_large_dark_and_light_screens(cluster: Cluster, tmp_path: Path) -> None:
    try:
        browser = Browser()
    except SandboxError as error:
        pytest.skip(f"There is no browser to look with. {error}")
    playbooks = Playbooks(cluster, tmp_path)
    pages = {name: tmp_path / f"{name}.html" for name in ("check", "failover")}
    # What a replica fails with has the name of a table in it, which is HTML here.
    primary, replica = cluster.primary, cluster["db3"]
    primary.execute(f"CREATE TABLE {SCHEMA}.`{HTML}` (id INT PRIMARY KEY)")
    cluster.wait_in_sync()
    replica.execute_all("SET SESSION sql_log_bin = 0", f"INSERT INTO {SCHEMA}.`{HTML}` VALUES (1)")
    primary.execute(f"INSERT INTO {SCHEMA}.`{HTML}` VALUES (1)")
    wait_until(lambda: replica.replica_status()["applier"] != "Yes")
    playbooks.run("dbha.mysql.check", check_report=str(pages["check"]))
    text = pages["check"].read_text(encoding="utf-8")
    assert HTML not in text
    assert str(escape(HTML)) in text
    replica.execute_all("SET SESSION sql_log_bin = 0", f"DELETE FROM {SCHEMA}.`{HTML}`", "START SLAVE")
    cluster.wait_in_sync()
    cluster.primary.kill()
    playbooks.run("dbha.mysql.failover", failover_report=str(pages["failover"]), failover_salvage="never")
    with browser:
        for page in pages.values():
            light, dark = ({width: browser.look_at(page, width=width, dark=is_dark) for width in (400, 1400)} for is_dark in (False, True))
            for width, seen in [*light.items(), *dark.items()]:
                assert seen.complaints == ()
                assert seen.width <= width, "it has to be moved sideways"
                assert len(seen.texts) > 50
                assert [each for each in seen.texts if each["contrast"] < READABLE or each["size"] < 10] == []
                assert seen.picture.startswith(b"\x89PNG")
                assert len(seen.picture) > 10_000
            assert light[400].background > 0.7 > 0.2 > dark[400].background
