"""CREATE, DROP and ALTER TENANT: in every tenant table at once, by its shard and without a look at its rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlvec.catalog.objects import Catalog, Table
from sqlvec.catalog.tenants import CREATION, MANUAL
from sqlvec.errors import (
    DatabaseError,
    DependentObjectsStillExist,
    DuplicateObject,
    ObjectNotInState,
    UndefinedObject,
)
from sqlvec.exec.context import Context, Datum
from sqlvec.exec.prefilter import tenant_key
from sqlvec.exec.result import Result
from sqlvec.storage.locks import Mode
from sqlvec.storage.tenants import tenant_tables

if TYPE_CHECKING:
    from sqlvec.database import Connection
    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store
    from sqlvec.storage.transaction import Transaction


def create_tenant(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    """An empty shard in every tenant table that does not have the tenant yet."""
    tx, store, name = connection.block.statement_transaction(), connection.store, args["name"]
    tables = tenant_tables(tx.catalog)
    if not tables:
        raise ObjectNotInState(
            "no table has tenants",
            hint="Create one with CREATE TABLE ... PARTITION BY TENANT (column).",
        )
    keys = {table.oid: _key(table, name) for table in tables}
    missing = [t.oid for t in tables if keys[t.oid] not in _shards(store, tx, t)]
    if not missing:
        if not args["if_exists"]:
            raise DuplicateObject(f'tenant "{name}" already exists')
        connection.notice("42710", f'tenant "{name}" already exists, skipping')
        return Result()
    for oid in missing:
        shard = store.shard(oid, keys[oid], create=True)
        tx.empty(shard)
        tx.shard_changes = tx.shard_changes.create(shard.shard_id)
    return Result()


def drop_tenant(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    """Waits for the transactions that use its tables, as dropping a partition does."""
    tx, name = connection.block.statement_transaction(), args["name"]
    found = _find(connection.store, tx, name)
    if not found:
        if not args["if_exists"]:
            raise UndefinedObject(f'tenant "{name}" does not exist')
        connection.notice("00000", f'tenant "{name}" does not exist, skipping')
        return Result()
    for oid in found:
        _check_references(tx.catalog, tx.catalog.table(oid), name)
    locks = connection.store.locks
    for oid in found:
        locks.lock_relation(connection.owner, oid, Mode.ACCESS_EXCLUSIVE)
    shard_ids = _find(connection.store, tx, name).values()
    if connection.store.history.retention_us:  # who asks for a time before finds the rows
        for shard_id in shard_ids:
            shard = connection.store.shard_by_id(shard_id)
            tx.delete(shard, shard.visible(tx).ids())
    else:
        tx.shard_changes = tx.shard_changes.drop(shard_ids)
    return Result()


def alter_tenant(connection: Connection, args: dict[str, Any], _: Sequence[Datum]) -> Result:
    """The state takes effect with the commit; the files of one that is offloaded follow in the background."""
    tx, name = connection.block.statement_transaction(), args["name"]
    found = _find(connection.store, tx, name)
    if not found:
        raise UndefinedObject(f'tenant "{name}" does not exist')
    tx.shard_changes = tx.shard_changes.set_state(found.values(), args["state"])
    return Result()


def writable_shard(context: Context, table: Table, tenant: str) -> Shard:
    """The shard that a tenant's new rows go to, made for its first one unless the table is against it."""
    store, tx = context.store, context.tx
    if table.options.get(CREATION) == MANUAL and tenant not in _shards(store, tx, table):
        raise ObjectNotInState(
            f'tenant "{tenant}" does not exist in relation "{table.name}"',
            hint=f"Use CREATE TENANT '{tenant}' to create it.",
        )
    shard = store.shard(table.oid, tenant, create=True)
    if tx.shard_changes.dropped:
        tx.empty(shard)
    return shard


def _check_references(catalog: Catalog, table: Table, name: str) -> None:
    """A table that refers to the tenant's rows must lose its own with them: it has the tenant too."""
    for other, constraint in catalog.references(table.oid):
        pairs = zip(constraint.attnums, constraint.foreign_attnums, strict=True)
        if not other.tenant_attnum or (other.tenant_attnum, table.tenant_attnum) not in pairs:
            raise DependentObjectsStillExist(
                f'cannot drop tenant "{name}" because its rows may be referred to',
                detail=f'Constraint "{constraint.name}" of table "{other.name}" refers to table "{table.name}".',
                hint="Delete the rows of the tenant instead.",
            )


def _key(table: Table, name: str) -> str:
    """The name as the tenant column has it; an error of its type for one that it cannot hold."""
    column = table.column_by_attnum(table.tenant_attnum)
    return tenant_key(table, column.type.definition.parse(name, column.type.typmod))


def _find(store: Store, tx: Transaction, name: str) -> dict[int, int]:
    """The tenant's shard in each table that has it."""
    found: dict[int, int] = {}
    for table in tenant_tables(tx.catalog):
        with suppress(DatabaseError):  # a name that the column cannot hold is nobody's
            shard_id = _shards(store, tx, table).get(_key(table, name))
            if shard_id is not None:
                found[table.oid] = shard_id
    return found


def _shards(store: Store, tx: Transaction, table: Table) -> dict[str, int]:
    """The tenants of a table as the transaction sees them."""
    own = [shard for shard in tx.writes if not shard.logged and shard.table_oid == table.oid]
    found = {**store.shard_ids(table.oid), **{shard.tenant: shard.shard_id for shard in own}}
    for shard_id in tx.shard_changes.created:
        if store.is_known(shard_id) and store.files_of(shard_id).table_oid == table.oid:
            found[store.files_of(shard_id).tenant] = shard_id
    return {tenant: i for tenant, i in found.items() if i not in tx.shard_changes.dropped}
