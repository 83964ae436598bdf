"""Every error a client can see: one class per SQLSTATE, as PostgreSQL numbers them.

    DatabaseError                        the root; never raised itself
      class 08  connection               ProtocolViolation
      class 0A  feature                  FeatureNotSupported
      class 21, 22  data                 CardinalityViolation, DataException and its kin
      class 23  integrity                NotNullViolation, UniqueViolation, CheckViolation, ...
      class 25, 40  transaction          FailedTransaction, SerializationFailure, ...
      class 26, 34, 3D, 3F  names        UndefinedPreparedStatement, UndefinedPortal, ...
      class 28  authorization            InvalidPassword, InvalidAuthorization
      class 42  statement                SyntaxError, UndefinedColumn, UndefinedTable, ...
      class 53, 54, 55, 57, 58  limits   DiskFull, ProgramLimitExceeded, QueryCanceled, ...
      class XX  damage                   DataCorrupted, InternalError

A message is lower-case without a full stop and names things in double quotes; detail and hint are full
sentences. Source: PostgreSQL, appendix A and src/backend/utils/errcodes.txt.
"""

from __future__ import annotations


class DatabaseError(Exception):
    """An error with the fields of ErrorResponse; position is the 1-based character in the statement."""

    sqlstate = "XX000"
    severity = "ERROR"

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
        where: str | None = None,
        internal: tuple[str, int] | None = None,
        **names: str,
    ) -> None:
        """`names` may hold schema, table, column, datatype and constraint. internal: a text inside the
        statement that is at fault, and the 1-based character in it."""
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        self.where = where
        self.internal = internal
        self.names = names


class FatalError(DatabaseError):
    """An error after which the connection is closed; `sqlstate` is given by the subclass or caller."""

    severity = "FATAL"

    def __init__(self, message: str, *, sqlstate: str, **fields: str | None) -> None:
        super().__init__(message, **fields)  # type: ignore[arg-type]
        self.sqlstate = sqlstate


class ProtocolViolation(DatabaseError):
    """A message that the protocol does not allow."""

    sqlstate = "08P01"


class FeatureNotSupported(DatabaseError):
    """PostgreSQL knows it, sqlvec does not (yet)."""

    sqlstate = "0A000"


class CardinalityViolation(DatabaseError):
    """More rows than the place allows."""

    sqlstate = "21000"


class DataException(DatabaseError):
    """A value that cannot be used so."""

    sqlstate = "22000"


class StringDataRightTruncation(DatabaseError):
    """A string too long for its type."""

    sqlstate = "22001"


class NumericValueOutOfRange(DatabaseError):
    """A number outside its type's range."""

    sqlstate = "22003"


class NullValueNotAllowed(DatabaseError):
    """A null where none may be."""

    sqlstate = "22004"


class InvalidDatetimeFormat(DatabaseError):
    """Text that is no date or time."""

    sqlstate = "22007"


class DatetimeFieldOverflow(DatabaseError):
    """A date or time outside its range."""

    sqlstate = "22008"


class DivisionByZero(DatabaseError):
    """Division by zero."""

    sqlstate = "22012"


class InvalidSqlJsonSubscript(DatabaseError):
    """A subscript of a jsonpath that is no number or out of bounds."""

    sqlstate = "22033"


class NonNumericSqlJsonItem(DatabaseError):
    """A jsonpath method of numbers, over something else."""

    sqlstate = "22036"


class SingletonSqlJsonItemRequired(DatabaseError):
    """Several items of a jsonpath where one is wanted, or none."""

    sqlstate = "22038"


class SqlJsonArrayNotFound(DatabaseError):
    """A jsonpath's accessor of arrays, over something else."""

    sqlstate = "22039"


class SqlJsonMemberNotFound(DatabaseError):
    """A member that a jsonpath names and an object lacks."""

    sqlstate = "2203A"


