#!/usr/bin/python
# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: address_primary
short_description: Let the host of the new MySQL or MariaDB primary have a virtual address
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - Moves addresses, IPv4 or IPv6, that clients use to the host of the primary.
  - All hosts are asked at once over SSH, with the connection that the inventory says for each. The others remove the addresses. The host of the primary
    asks its network who has them, adds each as soon as nobody answers any more, and tells all others that it has it now (gratuitous ARP, unsolicited
    neighbour advertisement). So there are never two hosts that have one.
  - A host that is off costs no more than O(connect_timeout), and clients do not wait for it. That is a warning. If an address still answers from there,
    it is not added, and the task fails.
  - It also finishes what another run has left half done. Where everything is as it should be, it changes nothing, and only tells the network again who has
    the addresses.
  - An address lasts until its host is restarted. It must not be in the configuration of the network of any host.
attributes:
  action:
    description: Has an action plugin of the same name, which runs on the controller.
    support: full
    details:
      - It does all the work, in Ansible's own process. The task does not need to be delegated, and cannot have C(async).
  check_mode:
    description: Can run in C(check_mode) and say what would be done without doing it.
    support: full
    details:
      - Hosts are asked then too, and say whether they could.
  diff_mode:
    description: Shows in C(diff) mode what changes.
    support: none
  idempotent:
    description: Changes nothing when it is run again with the same options after it has succeeded.
    support: full
  platform:
    description: Where the addresses can be.
    support: full
    platforms: linux
options:
  addresses:
    description:
      - The addresses, for example V(10.0.0.100) or V(2001:db8::100), with the length of the prefix (V(10.0.0.100/24)) or without.
      - Without it, an address gets the prefix of the address that its interface has in the same network.
    type: list
    elements: str
    required: true
  primary:
    description: The server whose host is to have the addresses.
    type: dict
    required: true
    suboptions: &server
      name:
        description:
          - Its host in the inventory. It is asked with the connection that the inventory says, C(ssh) by default.
          - The default is O(primary.host).
        type: str
      host:
        description: Looked at only without a name.
        type: str
        default: localhost
      port:
        description: Not looked at. So a server can be given as other modules return it.
        type: int
        default: 3306
  others:
    description: The servers whose hosts are not to have the addresses, all other members of the cluster. The list may be empty.
    type: list
    elements: dict
    required: true
    suboptions: *server
  state:
    description:
      - With V(moved), the addresses are moved.
      - With V(looked_at), nothing is changed. The task fails if a host can be told already not to be able to do its part.
    type: str
    choices: [moved, looked_at]
    default: moved
  interface:
    description:
      - The interface that the addresses are added to.
      - The default is, on each host, the one that has another address of the same network.
    type: str
  connect_timeout:
    description: Seconds that a host may take to let us in.
    type: float
    default: 3
  timeout:
    description: Seconds that all may take on one host. All hosts are asked at once.
    type: float
    default: 10
  become:
    description: Whether to become root on the hosts, by the inventory's own settings (C(ansible_become_method) and so on).
    type: bool
    default: true
  problems_as:
    description:
      - How problems are shown that make the task fail.
      - With V(text), they are printed once, as text that begins with what to do. The result, which Ansible prints after that, names only their codes
        and hosts. The whole result is in C(diff), which Ansible prints only with C(-vvv).
      - With V(result), they are in the result, for tasks and rescues that read them there.
      - A task that has C(failed_when) always gets the whole result.
    type: str
    choices: [result, text]
    default: result
notes:
  - A server can be named by an inventory host instead of a dictionary. Its C(host) is then the variable C(mysql_host) of the host, or C(ansible_host),
    or its name. Its C(port) is the variable C(mysql_port), if the host has it.
  - A host needs Python 3.6 or later and the program C(ip), and no package of Python. It has to be in the same network as the others, by Ethernet.
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
- name: Let clients find db1 at the address that they know
  dbha.mysql.address_primary:
    addresses: [10.0.0.100/24, 2001:db8::100/64]
    primary: db1
    others: [db0, db2]

- name: Fail over, and let the clients follow
  hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - role: dbha.mysql.failover
      failover_cluster: orders
  tasks:
    - name: Let the clients follow
      dbha.mysql.address_primary:
        addresses: 10.0.0.100
        primary: "{{ dbha_result.new_primary.name }}"
        others: "{{ groups['orders'] | difference([dbha_result.new_primary.name]) }}"
"""

RETURN = r"""
msg:
  description: What was done, in one line.
  returned: always
  type: str
  sample: "db1 has 10.0.0.100"
hosts:
  description: What became of each host.
  returned: unless an option cannot be used
  type: list
  elements: dict
  contains:
    host:
      description: The name of the host.
      returned: always
      type: str
      sample: db1
    before:
      description: Which of the addresses it had. Empty if it could not be asked.
      returned: always
      type: list
      elements: str
      sample: []
    after:
      description: Which of them it has now. In check mode, which it would have.
      returned: always
      type: list
      elements: str
      sample: ["10.0.0.100"]
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
      sample: address_in_use
    server:
      description: The name of the server that has it. Empty if the problem is one of the whole cluster.
      returned: always
      type: str
      sample: db1
    message:
      description: What was found.
      returned: always
      type: str
      sample: "10.0.0.100 still answers from elsewhere (02:42:ac:11:00:02), and from none of the hosts of the cluster"
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
        Take the address off the host that has it (ip address delete), or switch that host off, and run this again. An address in the configuration of
        the network of a host comes back with it: remove it there.
statements:
  description:
    - The commands that changed something, in the order in which each host has carried them out.
    - In check mode, the commands that would be carried out.
  returned: always
  type: list
  elements: dict
  contains:
    server:
      description: The host.
      returned: always
      type: str
      sample: db1
    statement:
      description: The command.
      returned: always
      type: str
      sample: "ip address add 10.0.0.100/24 dev eth0"
timeline:
  description: What took how long.
  returned: always
  type: list
  elements: dict
  contains:
    step:
      description: What was done, for example C(ask host).
      returned: always
      type: str
      sample: ask host
    server:
      description: The host. Empty for what is done on all of them at once.
      returned: always
      type: str
      sample: db1
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
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.address_primary import VERB


def main() -> None:
    """Run as a module, on the machine of the task."""
    run_module(VERB)


if __name__ == "__main__":
    main()
