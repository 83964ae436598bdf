"""How messages are answered, whatever they say: one after the other, with waits in between, and errors told.

Short statements are answered at once. What must wait - for a worker thread, an fsync, a slow client, the
client's data - is a generator that yields its waits: the session is busy until each has come, and messages
that arrive meanwhile queue. An error is answered, and the connection lives.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlvec.errors import DatabaseError, FatalError, InternalError, QueryCanceled
from sqlvec.pgwire import backend
from sqlvec.pgwire.frontend import Message
from sqlvec.pgwire.states import ACTIONS, EXTENDED, TRANSITIONS, Event, State
from sqlvec.server.copy_exchange import CopyExchange
from sqlvec.server.recoding import RECODED, RecodedRows, Recoding
from sqlvec.server.statement import Portal, Statement
from sqlvec.storage.locks import LockWait

if TYPE_CHECKING:
    from sqlvec.database import Connection, Prepared
    from sqlvec.exec.arrow_rows import BatchEncoder
    from sqlvec.exec.result import Result
    from sqlvec.server.connection import ClientConnection
    from sqlvec.types import SqlType

log = logging.getLogger("sqlvec.session")
INSIST_SECONDS = 0.05
FLUSH_BYTES = 1 << 16  # rows are given to the socket when so much has gathered
_STATEMENT_TIMEOUT = "canceling statement due to statement timeout"

Outcome = Callable[[], Any]  # gives what was waited for, or raises
Wait = Callable[[Callable[[Outcome], None]], None]  # arranges for its argument to be called, later
Steps = Generator[Wait, Any, Any]


RowsEncoder: TypeAlias = "BatchEncoder | RecodedRows"
Handler = Callable[[bytes], None]
Handlers = dict[State, dict[int, Handler]]


class Answering:
    """A Connection and its client; the actions of pgwire.states are methods of Session."""

    def __init__(self, connection: Connection, client: ClientConnection) -> None:
        self.connection = connection
        self.client = client
        self.queue: deque[Message] = deque()
        self.busy = False
        self.closed = False
        self.statements: dict[str, Statement] = {}
        self.portals: dict[str, Portal] = {}
        self.copy: CopyExchange | None = None
        self.state = State.READY
        self._kind = 0  # of the message that is answered
        self._steps: Steps | None = None
        self._deadline: Any = None  # of the statement, once it has been waited for
        self.recoding: Recoding | None = None  # for clients that do not speak UTF-8
        self._write = client.write
        connection.settings.encoding_changed = self._change_encoding
        self._change_encoding()

    def _change_encoding(self) -> None:
        """From now on messages are read and written in the client's encoding."""
        encoding = self.connection.settings.encoding
        self._handlers: Handlers = {
            state: {kind[0]: getattr(self, f"_{action}") for kind, action in actions.items()}
            for state, actions in ACTIONS.items()
        }
        self.client.write, self.recoding = self._write, None
        if not encoding.is_utf8:
            self.recoding = recoding = Recoding(encoding)
            for handlers in self._handlers.values():
                for kind in RECODED:
                    handlers[kind] = self._recoded(recoding, kind, handlers[kind])
            self.client.write = lambda data: self._write(recoding.outgoing(data))
        self._actions = self._handlers[self.state]

    def _recoded(self, recoding: Recoding, kind: int, handler: Handler) -> Handler:
        def handle(body: bytes) -> None:
            handler(recoding.incoming(kind, body, self._parameter_types))

        return handle

    def _parameter_types(self, statement: str) -> Sequence[SqlType]:
        """Of a prepared statement; none if it does not exist."""
        raise NotImplementedError

    # ---------------------------------------------------------------- the loop

    def receive(self, message: Message) -> None:
        """Handles a message now, or when what runs has ended."""
        if self.busy:
            self.queue.append(message)
        else:
            self._handle(message)

    def _handle(self, message: Message) -> None:
        self._kind = message.kind
        try:
            self._actions[message.kind](message.body)
        except Exception as error:
            self._caught(error)

    def _enter(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state][event]
        self._actions = self._handlers[self.state]

    def _caught(self, error: Exception) -> None:
        """The border where every error becomes an ErrorResponse."""
        if not isinstance(error, DatabaseError):
            log.error("statement failed", exc_info=error)
            error = InternalError(f"internal error: {type(error).__name__}: {error}")
        elif isinstance(error, FatalError):
            self.client.fatal(error)
            return
        elif isinstance(error, QueryCanceled) and self.connection.cancel_reason:
            error.message = self.connection.cancel_reason
        self._fail(error)

    def _fail(self, error: DatabaseError) -> None:
        self._end_statement()
        self.connection.abort_group()
        self._notices()
        self.client.write(backend.error(error))
        if not self.connection.block.explicit:
            self.portals.clear()
        if self._kind in EXTENDED:
            self._enter(Event.FAILED_EXTENDED)
        else:
            self._ready()

    def _ready(self) -> None:
        connection = self.connection
        notifications = connection.notifications
        if notifications.outbox or notifications.news:
            self._tell_news()
        for name, value in connection.take_parameter_changes():
            self.client.write(backend.parameter_status(name, value))
        connection.rest()
        self.client.write(backend.ready(connection.status))
        if connection.settings.idle_timeouts:
            self.client.watch_idleness()

    def _notices(self) -> None:
        for notice in self.connection.take_notices():
            if self.connection.settings.sends(notice.severity):
                fields = (notice.sqlstate, notice.message, notice.detail, notice.hint)
                self.client.write(backend.notice(notice.severity, *fields))

    def _tell_news(self) -> None:
        """Notifies others of what was committed; tells what came, between transactions only."""
        notifications = self.connection.notifications
        notifications.publish()
        if self.connection.status == b"I":
            for pid, channel, payload in notifications.take_news():
                self.client.write(backend.notification(pid, channel, payload))

    def pushed(self) -> None:
        """Somebody has notified: an idle client is told at once, another with its next ReadyForQuery."""
        if not self.busy and self.state is State.READY and self.connection.block.tx is None:
            self._tell_news()
            self.client.flush()

    # ---------------------------------------------------------------- waiting

    def _begin(self, steps: Steps) -> None:
        self._steps = steps
        self._advance(lambda: None)

    def _advance(self, outcome: Outcome) -> None:
        """Runs the steps up to their next wait, or to their end."""
        steps = self._steps
        assert steps is not None
        try:
            try:
                value = outcome()
            except Exception as error:
                wait = steps.throw(error)
            else:
                wait = steps.send(value)
        except StopIteration:
            self._steps = None
            return
        except Exception as error:
            self._steps = None
            self._caught(error)
            return
        self.busy = True
        if self._deadline is None:
            self._start_deadline()
        wait(self._resume)

    def _resume(self, outcome: Outcome) -> None:
        """What was waited for has come; afterwards what queued is handled."""
        self.busy = False
        if self.client.closed:
            self.close()
            return
        self._advance(outcome)
        self._handle_queued()

    def _handle_queued(self) -> None:
        while self.queue and not self.busy:
            self._handle(self.queue.popleft())
        self.client.flush()

    def _start_deadline(self) -> None:
        milliseconds = self.connection.settings.milliseconds("statement_timeout")
        if milliseconds:
            self._deadline = self.client.later(
                milliseconds / 1000, lambda: self.cancel(_STATEMENT_TIMEOUT)
            )

    def _end_statement(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def cancel(self, reason: str = "") -> None:
        """Stops what runs, if anything does. An interrupt that comes before the engine has begun is lost,
        so it is repeated until the statement has ended."""
        self.connection.cancel(reason)
        if self.busy:
            self.client.later(INSIST_SECONDS, self._insist)
        if self.copy is not None and not self.busy:
            self._copy_ended(raising(QueryCanceled("canceling statement due to user request")))
            self.client.flush()

    def _insist(self) -> None:
        if self.busy and self.connection.cancelled:
            self.cancel(self.connection.cancel_reason)

    def close(self) -> None:
        """The client is gone; what still runs calls this when it ends."""
        if not self.busy and not self.closed:
            self.closed = True
            self._end_statement()
            if self._steps is not None:
                self._steps.close()
            self.connection.close()

    def _copy_ended(self, outcome: Outcome) -> None:
        """Goes on with the statement that waits for the data."""
        copy, self.copy = self.copy, None
        assert copy is not None and copy.resume is not None
        self._kind = copy.kind
        self._enter(Event.COPY_ENDED)
        copy.resume(outcome)

    # ---------------------------------------------------------------- running

    def _run(self, prepared: Prepared, parameters: Any, *, described: bool) -> Steps:
        """Executes, and waits until a commit that it made is durable; gives the Result."""
        connection = self.connection
        connection.begin_statement()
        result: Result = yield from self._granted(
            lambda: connection.execute(prepared, parameters, described=described),
            inline=prepared.inline,
        )
        if result.ticket is not None:
            yield self.client.durable(connection, result.ticket)
        return result

    def _granted(self, work: Callable[[], Any], *, inline: bool) -> Steps:
        """Gives what work returns. After each lock that it must wait for it is called anew."""
        while True:
            try:
                if inline:
                    return work()
                return (yield self.client.in_thread(work))
            except LockWait as wait:
                met = wait
            yield self.client.lock(self.connection, met.request)

    def _send(
        self, batches: Iterator[Any], encoder: RowsEncoder | None, *, inline: bool
    ) -> Steps:
        """Sends batches as the client takes them: a slow one holds one of them. Those that take time to
        compute are made in a thread. Without an encoder they are bytes already."""
        client = self.client
        gathered = 0

        def next_data() -> bytes | None:
            batch = next(batches, None)
            if batch is None or encoder is None:
                return batch
            return encoder.encode(batch) if batch else b""

        while True:
            if inline:
                data = next_data()
            else:
                data = yield client.in_thread(next_data)
            if data is None:
                return
            client.write(data)
            gathered += len(data)
            if gathered >= FLUSH_BYTES:
                client.flush()
                gathered = 0
                if client.congested:
                    yield client.drained


def raising(error: BaseException) -> Outcome:
    def outcome() -> Any:
        raise error

    return outcome
