# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Trying the account of the replicas on servers, while other things are done, before it is sent to anybody."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import LOGIN_ERRORS, Account, Tried
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import UnsupportedVersion, flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.privileges import may_replicate, needs_tls
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import as_text
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import DriverIncomplete, LoginRefused, ServerError, Withheld
from ansible_collections.dbha.mysql.plugins.module_utils._steps.trial import grants_of

if t.TYPE_CHECKING:
    from concurrent.futures import Future

    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Entry, Members


class AccountTrial:
    """Logs in to servers with the account of the replicas, in threads of its own, from here: that is not from where replicas do."""

    def __init__(self, members: Members, names: t.Iterable[str], login: Account) -> None:
        self._pool = ThreadPoolExecutor(max_workers=8)
        self._running: t.Dict[str, Future[Tried]] = {}
        for entry in members.entries:
            # Over a socket it would be another account, at localhost.
            if entry.name in names and entry.address.unix_socket is None and login.user is not None and login.password is not None:
                self._running[entry.name] = self._pool.submit(_try, entry, members, login)
        self._pool.shutdown(wait=False)

    def results(self) -> t.Dict[str, Tried]:
        """Return what came of it, by the names of the servers; it is waited for, within the limit for a login."""
        return {name: running.result() for name, running in self._running.items()}


def _try(entry: Entry, members: Members, login: Account) -> Tried:
    # The option file's client certificate, if there is one, is not the replicas'.
    server = Server(entry.name, entry.address, replace(entry.login, user=login.user, password=login.password), tls=members.tls)
    try:
        server.connect()
        return _let_in(server)
    except LoginRefused as error:
        return Tried(False, error.errno, error.message)
    except (DriverIncomplete, Withheld) as error:
        return Tried(None, None, error.message, takes_key=server.takes_key)
    except UnsupportedVersion as error:
        return Tried(None, None, str(error))
    except ServerError as error:
        # MariaDB lets an account in whose password has expired, and then refuses every statement (seen: 10.11).
        return Tried(False if error.errno in LOGIN_ERRORS else None, error.errno, error.message)
    finally:
        server.close()


def _let_in(server: Server) -> Tried:
    """Say what an account that is let in may do, and whether it would be without TLS, which is not how it was tried where the server offers that."""
    grants = grants_of(server)
    show = flavor_of(server.version_text).show_own_account()
    created = [as_text(value) for row in server.send(show) for value in row.values()] if show is not None else []
    return Tried(True, may_replicate=may_replicate(grants), needs_tls=needs_tls([*grants, *created]), takes_key=server.takes_key)
