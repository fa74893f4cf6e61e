# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An event source of Event-Driven Ansible: it watches clusters, and tells what happens to them."""

from __future__ import annotations

DOCUMENTATION = r"""
---
short_description: Watches replication clusters of MySQL and MariaDB
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Watches one or many clusters and tells when a primary is dead, and what else is wrong with a cluster, as events.
  - It decides by the same code as the playbooks of this collection. A primary is dead only if nothing answers at its port and no replica receives from it.
  - It only reads. It keeps one connection to each server. Each second it sends one short statement to each primary,
    and every five seconds it reads all servers.
  - While a run of this collection is at work on a cluster, nothing is told of it.
requirements:
  - The collection dbha.mysql, in the place where ansible-rulebook finds this file
  - PyMySQL 1.0.2 or later, in the Python that runs ansible-rulebook
  - cryptography, for accounts that use C(caching_sha2_password) or C(sha256_password) (installed by C(PyMySQL[rsa]))
options:
  clusters:
    description:
      - For each cluster, by the name of its group in the inventory, the list of all its servers, the primary among them.
      - A server is an address (V(db0.example.com), V(db0.example.com:3307), V([2001:db8::1]:3306)), or a dictionary with O(clusters.host), C(port), C(name),
        C(unix_socket), C(replication_host), C(replication_port), C(login_user) and C(login_password). These mean what they mean for the modules.
    type: dict
    required: true
  login_user:
    description:
      - The account to log in with. The one of the failovers will do. It needs the privileges of the inventory plugin dbha.mysql.replication.
      - By default E(DBHA_MYSQL_LOGIN_USER), or the C(user) of O(config_file).
    type: str
  login_password:
    description: The password of O(login_user). By default E(DBHA_MYSQL_LOGIN_PASSWORD), or the C(password) of O(config_file).
    type: str
  config_file:
    description:
      - An option file of MySQL or MariaDB, for what is not given here. Its group C([client]) is read, when the source starts.
      - By default E(DBHA_MYSQL_CONFIG_FILE), or V(~/.my.cnf).
    type: str
  ca_cert:
    description:
      - The certificate of the authority that has signed the certificates of the servers.
      - With it, a server whose certificate does not match is refused.
    type: str
  client_cert:
    description: The certificate to log in with, if the servers ask for one.
    type: str
  client_key:
    description: The private key of O(client_cert).
    type: str
  check_hostname:
    description: Whether the name of the server must be in its certificate. By default it must, if O(ca_cert) is given.
    type: bool
  allow_unverified:
    description: Whether passwords may be sent to servers that are not verified, because O(ca_cert) is not given.
    type: bool
    default: false
  connect_timeout:
    description: Seconds that connecting and logging in to one server may take.
    type: float
    default: 2
  read_timeout:
    description: Seconds that one statement may take. A primary that takes longer is suspected, never dead.
    type: float
    default: 3
  interval:
    description: Seconds between two questions to each primary. That it ends its connection is noticed at once.
    type: float
    default: 1
  look_interval:
    description: Seconds after which all servers of a cluster are read, if nothing is wrong with it. If something is, they are read each O(interval).
    type: float
    default: 5
  retry_interval:
    description: Seconds after which all servers are read again while it is doubtful whether the primary lives, until O(failures) is reached.
    type: float
    default: 0.2
  failures:
    description: How many times in a row a fault must be seen before it is told.
    type: int
    default: 3
  grace:
    description: Seconds that a fault must last before it is told, unless it is about whether the primary lives.
    type: float
    default: 5
  repeat:
    description: Seconds after which an urgent event is told again if its fault lasts (C(primary_dead), C(primary_suspected), C(primary_read_only),
      C(two_writable), C(cut_off)).
    type: float
    default: 10
  remind:
    description: Seconds after which any other event is told again if its fault lasts.
    type: float
    default: 600
  max_lag:
    description: Seconds that a replica may be behind before that is told.
    type: float
    default: 60
  pause_directory:
    description:
      - A directory in which a file with the name of a cluster, or V(all), sets C(paused) in the events of that cluster, or of all.
      - The rulebook dbha.mysql.failover then acts on none of them. Where it cannot be told whether there is such a file, they are paused.
    type: str
notes:
  - Every event has C(type), C(cluster), C(time), C(since) (when it was first seen), C(times) (how often it was told by now), C(paused), C(server), C(code),
    C(message), C(remedy), C(gtids), C(primary) and C(replicas), with what each server says.
  - C(primary_dead) means that the primary did not answer O(failures) times in a row, that nothing listens there, and that no replica receives from it.
    More than half of the replicas must have been asked that.
  - C(primary_suspected) means that the primary does not answer, but may be alive. C(primary_back) means that one of which this was told answers again.
  - C(primary_read_only) means that clients cannot write to the primary. C(two_writable) means that clients may write to another server, too.
  - C(replica_broken), C(replica_lagging) and C(errant) are about the replica in C(server).
  - C(not_ready) is about all else that would forbid a failover. C(topology_changed) says who the primary is and who follows whom, when the source starts
    and when that has changed.
  - C(cut_off) means that no server of the cluster can be read, so that nothing is known of it.
"""

