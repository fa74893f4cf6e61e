# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An SSH server of our own on loopback, with keys of its own. The system's is neither started nor touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from .cache import locked
from .errors import SandboxError
from .packages import apt_install, services_stay_down
from .ports import give_back_port, take_port
from .process import spawn
from .server import Server
from .waiting import wait_until


class Sshd:
    """A daemon that lets this user in by a key, for the length of a `with` block.

    On this machine, or at an address of another host: `prefix` is what a command line has to begin with to be carried out there. With `sudo`, it lets
    in an account that may do nothing but call Debian's sudo; only this daemon, and what it starts, knows of that account. The directory must be one
    that everybody may enter.
    """

    def __init__(self, directory: Path, *, address: str = "127.0.0.1", prefix: Sequence[str] = (), sudo: bool = False) -> None:
        self.directory = directory
        self.address = address
        self.port = take_port()
        self._prefix = prefix
        self._sudo = sudo
        self.key = directory / "user_key"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Sshd:
        for name in ("host_key", "user_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.directory / name)], check=True)
        shutil.copy(self.directory / "user_key.pub", self.directory / "authorized_keys")
        configuration = self.directory / "sshd_config"
        settings = {
            "ListenAddress": f"{self.address}:{self.port}",
            "HostKey": self.directory / "host_key",
            "AuthorizedKeysFile": self.directory / "authorized_keys",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            # So that bash does not take the first shell of a session for one that has to read .bashrc: whatever this machine does there costs each task.
            "SetEnv": "SHLVL=1",
            "Subsystem": "sftp internal-sftp",
        }
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")
        log = self.directory / "sshd.log"
        prefix = [*self._prefix, *(_with_sudo(self.directory) if self._sudo else ())]
        self._process = spawn([*prefix, _program(), "-D", "-e", "-f", str(configuration)], environment=dict(os.environ), output=log, detached=False)
        wait_until(lambda: log.exists() and "Server listening" in log.read_text(errors="replace"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)  # and whoever is connected
            self._process.wait()
        give_back_port(self.port)

    @property
    def pid(self) -> int:
        """The process that takes connections."""
        assert self._process is not None
        return self._process.pid

    def hang(self, text: str = "") -> None:
        """Let a session, from now on, stand still for ten minutes if its command has this text in it, as on a host whose disk does not answer."""
        shell = self.directory / "shell"
        shell.write_text(f'#!/bin/sh\ncase "$SSH_ORIGINAL_COMMAND" in *{text}*) exec sleep 600;; esac\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n', encoding="utf-8")
        shell.chmod(0o755)
        key = self.key.with_suffix(".pub").read_text(encoding="utf-8")
        (self.directory / "authorized_keys").write_text(f'command="{shell}" {key}', encoding="utf-8")

    @property
    def clients(self) -> list[str]:
        """The programs that have been called with our key and still run; not those that only keep a connection for the next one."""
        commands = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                commands.append(path.read_text(errors="replace").replace("\0", " "))
        return [command for command in commands if str(self.key) in command]

    def host_of(self, server: Server) -> dict[str, dict[str, Any]]:
        """Return the inventory variables of a server's host that is reached through this daemon."""
        return {server.name: {**self.variables, "mysql_binlog_directory": str(server.datadir)}}

    @property
    def variables(self) -> dict[str, Any]:
        """What the inventory has to say of a host that is reached through this daemon."""
        return {
            **({"ansible_user": ACCOUNT, "ansible_python_interpreter": "/usr/bin/python3"} if self._sudo else {}),
            "ansible_connection": "ssh",
            "ansible_host": self.address,
            "ansible_port": self.port,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes",
            "ansible_remote_tmp": str(self.directory / "tmp"),
        }


ACCOUNT = "dbha-account"


def _with_sudo(directory: Path) -> list[str]:
    """Return what a command has to begin with so that it knows an account with nothing but sudo; install sudo where it is missing."""
    if shutil.which("sudo") is None:
        with locked("sudo"):
            apt_install("A host whose account calls sudo", "sudo")
    passwd, sudoers, temporary = directory / "passwd", directory / "sudoers", directory / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)
    passwd.write_text(f"{Path('/etc/passwd').read_text(encoding='utf-8')}{ACCOUNT}:*:54321:54321::/:/bin/sh\n", encoding="utf-8")
    sudoers.write_text(f"{ACCOUNT} ALL=(ALL:ALL) NOPASSWD: ALL\n", encoding="utf-8")
    sudoers.chmod(0o440)
    hide = 'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/sudoers" /etc/sudoers && shift && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", hide, "sh", str(directory)]


def _program() -> str:
    """Return the path of sshd, which must be absolute; install it without starting it where it is missing."""
    for _attempt in ("look", "install"):
        path = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin")
        if path is not None:
            Path("/run/sshd").mkdir(exist_ok=True)  # it asks for that, whatever its configuration says
            return path
        with locked("sshd"), services_stay_down():
            apt_install("A host that answers over SSH", "openssh-server")
    raise SandboxError("There is no sshd, although openssh-server is installed.")
