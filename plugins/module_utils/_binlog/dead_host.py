# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The part of mysql_salvage that runs on the dead server's host, on its files. It needs no driver."""

from __future__ import annotations

import base64
import os
import tempfile
import time
import typing as t
import zlib

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed, find_program, write_sql
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import extract_from_directory
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids

Result = t.Dict[str, t.Any]


def read_salvage(options: t.Mapping[str, t.Any]) -> Result:
    """Take out of binary log files what a replica lacks: which transactions they are, and the SQL to apply them.

    C(trouble) says why there is no SQL of transactions that were found. Raises ``ExtractFailed`` where they could not even be found.
    """
    deadline = time.monotonic() + options["timeout"]
    family = options["family"]
    extract = extract_from_directory(options["directory"], family, parse_gtids(family, options["have"]), options["timeout"])
    found = [transaction.gtid for segment in extract.segments for transaction in segment.transactions]
    result: Result = {"found": found, "sql": "", "trouble": None}
    if not found:
        return result
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for number, segment in enumerate(extract.segments, 1):
            files.append(os.path.join(directory, "binlog.%06d" % number))
            with open(files[-1], "wb") as file:
                file.write(segment.to_bytes())
        target = os.path.join(directory, "transactions.sql")
        try:
            program = find_program(family, options["binlog_program"], max(deadline - time.monotonic(), 0.1))
            write_sql(program, files, target, max(deadline - time.monotonic(), 0.1), verbose=False)
        except ExtractFailed as error:
            return dict(result, trouble=str(error))
        with open(target, "rb") as sql:
            return dict(result, sql=base64.b64encode(zlib.compress(sql.read(), 1)).decode("ascii"))
