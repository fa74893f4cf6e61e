# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Doing the work of a module that logs in to no server."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import perform


class Refused(Exception):
    """A module failed; its result says why."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(result["msg"])
        self.result = result
        self.codes = {problem["code"] for problem in result["problems"]}


def perform_verb(verb: Verb[Any], check_mode: bool = False, **given: Any) -> dict[str, Any]:
    """Do the work. Raises Refused if it fails."""
    validated = ArgumentSpecValidator(verb.arguments).validate(given)
    assert not validated.error_messages, validated.error_messages
    result = perform(verb, validated.validated_parameters, check_mode=check_mode, diff_mode=False, say=lambda message: None)
    if result.get("failed"):
        raise Refused(result)
    return result
