"""TLS as clients use it: psql, psycopg and asyncpg, and a socket that does what none of them would."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest

from sqlvec.server.tls import end_point
from tests.harness.live_server import LiveServer

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
SSL_REQUEST = struct.pack(">II", 8, 80877103)
STARTUP = struct.pack(">II", 41, 196608) + b"user\0postgres\0database\0postgres\0\0"
PASSWORD = "correct horse"
KINDS = (
    ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-sha384"),
    ("-newkey", "rsa:2048", "-sha512"),
    ("-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss", "-sha384"),
)


def make_certificate(directory: Path, *options: str, name: str = "server") -> tuple[Path, Path]:
    """Of localhost and 127.0.0.1, signed by itself."""
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    kind = options or ("-newkey", "rsa:2048")
    subprocess.run(
        ["openssl", "req", "-x509", *kind, "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, files: tuple[Path, Path]) -> Iterator[LiveServer]:
    directory = tmp_path_factory.mktemp("tls")
    password = directory / "password"
    password.write_text(PASSWORD + "\n")
    options = ("--ssl-cert-file", str(files[0]), "--ssl-key-file", str(files[1]))
    server = LiveServer(directory / "data", "--password-file", str(password), *options)
    yield server
    server.stop()


def connect(live: LiveServer, **options: str) -> psycopg.Connection:
    return psycopg.connect(live.dsn, password=PASSWORD, autocommit=True, **options)  # type: ignore[arg-type]


ENCRYPTION = "SELECT ssl, version, bits > 100 FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_psycopg_connects(live: LiveServer, files: tuple[Path, Path], mode: str) -> None:
    with connect(live, sslmode=mode, sslrootcert=str(files[0])) as connection:
        assert connection.execute(ENCRYPTION).fetchone() == (True, "TLSv1.3", True)
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SHOW ssl").fetchone() == ("on",)
        assert connection.execute("SHOW ssl_cert_file").fetchone() == (str(files[0]),)


def test_a_client_may_do_without(live: LiveServer) -> None:
    with connect(live, sslmode="disable") as connection:
        assert connection.execute(ENCRYPTION).fetchone() == (False, None, None)


def test_another_authority_is_not_believed(live: LiveServer, tmp_path: Path) -> None:
    other, _ = make_certificate(tmp_path)
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connect(live, sslmode="verify-ca", sslrootcert=str(other))


@pytest.mark.parametrize("binding", ["require", "prefer", "disable"])
def test_the_password_is_bound_to_the_channel(live: LiveServer, binding: str) -> None:
    with connect(live, sslmode="require", channel_binding=binding) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(live.dsn, password="wrong", sslmode="require", channel_binding=binding)


def test_no_channel_is_bound_without_tls(live: LiveServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="channel binding"):
        connect(live, sslmode="disable", channel_binding="require")


def test_a_signature_without_a_hash_has_no_end_point(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path, "-newkey", "ed25519")
    assert end_point(ssl.PEM_cert_to_DER_cert(certificate.read_text())) is None


def test_a_handshake_without_a_request_before_it(live: LiveServer, files: tuple[Path, Path]) -> None:
    if psycopg.pq.version() < 170000:
        pytest.skip("libpq is too old for sslnegotiation")
    with connect(live, sslmode="verify-full", sslnegotiation="direct", sslrootcert=str(files[0])) as connection:
        assert connection.execute(ENCRYPTION).fetchone() == (True, "TLSv1.3", True)


@pytest.mark.parametrize("direct", [False, True])
def test_asyncpg_connects(live: LiveServer, files: tuple[Path, Path], direct: bool) -> None:
    async def ask() -> asyncpg.Record | None:
        context = ssl.create_default_context(cafile=str(files[0]))
        if direct:
            context.set_alpn_protocols(["postgresql"])
        connection = await asyncpg.connect(
            live.dsn, password=PASSWORD, ssl=context, direct_tls=direct, timeout=30
        )
        try:
            return await connection.fetchrow(ENCRYPTION)
        finally:
            await connection.close()

    assert tuple(asyncio.run(ask()) or ()) == (True, "TLSv1.3", True)


@pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")
def test_psql_says_what_protects_it(live: LiveServer, files: tuple[Path, Path]) -> None:
    dsn = f"{live.dsn}?sslmode=verify-full&sslrootcert={files[0]}"
    done = subprocess.run(
        ["psql", "-X", dsn, "-c", r"\conninfo"], capture_output=True, text=True, timeout=60,
        check=True, env={**os.environ, "PGPASSWORD": PASSWORD},
    )  # fmt: skip
    assert "SSL connection (protocol: TLSv1.3" in done.stdout


def test_large_values_come_and_go(live: LiveServer) -> None:
    with connect(live, sslmode="require") as connection:
        large = "x" * 5_000_000
        assert connection.execute("SELECT length(%s), %s", (large, large)).fetchone() == (5_000_000, large)
        rows = connection.execute("SELECT i, repeat('y', 100) FROM generate_series(1, 100000) i").fetchall()
        assert (len(rows), rows[-1]) == (100_000, (100_000, "y" * 100))
        with connection.cursor().copy("COPY (SELECT generate_series(1, 50000)) TO STDOUT") as copy:
            assert sum(bytes(part).count(b"\n") for part in copy) == 50_000


def test_a_statement_is_cancelled_over_tls(live: LiveServer) -> None:
    with connect(live, sslmode="require") as connection:
        connection.execute("SET statement_timeout = '60s'")
        with connect(live, sslmode="require") as other:
            pid = connection.info.backend_pid
            connection.pgconn.send_query(b"SELECT pg_sleep(50)")
            running = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
            while other.execute(running, (pid,)).fetchone() != (1,):
                pass
            connection.cancel_safe(timeout=20)
        result = connection.pgconn.get_result()
        assert result is not None and result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"57014"
        assert connection.pgconn.get_result() is None


# ---------------------------------------------------------------- what a client should not do


def raw(live: LiveServer) -> socket.socket:
    return socket.create_connection((live.host, live.port), timeout=20)


def test_what_comes_with_the_request_in_the_clear_is_not_read(live: LiveServer) -> None:
    with raw(live) as client:
        client.sendall(SSL_REQUEST + STARTUP)
        answer = client.recv(4096)
    assert answer.startswith(b"E")
    assert b"received unencrypted data after SSL request" in answer


def test_what_is_put_in_before_the_handshake_ends_it(live: LiveServer) -> None:
    with raw(live) as client:
        client.sendall(SSL_REQUEST)
        assert client.recv(1) == b"S"
        client.sendall(STARTUP)
        answer = client.recv(4096)
    assert b"Authentication" not in answer and not answer.startswith(b"R")


def wrapped(client: socket.socket, *protocols: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    return context.wrap_socket(client)


def test_a_second_request_is_no_startup(live: LiveServer) -> None:
    with raw(live) as client:
        client.sendall(SSL_REQUEST)
        assert client.recv(1) == b"S"
        with wrapped(client) as secure:
            secure.sendall(SSL_REQUEST)
            assert b"unsupported frontend protocol 1234.5679" in secure.recv(4096)


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)])
def test_a_direct_handshake_names_the_protocol(live: LiveServer, protocols: tuple[str, ...]) -> None:
    with raw(live) as client, pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        with wrapped(client, *protocols) as secure:
            secure.sendall(STARTUP)
            if not secure.recv(4096):
                raise EOFError


def test_old_versions_of_tls_are_refused(live: LiveServer) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(live, sslmode="require", ssl_min_protocol_version="TLSv1", ssl_max_protocol_version="TLSv1.1")
    with connect(live, sslmode="require", ssl_max_protocol_version="TLSv1.2") as connection:
        assert connection.execute(ENCRYPTION).fetchone() == (True, "TLSv1.2", True)


def test_the_server_lives_on_after_noise(live: LiveServer) -> None:
    for noise in (b"\x16\x03\x01\x00\x05hello", b"\x16" * 4096, SSL_REQUEST + b"\x16" * 100):
        with raw(live) as client:
            client.sendall(noise)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    with connect(live, sslmode="require") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


# ---------------------------------------------------------------- the server's side


def test_without_a_certificate_there_is_no_tls(server: LiveServer) -> None:
    with raw(server) as client:
        client.sendall(SSL_REQUEST)
        assert client.recv(1) == b"N"
    with raw(server) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert client.recv(1) == b""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        assert connection.execute("SHOW ssl").fetchone() == ("off",)
        assert connection.execute(ENCRYPTION).fetchone() == (False, None, None)


def test_new_certificates_are_taken_without_a_restart(tmp_path: Path) -> None:
    """And libpq's own hash of each, as its signature says, is the one that the channel is bound to."""
    certificate, key = make_certificate(tmp_path)
    (tmp_path / "password").write_text(PASSWORD)
    options = ("--ssl-cert-file", str(certificate), "--ssl-key-file", str(key))
    live = LiveServer(tmp_path / "data", "--password-file", str(tmp_path / "password"), *options)
    try:
        with connect(live, sslmode="verify-ca", sslrootcert=str(certificate)) as old:
            for place, kind in enumerate(KINDS):
                renewed = make_certificate(tmp_path, *kind, name=f"renewed{place}")
                for source, target in zip(renewed, (certificate, key), strict=True):
                    target.write_bytes(source.read_bytes())
                live.process.send_signal(signal.SIGHUP)
                _await_certificate(live, renewed[0])
            assert old.execute("SELECT 1").fetchone() == (1,)
            key.write_text("no key")
            live.process.send_signal(signal.SIGHUP)
            assert old.execute("SELECT 2").fetchone() == (2,)
            _await_certificate(live, renewed[0])
    finally:
        live.stop()


def _await_certificate(live: LiveServer, certificate: Path) -> None:
    """The signal is answered between two turns of the server's loop."""
    options = {"sslmode": "verify-ca", "sslrootcert": str(certificate), "channel_binding": "require"}
    while True:
        try:
            connect(live, **options).close()
            return
        except psycopg.OperationalError as error:
            assert "certificate verify failed" in str(error)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--ssl-cert-file", "{0}"), "--ssl-cert-file and --ssl-key-file go together"),
        (("--ssl-cert-file", "{0}", "--ssl-key-file", "none"), 'could not load private key file "none"'),
        (("--ssl-cert-file", "{1}", "--ssl-key-file", "{1}"), "could not load server certificate file"),
    ],
)
def test_files_that_cannot_be_used_are_named(
    files: tuple[Path, Path], options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "sqlvec", "serve", "--data-dir", str(tmp_path), "--port", "0"]
    given = [option.format(*files) for option in options]
    done = subprocess.run([*command, *given], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr
