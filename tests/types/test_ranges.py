"""Texts and binary forms of ranges and multiranges: what PostgreSQL makes of them, and we."""

from __future__ import annotations

import random

import pytest

from sqlvec import types
from sqlvec.types import SqlType
from tests.types.comparison import Postgres, read_binary, read_text

SEED = 15
COUNT = 150
VALUES = {
    "int4range": ["1", "2", "3", "7", "-5", "2147483647", "-2147483648", "x", "2147483648"],
    "int8range": ["1", "2", "9223372036854775807", "-9223372036854775808"],
    "numrange": ["1", "1.0", "1.50", "-2", "-2.00", "0", "0.000", "100", "1e10", "NaN", "infinity", "-infinity"],
    "daterange": ["2020-01-01", "2020-01-02", "infinity", "-infinity", "5874897-12-31", "2020-02-30"],
    "tsrange": ["2020-01-01", '"2020-01-01 00:00:01"', "infinity", "2020-01-01 12:00:00.5"],
    "tstzrange": ["2020-01-01", '"2020-01-01 00:00:00+02"', "-infinity"],
}


def _range(rng: random.Random, values: list[str]) -> str:
    if rng.random() < 0.1:
        return rng.choice(["empty", "EMPTY", " empty ", "empty x"])
    lower, upper = (rng.choice([*values, ""]) for _ in range(2))
    text = rng.choice("[(") + lower + "," + upper + rng.choice(")]")
    return _broken(rng, text) if rng.random() < 0.1 else text


def _broken(rng: random.Random, text: str) -> str:
    place = rng.randrange(len(text))
    return text[:place] + rng.choice(["", ",", '"', "\\", "[", " ", "{"]) + text[place + rng.choice((0, 1)) :]


def _multirange(rng: random.Random, values: list[str]) -> str:
    ranges = [_range(rng, values) for _ in range(rng.randrange(5))]
    text = "{" + rng.choice([",", " , "]).join(ranges) + "}"
    return _broken(rng, text) if rng.random() < 0.1 else text


def _type(name: str) -> SqlType:
    found = types.by_name(name)
    assert found is not None, name
    return found


@pytest.mark.parametrize("name", VALUES)
def test_ranges_are_read_and_shown_alike(name: str, postgres: Postgres) -> None:
    rng = random.Random(f"{SEED} {name}")
    for _ in range(COUNT):
        text = _range(rng, VALUES[name])
        assert postgres.read_text(_type(name), text) == read_text(_type(name), text), text


@pytest.mark.parametrize("name", VALUES)
def test_multiranges_are_read_and_shown_alike(name: str, postgres: Postgres) -> None:
    rng = random.Random(f"{SEED} {name} multi")
    sql_type = _type(name.replace("range", "multirange"))
    for _ in range(COUNT):
        text = _multirange(rng, VALUES[name])
        assert postgres.read_text(sql_type, text) == read_text(sql_type, text), text


@pytest.mark.parametrize("name", ["int4range", "numrange", "daterange", "int4multirange"])
def test_binary_forms_are_received_alike(name: str, postgres: Postgres) -> None:
    rng = random.Random(f"{SEED} {name} binary")
    values = VALUES.get(name, VALUES["int4range"])
    for _ in range(COUNT):
        text = (_multirange if "multi" in name else _range)(rng, values)
        known = read_text(_type(name), text)
        if known.binary is None:
            continue
        data = bytes.fromhex(known.binary)
        if rng.random() < 0.5:
            data = data[: rng.randrange(len(data))]
        ours, theirs = read_binary(_type(name), data), postgres.read_binary(_type(name), data)
        assert (theirs.text, theirs.binary) == (ours.text, ours.binary), data
        assert bool(theirs.error) == bool(ours.error), data


@pytest.mark.parametrize("name", ["int4range", "numrange", "tsrange", "int4multirange", "nummultirange"])
def test_sort_keys_order_as_values_do(name: str, postgres: Postgres) -> None:
    rng = random.Random(f"{SEED} {name} order")
    values = VALUES[name.replace("multi", "")]
    definition = _type(name).definition
    texts: list[str] = []
    while len(texts) < 60:
        text = (_multirange if "multi" in name else _range)(rng, values)
        if read_text(_type(name), text).error is None:
            texts.append(text)
    rows = postgres.connection.execute(
        f"SELECT a.n, b.n, a.v < b.v, a.v = b.v FROM unnest(%s::{name}[]) WITH ORDINALITY a (v, n),"
        f" unnest(%s::{name}[]) WITH ORDINALITY b (v, n)",
        (texts, texts),
    ).fetchall()
    keys = [definition.sort_key(definition.parse(text)) for text in texts]  # type: ignore[attr-defined]
    for a, b, less, equal in rows:
        pair = (texts[a - 1], texts[b - 1])
        assert (keys[a - 1] < keys[b - 1], keys[a - 1] == keys[b - 1]) == (less, equal), pair
