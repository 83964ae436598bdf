import numpy as np
import pytest

from sqlvec.errors import ConfigurationError, DataCorrupted
from sqlvec.storage.blocks import HEADER, MAGIC, TRAILER, BlockFile, FileKind, write_blocks
from tests.sim.simfs import SimFs

ARRAYS = {
    "a": np.arange(10, dtype=np.int64),
    "b/1": np.ones((3, 4), np.float32),
    "b/2": np.zeros(0, np.uint64),
    "flags": np.array([True, False]),
}


pytestmark = pytest.mark.parametrize("fs", ["mmap", "pread"], indirect=True)


def test_arrays_come_back_with_type_and_shape(fs: SimFs) -> None:
    size = write_blocks(fs, "f", FileKind.SEGMENT, ARRAYS)
    file = BlockFile(fs, "f", FileKind.SEGMENT)
    assert size == fs.size("f") and file.names == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert file.array(name).dtype == array.dtype
        np.testing.assert_array_equal(file.array(name), array)
    assert list(file.arrays("b/")) == ["1", "2"]


def test_blocks_lie_at_multiples_of_64(fs: SimFs) -> None:
    write_blocks(fs, "f", FileKind.SEGMENT, ARRAYS)
    data = fs.read("f")
    at = data.index(np.ones(12, np.float32).tobytes())
    assert at % 64 == 0 and (HEADER.size, TRAILER.size) == (16, 20)


def test_damage_is_found_when_the_block_is_read_and_named(fs: SimFs) -> None:
    write_blocks(fs, "f", FileKind.SEGMENT, ARRAYS)
    fs.rot("f", 64)
    file = BlockFile(fs, "f", FileKind.SEGMENT)
    assert file.array("b/1").sum() == 12
    with pytest.raises(DataCorrupted, match='block "a" in file "f" at offset 64'):
        file.array("a")


def test_a_damaged_directory_or_a_short_file_is_refused(fs: SimFs) -> None:
    size = write_blocks(fs, "f", FileKind.SEGMENT, ARRAYS)
    fs.rot("f", size - TRAILER.size - 1)
    with pytest.raises(DataCorrupted, match="checksum mismatch in block directory"):
        BlockFile(fs, "f", FileKind.SEGMENT)
    write_blocks(fs, "g", FileKind.SEGMENT, ARRAYS)
    fs.truncate("g", size - 1)
    with pytest.raises(DataCorrupted, match="unexpected end of file"):
        BlockFile(fs, "g", FileKind.SEGMENT)
    fs.truncate("g", 3)
    with pytest.raises(DataCorrupted, match="too short"):
        BlockFile(fs, "g", FileKind.SEGMENT)


def test_another_kind_and_a_newer_version_are_refused(fs: SimFs) -> None:
    write_blocks(fs, "f", FileKind.GRAPH, ARRAYS)
    with pytest.raises(DataCorrupted, match="unexpected header"):
        BlockFile(fs, "f", FileKind.SEGMENT)
    fs.names["f"].buffer[: HEADER.size] = np.frombuffer(
        HEADER.pack(MAGIC, 9, FileKind.GRAPH, bytes(8)), np.uint8
    )
    with pytest.raises(ConfigurationError, match="format version 9"):
        BlockFile(fs, "f", FileKind.GRAPH)


def test_private_arrays_can_be_written(fs: SimFs) -> None:
    write_blocks(fs, "f", FileKind.GRAPH, ARRAYS)
    array = BlockFile(fs, "f", FileKind.GRAPH, private=True).array("a")
    array[0] = 99
    assert BlockFile(fs, "f", FileKind.GRAPH).array("a")[0] == 0
