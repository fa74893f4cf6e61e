#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_primary
short_description: Let a name in DNS lead clients to the new MySQL or MariaDB primary
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Replaces the addresses (A and AAAA) of a name, at many name servers at once, by dynamic updates (RFC 2136), signed with a key (TSIG).
  - Each name server is asked what it has, updated in one step, and asked again. It changes nothing where everything is as it should be, and finishes what
    another run has left half done.
  - If one name server fails, the others are updated all the same. The task then fails at its end, and its problems say which one failed and why.
  - Clients follow once they ask again, O(ttl) seconds later or more. Many programs ask once, when they connect.
requirements:
  - dnspython, on the machine that the task runs on
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
    description: Where the module can run. The name servers can run on anything.
    support: full
    platforms: posix
options:
  servers:
    description:
      - The name servers that take updates of the zone, its primary ones, as C(host), C(host:port), or C([address]:port) with IPv6. They are asked over TCP.
      - Those that get the zone from them are not to be named.
    type: list
    elements: str
    required: true
  zone:
    description: The zone, for example V(example.com).
    type: str
    required: true
  record:
    description: The name that clients use, for example V(orders.example.com), or V(orders) in the zone V(example.com). V(@) is the zone itself.
    type: str
    required: true
  primary:
    description: The server that takes the writes.
    type: dict
    required: true
    suboptions:
      name:
        description:
          - What the server is called in the inventory.
          - The default is O(primary.host).
        type: str
      host:
        description: Its address. A name is not looked up; say in O(addresses) what it stands for.
        type: str
        default: localhost
      port:
        description: Not looked at. So a server can be given as other modules return it.
        type: int
        default: 3306
  addresses:
    description:
      - The addresses that clients are to be given, by the name of the server in the inventory. Each is an address, or a list.
      - The default is O(primary.host).
    type: dict
    default: {}
  ttl:
    description: For how many seconds others may remember the addresses.
    type: int
    default: 5
  key_name:
    description: The name of the key that updates are signed with. Without a key, name servers have to trust the address that they come from.
    type: str
  key_secret:
    description: The secret of the key, in base64 as C(tsig-keygen) writes it.
    type: str
  key_algorithm:
    description: The algorithm of the key.
    type: str
    choices: [hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512]
    default: hmac-sha256
  timeout:
    description: Seconds that all may take on one name server. All are updated at once.
    type: float
    default: 3
  problems_as:
    description:
      - How problems are shown that make the task fail.
      - With V(text), they are printed once, as text that begins with what to do. The result, which Ansible prints after that, names only their codes
        and name servers. The whole result is in C(diff), which Ansible prints only with C(-vvv).
      - With V(result), they are in the result, for tasks and rescues that read them there.
      - A task that has C(failed_when) always gets the whole result.
    type: str
    choices: [result, text]
    default: result
notes:
  - A server can be named by an inventory host instead of a dictionary. Its C(host) is then the variable C(mysql_host) of the host, or C(ansible_host),
    or its name. Its C(port) is the variable C(mysql_port), if the host has it.
  - An option that is none or an empty text counts as not given. A list may be text with commas. Surveys of AWX send both.
seealso:
  - module: dbha.mysql.haproxy_primary
  - name: Let the clients follow
    description: What has to be set up for that, and other ways.
    link: https://github.com/dbha/mysql/blob/main/docs/guides/clients.md
  - name: Codes of problems
    description: Every code that can be in C(problems), and what to do about it.
    link: https://github.com/dbha/mysql/blob/main/docs/codes.md
"""

EXAMPLES = r"""
- name: Let the name of the clients lead to db1
  dbha.mysql.dns_primary:
    servers: [10.0.0.2, 10.0.0.3]
    zone: example.com
    record: orders
    primary: db1
    key_name: dbha
    key_secret: "{{ vault_dns_key }}"
"""

RETURN = r"""
msg:
  description: What was done, in one line.
  returned: always
  type: str
  sample: "orders.example.com. is 10.0.0.11, of db1 (10.0.0.2, 10.0.0.3)"
servers:
  description: What became of each name server.
  returned: unless an option cannot be used
  type: list
  elements: dict
  contains:
    server:
      description: The name server, as it was given.
      returned: always
      type: str
      sample: 10.0.0.2
    before:
      description: The addresses that it had before. Empty if they could not be read.
      returned: always
      type: list
      elements: str
      sample: ["10.0.0.10"]
    after:
      description: Those that it has now. In check mode, those that it would have.
      returned: always
      type: list
      elements: str
      sample: ["10.0.0.11"]
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
      sample: dns_unreachable
    server:
      description: The name of the server that has it. Empty if the problem is one of the whole cluster.
      returned: always
      type: str
      sample: 10.0.0.3
    message:
      description: What was found.
      returned: always
      type: str
      sample: "10.0.0.3: Connection refused"
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
        Start the name server, or open its port for TCP (53), and run this again. If it is gone for good, take it off the list (clients_dns_servers).
statements:
  description:
    - The updates, in the words of C(nsupdate). Those of one name server are sent together.
    - In check mode, the updates that would be sent.
  returned: always
  type: list
  elements: dict
  contains:
    server:
      description: The name server.
      returned: always
      type: str
      sample: 10.0.0.2
    statement:
      description: The update.
      returned: always
      type: str
      sample: "update add orders.example.com. 5 A 10.0.0.11"
timeline:
  description: What took how long.
  returned: always
  type: list
  elements: dict
  contains:
    step:
      description: What was done, for example C(look at name server) and C(update name server).
      returned: always
      type: str
      sample: update name server
    server:
      description: The name server. Empty for what is done on all of them at once.
      returned: always
      type: str
      sample: 10.0.0.2
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
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.dns_primary import VERB


def main() -> None:
    """Run as a module, on the machine of the task."""
    run_module(VERB)


if __name__ == "__main__":
    main()
