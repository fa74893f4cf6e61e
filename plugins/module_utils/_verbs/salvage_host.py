# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.
"""The half of mysql_salvage that runs on the dead server's host, on its files. The other half, ``salvage``, asks it.

It is apart because only what it imports is sent there.
"""

from __future__ import annotations

import sys
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Question, answer, place_in, stream
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import StillRunning
from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import GtidError, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "replica": server_argument(),
    "directory": {"type": "path", "default": "/var/lib/mysql"},
    "policy": {"type": "str", "choices": ["auto", "require"]},
    "force": {"type": "bool", "default": False},
    "connect_within": {"type": "float", "default": 3},
    "timeout": {"type": "float", "default": 20},
    # What the half that asks tells the half that runs on the dead server's host.
    "family": {"type": "str", "choices": ["mysql", "mariadb"]},
    "have": {"type": "str"},
    "place": {"type": "dict"},
    "stream": {"type": "bool", "default": False},
}


def parse_question(options: Options) -> Question:
    """Read what is asked of the dead server's host. Raises ``BadInput``."""
    family, have = options.text("family"), options.text("have")
    if family is None or have is None:
        raise BadInput("family, have: the action plugin fills them in; delegate the task to the host of the dead server")
    place = options.mapping("place")
    try:
        here = place_in(place) if place else None
        return Question(family, parse_gtids(family, have), options.text("directory") or "", options.seconds("timeout"), here, options.flag("stream"))
    except GtidError as error:
        raise BadInput("have: %s" % error) from error
    except ValueError as error:
        raise BadInput("place: %s" % error) from error


def read_binary_logs(call: Call, question: Question) -> t.Mapping[str, object]:
    """Say which transactions the replica lacks, and how to apply them: as an answer, or as a stream of parts before it."""
    try:
        if question.stream:
            stream(question, sys.stdout.buffer)
            return {}
        return answer(question)
    except StillRunning as error:
        raise Refusal([Problem("primary_maybe_alive", "", str(error))]) from error
    except ExtractFailed as error:
        raise Refusal([Problem("salvage_failed", "", str(error))]) from error


READ = Verb(ARGUMENTS, parse_question, read_binary_logs, connects=False)