class SqlJsonNumberNotFound(DatabaseError):
    """A sign in a jsonpath before what is no number."""

    sqlstate = "2203B"


class SqlJsonObjectNotFound(DatabaseError):
    """A jsonpath's accessor of objects, over something else."""

    sqlstate = "2203C"


class InvalidPrecedingOrFollowingSize(DatabaseError):
    """A window's frame that begins or ends less than nothing away."""

    sqlstate = "22013"


class ZeroLengthCharacterString(DatabaseError):
    """Empty text where none may be."""

    sqlstate = "2200F"


class ArraySubscriptError(DatabaseError):
    """An array of the wrong size or shape."""

    sqlstate = "2202E"


class InvalidTablesampleArgument(DatabaseError):
    """What TABLESAMPLE is to draw."""

    sqlstate = "2202H"


class InvalidParameterValue(DatabaseError):
    """An option or argument outside its domain."""

    sqlstate = "22023"


class InvalidTextRepresentation(DatabaseError):
    """Text that is no value of the type."""

    sqlstate = "22P02"


class InvalidBinaryRepresentation(DatabaseError):
    """Bytes that are no value of the type."""

    sqlstate = "22P03"


class BadCopyFileFormat(DatabaseError):
    """COPY data that cannot be read."""

    sqlstate = "22P04"


class UntranslatableCharacter(DatabaseError):
    """A character that one of two encodings does not have, or an escape that text cannot hold."""

    sqlstate = "22P05"

    @classmethod
    def of(cls, raw: bytes, source: str, target: str) -> UntranslatableCharacter:
        return cls(
            f'character with byte sequence {_shown_bytes(raw)} in encoding "{source}" has no equivalent '
            f'in encoding "{target}"'
        )


class CharacterNotInRepertoire(DatabaseError):
    """Bytes that are no text, or hold NUL."""

    sqlstate = "22021"

    @classmethod
    def at(cls, raw: bytes, start: int) -> CharacterNotInRepertoire:
        """Shows the bytes that the first one says belong together, as far as there are any."""
        first = raw[start]
        size = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0) if first < 0xF8 else 1
        return cls.of(raw[start : start + size], "UTF8")

    @classmethod
    def of(cls, raw: bytes, encoding: str) -> CharacterNotInRepertoire:
        return cls(f'invalid byte sequence for encoding "{encoding}": {_shown_bytes(raw)}')


class InvalidEscapeSequence(DatabaseError):
    """A pattern with a broken escape."""

    sqlstate = "22025"


class SequenceLimitExceeded(DatabaseError):
    """A sequence that has no further value."""

    sqlstate = "2200H"


class InvalidRowCountInLimit(DatabaseError):
    """A negative LIMIT."""

    sqlstate = "2201W"


class InvalidRowCountInOffset(DatabaseError):
    """A negative OFFSET."""

    sqlstate = "2201X"


class IntegrityConstraintViolation(DatabaseError):
    """A constraint does not hold."""

    sqlstate = "23000"


class NotNullViolation(DatabaseError):
    """A null in a NOT NULL column."""

    sqlstate = "23502"


class ForeignKeyViolation(DatabaseError):
    """A reference to a row that is not there."""

    sqlstate = "23503"


class UniqueViolation(DatabaseError):
    """A key that is there already."""

    sqlstate = "23505"


class ViewCheckViolation(DatabaseError):
    """A row that the view's check option forbids."""

    sqlstate = "44000"


class CheckViolation(DatabaseError):
    """A row that its CHECK forbids."""

    sqlstate = "23514"


class ActiveTransaction(DatabaseError):
    """Not inside a transaction block."""

    sqlstate = "25001"


class ReadOnlyTransaction(DatabaseError):
    """A write in a read-only transaction."""

    sqlstate = "25006"


class NoActiveTransaction(DatabaseError):
    """Only inside a transaction block."""

    sqlstate = "25P01"


