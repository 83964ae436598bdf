"""What an index does to texts: an analyzer a field, and whether it keeps positions.

An index is made with one analysis and keeps it: what a segment holds says by which it was made, and is
made anew where the index's differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sqlvec.errors import InvalidParameterValue
from sqlvec.fulltext.config import DEFAULT, config_names
from sqlvec.index.bm25.analyzer import Analyzer, analyzer


class Analysis:
    """configs: one for all fields, or one for each, separated by commas."""

    def __init__(self, configs: str = DEFAULT, fields: int = 1, positions: bool = True) -> None:
        names = config_names(configs)
        if len(names) == 1:
            names *= fields
        if len(names) != fields:
            raise InvalidParameterValue(
                f"text_config names {len(names)} configurations for {fields} columns",
                hint="Give one for all the columns, or one for each.",
            )
        self._keep([analyzer(name) for name in names], positions)

    @classmethod
    def of(cls, analyzers: Sequence[Analyzer], *, positions: bool) -> Analysis:
        """Of analyzers that no configuration names."""
        made = cls.__new__(cls)
        made._keep(analyzers, positions)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process, where what was analyzed is joined and nothing is analyzed anew."""
        return _without_analyzers, (len(self.analyzers), self.positions, self.name)

    def _keep(self, analyzers: Sequence[Analyzer], positions: bool) -> None:
        self.analyzers = analyzers
        self.positions = positions
        editions = ", ".join(one.edition for one in self.analyzers)
        self.name = f"{editions}; {'positions' if positions else 'no positions'}"
        self.coded = np.frombuffer(self.name.encode(), np.uint8)


def _without_analyzers(fields: int, positions: bool, name: str) -> Analysis:
    made = Analysis.__new__(Analysis)
    made.analyzers = [None] * fields  # type: ignore[list-item]
    made.positions, made.name = positions, name
    made.coded = np.frombuffer(name.encode(), np.uint8)
    return made


def field_marks(fields: int) -> list[str]:
    """What the terms of each field begin with."""
    return [""] if fields == 1 else [chr(field) for field in range(fields)]
