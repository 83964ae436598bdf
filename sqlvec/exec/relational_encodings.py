"""convert, convert_from, convert_to and length of bytes in an encoding, for the relational engine to call."""

from __future__ import annotations

from sqlvec.encodings import UTF8, Encoding, encoding_named
from sqlvec.errors import (
    CharacterNotInRepertoire,
    FeatureNotSupported,
    InvalidParameterValue,
    UndefinedFunction,
)


def convert_from(data: bytes, source: str) -> str:
    return _decoded(data, _named(source, "source "))


def convert_to(text: str, target: str) -> bytes:
    return _named(target, "destination ").encode(text)


def convert(data: bytes, source: str, target: str) -> bytes:
    """One of the two is the server's, or they are the same."""
    before, after = _named(source, "source "), _named(target, "destination ")
    if before is not after and not before.is_utf8 and not after.is_utf8:
        raise UndefinedFunction(
            f'default conversion function for encoding "{before.name}" to "{after.name}" does not exist'
        )
    return after.encode(_decoded(data, before))


def byte_length(data: bytes, name: str) -> int:
    """In characters."""
    encoding = _named(name, "")
    return len(data) if encoding.width == 1 and not encoding.is_utf8 else len(_decoded(data, encoding))


def _decoded(data: bytes, encoding: Encoding) -> str:
    if b"\0" in data:
        name = UTF8.name if encoding.is_utf8 else encoding.name
        raise CharacterNotInRepertoire.of(b"\0", name)
    return encoding.decode(data)


def _named(name: str, role: str) -> Encoding:
    encoding = encoding_named(name)
    if encoding is None:
        raise InvalidParameterValue(f'invalid {role}encoding name "{name}"')
    if not encoding.codec:
        raise FeatureNotSupported(f"encoding {encoding.name} is not supported")
    return encoding
