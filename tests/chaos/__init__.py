# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad nights on real servers, drawn by a seed: `make chaos`. plan.py draws, night.py carries out, report.py sums up. Knows the sandbox."""
