# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: replication
short_description: Finds the servers of MySQL and MariaDB replication clusters
version_added: 1.0.0
author:
  - dbha contributors (@dbha)
description:
  - From one or two addresses of each cluster it finds all servers that replicate from each other. Upwards it follows the sources of replicas.
    Downwards it asks each server which replicas it has (C(SHOW REPLICAS), C(SHOW SLAVE HOSTS), and who reads its binary log).
  - Each cluster is a group, with the groups C(<cluster>_primary) and C(<cluster>_replicas) in it. The groups C(primary) and C(replicas) hold those
    of all clusters. A server of which the role is not known is in the group of the cluster alone.
  - Hosts are named by their addresses, with the port if it is not 3306 (V(db1.example.com_3307)), because nobody checks what servers call themselves.
  - A server that belongs to a cluster and cannot be read is there, with the reason in the variable C(mysql_unreachable).
  - It reads only, and it changes nothing on any server.
notes:
  - The configuration file must have a name that ends with C(mysql_replication.yml) or C(mysql_replication.yaml).
  - A replica that is down replicates from nobody, so it is found only if it is a seed. Where a server that others replicate from cannot be read,
    its other replicas are found only if they are seeds, too. The group then has C(mysql_cluster_size) set to more servers than it has, so that a
    failover is refused with the code C(cluster_incomplete) instead of electing among a part of the servers. For failovers, name all servers as seeds
    and say how many there are (C(size)), or save the inventory while the primary lives
    (C(ansible-inventory --list --export --yaml --output FILE)).
  - Two addresses are one host if the same server answers at both. That is tried out, with a lock that is taken over one connection and seen over
    the other one, where the C(server_uuid) is the same. MariaDB has none, so there it is tried where the C(server_id) is the same.
  - A server is asked only where another server, or the configuration, says that it is. If a different server answers there, which its
    C(server_uuid) shows (in MariaDB its C(server_id) and its source), it is not taken into the cluster.
  - No password is written into the inventory. The playbooks need it as well. Set C(mysql_login_password) in C(group_vars), or keep it in O(config_file).
