# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read back before a server is opened to writers."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients.haproxy import ProxyServer, Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.haproxy_primary import _see_closed


def server(name: str, admin: int) -> ProxyServer:
    return ProxyServer("writers", name, "10.0.0.1", "-", 3306, admin, 2)


def test_nothing_is_opened_as_long_as_another_server_is_open_or_drains() -> None:
    new = server("n2", 0)
    _see_closed([server("n1", 1), new], [new])
    _see_closed([], [new])
    for admin in (0, 8):
        with pytest.raises(Unreadable, match=r"n1 into maintenance, and has not done so; nothing was opened"):
            _see_closed([server("n1", admin), new], [new])
