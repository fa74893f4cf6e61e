#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_find_best_replica
short_description: Elect the replica of a dead MySQL or MariaDB primary that is to be promoted, and prepare it
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Looks at all servers at once, says what is to be done (RV(todo)), and does the first part of it.
  - Elects the replica that has received the most. What waits in the relay logs counts as received. Sets of GTIDs decide, never file positions.
  - Among replicas that have received the same, O(candidates) come first, then a replica that an earlier run has already made writable, then
    replicas whose settings let them skip no rows (C(slave_exec_mode), C(slave_skip_errors)), then replicas without a delay, then the one with the least
    left to apply, then the oldest version, then the name.
  - With O(drain=true), it first stops the receivers of all replicas, so that nothing changes any more. Then it elects, and lets the replica that has
    received the most apply everything. A replica of another living replica is left alone.
  - If that fails, the replication threads of all replicas run again as they were found.
  - Refuses what cannot be done safely. The primary must be dead, every replica must answer, and no replica may have transactions that the others
    cannot get.
  - Also chooses the replica that takes the role from a living primary (O(purpose=switchover)). It changes nothing then.
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
      - By default, the server that the replicas replicate from. It need not be one of O(replicas).
  living_primary:
    description:
      - The name of the living primary. It is needed only after C(two_primaries), when two servers have taken writes and each has transactions that
        the other lacks.
      - It is refused with C(not_the_primary) if another server takes writes and has everything that this server has.
    type: str
  purpose:
    description:
      - What a replica is elected for.
      - With V(switchover), the primary must live, and be able to become a replica. It must be one of the servers that were named, and
        O(replication_user) and O(replication_password) must be known. Nothing is changed, and O(expect_primary), O(drain) and O(force) do not matter.
    type: str
    choices: [failover, switchover]
    default: failover
  if_alive:
    description:
      - What a living primary means for a failover.
      - With V(unchanged), the task succeeds and elects nobody, unless O(primary) names a living server as dead. RV(best) is then V(none), and
        RV(todo.repoint) says what an earlier run has left to do. In check mode, RV(rehearsal) says which replica would be elected if the primary died
        now.
      - With V(refuse), the task fails, as O(expect_primary) says.
    type: str
    choices: [refuse, unchanged]
    default: refuse
  to:
    description:
      - The name of the server that is to be the primary. Only with O(purpose=switchover). By default, the best replica.
      - If that server already is the primary, RV(best) is V(none). If it is the primary and takes no writes, because a switchover was interrupted, it is
        to be promoted again.
    type: str
  max_lag:
    description:
      - For a switchover (O(purpose=switchover)) that names nobody (O(to)), the seconds that the best replica may be behind, or apply late on purpose.
      - Those that are later, or do not replicate, are not chosen as long as there is another one.
    type: float
    default: 10
  candidates:
    description:
      - The names of the servers that you want as the new primary, the most wanted first.
      - A candidate wins over another replica that has received more. The candidate then has to catch up from that replica, RV(most_advanced), before it is
        promoted.
      - Other servers are elected only if none of these may be promoted.
    type: list
    elements: str
    default: []
  exclude:
    description: The names of servers that are never elected. Transactions that only they have are still fetched from them.
    type: list
    elements: str
    default: []
  site:
    description:
      - Whether a replica may be elected that stands in another site (C(site), in an inventory C(mysql_site)) than the primary.
      - With V(prefer), one in the same site wins among those that have the same. With V(same), no other is elected.
      - A server of which no site is said may always be elected.
    type: str
    choices: [any, prefer, same]
    default: any
  max_to_apply:
    description:
      - How many transactions a replica may have received and not applied, to be elected before others that have received the same.
      - The data goes first. A replica that has more left to apply is elected all the same if no other has received as much.
      - By default, any number. It then decides only between replicas of which nothing else is wished.
    type: int
  expect_primary:
    description:
      - What the primary must be. The task fails with a code if it is not.
      - Only the replicas of a dead primary can be drained, so V(alive) and V(any) require O(drain=false).
    type: str
    choices: [dead, alive, any]
    default: dead
  safe_start:
    description:
      - Whether a primary that lives, is read-only and has everything is to take writes again (RV(todo.promote)), if no other server takes any.
        Only with O(if_alive=unchanged). That is what a primary looks like that has restarted, where servers come back read-only.
      - The default is the variable C(mysql_safe_start) of the hosts that the task names.
    type: bool
    default: false
  journal:
    description:
      - Whether what is done is to be remembered in the journal of the cluster. RV(record) says what M(dbha.mysql.mysql_promote) is to write there.
      - The default is the variable C(mysql_journal) of the hosts that the task names.
    type: bool
    default: false
  cooldown:
    description:
      - Seconds after a failover within which another one is refused with the code C(cooldown), before anything is changed. What the members remember is
        asked for, so it takes O(journal=true).
      - A run that goes on with a failover that was interrupted is not refused.
    type: float
    default: 0
  drain:
    description:
      - Whether to stop the receivers and to apply what was received.
      - With V(false), nothing is changed, and the result says which replica would be elected now.
    type: bool
    default: true
  drain_timeout:
    description:
      - Seconds that applying what was received may take.
      - When the time is up, the task fails with the code C(drain_timeout) and says how far it got.
    type: float
    default: 60
  await_drain:
    description:
      - Whether to wait until what was received is applied.
      - With V(false), a replica whose applier runs goes on with that by itself, so that something else can be done meanwhile. Give RV(draining) to
        M(dbha.mysql.mysql_promote), which waits for it then. Where the applier does not run, or has a delay, or something is to be salvaged, it is waited for
        all the same.
    type: bool
    default: true
  unreachable:
    description:
      - What to do about a replica that does not answer. It may have received what no other server has.
      - With V(refuse), the task fails. With V(proceed), the replica is left out, with a warning.
      - With O(safe_start), a primary that came back closed is not to take writes again while a replica does not answer, even with V(proceed). An earlier run
        may have opened the replica in its place.
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
      - A primary that answers is replaced only if O(primary) names it, where O(if_alive=unchanged). It is first made read-only, and the connections of
        its clients are killed. The task fails if that cannot be done, or if the primary has transactions that no replica receives, unless
        O(allow_data_loss=true).
      - Only for a failover, that is, with O(drain=true).
    type: bool
    default: false
  salvage:
    description:
      - When M(dbha.mysql.mysql_salvage) is to fetch from the host of the dead primary what no replica received, RV(todo.salvage).
      - With V(auto), if the host refuses connections to the server, because then the host is there. With V(require), always. With V(never), never.
      - In no case if the primary is not one of the servers that were named, or if an earlier run has already opened the new primary.
    type: str
    choices: [auto, require, never]
    default: auto
  without_ssh:
    description:
      - The names of servers whose hosts cannot be reached over SSH. O(salvage=auto) does not ask them.
      - By default, the inventory hosts with C(ansible_connection=local).
    type: list
    elements: str
    default: []
  replication_user:
    description:
      - The account that the old primary is to log in with as a replica. Here, it matters only whether there is one.
      - Without O(replication_user) and O(replication_password), both are the variables C(mysql_replication_user) and C(mysql_replication_password) of the hosts
        that the task names.
    type: str
  replication_password:
    description: The password of O(replication_user).
    type: str
  time_limits:
    description:
      - Time limits of later tasks (seconds), by any names. They are checked before anything is done, so that no later task is refused because of
        its time limit when others have already done their work.
    type: dict
    default: {}
  restore:
    description:
      - Undo an election instead. Takes RV(found). The replication threads run again as they were found, and a primary that was made read-only takes
        writes again.
      - A server that has been opened for writes meanwhile was opened by another run. It is left alone, and no other server is opened beside it.
      - Use it only if nothing was promoted. Of the other options, only those about the servers and O(drain_timeout) count then.
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

