"""Messages that a client sends, and the machine that cuts a byte stream into them.

    Startup     int32 length, int32 code, body     until a StartupMessage has come
    messages    byte kind, int32 length, body      after it

Lengths are checked before anything is kept. A broken frame is a FatalError 08P01: after it the stream means
nothing. A broken body is a ProtocolViolation, raised when the message is read: the connection lives.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from sqlvec.errors import FatalError, ProtocolViolation

STARTUP_SIZE_MAX = 10_000
MESSAGE_SIZE_MAX = 1 << 30
SMALL_MESSAGE_MAX = 10_000  # for kinds that carry no data
SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
MINOR_VERSION = 0
_HEADER = struct.Struct(">BI")
_STARTUP = struct.Struct(">II")
_KINDS = frozenset(b"QPBDECSHXdcfFp")
_SMALL = frozenset(b"SHXc")


class Phase(Enum):
    STARTUP = "startup"
    MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class EncryptionRequest:
    """SSLRequest or GSSENCRequest; answered with N."""

    gss: bool


@dataclass(frozen=True, slots=True)
class CancelRequest:
    pid: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Startup:
    """parameters of the StartupMessage; unknown are its _pq_ options, minor the version asked for."""

    minor: int
    parameters: dict[str, str]
    unknown: tuple[str, ...]


class Message(NamedTuple):
    kind: int  # the byte
    body: bytes


Event = EncryptionRequest | CancelRequest | Startup | Message


class Framing:
    """feed() bytes, then next() until it is None."""

    def __init__(self) -> None:
        self.phase = Phase.STARTUP
        self._buffer: bytes | bytearray = b""
        self._start = 0

    def feed(self, data: bytes) -> None:
        if self._start == len(self._buffer):
            self._buffer = data
        else:  # a message that comes in pieces
            if not isinstance(self._buffer, bytearray):
                self._buffer = bytearray(self._buffer)
            del self._buffer[: self._start]
            self._buffer += data
        self._start = 0

    @property
    def buffered(self) -> int:
        return len(self._buffer) - self._start

    def next(self) -> Event | None:
        """The next whole message; None when more bytes are needed."""
        if self.phase is Phase.STARTUP:
            return self._startup()
        buffer, start = self._buffer, self._start
        if len(buffer) - start < 5:
            return None
        kind, length = _HEADER.unpack_from(buffer, start)
        if kind not in _KINDS:
            raise FatalError(f"invalid frontend message type {kind}", sqlstate="08P01")
        limit = SMALL_MESSAGE_MAX if kind in _SMALL else MESSAGE_SIZE_MAX
        if not 4 <= length <= limit:
            raise FatalError("invalid message length", sqlstate="08P01")
        end = start + 1 + length
        if len(buffer) < end:
            return None
        self._start = end
        return Message(kind, bytes(memoryview(buffer)[start + 5 : end]))

    def _startup(self) -> Event | None:
        if self.buffered < 8:
            return None
        length, code = _STARTUP.unpack_from(self._buffer, self._start)
        if not 8 <= length <= STARTUP_SIZE_MAX:
            raise FatalError("invalid length of startup packet", sqlstate="08P01")
        end = self._start + length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[self._start + 8 : end])
        self._start = end
        if code in (SSL_REQUEST, GSS_REQUEST):
            return EncryptionRequest(code == GSS_REQUEST)
        if code == CANCEL_REQUEST:
            if len(body) < 8:
                raise FatalError("invalid length of startup packet", sqlstate="08P01")
            return CancelRequest(struct.unpack_from(">I", body)[0], body[4:])
        return self._parameters(code, body)

    def _parameters(self, code: int, body: bytes) -> Startup:
        major, minor = code >> 16, code & 0xFFFF
        if major != 3:
            raise FatalError(
                f"unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0",
                sqlstate="0A000",
            )
        words = body.split(b"\0")
        if len(words) < 2 or words[-1] or words[-2]:
            raise FatalError(
                "invalid startup packet layout: expected terminator as last byte", sqlstate="08P01"
            )
        texts = [word.decode(errors="replace") for word in words[:-2]]
        if len(texts) % 2:
            raise FatalError("invalid startup packet layout", sqlstate="08P01")
        pairs = dict(zip(texts[::2], texts[1::2], strict=True))
        unknown = tuple(name for name in pairs if name.startswith("_pq_."))
        self.phase = Phase.MESSAGES
        known = {name: value for name, value in pairs.items() if name not in unknown}
        return Startup(minor, known, unknown)


# ---------------------------------------------------------------- bodies


class Reader:
    """Reads the fields of a body; what is missing or left over is 08P01."""

    __slots__ = ("body", "place")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.place = 0

    def _take(self, size: int) -> bytes:
        end = self.place + size
        if size < 0 or end > len(self.body):
            raise ProtocolViolation("insufficient data left in message")
        piece = self.body[self.place : end]
        self.place = end
        return piece

    def byte(self) -> int:
        return self._take(1)[0]

    def int16(self) -> int:
        return int.from_bytes(self._take(2), "big")

    def int32(self) -> int:
        return int.from_bytes(self._take(4), "big", signed=True)

    def oid(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def bytes(self, size: int) -> bytes:
        return self._take(size)

    def string(self) -> str:
        end = self.body.find(b"\0", self.place)
        if end < 0:
            raise ProtocolViolation("invalid string in message")
        raw = self.body[self.place : end]
        self.place = end + 1
        return _decoded(raw)

    def int16s(self) -> tuple[int, ...]:
        """A count, and as many int16."""
        count = self.int16()
        return struct.unpack(f">{count}H", self._take(2 * count)) if count else ()

    def rest(self) -> bytes:
        return self.bytes(len(self.body) - self.place)

    def done(self) -> None:
        if self.place != len(self.body):
            raise ProtocolViolation("invalid message format")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        from sqlvec.errors import CharacterNotInRepertoire

        shown = " ".join(f"0x{byte:02x}" for byte in raw[error.start : error.end])
        raise CharacterNotInRepertoire(
            f'invalid byte sequence for encoding "UTF8": {shown}'
        ) from error


def read_query(body: bytes) -> str:
    reader = Reader(body)
    text = reader.string()
    reader.done()
    return text


def read_parse(body: bytes) -> tuple[str, str, list[int]]:
    """(statement name, text, parameter oids)."""
    reader = Reader(body)
    name, text = reader.string(), reader.string()
    oids = [reader.oid() for _ in range(reader.int16())]
    reader.done()
    return name, text, oids


def read_bind(body: bytes) -> tuple[str, str, tuple[int, ...], list[bytes | None], tuple[int, ...]]:
    """(portal, statement, parameter formats, parameters, result formats)."""
    reader = Reader(body)
    portal, statement = reader.string(), reader.string()
    formats = reader.int16s()
    values: list[bytes | None] = []
    for _ in range(reader.int16()):
        length = reader.int32()
        values.append(None if length == -1 else reader.bytes(length))
    results = reader.int16s()
    reader.done()
    return portal, statement, formats, values, results


def read_execute(body: bytes) -> tuple[str, int]:
    """(portal, most rows; 0 for all)."""
    reader = Reader(body)
    portal, limit = reader.string(), reader.int32()
    reader.done()
    return portal, max(limit, 0)


def read_target(body: bytes) -> tuple[str, str]:
    """Of Describe and Close: ("S" or "P", name)."""
    reader = Reader(body)
    kind, name = chr(reader.byte()), reader.string()
    reader.done()
    if kind not in "SP":
        raise ProtocolViolation(f"invalid DESCRIBE or CLOSE message subtype {ord(kind)}")
    return kind, name
