"""AS OF: rows as they were at a time, of one table of a statement or of all that a session reads.

    SELECT ... FROM docs FOR SYSTEM_TIME AS OF '2026-01-01 10:00' AS d
    SET sqlvec.as_of = '-10 minutes'

A time is a moment, or an interval from the beginning of the statement. Tables are read with the columns that
they have today: those that were added since show their default, those that were dropped are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlvec import types
from sqlvec.catalog.objects import Table
from sqlvec.errors import (
    ActiveTransaction,
    DatabaseError,
    InvalidDatetimeFormat,
    NullValueNotAllowed,
)
from sqlvec.exec.evaluate import constant
from sqlvec.sql import bound
from sqlvec.types.calendar import DAY_US, SECOND_US, days_of, month_length, year_month_day
from sqlvec.types.time_zone import local_offset, utc_offset, zone_named

if TYPE_CHECKING:
    from datetime import tzinfo

    from sqlvec.exec.context import Context
    from sqlvec.exec.relation_locks import RelationLocks
    from sqlvec.settings import SessionSettings
    from sqlvec.storage.store import Store
    from sqlvec.storage.transaction import Past, Transaction

_TEXTS = (types.TEXT.oid, types.VARCHAR.oid)


def past_of(scan: bound.TableScan, context: Context) -> Past:
    """The snapshot that FOR SYSTEM_TIME AS OF asks for."""
    assert scan.as_of is not None
    known = context.pasts
    if known is None:
        known = context.pasts = {}
    found = known.get(scan.as_of)
    if found is None:
        value = constant(scan.as_of, context)
        if value is None:
            raise NullValueNotAllowed("time of FOR SYSTEM_TIME AS OF must not be null")
        time_us = moment(value, scan.as_of.type.oid, context.statement_us, context.settings)
        found = known[scan.as_of] = context.store.past(context.tx, time_us)
    for table in context.catalog.heirs(scan.table.oid) if scan.heirs else (scan.table,):
        context.store.history.check_table(table, found.snapshot_seqno)
    return found


def go_back(tx: Transaction, store: Store, settings: SessionSettings) -> None:
    """Gives a transaction the snapshot that sqlvec.as_of asks for; while it does, nothing may be written."""
    tx.in_past = bool(settings.as_of)
    tx.read_only = tx.in_past or settings.characteristics.read_only
    if not tx.in_past:
        return
    if tx.has_writes:
        raise ActiveTransaction("sqlvec.as_of cannot be set in a transaction that has written")
    tx.make_serializable(False)  # nothing that is committed from now on can be missed
    now_us = store.clock.now_us()
    store.travel(tx, moment(settings.as_of, types.TEXT.oid, now_us, settings))


def check_as_of(text: str, settings: SessionSettings, now_us: int) -> None:
    """Whether it is a value of sqlvec.as_of."""
    if text:
        moment(text, types.TEXT.oid, now_us, settings)


def check_tables(tx: Transaction, store: Store, locks: RelationLocks) -> None:
    """Whether the tables of a statement were there, and can be read, at the transaction's snapshot."""
    for oid, _ in locks:
        relation = tx.catalog.relations.get(oid)
        if isinstance(relation, Table):
            store.history.check_table(relation, tx.snapshot_seqno)


def moment(value: Any, type_oid: int, now_us: int, settings: SessionSettings) -> int:
    """Microseconds since 1970, UTC, of a value of that type."""
    zone = zone_named(settings.show("TimeZone"))
    assert zone is not None
    if type_oid in _TEXTS:
        value, type_oid = read_time(value, now_us, zone)
    if type_oid == types.INTERVAL.oid:
        return _shifted(now_us, value, zone)
    if type_oid == types.DATE.oid:
        value, type_oid = value * DAY_US, types.TIMESTAMP.oid
    if type_oid == types.TIMESTAMP.oid:
        value -= local_offset(zone, value) * SECOND_US
    return int(value)


def read_time(text: str, now_us: int, zone: tzinfo) -> tuple[Any, int]:
    """The datum of a text that is a moment or an interval, and its type."""
    try:
        return types.TIMESTAMPTZ.definition.parse(text, zone=zone, now=lambda: now_us), types.TIMESTAMPTZ.oid  # type: ignore[call-arg]
    except DatabaseError:
        pass
    try:
        return types.INTERVAL.definition.parse(text), types.INTERVAL.oid
    except DatabaseError:
        raise InvalidDatetimeFormat(
            f'invalid time: "{text}"',
            hint="A time is a timestamp, or an interval from now such as -10 minutes.",
        ) from None


def _shifted(now_us: int, interval: tuple[int, int, int], zone: tzinfo) -> int:
    """now and an interval: months and days by the calendar of the zone."""
    months, days, microseconds = interval
    if not months and not days:
        return now_us + microseconds
    local = now_us + utc_offset(zone, now_us) * SECOND_US
    day, rest = divmod(local, DAY_US)
    year, month, day_of_month = year_month_day(day)
    years, month = divmod(month - 1 + months, 12)
    year, month = year + years, month + 1
    day = days_of(year, month, min(day_of_month, month_length(year, month))) + days
    local = day * DAY_US + rest
    return local - local_offset(zone, local) * SECOND_US + microseconds