- name: Elect if the primary is dead, and succeed without a change if it lives
  dbha.mysql.mysql_find_best_replica:
    cluster: orders
    if_alive: unchanged
  register: election

- name: Choose the replica that takes the role from the living primary
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
    silent: "{{ election.silent }}"
    silent_status: "{{ election.silent_status }}"

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
  sample: "the primary db0 is dead; db1 is the best replica; nothing is lost of what db1, db2 have received"
best:
  description: The server that is to be promoted. V(none) if there is none.
  returned: success, unless O(restore) is given
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db1
    host:
      description: Its host name or address.
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
    - The replica that has received the most. V(none) if none was elected.
    - It differs from RV(best) only if RV(best) has to catch up from it before the promotion.
  returned: success, unless O(restore) is given
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db1
    host:
      description: Its host name or address.
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
      description: Whether M(dbha.mysql.mysql_salvage) is to be tried before the promotion.
      returned: always
      type: bool
      sample: false
    repoint:
      description:
        - The names of the servers that M(dbha.mysql.mysql_change_master) is to repoint after the promotion.
        - A replica of another living replica stays with that replica. An old primary that hands its role over comes last.
      returned: always
      type: list
      elements: str
      sample: [db2, db3]
    verify:
      description: Whether something is wrong that the repointing may mend, so that M(dbha.mysql.mysql_gtid_check) is to check it at the end.
      returned: always
      type: bool
      sample: false
    follow:
      description: The server that RV(todo.repoint) are to replicate from, as M(dbha.mysql.mysql_change_master) takes it. V(none) if there is none.
      returned: always
      type: dict
      contains:
        name:
          description: Its name.
          returned: always
          type: str
          sample: db1
        host:
          description: Its host name or address.
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
      description: Its host name or address.
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
    - The dead primary, as M(dbha.mysql.mysql_promote) takes it, which asks it once more. V(none) if the primary lives.
  returned: success, unless O(restore) is given
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db0
    host:
      description: Its host name or address.
      returned: always
      type: str
      sample: 10.0.0.10
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
answering:
  description: The servers that answer. M(dbha.mysql.mysql_promote) looks at them once more.
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
      description: Its host name or address.
      returned: always
      type: str
      sample: 10.0.0.11
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
silent:
  description: The members that were left out because they do not answer, or do not let us log in. M(dbha.mysql.mysql_promote) asks them once more.
  version_added: 1.1.0
  returned: success, unless O(restore) is given
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db3
    host:
      description: Its host name or address.
      returned: always
      type: str
      sample: 10.0.0.13
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
silent_status:
  description:
    - Of each member in RV(silent), by its name, whether it is V(dead) (nothing is there), V(maybe_alive) (its port takes connections, or it could not be
      asked), or V(alive) (it does not let us log in).
    - M(dbha.mysql.mysql_promote) takes it, and refuses if one is more alive by then.
  version_added: 1.1.0
  returned: success, unless O(restore) is given
  type: dict
  sample: {db3: dead}
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
      description: What RV(most_advanced) has and this replica lacks.
      returned: always
      type: str
      sample: ""
    eligible:
      description: Whether it may be promoted.
      returned: always
      type: bool
      sample: true
    reasons:
      description: Why it may not be promoted.
      returned: always
      type: list
      elements: str
      sample: []
