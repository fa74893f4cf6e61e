# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What MySQL and MariaDB say differently, by version: statements, columns, variables. The one place that knows versions.

The rest of the collection imports it from here. Names by version are from the vendors' manuals ("Changes in MySQL 8.0.22" and so on,
MariaDB's knowledge base) and were read off MySQL 5.6.24, MySQL 9.7, MariaDB 10.11 and MariaDB 11.8.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.base import (
    TRANSACTIONS_REFRESH,
    Flavor,
    SourceOptions,
    UnsupportedVersion,
    Version,
    parse_version,
)
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.mariadb import MariaDB
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.mysql import MySQL

__all__ = ["TRANSACTIONS_REFRESH", "Flavor", "MariaDB", "MySQL", "SourceOptions", "UnsupportedVersion", "Version", "flavor_of", "parse_version"]


def flavor_of(version_text: str) -> Flavor:
    """Return what speaks to a server that calls itself ``version_text``.

    The family is told by the text, never by the number. Raises ``UnsupportedVersion`` for servers older than MySQL 5.6 and MariaDB 10.5.
    """
    version = parse_version(version_text)
    family: t.Type[Flavor] = MariaDB if "mariadb" in version_text.lower() else MySQL
    if version < family.oldest:
        raise UnsupportedVersion("%s is older than %s %s, the oldest that is supported" % (version_text, family.title, ".".join(map(str, family.oldest))))
    return family(version)
