"""Functions of the relational engine over types that users make; sql.render_user_types calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec.errors import InvalidTextRepresentation


def parse_enum(text: str, codes: list[int], labels: list[str], name: str) -> int:
    """The code of a label."""
    try:
        return codes[labels.index(text)]
    except ValueError:
        raise InvalidTextRepresentation(
            f'invalid input value for enum {name}: "{text}"'
        ) from None


FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("parse_enum", parse_enum, ["VARCHAR", "BIGINT[]", "VARCHAR[]", "VARCHAR"], "BIGINT"),
]
