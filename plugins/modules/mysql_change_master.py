#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_change_master
short_description: Let MySQL or MariaDB replicas replicate from another primary
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Repoints all replicas at once, with GTIDs, and waits until they replicate.
  - Only host and port change. Account, password, TLS, public key, delay, filters and channel stay as the replica has them, unless an option says otherwise.
  - A server that does not replicate, for example a former primary, is first made read-only. Connections of clients that could write there all the same are
    killed. It needs O(replication_user) and O(replication_password).
  - A replica that already follows the primary is started if it stands still, and left alone otherwise.
  - A replica that has transactions that the primary lacks is refused. A replica that lacks what the primary has purged first applies its own
    relay logs, and is refused if that is not enough.
  - If one replica fails, the others are repointed all the same. The task then fails at its end, or warns (O(left_behind)), and RV(replicas) says which
    replica failed and why.
extends_documentation_fragment:
  - dbha.mysql.attributes
  - dbha.mysql.login
  - dbha.mysql.entry.cluster
  - dbha.mysql.entry.replicas
  - dbha.mysql.entry.primary
  - dbha.mysql.entry.dead_primary
  - dbha.mysql.entry.notes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  replicas:
    description:
      - The replicas. If O(primary) is among them, it is passed over.
      - By default, all members of O(cluster), also the replicas of replicas. If there are any, name the replicas that are to be repointed.
  primary:
    description: The server that the replicas are to replicate from.
    required: true
  dead_primary:
    description:
      - The primary before, which was found dead and has been replaced, as RV(dbha.mysql.mysql_find_best_replica#module:found_dead) describes it.
      - While the replicas are repointed it is asked whether it is back. If it takes writes, the task fails once the replicas are repointed
        (C(two_writable)).
  replication_user:
    description:
      - The account that the replicas log in to the primary with.
      - Without O(replication_user) and O(replication_password), both are the variables C(mysql_replication_user) and C(mysql_replication_password) of the hosts
        that the task names, if these have them. They belong to the whole cluster, like O(ca_cert).
      - Otherwise, the replicas keep the account that they have.
    type: str
  replication_password:
    description:
      - The password of O(replication_user).
      - A replica that logs in with O(replication_user) already is told neither, because the password that it has may be the right one, and nobody
        can ask for it. It is told both if it then cannot log in to O(primary).
      - A replica that logs in with another account keeps that if O(primary) refuses O(replication_user).
    type: str
  source_ssl:
    description: Whether the replicas encrypt their connections to the primary.
    type: bool
  source_ssl_ca:
    description: The certificate of the authority that has signed the certificate of the primary, on the machines of the replicas.
    type: str
  source_ssl_cert:
    description: The certificate that the replicas log in with, on their machines.
    type: str
  source_ssl_key:
    description: The private key of O(source_ssl_cert).
    type: str
  source_ssl_verify_server_cert:
    description: Whether the replicas verify the name in the certificate of the primary.
    type: bool
  source_public_key:
    description:
      - Whether the replicas ask the primary for its public key, which C(caching_sha2_password) needs without TLS.
      - Only MySQL 8.0.4 and later has this setting. On other servers, the option is passed over.
    type: bool
  defaults:
    description:
      - For a server that does not replicate, for example a former primary, what stands in for the options above that are not given.
      - Takes RV(dbha.mysql.mysql_promote#module:replication). Without it, such a server is told the same as another replica.
    type: dict
  wait_timeout:
    description: Seconds that each replica may take until it replicates.
    type: float
    default: 30
  allow_data_loss:
    description:
      - Give up what a replica has received and not applied, if the primary does not have it.
      - By default, such a replica is left as it is, with the problem C(diverged).
    type: bool
    default: false
  left_behind:
    description:
      - What it means if a replica could not be repointed, or does not replicate afterwards, while O(primary) takes writes.
      - With V(warn), the task warns of it and succeeds. The problem is in RV(replicas).
      - What is wrong with O(primary) itself, and a O(dead_primary) that has come back, fail the task all the same.
    type: str
    choices: [fail, warn]
    default: fail
  unfinished:
    description:
      - What is left to do on O(primary), which was opened a moment ago, as RV(dbha.mysql.mysql_promote#module:unfinished) says it.
      - The replicas are repointed in spite of it, and then the task fails with it.
    type: list
    elements: dict
    default: []
  record:
    description:
      - What is still to be written in the journal of the cluster, RV(dbha.mysql.mysql_promote#module:record). It is written on O(primary) when the replicas
        are repointed.
    type: dict
    default: {}
notes:
  - Options that begin with C(source_) are set only on replicas that are repointed, not on those that already follow the primary.
seealso:
  - module: dbha.mysql.mysql_promote
"""

EXAMPLES = r"""
- name: Let the others replicate from the new primary
  dbha.mysql.mysql_change_master:
    cluster: orders
    replicas: "{{ election.todo.repoint }}"
    primary: "{{ promotion.primary.name }}"

- name: Repoint two servers, with another account and TLS
  dbha.mysql.mysql_change_master:
    replicas: [db2, db3]
    primary: db1
    replication_user: repl
    replication_password: "{{ vault_replication_password }}"
    source_ssl: true
    source_ssl_ca: /etc/mysql/ca.pem
    wait_timeout: 60
"""

RETURN = r"""
msg:
  description: What was found or done, in one line. When the task has failed, what to do, and under each remedy the problems that it is for, line by line.
  returned: always
  type: str
  sample: "db2, db3 replicate from db1 now"
replicas:
  description: The state of each replica.
  returned: when the primary could be read
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      returned: always
      type: str
      sample: db2
    host:
      description: Its host name or address.
      returned: always
      type: str
      sample: 10.0.0.12
    port:
      description: Its port.
      returned: always
      type: int
      sample: 3306
    changed:
      description: Whether anything was changed on it.
      returned: always
      type: bool
      sample: true
    replicating:
      description: Whether both its threads run and it is connected to the primary. In check mode, whether this is so now.
      returned: always
      type: bool
      sample: true
    problem:
      description: What is wrong with it. V(none) if nothing is wrong.
      returned: always
      type: dict
      contains:
        code:
          description: What kind of problem it is.
          returned: always
          type: str
          sample: purged
        message:
          description: What was found.
          returned: always
          type: str
        remedy:
          description: What to do about it.
          returned: always
          type: str
topology:
  description: Which server replicates from which, drawn as a tree, a line for each server.
  returned: when the primary could be read
  type: str
  sample: |
    db1  (MariaDB 10.11.19, writable)
    +- db2  (MariaDB 10.11.19, read-only, receiver running, applier running)
    +- db3  (MariaDB 10.11.19, read-only, receiver running, applier running)
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
      sample: db2
    statement:
      description: The statement.
      returned: always
      type: str
      sample: "CHANGE MASTER TO MASTER_HOST = '10.0.0.11', MASTER_PORT = 3306, MASTER_USE_GTID = slave_pos"
timeline:
  description: What took how long.
  returned: always
  type: list
  elements: dict
  contains:
    step:
      description: What was done, for example C(look), C(connect), C(repoint) and C(undo).
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
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.change_master import VERB


def main() -> None:
    """Run the module."""
    run_module(VERB)


if __name__ == "__main__":
    main()
