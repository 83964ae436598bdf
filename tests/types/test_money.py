"""Texts and binary forms of money: what PostgreSQL makes of them, and we."""

from __future__ import annotations

import random

from sqlvec.types import MONEY
from tests.types.comparison import Postgres, read_binary, read_text


def test_money_is_read_and_shown_alike(oracle: str) -> None:
    postgres = Postgres(oracle)
    postgres.connection.execute("SET lc_monetary = 'C'")
    rng = random.Random(15)
    try:
        for _ in range(400):
            text = "".join(rng.choice("$-+( )1234567890,.,.") for _ in range(rng.randrange(12)))
            assert postgres.read_text(MONEY, text) == read_text(MONEY, text), text
            data = rng.randbytes(8 if rng.random() < 0.9 else rng.randrange(8))
            ours, theirs = read_binary(MONEY, data), postgres.read_binary(MONEY, data)
            assert (theirs.text, theirs.binary) == (ours.text, ours.binary), data
    finally:
        postgres.close()