class FailedTransaction(DatabaseError):
    """The transaction block failed before; only its end is accepted."""

    sqlstate = "25P02"


class UndefinedPreparedStatement(DatabaseError):
    """No prepared statement of that name."""

    sqlstate = "26000"


class InvalidAuthorization(DatabaseError):
    """The role may not connect."""

    sqlstate = "28000"


class InvalidPassword(DatabaseError):
    """The password is wrong."""

    sqlstate = "28P01"


class DependentObjectsStillExist(DatabaseError):
    """Others depend on what is to be dropped."""

    sqlstate = "2BP01"


class InvalidCursorName(DatabaseError):
    """No portal of that name."""

    sqlstate = "34000"


class UndefinedDatabase(DatabaseError):
    """No database of that name."""

    sqlstate = "3D000"


class InvalidGrantOperation(DatabaseError):
    """A privilege that cannot be given so."""

    sqlstate = "0LP01"


class InvalidSchemaName(DatabaseError):
    """No schema of that name."""

    sqlstate = "3F000"


class SavepointException(DatabaseError):
    """No savepoint of that name."""

    sqlstate = "3B001"


class SerializationFailure(DatabaseError):
    """Another transaction changed the same row; try again."""

    sqlstate = "40001"


class DeadlockDetected(DatabaseError):
    """Transactions wait for each other."""

    sqlstate = "40P01"


class SyntaxError(DatabaseError):
    """The statement is not in the grammar."""

    sqlstate = "42601"


class InsufficientPrivilege(DatabaseError):
    """The role may not do that."""

    sqlstate = "42501"


class CannotCoerce(DatabaseError):
    """No cast between the two types."""

    sqlstate = "42846"


class GroupingError(DatabaseError):
    """A column neither grouped nor aggregated, or a misplaced aggregate."""

    sqlstate = "42803"


class WindowingError(DatabaseError):
    """A misplaced window function."""

    sqlstate = "42P20"


class InvalidRecursion(DatabaseError):
    """A recursive query of a form that cannot be run."""

    sqlstate = "42P19"


class InvalidColumnReference(DatabaseError):
    """A column number or list that does not fit."""

    sqlstate = "42P10"


class DuplicateColumn(DatabaseError):
    """A column named twice."""

    sqlstate = "42701"


class AmbiguousColumn(DatabaseError):
    """A column name that more than one relation has."""

    sqlstate = "42702"


class UndefinedColumn(DatabaseError):
    """No column of that name."""

    sqlstate = "42703"


class UndefinedObject(DatabaseError):
    """No type, index, setting or other object of that name."""

    sqlstate = "42704"


class DuplicateObject(DatabaseError):
    """An object of that name exists."""

    sqlstate = "42710"


class DuplicateAlias(DatabaseError):
    """A table name given twice."""

    sqlstate = "42712"


class InvalidFunctionDefinition(DatabaseError):
    """A function that cannot be as it is declared."""

    sqlstate = "42P13"


class DuplicateFunction(DatabaseError):
    """A function of that name that takes the same exists."""

    sqlstate = "42723"


class AmbiguousFunction(DatabaseError):
    """More than one function fits the arguments."""

    sqlstate = "42725"


class UndefinedFunction(DatabaseError):
    """No function or operator takes these arguments."""

    sqlstate = "42883"


class DuplicateDatabase(DatabaseError):
    """A database of that name exists."""

    sqlstate = "42P04"


class DuplicatePreparedStatement(DatabaseError):
    """A prepared statement of that name exists."""

    sqlstate = "42P05"


class DuplicateSchema(DatabaseError):
    """A schema of that name exists."""

    sqlstate = "42P06"


class DuplicateTable(DatabaseError):
    """A relation of that name exists."""

    sqlstate = "42P07"


class DuplicatePortal(DatabaseError):
    """A portal of that name exists."""

    sqlstate = "42P03"