because:
  description: What decided for the best replica and against the next one, in words. V(none) where there is no other, and where nothing tells them apart.
  returned: success, unless O(restore) is given
  type: str
  sample: the inventory prefers it (mysql_promotion)
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
      description: Their number.
      returned: always
      type: int
      sample: 2
received:
  description: What RV(best) has received. V(none) if no replica was elected. M(dbha.mysql.mysql_promote) takes it, to see that this is still so.
  returned: success, unless O(restore) is given
  type: str
  sample: 0-1-95
received_by_any:
  description:
    - What all replicas have received together. V(none) if no replica was elected. M(dbha.mysql.mysql_promote) takes it, to see that none receives more
      meanwhile.
  returned: success, unless O(restore) is given
  type: str
  sample: 0-1-95
  version_added: 1.1.0
acknowledgers:
  description: How many servers could acknowledge to RV(best) in semi-synchronous replication. M(dbha.mysql.mysql_promote) takes it.
  returned: success, unless O(restore) is given
  type: int
  sample: 0
record:
  description: What is to be remembered of the promotion (O(journal)). M(dbha.mysql.mysql_promote) takes it. Empty if nothing is.
  returned: success, unless O(restore) is given
  type: dict
  sample: {}
comes_back:
  description: How the primary that is replaced will come back (O(purpose=failover)). V(null) if none is.
  returned: success, unless O(restore) is given
  type: dict
  contains:
    server:
      description: Its name.
      returned: always
      type: str
      sample: db0
    member:
      description: Whether it is one of the servers that were named, so that a rejoin can bring it back.
      returned: always
      type: bool
      sample: true
    closed:
      description: Whether it will be closed for writes after its next start. V(null) if that is not known.
      returned: always
      type: bool
      sample: null
    why:
      description: What is known of that.
      returned: always
      type: str
      sample: whether its option files say read_only is not known
