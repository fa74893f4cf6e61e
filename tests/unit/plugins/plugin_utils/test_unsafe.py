# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What servers say is what it is, marked where Ansible would otherwise take it for a template. The playbooks of other versions of Ansible see it work."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.plugin_utils import _unsafe


@pytest.mark.parametrize("trusts_nobody", [True, False])
def test_what_servers_say_stays_as_it_is(trusts_nobody: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_unsafe, "_TRUSTS_NOBODY", trusts_nobody)
    said = {"version": "{{ 7 * 7 }}", "number": 7, "none": None, "list": ["{% if x %}"]}
    assert _unsafe.from_servers(said) == said
