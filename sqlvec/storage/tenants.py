"""Tenants: which there are in the tables that keep each in a shard of its own, and how they fare.

A tenant of a table is its shard. It is active, inactive (closed, its files stay) or offloaded (its files are
blobs); a use of one that is not active makes it active, unless its table has tenant_activation = manual.
None of this opens a shard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Catalog, Table
from sqlvec.catalog.tenants import ACTIVATION, MANUAL
from sqlvec.errors import ObjectNotInState
from sqlvec.storage.manifest import ShardFiles

if TYPE_CHECKING:
    from sqlvec.storage.store import Store


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant of one table; used_at in microseconds since 1970, None if not since the server started."""

    table_oid: int
    name: str
    state: str
    rows: int
    memory_bytes: int
    disk_bytes: int
    used_at: int | None


def tenant_tables(catalog: Catalog) -> list[Table]:
    relations = catalog.relations.values()
    return [r for r in relations if isinstance(r, Table) and r.tenant_attnum]


def all_tenants(store: Store) -> list[Tenant]:
    """The committed tenants, by table and name."""
    found: list[Tenant] = []
    for table in tenant_tables(store.catalog):
        for name, shard_id in sorted(store.shard_ids(table.oid).items()):
            with store.lock:
                if store.is_known(shard_id):
                    found.append(_tenant(store, table, name, shard_id))
    return found


def _tenant(store: Store, table: Table, name: str, shard_id: int) -> Tenant:
    shard, files = store.open_shards.get(shard_id), store.files_of(shard_id)
    size = sum(store.vfs.size(n) for n in files.names() if store.vfs.exists(n))
    if shard is None:
        used_at = store.used_at.get(shard_id)
        return Tenant(table.oid, name, files.state, files.rows, 0, size, used_at)
    used_at = store.clock.now_us() if shard.used else shard.used_at
    rows, memory = shard.live_rows, shard.memory_bytes()
    return Tenant(table.oid, name, files.state, rows, memory, size, used_at)


def row_count(store: Store, table_oid: int) -> int:
    """About how many rows a table has, dead ones included where its shards are open."""
    with store.lock:
        total = 0
        for shard_id in store.shard_ids(table_oid).values():
            shard = store.open_shards.get(shard_id)
            total += store.known_shards[shard_id].rows if shard is None else shard.row_count
        return total


def disk_bytes(store: Store, table_oid: int) -> int:
    """Bytes of the files of a table."""
    with store.lock:
        files = [store.files_of(shard_id) for shard_id in store.shard_ids(table_oid).values()]
    names = {name for one in files for name in one.names()}
    return sum(store.vfs.size(name) for name in names if store.vfs.exists(name))


def check_activation(store: Store, files: ShardFiles) -> None:
    """ObjectNotInState (55000) when a use does not make the tenant active."""
    table = store.catalog.relations.get(files.table_oid)
    if isinstance(table, Table) and table.options.get(ACTIVATION) == MANUAL:
        raise ObjectNotInState(
            f'tenant "{files.tenant}" of relation "{table.name}" is {files.state}',
            hint=f"Use ALTER TENANT '{files.tenant}' SET STATE active to activate it.",
        )
