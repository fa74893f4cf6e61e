# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates: one for servers that would otherwise make theirs at every start (MariaDB 11.4 and later), which takes half a second; and an authority."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .packages import apt_install

_CERTIFICATE, _KEY = "sandbox-cert.pem", "sandbox-key.pem"


def make_certificate(datadir: Path) -> None:
    """Put a self-signed certificate, like the one that the server would make, into a data directory, if openssl is there to make it."""
    if shutil.which("openssl") is None:
        return
    _make("sandbox", datadir / _CERTIFICATE, datadir / _KEY)


def certificate_options(datadir: Path) -> list[str]:
    """Return the options that make a server use it, if it is there."""
    if not (datadir / _CERTIFICATE).exists():
        return []
    return [f"--ssl-cert={datadir / _CERTIFICATE}", f"--ssl-key={datadir / _KEY}"]


@dataclass(frozen=True)
class Authority:
    """The certificate of an authority, and what it has signed: certificates of a server on loopback and of a client, each with its key."""

    ca: Path
    ca_key: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]

    def sign(self, name: str, alternative: str) -> tuple[Path, Path]:
        """Make a certificate with a name of its own, like ``DNS:db0``, and its key."""
        made = self.ca.with_name(f"{name}.pem"), self.ca.with_name(f"{name}-key.pem")
        signed = ("-CA", str(self.ca), "-CAkey", str(self.ca_key), "-addext", f"subjectAltName={alternative}")
        _make(name, *made, *signed, "-addext", "basicConstraints=critical,CA:FALSE")
        return made

    def sign_expired(self) -> tuple[Path, Path]:
        """Make a certificate for a server on loopback that was valid once, and its key."""
        certificate, key = self.sign("expired", "IP:127.0.0.1")
        request = certificate.with_name("request.pem")
        _openssl("x509", "-x509toreq", "-in", certificate, "-signkey", key, "-out", request)
        self._run("-batch", "-in", request, "-out", certificate, "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-notext")
        return certificate, key

    def list_revoked(self) -> Path:
        """Make the list of those certificates that it has revoked: none."""
        revoked = self.ca.with_name("revoked.pem")
        self._run("-gencrl", "-out", revoked)
        return revoked

    def _run(self, *options: str | Path) -> None:
        """Let openssl do what only an authority with a register does."""
        index, configuration = (self.ca.with_name(name) for name in ("index.txt", "ca.cnf"))
        index.touch()
        own = {"database": index, "new_certs_dir": self.ca.parent, "rand_serial": "yes", "default_md": "sha256", "default_crl_days": "3650"}
        lines = ["[ca]", "default_ca = own", "[own]", *(f"{name} = {value}" for name, value in own.items()), "policy = any", "[any]", "commonName = supplied"]
        configuration.write_text("\n".join([*lines, ""]))
        _openssl("ca", "-config", configuration, "-keyfile", self.ca_key, "-cert", self.ca, *options)

    @property
    def server_options(self) -> list[str]:
        """Return the options of a server that has its certificate and takes those of clients."""
        return [f"--ssl-ca={self.ca}", f"--ssl-cert={self.server[0]}", f"--ssl-key={self.server[1]}"]


def make_authority(directory: Path) -> Authority:
    """Make one, with all its files in a directory."""
    if shutil.which("openssl") is None:
        apt_install("A certificate", "openssl")
    ca, key = directory / "ca.pem", directory / "ca-key.pem"
    _make("authority", ca, key)
    nobody = Authority(ca, key, (ca, key), (ca, key))
    return Authority(ca, key, *(nobody.sign(name, "IP:127.0.0.1") for name in ("server", "client")))


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def _make(name: str, certificate: Path, key: Path, *options: str) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"),
            *("-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate), *options),
        ],
        check=bool(options),
        capture_output=True,
    )
