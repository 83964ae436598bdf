"""What COPY's text and csv formats write between fields, around them and for NULL (copy.c, ProcessCopyOptions)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CopyMarks:
    """As the options say, or else as the format has it. quote and escape are csv's."""

    delimiter: str
    null: str
    quote: str
    escape: str

    @classmethod
    def of(cls, options: dict[str, Any]) -> CopyMarks:
        """Options as bound.Copy has them."""
        delimiter, null = (",", "") if options.get("format") == "csv" else ("\t", "\\N")
        quote = options.get("quote", '"')
        return cls(
            options.get("delimiter", delimiter),
            options.get("null", null),
            quote,
            options.get("escape", quote),
        )
