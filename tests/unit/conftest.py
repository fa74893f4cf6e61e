# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all unit tests share."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

# Tools of the tests that are tested themselves: ansible-test does not look for modules there.
sys.path.append(str(Path(__file__).resolve().parents[1]))

# A loaded machine is no failure, and nothing is to be written into the checkout.
settings.register_profile("dbha", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
# Whoever only asks whether a test fails (tests/mutants) need not wait for the smallest example at which it does.
settings.register_profile("mutants", settings.get_profile("dbha"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("dbha")
