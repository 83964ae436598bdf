"""Generated vectors, statements over them, put to PostgreSQL with pgvector and to us."""

from __future__ import annotations

import random
from collections.abc import Iterator

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.vector.differential import disagreement

SEED = 20_080
_EXTREMES = (
    "0", "-0", "1", "-1", "0.1", "1e-45", "1e-38", "1.17549435e-38", "3.4028235e38", "-3.4028235e38",
    "65504", "65519", "65520", "-65520", "5.9604645e-08", "2.98e-8", "1e-8", "NaN", "Infinity",
    "-inf", "1e39", "1e400", "-1e-400", "0x1p-3", "2049", "16777217", "123456.789", "1e10", "+.5",
)  # fmt: skip
_TAME = ("0", "1", "-1", "0.5", "-0.25", "3", "100", "-7.5", "0.1", "2.75", "-0.001", "12.125")
_TYPES = ("vector", "halfvec", "sparsevec")


@pytest.fixture(scope="module")
def pair(
    oracle: str, server: LiveServer
) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    with (
        psycopg.connect(oracle, autocommit=True) as postgres,
        psycopg.connect(server.dsn, autocommit=True) as ours,
    ):
        yield postgres, ours


def _literal(dice: random.Random, name: str, elements: list[str]) -> str:
    if name != "sparsevec":
        return "'[" + ",".join(elements) + f"]'::{name}"
    kept = [(i + 1, e) for i, e in enumerate(elements) if dice.random() < 0.7]
    dice.shuffle(kept)
    return "'{" + ",".join(f"{i}:{e}" for i, e in kept) + f"}}/{len(elements)}'::{name}"


def _vector(dice: random.Random, name: str, pool: tuple[str, ...], dims: int) -> str:
    return _literal(dice, name, [dice.choice(pool) for _ in range(dims)])


def _assert_all_agree(
    pair: tuple[psycopg.Connection, psycopg.Connection], made: list[str]
) -> None:
    wrong = [disagreement(*pair, statement, absolute=1e-3) for statement in made]
    assert not any(wrong), "\n".join(filter(None, wrong))


@pytest.mark.parametrize("name", _TYPES)
def test_extreme_elements_are_read_printed_and_cast_alike(
    name: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    dice = random.Random(SEED)
    made = []
    for element in _EXTREMES:
        made.append(f"SELECT {_literal(random.Random(1), name, [element])}")
    for _ in range(60):
        vector = _vector(dice, name, _EXTREMES, dice.randint(1, 4))
        made.append(f"SELECT {vector}::{dice.choice(_TYPES)}::{dice.choice(_TYPES)}")
    _assert_all_agree(pair, made)


@pytest.mark.parametrize("number", ["int", "real", "double precision", "numeric"])
def test_arrays_are_cast_alike(
    number: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    dice = random.Random(SEED)
    pool = ("0", "1", "-5", "NULL", "65520", "2147483647", "16777217")
    if number != "int":
        pool += ("0.1", "NaN", "1e-8", "65519.9")
    if number == "double precision":
        pool += ("1e300", "Infinity", "1e-300")
    made = []
    for _ in range(40):
        items = ",".join(dice.choice(pool) for _ in range(dice.randint(0, 3)))
        typmod = dice.choice(["", "(2)"])
        made.append(f"SELECT '{{{items}}}'::{number}[]::{dice.choice(_TYPES)}{typmod}")
    _assert_all_agree(pair, made)


@pytest.mark.parametrize("name", _TYPES)
def test_comparison_and_order_agree(
    name: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    dice = random.Random(SEED)
    pool = ("0", "-0", "1", "-1", "2", "1e-7")
    plain = ("0", "1", "-1", "2", "1e-7")  # of -0 and 0, equal, GROUP BY shows either
    made = []
    for _ in range(40):
        a, b = (_vector(dice, name, pool, dice.randint(1, 3)) for _ in range(2))
        made.append(f"SELECT {a} < {b}, {a} <= {b}, {a} = {b}, {a} <> {b}, {a} > {b}, {a} >= {b}")
    for _ in range(5):
        vectors = [_vector(dice, name, plain, dice.randint(1, 3)) for _ in range(12)]
        rows = ", ".join(f"({vector})" for vector in vectors)
        made.append(f"SELECT v FROM (VALUES {rows}) t(v) GROUP BY v ORDER BY v DESC")
    _assert_all_agree(pair, made)


@pytest.mark.parametrize("name", _TYPES)
def test_distances_and_functions_agree(
    name: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    dice = random.Random(SEED)
    made = []
    for _ in range(40):
        dims = dice.choice([1, 2, 3, 17])
        a = _vector(dice, name, _TAME, dims)
        b = _vector(dice, name, _TAME, dims if dice.random() < 0.9 else 3)
        made.append(f"SELECT {a} <-> {b}, {a} <+> {b}, l2_normalize({a})")
        made.append(f"SELECT {a} <#> {b}, {a} <=> {b}")
        if name != "sparsevec":
            made.append(f"SELECT {a} + {b}, {a} - {b}, {a} * {b}, {a} || {b}")
            made.append(f"SELECT subvector({a}, {dice.randint(-2, 4)}, {dice.randint(0, 4)})")
            made.append(f"SELECT binary_quantize({a}), vector_dims({a})")
    _assert_all_agree(pair, made)


@pytest.mark.parametrize("name", ["vector", "halfvec"])
def test_extreme_elements_are_added_and_multiplied_alike(
    name: str, pair: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    dice = random.Random(SEED)
    finite = tuple(e for e in _EXTREMES if "n" not in e.lower() and "400" not in e and e != "1e39")
    made = []
    for _ in range(60):
        a, b = (_vector(dice, name, finite, 2) for _ in range(2))
        made.append(f"SELECT {a} {dice.choice('+-*')} {b}")
    _assert_all_agree(pair, made)


def test_bit_strings_agree(pair: tuple[psycopg.Connection, psycopg.Connection]) -> None:
    dice = random.Random(SEED)
    made = []
    for _ in range(40):
        size = dice.randint(0, 70)
        a = "".join(dice.choice("01") for _ in range(size))
        b = "".join(dice.choice("01") for _ in range(size if dice.random() < 0.9 else 5))
        made.append(f"SELECT B'{a}' <~> B'{b}', B'{a}' <%> B'{b}', B'{a}' < B'{b}', B'{a}' = B'{b}'")
        made.append(f"SELECT '{a}'::varbit::bit(9), B'{a}'::varbit(9), B'{a}' || B'{b}'")
    _assert_all_agree(pair, made)
