"""regconfig: datum str, the name of a text search configuration; and regdictionary, of a dictionary.

Binary is the oid. PostgreSQL gives most of them oids at initdb, a dictionary's before its configuration's; ours are
those of PostgreSQL 16.
"""

from __future__ import annotations

import struct

import pyarrow as pa

from sqlvec.errors import UndefinedObject
from sqlvec.settings import TEXT_SEARCH_CONFIGS
from sqlvec.types.sql_type import TypeDefinition

LANGUAGES = TEXT_SEARCH_CONFIGS[1:]
CONFIGS = {"simple": 3748} | {name: 12_349 + 2 * i for i, name in enumerate(LANGUAGES)}
DICTIONARIES = {"simple": 3765} | {f"{name}_stem": 12_348 + 2 * i for i, name in enumerate(LANGUAGES)}
ENGLISH_FOR_ASCII = ("hindi", "russian")  # which read ASCII words as English
WITH_STOP_WORDS = frozenset(
    [
        "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian", "nepali",
        "norwegian", "portuguese", "russian", "spanish", "swedish", "turkish",
    ]
)  # fmt: skip
_OID = struct.Struct(">I")


class RegName(TypeDefinition):
    """what: as errors name it."""

    def __init__(self, oid: int, name: str, what: str, names: dict[str, int], array_oid: int) -> None:
        super().__init__(oid, name, array_oid=array_oid, length=4, category="N")
        self.what = what
        self.names = names
        self.by_number = {number: name for name, number in names.items()}

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.string()

    def parse(self, text: str, typmod: int = -1) -> str:
        name = text.strip().removeprefix("pg_catalog.")
        name = name[1:-1] if name[:1] == '"' == name[-1:] and len(name) > 1 else name.lower()
        if name.isdigit():
            return self.by_number.get(int(name), name)
        if name not in self.names:
            raise UndefinedObject(f'text search {self.what} "{name}" does not exist')
        return name

    def render(self, datum: str) -> str:
        return datum

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        self.require_length(data, 4)
        (number,) = _OID.unpack(data)
        return self.by_number.get(number, str(number))

    def encode(self, datum: str) -> bytes:
        return _OID.pack(self.names.get(datum, 0))
