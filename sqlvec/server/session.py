"""One client's session: messages in, answers out, one statement at a time.

Short statements run at once, on the loop; long ones, COPY and commits suspend the session: messages that
come meanwhile wait. An error is answered, and the connection lives; in the extended protocol everything up
to Sync is then discarded (I10).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlvec import types
from sqlvec.errors import (
    DatabaseError,
    DuplicatePortal,
    DuplicatePreparedStatement,
    FeatureNotSupported,
    InternalError,
    InvalidCursorName,
    ObjectNotInState,
    ProtocolViolation,
    QueryCanceled,
    UndefinedPreparedStatement,
)
from sqlvec.pgwire import backend
from sqlvec.pgwire.frontend import (
    Message,
    read_bind,
    read_execute,
    read_parse,
    read_query,
    read_target,
)
from sqlvec.types import RowEncoder

if TYPE_CHECKING:
    from sqlvec.database import Connection, Prepared
    from sqlvec.exec.result import Result
    from sqlvec.server.connection import ClientConnection

log = logging.getLogger("sqlvec.session")
_SYNC, _TERMINATE, _COPY_DATA, _COPY_DONE, _COPY_FAIL = b"SXdcf"
_QUERY = ord("Q")
COPY_CHUNK = 1 << 16


@dataclass(slots=True)
class Statement:
    """A prepared statement of the protocol; prepared None is the empty query."""

    prepared: Prepared | None
    text: str
    oids: tuple[int, ...]
    descriptions: dict[tuple[int, ...], bytes] = field(default_factory=dict)
    encoders: dict[tuple[int, ...], RowEncoder] = field(default_factory=dict)
    bindings: dict[Any, Binding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Binding:
    """What the format codes of a Bind message mean for one statement."""

    decoders: tuple[Callable[[Any], Any], ...]
    results: tuple[int, ...]


@dataclass(slots=True)
class Portal:
    statement: Statement
    parameters: list[Any]
    formats: tuple[int, ...]
    result: Result | None = None
    batches: Iterator[Any] | None = None
    rest: list[list[Any]] | None = None
    finished: bool = False
    sent: int = 0


class Session:
    """The protocol over a Connection; writes through the client."""

    def __init__(self, connection: Connection, client: ClientConnection) -> None:
        self.connection = connection
        self.client = client
        self.queue: deque[Message] = deque()
        self.busy = False
        self.discarding = False
        self.copying: Any = None
        self.copy_failed = False
        self.copy_resume: Callable[[str], None] | None = None
        self.statements: dict[str, Statement] = {}
        self.portals: dict[str, Portal] = {}
        self.handlers: dict[int, Callable[[bytes], None]] = {
            ord("Q"): self._query,
            ord("P"): self._parse,
            ord("B"): self._bind,
            ord("D"): self._describe,
            ord("E"): self._execute,
            ord("C"): self._close,
            ord("H"): self._flush,
            ord("S"): self._sync,
            ord("F"): self._function_call,
            ord("d"): self._stray_copy,
            ord("c"): self._stray_copy,
            ord("f"): self._stray_copy,
            ord("p"): self._stray_password,
        }

    # ---------------------------------------------------------------- the loop

    def receive(self, message: Message) -> None:
        """Handles a message now, or when what runs has ended."""
        if self.busy:
            self.queue.append(message)
        else:
            self._handle(message)

    def resume(self) -> None:
        """What ran has ended: handles what waited."""
        self.busy = False
        while self.queue and not self.busy:
            self._handle(self.queue.popleft())
        self.client.flush()

    def _handle(self, message: Message) -> None:
        if message.kind == _TERMINATE:
            self.client.close()
            return
        if self.copying is not None or self.copy_failed:
            self._copy_message(message)
            return
        if self.discarding and message.kind != _SYNC:
            return
        try:
            self.handlers[message.kind](message.body)
        except Exception as error:
            self._caught(error, message.kind != _QUERY)

    def guard(self, action: Callable[[], None], extended: bool) -> None:
        """Runs a handler; any error becomes an ErrorResponse. One of the borders where all are caught."""
        try:
            action()
        except Exception as error:
            self._caught(error, extended)

    def _caught(self, error: Exception, extended: bool) -> None:
        if not isinstance(error, DatabaseError):
            log.error("statement failed", exc_info=error)
            error = InternalError(f"internal error: {type(error).__name__}: {error}")
        self._fail(error, extended)

    def _fail(self, error: DatabaseError, extended: bool) -> None:
        self.copying = None
        self.connection.abort_group()
        self._notices()
        self.client.write(backend.error(error))
        self.portals.clear()
        if extended:
            self.discarding = True
        else:
            self._ready()

    def _ready(self) -> None:
        self._changes()
        self.client.write(backend.ready(self.connection.status))

    def _changes(self) -> None:
        for name, value in self.connection.take_parameter_changes():
            self.client.write(backend.parameter_status(name, value))

    def _notices(self) -> None:
        for notice in self.connection.take_notices():
            self.client.write(
                backend.notice(
                    notice.severity, notice.sqlstate, notice.message, notice.detail, notice.hint
                )
            )

    # ---------------------------------------------------------------- running

    def _run(
        self, prepared: Prepared, parameters: list[Any], then: Callable[[Result], None], extended: bool
    ) -> None:
        """Executes; `then` gets the result, at once or after the session was suspended."""
        connection = self.connection
        if prepared.inline:
            self._executed(connection.execute(prepared, parameters), then, extended)
            return
        self.busy = True
        self.client.in_thread(
            lambda: connection.execute(prepared, parameters),
            lambda result: self._executed(result, then, extended),
            self.resume,
            extended,
        )

    def _executed(self, result: Result, then: Callable[[Result], None], extended: bool) -> None:
        if result.ticket is None:
            then(result)
        else:
            self._await_commit(result.ticket, lambda: then(result), extended)

    def _await_commit(self, ticket: Any, then: Callable[[], None], extended: bool) -> None:
        """Goes on once the commit is durable."""
        self.busy = True

        def done(failure: BaseException | None) -> None:
            if failure is None:
                self.guard(then, extended)
            elif isinstance(failure, DatabaseError):
                self._fail(failure, extended)
            else:
                self._fail(InternalError(f"commit failed: {failure}"), extended)
            if not self.client.streaming:
                self.resume()

        self.client.committer(self.connection).wait(ticket, done)

    # ---------------------------------------------------------------- simple query

    def _query(self, body: bytes) -> None:
        text = read_query(body)
        self.portals.pop("", None)
        self.statements.pop("", None)
        statements = self.connection.parse(text)
        if not statements:
            self.client.write(backend.EMPTY_QUERY)
            self._ready()
            return
        self._next_statement(statements, 0)

    def _next_statement(self, statements: list[Any], index: int) -> None:
        last = index == len(statements) - 1
        prepared = self.connection.prepare(statements[index])
        values = list(prepared.values or ())

        def then(result: Result) -> None:
            self._notices()
            self._simple_result(result, lambda: complete(result))

        def complete(result: Result) -> None:
            tag = result.tag()
            ticket = self.connection.end_group() if last else None
            if ticket is None:
                finish(tag)
            else:
                self._await_commit(ticket, lambda: finish(tag), False)

        def finish(tag: str) -> None:
            self._notices()
            self._changes()
            self.client.write(backend.command_complete(tag))
            if last:
                self._ready()
            else:
                self._next_statement(statements, index + 1)

        self._run(prepared, values, then, False)

    def _simple_result(self, result: Result, done: Callable[[], None]) -> None:
        if result.copy_in is not None:
            self._start_copy_in(result, done)
            return
        if result.copy_out is not None:
            self._start_copy_out(result, done)
            return
        if result.columns is None:
            done()
            return
        formats = (0,) * len(result.columns)
        self.client.write(_row_description(result.columns, formats))
        encoder = RowEncoder([column.type for column in result.columns], formats)
        self._stream(encoder, result.batches(), done, False)

    def _stream(
        self,
        encoder: RowEncoder | None,
        batches: Iterator[Any],
        done: Callable[[], None],
        extended: bool,
    ) -> None:
        """Sends batches as the client takes them; a slow client holds one. Without an encoder they are
        bytes already."""
        client = self.client
        for batch in batches:
            if batch:
                client.write(batch if encoder is None else encoder.encode(batch))
            if client.congested:
                self.busy = True
                client.when_drained(
                    lambda: self.guard(
                        lambda: self._stream(encoder, batches, done, extended), extended
                    ),
                    self.resume,
                )
                return
        done()

    # ---------------------------------------------------------------- COPY

    def _start_copy_in(self, result: Result, done: Callable[[], None]) -> None:
        copy_in = result.copy_in
        assert copy_in is not None
        self.client.write(
            backend.copy_response(b"G", binary=copy_in.binary, column_count=copy_in.column_count)
        )
        self.client.flush()
        self.copying = copy_in

        def resume(tag: str) -> None:
            result.command = tag
            done()

        self.copy_resume = resume

    def _copy_message(self, message: Message) -> None:
        """During COPY FROM: data, its end, or its failure; after an error all is swallowed to the end."""
        extended = self.client.extended_copy
        if self.copy_failed:
            if message.kind in (_COPY_DONE, _COPY_FAIL):
                self.copy_failed = False
            elif message.kind == _SYNC:
                self.copy_failed = False
                self._handle(message)
            elif message.kind == _QUERY:
                self.copy_failed = False
                self._handle(message)
            return
        if message.kind == _COPY_DATA:
            self._guard_copy(lambda: self.copying.feed(message.body), extended)
        elif message.kind == _COPY_DONE:
            copying, self.copying = self.copying, None

            def finish() -> None:
                assert self.copy_resume is not None
                self.copy_resume(copying.finish())

            self.guard(finish, extended)
        elif message.kind == _COPY_FAIL:
            self.copying = None
            reason = message.body.rstrip(b"\0").decode(errors="replace")
            self._fail(QueryCanceled(f"COPY from stdin failed: {reason}"), extended)
        elif message.kind not in b"HS":
            self.copying = None
            self._fail(
                ProtocolViolation(
                    f"unexpected message type 0x{message.kind:02X} during COPY from stdin"
                ),
                extended,
            )

    def _guard_copy(self, action: Callable[[], None], extended: bool) -> None:
        copying = self.copying
        self.guard(action, extended)
        if self.copying is None and copying is not None:
            self.copy_failed = True

    def _start_copy_out(self, result: Result, done: Callable[[], None]) -> None:
        copy_out = result.copy_out
        assert copy_out is not None
        self.client.write(
            backend.copy_response(b"H", binary=copy_out.binary, column_count=copy_out.column_count)
        )
        chunks = (backend.copy_data(chunk) for chunk in copy_out.chunks())

        def finish() -> None:
            self.client.write(backend.COPY_DONE)
            result.command = copy_out.tag()
            done()

        self._stream(None, chunks, finish, False)

    # ---------------------------------------------------------------- extended protocol

    def _parse(self, body: bytes) -> None:
        name, text, oids = read_parse(body)
        if name and name in self.statements:
            raise DuplicatePreparedStatement(f'prepared statement "{name}" already exists')
        statements = self.connection.parse(text)
        if len(statements) > 1:
            from sqlvec.errors import SyntaxError

            raise SyntaxError("cannot insert multiple commands into a prepared statement")
        prepared = self.connection.prepare(statements[0], oids) if statements else None
        self.statements[name] = Statement(prepared, text, tuple(oids))
        if name and prepared is not None:
            self.connection.statements[name] = prepared
        self._notices()
        self.client.write(backend.PARSE_COMPLETE)

    def _find(self, name: str) -> Statement:
        statement = self.statements.get(name)
        if statement is not None and (not name or name in self.connection.statements):
            return statement
        if name in self.connection.statements:  # made by PREPARE
            return Statement(self.connection.statements[name], "", ())
        shown = f'prepared statement "{name}"' if name else "unnamed prepared statement"
        raise UndefinedPreparedStatement(f"{shown} does not exist")

    def _bind(self, body: bytes) -> None:
        portal, name, formats, values, results = read_bind(body)
        statement = self._find(name)
        if portal and portal in self.portals:
            raise DuplicatePortal(f'cursor "{portal}" already exists')
        key = (formats, results, len(values))
        binding = statement.bindings.get(key)
        if binding is None:
            binding = _binding(statement.prepared, name, formats, len(values), results)
            statement.bindings[key] = binding
        parameters = [
            None if value is None else decode(value)
            for decode, value in zip(binding.decoders, values, strict=True)
        ]
        self.portals[portal] = Portal(statement, parameters, binding.results)
        self.client.write(backend.BIND_COMPLETE)

    def _describe(self, body: bytes) -> None:
        kind, name = read_target(body)
        if kind == "S":
            statement = self._find(name)
            prepared = statement.prepared
            oids = [t.oid for t in prepared.parameter_types] if prepared else []
            self.client.write(backend.parameter_description(oids))
            width = len(prepared.columns) if prepared and prepared.columns else 0
            self._describe_columns(statement, (0,) * width)
            return
        portal = self._portal(name)
        self._describe_columns(portal.statement, portal.formats)

    def _portal(self, name: str) -> Portal:
        portal = self.portals.get(name)
        if portal is None:
            raise InvalidCursorName(f'portal "{name}" does not exist')
        return portal

    def _describe_columns(self, statement: Statement, formats: tuple[int, ...]) -> None:
        prepared = statement.prepared
        if prepared is None or prepared.columns is None:
            self.client.write(backend.NO_DATA)
            return
        described = statement.descriptions.get(formats)
        if described is None:
            described = _row_description(prepared.columns, formats)
            statement.descriptions[formats] = described
        self.client.write(described)

    def _execute(self, body: bytes) -> None:
        name, limit = read_execute(body)
        portal = self._portal(name)
        prepared = portal.statement.prepared
        if prepared is None:
            self.client.write(backend.EMPTY_QUERY)
            return
        if portal.result is not None:
            if portal.finished and portal.result.columns is None:
                raise ObjectNotInState(f'portal "{name}" cannot be run')
            self._send_rows(portal, limit)
            return

        def then(result: Result) -> None:
            portal.result = result
            self._notices()
            self._extended_result(portal, result, limit)

        self._run(prepared, portal.parameters, then, True)

    def _extended_result(self, portal: Portal, result: Result, limit: int) -> None:
        def done() -> None:
            portal.finished = True
            self._changes()
            self.client.write(backend.command_complete(result.tag()))

        if result.copy_in is not None:
            self.client.extended_copy = True
            self._start_copy_in(result, done)
        elif result.copy_out is not None:
            self._start_copy_out(result, done)
        elif result.columns is None:
            done()
            if prepared_ends(portal.statement.prepared):
                self.portals.clear()
        else:
            portal.batches = result.batches()
            self._send_rows(portal, limit)

    def _encoder(self, portal: Portal) -> RowEncoder:
        statement, result = portal.statement, portal.result
        assert result is not None and result.columns is not None
        formats = portal.formats
        if len(formats) != len(result.columns):
            formats = _spread([], len(result.columns))
        encoder = statement.encoders.get(formats)
        if encoder is None:
            encoder = RowEncoder([column.type for column in result.columns], formats)
            statement.encoders[formats] = encoder
        return encoder

    def _send_rows(self, portal: Portal, limit: int) -> None:
        """Rows up to the limit, then CommandComplete or PortalSuspended."""
        assert portal.batches is not None and portal.result is not None
        encoder = self._encoder(portal)
        if limit == 0:
            if portal.rest:
                portal.batches = chain([portal.rest], portal.batches)
                portal.rest = None
            self._stream(encoder, portal.batches, lambda: self._sent_all(portal), True)
            return
        sent = self._send_some(portal, encoder, limit)
        if sent == limit:
            self.client.write(backend.PORTAL_SUSPENDED)
        else:
            portal.finished = True
            portal.result.row_count = sent
            self.client.write(backend.command_complete(portal.result.tag()))

    def _sent_all(self, portal: Portal) -> None:
        result = portal.result
        assert result is not None
        portal.finished = True
        result.row_count -= portal.sent
        self.client.write(backend.command_complete(result.tag()))
        result.row_count, portal.sent = 0, 0

    def _send_some(self, portal: Portal, encoder: RowEncoder, limit: int) -> int:
        assert portal.batches is not None
        sent = 0
        while sent < limit:
            batch = portal.rest
            portal.rest = None
            if batch is None:
                found = next(portal.batches, None)
                if found is None:
                    break
                batch = [list(column) for column in found]
            count = len(batch[0]) if batch else 0
            take = min(count, limit - sent)
            if take < count:
                portal.rest = [column[take:] for column in batch]
                batch = [column[:take] for column in batch]
            if take:
                self.client.write(encoder.encode(batch))
            sent += take
        portal.sent += sent
        return sent

    def _close(self, body: bytes) -> None:
        kind, name = read_target(body)
        if kind == "S":
            self.statements.pop(name, None)
            self.connection.statements.pop(name, None)
        else:
            self.portals.pop(name, None)
        self.client.write(backend.CLOSE_COMPLETE)

    def _flush(self, body: bytes) -> None:
        self.client.flush()

    def _sync(self, body: bytes) -> None:
        self.discarding = False
        self.copy_failed = False
        self.client.extended_copy = False
        ticket = self.connection.end_group()
        if self.connection.status == b"I":
            self.portals.clear()
        if ticket is None:
            self._notices()
            self._ready()
        else:
            self._await_commit(ticket, self._ready, False)

    def _function_call(self, body: bytes) -> None:
        self._fail(FeatureNotSupported("the function call protocol is not supported"), False)

    def _stray_copy(self, body: bytes) -> None:
        """COPY messages after a failed COPY are ignored, as PostgreSQL does."""

    def _stray_password(self, body: bytes) -> None:
        raise ProtocolViolation("unexpected password message")


def prepared_ends(prepared: Prepared | None) -> bool:
    """Whether the statement ended a transaction, and with it all portals."""
    return prepared is not None and prepared.ends_transaction


def _binding(
    prepared: Prepared | None,
    name: str,
    formats: tuple[int, ...],
    count: int,
    results: tuple[int, ...],
) -> Binding:
    """Checks the counts of a Bind message, and spreads its format codes."""
    wanted = prepared.parameter_types if prepared else ()
    if count != len(wanted):
        raise ProtocolViolation(
            f"bind message supplies {count} parameters, but prepared statement "
            f'"{name}" requires {len(wanted)}'
        )
    if len(formats) not in (0, 1, count):
        raise ProtocolViolation(
            f"bind message has {len(formats)} parameter formats but {count} parameters"
        )
    columns = prepared.columns if prepared else None
    width = len(columns) if columns else 0
    if len(results) not in (0, 1, width) and columns is not None:
        raise ProtocolViolation(
            f"bind message has {len(results)} result formats but query has {width} columns"
        )
    codes = _spread(formats, count)
    decoders = tuple(_decoder(t, code) for t, code in zip(wanted, codes, strict=True))
    return Binding(decoders, _spread(results, width))


def _spread(formats: list[int] | tuple[int, ...], count: int) -> tuple[int, ...]:
    """One format code a column: none means text, one stands for all."""
    if any(code not in (0, 1) for code in formats):
        raise ProtocolViolation(f"unsupported format code: {max(formats)}")
    if len(formats) == 1:
        return (formats[0],) * count
    return tuple(formats) if formats else (0,) * count


def _decoder(sql_type: types.SqlType, code: int) -> Callable[[Any], Any]:
    definition = sql_type.definition
    if code:
        return definition.decode
    parse = definition.parse
    return lambda data: parse(types.TEXT.definition.decode(data))


def _row_description(columns: Any, formats: tuple[int, ...]) -> bytes:
    described = [
        (c.name, c.table_oid, c.attnum, c.type.oid, c.type.definition.length, c.type.typmod)
        for c in columns
    ]
    return backend.row_description(described, formats)
