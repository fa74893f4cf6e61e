#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_promote
short_description: Make a MySQL or MariaDB replica the primary, of a dead one or in place of a living one
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Opens a replica for writes, then ends its replication and forgets its source.
  - The replica first fetches from another replica what it lacks (O(catch_up_from)).
  - Refuses a replica that still receives from its source, has not applied everything it has received, or cannot serve as a source.
  - With O(demote), it takes the role from a living primary. The replica first catches up, while clients go on writing. Then the old primary is
    made read-only, and the replica applies exactly what was written there last and is opened for writes.
  - Events are disabled on the old primary and enabled on the new one, as they were. Semi-synchronous replication moves to the new primary if
    enough replicas can acknowledge. C(read_only) is persisted if the server can do that. If it cannot, a warning says so.
  - Opening the replica for writes is the point of no return. A failure before that is undone. With O(demote), the old primary then takes writes
    again, within 10 seconds, and the error says so. After that, nothing is undone. Run the task again to finish what is left to do.
extends_documentation_fragment:
  - dbha.mysql.attributes
  - dbha.mysql.login
  - dbha.mysql.entry.replica
  - dbha.mysql.entry.catch_up_from
  - dbha.mysql.entry.demote
  - dbha.mysql.entry.cluster
  - dbha.mysql.entry.replicas
  - dbha.mysql.entry.primary
  - dbha.mysql.entry.silent
  - dbha.mysql.entry.notes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  replica:
    description: The replica to promote, usually RV(dbha.mysql.mysql_find_best_replica#module:best).
    required: true
  catch_up_from:
    description:
      - The replica from which O(replica) fetches what it lacks, usually RV(dbha.mysql.mysql_find_best_replica#module:most_advanced).
      - If it is O(replica) itself, or has nothing more, nothing is fetched.
      - Not used with O(demote).
  demote:
    description:
      - The living primary to take the role from. O(replica) must replicate from it.
      - It ends up read-only, and does not replicate until M(dbha.mysql.mysql_change_master) repoints it.
  safe_start:
    description:
      - Whether the new primary is to be read-only after its next start. Then it cannot take writes beside another primary that was promoted meanwhile.
        By default, it stays open over a restart.
      - MySQL 8.0 and later keep that themselves (C(SET PERSIST_ONLY)). For others, C(read_only) has to be in the option files, and a warning says so.
      - The default is the variable C(mysql_safe_start) of the hosts that the task names.
    type: bool
    default: false
  record:
    description:
      - What is to be remembered of this in the journal of the cluster, RV(dbha.mysql.mysql_find_best_replica#module:record). It becomes a row in the table
        C(dbha_mysql.journal) of the new primary as soon as that is open, once, however often this is run. The table is made if it is not there.
      - If that cannot be done within 3 s, a warning says so with the code C(journal_not_written), and everything else is done.
    type: dict
    default: {}
  go_on:
    description:
      - Do not fail where something is left to do once O(replica) is open, but return it as RV(unfinished). Give that to
        M(dbha.mysql.mysql_change_master), which fails with it when the replicas are repointed.
    type: bool
    default: false
  replication_user:
    description:
      - The account that the old primary will log in with as a replica of the new one. With O(demote), it is tried on O(replica) before anything is
        changed. Without, it is tried if a replica has neither TLS nor a public key, see O(source_public_key).
      - Without it and without O(replication_password), both are the variables C(mysql_replication_user) and C(mysql_replication_password) of the hosts
        in O(replicas) or O(cluster), where all that have them agree.
    type: str
  replication_password:
    description: The password of O(replication_user).
    type: str
  try_account:
    description:
      - Whether O(replication_user) is tried. If O(replica) refuses it, the task fails with the code C(replication_login_refused).
      - It is tried from where the task runs, which is not from where the old primary will log in.
    type: bool
    default: true
  source_ssl:
    description:
      - Whether the replicas will encrypt their connections to O(replica), as M(dbha.mysql.mysql_change_master) is going to tell them. By default, they
        go on as they do. If they do not encrypt them, and O(replica) lets O(replication_user) in over TLS only, the task fails with the code
        C(replication_login_refused).
    type: bool
  source_public_key:
    description:
      - Whether the replicas will ask O(replica) for its public key, as M(dbha.mysql.mysql_change_master) is going to tell them. By default, they go on as
        they do.
      - If they neither do that nor encrypt their connections, and O(replica) would have to be sent the password of O(replication_user)
        (C(caching_sha2_password)), the task fails with the code C(public_key_missing). Once it has let O(replication_user) in from where the task
        runs, it remembers the password until it is restarted.
    type: bool
    version_added: 1.1.0
  replicas:
    description:
      - The members of the cluster. Until the task has finished, no other run can change those that answer. If another run is already working on one
        of them, the task fails with the code C(locked).
      - If one of them takes writes and does not replicate, the task fails with the code C(changed_meanwhile).
      - One that did not answer when the task began is asked once more before O(replica) is opened, as those in O(silent) are.
      - If O(replica) is to be opened and one of them cannot be read, other than O(primary) and those in O(silent), the task fails with the code that says
        why (C(unreachable), C(not_responding)). It may have been opened since O(replica) was elected. Leave out whoever did not answer then.
      - By default, all members of O(cluster), if that is given.
  writable:
    description:
      - The members that took writes when O(replica) was elected, RV(dbha.mysql.mysql_find_best_replica#module:writable).
      - If another one of O(replicas) takes writes by now, or O(replica) was one of them and is closed now, the task fails with the code
        C(changed_meanwhile).
    type: list
    elements: str
  primary:
    description:
      - The dead primary. Right before O(replica) is opened, it gets 0.25 s to greet us. If it answers, the task fails with the code
        C(primary_alive).
      - Without this option, no server is asked.
  silent:
    description:
      - Members that were left out because they did not answer, RV(dbha.mysql.mysql_find_best_replica#module:silent). Right before O(replica) is opened, they
        get 0.25 s to greet us, and then O(connect_timeout) to let us log in. If one does, or answers that it does not let us in, the task fails with the code
        C(changed_meanwhile).
      - Another run may have left O(replica) out, and have promoted one of them.
    version_added: 1.1.0
  silent_status:
    description:
      - How alive each of O(silent) was then, by its name, RV(dbha.mysql.mysql_find_best_replica#module:silent_status). By default, it may have been alive
        (V(maybe_alive)).
      - If one is more alive by now, the task fails with the code C(changed_meanwhile), even if it does not let us log in. One that was V(dead) may be back if
        its port takes connections.
    type: dict
    default: {}
    version_added: 1.1.0
  force:
    description: Go on although the port of O(primary) takes connections, if nothing answers there.
    type: bool
    default: false
  received:
    description:
      - What O(replica) had received when it was elected, RV(dbha.mysql.mysql_find_best_replica#module:received).
      - If it has received anything else by now, the task fails with the code C(changed_meanwhile).
    type: str
  received_by_any:
    description:
      - What all replicas had received together when O(replica) was elected, RV(dbha.mysql.mysql_find_best_replica#module:received_by_any).
      - If one of O(replicas) has received anything else by now, which O(replica) will not have, the task fails with the code C(changed_meanwhile).
    type: str
    version_added: 1.1.0
  salvaged:
    description:
      - What M(dbha.mysql.mysql_salvage) returned, if it applied transactions of the dead primary. What the replica has received since then takes
        precedence over O(received).
    type: dict
  drain:
    description:
      - Whether it is to be waited first until what was received is applied, for at most O(timeout) seconds. By default, a replica that has something left to
        apply is refused with the code C(not_drained).
      - An election that did not wait for that returns it as RV(dbha.mysql.mysql_find_best_replica#module:draining).
    type: bool
    default: false
  timeout:
    description: Seconds that catching up may take. With O(demote), seconds until the replica is open for writes.
    type: float
    default: 60
  max_lag:
    description: With O(demote), refuse a replica that lags behind by more seconds than this.
    type: float
    default: 10
  grace:
    description:
      - With O(demote), seconds that statements and table locks on the old primary get to finish.
      - New writes wait meanwhile.
    type: float
    default: 1
  kill:
    description:
      - With O(demote), whether to kill the connections of clients that keep the old primary from becoming read-only, and of those that have a
        transaction open there afterwards. Connections of replicas and of the event scheduler are never killed.
      - With V(false), no connection is killed, and the switchover is undone instead.
    type: bool
    default: true
  acknowledgers:
    description:
      - How many servers can acknowledge transactions to the new primary (semi-synchronous replication).
      - If there are too few, semi-synchronous replication is switched off there, because the first commit would wait for them.
    type: int
    default: 0
seealso:
  - module: dbha.mysql.mysql_find_best_replica
  - module: dbha.mysql.mysql_change_master
"""

EXAMPLES = r"""
- name: Promote the replica that was elected
  dbha.mysql.mysql_promote:
    replica: "{{ election.best.name }}"
    catch_up_from: "{{ election.most_advanced.name }}"
    primary: db0
    replicas: "{{ groups['orders'] | difference(['db0']) }}"
    received: "{{ election.received }}"
    writable: "{{ election.writable }}"
    acknowledgers: "{{ election.acknowledgers }}"
  register: promotion

- name: Take the role from a living primary
  dbha.mysql.mysql_promote:
    replica: db1
    demote: db0
    timeout: 30
    grace: 3

- name: See what would be done to promote a server that is in no inventory
  dbha.mysql.mysql_promote:
    replica:
      name: db1
      host: 10.0.0.11
    login_user: failover
    login_password: "{{ vault_failover_password }}"
  check_mode: true
  diff: true
"""

RETURN = r"""
msg:
  description: What was found or done, in one line. When the task has failed, what to do, and under each remedy the problems that it is for, line by line.
  returned: always
  type: str
  sample: "db1 is the primary now"
primary:
  description: The new primary.
  returned: when the replica is open for writes
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
opened:
  description:
    - Whether the point of no return was passed.
    - Also V(true) if it is not known whether the server has executed the statement.
  returned: when the replica was to be opened for writes
  type: bool
  sample: true
time:
  description: When it was opened for writes, in seconds since 1970.
  returned: when the replica is open for writes
  type: float
  sample: 1795369414.05
downtime:
  description: How many seconds nobody could write. 0 if the role had already been handed over.
  returned: with O(demote), when the replica is open for writes
  type: float
  sample: 0.0412
replication:
  description:
    - How the replica logged in to its source, without passwords. V(none) if it had none.
    - "The option O(dbha.mysql.mysql_change_master#module:defaults) takes it, so that the old primary can log in to the new one in the same way."
  returned: when the replica is open for writes
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
unfinished:
  description: What is left to do on the new primary, as in RV(problems). Empty unless O(go_on=true) has kept the task from failing.
  returned: success
  type: list
  elements: dict
  sample: []
record:
  description:
    - What M(dbha.mysql.mysql_change_master) is to write in the journal, because a commit on the new primary waits for acknowledgements of the replicas that
      do not follow it yet (semi-synchronous replication), and O(go_on=true). Otherwise empty.
  returned: success
  type: dict
  sample: {}
gtid:
  description: The transactions that the new primary has.
  returned: success
  type: str
  sample: 0-1-95
binlog:
  description: Where the binary log of the new primary stands, for tools that follow it by position.
  returned: success
  type: dict
  contains:
    file:
      description: The file.
      returned: always
      type: str
      sample: binlog.000001
    position:
      description: The position in it.
      returned: always
      type: int
      sample: 29077
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
    - In a role also what ready-made task files said to proxies, name servers and hosts that clients were moved on by the time this task ended.
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
      sample: "SET GLOBAL read_only = 0"
timeline:
  description: What took how long.
  returned: always
  type: list
  elements: dict
  contains:
    step:
      description: What was done, for example C(look), C(connect), C(catch up), C(allow writes) and C(end replication).
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
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote import VERB


def main() -> None:
    """Run the module."""
    run_module(VERB)


if __name__ == "__main__":
    main()
