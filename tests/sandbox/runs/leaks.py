# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding passwords in what programs print, however they are quoted there."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_plus

from ..servers.accounts import PASSWORDS


def leaked(text: str, passwords: Mapping[str, str] | None = None) -> list[str]:
    """Return the users whose passwords are somewhere in a text: as they are, quoted or escaped, in whole or without their quotes.

    :arg passwords: those to look for, by the names of their users; the sandbox's own without it.
    """
    bare = _bare(text)
    found = []
    for user, password in (PASSWORDS if passwords is None else passwords).items():
        encoded = (base64.b64encode(password.encode()).decode().rstrip("="), quote(password), password.encode().hex())
        escaped = (password, json.dumps(password)[1:-1], repr(password)[1:-1], ascii(password)[1:-1], _printed(password))
        if any(_bare(form) in bare for form in escaped) or any(form in text for form in encoded):
            found.append(user)
    return found


def _printed(text: str) -> str:
    """Escape what this collection does not print as it is."""
    return re.sub(r"[^\n\t]", lambda each: each[0] if each[0].isprintable() else each[0].encode("unicode_escape").decode(), text)


def _bare(text: str) -> str:
    """Take off all that quoting adds, for a shell, SQL, JSON, YAML, Python or a URL, however often it was quoted."""
    text = re.sub(r"\\+u00(2[27]|5[cC])", "", unquote_plus(text) if "%25" in text else text)
    return re.sub(r"[\\'\"]|%(?=%)", "", text)
