"""SCRAM-SHA-256, the server's side (RFC 5802, RFC 7677); over TLS also bound to the channel, by the hash of the
server's certificate (-PLUS with tls-server-end-point, RFC 5929).

A verifier is kept as PostgreSQL keeps it: SCRAM-SHA-256$iterations:salt$stored key:server key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import stringprep
import unicodedata
from dataclasses import dataclass

from sqlvec.errors import FatalError, ProtocolViolation

ITERATIONS = 4096
MECHANISM = "SCRAM-SHA-256"
PLUS = "SCRAM-SHA-256-PLUS"
BINDING = "tls-server-end-point"


@dataclass(frozen=True, slots=True)
class Verifier:
    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    def render(self) -> str:
        encode = base64.b64encode
        return (
            f"{MECHANISM}${self.iterations}:{encode(self.salt).decode()}$"
            f"{encode(self.stored_key).decode()}:{encode(self.server_key).decode()}"
        )


def parse_verifier(text: str) -> Verifier:
    _, parameters, keys = text.split("$")
    iterations, salt = parameters.split(":")
    stored, server = keys.split(":")
    decode = base64.b64decode
    return Verifier(int(iterations), decode(salt), decode(stored), decode(server))


def make_verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
    salted = hashlib.pbkdf2_hmac("sha256", prepare(password).encode(), salt, iterations)
    client_key = _hmac(salted, b"Client Key")
    return Verifier(
        iterations, salt, hashlib.sha256(client_key).digest(), _hmac(salted, b"Server Key")
    )


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def prepare(password: str) -> str:
    """SASLprep (RFC 4013); as PostgreSQL, a password that it forbids is used as it is."""
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4,
        stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7,
        stringprep.in_table_c8, stringprep.in_table_c9, stringprep.in_table_a1,
    )  # fmt: skip
    if not normal or any(test(c) for c in normal for test in forbidden):
        return password
    return normal


class ScramExchange:
    """One authentication: choose(), first(), final(). An unknown user gets a verifier that nothing matches;
    end_point is what the channel is bound to, None for a channel that cannot be."""

    def __init__(
        self, verifier: Verifier, nonce: str, *, known: bool, end_point: bytes | None = None
    ) -> None:
        self.verifier = verifier
        self.nonce = nonce
        self.known = known
        self.end_point = end_point
        self.bound = False
        self._header = ""
        self._client_first = ""
        self._server_first = ""

    def choose(self, mechanism: str) -> None:
        """The client's choice among those it was offered."""
        if mechanism not in ((MECHANISM,) if self.end_point is None else (MECHANISM, PLUS)):
            raise FatalError("client selected an invalid SASL authentication mechanism", sqlstate="08P01")
        self.bound = mechanism == PLUS

    def first(self, data: bytes) -> bytes:
        """The client's first message; the server's answer."""
        text = data.decode(errors="replace")
        header, comma, bare = text.partition(",,")
        fields = _fields(bare)
        self._check_header(header)
        if not bare or "r" not in fields:
            raise ProtocolViolation("malformed SCRAM message")
        self._header = header + comma
        self._client_first = bare
        self.nonce = fields["r"] + self.nonce
        salt = base64.b64encode(self.verifier.salt).decode()
        self._server_first = f"r={self.nonce},s={salt},i={self.verifier.iterations}"
        return self._server_first.encode()

    def _check_header(self, header: str) -> None:
        """p=... binds the channel, n does not, y would if the server could (read_client_first_message)."""
        flag, _, kind = header.partition("=")
        if flag == "p" and self.bound:
            if kind != BINDING:
                raise ProtocolViolation(f'unsupported SCRAM channel-binding type "{kind}"')
        elif flag == "p":
            raise ProtocolViolation(
                "malformed SCRAM message",
                detail="The client selected SCRAM-SHA-256 without channel binding, but the SCRAM "
                "message includes channel binding data.",
            )
        elif header not in ("n", "y"):
            raise ProtocolViolation("malformed SCRAM message")
        elif self.bound:
            raise ProtocolViolation(
                "malformed SCRAM message",
                detail="The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not "
                "include channel binding data.",
            )
        elif flag == "y" and self.end_point is not None:  # someone took our offer out
            raise FatalError(
                "SCRAM channel binding negotiation error", sqlstate="28000",
                detail="The client supports SCRAM channel binding but thinks the server does not.  "
                "However, this server does support channel binding.",
            )  # fmt: skip

    def final(self, data: bytes, user: str) -> bytes:
        """The client's proof; the server's signature, or 28P01."""
        text = data.decode(errors="replace")
        without, _, proof_text = text.rpartition(",p=")
        fields = _fields(without)
        failed = FatalError(f'password authentication failed for user "{user}"', sqlstate="28P01")
        channel = self._header.encode() + ((self.end_point or b"") if self.bound else b"")
        same_channel = fields.get("c") == base64.b64encode(channel).decode()
        if self.bound and not same_channel:  # someone stands between, with another certificate
            raise FatalError("SCRAM channel binding check failed", sqlstate="28000")
        if not same_channel or fields.get("r") != self.nonce:
            raise failed
        message = f"{self._client_first},{self._server_first},{without}".encode()
        signature = _hmac(self.verifier.stored_key, message)
        try:
            proof = base64.b64decode(proof_text, validate=True)
        except ValueError:
            raise failed from None
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
        matches = hmac.compare_digest(hashlib.sha256(client_key).digest(), self.verifier.stored_key)
        if not matches or not self.known or len(proof) != len(signature):
            raise failed
        return b"v=" + base64.b64encode(_hmac(self.verifier.server_key, message))


def _fields(text: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in text.split(",") if part[1:2] == "="}
