# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What the inventory says of who is to be promoted: a word for each server, and one for the sites that they stand in."""

from __future__ import annotations

# Of a server, the most wanted first.
PREFER, NEUTRAL, PREFER_NOT, NEVER = PROMOTIONS = ("prefer", "neutral", "prefer_not", "never")

# Of the sites: whether one where the primary does not stand may win.
ANY_SITE, PREFER_SITE, SAME_SITE = SITE_RULES = ("any", "prefer", "same")
