# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""How a primary that another server replaces will come back: closed for writes, or perhaps open beside the new one. Pure."""

from __future__ import annotations

import typing as t

_NOT_KNOWN = "whether its option files say read_only is not known"


def coming_back(*, is_closed: bool, persists: bool, safe_start: bool) -> t.Tuple[t.Optional[bool], str]:
    """Return whether a server is closed at its next start, ``None`` where nobody can tell, and why.

    Of one that is dead nothing can be read any more.

    :arg is_closed: it answered, and was made read-only by SQL; :arg persists: so that it outlasts a restart.
    :arg safe_start: the inventory says that servers come back closed (``mysql_safe_start``).
    """
    if is_closed and persists:
        return True, "it was made read-only, also for its next start"
    if is_closed:
        return None, "it was made read-only, but a restart ends that: %s" % _NOT_KNOWN
    if safe_start:
        return None, "mysql_safe_start is set, so that it does if its option files say read_only, or if it became the primary with that (MySQL 8.0 and later)"
    return None, _NOT_KNOWN
