# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""What servers say is never a template, whatever it looks like.

From ansible-core 2.19 on only what is marked as trusted is one. Until 2.18 all is that is not marked as unsafe.
"""

from __future__ import annotations

import typing as t

from ansible.release import __version__ as core_version

_TRUSTS_NOBODY = tuple(map(int, core_version.split(".")[:2])) >= (2, 19)


def from_servers(value: t.Any) -> t.Any:
    """Return a value of plain types that Ansible will not take for a template."""
    if _TRUSTS_NOBODY:
        return value
    from ansible.utils.unsafe_proxy import wrap_var

    return wrap_var(value)
