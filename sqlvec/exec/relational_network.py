"""Functions over inet and cidr, which the relational engine holds as their datums. Source: network.c."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlvec.errors import InvalidParameterValue
from sqlvec.types import CIDR, INET, SqlType
from sqlvec.types.network import Address, address_of


def parse(text: str, oid: int) -> bytes:
    return SqlType(oid).definition.parse(text)  # type: ignore[no-any-return]


def shown(datum: bytes, oid: int) -> str:
    """What the type's output function prints."""
    return SqlType(oid).definition.render(datum)


def text(datum: bytes) -> str:
    """As a cast to text gives it: always with the mask."""
    return address_of(datum).text()


def host(datum: bytes) -> str:
    return address_of(datum).host


def masklen(datum: bytes) -> int:
    return address_of(datum).bits


def family(datum: bytes) -> int:
    return address_of(datum).family


def network(datum: bytes) -> bytes:
    address = address_of(datum)
    return address._replace(number=address.number & address.mask).datum()


def netmask(datum: bytes) -> bytes:
    address = address_of(datum)
    return Address(address.family, address.mask, address.width).datum()


def hostmask(datum: bytes) -> bytes:
    address = address_of(datum)
    return Address(address.family, address.hosts, address.width).datum()


def broadcast(datum: bytes) -> bytes:
    address = address_of(datum)
    return address._replace(number=address.number | address.hosts).datum()


def abbrev(datum: bytes, oid: int) -> str:
    """A cidr without the parts that its mask does not reach; an inet as it is shown."""
    address = address_of(datum)
    if oid == INET.oid:
        return SqlType(oid).definition.render(datum)
    if address.family == 4:
        octets = address.host.split(".")[: max(1, (address.bits + 7) // 8)]
        return f"{'.'.join(octets)}/{address.bits}"
    words = [f"{address.number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
    reached = ":".join(words[: (address.bits + 15) // 16])
    shortened = ":0:0" in f":{reached}:" or not reached or reached == "0"
    return address.text() if shortened else f"{reached}/{address.bits}"


def set_masklen(datum: bytes, bits: int, oid: int) -> bytes:
    address = address_of(datum)
    if bits == -1:
        bits = address.width
    if not 0 <= bits <= address.width:
        raise InvalidParameterValue(f"invalid mask length: {bits}")
    changed = address._replace(bits=bits)
    return network(changed.datum()) if oid == CIDR.oid else changed.datum()


def same_family(left: bytes, right: bytes) -> bool:
    return left[0] == right[0]


def merge(left: bytes, right: bytes) -> bytes:
    """The smallest network that holds both."""
    a, b = address_of(left), address_of(right)
    if a.family != b.family:
        raise InvalidParameterValue("cannot merge addresses from different families")
    apart = (a.number ^ b.number).bit_length()
    bits = min(a.bits, b.bits, a.width - apart)
    return network(a._replace(bits=bits).datum())


def contains(outer: bytes, inner: bytes, strictly: bool) -> bool:
    """outer >> inner, or with strictly=False >>=."""
    a, b = address_of(outer), address_of(inner)
    if a.family != b.family or a.bits > b.bits or (strictly and a.bits == b.bits):
        return False
    return a.number & a.mask == b.number & a.mask


def overlaps(left: bytes, right: bytes) -> bool:
    return contains(left, right, False) or contains(right, left, False)


def add(datum: bytes, count: int) -> bytes:
    address = address_of(datum)
    number = address.number + count
    if not 0 <= number < 1 << address.width:
        raise InvalidParameterValue("result is out of range")
    return address._replace(number=number).datum()


def difference(left: bytes, right: bytes) -> int:
    a, b = address_of(left), address_of(right)
    if a.family != b.family:
        raise InvalidParameterValue("cannot subtract inet values of different sizes")
    found = a.number - b.number
    if not -(2**63) <= found < 2**63:
        raise InvalidParameterValue("result is out of range")
    return found


_TEXT, _BLOB, _LONG, _BOOL = "VARCHAR", "BLOB", "BIGINT", "BOOLEAN"
FUNCTIONS: list[tuple[str, Callable[..., Any], list[str], str]] = [
    ("network_parse", parse, [_TEXT, _LONG], _BLOB),
    ("network_shown", shown, [_BLOB, _LONG], _TEXT),
    ("network_text", text, [_BLOB], _TEXT),
    ("network_host", host, [_BLOB], _TEXT),
    ("network_masklen", masklen, [_BLOB], _LONG),
    ("network_family", family, [_BLOB], _LONG),
    ("network_network", network, [_BLOB], _BLOB),
    ("network_netmask", netmask, [_BLOB], _BLOB),
    ("network_hostmask", hostmask, [_BLOB], _BLOB),
    ("network_broadcast", broadcast, [_BLOB], _BLOB),
    ("network_abbrev", abbrev, [_BLOB, _LONG], _TEXT),
    ("network_set_masklen", set_masklen, [_BLOB, _LONG, _LONG], _BLOB),
    ("network_inet_same_family", same_family, [_BLOB, _BLOB], _BOOL),
    ("network_inet_merge", merge, [_BLOB, _BLOB], _BLOB),
    ("network_contains", contains, [_BLOB, _BLOB, _BOOL], _BOOL),
    ("network_overlaps", overlaps, [_BLOB, _BLOB], _BOOL),
    ("network_add", add, [_BLOB, _LONG], _BLOB),
    ("network_difference", difference, [_BLOB, _BLOB], _LONG),
]
