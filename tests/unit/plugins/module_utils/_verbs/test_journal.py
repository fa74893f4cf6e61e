# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tasks hand on of what is to be remembered, and who is noted as whoever runs them."""

from __future__ import annotations

import getpass
import os
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options
from ansible_collections.dbha.mysql.plugins.module_utils._state.record import Entry
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import journal


def test_what_another_module_returned_is_taken_and_nothing_else() -> None:
    assert journal.record_in(Options({"record": {}})) is None
    record = journal.record_in(Options({"record": {"event": "failover", "begun": "1000.5", "old_primary": "db0", "why": "it is dead"}}))
    assert record is not None
    assert (record.event, record.old_primary, record.begun) == ("failover", "db0", 1000.5)
    with pytest.raises(BadInput, match="record: takes what another module"):
        journal.record_in(Options({"record": {"event": "failover"}}))


def test_an_account_without_a_name_is_noted_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "@" in journal._whoever_runs_it()

    def unknown() -> t.NoReturn:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert journal._whoever_runs_it().startswith(f"uid {os.getuid()}@")


def test_a_row_stands_in_a_result_with_its_age() -> None:
    entry = Entry("1f", "2026-11-27 14:03:22", 60, "failover", "db0", "db1", "it is dead", "us@here", "P:1-9", 0.4, "")
    described = journal.describe_entry(entry)
    assert (described["seconds_ago"], described["at"], described["new_primary"]) == (60, "2026-11-27 14:03:22", "db1")
    assert "age" not in described
