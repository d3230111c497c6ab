"""A real PostgreSQL for the tests: its own cluster in a temporary directory, not durable and therefore fast.

What measures, or kills it, asks for a durable one, which is as PostgreSQL is installed: the other forgets what it has
acknowledged when it is killed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.services.machine import install, is_ours, machine_lock
from tests.services.ports import free_port
from tests.services.waiting import eventually_sync

_FAST: Final = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_connections=200",
    "shared_buffers=64MB",
    "timezone=UTC",
)


_DURABLE: Final = ("max_connections=200", "shared_buffers=512MB", "max_wal_size=4GB", "timezone=UTC")


class PostgresServer:
    """A running server. Databases are cheap: each test takes one of its own and drops it."""

    def __init__(self, programs: Path, directory: Path, port: int) -> None:
        self._programs = programs
        self._directory = directory
        self._port = port

    def create_database(self, *, template: str = "template1") -> str:
        """The name of a new database; a copy of `template`, to which nobody may be connected."""
        name = f"test_{secrets.token_hex(6)}"
        self.sql(f'create database "{name}" template "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        """Even if somebody is still connected."""
        self.sql(f'drop database if exists "{name}" with (force)')

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    def sql(self, statement: str, *, database: str = "postgres") -> str:
        """Run one statement as the superuser; gives psql's plain output."""
        done = subprocess.run(
            [self._programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", statement],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answers(self) -> bool:
        question = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        return subprocess.run(question, check=False, timeout=30).returncode == 0


class PostgresProcess:
    """A cluster below `directory` that can be killed and started again on the same port."""

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self._programs = ensure_installed()
        self._settings = _DURABLE if durable else _FAST
        self._directory, self._user = directory, _unprivileged_user()
        self._data, self._log, self._port = directory / "data", directory / "log", free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.server = PostgresServer(self._programs, directory, self._port)

    def create(self) -> None:
        if self._user is not None:
            shutil.chown(self._directory, self._user, self._user)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        with self._log.open("wb") as output:
            subprocess.run(
                [self._programs / "initdb", "-D", self._data, *options],
                cwd=self._directory,
                user=self._user,
                group=self._user,
                extra_groups=self._groups,
                stdout=output,
                stderr=output,
                check=True,
                timeout=120,
            )

    def start(self) -> None:
        """Returns when it answers."""
        options = [part for setting in self._settings for part in ("-c", setting)]
        address = ["-h", "127.0.0.1", "-p", str(self._port), "-k", str(self._directory)]
        with self._log.open("ab") as output:
            process = self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *address, *options],
                cwd=self._directory,
                user=self._user,
                group=self._user,
                extra_groups=self._groups,
                stdout=output,
                stderr=output,
            )
        eventually_sync(lambda: process.poll() is not None or self.server.answers(), timeout=60, every=0.05)
        assert process.poll() is None, self._log.read_text()[-2000:]

    def kill(self) -> None:
        """SIGKILL for the postmaster: its children notice and end, and the next start recovers from the log."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """A fast shutdown, which does not wait for clients."""
        self._end(signal.SIGINT)

    @property
    def _groups(self) -> tuple[int, ...] | None:
        return None if self._user is None else ()

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    directory = Path(tempfile.mkdtemp(prefix="hytopus-postgres-"))
    process = PostgresProcess(directory, durable=durable)
    try:
        process.create()
        process.start()
        yield process.server
    finally:
        process.stop()
        shutil.rmtree(directory, ignore_errors=True)


def ensure_installed() -> Path:
    """The folder with `initdb` and `postgres`; Debian keeps it out of the PATH."""
    if (found := _find_programs()) is None:
        # The cluster that Debian would create and start by itself is not wanted.
        with machine_lock("postgres"):
            if is_ours() and not Path("/etc/postgresql-common/createcluster.conf").exists():
                install("postgresql-common", needed_for="PostgreSQL")
                Path("/etc/postgresql-common/createcluster.conf").write_text("create_main_cluster = false\n")
            if _find_programs() is None:
                install("postgresql", needed_for="the tests on PostgreSQL")
        found = _find_programs()
    assert found is not None, "PostgreSQL is installed, but initdb is nowhere"
    return found


def _find_programs() -> Path | None:
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: float(one.parts[-3]))
    if packaged:
        return packaged[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).resolve().parent if elsewhere else None


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root; its package brings the user."""
    return "postgres" if os.geteuid() == 0 else None