requirements:
  - PyMySQL 1.0.2 or later
  - cryptography, for accounts that use C(caching_sha2_password) or C(sha256_password) (installed by C(PyMySQL[rsa]))
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [dbha.mysql.replication]
  clusters:
    description:
      - The clusters, by the names that their groups will have. A name consists of letters, digits and underscores.
      - The value is a list of seeds, which are addresses of servers of that cluster (V(host), V(host:port), or V([IPv6 address]:port)).
      - Or it is a dictionary with the list C(seeds) and, as C(size), how many servers the cluster has. C(size) becomes C(mysql_cluster_size) of the
        group, so that a run with fewer servers is refused.
    type: dict
    required: true
  login_user:
    description:
      - The account to log in with. It needs the privileges C(REPLICATION CLIENT), C(REPLICATION SLAVE) and C(PROCESS); on MariaDB C(SLAVE MONITOR),
        C(BINLOG MONITOR), C(REPLICATION MASTER ADMIN) and C(PROCESS). The account that the README describes has them.
      - It becomes C(mysql_login_user) of the groups. By default, the C(user) of O(config_file).
      - May be a template.
    type: str
    env:
      - name: DBHA_MYSQL_LOGIN_USER
  login_password:
    description:
      - The password of O(login_user). By default, the C(password) of O(config_file).
      - May be a template, or encrypted with Ansible Vault. It is not written into the inventory, nor into the cache.
    type: str
    env:
      - name: DBHA_MYSQL_LOGIN_PASSWORD
  config_file:
    description:
      - An option file of MySQL or MariaDB. Its group C([client]) supplies C(user), C(password), C(ssl-ca), C(ssl-cert) and C(ssl-key)
        if the options are not given.
      - If it is given, it becomes C(mysql_config_file) of the groups. By default, C(~/.my.cnf) is read, if there is one.
      - May be a template.
    type: path
    env:
      - name: DBHA_MYSQL_CONFIG_FILE
  ca_cert:
    description:
      - The certificate of the authority that has signed the certificates of the servers. With it, a server whose certificate does not match is refused.
      - It becomes C(mysql_ca_cert) of the groups. May be a template.
    type: path
  client_cert:
    description: The certificate to log in with, if the servers ask for one. It becomes C(mysql_client_cert) of the groups. May be a template.
    type: path
  client_key:
    description: The private key of O(client_cert). It becomes C(mysql_client_key) of the groups. May be a template.
    type: path
  check_hostname:
    description: Whether the name of the server must be in its certificate. It becomes C(mysql_check_hostname) of the groups.
    type: bool
  allow_unverified:
    description:
      - Whether passwords may be sent to servers that are not verified, because O(ca_cert) is not given. It becomes C(mysql_allow_unverified) of the groups.
      - Without it and without O(ca_cert), only seeds are logged in to, and only if they do not ask for the password itself. What servers say of each other
        may be the address of anybody, so the servers that are found are then marked with C(password_withheld).
    type: bool
    default: false
  connect_timeout:
    description: Seconds that connecting and logging in to one server may take.
    type: float
    default: 3
  read_timeout:
    description: Seconds that one statement may take on one server.
    type: float
    default: 10
  timeout:
    description: Seconds after which no further server of a cluster is asked. All clusters are searched at once.
    type: float
    default: 30
  limit:
    description: How many addresses are asked in each cluster at most. What is left out is told, and the group counts as incomplete.
    type: int
    default: 50
  addresses:
    description:
      - Where servers are reached from here that other servers call by an address that means nothing here, or another server, because there is an address
        translation (NAT) or a network for replication in between.
      - The keys are C(host:port), or C(host) for all ports, as the servers say it (the source of a replica, its C(report_host)).
        The values are C(host:port), or C(host) if the port is the same.
      - A server that is found in this way has C(mysql_replication_host) and C(mysql_replication_port) as the other servers call it.
    type: dict
    default: {}
"""

EXAMPLES = r"""
# orders.mysql_replication.yml: the account is in ~/.my.cnf, the network is trusted.
plugin: dbha.mysql.replication
clusters:
  orders: [10.0.0.10, 10.0.0.11]
allow_unverified: true
---
# Two clusters, verified connections, the password from the vault.
plugin: dbha.mysql.replication
clusters:
  orders:
    seeds: [db0.example.com, db1.example.com, db2.example.com]
    size: 3
  payments: ["pay1.example.com:3307"]
login_user: failover
login_password: "{{ lookup('ansible.builtin.env', 'FAILOVER_PASSWORD') }}"
ca_cert: /etc/ssl/mysql-ca.pem
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/dbha
keyed_groups:
  - key: mysql_version.split('.')[0:2] | join('_')
    prefix: version
groups:
  lagging: (mysql_lag | default(0, true)) > 60
---
# Servers in a network of their own, reached through a gateway.
plugin: dbha.mysql.replication
clusters:
  orders: ["gateway.example.com:13306"]
addresses:
  "10.1.0.10:3306": "gateway.example.com:13306"
  "10.1.0.11:3306": "gateway.example.com:23306"
