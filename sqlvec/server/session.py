"""One client's session: what each message of the protocol does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlvec.database import Lifted
from sqlvec.errors import (
    DatabaseError,
    DuplicatePortal,
    DuplicatePreparedStatement,
    FatalError,
    FeatureNotSupported,
    InvalidCursorName,
    ObjectNotInState,
    QueryCanceled,
    SyntaxError,
    UndefinedPreparedStatement,
)
from sqlvec.exec.cursor import Cursor
from sqlvec.exec.evaluate import try_divisions
from sqlvec.pgwire import backend
from sqlvec.pgwire.frontend import (
    read_bind,
    read_execute,
    read_nothing,
    read_parse,
    read_query,
    read_target,
)
from sqlvec.pgwire.states import Event
from sqlvec.server.answering import FLUSH_BYTES, Answering, Outcome, RowsEncoder, Steps, raising
from sqlvec.server.copy_exchange import CopyExchange
from sqlvec.server.statement import (
    Portal,
    Statement,
    misfit,
    row_description,
    row_encoder,
    spread,
)
from sqlvec.storage.locks import LockWait
from sqlvec.types.shaped_array import public_oid

if TYPE_CHECKING:
    from sqlvec.database import Prepared
    from sqlvec.exec.arrow_rows import BatchEncoder
    from sqlvec.exec.result import Result
    from sqlvec.sql.bound import OutputColumn
    from sqlvec.sql.parse import ParsedStatement
    from sqlvec.types import SqlType


class Session(Answering):
    """The actions that pgwire.states names."""

    # ---------------------------------------------------------------- simple query

    def _query(self, body: bytes) -> None:
        text = read_query(body)
        self.portals.pop("", None)
        self.statements.pop("", None)
        lifted = self.connection.lifted(text)
        if lifted is not None:
            self._begin(self._answer([lifted]))
            return
        statements = self.connection.parse(text)
        if not statements:
            self.client.write(backend.EMPTY_QUERY)
            self._ready()
            return
        self._begin(self._answer(statements))

    def _answer(self, statements: Sequence[ParsedStatement | Lifted]) -> Steps:
        """The statements of one message: one transaction, unless they say otherwise."""
        connection = self.connection
        for left in range(len(statements) - 1, -1, -1):
            connection.block.grouped = len(statements) > 1
            statement = statements[-1 - left]
            if isinstance(statement, Lifted):
                prepared, values = statement
            else:
                prepared, values = connection.prepare(statement), []
            result: Result = yield from self._run(prepared, values, described=False)
            self._notices()
            yield from self._send_result(result, prepared.inline)
            if prepared.ends_transaction:
                self.portals.clear()
            if not left:
                yield from self._end_group()
            self._end_statement()
            self._notices()
            self.client.write(backend.command_complete(result.tag()))
        self._ready()

    def _send_result(self, result: Result, inline: bool) -> Steps:
        """All but the CommandComplete of a simple query, or of COPY in the extended protocol."""
        if result.copy_in is not None:
            yield from self._copy_in(result)
        elif result.copy_out is not None:
            copy_out = result.copy_out
            self.client.write(
                backend.copy_response(
                    b"H", binary=copy_out.binary, column_count=copy_out.column_count
                )
            )
            chunks = (backend.copy_data(rows) for rows in copy_out.chunks())
            yield from self._send(chunks, None, inline=inline)
            self.client.write(backend.COPY_DONE)
            result.command = copy_out.tag()
        elif result.columns is not None:
            formats = (0,) * len(result.columns)
            plain = row_encoder(result.columns, formats, self.connection.settings.zone)
            encoder = self._speaking(plain, result.columns, formats)
            self.client.write(row_description(result.columns, formats))
            yield from self._send(result.batches(), encoder, inline=inline)

    def _encoder(self, portal: Portal, columns: tuple[OutputColumn, ...]) -> RowsEncoder:
        formats = portal.formats
        plain = portal.statement.encoder(columns, formats, self.connection.settings.zone)
        return self._speaking(plain, columns, formats)

    def _speaking(
        self, plain: BatchEncoder, columns: Sequence[OutputColumn], formats: tuple[int, ...]
    ) -> RowsEncoder:
        """The encoder, for the client's encoding."""
        if self.recoding is None:
            return plain
        return self.recoding.rows(plain, [c.type for c in columns], spread(formats, len(columns)))

    def _parameter_types(self, statement: str) -> Sequence[SqlType]:
        found = self.statements.get(statement)
        prepared = found.prepared if found else self.connection.statements.get(statement)
        return prepared.parameter_types if prepared else ()

    # ---------------------------------------------------------------- COPY FROM STDIN

    def _copy_in(self, result: Result) -> Steps:
        copy_in = result.copy_in
        assert copy_in is not None
        self.client.write(
            backend.copy_response(b"G", binary=copy_in.binary, column_count=copy_in.column_count)
        )
        self.client.flush()
        self.copy = CopyExchange(copy_in, self._kind)
        self._enter(Event.COPY_STARTED)
        try:
            result.command = yield self._await_copy
        except LockWait as wait:
            yield self.client.lock(self.connection, wait.request)
            result.command = yield from self._granted(copy_in.finish, inline=True)

    def _await_copy(self, resume: Callable[[Outcome], None]) -> None:
        """The data are messages: they are not to queue."""
        assert self.copy is not None
        self.copy.resume = resume
        self.busy = False

    def _copy_data(self, body: bytes) -> None:
        assert self.copy is not None
        try:
            self.copy.copy_in.feed(body)
        except LockWait as wait:
            self.busy = True  # further messages queue
            self.client.lock(self.connection, wait.request)(self._resume_copy)
        except Exception as error:
            self._copy_ended(raising(error))

    def _resume_copy(self, outcome: Outcome) -> None:
        self.busy = False
        if self.client.closed:
            self.close()
            return
        try:
            outcome()
        except DatabaseError as error:
            self._copy_ended(raising(error))
        else:
            self._copy_data(b"")
        self._handle_queued()

    def _copy_done(self, body: bytes) -> None:
        assert self.copy is not None
        self._copy_ended(self.copy.copy_in.finish)

    def _copy_fail(self, body: bytes) -> None:
        assert self.copy is not None
        reason = body.partition(b"\0")[0].decode(errors="replace")
        where = self.copy.copy_in.where()
        self._copy_ended(
            raising(QueryCanceled(f"COPY from stdin failed: {reason}", where=where))
        )

    def _copy_interrupted(self, body: bytes) -> None:
        assert self.copy is not None
        self._copy_ended(raising(self.copy.interrupted_by(self._kind)))

    # ---------------------------------------------------------------- extended protocol

    def _parse(self, body: bytes) -> None:
        name, text, oids = read_parse(body)
        connection = self.connection
        if name and name in connection.statements:
            raise DuplicatePreparedStatement(f'prepared statement "{name}" already exists')
        statements = connection.parse(text)
        if len(statements) > 1:
            raise SyntaxError("cannot insert multiple commands into a prepared statement")
        prepared = None
        if statements:
            connection.block.check_usable(statements[0])
            prepared = connection.prepare(statements[0], oids)
        self.statements[name] = Statement(prepared)
        if name:
            connection.statements[name] = prepared
        self._notices()
        self.client.write(backend.PARSE_COMPLETE)

    def _statement(self, name: str) -> Statement:
        """The protocol's statements and those of PREPARE are the same."""
        statement = self.statements.get(name)
        if not name:
            if statement is None:
                raise UndefinedPreparedStatement("unnamed prepared statement does not exist")
            return statement
        named = self.connection.statements
        if name not in named:
            raise UndefinedPreparedStatement(f'prepared statement "{name}" does not exist')
        if statement is None or statement.prepared is not named[name]:
            statement = self.statements[name] = Statement(named[name])
        return statement

    def _bind(self, body: bytes) -> None:
        name, statement_name, formats, values, results = read_bind(body)
        statement = self._statement(statement_name)
        prepared, connection = statement.prepared, self.connection
        if name and (name in self.portals or name in connection.cursors):
            self._check_free(name)
        if connection.block.failed and prepared is not None:
            connection.block.check_usable(prepared.parsed)
        if prepared is not None and prepared.catalog is not connection.block.catalog():
            statement = self._replan(statement_name, prepared)  # types may have new labels
        binding = statement.binding(
            statement_name, formats, len(values), results, connection.settings.zone
        )
        try:
            parameters = [
                None if value is None else decode(value)
                for decode, value in zip(binding.decoders, values, strict=True)
            ]
        except DatabaseError as error:
            raise misfit(error, binding, values, name) from error
        if prepared is not None and prepared.divisions:
            try_divisions(prepared.divisions, parameters)
        portal = self.portals[name] = Portal(statement, parameters, binding.results)
        if name:
            self._open_cursor(portal)
            if portal.cursor is not None:
                connection.cursors[name] = portal.cursor
        self.client.write(backend.BIND_COMPLETE)

    def _replan(self, name: str, prepared: Prepared) -> Statement:
        """The statement for the catalog as it is now; 0A000 if its rows are others than were described."""
        fresh = self.connection.replanned(prepared)
        statement = self.statements[name] = Statement(fresh)
        if name:
            self.connection.statements[name] = fresh
        return statement

    def _check_free(self, name: str) -> None:
        portal = self.portals.get(name)
        closed = portal is not None and portal.cursor is not None
        if name in self.connection.cursors or not closed:
            raise DuplicatePortal(f'cursor "{name}" already exists')

    def _describe(self, body: bytes) -> None:
        kind, name = read_target(body, "DESCRIBE")
        if kind == "S":
            statement = self._statement(name)
            prepared = statement.prepared
            if prepared is not None and prepared.columns is not None:
                self.connection.block.check_usable(prepared.parsed)
            oids = [public_oid(t.oid) for t in prepared.parameter_types] if prepared else []
            self.client.write(backend.parameter_description(oids))
            width = len(prepared.columns) if prepared and prepared.columns else 0
            self.client.write(statement.description((0,) * width))
            return
        portal = self._portal(name)
        self.client.write(portal.statement.description(portal.formats))

    def _portal(self, name: str) -> Portal:
        """One of the protocol, or a cursor of DECLARE."""
        portal = self.portals.get(name)
        cursors = self.connection.cursors
        if portal is not None and (
            not name or portal.cursor is None or cursors.get(name) is portal.cursor
        ):
            return portal
        cursor = cursors.get(name)
        if cursor is None:
            raise InvalidCursorName(f'portal "{name}" does not exist')
        formats = spread((), len(cursor.columns))
        portal = self.portals[name] = Portal(Statement(cursor.prepared), (), formats, cursor)
        return portal

    def _execute(self, body: bytes) -> None:
        name, limit = read_execute(body)
        portal = self._portal(name)
        prepared, connection = portal.statement.prepared, self.connection
        if prepared is None:
            self.client.write(backend.EMPTY_QUERY)
            return
        if portal.cursor is not None or limit:
            self._begin(self._execute_some(name, portal, limit))
            return
        if portal.finished:
            self._finished_again(name, prepared)
            return
        if not prepared.inline:
            self._begin(self._execute_all(portal, None))
            return
        connection.begin_statement()
        try:
            result = connection.execute(prepared, portal.parameters)
        except LockWait as wait:
            self._begin(self._execute_locked(portal, wait))
            return
        if result.ticket is not None or result.columns is None:
            self._begin(self._execute_all(portal, result))
            return
        client, encoder = self.client, self._encoder(portal, result.columns)
        batches = result.batches()
        for batch in batches:
            if batch:
                client.write(data := encoder.encode(batch))
                if len(data) >= FLUSH_BYTES:
                    self._begin(self._execute_rest(portal, result, batches, encoder))
                    return
        self._complete(portal, result)

    def _complete(self, portal: Portal, result: Result) -> None:
        portal.finished = True
        if self.connection.has_notices:
            self._notices()
        self.client.write(backend.command_complete(result.tag()))

    def _execute_rest(
        self, portal: Portal, result: Result, batches: Iterator[Any], encoder: RowsEncoder
    ) -> Steps:
        self.client.flush()
        if self.client.congested:
            yield self.client.drained
        yield from self._send(batches, encoder, inline=True)
        self._end_statement()
        self._complete(portal, result)

    def _execute_all(self, portal: Portal, result: Result | None) -> Steps:
        """A portal's statement in one go; it may have been run, but its commit is not durable yet."""
        prepared = portal.statement.prepared
        assert prepared is not None
        if result is None:
            result = yield from self._run(prepared, portal.parameters, described=True)
        elif result.ticket is not None:
            yield self.client.durable(self.connection, result.ticket)
        self._notices()
        if result.columns is None:
            yield from self._send_result(result, prepared.inline)
        else:
            encoder = self._encoder(portal, result.columns)
            yield from self._send(result.batches(), encoder, inline=prepared.inline)
        if prepared.ends_transaction:
            self.portals.clear()
        self._end_statement()
        self._complete(portal, result)

    def _execute_locked(self, portal: Portal, wait: LockWait) -> Steps:
        yield self.client.lock(self.connection, wait.request)
        yield from self._execute_all(portal, None)

    def _finished_again(self, name: str, prepared: Prepared) -> None:
        """A portal whose rows have all been given has none left; one without rows runs once."""
        if prepared.columns is None:
            raise ObjectNotInState(f'portal "{name}" cannot be run')
        self.client.write(backend.command_complete("SELECT 0"))

    def _open_cursor(self, portal: Portal) -> None:
        prepared, connection = portal.statement.prepared, self.connection
        if prepared is not None and prepared.columns is not None:
            portal.cursor = Cursor(
                prepared.columns,
                lambda: connection.execute(prepared, portal.parameters, kept=True),
                scroll=False,
                prepared=prepared,
            )

    def _execute_some(self, name: str, portal: Portal, limit: int) -> Steps:
        """Rows up to the limit, then CommandComplete or PortalSuspended."""
        prepared, connection = portal.statement.prepared, self.connection
        assert prepared is not None
        connection.block.check_usable(prepared.parsed)
        if portal.cursor is None:
            if portal.finished:
                self._finished_again(name, prepared)
                return
            self._open_cursor(portal)
        cursor = portal.cursor
        if cursor is None:
            yield from self._execute_all(portal, None)
            return
        connection.begin_statement()
        yield from self._granted(cursor.open, inline=prepared.inline)
        before = cursor.row_count
        encoder = self._encoder(portal, cursor.columns)
        batches = cursor.fetch("forward", limit or None)
        yield from self._send(batches, encoder, inline=prepared.inline)
        result, sent = cursor.result, cursor.row_count - before
        assert result is not None
        self._end_statement()
        self._notices()
        if limit and sent == limit:
            self.client.write(backend.PORTAL_SUSPENDED)
            return
        result.row_count = sent
        self.client.write(backend.command_complete(result.tag()))

    def _close(self, body: bytes) -> None:
        kind, name = read_target(body, "CLOSE")
        if kind == "S":
            self.statements.pop(name, None)
            self.connection.statements.pop(name, None)
        else:
            self.portals.pop(name, None)
            cursor = self.connection.cursors.pop(name, None)
            if cursor is not None:
                cursor.close()
        self.client.write(backend.CLOSE_COMPLETE)

    def _flush(self, body: bytes) -> None:
        read_nothing(body)
        self.client.flush()

    def _sync(self, body: bytes) -> None:
        self._enter(Event.SYNC)
        read_nothing(body)
        connection = self.connection
        try:
            ticket = connection.end_group()
        except LockWait as wait:
            self._begin(self._synced(self._end_group(wait)))
            return
        if not connection.block.explicit:
            self.portals.clear()
        if ticket is not None:
            self._begin(self._synced(self._durable(ticket)))
            return
        if connection.has_notices:
            self._notices()
        self._ready()

    def _end_group(self, met: LockWait | None = None) -> Steps:
        """Commits an implicit transaction; met: what its checks must wait for first."""
        if met is not None:
            yield self.client.lock(self.connection, met.request)
        ticket = yield from self._granted(self.connection.end_group, inline=True)
        if ticket is not None:
            yield self.client.durable(self.connection, ticket)

    def _durable(self, ticket: Any) -> Steps:
        yield self.client.durable(self.connection, ticket)

    def _synced(self, committed: Steps) -> Steps:
        yield from committed
        if not self.connection.block.explicit:
            self.portals.clear()
        self._end_statement()
        self._notices()
        self._ready()

    # ---------------------------------------------------------------- other messages

    def _function_call(self, body: bytes) -> None:
        raise FeatureNotSupported("the function call protocol is not supported")

    def _terminate(self, body: bytes) -> None:
        self.client.close()

    def _ignore(self, body: bytes) -> None:
        """What comes after an error, or with data that nobody waits for."""

    def _unexpected(self, body: bytes) -> None:
        raise FatalError(f"invalid frontend message type {self._kind}", sqlstate="08P01")

