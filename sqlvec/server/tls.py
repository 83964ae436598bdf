"""TLS: the server's certificate, and a connection's bytes in the clear on one side, encrypted on the other.

    socket ⇄ asyncio's transport ⇄ TlsTransport ⇄ ClientConnection

A connection begins in the clear. When the client asks for TLS, a TlsTransport takes the place of the transport's
protocol and of the connection's transport; a connection without it never comes here.
Invariants: nothing that came before the handshake is read as if it had come in it (CVE-2021-23222, the connection
sees to it); nothing is written in the clear after it has begun.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlvec.server.connection import ClientConnection

log = logging.getLogger("sqlvec.tls")
APPLICATION_PROTOCOL = "postgresql"  # of ALPN
_PIECE = 1 << 18
# Signature algorithms of certificates, as they are encoded (RFC 3279, 4055, 5758), and the hash of RFC 5929.
_RSA, _ECDSA, _SHA2 = (
    bytes.fromhex(h) for h in ("06092a864886f70d0101", "06082a8648ce3d0403", "06096086480165030402")
)
_HASHES = {
    _RSA + b"\x04": "sha256", _RSA + b"\x05": "sha256", _RSA + b"\x0b": "sha256", _RSA + b"\x0c": "sha384",
    _RSA + b"\x0d": "sha512", _RSA + b"\x0e": "sha224", _ECDSA + b"\x01": "sha224",
    _ECDSA + b"\x02": "sha256", _ECDSA + b"\x03": "sha384", _ECDSA + b"\x04": "sha512",
    bytes.fromhex("06072a8648ce3d0401"): "sha256",
}  # fmt: skip
_PSS = _RSA + b"\x0a"
_PSS_HASHES = {_SHA2 + b"\x01": "sha256", _SHA2 + b"\x02": "sha384", _SHA2 + b"\x03": "sha512"}


@dataclass(frozen=True, slots=True)
class ServerTls:
    """context: with the certificate loaded. end_point: what tls-server-end-point binds a channel to, None where
    the certificate's signature has no hash of its own."""

    context: ssl.SSLContext
    end_point: bytes | None
    certificate_file: str
    key_file: str


def load(certificate_file: str, key_file: str) -> ServerTls:
    """OSError, which says what is wrong, when they cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    context.set_alpn_protocols([APPLICATION_PROTOCOL])
    for what, file in (("server certificate", certificate_file), ("private key", key_file)):
        if not Path(file).is_file():
            raise OSError(f'could not load {what} file "{file}": No such file or directory')
    try:
        context.load_cert_chain(certificate_file, key_file, password=lambda: b"")
    except (ssl.SSLError, ValueError) as error:
        raise OSError(
            f'could not load server certificate file "{certificate_file}" with private key file '
            f'"{key_file}": {error}'
        ) from error
    text = Path(certificate_file).read_text("ascii", errors="ignore")
    begin, end = text.index(ssl.PEM_HEADER), text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
    der = ssl.PEM_cert_to_DER_cert(text[begin:end])
    return ServerTls(context, end_point(der), certificate_file, key_file)


def end_point(certificate: bytes) -> bytes | None:
    """The hash of a certificate (DER) that its signature is made with, SHA-256 in place of older ones."""
    inside, _ = _element(certificate, 0)
    _, signed_end = _element(certificate, inside)
    start, end = _element(certificate, signed_end)
    algorithm = certificate[start:end]
    name = next((name for encoded, name in _HASHES.items() if algorithm.startswith(encoded)), None)
    if name is None and algorithm.startswith(_PSS):
        name = next((n for encoded, n in _PSS_HASHES.items() if encoded in algorithm), "sha256")
    return None if name is None else hashlib.new(name, certificate).digest()


def _element(der: bytes, at: int) -> tuple[int, int]:
    """Where the contents of an ASN.1 element begin and end."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    return start, start + length


class TlsTransport(asyncio.Protocol):
    """Protocol of the transport below, transport of the connection above."""

    def __init__(self, client: ClientConnection, tls: ServerTls, *, direct: bool) -> None:
        self.client = client
        self.below = client.transport
        self.direct = direct
        self.end_point = tls.end_point
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._established = False
        self.below.set_protocol(self)

    @property
    def description(self) -> tuple[str, str, int]:
        """Version, cipher and its bits."""
        cipher = self._tls.cipher()
        assert cipher is not None
        return self._tls.version() or "", cipher[0], cipher[2]

    # ---------------------------------------------------------------- from below

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        try:
            if not self._established:
                self._tls.do_handshake()
                self._established = True
                if self.direct and self._tls.selected_alpn_protocol() != APPLICATION_PROTOCOL:
                    log.info("received direct SSL connection request without ALPN protocol negotiation extension")
                    self.close()
                    return
            self._flush()
            self._read()
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            log.info("could not accept SSL connection: %s", error)
            self._flush()  # the alert
            self.client.closed = True
            self.below.close()

    def _read(self) -> None:
        """All that has come, in one piece."""
        pieces = []
        try:
            while piece := self._tls.read(_PIECE):
                pieces.append(piece)
            ended = True  # the client said that it is done
        except ssl.SSLWantReadError:
            ended = False
        except ssl.SSLZeroReturnError:
            ended = True
        if pieces:
            self.client.data_received(b"".join(pieces))
        if ended and not self.client.closed:
            self.client.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.client.connection_lost(exc)

    def pause_writing(self) -> None:
        self.client.pause_writing()

    def resume_writing(self) -> None:
        self.client.resume_writing()

    # ---------------------------------------------------------------- from above

    def write(self, data: bytes) -> None:
        if self._established:
            self._tls.write(data)
            self._flush()

    def get_extra_info(self, name: str) -> Any:
        return self.below.get_extra_info(name)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self.below.write(self._outgoing.read())

    def pause_reading(self) -> None:
        self.below.pause_reading()

    def resume_reading(self) -> None:
        self.below.resume_reading()

    def close(self) -> None:
        if self._established:
            try:
                self._tls.unwrap()
            except ssl.SSLError:  # nearly always: the client's answer has not come
                self._established = False
            self._flush()
        self.client.closed = True
        self.below.close()
