# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which privileges of our account are missing, by what SHOW GRANTS says."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.privileges import missing, needed

VERSIONS = [("mariadb", (10, 5, 8)), ("mariadb", (10, 5, 29)), ("mariadb", (11, 8, 6)), ("mysql", (5, 6, 24)), ("mysql", (5, 7, 44))]
VERSIONS += [("mysql", (8, 0, 11)), ("mysql", (8, 0, 36)), ("mysql", (8, 4, 0)), ("mysql", (9, 7, 4))]


@pytest.mark.parametrize(("family", "version"), VERSIONS)
def test_each_one_that_is_not_granted_on_everything_is_missed(family: str, version: tuple[int, ...]) -> None:
    names = needed(family, version)
    for name in names:
        others = ", ".join(other for other in names if other != name)
        grants = [f"GRANT {others} ON *.* TO `failover`@`%` IDENTIFIED BY PASSWORD '*64'", f"GRANT {name} ON `orders`.* TO `failover`@`%`"]
        found = missing(family, version, grants)
        # SUPER has others in it.
        assert found == ((name,) if name in found else ()), name
        assert found == (name,) or "SUPER" in names
    assert missing(family, version, [f"GRANT {', '.join(names)} ON *.* TO `failover`@`%`"]) == ()
    assert missing(family, version, []) == names


@pytest.mark.parametrize(
    ("family", "version", "grants", "lacking"),
    [
        ("mysql", (9, 7, 4), ["GRANT USAGE ON *.* TO `failover`@`%`", "GRANT `ops`@`%` TO `failover`@`%`"], 11),
        ("mysql", (5, 6, 24), ["GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION"], 0),
        ("mariadb", (10, 11, 6), ["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"], 0),
        ("mariadb", (10, 5, 29), ["GRANT SUPER, EVENT, PROCESS, RELOAD, REPLICATION SLAVE ON *.* TO `f`@`%`"], 0),
        ("mariadb", (10, 11, 6), ["GRANT SUPER, EVENT, PROCESS, RELOAD, REPLICATION SLAVE ON *.* TO `f`@`%`"], 1),  # READ_ONLY ADMIN
        ("mariadb", (11, 8, 6), ["GRANT SUPER, EVENT, PROCESS, RELOAD, REPLICATION SLAVE ON *.* TO `f`@`%`"], 9),
        ("mysql", (8, 0, 36), ["GRANT SUPER, EVENT, PROCESS, RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `f`@`%`"], 1),  # SYSTEM_USER
        ("mariadb", (11, 8, 6), ["GRANT RELOAD, EVENT ON *.* TO `ops`", "GRANT `ops` TO `failover`@`%`"], 11),
    ],
)
def test_other_ways_to_grant(family: str, version: tuple[int, ...], grants: list[str], lacking: int) -> None:
    assert len(missing(family, version, grants)) == lacking
