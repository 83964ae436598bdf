"""What the arguments of a function are while its body is bound: expressions of the call, or parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlvec.sql import bound


@dataclass(slots=True)
class BodyArguments:
    """names: "" for an argument without one. used: how often each was met."""

    function: str
    names: Sequence[str]
    values: Sequence[bound.Expression]
    used: dict[int, int] = field(default_factory=dict)

    def named(self, name: str) -> bound.Expression | None:
        return self._value(self.names.index(name)) if name and name in self.names else None

    def numbered(self, number: int) -> bound.Expression | None:
        """$number."""
        return self._value(number - 1) if 1 <= number <= len(self.values) else None

    def _value(self, place: int) -> bound.Expression:
        self.used[place] = self.used.get(place, 0) + 1
        return self.values[place]
