from decimal import Decimal

import numpy as np
import pyarrow as pa
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.storage.keys import (
    MemoryKeys,
    bloom_mask,
    candidates,
    hash_columns,
    hash_key,
    sorted_run,
    xxhash64_of_int64,
)
from sqlvec.types import BPCHAR, DATE, FLOAT8, INT4, INT8, NUMERIC, TEXT


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_many_integers_hash_as_xxhash_does(values: list[int]) -> None:
    expected = [xxhash.xxh64_intdigest(v.to_bytes(8, "little", signed=True)) for v in values]
    assert xxhash64_of_int64(np.array(values, np.int64)).tolist() == expected


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
            st.one_of(st.none(), st.text("abä", max_size=4)),
        ),
        max_size=20,
    ),
    st.booleans(),
)
def test_one_key_hashes_as_the_same_among_many(
    rows: list[tuple[int | None, str | None]], nulls: bool
) -> None:
    columns = [pa.array([n for n, _ in rows], pa.int32()), pa.array([s for _, s in rows])]
    columns[1] = columns[1].cast(pa.string())
    hashes, valid = hash_columns(columns, [INT4, TEXT], nulls)
    for at, row in enumerate(rows):
        one = hash_key(row, [INT4, TEXT], nulls)
        assert (one is not None) == valid[at]
        assert one is None or one == hashes[at]
    single, valid = hash_columns(columns[:1], [INT4], nulls)
    for at, (number, _) in enumerate(rows):
        assert not valid[at] or single[at] == hash_key((number,), [INT4], nulls)


def test_equal_values_have_equal_hashes() -> None:
    pairs = [
        (INT4, 5, INT8, 5),
        (NUMERIC, Decimal("1.50"), NUMERIC, Decimal("1.5")),
        (NUMERIC, Decimal("100"), NUMERIC, Decimal("1E+2")),
        (NUMERIC, Decimal("-0.0"), NUMERIC, Decimal("0")),
        (NUMERIC, Decimal("NaN"), NUMERIC, Decimal("NaN")),
        (FLOAT8, 0.0, FLOAT8, -0.0),
        (FLOAT8, float("nan"), FLOAT8, -float("nan")),
        (BPCHAR, "a  ", BPCHAR, "a"),
        (DATE, 3, DATE, 3),
    ]
    for left_type, left, right_type, right in pairs:
        assert hash_key((left,), [left_type], False) == hash_key((right,), [right_type], False)
    many = Decimal("1234567890123456789012345678901234567890")
    assert hash_key((many,), [NUMERIC], False) != hash_key((many + 1,), [NUMERIC], False)
    assert hash_key(("ab", "c"), [TEXT, TEXT], False) != hash_key(("a", "bc"), [TEXT, TEXT], False)


@given(st.lists(st.integers(0, 50), max_size=200), st.booleans())
def test_a_run_finds_every_row_of_a_key(keys: list[int], bloom: bool) -> None:
    hashes = xxhash64_of_int64(np.array(keys, np.int64))
    run = sorted_run(hashes, np.arange(len(keys)), bloom=bloom)
    for key in range(55):
        found = sorted(run.find(int(xxhash64_of_int64(np.array([key]))[0])))
        assert found == [row for row, k in enumerate(keys) if k == key]
    wanted = xxhash64_of_int64(np.arange(55))
    pairs = sorted(
        pair
        for positions, rows in candidates(run, wanted)
        for pair in zip(positions.tolist(), rows.tolist(), strict=True)
    )
    assert pairs == sorted((key, row) for row, key in enumerate(keys))


def test_the_bloom_filter_refuses_most_absent_keys() -> None:
    run = sorted_run(xxhash64_of_int64(np.arange(10_000)), np.arange(10_000), bloom=True)
    absent = xxhash64_of_int64(np.arange(10_000, 20_000)).tolist()
    empty = sorted_run(np.zeros(0, np.uint64), np.zeros(0, np.int64), bloom=True)
    assert empty.find(absent[0]) == []
    passed = [
        h for h in absent if run.bloom.item(h % len(run.bloom)) & bloom_mask(h) == bloom_mask(h)
    ]
    assert len(passed) < 400


@given(st.lists(st.integers(1, 100), max_size=15), st.integers(0, 500))
def test_memory_keys_find_single_rows_and_batches(sizes: list[int], flushed: int) -> None:
    keys, at = MemoryKeys(), 0
    for size in sizes:
        rows = np.arange(at, at + size)
        keys.add(xxhash64_of_int64(rows % 40), rows)
        at += size
    keys.forget_below(flushed)
    for key in (0, 7, 39):
        key_hash = int(xxhash64_of_int64(np.array([key]))[0])
        expected = [row for row in range(flushed, at) if row % 40 == key]
        assert sorted(keys.find(key_hash)) == expected
        assert sorted(r for run in keys.runs() for r in run.find(key_hash)) == expected
