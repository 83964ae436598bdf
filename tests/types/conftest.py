"""PostgreSQL's reading of texts and binary forms, to compare ours with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.types.comparison import Postgres


@pytest.fixture(scope="module")
def postgres(oracle: str) -> Iterator[Postgres]:
    connection = Postgres(oracle)
    yield connection
    connection.close()
