import numpy as np
import pytest

from sqlvec.storage.placement import SHARDS_MAX, murmur3_64, shard_name, shard_numbers

MASK = 2**64 - 1


def reference(data: bytes) -> int:
    """MurmurHash3_x64_128 with seed 0, as its author wrote it; the first half."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    first = second = 0

    def rotated(value: int, bits: int) -> int:
        return ((value << bits) | (value >> (64 - bits))) & MASK

    def mixed(value: int) -> int:
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            value = (value ^ (value >> 33)) * factor & MASK
        return value ^ (value >> 33)

    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        k1, k2 = (int.from_bytes(data[at + i : at + i + 8], "little") for i in (0, 8))
        first ^= rotated(k1 * c1 & MASK, 31) * c2 & MASK
        first = ((rotated(first, 27) + second) * 5 + 0x52DCE729) & MASK
        second ^= rotated(k2 * c2 & MASK, 33) * c1 & MASK
        second = ((rotated(second, 31) + first) * 5 + 0x38495AB5) & MASK
    k1, k2 = (int.from_bytes(data[whole + i : whole + i + 8], "little") for i in (0, 8))
    second ^= rotated(k2 * c2 & MASK, 33) * c1 & MASK
    first ^= rotated(k1 * c1 & MASK, 31) * c2 & MASK
    first, second = first ^ len(data), second ^ len(data)
    first = (first + second) & MASK
    second = (second + first) & MASK
    return (mixed(first) + mixed(second)) & MASK


def test_the_reference_gives_the_known_hashes() -> None:
    assert reference(b"hello") == 0xCBD8A7B341BD9B02
    fox = b"The quick brown fox jumps over the lazy dog"
    assert reference(fox) == 0xE34BBC7BBC071B6C


def test_many_values_hash_as_the_reference_says() -> None:
    values = np.random.default_rng(1).integers(0, MASK, 200, np.uint64, endpoint=True)
    assert murmur3_64(values).tolist() == [reference(v.tobytes()) for v in values]


@pytest.mark.parametrize("shards", [1, 2, 7, SHARDS_MAX])
def test_rows_spread_evenly(shards: int) -> None:
    numbers = shard_numbers(np.arange(100_000, dtype=np.uint64), shards)
    counts = np.bincount(numbers, minlength=shards)
    assert len(counts) == shards
    assert counts.min() > 0.6 * 100_000 / shards and counts.max() < 1.5 * 100_000 / shards


def test_names_sort_as_their_numbers() -> None:
    names = [shard_name(number) for number in range(SHARDS_MAX)]
    assert names == sorted(names)
