# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a primary that was replaced will come back: closed only where that is certain."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.coming_back import coming_back


@pytest.mark.parametrize(("is_closed", "persists", "safe_start"), list(itertools.product([True, False], repeat=3)))
def test_only_one_that_was_closed_for_good_is_said_to_come_back_closed(is_closed: bool, persists: bool, safe_start: bool) -> None:
    closed, why = coming_back(is_closed=is_closed, persists=persists, safe_start=safe_start)
    assert closed is (True if is_closed and persists else None)
    assert why
    assert ("mysql_safe_start" in why) == (safe_start and not is_closed)
    assert ("it was made read-only" in why) == is_closed
