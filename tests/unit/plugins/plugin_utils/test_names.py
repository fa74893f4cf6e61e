# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A user is told of the variables of a role, and not of the options that it fills in from them."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.plugin_utils._names import variables_in, with_variables

WRITTEN = {
    "timeout": "{{ switchover_timeout | default(30, true) }}",
    "max_lag": "{{ switchover_max_lag }}",
    "replica": "{{ _switchover_election.best }}",
    "go_on": "{{ election.todo.repoint | length > 0 }}",
    "purpose": "switchover",
    "grace": 5,
    "to": "{{ one }} or {{ another }}",
    "received": "{{ _received }}",
}


def test_an_option_that_is_a_variable_is_known_by_it() -> None:
    assert variables_in(WRITTEN) == {"timeout": "switchover_timeout", "max_lag": "switchover_max_lag"}


@pytest.mark.parametrize("written", [None, "timeout=3", ["timeout"]])
def test_what_is_written_in_another_form_has_no_variables(written: object) -> None:
    assert variables_in(written) == {}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("timeout: 0 is not a time limit", "switchover_timeout: 0 is not a time limit"),
        ("drain_timeout: 0 is not a time limit", "drain_timeout: 0 is not a time limit"),
        ("argument 'max_lag' is of type str", "argument 'switchover_max_lag' is of type str"),
        ("value of timeout must be one of: a, b", "value of switchover_timeout must be one of: a, b"),
        ("max_lag: wrong; timeout: wrong", "switchover_max_lag: wrong; switchover_timeout: wrong"),
        ("the timeout was not read", "the timeout was not read"),
    ],
)
def test_a_message_names_the_variable(message: str, told: str) -> None:
    assert with_variables(message, variables_in(WRITTEN)) == told
