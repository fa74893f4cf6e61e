#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_primary
short_description: Let HAProxy send clients to the new MySQL or MariaDB primary
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Moves the clients of a backend to one server, on all proxies at once, over the runtime API of HAProxy.
  - On each proxy, all other servers of the backend are put into maintenance and the sessions of their clients are ended. Once the proxy says that
    this is done, the primary is opened. So there are never two servers open to writers.
  - It also finishes what another run has left half done, and changes nothing where everything is as it should be.
  - If one proxy fails, the others are changed all the same. The task then fails at its end, and its problems say which proxy failed and why.
  - It lasts until HAProxy is reloaded or restarted. The guide says how to keep it, and what the configuration of HAProxy has to look like.
attributes:
  action:
    description: Has an action plugin of the same name, which runs on the controller.
    support: full
    details:
      - It fills in servers that are named by inventory hosts, and does the work itself if the connection is local.
  check_mode:
    description: Can run in C(check_mode) and say what would be done without doing it.
    support: full
  diff_mode:
    description: Shows in C(diff) mode what changes.
    support: none
  idempotent:
    description: Changes nothing when it is run again with the same options after it has succeeded.
    support: full
  platform:
    description: Where the module can run. The proxies can run on anything.
    support: full
    platforms: posix
options:
  proxies:
    description:
      - Where the runtime API of each proxy is, as C(host:port), C([address]:port) with IPv6, or the path of a UNIX socket on the machine that the task runs on.
      - It needs the level C(admin), for example C(stats socket ipv4@10.0.0.5:9999 level admin) in the section C(global) of HAProxy's configuration.
    type: list
    elements: str
    required: true
  backend:
    description: The backend, or the section C(listen), whose clients write.
    type: str
    required: true
  state:
    description:
      - With V(open), the clients of O(backend) are sent to O(primary).
      - With V(closed), they are sent to nobody, and their sessions are ended. O(primary), O(readers) and O(replicas) are not looked at.
    type: str
    choices: [open, closed]
    default: open
  primary:
    description: The server that takes the writes. Required, unless O(state=closed).
    type: dict
    suboptions: &server
      name:
        description:
          - What the server is called in the inventory.
          - The default is C(host:port).
        type: str
      host:
        description: Its name or address.
        type: str
        default: localhost
      port:
        description: Its port.
        type: int
        default: 3306
  readers:
    description: The backend, or the section C(listen), whose clients only read.
    type: str
  replicas:
    description:
      - The servers that the clients of O(readers) are sent to. All others of that backend are put into maintenance, and the sessions of their
        clients are ended.
      - If the list is empty, they are sent to O(primary).
      - One that is not in the backend is passed over with a warning, as long as any other is.
    type: list
    elements: dict
    suboptions: *server
  server_names:
    description: What servers are called in HAProxy, by their names in the inventory, if that is not the same.
    type: dict
    default: {}
  server_prefix:
    description: What HAProxy has before the names that servers have in the inventory.
    type: str
    default: ""
  timeout:
    description: Seconds that all may take on one proxy. All proxies are changed at once.
    type: float
    default: 3
  problems_as:
    description:
      - How problems are shown that make the task fail.
      - With V(text), they are printed once, as text that begins with what to do. The result, which Ansible prints after that, names only their codes
        and proxies. The whole result is in C(diff), which Ansible prints only with C(-vvv).
      - With V(result), they are in the result, for tasks and rescues that read them there.
      - A task that has C(failed_when) always gets the whole result.
    type: str
    choices: [result, text]
    default: result
notes:
  - A server can be named by an inventory host instead of a dictionary. Its C(host) is then the variable C(mysql_host) of the host, or C(ansible_host),
    or its name. Its C(port) is the variable C(mysql_port), if the host has it.
  - A server is found in a backend by its name. If there is none of that name, it is found by its address and port. A server whose name belongs to
    one server of the backend and its address to another is refused.
  - An option that is none or an empty text counts as not given. A list may be text with commas. Surveys of AWX send both.
