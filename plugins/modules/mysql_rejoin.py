#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_rejoin
short_description: Prepare a former MySQL or MariaDB primary to become a replica
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Makes a former primary that is up again read-only, disables its scheduled events, and compares it with the current primary.
  - It is closed only if O(primary) was seen to take writes at most a second before, and nobody else works on either server. If the task fails after that,
    the first problem says that it has been closed.
  - If it has nothing that the primary lacks, M(dbha.mysql.mysql_change_master) can make it a replica.
  - If it has transactions that no other server has, the task lists them, saves them, and fails with the code C(own_transactions). They are read
    from its binary logs over the connection, so the account needs C(REPLICATION SLAVE).
  - What it wrote under GTIDs that it had lost in a crash, and others had received, is its own, too. The binary logs of both servers tell that, if they
    hold the last transaction that both have. If they do not, a warning says so.
  - Only if O(method) says so, it is then overwritten with a copy of another server.
extends_documentation_fragment:
  - dbha.mysql.attributes
  - dbha.mysql.login
  - dbha.mysql.entry.server
  - dbha.mysql.entry.primary
  - dbha.mysql.entry.donor
  - dbha.mysql.entry.cluster
  - dbha.mysql.entry.replicas
  - dbha.mysql.entry.notes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  server:
    description: The former primary.
    required: true
  primary:
    description: The current primary. It must take writes, and must not replicate.
    required: true
  primary_named:
    description:
      - Whether somebody has said that O(primary) is the primary. It matters where the servers leave open which of two is the primary, because each takes
        writes and has transactions that the other lacks.
      - With V(true), that word decides, and O(server) is closed for writes.
      - With V(false), neither is closed, and the task fails with the code C(two_primaries). Give it where an earlier task has found the primary
        (RV(dbha.mysql.mysql_gtid_check#module:primary_named)), because clients may have written to O(server) since.
    type: bool
    default: true
    version_added: 1.1.0
  replicas:
    description: The other servers of the cluster. They show whether replicas acknowledge transactions (semi-synchronous replication).
  method:
    description:
      - What becomes of a former primary that cannot become a replica as it is, because it has transactions of its own, because the primary has
        purged what it lacks, or because an earlier copy was interrupted.
      - V(refuse) leaves it as it is.
      - V(clone) overwrites it with MySQL's clone plugin (MySQL 8.0.17 and later). The account needs C(SELECT), C(BACKUP_ADMIN), C(CLONE_ADMIN) and, if
        the plugin is not loaded, C(INSERT) on C(mysql.plugin). The server restarts itself, or shuts down (RV(restart_needed)).
      - V(rebuild) overwrites it with the files of another server where that is possible, and otherwise with a dump. RV(copied_with) says which. If it
        is a replica, its replication is first stopped and removed, so M(dbha.mysql.mysql_change_master) must be told which account it logs in with.
      - The files of a MariaDB server are copied with C(mariadb-backup), if both hosts have it, O(host_shells) names both, O(stop_command) and
        O(start_command) are given, both servers are of the same release, and there is room for the copy in the data directory. The former
        primary stays as it is until the copy is complete. InnoDB must have its files in the data directory. C(mariadb-backup) logs in on the donor's
        host, without a certificate.
      - A dump is made with C(mysqldump) or C(mariadb-dump), and loaded with the command-line client, on the machine that the task runs on. The
        donor's applier waits meanwhile. MySQL 5.6 and 5.7 take C(mysqldump) of MySQL 5.6 to 8.0.
      - What a dump would not keep is refused before anything is overwritten (C(cannot_copy)), namely values of FLOAT columns that it would round,
        the history of system-versioned tables where program or servers are older than MariaDB 10.11, and rows that are larger than the recipient's
        C(max_allowed_packet). After it was loaded, every table is compared with the donor while that is still locked (number of rows and checksums,
        with history), and so are the names of views, routines, triggers, events and accounts. What differs is C(not_copied).
      - A clone leaves out the rows of tables that are not of InnoDB. That is refused before, too (C(cannot_copy)). A clone, and a copy of files, are
        compared with the donor in the same way if the donor is a replica, whose applier waits meanwhile, and if the cloned server restarts
        itself. A primary is not locked for that; then a warning says that nothing was compared.
    type: str
    choices: [refuse, clone, rebuild]
    default: refuse
  anew:
    description:
      - Whether O(server) is overwritten even where it could become a replica as it is. For a server that lacks rows of which it has the GTIDs, because of a
        replication filter that has been removed, or of errors that it skipped. GTIDs do not show that.
      - What it alone has is saved before, as with every copy. O(method) must be V(clone) or V(rebuild).
      - It is overwritten each time, so that this is for one run, and not for an inventory.
    type: bool
    default: false
    version_added: 1.1.0
  donor:
    description:
      - The server to copy.
      - By default, the one of O(replicas) that lags least, which spares the primary, or the primary if no replica can be copied.
      - A replica that leaves rows out, because of its own replication filters or of a replica that it follows, is never copied. If it is named here, the
        task fails with the code C(cannot_copy) before anything is overwritten.
      - A replica that goes on without rows that it cannot apply (C(slave_exec_mode=IDEMPOTENT), C(slave_skip_errors),
        C(replicate_events_marked_for_skip)) is copied only if it is named here, with the warning C(skips_rows).
  copy_user:
    description:
      - The account for O(method=rebuild), which reads everything and writes everything. By default, the login account.
      - With O(method=clone), it only reads what is compared.
    type: str
  copy_password:
    description: The password of O(copy_user).
    type: str
  copy_timeout:
    description: Seconds that copying may take.
    type: float
    default: 3600
  dump_program:
    description: The program that makes the dump. By default, C(mysqldump) or C(mariadb-dump) on the C(PATH).
    type: path
  host_shells:
    description:
      - For servers, by their names, the command that runs a command line on their host with the rights to replace the server's files, as
        C(ssh root@10.0.0.10) does. It must pass standard input and output through.
    type: dict
    default: {}
  stop_command:
    description: The command that stops the former primary on its host. It must not start again by itself.
    type: str
    default: ""
  start_command:
    description: The command that starts it on its host after its files were replaced. After a clone, the playbook has to run the command.
    type: str
    default: ""
  restart_timeout:
    description: Seconds that the former primary may take to shut down, and to start again, after it was overwritten.
    type: float
    default: 60
  save:
    description:
      - Whether the transactions that only the former primary has are saved.
      - In check mode, they are only listed.
    type: bool
    default: true
  save_to:
    description:
      - The directory to save these transactions in, on the machine that the task runs on. Each save makes a new directory there, which only its owner
        may read.
    type: path
    default: ~/dbha-saved
  save_timeout:
    description: Seconds that reading the binary logs may take. Translating them to SQL may take as long again.
    type: float
    default: 300
  binlog_program:
    description:
      - The program that translates binary logs to SQL, on the machine that the task runs on.
      - By default, C(mysqlbinlog) or C(mariadb-binlog) on the C(PATH). If there is none, the transactions are saved as a binary log extract only.
    type: path
  timeout:
    description: Seconds that closing the former primary for writes may take.
    type: float
    default: 30
  grace:
    description: Seconds that statements and locks on the former primary get to finish, before their connections are killed.
    type: float
    default: 1
  kill:
    description: Whether connections are killed that keep the former primary from becoming read-only, and those that have a transaction open afterwards.
    type: bool
    default: true
  answer_within:
    description: Seconds that O(server) may take until it answers. For a server that was started a moment ago.
    type: float
    default: 0
  replication_user:
    description:
      - The account that O(server) is to log in to O(primary) with as a replica. Here, it matters only whether there is one, before O(method=rebuild),
        and whether O(primary) would let O(server) in with it if that has neither TLS nor the public key of O(primary).
      - Without O(replication_user) and O(replication_password), both are the variables C(mysql_replication_user) and C(mysql_replication_password) of the hosts
        that the task names.
    type: str
  replication_password:
    description: The password of O(replication_user).
    type: str
  source_ssl:
    description: Whether O(server) will encrypt its connection to O(primary), as M(dbha.mysql.mysql_change_master) is going to tell it. By default, as another
      replica does.
    type: bool
    version_added: 1.1.0
  source_public_key:
    description:
      - Whether O(server) will ask O(primary) for its public key, as M(dbha.mysql.mysql_change_master) is going to tell it. By default, as another replica does.
      - If it does neither, and O(primary) would have to be sent the password of O(replication_user) (C(caching_sha2_password)), the task fails with the code
        C(public_key_missing).
    type: bool
    version_added: 1.1.0
seealso:
  - module: dbha.mysql.mysql_change_master
"""

EXAMPLES = r"""
- name: Close the former primary for writes, and see what it alone has
  dbha.mysql.mysql_rejoin:
    server: db0
    primary: db1

- name: Save what it alone has, then overwrite it with a clone of a replica
  dbha.mysql.mysql_rejoin:
    server: db0
    primary: db1
    replicas: [db2, db3]
    method: clone
    save_to: /srv/saved

- name: Let it replicate from the current primary
  dbha.mysql.mysql_change_master:
    cluster: orders
    replicas: [db0]
    primary: db1
"""

RETURN = r"""
msg:
  description: What was found or done, in one line. When the task has failed, what to do, and under each remedy the problems that it is for, line by line.
  returned: always
  type: str
  sample: "db0 has nothing that db1 lacks"
server:
  description: The former primary.
  returned: when it could be closed for writes
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
own:
  description: The transactions that it alone has.
  returned: when it could be closed for writes
  type: dict
  contains:
    gtids:
      description: Their GTIDs. Empty when there are none.
      returned: always
      type: str
      sample: 0-1-91..100
    count:
      description: Their number, with those that have no GTID.
      returned: always
      type: int
      sample: 10
    without_gtid:
      description: How many of them have no GTID, because they were written while C(gtid_mode) was not C(ON) (MySQL).
      returned: always
      type: int
      sample: 0
saved:
  description: What was saved, and where. V(none) if there was nothing to save, or if it could not be saved. A warning then says why.
  returned: when it could be closed for writes
  type: dict
  contains:
    server:
      description: The name of the former primary.
      returned: always
      type: str
      sample: db0
    gtids:
      description: The transactions.
      returned: always
      type: str
      sample: 0-1-91..100
    count:
      description: Their number, with those that have no GTID.
      returned: always
      type: int
      sample: 10
    without_gtid:
      description: How many of them have no GTID.
      returned: always
      type: int
      sample: 0
    directory:
      description: The directory that holds all of this, and the same information as C(summary.json).
      returned: always
      type: str
      sample: /home/admin/dbha-saved/db0-4b7d908579f4
    binary_logs:
      description: Binary log files with these transactions and no others.
      returned: always
      type: list
      elements: path
      sample: [/home/admin/dbha-saved/db0-4b7d908579f4/binlog.000001]
    sql:
      description:
        - The transactions as SQL that the command-line client can replay. Comments show the changed rows.
        - MySQL keeps their GTIDs. MariaDB gives them new ones, because their own numbers may be used already.
        - V(none) if it could not be written.
      returned: always
      type: str
      sample: /home/admin/dbha-saved/db0-4b7d908579f4/transactions.sql
    replay:
      description:
        - The command that replays it, to which the options are added that log in to the primary. A statement that loads a file needs C(local_infile=ON) there.
        - V(none) if there is no SQL.
      returned: always
      type: str
      sample: cd /home/admin/dbha-saved/db0-4b7d908579f4 && mysql --binary-mode --local-infile=1 < transactions.sql
    tables:
      description: The tables in which rows were changed. V(none) if there is no SQL.
      returned: always
      type: list
      elements: dict
      contains:
        schema:
          description: The database.
          returned: always
          type: str
          sample: shop
        table:
          description: The table.
          returned: always
          type: str
          sample: orders
        inserted:
          description: Rows that were inserted.
          returned: always
          type: int
          sample: 12
        updated:
          description: Rows that were updated.
          returned: always
          type: int
          sample: 3
        deleted:
          description: Rows that were deleted.
          returned: always
          type: int
          sample: 0
    problem:
      description: Why there is no SQL. V(none) if there is.
      returned: always
      type: str
      sample: null
copied_from:
  description: The donor.
  returned: when the former primary was to be overwritten
  type: dict
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
copied_with:
  description: How it was copied, V(clone), V(mariadb-backup) or V(dump). V(none) if copying had not begun.
  returned: when the former primary was to be overwritten
  type: str
  sample: mariadb-backup
restart_needed:
  description:
    - Whether the former primary has shut down after it was cloned, because no supervisor would have restarted it. Start it, and run the task again.
    - Without O(start_command), the task then fails with the code C(restart_needed).
  returned: when the former primary was to be overwritten
  type: bool
  sample: false
topology:
  description: Which server replicates from which, drawn as a tree, a line for each server.
  returned: when it could be closed for writes
  type: str
  sample: "db1  (MariaDB 10.11.19, writable)\ndb0  (MariaDB 10.11.19, read-only)\n"
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
      sample: "SET GLOBAL super_read_only = 1"
timeline:
  description: What took how long.
  returned: always
  type: list
  elements: dict
  contains:
    step:
      description: What was done, for example C(look), C(connect), C(close), C(read binary logs), C(save), C(read contents), C(copy) and
        C(compare).
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
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.rejoin import VERB


def main() -> None:
    """Run the module."""
    run_module(VERB)


if __name__ == "__main__":
    main()
