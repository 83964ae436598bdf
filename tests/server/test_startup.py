"""What a server that cannot start says: one clear line, and a status that is not zero."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from sqlvec.storage.checksum import crc32c
from sqlvec.storage.manifest import VERSION
from tests.harness.live_server import LiveServer


def refused(directory: Path | str, *arguments: str) -> str:
    command = [sys.executable, "-m", "sqlvec", "serve", "--data-dir", str(directory), "--port", "0"]
    ended = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0 and "Traceback" not in ended.stderr, ended.stderr
    return ended.stderr.splitlines()[-1]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Of a server that was killed after a commit; the path of its database."""
    live = LiveServer(tmp_path)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
        connection.execute("CHECKPOINT")
        connection.execute("INSERT INTO t VALUES (1)")
    live.kill()
    (found,) = (tmp_path / "databases").iterdir()
    return found


def test_a_second_server_on_the_same_directory(tmp_path: Path) -> None:
    live = LiveServer(tmp_path)
    said = refused(tmp_path)
    assert 'lock file "lock" is held by another process' in said
    assert live.stop() == 0


@pytest.mark.parametrize(("version", "known"), [(99, "newest"), (1, "oldest")])
def test_a_manifest_of_another_version(directory: Path, version: int, known: str) -> None:
    with (directory / "manifest").open("r+b") as file:
        file.seek(4)
        file.write(struct.pack("<H", version))
    said = refused(directory.parent.parent)
    assert f'file "manifest" has format version {version}, {known} known is {VERSION}' in said


def test_a_log_of_a_newer_version(directory: Path) -> None:
    (log,) = (directory / "wal").glob("*.wal")
    data = bytearray(log.read_bytes())
    data[4:6] = struct.pack("<H", 99)
    data[24:28] = struct.pack("<I", crc32c(bytes(data[:24])))
    log.write_bytes(data)
    assert "has format version 99" in refused(directory.parent.parent)


def test_a_missing_log(directory: Path) -> None:
    for log in (directory / "wal").glob("*.wal"):
        log.unlink()
    assert "write-ahead log does not reach back to seqno" in refused(directory.parent.parent)


def test_a_missing_segment_is_named_when_it_is_read_and_other_tables_are_served(
    directory: Path,
) -> None:
    live = LiveServer(directory.parent.parent)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE u (id int PRIMARY KEY)")
        connection.execute("INSERT INTO u VALUES (7)")
        connection.execute("CHECKPOINT")
        connection.execute("DROP TABLE t")
        connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
        connection.execute("INSERT INTO t VALUES (8)")
    assert live.stop() == 0
    first, second = sorted((directory / "data").glob("*.segment"))
    first.unlink()
    live = LiveServer(directory.parent.parent)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.Error, match=first.name) as caught:
            connection.execute("SELECT * FROM u")
        assert caught.value.sqlstate == "58P01"
        assert connection.execute("SELECT * FROM t").fetchone() == (8,)
    assert live.stop() == 0 and second.exists()


@pytest.mark.parametrize("where", ["/proc/sqlvec", "/dev/null", "/dev/null/below"])
def test_a_directory_that_cannot_be_written(where: str) -> None:
    assert refused(where).startswith("sqlvec: ")


def test_commits_without_waiting_for_the_disk(tmp_path: Path) -> None:
    """Visible at once, also to others; durable at the latest with the next commit that waits."""
    live = LiveServer(tmp_path)
    with psycopg.connect(live.dsn, autocommit=True) as one:
        one.execute("CREATE TABLE t (id int PRIMARY KEY)")
        one.execute("SET synchronous_commit = off")
        with psycopg.connect(live.dsn, autocommit=True) as other:
            for i in range(200):
                one.execute("INSERT INTO t VALUES (%s)", (i,))
                if i % 20 == 0:
                    assert other.execute("SELECT count(*) FROM t").fetchone() == (i + 1,)
            other.execute("INSERT INTO t VALUES (1000)")
    live.kill()
    again = LiveServer(tmp_path)
    with psycopg.connect(again.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (201,)
    assert again.stop() == 0


def test_a_disk_that_counts_as_full_refuses_writes_and_answers_reads(tmp_path: Path) -> None:
    live = LiveServer(tmp_path)
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY)")
    assert live.stop() == 0
    live = LiveServer(tmp_path, "--disk-use-readonly-percentage", "0")
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.DiskFull, match="read-only because the disk"):
            connection.execute("INSERT INTO t VALUES (1)")
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert live.stop() == 0


def test_more_sessions_than_may_be_are_refused_and_others_go_on(tmp_path: Path) -> None:
    live = LiveServer(tmp_path, "--max-connections", "2")
    with psycopg.connect(live.dsn) as first:
        assert first.execute("SHOW max_connections").fetchone() == ("2",)
        with psycopg.connect(live.dsn):
            with pytest.raises(psycopg.OperationalError, match="sorry, too many clients already"):
                psycopg.connect(live.dsn)
            assert first.execute("SELECT 1").fetchone() == (1,)
        while True:  # until the server has seen that one left
            try:
                psycopg.connect(live.dsn).close()
                break
            except psycopg.OperationalError as error:
                assert "too many clients" in str(error)
    live.stop()
