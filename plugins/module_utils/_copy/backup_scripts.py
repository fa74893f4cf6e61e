# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The shell scripts that ``_copy/backup`` runs on the hosts of two MariaDB servers, for a POSIX shell.

Each is a template of ``%``: ``%(datadir)s``, ``%(copy)s`` and ``%(pid_file)s`` are paths, quoted for a shell already.
"""

from __future__ import annotations

# In the data directory, so that it is on the same volume. The server shows it as #mysql50##dbha-copy, and uses nothing of it (seen: 10.11, 11.8).
COPY = "#dbha-copy"

_FIND = """set -e
backup=$(command -v mariadb-backup || command -v mariabackup) || { echo 'mariadb-backup is not installed' >&2; exit 1; }
"""

# Binary logs and relay logs are not copied. Not by its whole path: what is left out would be everything below a directory named mariadb-10.11.
MEASURE_DONOR = _FIND + "cd %(datadir)s && du -skL --exclude='*.[0-9]*' . | cut -f 1"

# Where the data directory and the process are is what the server says, and what is there is going to be replaced by root: so the host is asked whose it is.
# A server works in its data directory (seen: 10.11, 11.8).
_OWN = """pid=$(cat %(pid_file)s)
kill -0 "$pid" || { echo 'its process is not found here' >&2; exit 1; }
cd %(datadir)s
works_in=$(readlink "/proc/$pid/cwd") || works_in=
if [ -d /proc/self ] && [ "$works_in" != "$(pwd -P)" ] || [ ! -f aria_log_control ] || [ ! -d mysql ]; then
    echo 'the data directory that it names is not the one that its process works in' >&2
    exit 1
fi
"""

MEASURE_RECIPIENT = (
    _FIND
    + """command -v mbstream >/dev/null || { echo 'mbstream is not installed' >&2; exit 1; }
"""
    + _OWN
    + """
for each in */db.opt; do
    each=${each%%/*}
    [ "$(stat -Lc %%d "$each")" = "$(stat -c %%d .)" ] || { echo "the database $each is on a volume of its own" >&2; exit 1; }
done
rm -rf %(copy)s
mkdir -m 700 %(copy)s
df -Pk %(copy)s | awk 'NR == 2 { print $4 }'
rmdir %(copy)s
"""
)

# How to log in stands in a file that has no name any more before anything is written to it: where the script is killed, nothing of it is left.
SEND = (
    _FIND
    + """umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT PIPE TERM
exec 3<>"$work/login"
login=/proc/self/fd/3
if [ -e "$login" ]; then rm "$work/login"; else login=$work/login; fi
cat >&3
"$backup" --defaults-extra-file="$login" --backup --stream=mbstream --target-dir="$work" --datadir=%(datadir)s
"""
)

RECEIVE = "mkdir -m 700 %(copy)s && exec mbstream -x -C %(copy)s"

CLEAN_UP = "rm -rf %(copy)s"

PREPARE = (
    _FIND
    + """"$backup" --prepare --target-dir=%(copy)s >&2
cd %(copy)s
cat mariadb_backup_binlog_info 2>/dev/null || cat xtrabackup_binlog_info
"""
)

# What is no data stays: certificates, logs, binary logs, and directories of such, which may be volumes of their own. An empty directory of the donor
# gets into the copy as if it were an empty database (seen: 10.11, 11.8).
REPLACE = (
    "set -e\n"
    + _OWN
    + """mkdir %(copy)s/%(mark)s
rm -f %(copy)s/backup-my.cnf %(copy)s/xtrabackup_* %(copy)s/mariadb_backup_*
chown -R --reference=. %(copy)s
said=$(mktemp)
trap 'cat "$said" >&2; rm -f "$said"' EXIT
{ %(stop)s
} </dev/null >"$said" 2>&1
waited=0
while kill -0 "$pid" 2>/dev/null && ! grep -q "^State:.Z" "/proc/$pid/status" 2>/dev/null; do
    waited=$((waited + 1))
    [ "$waited" -le %(seconds)d ] || { echo "process $pid still runs after the command that was to stop it" >&2; exit 1; }
    sleep 1
done
rm -rf mysql
for each in */; do
    each=${each%%/}
    if [ -e "$each/db.opt" ] || [ -n "$(ls %(copy)s/"$each" 2>/dev/null | grep -vx db.opt)" ]; then
        rm -rf "./$each"
    else
        rm -rf %(copy)s/"$each"
    fi
done
rm -rf performance_schema sys
rm -f ibdata* ib_logfile* ibtmp* ib_buffer_pool undo[0-9]* aria_log* ddl_recovery* tc.log *master*.info *relay-log*.info
for each in %(copy)s/*; do
    [ "$each" = %(copy)s/mysql ] || mv "$each" .
done
mv %(copy)s/mysql .
rmdir %(copy)s
if command -v restorecon >/dev/null; then restorecon -R .; fi
{ %(start)s
} </dev/null >"$said" 2>&1
"""
)
