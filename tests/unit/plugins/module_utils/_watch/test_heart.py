# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a process has stood still is told by beats that come late."""

from __future__ import annotations

from ansible_collections.dbha.mysql.plugins.module_utils._watch.heart import Heart


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pause_is_seen_by_whoever_began_before_it() -> None:
    clock = Clock()
    heart = Heart(clock)
    begun = heart.now()
    for _each in range(50):
        clock.now += 0.2  # a busy machine
        heart.beat()
    assert not heart.missed_since(begun)
    clock.now += 3
    # Nobody needs to have beaten since: whoever asks comes first, perhaps.
    assert heart.missed_since(begun)
    assert heart.missed_since(begun)
    later = heart.now()
    clock.now += 0.2
    assert not heart.missed_since(later)


def test_it_beats_by_itself_until_it_is_stopped() -> None:
    heart = Heart()
    heart.start()
    begun = heart.now()
    heart.stop()
    heart._thread.join(10)
    assert not heart._thread.is_alive()
    assert heart.now() >= begun
