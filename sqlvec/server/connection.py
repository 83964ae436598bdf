"""One socket: startup, authentication, back-pressure, and the threads that a session borrows."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlvec.errors import DatabaseError, FatalError, LockNotAvailable
from sqlvec.pgwire import backend
from sqlvec.pgwire.frontend import (
    MINOR_VERSION,
    CancelRequest,
    EncryptionRequest,
    Framing,
    Message,
    Reader,
    Startup,
    TlsHello,
)
from sqlvec.pgwire.scram import MECHANISM, PLUS, ScramExchange, Verifier, parse_verifier
from sqlvec.server.answering import Outcome, Wait, raising
from sqlvec.server.session import Session
from sqlvec.server.tls import TlsTransport

if TYPE_CHECKING:
    from sqlvec.database import Connection
    from sqlvec.server.listener import Listener
    from sqlvec.storage.locks import Request

log = logging.getLogger("sqlvec.connection")
_OPTION = re.compile(r"-c\s*((?:\\.|[^\s\\])+)|--((?:\\.|[^\s\\])+)")
QUEUE_MAX = 1 << 22  # bytes waiting while a statement runs, before reading stops


class ClientConnection(asyncio.Protocol):
    """The protocol's two phases over one transport."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.framing = Framing()
        self.session: Session | None = None
        self.exchange: ScramExchange | None = None
        self.startup: Startup | None = None
        self.tls: TlsTransport | None = None  # is the transport then
        self.awaiting_first = False
        self.output: list[bytes] = []
        self.write: Callable[[bytes], None] = self.output.append  # a session may put its own there
        self.congested = False
        self.closed = False
        self.pid = 0
        self.secret = b""
        self.loop = asyncio.get_running_loop()
        self._drained: Callable[[Outcome], None] | None = None
        self._queued = 0
        self._idle: asyncio.TimerHandle | None = None

    # ---------------------------------------------------------------- transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop has transports of its own, so the type is stated, not checked.
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.listener.clients.add(self)
        self._idle = self.later(self.listener.authentication_seconds, self._authentication_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.listener.clients.discard(self)
        self._active()
        if self.session is not None:
            self.listener.by_pid.pop(self.pid, None)
            self.session.cancel()
            self.session.close()
            self._go_on()

    def _active(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _authentication_late(self) -> None:
        error = FatalError("canceling authentication due to timeout", sqlstate="57014")
        self.fatal(error)

    def data_received(self, data: bytes) -> None:
        self.listener.busy_poll.arrived()
        if self._idle is not None and self.session is not None:
            self._active()
        try:
            self.framing.feed(data)
            while not self.closed and (event := self.framing.next()) is not None:
                self._event(event)
        except DatabaseError as error:
            self.fatal(error)
        self.flush()
        self.listener.busy_poll.answered()

    def _event(self, event: Any) -> None:
        if isinstance(event, Message):
            session = self.session
            if session is None:
                self._authenticate(event)
                return
            if session.busy:
                self._queued += len(event.body)
                if self._queued > QUEUE_MAX:
                    self.transport.pause_reading()
            session.receive(event)
        elif isinstance(event, EncryptionRequest):
            self._encrypt(event)
        elif isinstance(event, TlsHello):
            self._hello(event)
        elif isinstance(event, CancelRequest):
            self.listener.cancel(event.pid, event.secret)
            self.close()
        else:
            self._start(event)

    def flush(self) -> None:
        """Everything written since the last flush, in one piece."""
        if self.output and not self.closed:
            self.transport.write(b"".join(self.output))
        self.output.clear()
        if self.session is not None and not self.session.busy and self._queued:
            self._queued = 0
            self.transport.resume_reading()

    def close(self) -> None:
        self.flush()
        self.closed = True
        self.transport.close()

    def fatal(self, error: DatabaseError) -> None:
        """Tells the client and ends the connection."""
        if error.severity != "FATAL":
            error = FatalError(
                error.message,
                sqlstate=error.sqlstate,
                detail=error.detail,
                hint=error.hint,
                **error.names,
            )
        self.write(backend.error(error))
        self.close()

    # ---------------------------------------------------------------- what a session waits for

    def pause_writing(self) -> None:
        self.congested = True

    def resume_writing(self) -> None:
        self.congested = False
        self._go_on()

    def drained(self, resume: Callable[[Outcome], None]) -> None:
        """Resumes when the client has taken what was sent."""
        self._drained = resume
        if not self.congested:
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        resume, self._drained = self._drained, None
        if resume is not None:
            resume(_nothing)

    def in_thread(self, work: Callable[[], Any]) -> Wait:
        """Runs work in a worker thread."""

        def wait(resume: Callable[[Outcome], None]) -> None:
            future = self.loop.run_in_executor(self.listener.pool, work)
            self.listener.running.add(future)
            future.add_done_callback(self.listener.running.discard)
            future.add_done_callback(lambda done: resume(done.result))

        return wait

    def durable(self, connection: Connection, ticket: Any) -> Wait:
        """Waits until a commit is on disk and visible."""

        def wait(resume: Callable[[Outcome], None]) -> None:
            def done(failure: BaseException | None) -> None:
                resume(_nothing if failure is None else raising(failure))

            self.listener.committer(connection.database).wait(ticket, done)

        return wait

    def lock(self, connection: Connection, request: Request) -> Wait:
        """Waits until a lock is granted, refused, or lock_timeout has passed."""

        def wait(resume: Callable[[Outcome], None]) -> None:
            timer: asyncio.TimerHandle | None = None
            milliseconds = connection.settings.milliseconds("lock_timeout")
            if milliseconds:
                error = LockNotAvailable("canceling statement due to lock timeout")
                locks, owner = connection.store.locks, connection.owner
                timer = self.loop.call_later(milliseconds / 1000, locks.cancel, owner, error)

            def done() -> None:
                if timer is not None:
                    timer.cancel()
                resume(_nothing if request.error is None else raising(request.error))

            def told() -> None:
                self.loop.call_soon_threadsafe(done)

            connection.store.locks.when_done(request, told)

        return wait

    def later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(seconds, action)

    # ---------------------------------------------------------------- time limits, other sessions

    def watch_idleness(self) -> None:
        """Ends the connection if nothing comes within the limit for idle sessions."""
        assert self.session is not None
        connection = self.session.connection
        name, sqlstate, shown = (
            ("idle_session_timeout", "57P05", "idle-session")
            if connection.status == b"I"
            else ("idle_in_transaction_session_timeout", "25P03", "idle-in-transaction")
        )
        milliseconds = connection.settings.milliseconds(name)
        if milliseconds:
            error = FatalError(f"terminating connection due to {shown} timeout", sqlstate=sqlstate)
            self._idle = self.later(milliseconds / 1000, lambda: self.fatal(error))

    def terminate(self) -> None:
        """By pg_terminate_backend, or because the server stops; what runs is cancelled."""
        if not self.closed:
            if self.session is not None:
                self.session.cancel()
            self.fatal(
                FatalError(
                    "terminating connection due to administrator command", sqlstate="57P01"
                )
            )

    def signalled(self, signal: str) -> None:
        """From another session, in any thread: news, cancel or terminate."""
        assert self.session is not None
        action = {
            "news": self.session.pushed,
            "cancel": self.session.cancel,
            "terminate": self.terminate,
        }[signal]
        self.loop.call_soon_threadsafe(action)

    # ---------------------------------------------------------------- encryption

    def _encrypt(self, request: EncryptionRequest) -> None:
        if self.tls is not None and not request.gss:
            raise FatalError(
                "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.0", sqlstate="0A000"
            )
        if request.gss or self.listener.tls is None:
            self.transport.write(b"N")
            return
        if self.framing.buffered:  # it would be taken for what the client says once it is encrypted
            raise FatalError(
                "received unencrypted data after SSL request", sqlstate="08P01",
                detail="This could be either a client-software bug or evidence of an attempted "
                "man-in-the-middle attack.",
            )  # fmt: skip
        self.transport.write(b"S")
        self._secure(direct=False)

    def _hello(self, hello: TlsHello) -> None:
        if self.tls is not None:
            raise FatalError("invalid length of startup packet", sqlstate="08P01")
        if self.listener.tls is None:
            self.close()
            return
        self._secure(direct=True).data_received(hello.data)

    def _secure(self, *, direct: bool) -> TlsTransport:
        assert self.listener.tls is not None
        self.tls = TlsTransport(self, self.listener.tls, direct=direct)
        self.transport = self.tls  # type: ignore[assignment]
        return self.tls

    # ---------------------------------------------------------------- startup

    def _start(self, startup: Startup) -> None:
        if startup.minor > MINOR_VERSION or startup.unknown:
            self.write(backend.negotiate_version(MINOR_VERSION, startup.unknown))
        user = startup.parameters.get("user")
        if not user:
            raise FatalError("no PostgreSQL user name specified in startup packet", sqlstate="28000")
        if startup.parameters.get("replication", "false").lower() not in ("false", "off", "no", "0"):
            raise FatalError("replication connections are not supported", sqlstate="0A000")
        self.startup = startup
        if self.listener.needs_password:
            self._begin_scram(user)
        else:
            self.write(backend.AUTHENTICATION_OK)
            if user != "postgres":
                raise FatalError(f'role "{user}" does not exist', sqlstate="28000")
            self._admit()

    def _begin_scram(self, user: str) -> None:
        text = self.listener.cluster.password_verifier(user)
        if text is not None:
            verifier = parse_verifier(text)
        else:  # a salt that stays the same for the user, so that it tells nothing
            key = self.listener.mock_key
            salt = hmac.new(key, user.encode(), hashlib.sha256).digest()[:16]
            verifier = Verifier(4096, salt, b"\0" * 32, b"\0" * 32)
        nonce = secrets.token_urlsafe(18)
        end_point = None if self.tls is None else self.tls.end_point
        self.exchange = ScramExchange(verifier, nonce, known=text is not None, end_point=end_point)
        self.awaiting_first = True
        self.write(backend.sasl([MECHANISM] if end_point is None else [PLUS, MECHANISM]))

    def _authenticate(self, message: Message) -> None:
        if message.kind == ord("X"):
            self.close()
            return
        if self.exchange is None or message.kind != ord("p"):
            raise FatalError("expected SASL response", sqlstate="08P01")
        assert self.startup is not None
        if self.awaiting_first:
            reader = Reader(message.body)
            self.exchange.choose(reader.string())
            reader.int32()
            self.write(backend.sasl_continue(self.exchange.first(reader.rest())))
            self.awaiting_first = False
            return
        final = self.exchange.final(bytes(message.body), self.startup.parameters["user"])
        self.write(backend.sasl_final(final))
        self.write(backend.AUTHENTICATION_OK)
        self.exchange = None
        self._admit()

    def _admit(self) -> None:
        assert self.startup is not None
        parameters = dict(self.startup.parameters)
        user = parameters.pop("user")
        name = parameters.pop("database", "") or user
        parameters.pop("replication", None)
        options = _options(parameters.pop("options", ""))
        database = self.listener.cluster.database(name)
        self.pid, self.secret = self.listener.register(self)
        connection = database.connect(user, self.pid, self.secret, {**options, **parameters})
        connection.signal = self.signalled
        peer = self.transport.get_extra_info("peername")
        connection.client = None if peer is None else peer[:2]
        connection.encryption = None if self.tls is None else self.tls.description
        connection.notifications.wake = lambda: self.signalled("news")
        self.session = Session(connection, self)
        self._active()
        for setting, value in connection.settings.reported():
            self.write(backend.parameter_status(setting, value))
        self.write(backend.backend_key(self.pid, self.secret))
        self.write(backend.ready(connection.status))


def _nothing() -> None:
    """The outcome of a wait that gives nothing."""


def _options(text: str) -> dict[str, str]:
    """-c name=value and --name=value; blanks and backslashes in values are escaped."""
    found = {}
    for match in _OPTION.finditer(text):
        pair = re.sub(r"\\(.)", r"\1", match.group(1) or match.group(2))
        name, _, value = pair.partition("=")
        found[name.replace("-", "_") if match.group(2) else name] = value
    return found
