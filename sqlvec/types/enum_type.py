"""Enums: datum int, the code of a label; codes are in the order of the labels.

A label keeps its code whatever it is called and whatever is added beside it, so stored rows stay as they are.
Text and binary are the label (enum.c).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from sqlvec.errors import InvalidTextRepresentation
from sqlvec.types.sql_type import SqlType, TypeDefinition

_STORED = 20  # int8


class Enum(TypeDefinition):
    """labels: by code, in their order."""

    def __init__(self, oid: int, name: str, labels: Mapping[int, str], **fields: Any) -> None:
        super().__init__(
            oid, name, length=4, category="E", kind="e", routine="enum_", own=True, **fields
        )
        self.order_oid = _STORED
        self.labels = dict(labels)
        self._codes = {label: code for code, label in labels.items()}

    def stored(self, typmod: int) -> SqlType:
        return SqlType(_STORED)

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.int64()

    def parse(self, text: str, typmod: int = -1) -> int:
        code = self._codes.get(text)
        if code is None:
            raise InvalidTextRepresentation(
                f'invalid input value for enum {self.display_name}: "{text}"'
            )
        return code

    def render(self, datum: int) -> str:
        return self.labels[datum]

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> int:
        return self.parse(str(data, "utf-8"))

    def encode(self, datum: int) -> bytes:
        return self.labels[datum].encode()
