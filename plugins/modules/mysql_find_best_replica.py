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
  - Looks at all servers at once, says what is to be done (RV(todo)), and does the first part of it.
  - Elects the replica that has received the most. What is in the relay logs counts, applied or not. Sets of GTIDs decide, never file positions.
  - Among replicas that have the same, the order is O(candidates), one that is writable already because an earlier run got that far, one without a
    delay, the one that has least to apply, the oldest version, and the name.
  - With O(drain=true) it stops the receivers of all replicas first, so that nothing moves any more, then elects, then lets the one that has the
    most apply all that it has received. Whoever replicates from another living replica is left alone.
  - If that fails, the replication threads of all replicas run again as they were found.
  - Refuses what cannot be done safely. The primary must be dead, every replica must answer, and none may have what the others cannot get.
  - Also chooses who takes the role from a living primary (O(purpose=switchover)). Then it changes nothing.
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
  living_primary:
    description:
      - The name of the server that is the living primary, where that cannot be told because two servers have taken writes and each has transactions
        that the other lacks (C(two_primaries)).
      - It is refused with C(not_the_primary) if another server takes writes and has everything that this one has.
    type: str
  purpose:
    description:
      - What a replica is elected for.
      - With V(switchover) the primary must live, and be able to become a replica. It must be one of the servers that were named, and
        O(replication_user) and O(replication_password) must be known. Nothing is changed, and O(expect_primary), O(drain) and O(force) do not matter.
    type: str
    choices: [failover, switchover]
    default: failover
  if_alive:
    description:
      - What a living primary means for a failover.
      - With V(unchanged) there is nothing to be done about it, unless O(primary) names it, or a living replica, as dead. RV(best) is then V(none), and
        RV(todo.repoint) says what an earlier run has left to do. In check mode RV(rehearsal) says who would be elected if it died now.
      - With V(refuse) the task fails, as O(expect_primary) says.
    type: str
    choices: [refuse, unchanged]
    default: refuse
  to:
    description:
      - The name of the server that is to have the role. Only with O(purpose=switchover). Without it, it is the best replica.
      - If it has the role already, RV(best) is V(none). If it has it and takes no writes, because a switchover was interrupted, it is promoted again.
    type: str
  max_lag:
    description:
      - For a switchover (O(purpose=switchover)) that names nobody (O(to)), the seconds that the best replica may be behind, or apply late on purpose.
      - Those that are later, or do not replicate, are not chosen as long as there is another one.
    type: float
    default: 10
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
  salvage:
    description:
      - When RV(todo.salvage) says that M(dbha.mysql.mysql_salvage) is to fetch what no replica received from the host of the dead primary.
      - V(auto) is for a host that refuses connections to the server, so that the host is there. V(require) is for any. It is never for a primary that
        is not one of the servers that were named, nor where an earlier run got as far as opening the new primary.
    type: str
    choices: [auto, require, never]
    default: auto
  without_ssh:
    description:
      - The names of servers whose hosts cannot be asked over SSH. V(auto) does not ask them.
      - Without it, the inventory hosts with C(ansible_connection=local).
    type: list
    elements: str
    default: []
  replication_user:
    description:
      - The account that the old primary is to log in with as a replica. Here it matters only whether it is known.
      - Without it and without O(replication_password), both are the variables C(mysql_replication_user) and C(mysql_replication_password) of the hosts
        that the task names.
    type: str
  replication_password:
    description: The password of O(replication_user).
    type: str
  time_limits:
    description:
      - Time limits that later tasks are given (seconds), by any names. They are looked at before anything is done, so that no task refuses its own
        when others have done their work.
    type: dict
    default: {}
  restore:
    description:
      - Undo an election instead. The replication threads run again as they are described here, by RV(found), and a primary that was made read-only
        takes writes again.
      - A server that takes writes since then was opened by another run. It is left alone, and no other server is opened beside it.
      - To be used as long as nothing was promoted. Of the other options, only those about the servers and O(drain_timeout) count then.
    type: dict
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

- name: Elect if the primary is dead, and do nothing if it lives
  dbha.mysql.mysql_find_best_replica:
    cluster: orders
    if_alive: unchanged
  register: election

- name: Choose who takes the role from the living primary
  dbha.mysql.mysql_find_best_replica:
    cluster: orders
    purpose: switchover

- name: Elect, and let the winner apply all that it has received
  dbha.mysql.mysql_find_best_replica:
    cluster: orders
    candidates: [db2, db1]
    exclude: [reporting]
    drain_timeout: 120
  register: election

- name: Promote the winner
  dbha.mysql.mysql_promote:
    replica: "{{ election.best }}"
    catch_up_from: "{{ election.most_advanced }}"
    primary: "{{ election.found_dead }}"
    replicas: "{{ election.answering }}"

