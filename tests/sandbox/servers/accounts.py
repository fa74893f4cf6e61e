# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The users in every server: their passwords, and the statements that create them."""

from __future__ import annotations

from collections.abc import Iterator

from .kinds import Version
from .privileges import REPLICATION_PRIVILEGES, failover_privileges

SCHEMA = "dbha_demo"

PASSWORDS = {
    "failover": """fa'il"ov\\er %s #1""",
    "repl": """re"pl' \\ca%d $x:y""",  # CHANGE MASTER takes 32 characters at most
    "app": """a'p"p\\%s""",
}
"""Every character in them has broken some tool's quoting."""


def account_statements(family: str, version: Version) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield statements and their arguments that create the users of PASSWORDS."""
    for user, password in PASSWORDS.items():
        yield "CREATE USER %s@'%%' IDENTIFIED BY %s", (user, password)
    grants = {
        "failover": (failover_privileges(family, version), "*.*"),
        "repl": (REPLICATION_PRIVILEGES, "*.*"),
        "app": (("ALL PRIVILEGES",), f"`{SCHEMA}`.*"),
    }
    for user, (privileges, where) in grants.items():
        yield f"GRANT {', '.join(privileges)} ON {where} TO %s@'%%'", (user,)
