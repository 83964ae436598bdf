"""Messages that a client sends, and the machine that cuts a byte stream into them.

    Startup     int32 length, int32 code, body     until a StartupMessage has come
    messages    byte kind, int32 length, body      after it

Lengths are checked before anything is kept. A broken frame is a FatalError 08P01: after it the stream means
nothing. A broken body is a ProtocolViolation, raised when the message is read: the connection lives.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from sqlvec.errors import CharacterNotInRepertoire, FatalError, ProtocolViolation

STARTUP_SIZE_MAX = 10_000
MESSAGE_SIZE_MAX = 1 << 30
SMALL_MESSAGE_MAX = 10_000  # for kinds that carry no data
SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
TLS_HANDSHAKE = 0x16  # the first byte of a TLS record that begins one
MINOR_VERSION = 0
_PIECE = 1 << 18  # about what is read from a socket at once
_HEADER = struct.Struct(">BI").unpack_from
_STARTUP = struct.Struct(">II")
_INT16 = struct.Struct(">H").unpack_from
_INT32 = struct.Struct(">i").unpack_from
_LENGTH_MAX = {
    **dict.fromkeys(b"QPBDECdfFp", MESSAGE_SIZE_MAX),
    **dict.fromkeys(b"SHXc", SMALL_MESSAGE_MAX),
}


@dataclass(frozen=True, slots=True)
class EncryptionRequest:
    """SSLRequest, answered with S or N, or GSSENCRequest, answered with N."""

    gss: bool


@dataclass(frozen=True, slots=True)
class TlsHello:
    """A handshake without SSLRequest before it (sslnegotiation=direct): all that has come of it."""

    data: bytes


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


Event = EncryptionRequest | TlsHello | CancelRequest | Startup | Message


class Framing:
    """feed() bytes, then next() until it is None."""

    def __init__(self) -> None:
        self._in_startup = True
        self._buffer: bytes | bytearray = b""
        self._start = 0

    def feed(self, data: bytes) -> None:
        if self._start == len(self._buffer):
            self._buffer = data
        elif self.buffered < _PIECE:
            self._buffer = bytes(self._buffer[self._start :]) + data
        else:  # a long message, in many pieces
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
        if self._in_startup:
            return self._startup()
        buffer, start = self._buffer, self._start
        if len(buffer) - start < 5:
            return None
        kind, length = _HEADER(buffer, start)
        most = _LENGTH_MAX.get(kind)
        if most is None:
            raise FatalError(f"invalid frontend message type {kind}", sqlstate="08P01")
        if not 4 <= length <= most:
            raise FatalError("invalid message length", sqlstate="08P01")
        end = start + 1 + length
        if len(buffer) < end:
            return None
        self._start = end
        body = buffer[start + 5 : end]
        return Message(kind, body if type(body) is bytes else bytes(body))

    def _startup(self) -> Event | None:
        if self.buffered < 8:
            return None
        if self._buffer[self._start] == TLS_HANDSHAKE:  # no startup packet is so long
            data = bytes(self._buffer[self._start :])
            self._start = len(self._buffer)
            return TlsHello(data)
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
        self._in_startup = False
        known = {name: value for name, value in pairs.items() if name not in unknown}
        return Startup(minor, known, unknown)


# ---------------------------------------------------------------- bodies


class Reader:
    """Reads the fields of a body; what is missing or left over is 08P01."""

    __slots__ = ("body", "place")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.place = 0

    def take(self, size: int) -> bytes:
        end = self.place + size
        if size < 0 or end > len(self.body):
            raise ProtocolViolation("insufficient data left in message")
        piece = self.body[self.place : end]
        self.place = end
        return piece

    def int16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def int32(self) -> int:
        return int.from_bytes(self.take(4), "big", signed=True)

    def oid(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> str:
        end = self.body.find(b"\0", self.place)
        if end < 0:
            raise ProtocolViolation("invalid string in message")
        raw = self.body[self.place : end]
        self.place = end + 1
        return _decoded(raw)

    def rest(self) -> bytes:
        return self.take(len(self.body) - self.place)

    def done(self) -> None:
        if self.place != len(self.body):
            raise ProtocolViolation("invalid message format")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise CharacterNotInRepertoire.at(raw, error.start) from error


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


BindFields = tuple[str, str, tuple[int, ...], list[bytes | None], tuple[int, ...]]


def read_bind(body: bytes) -> BindFields:
    """(portal, statement, parameter formats, parameters, result formats).

    Read in one piece: this is the message that comes with every execution."""
    try:
        portal, at = _name(body, 0)
        statement, at = _name(body, at)
        formats, at = _int16s(body, at)
        count = _INT16(body, at)[0]
        at += 2
        values: list[bytes | None] = []
        for _ in range(count):
            size = _INT32(body, at)[0]
            at += 4
            if size == -1:
                values.append(None)
                continue
            end = at + size
            if size < 0 or end > len(body):
                return _read_broken_bind(body)
            values.append(body[at:end])
            at = end
        results, at = _int16s(body, at)
    except struct.error:
        return _read_broken_bind(body)
    if at != len(body):
        raise ProtocolViolation("invalid message format")
    return portal, statement, formats, values, results


def _read_broken_bind(body: bytes) -> BindFields:
    """Once more, field by field, to say what is wrong, and in which parameter."""
    reader = Reader(body)
    portal, statement = reader.string(), reader.string()
    formats = tuple(reader.int16() for _ in range(reader.int16()))
    values: list[bytes | None] = []
    shown = f'portal "{portal}"' if portal else "unnamed portal"
    for index in range(reader.int16()):
        try:
            size = reader.int32()
            values.append(None if size == -1 else reader.take(size))
        except ProtocolViolation as error:
            error.where = f"{shown} parameter ${index + 1}"
            raise
    results = tuple(reader.int16() for _ in range(reader.int16()))
    return portal, statement, formats, values, results


def _name(body: bytes, at: int) -> tuple[str, int]:
    """The string at a place, and the place behind it."""
    end = body.find(0, at)
    if end == at:
        return "", at + 1
    if end < 0:
        raise ProtocolViolation("invalid string in message")
    return _decoded(body[at:end]), end + 1


def _int16s(body: bytes, at: int) -> tuple[tuple[int, ...], int]:
    """A count and as many int16, and the place behind them."""
    count = _INT16(body, at)[0]
    at += 2
    if count == 0:
        return (), at
    if count == 1:
        return _INT16(body, at), at + 2
    return struct.unpack_from(f">{count}H", body, at), at + 2 * count


def read_execute(body: bytes) -> tuple[str, int]:
    """(portal, most rows; 0 for all)."""
    portal, at = _name(body, 0)
    if len(body) != at + 4:
        raise ProtocolViolation(
            "insufficient data left in message" if len(body) < at + 4 else "invalid message format"
        )
    return portal, max(_INT32(body, at)[0], 0)


def read_nothing(body: bytes) -> None:
    """Of Sync and Flush."""
    if body:
        raise ProtocolViolation("invalid message format")


def read_target(body: bytes, message: str) -> tuple[str, str]:
    """Of a DESCRIBE or CLOSE message: ("S" or "P", name)."""
    if not body:
        raise ProtocolViolation("no data left in message")
    name, at = _name(body, 1)
    if at != len(body):
        raise ProtocolViolation("invalid message format")
    kind = chr(body[0])
    if kind not in "SP":
        raise ProtocolViolation(f"invalid {message} message subtype {ord(kind)}")
    return kind, name
