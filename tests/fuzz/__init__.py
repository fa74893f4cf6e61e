# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that comes from elsewhere, changed at random: answers of servers, GTIDs, binary logs, option files, what a dead primary's host gives back.

Whatever it is, only errors come out that say whose fault it is, within a time and with a memory that have limits, and nothing that steers a terminal.
"""