seealso:
  - module: dbha.mysql.mysql_promote
  - name: Let the clients follow
    description: What the configuration of HAProxy has to look like, and other proxies.
    link: https://github.com/dbha/mysql/blob/main/docs/guides/clients.md
  - name: Codes of problems
    description: Every code that can be in C(problems), and what to do about it.
    link: https://github.com/dbha/mysql/blob/main/docs/codes.md
"""

EXAMPLES = r"""
- name: Send the writers to db1, and the readers to the others
  dbha.mysql.haproxy_primary:
    proxies:
      - 10.0.0.5:9999
      - 10.0.0.6:9999
    backend: orders_writers
    primary: db1
    readers: orders_readers
    replicas: [db2, db3]

- name: Fail over, and let the clients follow
  hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - role: dbha.mysql.failover
      failover_cluster: orders
  tasks:
    - name: Let the clients follow
      dbha.mysql.haproxy_primary:
        proxies: [10.0.0.5:9999, 10.0.0.6:9999]
        backend: orders_writers
        primary: "{{ dbha_result.new_primary.name }}"
"""

RETURN = r"""
msg:
  description: What was done, in one line.
  returned: always
  type: str
  sample: "clients of the backend orders_writers go to db1 (10.0.0.5:9999, 10.0.0.6:9999)"
proxies:
  description: What became of each proxy.
  returned: unless an option cannot be used
  type: list
  elements: dict
  contains:
    proxy:
      description: The proxy, as it was given.
      returned: always
      type: str
      sample: "10.0.0.5:9999"
    before:
      description:
        - For each backend the states of its servers before, by their names in HAProxy. Empty if they could not be read.
        - A state is C(ready), C(drain), C(maint), or C(down) for a server that would get clients if its health check did not fail.
      returned: always
      type: dict
      sample: {"orders_writers": {"db0": "down", "db1": "maint"}}
    after:
      description: The same after it, as the proxy says. In check mode, as it would be.
      returned: always
      type: dict
      sample: {"orders_writers": {"db0": "maint", "db1": "ready"}}
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
      sample: proxy_unreachable
    server:
      description: The name of the server that has it. Empty if the problem is one of the whole cluster.
      returned: always
      type: str
      sample: "10.0.0.6:9999"
    message:
      description: What was found.
      returned: always
      type: str
      sample: "10.0.0.6:9999: Connection refused"
    gtids:
      description: The transactions at stake. Empty if there are none.
      returned: always
      type: str
      sample: ""
    remedy:
      description: What to do about it.
      returned: always
      type: str
      sample: >-
        Start the proxy, or repair the way to its runtime API (stats socket), and run this again. If the proxy is gone for good, take it off the list
        (clients_haproxies).
statements:
  description:
    - The commands that changed something, in the order in which they were sent to each proxy.
    - In check mode, the commands that would be sent.
  returned: always
  type: list
  elements: dict
  contains:
    server:
      description: The proxy.
      returned: always
      type: str
      sample: "10.0.0.5:9999"
    statement:
      description: The command.
      returned: always
      type: str
      sample: "set server orders_writers/db1 state ready"
timeline:
  description: What took how long.
  returned: always
  type: list
  elements: dict
  contains:
    step:
      description: What was done, for example C(look at proxy) and C(change proxy).
      returned: always
      type: str
      sample: change proxy
    server:
      description: The proxy. Empty for what is done on all of them at once.
      returned: always
      type: str
      sample: "10.0.0.5:9999"
    start:
      description: When it began, in seconds since the work began.
      returned: always
      type: float
      sample: 0.0012
    seconds:
      description: How long it took.
      returned: always
      type: float
      sample: 0.0009
"""

from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import run_module
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.haproxy_primary import VERB


def main() -> None:
    """Run as a module, on the machine of the task."""
    run_module(VERB)


if __name__ == "__main__":
    main()
