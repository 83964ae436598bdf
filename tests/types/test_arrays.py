"""Texts and binary forms of arrays of several dimensions: what PostgreSQL makes of them, and we."""

from __future__ import annotations

import random

import pytest

from sqlvec import types
from sqlvec.types.shaped_array import shaped
from tests.types.comparison import Postgres, read_binary, read_text

SEED = 15
VALUES = {
    "int4": ["1", "-2", "NULL", "x", " 3 ", '"4"'],
    "text": ["a", '"b c"', "NULL", '"NULL"', '""', '"q\\"u"', "x\\ y"],
    "numeric": ["1.50", "NaN", "-0.00", "null"],
    "timestamptz": ['"2020-01-01 00:00+02"', "infinity", "NULL"],
}


def _literal(rng: random.Random, values: list[str]) -> str:
    sizes = [rng.choice((1, 1, 2, 3)) for _ in range(rng.choice((1, 2, 2, 3)))]
    text = _nested(rng, values, sizes)
    if rng.random() < 0.4:
        lowers = [rng.choice((1, 1, 0, -2, 5)) for _ in sizes]
        text = "".join(f"[{low}:{low + n - 1}]" for low, n in zip(lowers, sizes, strict=True)) + "=" + text
    if rng.random() < 0.15:
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice("{},[]=:") + text[place + 1 :]
    return text


def _nested(rng: random.Random, values: list[str], sizes: list[int]) -> str:
    parts = [_nested(rng, values, sizes[1:]) if sizes[1:] else rng.choice(values) for _ in range(sizes[0])]
    return "{" + rng.choice((",", " , ")).join(parts) + "}"


@pytest.mark.parametrize("name", VALUES)
def test_arrays_are_read_and_shown_alike(name: str, postgres: Postgres) -> None:
    rng = random.Random(f"{SEED} {name}")
    element = types.by_name(name)
    assert element is not None
    sql_type = shaped(types.array_of(element))
    for _ in range(150):
        text = _literal(rng, VALUES[name])
        ours, theirs = read_text(sql_type, text), postgres.read_text(sql_type, text)
        if theirs.error is not None:  # which comes first differs between versions of PostgreSQL
            assert ours.error is not None, text
            continue
        assert theirs == ours, text
        assert theirs.binary is not None
        data = bytes.fromhex(theirs.binary)
        assert read_binary(sql_type, data) == theirs, text
