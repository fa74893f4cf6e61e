#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_find_best_replica
short_description: Elect the replica of a dead MySQL or MariaDB primary that is to be promoted, and prepare it
version_added: 0.1.0
author:
  - dbha contributors (@dbha)
description:
  - Elects the replica that has received the most. What is in the relay logs counts, applied or not. Sets of GTIDs decide, never file positions.
  - Among replicas that have the same, the order is O(candidates), one that is writable already because an earlier run got that far, one without a
    delay, the one that has least to apply, the oldest version, and the name.
  - With O(drain=true) it stops the receivers of all replicas first, so that nothing moves any more, then elects, then lets the one that has the
    most apply all that it has received. Whoever replicates from another living replica is left alone.
  - If that fails, the replication threads of all replicas run again as they were found.
  - Refuses what cannot be done safely. The primary must be dead, every replica must answer, and none may have what the others cannot get.
extends_documentation_fragment:
  - dbha.mysql.attributes
  - dbha.mysql.login
  - dbha.mysql.entry.cluster
  - dbha.mysql.entry.replicas
  - dbha.mysql.entry.primary
  - dbha.mysql.entry.notes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  replicas:
    description: The servers of the cluster, where they are not a group of the inventory (O(cluster)). The dead primary may be among them.
  primary:
    description:
      - The server that is the dead primary.
      - Without it, that is the server that the replicas replicate from. It need not be one of O(replicas).
  found_dead:
    description:
      - The name of a primary that did not answer a moment ago (as RV(dbha.mysql.mysql_gtid_check#module:primary) has it).
      - It is asked once more, but only for a quarter of a second. One whose host is off would cost the whole O(connect_timeout) again.
    type: str
  candidates:
    description:
      - The names of servers that are wanted as the new primary, the most wanted first.
      - A candidate wins over another replica that has more. It then has to catch up from that one, RV(most_advanced), before it is promoted.
      - Others are elected only if none of these may be.
    type: list
    elements: str
    default: []
  exclude:
    description: The names of servers that are never elected. What only they have is still fetched from them.
    type: list
    elements: str
    default: []
  expect_primary:
    description:
      - How the primary must be. It fails with a code if it is not.
      - Only the replicas of a dead primary can be drained, so V(alive) and V(any) need O(drain=false).
    type: str
    choices: [dead, alive, any]
    default: dead
  drain:
    description:
      - Whether to stop the receivers and to apply what was received.
      - With V(false) nothing is changed, and the result says who would be elected now.
    type: bool
    default: true
  drain_timeout:
    description:
      - Seconds that applying what was received may take.
      - When the time is up, the task fails with the code C(drain_timeout) and says how far it got.
    type: float
    default: 60
  unreachable:
    description:
      - What to do about a replica that does not answer. It may have received what nobody else has.
      - V(refuse) fails. V(proceed) leaves it out, with a warning.
    type: str
    choices: [refuse, proceed]
    default: refuse
  allow_data_loss:
    description:
      - Go on although a replica has transactions that the new primary cannot get. They are listed in RV(lost).
    type: bool
    default: false
  force:
    description:
      - Go on although the primary may be alive, because a replica is connected to it, or its port takes connections and nothing answers.
      - A primary that answers is made read-only first, and the connections of its clients are ended. The task fails if that cannot be done,
        or if the primary has transactions that no replica receives, unless O(allow_data_loss=true).
      - Only for a failover, that is with O(drain=true).
    type: bool
    default: false
notes:
  - It has the name that its users know, although it also prepares the replicas, unless O(drain=false).
seealso:
  - module: dbha.mysql.mysql_gtid_check
  - module: dbha.mysql.mysql_promote
"""

EXAMPLES = r"""
- name: See who would be promoted if the primary failed now
  dbha.mysql.mysql_find_best_replica:
    cluster: orders
    expect_primary: any
    drain: false

- name: Elect, and let the winner apply all that it has received
  dbha.mysql.mysql_find_best_replica:
    cluster: orders
    candidates: [db2, db1]
    exclude: [reporting]
    drain_timeout: 120
  register: election

- name: Promote the winner
  dbha.mysql.mysql_promote:
    replica: "{{ election.best.name }}"
    catch_up_from: "{{ election.most_advanced.name }}"
"""

RETURN = r"""
msg:
  description: What was found or done, in one line. When the task has failed, the codes of the problems, what they are, and what to do about each.
  returned: always
  type: str
  sample: "db1 is the best replica; nothing that any replica has received is lost"
best:
  description: The replica that is to be promoted.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db1
    host:
      description: Its name or address on the network.
      returned: always
      type: str
      sample: 10.0.0.11
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
most_advanced:
  description: The replica that has the most. Another one than RV(best) only if RV(best) has to catch up from it before it is promoted.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db1
    host:
      description: Its name or address on the network.
      returned: always
      type: str
      sample: 10.0.0.11
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
repoint:
  description: The names of the replicas that are to follow the best one, once it is promoted. Those of another living replica stay with that.
  returned: success
  type: list
  elements: str
  sample: [db2, db3]
writable:
  description: The names of the members that take writes.
  returned: success
  type: list
  elements: str
  sample: []
ranking:
  description: All replicas, the best first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db1
    received:
      description: The transactions that it has, executed or waiting in its relay logs.
      returned: always
      type: str
      sample: 0-1-95
    executed:
      description: The transactions that it has executed.
      returned: always
      type: str
      sample: 0-1-95
    missing:
      description: What RV(most_advanced) has and this one has not.
      returned: always
      type: str
      sample: ""
    eligible:
      description: Whether it may be promoted.
      returned: always
      type: bool
      sample: true
    reasons:
      description: Why it must not be promoted.
      returned: always
      type: list
      elements: str
      sample: []
lost:
  description: The transactions that a replica has and that the new primary will not have. Empty unless O(allow_data_loss=true).
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: The name of the replica that has them.
      returned: always
      type: str
      sample: db3
    gtids:
      description: The transactions.
      returned: always
      type: str
      sample: 0-1-96..97
    count:
      description: How many they are.
      returned: always
      type: int
      sample: 2
received:
  description: What RV(best) has received. M(dbha.mysql.mysql_promote) takes it, to see that it is still so.
  returned: success
  type: str
  sample: 0-1-95
acknowledgers:
  description: How many servers could acknowledge to RV(best) in semi-synchronous replication. M(dbha.mysql.mysql_promote) takes it.
  returned: success
  type: int
  sample: 0
found:
  description:
    - Which replication threads ran before they were touched, and who took writes, for each replica by its name, and for a primary that was made
      read-only (O(force)).
    - "The option O(dbha.mysql.mysql_change_master#module:restore) takes it."
  returned: when the replicas could be elected from, and empty with O(drain=false)
  type: dict
  sample: {db1: {receiver: true, applier: true, writable: false}, db2: {receiver: false, applier: true, writable: false}}
problems:
  description:
    - What forbids what was asked for. Empty when the task has not failed.
    - Problems that forbid nothing are in C(warnings), as text.
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: What kind of problem it is. Codes are public and never renamed.
      returned: always
      type: str
      sample: primary_alive
    server:
      description: The name of the server that has it. Empty when it is one of the whole cluster.
      returned: always
      type: str
      sample: db0
    message:
      description: What was found.
      returned: always
      type: str
      sample: the primary db0 is alive
    gtids:
      description: The transactions at stake. Empty when none are.
      returned: always
      type: str
      sample: ""
    remedy:
      description: What to do about it.
      returned: always
      type: str
      sample: Nothing needs to be failed over. To move the role from a living primary use dbha.mysql.switchover.
statements:
  description:
    - The statements that changed something, in the order in which they were sent. Passwords are masked.
    - In check mode, the statements that would have been sent.
  returned: always
  type: list
  elements: dict
  contains:
    server:
      description: The name of the server.
      returned: always
      type: str
      sample: db1
    statement:
      description: The statement.
      returned: always
      type: str
      sample: "STOP REPLICA IO_THREAD"
timeline:
  description: What took how long.
  returned: always
  type: list
  elements: dict
  contains:
    step:
      description: What was done, for example C(look), C(connect), C(stop receiving), C(drain) and C(undo).
      returned: always
      type: str
      sample: connect
    server:
      description: The name of the server. Empty for what is done on all at once.
      returned: always
      type: str
      sample: db1
    start:
      description: When it began, in seconds since the work began.
      returned: always
      type: float
      sample: 0.0108
    seconds:
      description: How long it took.
      returned: always
      type: float
      sample: 0.0636
"""

from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import run_module
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.find_best_replica import VERB


def main() -> None:
    """Run the module."""
    run_module(VERB)


if __name__ == "__main__":
    main()
