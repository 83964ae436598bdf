"""inet, cidr and macaddr.

Datum of inet and cidr: bytes, which order as PostgreSQL orders addresses.

    family 4 | 6, network (4 or 16 bytes, what the mask leaves), mask bits, address (4 or 16 bytes)

Binary: family (2 | 3), bits, 1 for cidr, length, address. Datum of macaddr: its text. Source: network.c, inet_net_pton.c,
inet_cidr_ntop.c, mac.c.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, NamedTuple

import pyarrow as pa

from sqlvec.errors import InvalidBinaryRepresentation, InvalidTextRepresentation
from sqlvec.types.sql_type import TypeDefinition

_WIDTHS = {4: 4, 6: 16}
_FAMILIES = {2: 4, 3: 6}
_OCTET = re.compile(r"\d{1,3}\Z", re.ASCII)
_BITS = re.compile(r"\d{1,3}\Z", re.ASCII)
_MAC = re.compile(
    r"\s*(?:([0-9a-f]{1,2})([:-])([0-9a-f]{1,2})\2([0-9a-f]{1,2})\2([0-9a-f]{1,2})\2([0-9a-f]{1,2})\2"
    r"([0-9a-f]{1,2})|([0-9a-f]{6})[:-]?([0-9a-f]{6})|([0-9a-f]{4})([.-])([0-9a-f]{4})\11([0-9a-f]{4}))\s*\Z",
    re.IGNORECASE | re.ASCII,
)


class Address(NamedTuple):
    """A datum, taken apart."""

    family: int
    number: int
    bits: int

    @property
    def width(self) -> int:
        """Bits of an address."""
        return 8 * _WIDTHS[self.family]

    @property
    def mask(self) -> int:
        return ((1 << self.bits) - 1) << (self.width - self.bits)

    @property
    def hosts(self) -> int:
        """The bits that the mask does not cover, all set."""
        return (1 << (self.width - self.bits)) - 1

    def datum(self) -> bytes:
        size = _WIDTHS[self.family]
        network = (self.number & self.mask).to_bytes(size)
        return bytes([self.family]) + network + bytes([self.bits]) + self.number.to_bytes(size)

    @property
    def host(self) -> str:
        if self.family == 4:
            return str(ipaddress.IPv4Address(self.number))
        if self.number >> 32 == 0xFFFF:
            return f"::ffff:{ipaddress.IPv4Address(self.number & 0xFFFFFFFF)}"
        return str(ipaddress.IPv6Address(self.number))

    def text(self) -> str:
        return f"{self.host}/{self.bits}"


def address_of(datum: bytes) -> Address:
    size = _WIDTHS[datum[0]]
    return Address(datum[0], int.from_bytes(datum[size + 2 :]), datum[size + 1])


class Network(TypeDefinition):
    """inet, and cidr, whose addresses have no bits beyond their mask."""

    def __init__(self, oid: int, name: str, **fields: Any) -> None:
        super().__init__(oid, name, **fields)
        self.storage = "m"

    def arrow(self, typmod: int = -1) -> pa.DataType:
        return pa.binary()

    def parse(self, text: str, typmod: int = -1) -> bytes:
        body, slash, mask = text.strip().partition("/")
        if slash and not _BITS.match(mask):
            raise self.invalid(text)
        found = self._version6(body) if ":" in body else self._version4(body)
        if found is None:
            raise self.invalid(text)
        family, number, implied = found
        bits = int(mask) if slash else implied
        if bits > 8 * _WIDTHS[family]:
            raise self.invalid(text)
        address = Address(family, number, bits)
        if self.name == "cidr" and number & address.hosts:
            raise InvalidTextRepresentation(
                f'invalid cidr value: "{text}"', detail="Value has bits set to right of mask."
            )
        return address.datum()

    def _version4(self, body: str) -> tuple[int, int, int] | None:
        """A cidr may leave octets out; how many there are and its class then say how wide it is."""
        octets = body.split(".")
        if not all(_OCTET.match(octet) and int(octet) < 256 for octet in octets):
            return None
        if len(octets) > 4 or (len(octets) < 4 and self.name == "inet"):
            return None
        numbers = [int(octet) for octet in octets]
        number = int.from_bytes(bytes([*numbers, 0, 0, 0][:4]))
        if len(octets) == 4:
            return 4, number, 32
        first = numbers[0]
        by_class = 32 if first >= 240 else 8 if first >= 224 else 24 if first >= 192 else 16 if first >= 128 else 8
        return 4, number, max(by_class, 8 * len(octets))

    def _version6(self, body: str) -> tuple[int, int, int] | None:
        try:
            return (6, int(ipaddress.IPv6Address(body)), 128) if "%" not in body else None
        except ipaddress.AddressValueError:
            return None

    def render(self, datum: bytes) -> str:
        address = address_of(datum)
        whole = address.bits == address.width and self.name == "inet"
        return address.host if whole else address.text()

    def encode(self, datum: bytes) -> bytes:
        address = address_of(datum)
        size = _WIDTHS[address.family]
        head = bytes([2 if address.family == 4 else 3, address.bits, self.name == "cidr", size])
        return head + address.number.to_bytes(size)

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> bytes:
        data = bytes(data)
        family = _FAMILIES.get(data[0]) if len(data) >= 4 else None
        if family is None:
            raise InvalidBinaryRepresentation(f'invalid address family in external "{self.name}" value')
        size = _WIDTHS[family]
        if data[1] > 8 * size:
            raise InvalidBinaryRepresentation(f'invalid bits in external "{self.name}" value')
        if data[3] != size or len(data) != 4 + size:
            raise InvalidBinaryRepresentation(f'invalid length in external "{self.name}" value')
        address = Address(family, int.from_bytes(data[4:]), data[1])
        if self.name == "cidr" and address.number & address.hosts:
            raise InvalidBinaryRepresentation(
                'invalid external "cidr" value', detail="Value has bits set to right of mask."
            )
        return address.datum()


class MacAddress(TypeDefinition):
    def parse(self, text: str, typmod: int = -1) -> str:
        match = _MAC.match(text)
        if match is None:
            raise self.invalid(text)
        if match[1]:
            parts = [match[i] for i in (1, 3, 4, 5, 6, 7)]
            return ":".join(part.lower().zfill(2) for part in parts)
        return _colons("".join(match[i] or "" for i in (8, 9, 10, 12, 13)))

    def decode(self, data: bytes | memoryview, typmod: int = -1) -> str:
        self.require_length(data, 6)
        return _colons(bytes(data).hex())

    def encode(self, datum: str) -> bytes:
        return bytes.fromhex(datum.replace(":", ""))


def _colons(digits: str) -> str:
    return ":".join(re.findall("..", digits.lower()))