class UndefinedTable(DatabaseError):
    """No relation of that name."""

    sqlstate = "42P01"


class UndefinedParameter(DatabaseError):
    """No parameter of that number."""

    sqlstate = "42P02"


class AmbiguousParameter(DatabaseError):
    """A parameter used with two types."""

    sqlstate = "42P08"


class InvalidTableDefinition(DatabaseError):
    """A table that cannot be defined so."""

    sqlstate = "42P16"


class InvalidColumnDefinition(DatabaseError):
    """A column that cannot be defined so."""

    sqlstate = "42611"


class InvalidObjectDefinition(DatabaseError):
    """An object that cannot be defined so."""

    sqlstate = "42P17"


class InvalidForeignKey(DatabaseError):
    """A foreign key that no key answers."""

    sqlstate = "42830"


class IndeterminateDatatype(DatabaseError):
    """A parameter whose type cannot be found."""

    sqlstate = "42P18"


class WrongObjectType(DatabaseError):
    """The object is of another kind."""

    sqlstate = "42809"


class DatatypeMismatch(DatabaseError):
    """An expression of the wrong type."""

    sqlstate = "42804"


class InvalidName(DatabaseError):
    """A name that cannot be one."""

    sqlstate = "42602"


class ReservedName(DatabaseError):
    """A name kept for the system."""

    sqlstate = "42939"


class CollationMismatch(DatabaseError):
    """Collations that do not fit."""

    sqlstate = "42P21"


class DiskFull(DatabaseError):
    """No space is left on the device."""

    sqlstate = "53100"


class OutOfMemory(DatabaseError):
    """The statement may use no more memory."""

    sqlstate = "53200"


class TooManyConnections(DatabaseError):
    """No connection is free."""

    sqlstate = "53300"
    severity = "FATAL"


class ConfigurationLimitExceeded(DatabaseError):
    """A limit that a setting sets is reached."""

    sqlstate = "53400"


class ProgramLimitExceeded(DatabaseError):
    """A limit of the program."""

    sqlstate = "54000"


class StatementTooComplex(DatabaseError):
    """A statement nested too deep."""

    sqlstate = "54001"


class TooManyColumns(DatabaseError):
    """More columns than a table may have."""

    sqlstate = "54011"


class TooManyArguments(DatabaseError):
    """More arguments or parameters than allowed."""

    sqlstate = "54023"


class ObjectNotInState(DatabaseError):
    """The object is not in a state for that."""

    sqlstate = "55000"


class ObjectInUse(DatabaseError):
    """The object is in use."""

    sqlstate = "55006"


class CannotChangeParameter(DatabaseError):
    """The setting cannot be changed now."""

    sqlstate = "55P02"


class LockNotAvailable(DatabaseError):
    """The lock was not to be had in time."""

    sqlstate = "55P03"


class SnapshotTooOld(DatabaseError):
    """Row versions of that time are not kept any more."""

    sqlstate = "72000"


class QueryCanceled(DatabaseError):
    """Cancelled by the client or a timeout."""

    sqlstate = "57014"


class AdminShutdown(DatabaseError):
    """The server is going down."""

    sqlstate = "57P01"


class CannotConnectNow(DatabaseError):
    """The server is not ready yet."""

    sqlstate = "57P03"


class IoError(DatabaseError):
    """The file system failed."""

    sqlstate = "58030"


class UndefinedFile(DatabaseError):
    """A file is missing."""

    sqlstate = "58P01"


class ConfigurationError(DatabaseError):
    """A file or option of the server is wrong."""

    sqlstate = "F0000"


class InternalError(DatabaseError):
    """A defect of sqlvec itself."""

    sqlstate = "XX000"


class DataCorrupted(DatabaseError):
    """Bytes on disk are not what was written."""

    sqlstate = "XX001"


def _shown_bytes(raw: bytes) -> str:
    return " ".join(f"0x{byte:02x}" for byte in raw)