ca_cert: /etc/ssl/mysql-ca.pem
"""

import re
import typing as t
from dataclasses import asdict
from functools import partial

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import plain
from ansible_collections.dbha.mysql.plugins.plugin_utils._unsafe import from_servers

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.discover import discover
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import at_once
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.discovery import Described, Ways, describe, endpoint_of
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
    from ansible_collections.dbha.mysql.plugins.module_utils._server.driver import PYMYSQL_MISSING
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login, login_with_config_file, make_tls_context
    from ansible_collections.dbha.mysql.plugins.module_utils._server.option_file import read_option_file
    from ansible_collections.dbha.mysql.plugins.module_utils._server.text import printable

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.discovery import Tree

_SUFFIXES = ("mysql_replication.yml", "mysql_replication.yaml")

# What may be a template, or encrypted by itself.
_TEMPLATES = ("clusters", "addresses", "login_user", "login_password", "config_file", "ca_cert", "client_cert", "client_key")

# What playbooks log in with as well. The password is not among it.
_SHARED = ("login_user", "config_file", "ca_cert", "client_cert", "client_key", "check_hostname", "allow_unverified")

_GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# Groups that are there anyway.
_TAKEN = ("all", "ungrouped", "primary", "replicas")

_MOST_ADDRESSES = 1000


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Asks the servers, or the cache, and fills the inventory."""

    NAME = "dbha.mysql.replication"

    def verify_file(self, path: str) -> bool:
        """Whether this is a configuration file of this plugin, by its name."""
        return super().verify_file(path) and path.endswith(_SUFFIXES)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Fill the inventory. Raises ``AnsibleParserError`` for a configuration that cannot be used, and with ``strict`` for a cluster that is not found."""
        super().parse(inventory, loader, path, cache)
        self._fill_in(self._read_config_data(path))
        asked = self._asked()
        described = self._from_cache(path, asked, cache)
        if described is None:
            described = self._found()
            # What nobody has answered is not worth keeping.
            if self.get_option("cache") and all(self._is_read(described, cluster) for cluster in asked["clusters"]):
                self._cache[self.get_cache_key(path)] = {"asked": asked, "described": asdict(described)}
        self._tell(described, asked["clusters"])
        self._populate(described)

    def _fill_in(self, config: t.Dict[str, t.Any]) -> None:
        """Evaluate what is a template in the configuration file; what comes from elsewhere, as a password from the environment, is what it is."""
        self.templar.available_variables = self._vars
        for option in _TEMPLATES:
            if config.get(option) is not None:
                try:
                    self.set_option(option, plain(self.templar.template(config[option])))
                except AnsibleError as error:
                    raise _refusal("%s: %s" % (option, error)) from error

    def _asked(self) -> t.Dict[str, t.Any]:
        """Return what is searched for, of plain values: an inventory that was kept is used only for the same."""
        clusters: t.Dict[str, t.Any] = {}
        for name, value in plain(self.get_option("clusters")).items():
            if _GROUP.fullmatch(name) is None or name in _TAKEN:
                taken = ", ".join(_TAKEN)
                raise _refusal("clusters: %r cannot be the name of a group: it takes letters, digits and underscores, and not %s" % (name, taken))
            given = value if isinstance(value, dict) else {"seeds": value}
            seeds, size = given.get("seeds"), given.get("size")
            seeds = [seeds] if isinstance(seeds, str) else seeds
            if not isinstance(seeds, list) or not seeds or not all(isinstance(each, str) for each in seeds):
                raise _refusal("clusters: %s takes a list of addresses, or a dictionary with the list seeds" % name)
            if set(given) - {"seeds", "size"}:
                raise _refusal("clusters: %s takes seeds and size, not %s" % (name, ", ".join(sorted(set(given) - {"seeds", "size"}))))
            if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
                raise _refusal("clusters: the size of %s is not a whole number from 1 on" % name)
            try:
                clusters[name] = {"seeds": [list(endpoint_of(each)) for each in seeds], "size": size}
            except ValueError as error:
                raise _refusal("clusters: %s: %s" % (name, error)) from error
        if not 1 <= self.get_option("limit") <= _MOST_ADDRESSES:
            raise _refusal("limit takes a whole number from 1 to %d" % _MOST_ADDRESSES)
        for option in ("connect_timeout", "read_timeout", "timeout"):
            if not 0 < self.get_option(option) <= 86400:
                raise _refusal("%s takes more than 0 and at most 86400 seconds" % option)
        addresses = {str(each): str(other) for each, other in plain(self.get_option("addresses") or {}).items()}
        return {"clusters": clusters, "addresses": addresses, "limit": self.get_option("limit"), "shared": self._shared()}

    def _shared(self) -> t.Dict[str, t.Any]:
        """Return what the playbooks log in with, of what is given here."""
        given = {option: plain(self.get_option(option)) for option in _SHARED}
        return {option: value for option, value in given.items() if value not in (None, "", False) or (option == "check_hostname" and value is False)}

    def _from_cache(self, path: str, asked: t.Dict[str, t.Any], cache: bool) -> t.Optional[Described]:
        if not (self.get_option("cache") and cache):
            return None
        try:
            kept = plain(self._cache[self.get_cache_key(path)])
        except KeyError:
            return None
        return Described(**kept["described"]) if kept.get("asked") == asked else None

    def _found(self) -> Described:
        """Search for all clusters at once."""
        if PYMYSQL_MISSING is not None:
            raise AnsibleError("[driver_incomplete] PyMySQL is missing (%s). %s" % (PYMYSQL_MISSING, remedy_of("driver_incomplete")))
        asked = self._asked()
        clusters = asked["clusters"]
        login = Login(
            connect_timeout=self.get_option("connect_timeout"),
            read_timeout=self.get_option("read_timeout"),
            check_hostname=self.get_option("check_hostname"),
            allow_unverified=bool(self.get_option("allow_unverified")),
            **{name.replace("login_", ""): plain(self.get_option(name)) for name in ("login_user", "login_password", "ca_cert", "client_cert", "client_key")},
        )
        try:
            ways = Ways(asked["addresses"])
            login = login_with_config_file(login, read_option_file(plain(self.get_option("config_file")) or "~/.my.cnf"))
            tls = make_tls_context(login)
        except ValueError as error:
            raise _refusal(str(error)) from error

        search = partial(discover, ways=ways, login=login, tls=tls, limit=self.get_option("limit"), seconds=self.get_option("timeout"))
        seeds = [[tuple(each) for each in cluster["seeds"]] for cluster in clusters.values()]
        trees: t.Dict[str, Tree] = dict(zip(clusters, at_once(search, seeds)))
        described = describe(trees, {name: cluster["size"] for name, cluster in clusters.items() if cluster["size"] is not None})
        for name in clusters:
            described.group(name)["vars"].update(("mysql_" + option, value) for option, value in asked["shared"].items())
        return described

    def _is_read(self, described: Described, cluster: str) -> bool:
        groups = [described.group(each) for each in (cluster, cluster + "_primary", cluster + "_replicas")]
        return any("mysql_unreachable" not in described.hosts[host] for group in groups for host in group["hosts"])

    def _tell(self, described: Described, clusters: t.Dict[str, t.Any]) -> None:
        """Say what the user should know. With ``strict`` a cluster of which no server could be read is an error."""
        for note in described.notes:
            self.display.warning(printable(note))
        for cluster in clusters:
            if self._is_read(described, cluster):
                continue
            reasons = [described.hosts[host]["mysql_unreachable"] for host in described.group(cluster)["hosts"]]
            codes = sorted({reason.partition("]")[0].lstrip("[") for reason in reasons})
            remedies = " ".join(remedy_of(code) for code in codes)
            message = printable("no server of the cluster %s can be read: %s. %s" % (cluster, "; ".join(reasons), remedies))
            if self.get_option("strict"):
                raise AnsibleParserError(message)
            self.display.warning(message)

    def _populate(self, described: Described) -> None:
        for name, group in described.groups.items():
            self.inventory.add_group(name)
            for variable, value in group["vars"].items():
                self.inventory.set_variable(name, variable, from_servers(value))
        for host, variables in described.hosts.items():
            self.inventory.add_host(host)
            for variable, value in variables.items():
                self.inventory.set_variable(host, variable, from_servers(value))
        for name, group in described.groups.items():
            for child in group["children"] + group["hosts"]:
                self.inventory.add_child(name, child)
        strict = self.get_option("strict")
        for host in described.hosts:
            self._set_composite_vars(self.get_option("compose"), self.inventory.get_host(host).get_vars(), host, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), {}, host, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), {}, host, strict=strict)


def _refusal(message: str) -> AnsibleParserError:
    return AnsibleParserError("[bad_input] %s. %s" % (message.rstrip("."), remedy_of("bad_input")))