- name: Elect, and put the threads back if nothing is promoted after all
  block:
    - name: Elect
      dbha.mysql.mysql_find_best_replica:
        cluster: orders
      register: election

    - name: Ask somebody
      ansible.builtin.pause:
        prompt: "Promote {{ election.best.name }}? Press Ctrl-C and A to leave all as it was."
  rescue:
    - name: Put the replication threads back as they were found
      dbha.mysql.mysql_find_best_replica:
        cluster: orders
        restore: "{{ election.found }}"
"""

RETURN = r"""
msg:
  description: What was found or done, in one line. When the task has failed, what to do, and under each remedy the problems that it is for, line by line.
  returned: always
  type: str
  sample: "the primary db0 is dead; db1 is the best replica; nothing that any replica has received is lost"
best:
  description: The server that is to be promoted. V(none) if nobody is.
  returned: success, unless O(restore) is given
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
  description:
    - The replica that has the most. V(none) if nobody was elected.
    - Another one than RV(best) only if RV(best) has to catch up from it before it is promoted.
  returned: success, unless O(restore) is given
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
todo:
  description: What is left to do.
  returned: success, unless O(restore) is given
  type: dict
  contains:
    promote:
      description: Whether RV(best) is to be promoted.
      returned: always
      type: bool
      sample: true
    salvage:
      description: Whether M(dbha.mysql.mysql_salvage) is to be tried before that.
      returned: always
      type: bool
      sample: false
    repoint:
      description:
        - The names of the servers that M(dbha.mysql.mysql_change_master) is to repoint after that.
        - Replicas of another living replica stay with that. The old primary, which hands its role over, comes last.
      returned: always
      type: list
      elements: str
      sample: [db2, db3]
    verify:
      description: Whether something was wrong that this may mend or not, so that M(dbha.mysql.mysql_gtid_check) is to be asked at the end.
      returned: always
      type: bool
      sample: false
    follow:
      description: The server that these are to follow, as M(dbha.mysql.mysql_change_master) takes it. V(none) if there is none.
      returned: always
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
demote:
  description: The living primary that hands its role over, as M(dbha.mysql.mysql_promote) takes it. V(none) in a failover.
  returned: success, unless O(restore) is given
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db0
    host:
      description: Its name or address on the network.
      returned: always
      type: str
      sample: 10.0.0.10
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
found_dead:
  description:
    - The dead primary, as M(dbha.mysql.mysql_promote) takes it to ask it once more. V(none) if it lives.
  returned: success, unless O(restore) is given
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db0
    host:
      description: Its name or address on the network.
      returned: always
      type: str
      sample: 10.0.0.10
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
answering:
  description: The servers that M(dbha.mysql.mysql_promote) is to look at once more, those that answer.
  returned: success, unless O(restore) is given
  type: list
  elements: dict
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
writable:
  description: The names of the members that take writes.
  returned: success, unless O(restore) is given
  type: list
  elements: str
  sample: []
ranking:
  description: All replicas, the best first.
  returned: success, unless O(restore) is given
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
  returned: success, unless O(restore) is given
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
  description: What RV(best) has received. V(none) if nobody was elected. M(dbha.mysql.mysql_promote) takes it, to see that it is still so.
  returned: success, unless O(restore) is given
  type: str
  sample: 0-1-95
acknowledgers:
  description: How many servers could acknowledge to RV(best) in semi-synchronous replication. M(dbha.mysql.mysql_promote) takes it.
  returned: success, unless O(restore) is given
  type: int
  sample: 0
found:
  description:
    - Which replication threads ran before they were touched, and who took writes, for each replica by its name, and for a primary that was made
      read-only (O(force)).
    - The option O(restore) takes it.
  returned: when the replicas could be elected from, and empty where nothing was changed
  type: dict
  sample: {db1: {receiver: true, applier: true, writable: false}, db2: {receiver: false, applier: true, writable: false}}
