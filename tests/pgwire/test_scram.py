"""SCRAM-SHA-256: the RFC's own conversation, and what is refused."""

from __future__ import annotations

import base64

import pytest

from sqlvec.errors import DatabaseError, FatalError, ProtocolViolation
from sqlvec.pgwire.scram import (
    MECHANISM,
    PLUS,
    ScramExchange,
    make_verifier,
    parse_verifier,
    prepare,
)

# RFC 7677, section 3.
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
CLIENT_NONCE, SERVER_NONCE = "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
FIRST = f"n,,n=user,r={CLIENT_NONCE}".encode()
PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
FINAL = f"c=biws,r={CLIENT_NONCE}{SERVER_NONCE},p={PROOF}".encode()


def exchange(*, known: bool = True) -> ScramExchange:
    return ScramExchange(make_verifier("pencil", SALT, 4096), SERVER_NONCE, known=known)


def test_the_conversation_of_the_rfc() -> None:
    scram = exchange()
    expected = f"r={CLIENT_NONCE}{SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert scram.first(FIRST) == expected.encode()
    assert scram.final(FINAL, "user") == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    "final",
    [
        FINAL.replace(b"dHzb", b"dHzc"),  # another proof
        FINAL.replace(b"c=biws", b"c=cD10bHM="),  # a channel that is not there
        FINAL.replace(b"r=rO", b"r=xO"),  # another nonce
        f"c=biws,r={CLIENT_NONCE}{SERVER_NONCE},p=".encode(),
        f"c=biws,r={CLIENT_NONCE}{SERVER_NONCE},p=!!".encode(),
        f"c=biws,r={CLIENT_NONCE}{SERVER_NONCE},p={PROOF}AAAA".encode(),
        b"",
        b"\xff\xfe",
    ],
)
def test_a_final_message_that_does_not_fit_is_28P01(final: bytes) -> None:
    scram = exchange()
    scram.first(FIRST)
    with pytest.raises(FatalError) as caught:
        scram.final(final, "user")
    assert caught.value.sqlstate == "28P01"


def test_an_unknown_user_fails_with_the_right_proof_too() -> None:
    scram = exchange(known=False)
    scram.first(FIRST)
    with pytest.raises(FatalError):
        scram.final(FINAL, "user")


@pytest.mark.parametrize("first", [b"", b"p=tls-unique,,n=,r=x", b"n,,", b"n,,n=user", b"\xff"])
def test_a_first_message_that_does_not_fit_is_refused(first: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        exchange().first(first)


def test_a_verifier_is_kept_as_postgresql_keeps_it() -> None:
    verifier = make_verifier("pencil", SALT, 4096)
    assert parse_verifier(verifier.render()) == verifier
    assert verifier.render().startswith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")


@pytest.mark.parametrize(
    ("password", "prepared"),
    [("I\u00adX", "IX"), ("\u2168", "IX"), ("a\u00a0b", "a b"), ("\u0007", "\u0007"), ("", "")],
)
def test_passwords_are_prepared(password: str, prepared: str) -> None:
    assert prepare(password) == prepared


def bound(mechanism: str = PLUS) -> ScramExchange:
    """Over a channel that can be bound."""
    made = ScramExchange(make_verifier("pencil", SALT, 4096), SERVER_NONCE, known=True, end_point=b"hash")
    made.choose(mechanism)
    return made


def test_another_channel_than_the_servers_own_is_28000() -> None:
    """As when someone stands between with a certificate of their own: the proof would be right."""
    scram = bound()
    scram.first(f"p=tls-server-end-point,,n=user,r={CLIENT_NONCE}".encode())
    channel = base64.b64encode(b"p=tls-server-end-point,," + b"other").decode()
    with pytest.raises(FatalError, match="channel binding check failed") as caught:
        scram.final(f"c={channel},r={CLIENT_NONCE}{SERVER_NONCE},p={PROOF}".encode(), "user")
    assert caught.value.sqlstate == "28000"


@pytest.mark.parametrize(
    ("mechanism", "header", "said"),
    [
        (PLUS, "n", "malformed SCRAM message"),
        (PLUS, "y", "malformed SCRAM message"),
        (PLUS, "p=tls-unique", 'unsupported SCRAM channel-binding type "tls-unique"'),
        (MECHANISM, "p=tls-server-end-point", "malformed SCRAM message"),
        (MECHANISM, "y", "SCRAM channel binding negotiation error"),
    ],
)
def test_a_header_that_does_not_fit_the_mechanism_is_refused(
    mechanism: str, header: str, said: str
) -> None:
    with pytest.raises(DatabaseError, match=said):
        bound(mechanism).first(f"{header},,n=user,r={CLIENT_NONCE}".encode())


def test_only_what_was_offered_may_be_chosen() -> None:
    for scram, mechanism in ((exchange(), PLUS), (bound(), "PLAIN")):
        with pytest.raises(FatalError, match="invalid SASL authentication mechanism"):
            scram.choose(mechanism)
