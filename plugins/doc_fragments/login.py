# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this document fragment is **PRIVATE** to the collection.

from __future__ import annotations


class ModuleDocFragment:
    """How to log in to the servers."""

    DOCUMENTATION = r"""
options:
  problems_as:
    description:
      - How problems are shown that make the task fail.
      - With V(text), they are printed once, as text that begins with what to do. The result, which Ansible prints after that, names only their codes
        and servers. The whole result is in C(diff), which Ansible prints only with C(-vvv). The filter P(dbha.mysql.report#filter) finds it there.
      - With V(result), they are in the result, for tasks and rescues that read them there.
      - A task that has C(failed_when) always gets the whole result.
    type: str
    choices: [result, text]
    default: result
  remedies_for:
    description:
      - Which role the task is a part of. What is to be done about a problem is then said for it, with its options.
      - By default it is said for each of them. The roles of this collection say it of themselves.
    type: str
    choices: [failover, switchover, rejoin]
    version_added: 1.1.0
  login_user:
    description:
      - The account to log in with. A server may have an account of its own.
      - By default, the C(user) of O(config_file).
      - The README of the collection lists the privileges that it needs.
    type: str
  login_password:
    description:
      - The password of O(login_user). A server may have a password of its own.
      - By default, the C(password) of O(config_file).
    type: str
  config_file:
    description:
      - An option file of MySQL or MariaDB, on the machine that connects.
        Its group C([client]) supplies C(user), C(password), C(ssl-ca), C(ssl-cert) and C(ssl-key) if the options are not given.
      - The file need not exist.
    type: path
    default: ~/.my.cnf
  connect_timeout:
    description:
      - Seconds that connecting and logging in to one server may take. All connections are made at once.
      - The default is smaller than the 30 seconds of other collections, because a primary whose host is switched off costs that much downtime.
    type: float
    default: 3
  read_timeout:
    description:
      - Seconds that one statement may take on one server.
      - Statements that wait on the server, and statements that stop replication threads, have time limits of their own.
    type: float
    default: 10
  ca_cert:
    description:
      - The certificate of the authority that has signed the certificates of the servers, on the machine that connects.
      - With this option, a server whose certificate does not match is refused.
      - Without it, connections are encrypted if the server supports that, and nothing is verified. What may be sent then, O(allow_unverified) says.
    type: path
    aliases: [ssl_ca]
  client_cert:
    description: The certificate to log in with, if the servers ask for one.
    type: path
    aliases: [ssl_cert]
  client_key:
    description: The private key of O(client_cert).
    type: path
    aliases: [ssl_key]
  check_hostname:
    description:
      - Whether the name of the server must be in its certificate. It matters only together with O(ca_cert). Then it is the default.
    type: bool
  allow_unverified:
    description:
      - Whether passwords may be sent over a connection that is not verified, because O(ca_cert) is not given and it is not one over a socket.
        Whoever answers there, or is in between, then learns them.
      - Without it, nothing is answered but a challenge. A server is refused with the code C(password_withheld) if it asks for the password itself, as
        C(caching_sha2_password) does after each restart of the server, C(sha256_password) and C(mysql_clear_password) always. A server that replicas
        follow and that is not in the inventory is only asked for its greeting.
      - Passwords in statements, of the account that replicas log in with and of a clone, are not sent either. What needs that is refused with the
        same code before anything is changed. It is needed only where a server becomes a replica anew (the old primary in a switchover, a rejoin).
        A replica that is repointed keeps the account that it has.
      - It makes no difference to connections that are verified.
    type: bool
requirements:
  - PyMySQL 1.0.2 or later, on the machine that connects
  - cryptography, on the same machine, for accounts that use C(caching_sha2_password) or C(sha256_password) (installed by C(PyMySQL[rsa]))
seealso:
  - name: Codes of problems
    description: Every code that can be in C(problems), and what to do about it.
    link: https://github.com/dbha/mysql/blob/main/docs/codes.md
"""
