# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate for servers that would otherwise make one at every start (MariaDB 11.4 and later), which takes half a second."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_CERTIFICATE, _KEY = "sandbox-cert.pem", "sandbox-key.pem"


def make_certificate(datadir: Path) -> None:
    """Put a self-signed certificate, like the one that the server would make, into a data directory, if openssl is there to make it."""
    if shutil.which("openssl") is None:
        return
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"),
            *("-subj", "/CN=sandbox", "-keyout", str(datadir / _KEY), "-out", str(datadir / _CERTIFICATE)),
        ],
        check=False,
        capture_output=True,
    )


def certificate_options(datadir: Path) -> list[str]:
    """Return the options that make a server use it, if it is there."""
    if not (datadir / _CERTIFICATE).exists():
        return []
    return [f"--ssl-cert={datadir / _CERTIFICATE}", f"--ssl-key={datadir / _KEY}"]
