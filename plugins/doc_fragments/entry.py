# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this document fragment is **PRIVATE** to the collection.

from __future__ import annotations

# What every option that takes servers has in common; the modules say what each is for.
_SERVER = r"""
    suboptions:
      name:
        description:
          - What the server is called in results and in other options.
          - The default is C(host:port).
        type: str
      host:
        description: The name or address to connect to. Replicas are also told to connect to it, unless O(%(option)s.replication_host) is given.
        type: str
        default: localhost
      port:
        description: The port to connect to.
        type: int
        default: 3306
      unix_socket:
        description:
          - The path of a socket to connect to instead, on the machine that connects.
          - Replicas are still told O(%(option)s.host) and O(%(option)s.port).
        type: path
      replication_host:
        description:
          - The name or address that replicas are told to connect to, if that is not O(%(option)s.host). For a network of its own for replication, and for
            a virtual address that the replicas follow.
          - A replica that has this address for its source follows this server.
        type: str
      replication_port:
        description: The port that replicas are told to connect to, if that is not O(%(option)s.port).
        type: int
      promotion:
        description:
          - Whether the server is to be promoted. Those that have the most data go first all the same; among these one that is preferred wins, and one
            that is not (V(prefer_not)) only if there is no other.
          - V(never) means that it is not promoted, whoever names it.
        type: str
        choices: [prefer, neutral, prefer_not, never]
        default: neutral
      site:
        description: The name of the place where the server stands. M(dbha.mysql.mysql_find_best_replica) may prefer the site of the primary.
        type: str
      login_user:
        description: The account for this server, if it differs from O(login_user).
        type: str
      login_password:
        description: The password for this server, if it differs from O(login_password).
        type: str
"""

_CLUSTER = r"""
options:
  cluster:
    description:
      - The inventory group that holds the servers of the cluster.
      - Servers that other options name must be in it.
    type: str
  leave_out:
    description: Members of O(cluster) that are treated as if they were not members. They are neither read nor changed, nor are other runs kept off them.
    type: list
    elements: str
    default: []
"""

_NOTES = r"""
notes:
  - A server can be named by an inventory host instead of a dictionary. Its C(host) is then the variable C(mysql_host) of the host, or C(ansible_host),
    or its name. Its C(port), C(unix_socket), C(login_user), C(login_password), C(replication_host), C(replication_port), C(promotion) and C(site) are the
    variables C(mysql_port), C(mysql_unix_socket), C(mysql_login_user), C(mysql_login_password), C(mysql_replication_host), C(mysql_replication_port),
    C(mysql_promotion) and C(mysql_site) of the host, if it has them.
  - If servers are named by a group or by hosts, O(config_file), O(connect_timeout), O(read_timeout), O(ca_cert), O(client_cert), O(client_key),
    O(check_hostname) and O(allow_unverified) are the variables C(mysql_config_file), C(mysql_connect_timeout), and so on, of these hosts, if the task
    does not give them.
    They belong to the whole cluster, so a task is refused if they differ between its servers. So do C(mysql_source_ssl), C(mysql_source_ssl_ca),
    C(mysql_source_ssl_cert), C(mysql_source_ssl_key), C(mysql_source_ssl_verify_server_cert) and C(mysql_source_public_key) of tasks that have these options.
  - An option that is none or an empty text counts as not given. A list may be text with commas. Surveys of AWX send both.
  - Connections to the servers are made from the machine that the task runs on. With C(connection=local) that is the controller, and the work is
    done without starting another Python, which saves about 0.4 s in each task.
"""


def _one(option: str) -> str:
    return "options:\n  %s:\n    type: dict%s" % (option, _SERVER % {"option": option})


class ModuleDocFragment:
    """Options that take servers: dictionaries, or names of inventory hosts."""

    # Annotated, because ansible-test's yamllint takes every plain assignment here for one to a literal, and trips over these.
    CLUSTER: str = _CLUSTER
    REPLICAS: str = "options:\n  replicas:\n    type: list\n    elements: dict%s" % (_SERVER % {"option": "replicas[]"})
    SILENT: str = "options:\n  silent:\n    type: list\n    elements: dict%s" % (_SERVER % {"option": "silent[]"})
    DEAD_PRIMARY: str = _one("dead_primary")
    PRIMARY: str = _one("primary")
    REPLICA: str = _one("replica")
    CATCH_UP_FROM: str = _one("catch_up_from")
    DEMOTE: str = _one("demote")
    SERVER: str = _one("server")
    DONOR: str = _one("donor")
    NOTES: str = "options: {}" + _NOTES