topology_after:
  description:
    - Who replicates from whom once RV(todo) is done, drawn as a tree. With C(--check), M(dbha.mysql.mysql_gtid_check) shows it next to RV(topology)
      (O(dbha.mysql.mysql_gtid_check#module:after)).
  returned: success, unless O(restore) is given
  type: str
  sample: |
    db1  (MariaDB 10.11.19, writable)
    +- db2  (MariaDB 10.11.19, read-only, receiver running, applier running)
    db0  (not read: unreachable)
rehearsal:
  description: What a failover would do if the living primary died now. V(none) except in check mode, with O(if_alive=unchanged).
  returned: success, unless O(restore) is given
  type: str
  sample: if db0 died now, db1 would be elected
primary:
  description: The primary. V(none) if it cannot be told which server that is, or nobody could ask it.
  returned: when the servers were asked
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db0
    host:
      description: Its name or address on the network.
      returned: always
      type: str
      sample: 10.0.0.10
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
    status:
      description: V(alive), V(dead), or V(maybe_alive) if it does not answer, but a replica is still connected to it or its port takes connections.
      returned: always
      type: str
      sample: alive
    reachable:
      description: Whether it could be read.
      returned: always
      type: bool
      sample: true
    refused:
      description: Whether nothing listens at its port although its host is there, so that the host may be asked over SSH.
      returned: always
      type: bool
      sample: true
    unfinished:
      description:
        - Whether it takes writes, and still has the replication that it left, with stopped threads.
        - It was opened by hand, or by a run that was interrupted. M(dbha.mysql.mysql_promote) ends that replication.
      returned: when it answers
      type: bool
      sample: false
    member:
      description: Whether it is one of the servers that were named.
      returned: always
      type: bool
      sample: true
    writable:
      description: Whether clients can write to it. V(none) if that is not known.
      returned: always
      type: bool
      sample: true
    executed:
      description: The transactions that it has, a GTID set (MySQL) or position (MariaDB). V(none) if that is not known.
      returned: always
      type: str
      sample: 0-1-95
    error:
      description: Why it could not be read. V(none) if it could.
      returned: always
      type: str
      sample: null
replicas:
  description: The servers that were named, without the primary.
  returned: when the servers were asked
  type: list
  elements: dict
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
    reachable:
      description: Whether it could be read. If not, there is little else.
      returned: always
      type: bool
      sample: true
    replicating:
      description: Whether both its threads run and it is connected to its source.
      returned: always
      type: bool
      sample: true
    error:
      description: Why it could not be read. V(none) if it could.
      returned: always
      type: str
      sample: null
    version:
      description: Its version, as it says it.
      returned: when it could be read
      type: str
      sample: 10.11.19-MariaDB-log
    server_id:
      description: Its C(server_id).
      returned: when it could be read
      type: int
      sample: 2
    server_uuid:
      description: Its C(server_uuid). V(none) for MariaDB, which has none.
      returned: when it could be read
      type: str
      sample: null
    gtid_mode:
      description: Its C(gtid_mode). V(ON) for MariaDB.
      returned: when it could be read
      type: str
      sample: "ON"
    writable:
      description: Whether clients can write to it.
      returned: when it could be read
      type: bool
      sample: false
    executed:
      description: The transactions that it has executed.
      returned: when it could be read
      type: str
      sample: 0-1-95
    received:
      description: The transactions that it has, executed or waiting in its relay logs.
      returned: when it could be read
      type: str
      sample: 0-1-95
    source:
      description:
        - The name of the server that it replicates from, or C(host:port) if that is none of those that were named.
        - V(none) if it replicates from nobody.
      returned: when it could be read
      type: str
      sample: db0
    follows_replica:
      description: Whether it replicates from another replica that could be read. It goes on doing so, whoever is the primary.
      returned: always
      type: bool
      sample: false
    receiver:
      description:
        - The thread that receives, V(running) while it is connected to its source, V(connecting), V(stopping), or V(stopped).
        - V(none) if it replicates from nobody.
      returned: when it could be read
      type: str
      sample: running
    applier:
      description: The thread that applies, V(running) or V(stopped). V(none) if it replicates from nobody.
      returned: when it could be read
      type: str
      sample: running
    receiver_error:
      description: The last error of the receiver.
      returned: when it could be read
      type: str
      sample: null
    applier_error:
      description: The last error of the applier.
      returned: when it could be read
      type: str
      sample: null
    lag:
      description: How many seconds it is behind, as it says itself. V(none) if it does not know.
      returned: when it could be read
      type: int
      sample: 0
    delay:
      description: How many seconds it is kept behind on purpose.
      returned: when it could be read
      type: int
      sample: 0
    raw:
      description: Its replica status, as the server gives it. The names of columns differ between families and versions, and may change.
      returned: when it could be read
      type: dict
topology:
  description: Who replicates from whom, drawn as a tree, a line for each server.
  returned: when the servers were asked
  type: str
  sample: |
    db0  (MariaDB 10.11.19, writable)
    +- db1  (MariaDB 10.11.19, read-only, receiver running, applier running)
    +- db2  (MariaDB 10.11.19, read-only, receiver running, applier running)
time:
  description: When the servers were asked, in seconds since 1970.
  returned: when the servers were asked
  type: float
  sample: 1795369413.81
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
      sample: Use dbha.mysql.switchover to move the role from a living primary. Nothing needs to be failed over.
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
