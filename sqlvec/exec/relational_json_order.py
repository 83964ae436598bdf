"""The order of jsonb values as bytes: what the relational engine compares, groups and sorts by.

Null < string < number < boolean < array < object; containers by the number of their parts, then part by part, keys
before values. A value that is no container is compared with arrays as one of one element that comes first, so that
the empty array is the least of all. Source: jsonb_util.c, compareJsonbContainers.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from sqlvec.exec.relational_numeric import key as numeric_key

_NULL, _STRING, _NUMBER, _BOOLEAN, _ARRAY, _OBJECT = b"\0", b"\1", b"\2", b"\3", b"\x10", b"\x11"
_COUNT = struct.Struct(">I").pack
_ALONE, _LISTED = b"\0", b"\1"


class _Number(str):
    """Its digits, which are not to lose any."""

    __slots__ = ()


@lru_cache(maxsize=64)
def jsonb_key(text: str) -> bytes:
    """Of a value in its canonical form, whose keys are in order; no key is the beginning of another."""
    value = json.loads(text, parse_float=_Number, parse_int=_Number)
    if isinstance(value, (list, dict)):
        return b"".join(_parts(value))
    return b"".join([_ARRAY, _COUNT(1), _ALONE, *_parts(value)])


def _parts(value: Any) -> Iterator[bytes]:
    if value is None:
        yield _NULL
    elif isinstance(value, bool):
        yield _BOOLEAN + (b"\1" if value else b"\0")
    elif isinstance(value, _Number):
        yield _NUMBER + _ended(numeric_key(value))
    elif isinstance(value, str):
        yield _STRING + _ended(value.encode())
    elif isinstance(value, list):
        yield _ARRAY + _COUNT(len(value)) + _LISTED
        for item in value:
            yield from _parts(item)
    else:
        yield _OBJECT + _COUNT(len(value))
        for name, item in value.items():
            yield _ended(name.encode())
            yield from _parts(item)


def _ended(raw: bytes) -> bytes:
    return raw.replace(b"\0", b"\0\xff") + b"\0\0"


FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("jsonb_key", jsonb_key, ["VARCHAR"], "BLOB")
]
