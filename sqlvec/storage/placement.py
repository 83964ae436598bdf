"""Which shard of a split table has a row: CREATE TABLE ... WITH (shards = n).

A key's hash (storage.keys) is hashed once more, by murmur3, and falls into one of 128 virtual shards for each
shard; a shard has 128 neighbours of these. The first hash chooses words of bloom filters inside the shard, which
must not be all the same. Shards are found by name, as those of tenants are.
"""

from __future__ import annotations

import numpy as np

from sqlvec.storage.growing import RowIds, Words

SHARDS_MAX = 256
VIRTUAL_SHARDS = 128  # for each shard

_C1 = np.uint64(0x87C37B91114253D5)
_C2 = np.uint64(0x4CF5AD432745937F)
_F1 = np.uint64(0xFF51AFD7ED558CCD)
_F2 = np.uint64(0xC4CEB9FE1A85EC53)
_LENGTH = np.uint64(8)


def shard_name(number: int) -> str:
    return f"{number:03d}"


def shard_numbers(hashes: Words, shards: int) -> RowIds:
    """i64[rows] below `shards`, of the hashes of keys."""
    virtual = murmur3_64(hashes) % np.uint64(shards * VIRTUAL_SHARDS)
    return (virtual // np.uint64(VIRTUAL_SHARDS)).astype(np.int64)


def murmur3_64(values: Words) -> Words:
    """The first half of MurmurHash3_x64_128, seed 0, of each value's eight bytes."""
    with np.errstate(over="ignore"):
        word = values * _C1
        word = ((word << np.uint64(31)) | (word >> np.uint64(33))) * _C2
        first = (word ^ _LENGTH) + _LENGTH
        second = first + _LENGTH
        first, second = _mixed(first), _mixed(second)
        return first + second


def _mixed(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(33))) * _F1
    words = (words ^ (words >> np.uint64(33))) * _F2
    return words ^ (words >> np.uint64(33))
