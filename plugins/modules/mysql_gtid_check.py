#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_gtid_check
short_description: Look at a MySQL or MariaDB replication cluster, and say what is wrong with it
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Reads all servers of a cluster at once. Says which server replicates from which, what each has received and executed, which one is the
    primary, and whether it lives.
  - A primary is dead only if nothing answers there and no replica is connected to it. An error message of a server is an answer.
  - Says what is wrong with the cluster, each problem with a code and a remedy. Some examples are servers that share an identity, GTIDs that
    are off, replicas that take writes or stand still, and transactions that only one replica has.
  - Changes nothing.
extends_documentation_fragment:
  - dbha.mysql.attributes
  - dbha.mysql.login
  - dbha.mysql.entry.cluster
  - dbha.mysql.entry.replicas
  - dbha.mysql.entry.primary
  - dbha.mysql.entry.server
  - dbha.mysql.entry.notes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: It changes nothing, and shows what O(before) says of an earlier time.
  idempotent:
    support: full
options:
  replicas:
    description: The servers of the cluster, where they are not a group of the inventory (O(cluster)). The primary may be among them.
  primary:
    description:
      - The server that is the primary. It need not be one of O(replicas).
      - By default, the server that takes writes and has everything that others that take writes have. If no server takes writes, the one that the
        replicas replicate from.
      - The option decides if the servers leave that open (C(two_primaries)), or if the primary is dead.
      - With O(purpose=rejoin), it is refused (C(not_the_primary)) if the servers contradict it.
  expect_primary:
    description:
      - What the task fails for.
      - With V(any), it fails only if no server can be read, or if it is not known which server is the primary. Other problems are warnings.
      - With V(alive), it fails for every problem, also if the primary is dead or may be dead.
      - With V(dead), it fails for every problem, also if the primary lives or may live.
    type: str
    choices: [dead, alive, any]
    default: any
  purpose:
    description:
      - What the cluster is looked at for.
      - With V(rejoin), to find the server that is to be brought back, RV(todo.rejoin). That is O(server), or else the only server that answers,
        does not replicate, and is not the primary. The task fails if the primary does not live, or if more than one server may be meant.
        Other problems are warnings.
      - With V(readiness), to find out also what a failover, a switchover or a rejoin would meet some day, RV(findings), and who would be elected if the
        primary died now, RV(rehearsal). It takes a few more statements for each server. O(fail_on) says what the task fails for.
        If the primary does not live, the task does as with V(check).
    type: str
    choices: [check, readiness, rejoin]
    default: check
  fail_on:
    description:
      - The least grade of a finding that the task fails for. Only with O(purpose=readiness), and while the primary lives.
      - V(blocks) is what a failover or switchover would be refused for, or would lose data by. V(hurts) is what would make it take long, or leave
        something to be done. V(advice) is everything. With V(never), the task does not fail for what it finds.
    type: str
    choices: [blocks, hurts, advice, never]
    default: blocks
  max_lag:
    description: Seconds that a replica may lag behind before that is a finding.
    type: float
    default: 60
  candidates:
    description: With O(purpose=readiness), the candidates that a failover would be given; see O(dbha.mysql.mysql_find_best_replica#module:candidates).
    type: list
    elements: str
    default: []
  exclude:
    description: The same for O(dbha.mysql.mysql_find_best_replica#module:exclude).
    type: list
    elements: str
    default: []
  site:
    description: The same for O(dbha.mysql.mysql_find_best_replica#module:site).
    type: str
    choices: [any, prefer, same]
    default: any
  max_to_apply:
    description: The same for O(dbha.mysql.mysql_find_best_replica#module:max_to_apply).
    type: int
  max_silence:
    description: Seconds after which a replica has to notice that its source is silent (C(slave_net_timeout)), before that is a finding.
    type: float
    default: 60
  logs_kept:
    description: Seconds for which binary logs have to be kept, before that is a finding.
    type: float
    default: 86400
  connections_used:
    description: The part of its connections (%) that a server may have in use before that is a finding.
    type: int
    default: 90
  disk_used:
    description: The part of a disk (%) that a server may have in use before that is a finding.
    type: int
    default: 90
  salvage:
    description:
      - What a failover is told of salvaging; see O(dbha.mysql.mysql_find_best_replica#module:salvage).
      - With O(purpose=readiness) and V(auto) or V(require), the hosts of all servers are logged in to over SSH, to find out whether their binary logs could
        be read there (C(mysql_binlog_directory)), and how full their disks are. That is done only on the machine that runs Ansible.
      - Without it, and with V(never), no host is logged in to.
    type: str
    choices: [auto, require, never]
  without_ssh:
    description:
      - The names of the servers whose hosts are not logged in to.
      - By default, the hosts of the inventory for which C(ansible_connection) is V(local).
    type: list
    elements: str
    default: []
  elsewhere:
    description:
      - What is to be told of servers that are in another cluster too, by their names, as lists of text.
      - With O(purpose=readiness) and O(cluster), by default what the inventory says of that.
    type: dict
    default: {}
  cluster_size:
    description:
      - How many servers the cluster has. With O(purpose=readiness), it is a finding if nobody says that of a group (O(cluster)).
      - By default, the variable C(mysql_cluster_size) of the hosts. A group that has fewer servers is refused in any case.
    type: int
  safe_start:
    description:
      - Whether servers are to come back read-only after a restart. With O(purpose=readiness), RV(rehearsal) says what a failover would do then.
      - By default, the variable C(mysql_safe_start) of the hosts.
    type: bool
    default: false
  replication_user:
    description:
      - The account that replicas log in with. With O(purpose=readiness), it is tried on every member, from where the task runs.
      - Without O(replication_user) and O(replication_password), both are the variables C(mysql_replication_user) and C(mysql_replication_password) of the hosts
        that the task names.
    type: str
  replication_password:
    description: The password of O(replication_user).
    type: str
  server:
    description: The former primary that is to be brought back. Only with O(purpose=rejoin).
  time_limits:
    description:
      - Time limits of later tasks (seconds), by any names. They are checked before anything is done, so that no later task is refused because of
        its time limit when others have already done their work.
    type: dict
    default: {}
  before:
    description:
      - The RV(topology) of an earlier task. With C(--diff) it is shown next to the present one.
      - Ansible shows that only of a task that reports a change, so say C(changed_when=true).
    type: str
  journal:
    description:
      - Whether to read what the cluster remembers of failovers and switchovers, RV(journal). Not with O(purpose=rejoin) and O(before).
      - The default is the variable C(mysql_journal) of the hosts that the task names.
    type: bool
    default: false
  binlog_program:
    description:
      - The program that translates binary logs of this family (C(mysqlbinlog), C(mariadb-binlog)), for RV(alone). By default, one on the PATH of the machine
        that the task runs on. Without one, rows are not counted.
    type: path
  after:
    description:
      - What a plan expects the topology to be, RV(dbha.mysql.mysql_find_best_replica#module:topology_after). It is shown next to O(before) in place of
        the present one, and no server is asked.
    type: str
notes:
  - The collection requirements of Ansible want a name that ends in C(_info) for a module like this one. It has the name that its users know.
seealso:
  - module: dbha.mysql.mysql_find_best_replica
"""

EXAMPLES = r"""
- name: Look at the cluster, and fail only if it cannot be read
  dbha.mysql.mysql_gtid_check:
    cluster: orders
    login_user: failover
    login_password: "{{ vault_failover_password }}"
  register: cluster

- name: See which server is to be brought back
  dbha.mysql.mysql_gtid_check:
    cluster: orders
    purpose: rejoin

- name: Show which server replicates from which
  ansible.builtin.debug:
    msg: "{{ cluster.topology }}"

- name: Make sure that a failover would be possible before it is needed
  dbha.mysql.mysql_gtid_check:
    expect_primary: alive
    replicas:
      - name: db0
        host: 10.0.0.10
      - name: db1
        host: 10.0.0.11
        port: 3307
      - name: db2
        unix_socket: /run/mysqld/mysqld.sock
    login_user: failover
    login_password: "{{ vault_failover_password }}"
"""

RETURN = r"""
msg:
  description: What was found or done, in one line. When the task has failed, what to do, and under each remedy the problems that it is for, line by line.
  returned: always
  type: str
  sample: "the primary db0 is alive and writable; replicas that answer: db1, db2, db3"
flavor:
  description: The family of the servers, V(mysql) or V(mariadb). V(none) if no server could be read.
  returned: when the servers were asked
  type: str
  sample: mariadb
gtid_mode:
  description: V(ON) if GTIDs are on at every server that could be read, else V(OFF). MariaDB always has them on.
  returned: when the servers were asked
  type: str
  sample: "ON"
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
todo:
  description:
    - What the cluster needs, a key for each role that does it.
    - With O(purpose=rejoin), what the rejoin has to do.
  returned: when the servers were asked
  type: dict
  contains:
    failover:
      description: Whether the primary is dead, so that a replica is to be promoted.
      returned: always
      type: bool
      sample: false
    repoint:
      description: The names of replicas that an interrupted run has left to be repointed. Running the failover again does it.
      returned: always
      type: list
      elements: str
      sample: []
    rejoin:
      description: The names of servers that answer, do not replicate, and are not the primary. With O(purpose=rejoin), one name or none.
      returned: always
      type: list
      elements: str
      sample: [db0]
primary_named:
  description:
    - Whether O(primary) says who is the primary. Otherwise the servers have said it, and may say something else a moment later.
    - The option O(dbha.mysql.mysql_rejoin#module:primary_named) takes it.
  returned: with O(purpose=rejoin), when the servers were asked
  type: bool
  sample: false
  version_added: 1.1.0
replication:
  description:
    - How another replica logs in to the primary, without passwords. If there is none, how the server does that is to be brought back. V(none) if neither does.
    - "The option O(dbha.mysql.mysql_change_master#module:defaults) takes it, so that this server can log in to the primary in the same way."
  returned: with O(purpose=rejoin), when a server is to be brought back
  type: dict
  contains:
    replication_user:
      description: The account.
      returned: always
      type: str
      sample: repl
    source_ssl:
      description: Whether the connection was encrypted.
      returned: always
      type: bool
      sample: false
    source_ssl_ca:
      description: The file with the certificate of the authority.
      returned: always
      type: str
      sample: null
    source_ssl_cert:
      description: The file with its own certificate.
      returned: always
      type: str
      sample: null
    source_ssl_key:
      description: The file with its private key.
      returned: always
      type: str
      sample: null
    source_ssl_verify_server_cert:
      description: Whether the certificate of the source was verified.
      returned: always
      type: bool
      sample: false
    source_public_key:
      description: Whether it asked for the public key. V(none) if the server does not have that setting.
      returned: always
      type: bool
      sample: null
    source_settings:
      description: What else its channel was told, as far as the account can see it, by the names that C(CHANGE REPLICATION SOURCE) has without prefix.
      returned: always
      type: dict
      sample: {CONNECT_RETRY: "10", RETRY_COUNT: "86400"}
answering:
  description: The servers that were named and answer, without the primary.
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
topology:
  description: Which server replicates from which, drawn as a tree, a line for each server.
  returned: when the servers were asked
  type: str
  sample: |
    db0  (MariaDB 10.11.19, writable)
    +- db1  (MariaDB 10.11.19, read-only, receiver running, applier running)
    +- db2  (MariaDB 10.11.19, read-only, receiver running, applier running)
findings:
  description: What a failover, a switchover or a rejoin would meet some day, the gravest first.
  returned: with O(purpose=readiness), when the primary lives
  type: list
  elements: dict
  contains:
    code:
      description: What kind of finding it is. The codes are those of problems.
      returned: always
      type: str
      sample: read_only_not_kept
    grade:
      description: V(blocks), V(hurts) or V(advice). See O(fail_on).
      returned: always
      type: str
      sample: hurts
    concerns:
      description: Which of V(failover), V(switchover) and V(rejoin) it concerns.
      returned: always
      type: list
      elements: str
      sample: [failover, rejoin]
    server:
      description: The name of the server. Empty if the finding is one of the whole cluster.
      returned: always
      type: str
      sample: db1
    message:
      description: What was seen.
      returned: always
      type: str
      sample: is read-only now, and will take writes after its next start
    remedy:
      description: What to do about it, for this version of the server.
      returned: always
      type: str
      sample: SET PERSIST read_only=ON; SET PERSIST super_read_only=ON
rehearsal:
  description: What a failover would do if the primary died now.
  returned: with O(purpose=readiness), when the primary lives
  type: dict
  contains:
    best:
      description: The name of the replica that would be elected. V(none) if none could be.
      returned: always
      type: str
      sample: db1
    because:
      description: What decides for it, see RV(dbha.mysql.mysql_find_best_replica#module:because). V(none) where nothing has to.
      returned: always
      type: str
      sample: it has the most data
    to_apply:
      description: How many transactions it has received and not applied yet.
      returned: always
      type: int
      sample: 0
    seconds:
      description:
        - How long applying them would take, as fast as it applies now. To see that, it is watched for a second if there is something to apply.
        - V(none) if it applies nothing.
      returned: always
      type: float
      sample: 0.0
    statements:
      description:
        - The statements that a failover would send, in their order, if replicas keep how they log in. Empty if it would be refused.
        - Passwords are masked.
      returned: always
      type: list
      elements: dict
      sample: [{"server": "db1", "statement": "STOP REPLICA IO_THREAD"}]
    lost:
      description: How many transactions only the primary has at this moment. V(none) if it could not be asked.
      returned: always
      type: int
      sample: 0
    site:
      description: Where the primary stands (C(mysql_site)), if other members stand elsewhere; else V(none).
      returned: always
      type: str
      sample: Vienna
    best_elsewhere:
      description: The replica that would be elected if all servers in this site died. V(none) if none could be.
      returned: always
      type: str
      sample: db2
    not_eligible:
      description: The replicas that could not be elected, by their names, and why.
      returned: always
      type: dict
      sample: {}
settings:
  description: How the servers that were named are set up, by the names of the servers. Each has its global variables that decide how a failover goes.
  returned: with O(purpose=readiness), when the primary lives
  type: dict
  sample: {db0: {sync_binlog: "1"}, db1: {sync_binlog: "0"}}
readiness:
  description: The rehearsal and the findings as lines for people.
  returned: with O(purpose=readiness), when the primary lives
  type: list
  elements: str
  sample: ["if db0 died now, db1 would be elected", "  it has applied all that it has received", "  nothing is only on db0 at this moment"]
alone:
  description:
    - Where several servers take writes, or may be the primary, what each of them has and none of the others, as far as their binary logs say it. Reading
      and translating those takes 5 s for each server at most, all at once, and nothing is changed.
    - Not with O(purpose=rejoin), O(before) and O(expect_primary=alive), except with O(purpose=readiness).
  returned: when there are several
  type: list
  elements: dict
  contains:
    server:
      description: Its name.
      returned: always
      type: str
      sample: db0
    gtids:
      description: The transactions.
      returned: always
      type: str
      sample: 0-1-96
    count:
      description: How many they are.
      returned: always
      type: int
      sample: 1
    tables:
      description: How many rows of which tables they have changed.
      returned: always
      type: list
      elements: dict
      sample: [{schema: shop, table: orders, inserted: 1, updated: 0, deleted: 0}]
    problem:
      description: Why the rows are not known. V(null) if they are.
      returned: always
      type: str
      sample: null
side_by_side:
  description: The same as RV(alone), as lines for people.
  returned: when there are several
  type: list
  elements: str
  sample: ["db0 alone has 1 transaction (0-1-96). Rows: shop.orders 1 inserted"]
journal:
  description:
    - The last rows of the journal of the cluster, the last first, as the primary has them, or another member if it does not answer.
  returned: with O(journal=true)
  type: list
  elements: dict
  contains:
    id:
      description: What tells this row from all others.
      returned: always
      type: str
      sample: 1f0c7a52a3e0a2dd9a3c3f6b6cfb0f0e
    at:
      description: When it was written, in UTC.
      returned: always
      type: str
      sample: "2026-11-27 14:03:22"
    seconds_ago:
      description: How long ago that was, by the clock of the server that was asked.
      returned: always
      type: int
      sample: 3600
    event:
      description: What has happened, C(failover), C(switchover), or C(reopened) for a primary that took writes again.
      returned: always
      type: str
      sample: failover
    old_primary:
      description: The name of the server that had the role before. Empty for C(reopened).
      returned: always
      type: str
      sample: db0
    new_primary:
      description: The name of the server that took it.
      returned: always
      type: str
      sample: db1
    why:
      description: How the cluster was found.
      returned: always
      type: str
      sample: "the primary db0 is dead: db0 (10.0.0.10:3306) cannot be reached: Connection refused"
    run_by:
      description: The account and the machine that it was run by.
      returned: always
      type: str
      sample: ansible@controller
    gtids:
      description: The transactions that the new primary had when it was opened.
      returned: always
      type: str
      sample: 0-1-95
    seconds:
      description: Seconds from the first look at the cluster until the row was written.
      returned: always
      type: float
      sample: 0.41
    lost:
      description: What was given up, in JSON, as RV(dbha.mysql.mysql_find_best_replica#module:lost). Empty if nothing was.
      returned: always
      type: str
      sample: ""
drawing:
  description:
    - The topology as a tree, as RV(topology) has it, with what a failover would meet beside each server, and the grade of its gravest finding.
    - Its lines have 78 characters at most, unless a name is longer.
  returned: with O(purpose=readiness), when the primary lives
  type: str
  sample: |
    db0  (MariaDB 10.11.19, writable)  <- advice
    +- db1  (MariaDB 10.11.19, read-only, replicates, all applied)
    +- db2  (MariaDB 10.11.19, read-only, replicates, 90 s behind, 412 to apply)
          <- hurts
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
  description: Always empty, because nothing is changed. The other modules list here what they have changed.
  returned: always
  type: list
  elements: dict
  sample: []
timeline:
  description: What took how long.
  returned: always
  type: list
  elements: dict
  contains:
    step:
      description: What was done, C(look) for all of it and C(connect) for each server.
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
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.gtid_check import VERB


def main() -> None:
    """Run the module."""
    run_module(VERB)


if __name__ == "__main__":
    main()
