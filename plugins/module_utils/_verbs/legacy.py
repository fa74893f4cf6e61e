# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Verbs whose options are not parsed into a value of their own yet. Goes with the last of them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call, Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Entry


@dataclass
class OldCall(Call):
    """A call with its options, as they were given."""

    given: Options = field(default_factory=lambda: Options({}))

    @property
    def options(self) -> t.Dict[str, t.Any]:
        return self.given._given

    def cluster(self, *options: str) -> Cluster:
        return Cluster(self.given.members(*options), self.journal, check_mode=self.check_mode)

    def name_of(self, option: str) -> t.Optional[str]:
        entry = self.given.server(option)
        return entry.name if entry else None

    def entry_of(self, option: str) -> t.Optional[Entry]:
        return self.given.server(option)

    def names_of(self, option: str) -> t.List[str]:
        return list(self.given.names(option))

    def seconds(self, option: str) -> float:
        return self.given.seconds(option)


def legacy(arguments: t.Dict[str, t.Any], work: t.Callable[[OldCall], t.Dict[str, t.Any]], strangers: t.Tuple[str, ...] = ()) -> Verb[Options]:
    """Return a verb of a function that reads its options itself."""

    def adapted(call: Call, options: Options) -> t.Dict[str, t.Any]:
        old = OldCall(call.check_mode, call.say, call.journal, call.warnings, call.harmless, call.found, options)
        try:
            return work(old)
        finally:
            # A function may have put another dictionary in place of it.
            call.found = old.found

    return Verb(arguments, lambda options: options, adapted, strangers=strangers)