EXAMPLES = r"""
- dbha.mysql.watch:
    clusters:
      orders: [db0.example.com, db1.example.com, db2.example.com]
      payments:
        - {name: pay0, host: 10.0.0.20, port: 3307}
        - {name: pay1, host: 10.0.0.21, port: 3307}
    login_user: failover
    login_password: "{{ failover_password }}"
    ca_cert: /etc/ssl/mysql-ca.pem
    pause_directory: /etc/dbha/paused
"""

import asyncio
import logging
import os
import sys
import threading
import typing as t

# ansible-rulebook runs this file by its path, so that it has no name of its own.
logger = logging.getLogger("dbha.mysql.watch")

# …/ansible_collections/dbha/mysql/extensions/eda/plugins/event_source/watch.py
_ABOVE = 8


def _find_collection() -> None:
    """Let Python find the collection that this file belongs to: ansible-rulebook runs sources by their paths and does not know collections."""
    path = os.path.abspath(__file__)
    for _each in range(_ABOVE):
        path = os.path.dirname(path)
    root = os.path.join(path, "ansible_collections")
    try:
        import ansible_collections
    except ImportError:
        sys.path.insert(0, path)
        return
    # Of several places where collections lie, as that of the package "ansible", this one counts.
    ansible_collections.__path__ = [root, *(each for each in ansible_collections.__path__ if each != root)]


async def main(queue: asyncio.Queue[t.Any], args: t.Dict[str, t.Any]) -> None:
    """Watch until this is cancelled. Raises ``ValueError`` for arguments that cannot be used, and ``ImportError`` without PyMySQL."""
    _find_collection()
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
    from ansible_collections.dbha.mysql.plugins.module_utils._server.driver import PYMYSQL_MISSING
    from ansible_collections.dbha.mysql.plugins.module_utils._watch.arguments import parse
    from ansible_collections.dbha.mysql.plugins.module_utils._watch.heart import Heart
    from ansible_collections.dbha.mysql.plugins.module_utils._watch.watcher import Watcher

    if PYMYSQL_MISSING is not None:
        raise ImportError("dbha.mysql.watch: PyMySQL is missing (%s): %s -m pip install 'PyMySQL[rsa]'" % (PYMYSQL_MISSING, sys.executable))
    try:
        clusters = parse({name: value for name, value in args.items() if name != "eda_feedback_queue"}, os.environ)
    except BadInput as error:
        raise ValueError("dbha.mysql.watch: %s" % error) from None
    loop, stop, heart = asyncio.get_running_loop(), threading.Event(), Heart()
    seen: asyncio.Queue[t.Any] = asyncio.Queue()

    def tell(event: t.Any) -> None:
        if not stop.is_set():
            loop.call_soon_threadsafe(seen.put_nowait, event)

    def watch(watcher: Watcher) -> None:
        try:
            watcher.run(stop)
        except Exception as error:  # a watcher that has ended without a word would be worse than none
            tell(error)

    heart.start()
    for each in clusters:
        threading.Thread(target=watch, args=(Watcher(each, tell, heart),), name="dbha-watch-%s" % each.cluster, daemon=True).start()
    logger.info("watching %s", ", ".join(each.cluster for each in clusters))
    try:
        while True:
            event = await seen.get()
            if isinstance(event, Exception):
                raise event
            await queue.put(event)
    finally:
        stop.set()
        heart.stop()


if __name__ == "__main__":
    # To try it out, it prints what it sees: python watch.py ARGUMENTS.json
    import json
    from contextlib import suppress

    class _Printer:
        async def put(self, event: t.Any) -> None:
            print(json.dumps(event), flush=True)

    with open(sys.argv[1], encoding="utf-8") as file, suppress(KeyboardInterrupt):
        asyncio.run(main(t.cast("asyncio.Queue[t.Any]", _Printer()), json.load(file)))
