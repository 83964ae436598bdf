"""The same server over mapped files and over files that are read: what it answers, and what it says of damage."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from sqlvec.errors import DataCorrupted, IoError
from sqlvec.storage.blocks import BlockFile, FileKind
from sqlvec.storage.segment_io import OwnedRows, ReadBlocks
from sqlvec.storage.vfs import OsFs
from tests.harness.live_server import LiveServer
from tests.harness.queries import rows
from tests.harness.world import World, world

SCHEMA = """
    CREATE EXTENSION vector;
    CREATE TABLE t (id int PRIMARY KEY, n int, body text, v vector(4));
    CREATE INDEX ON t USING hnsw (v vector_l2_ops);
    CREATE INDEX ON t USING bm25 (body);
    CREATE TABLE other (id int PRIMARY KEY, v vector(4))"""
QUERIES = {
    "filter": "SELECT id FROM t WHERE n = 3 ORDER BY id",
    "column": "SELECT n, body FROM t WHERE id = 7",
    "key": "SELECT body FROM t WHERE id = 7",
    "bm25": "SELECT id FROM t ORDER BY body <@> 'word3', id LIMIT 5",
    "vectors": "SELECT id FROM t ORDER BY v <-> '[7,0,0,0]', id LIMIT 5",
    "graph": "SELECT id FROM t ORDER BY v <-> '[8,0,0,0]' LIMIT 5",
}


def fill(place: World) -> None:
    place.sql(SCHEMA)
    place.sql("INSERT INTO other VALUES (1, '[1,2,3,4]')")
    values = ", ".join(f"({i}, {i % 5}, 'word{i % 7} text', '[{i},0,0,1]')" for i in range(300))
    place.sql(f"INSERT INTO t VALUES {values}")
    place.maintain()
    place.sql("DELETE FROM t WHERE id > 280")
    place.sql("UPDATE t SET body = 'word3' WHERE id = 3")


def answers(place: World) -> list[object]:
    return [place.sql(sql) for sql in QUERIES.values()]


@pytest.mark.parametrize("order", [("mmap", "pread"), ("pread", "mmap")])
def test_what_one_way_wrote_the_other_reads(tmp_path: Path, order: tuple[str, str]) -> None:
    first, second = order
    with world(tmp_path, segment_io=first) as place:
        fill(place)
        wanted = answers(place)
        place.reopen()
        assert answers(place) == wanted
    with world(tmp_path, segment_io=second, segments_merged=2, dead_rows_min=10) as place:
        assert answers(place) == wanted
        place.sql("DELETE FROM t WHERE id BETWEEN 10 AND 270 AND id % 3 > 0")
        place.maintain()
        wanted = answers(place)
        place.reopen()
        assert answers(place) == wanted


def file_of(place: World, kind: str) -> Path:
    """The largest file of a kind: the table's t."""
    files = (place.directory / "databases" / "postgres" / "data").glob(f"*.{kind}")
    return max(files, key=lambda path: path.stat().st_size)


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("segment_io", ["mmap", "pread"])
@pytest.mark.parametrize("what", ["filter/2", "column/3", "key/1", "bm25", "zones/", "vectors"])
def test_a_damaged_byte_is_an_error_and_other_tables_go_on(
    tmp_path: Path, segment_io: str, what: str
) -> None:
    with world(tmp_path, segment_io=segment_io) as place:
        fill(place)
        place.maintain()
        place.close()
        path = file_of(place, "vectors" if what == "vectors" else "segment")
        flip(path, 64 * 7 if what == "vectors" else place_of_block(path, what))
        place.open()
        with pytest.raises(DataCorrupted) as caught:
            answers(place)
        assert f"data/{path.name}" in caught.value.message and "at offset" in caught.value.message
        assert place.sql("SELECT v FROM other") == [((1.0, 2.0, 3.0, 4.0),)]


def place_of_block(path: Path, prefix: str) -> int:
    """Where the first block of a name begins."""
    file = BlockFile(OsFs(str(path.parent.parent)), f"data/{path.name}", FileKind.SEGMENT)
    name = next(name for name in file.names if name.startswith(prefix) and file.array(name).nbytes)
    return path.read_bytes().index(file.array(name).tobytes())


def test_a_file_that_was_cut_is_an_error_where_it_is_read(tmp_path: Path) -> None:
    fs = OsFs(str(tmp_path), segment_io="pread")
    file = fs.create("f")
    file.append(bytes(1000))
    blocks = ReadBlocks(fs, "f", private=False)
    assert len(blocks.read(900, 500)) == 100  # as a map of it would have it
    fs.truncate("f", 950)
    with pytest.raises(IoError, match='could not read file "f": read 50 of 100 bytes at offset 900'):
        blocks.read(900, 100)
    fs.remove("f")
    assert blocks.read(0, 4).tobytes() == bytes(4)  # who has it open reads it to the end


def test_rows_that_are_saved_are_in_the_file(tmp_path: Path) -> None:
    fs = OsFs(str(tmp_path), segment_io="pread")
    rows_ = OwnedRows(fs, "data/v")
    small = rows_.grow(100)
    small[:] = 1
    large = rows_.grow(300)
    assert large[:100].all() and not large[100:].any()
    large[100:110] = 2
    rows_.save(50, 105)
    assert fs.read("data/v") == bytes(50) + b"\1" * 50 + b"\2" * 5 + bytes(195)
    rows_.load(60)
    assert not large[:50].any() and large[50:100].all()


def mapped(server: LiveServer) -> list[str]:
    lines = Path(f"/proc/{server.process.pid}/maps").read_text().splitlines()
    return [line for line in lines if "/data/" in line]


def test_a_server_told_to_read_maps_nothing_and_says_so(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, "--segment-io", "pread", "--memtable-stall", "64MB", "--segments-stall", "77")
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        assert rows(connection, "SHOW sqlvec.segment_io") == [("pread",)]
        assert rows(connection, "SHOW sqlvec.memtable_stall") == [("64MB",)]
        assert rows(connection, "SHOW sqlvec.segments_stall") == [("77",)]
        assert rows(connection, "SHOW sqlvec.unlinked_rows_stall") == [("4000000",)]
        with pytest.raises(psycopg.errors.CantChangeRuntimeParam):
            connection.execute("SET sqlvec.segment_io = mmap")
        connection.execute(SCHEMA)
        connection.execute("INSERT INTO t SELECT i, i, 'text', ARRAY[i, 0, 0, 0]::vector FROM generate_series(1, 5000) i")
        server.wait_until_linked()
        connection.execute("VACUUM")
        nearest = "SELECT id FROM t ORDER BY v <-> '[77,0,0,0]' LIMIT 1"
        assert rows(connection, nearest) == [(77,)] and mapped(server) == []
    assert server.stop() == 0
    server = LiveServer(tmp_path, "--segment-io", "pread")
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        assert rows(connection, nearest) == [(77,)] and mapped(server) == []
    assert server.stop() == 0