found:
  description:
    - For each replica, by its name, which replication threads ran before the election, and whether it took writes. Also for a primary that was made
      read-only (O(force)).
    - The option O(restore) takes it.
  returned: when the replicas could be elected from, and empty where nothing was changed
  type: dict
  sample: {db1: {receiver: true, applier: true, writable: false}, db2: {receiver: false, applier: true, writable: false}}
draining:
  description: Whether what was received is still being applied (O(await_drain=false)). The option O(dbha.mysql.mysql_promote#module:drain) takes it.
  returned: success, unless O(restore) is given
  type: bool
  sample: false
topology_after:
  description:
    - Which server will replicate from which once RV(todo) is done, drawn as a tree.
    - With C(--diff), M(dbha.mysql.mysql_gtid_check) shows it next to RV(topology) (O(dbha.mysql.mysql_gtid_check#module:after)).
  returned: success in check mode, unless O(restore) is given
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
  description: The primary. V(none) if it is not known which server that is.
  returned: when the servers were asked
  type: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db0
    host:
      description: Its host name or address.
      returned: always
      type: str
      sample: 10.0.0.10
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
    status:
      description: V(alive), V(dead), or V(maybe_alive) if it does not answer and may live all the same (C(primary_maybe_alive)).
      returned: always
      type: str
      sample: alive
    reachable:
      description: Whether it could be read.
      returned: always
      type: bool
      sample: true
    refused:
      description: Whether its host refuses connections to it. The host is there then, and may be asked over SSH.
      returned: always
      type: bool
      sample: true
    unfinished:
      description:
        - Whether it takes writes and still has a replication configuration, with stopped threads.
        - It was then opened by hand, or by a run that was interrupted. M(dbha.mysql.mysql_promote) removes the configuration.
      returned: when it answers
      type: bool
      sample: false
    member:
      description: Whether it is one of the servers that were named.
      returned: always
      type: bool
      sample: true
    version:
      description: Its version. V(none) if it could not be read.
      returned: always
      type: str
      sample: 10.11.19-MariaDB
    server_id:
      description: Its C(server_id). V(none) if it could not be read.
      returned: always
      type: int
      sample: 1
      version_added: 1.1.0
    gtid_mode:
      description: Its C(gtid_mode). V(ON) for MariaDB. V(none) if it could not be read.
      returned: always
      type: str
      sample: "ON"
      version_added: 1.1.0
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
      description: Its host name or address.
      returned: always
      type: str
      sample: 10.0.0.11
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
    reachable:
      description: Whether it could be read. If not, most other keys are missing.
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
      description: Its version, as it says itself.
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
        - The name of the server that it replicates from, or C(host:port) if that is not one of the servers that were named.
        - V(none) if it does not replicate.
      returned: when it could be read
      type: str
      sample: db0
    follows_replica:
      description: Whether it replicates from another replica that could be read. It then stays with that replica, whichever server is the primary.
      returned: always
      type: bool
      sample: false
    receiver:
      description:
        - The thread that receives, V(running) while it is connected to its source, V(connecting), V(stopping), or V(stopped).
        - V(none) if it does not replicate.
      returned: when it could be read
      type: str
      sample: running
    applier:
      description: The thread that applies, V(running) or V(stopped). V(none) if it does not replicate.
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
      description: How many seconds it lags behind, as it says itself. V(none) if it does not know.
      returned: when it could be read
      type: int
      sample: 0
    delay:
      description: How many seconds it is delayed on purpose.
      returned: when it could be read
      type: int
      sample: 0
    raw:
      description: Its replica status, as the server returns it. The names of the columns differ between families and versions, and may change.
      returned: when it could be read
      type: dict
topology:
  description: Which server replicates from which, drawn as a tree, a line for each server.
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
    - Why the task has failed. Empty if it has not.
    - Problems that do not make it fail are in C(warnings), as text.
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
      description: The name of the server that has it. Empty if the problem is one of the whole cluster.
      returned: always
      type: str
      sample: db0
    message:
      description: What was found.
      returned: always
      type: str
      sample: the primary db0 is alive
    gtids:
      description: The transactions at stake. Empty if there are none.
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
    - In check mode, the statements that would be sent.
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
      description: The name of the server. Empty for what is done on all servers at once.
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
