from collections.abc import Callable
from typing import Any

import pytest

from sqlvec.errors import ObjectInUse
from sqlvec.storage.blocks import BlockFile, FileKind, write_blocks
from sqlvec.storage.check import verify


def filled(database: Any) -> None:
    database.add_indexes()
    database.insert(list(range(20)))
    while database.shard.link_step(20003):
        pass
    database.store.flush()
    database.delete([3])
    database.store.close()


def test_a_sound_database_has_no_findings(database: Any) -> None:
    filled(database)
    assert verify(database.fs) == []


def test_every_flipped_bit_is_found(database: Any) -> None:
    filled(database)
    for name in [f"data/{n}" for n in database.fs.list("data")]:
        size = database.fs.size(name)
        used = 20 * 16 * 4 if name.endswith("vectors") else size
        for offset in range(0, used, max(1, used // 25)):
            before = bytes(database.fs.names[name].buffer[:size])
            database.fs.rot(name, offset)
            found = verify(database.fs)
            if not found:  # between blocks there are bytes that nobody reads
                assert before[offset] == 0, (name, offset)
            assert all(f.severity == "damage" and name in f.file + f.message for f in found), found
            database.fs.rot(name, offset)


def rewritten(database: Any, change: Callable[[dict[str, Any]], None]) -> str:
    """Write a segment again, whole and with right checksums, after changing its blocks."""
    (name,) = (f"data/{n}" for n in database.fs.list("data") if n.endswith(".segment"))
    blocks = {block: array.copy() for block, array in BlockFile(database.fs, name, FileKind.SEGMENT).arrays("").items()}
    change(blocks)
    write_blocks(database.fs, name, FileKind.SEGMENT, blocks)
    return name


def test_zone_maps_that_do_not_agree_with_the_columns_are_found(database: Any) -> None:
    filled(database)

    def lie(blocks: dict[str, Any]) -> None:
        (zones,) = (array for block, array in blocks.items() if block == "zones/4096")
        zones[0, 0, 1] -= 1  # the greatest value of the first column

    name = rewritten(database, lie)
    (found,) = verify(database.fs)
    assert found.file == name and 'block "zones/4096" does not agree' in found.message


def test_a_segment_of_before_there_were_zone_maps_is_read(database: Any) -> None:
    filled(database)

    def forget(blocks: dict[str, Any]) -> None:
        for block in [block for block in blocks if block.startswith("zones/")]:
            del blocks[block]

    name = rewritten(database, forget)
    database.fs.names[name].buffer[4] = 1  # the format version
    assert verify(database.fs) == []
    database.reopen()
    segment = database.shard.segments[0]
    assert segment.zone_rows() == 0 and segment.zones(1) is None and segment.filter(1) is not None


def test_missing_files_and_orphans_are_found(database: Any) -> None:
    filled(database)
    database.fs.create("data/0000000777.segment")
    graph = next(n for n in database.fs.list("data") if n.endswith(".graph"))
    database.fs.remove(f"data/{graph}")
    found = {(f.severity, f.file) for f in verify(database.fs)}
    assert found == {("orphan", "data/0000000777.segment"), ("damage", f"data/{graph}")}


def test_a_damaged_manifest_is_a_finding(database: Any) -> None:
    filled(database)
    database.fs.rot("manifest", 0)
    (found,) = verify(database.fs)
    assert found.file == "manifest" and "magic" in found.message


def test_a_lost_log_is_a_finding(database: Any) -> None:
    filled(database)
    for name in database.fs.list("wal"):
        database.fs.remove(f"wal/{name}")
    (found,) = verify(database.fs)
    assert found.file == "wal" and "does not reach back" in found.message


def test_an_open_database_is_not_checked(database: Any) -> None:
    with pytest.raises(ObjectInUse):
        verify(database.fs)
