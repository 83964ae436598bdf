from typing import Any

import numpy as np
import pytest

from sqlvec.errors import ConfigurationError, DataCorrupted
from sqlvec.index.hnsw import GraphChanges
from sqlvec.storage.link_log import LinkLog, read_links


def changes(low: int) -> GraphChanges:
    rows = np.arange(3, dtype=np.int32)
    links = np.arange(12, dtype=np.int32).reshape(3, 4)
    upper = np.zeros((1, 2), np.int32)
    scales = np.ones(2, np.float32)
    return GraphChanges(low, low + 2, 5, 7, rows, links, rows[:1], upper, scales)


@pytest.fixture
def written(fs: Any) -> LinkLog:
    links = LinkLog.create(fs, "data/1.links", 100)
    links.append(changes(0))
    links.append(changes(2))
    links.close()
    return links


def test_changes_are_read_as_they_were_written(fs: Any, written: LinkLog) -> None:
    found, end, error = read_links(fs, written.name)
    assert [(one.low, one.high, one.upper_low, one.entry) for one in found] == [
        (0, 2, 5, 7),
        (2, 4, 5, 7),
    ]
    assert found[1].links.tolist() == changes(2).links.tolist() and found[1].scales.tolist() == [1, 1]
    assert end == written.size and error is None


def test_every_flipped_byte_is_noticed(fs: Any, written: LinkLog) -> None:
    for offset in range(written.size):
        fs.rot(written.name, offset)
        try:
            found, _, error = read_links(fs, written.name)
        except (DataCorrupted, ConfigurationError):
            assert offset < 8
        else:
            assert error is not None and "offset" in error.message and len(found) < 2
        fs.rot(written.name, offset)


def test_every_torn_tail_keeps_the_frames_before_it(fs: Any, written: LinkLog) -> None:
    kept = set()
    for size in range(written.size - 1, 7, -1):
        fs.truncate(written.name, size)
        found, end, error = read_links(fs, written.name)
        assert end <= size and (error is None) == (end == size)
        kept.add(len(found))
    assert kept == {0, 1}


def test_the_descriptor_is_opened_when_it_is_needed(fs: Any, written: LinkLog) -> None:
    start = fs.operations
    again = LinkLog(fs, written.name, written.size, 100)
    again.close()
    assert fs.operations == start and not again.is_empty
    again.append(changes(4))
    assert len(read_links(fs, written.name)[0]) == 3
