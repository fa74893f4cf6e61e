# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wiring a replica to its source and reading how it stands, in each family's and version's words."""

from __future__ import annotations

import re
from typing import Any

from .accounts import PASSWORDS
from .installation import Installation


def _new_names(installation: Installation) -> bool:
    return not installation.is_mariadb and installation.version >= (8, 0, 23)


def start_statement(installation: Installation) -> str:
    """Return what starts both threads."""
    return "START REPLICA" if _new_names(installation) else "START SLAVE"


def stop_statement(installation: Installation) -> str:
    """Return what stops both threads."""
    return "STOP REPLICA" if _new_names(installation) else "STOP SLAVE"


def change_statement(installation: Installation, *, host: str, port: int, user: str = "repl", delay: int = 0) -> tuple[str, tuple[Any, ...]]:
    """Return the statement, and its arguments, that points a replica at a source with GTID auto-position."""
    prefix = "SOURCE" if _new_names(installation) else "MASTER"
    settings: dict[str, Any] = {
        f"{prefix}_HOST": host,
        f"{prefix}_PORT": port,
        f"{prefix}_USER": user,
        f"{prefix}_PASSWORD": PASSWORDS[user],
        f"{prefix}_CONNECT_RETRY": 1,
        f"{prefix}_DELAY": delay,
    }
    fixed = []
    if installation.is_mariadb:
        fixed.append("MASTER_USE_GTID = slave_pos")
    else:
        settings[f"{prefix}_AUTO_POSITION"] = 1
        settings[f"{prefix}_RETRY_COUNT"] = 86400  # 8.4 and later give up after 10
    if _new_names(installation):
        settings["GET_SOURCE_PUBLIC_KEY"] = 1  # caching_sha2_password without TLS
    statement = "CHANGE REPLICATION SOURCE TO " if _new_names(installation) else "CHANGE MASTER TO "
    return statement + ", ".join([*(f"{name} = %s" for name in settings), *fixed]), tuple(settings.values())


def status_statement(installation: Installation) -> str:
    """Return what shows how a replica stands."""
    return "SHOW REPLICA STATUS" if _new_names(installation) else "SHOW SLAVE STATUS"


def normalised_status(raw: dict[str, Any]) -> dict[str, Any]:
    """Give the columns that tests look at names that are the same everywhere."""

    def column(suffix: str) -> Any:
        for name in (suffix, suffix.replace("Master", "Source").replace("Slave", "Replica")):
            if name in raw:
                return raw[name]
        return None

    return {
        "source_host": column("Master_Host"),
        "source_port": int(column("Master_Port")),
        "source_user": column("Master_User"),
        "receiver": column("Slave_IO_Running"),
        "applier": column("Slave_SQL_Running"),
        "receiver_errno": column("Last_IO_Errno"),
        "receiver_error": column("Last_IO_Error"),
        "applier_errno": column("Last_SQL_Errno"),
        "applier_error": column("Last_SQL_Error"),
        "received": (raw.get("Gtid_IO_Pos") or raw.get("Retrieved_Gtid_Set") or "").replace("\n", ""),
        "delay": column("SQL_Delay"),
        "lag": column("Seconds_Behind_Master"),
        "raw": raw,
    }


def domains(position: str) -> dict[int, int]:
    """Return the highest sequence number of each domain in a MariaDB position."""
    result: dict[int, int] = {}
    for domain, number in re.findall(r"(\d+)-\d+-(\d+)", position):
        result[int(domain)] = max(int(number), result.get(int(domain), 0))
    return result
