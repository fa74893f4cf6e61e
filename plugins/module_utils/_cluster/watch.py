# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Asking servers that were found dead whether they are back, beside other work that takes its time anyway."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Entry
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State

Found = t.Union["State", Failure]

# Seconds between two questions.
_PAUSE = 0.1


class Watch:
    """Asks again and again for as long as the block lasts. ``found``: what each server said last, or why it did not answer."""

    def __init__(self, ask: Callable[[Entry], Found], entries: Sequence[Entry]) -> None:
        self._ask = ask
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=(entry,), daemon=True) for entry in entries]
        self.found: t.Dict[str, Found] = {}

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: t.Optional[t.Type[BaseException]], error: t.Optional[BaseException], trace: t.Optional[TracebackType]) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, entry: Entry) -> None:
        is_over = False
        while True:
            found = self.found[entry.name] = self._ask(entry)
            # Where nothing listens that is said at once, so that the last answer can be of the last moment.
            if is_over or not isinstance(found, Failure) or (self._over.wait(_PAUSE) and not found.refused):
                return
            is_over = self._over.is_set()
