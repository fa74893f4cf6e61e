#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_salvage
short_description: Fetch what a dead MySQL or MariaDB primary has and no replica received
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Reads the binary log files of a server that is down, on its host. Applies the transactions that a replica lacks on that replica, under their
    own GTIDs, before it is promoted. A transaction that was written only in part is left out.
  - Delegate the task to the host of the dead server. The host needs Python, and the task must be allowed to read the files (see C(become)). The
    machine that runs Ansible connects to the replica.
  - The files are read in the order of their index file, in parts of 16 MB, or 4 MB of what cannot be compressed, so that neither
    machine needs memory for all of them. A row is in one part. The machine that runs Ansible needs 60 MB and about eleven times the largest one.
  - Over SSH, the parts are read as they come, while those before them are applied. Over other connections, where a password has to be typed, or where
    Ansible must not use pipelining (C(su), C(requiretty)), the module runs once for each part. That takes longer, and twice the memory.
  - Nothing is read while a process still has the files open for writing. The server is not dead then, and its files are not its last word. The task
    fails (C(primary_maybe_alive)), whatever O(policy) says.
  - Rows are applied without any privilege on their tables. What was logged as a statement, such as C(CREATE TABLE), or an C(INSERT) with
    C(binlog_format=MIXED) or C(STATEMENT), needs its usual privileges.
  - What is compressed is read. That takes the library of Zstandard (C(libzstd.so.1)) on the machine that runs Ansible if MySQL has compressed it.
  - Nothing is applied of files that are encrypted or damaged, or do not go back far enough, and of a transaction that cannot be applied, and those
    after it. C(LOAD DATA) with C(binlog_format=STATEMENT), and distributed transactions (XA), cannot be applied.
  - Transactions that were applied stay, also if a later one fails or the time is up. Run the task again to go on with the rest.
extends_documentation_fragment:
  - dbha.mysql.attributes
  - dbha.mysql.login
  - dbha.mysql.entry.replica
  - dbha.mysql.entry.notes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  replica:
    description: The replica to apply the transactions on. It must have applied everything it has received, and take no writes.
  directory:
    description:
      - The directory of the binary log files of the dead server. Relay logs in it are left alone.
      - By default, the variable C(mysql_binlog_directory) of the host of the dead server, if that is set.
    type: path
    default: /var/lib/mysql
  policy:
    description:
      - What happens if nothing can be fetched, or if not everything that was found can be applied.
      - With V(auto), there is a warning, RV(problem) says why, and the task does not fail.
      - With V(require), the task fails, and O(connect_within) does not matter. Logging in to the host may take all of O(timeout).
      - By default, the task fails.
    type: str
    choices: [auto, require]
  force:
    description: Whether a process that still has the files open is only one more reason why nothing can be fetched (C(salvage_failed)).
    type: bool
    default: false
  connect_within:
    description: Seconds that logging in to the host of the dead server over SSH, and a first command there, may take.
    type: float
    default: 3
  timeout:
    description: Seconds that the whole task may take. What has not been applied by then is not applied.
    type: float
    default: 20
  family:
    description: Filled in by the action plugin. The family of the servers.
    type: str
    choices: [mysql, mariadb]
  have:
    description: Filled in by the action plugin. What the replica has.
    type: str
  place:
    description: Filled in by the action plugin. Where in the binary logs to go on.
    type: dict
  stream:
    description: Filled in by the action plugin. Whether all that is to be read from there is printed as it is read.
    type: bool
    default: false
seealso:
  - module: dbha.mysql.mysql_find_best_replica
  - module: dbha.mysql.mysql_promote
"""

EXAMPLES = r"""
- name: Fetch from the dead primary what no replica received
  dbha.mysql.mysql_salvage:
    replica: "{{ election.most_advanced.name }}"
  delegate_to: db0
  connection: ssh
"""

RETURN = r"""
msg:
  description: What was found or done, in one line.
  returned: always
  type: str
  sample: "salvaged 12 transactions from the dead primary that no replica had received"
problem:
  description: Why not everything that was found could be applied, or why nothing could be read. V(none) if all is well.
  returned: always
  type: str
  sample: null
found:
  description: The transactions that the dead server has and the replica lacked. Empty if there were none, or if they could not be read.
  returned: when the replica could be asked
  type: str
  sample: 0-1-91..102
found_count:
  description: Their number.
  returned: when the replica could be asked
  type: int
  sample: 12
applied:
  description: Those of them that were applied.
  returned: when the replica could be asked
  type: str
  sample: 0-1-91..102
applied_count:
  description: Their number.
  returned: when the replica could be asked
  type: int
  sample: 12
left:
  description: Those of them that were not applied.
  returned: when the replica could be asked
  type: str
  sample: ""
left_count:
  description: Their number.
  returned: when the replica could be asked
  type: int
  sample: 0
received:
  description: What the replica has now. V(none) if that is not known, because the time was up in the middle.
  returned: when the replica could be asked
  type: str
  sample: 0-1-102
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
      description: What was done, for example C(look), C(connect), C(read binary logs) and C(salvage).
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
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage_host import READ


def main() -> None:
    """Read on the dead server's host; what comes before and after that is the work of the action plugin."""
    run_module(READ)


if __name__ == "__main__":
    main()
