"""pg_stat_*, pg_settings, pg_prepared_statements, pg_cursors: what goes on now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlvec import types
from sqlvec.catalog.names import database_oid
from sqlvec.catalog.objects import Catalog, Index
from sqlvec.catalog.system.environment import Activity, Environment
from sqlvec.catalog.system.relations import owner_of, tables_of
from sqlvec.catalog.system.tables import system_table
from sqlvec.catalog.viewpoint import SUPERUSER_OID

Row = dict[str, Any]
Maker = Callable[[Catalog, Environment], Iterator[Row]]
_KINDS = {"int": "integer"}
_BLOCK_ROWS = 64  # what a block of pg_stat_progress_create_index stands for


def _activity(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for connection in environment.connections:
        kind, event = connection.wait or (None, None)
        yield {"datid": database_oid(connection.database), "datname": connection.database,
               "pid": connection.pid, "usesysid": SUPERUSER_OID, "usename": connection.user,
               "application_name": connection.application, "state": connection.state,
               "wait_event_type": kind, "wait_event": event, "query": connection.query,
               "backend_start": connection.backend_us or None,
               "xact_start": connection.transaction_us or None,
               "query_start": connection.query_us or None, "backend_type": "client backend",
               "client_addr": _address(connection),
               "client_port": None if connection.client is None else connection.client[1]}  # fmt: skip


def _address(connection: Activity) -> Any:
    return None if connection.client is None else types.INET.definition.parse(connection.client[0])


def _encryption(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for connection in environment.connections:
        version, cipher, bits = connection.encryption or (None, None, None)
        yield {"pid": connection.pid, "ssl": connection.encryption is not None, "version": version,
               "cipher": cipher, "bits": bits}  # fmt: skip


def _databases(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name in environment.databases:
        backends = sum(c.database == name for c in environment.connections)
        yield {"datid": database_oid(name), "datname": name, "numbackends": backends,
               "checksum_failures": None}  # fmt: skip


def _server(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    yield {"stats_reset": environment.started_us}


def _tables(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        yield {"relid": table.oid, "schemaname": catalog.schemas[table.schema_oid].name,
               "relname": table.name, "n_live_tup": environment.row_count(table.oid)
               } | ({} if catalog.indexes(table.oid) else _NO_INDEX)  # fmt: skip


_NO_INDEX = {"idx_scan": None, "idx_tup_fetch": None}
_NO_INDEX_BLOCKS = {"idx_blks_read": None, "idx_blks_hit": None}


def _table_blocks(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for table in tables_of(catalog):
        yield {"relid": table.oid, "schemaname": catalog.schemas[table.schema_oid].name,
               "relname": table.name} | ({} if catalog.indexes(table.oid) else _NO_INDEX_BLOCKS)  # fmt: skip


def _indexes(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for index in catalog.relations.values():
        if isinstance(index, Index):
            table = owner_of(catalog, index)
            yield {"relid": table.oid, "indexrelid": index.oid, "relname": table.name,
                   "schemaname": catalog.schemas[table.schema_oid].name,
                   "indexrelname": index.name}  # fmt: skip


def _settings(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for setting, value, reset in environment.settings.described():
        enum = setting.kind == "enum"
        number = setting.kind in ("int", "real")
        yield {
            "name": setting.name, "setting": value, "unit": setting.unit or None,
            "category": "Preset Options" if setting.fixed else "Client Connection Defaults",
            "short_desc": setting.description, "context": "internal" if setting.fixed else "user",
            "vartype": _KINDS.get(setting.kind, setting.kind),
            "source": "default" if value == setting.default else "session",
            "min_val": f"{setting.low:g}" if number else None,
            "max_val": f"{setting.high:g}" if number else None,
            "enumvals": list(setting.values) if enum else None, "boot_val": setting.default,
            "reset_val": reset, "pending_restart": False,
        }  # fmt: skip


def _statements(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name, text in environment.statements:
        yield {"name": name, "statement": text, "from_sql": False}


def _cursors(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name in environment.cursors:
        yield {"name": name, "statement": "", "is_holdable": False, "is_binary": False,
               "is_scrollable": False}  # fmt: skip


def _index_queue(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for queued in environment.index_queue():
        table, index = (catalog.relations.get(o) for o in (queued.table_oid, queued.index_oid))
        if table is not None and index is not None:
            yield {"relid": table.oid, "indexrelid": index.oid, "relname": table.name,
                   "indexrelname": index.name, "tenant": queued.tenant,
                   "rows_linked": queued.rows_linked, "rows_waiting": queued.rows_waiting}  # fmt: skip


def _index_recall(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for measured in environment.index_recall():
        table, index = (catalog.relations.get(o) for o in (measured.table_oid, measured.index_oid))
        if table is None or index is None:
            continue
        meter = measured.meter
        curve = meter.curve
        row = {"relid": table.oid, "indexrelid": index.oid, "relname": table.name,
               "indexrelname": index.name, "tenant": measured.tenant,
               "searches_sampled": meter.sampled, "recall": meter.recall,
               "recall_worst": meter.worst,
               "rows_calibrated": None if curve is None else curve.linked}  # fmt: skip
        for name, target in (("ef_90", 0.9), ("ef_95", 0.95), ("ef_99", 0.99)):
            row[name] = None if curve is None else curve.ef(target, 1.0, 10)
        yield row


def _index_memory(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for held in environment.index_memory():
        table, index = (catalog.relations.get(o) for o in (held.table_oid, held.index_oid))
        if table is not None and index is not None:
            yield {"relid": table.oid, "indexrelid": index.oid, "relname": table.name,
                   "indexrelname": index.name, "tenant": held.tenant, "rows": held.rows,
                   "quantization": held.quantization, "reason": held.reason, "rescore": held.rescore,
                   "code_bytes": held.code_bytes, "link_bytes": held.link_bytes,
                   "vector_bytes": held.vector_bytes}  # fmt: skip


def _index_progress(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for connection, building in environment.buildings():
        total, done = building.rows_total, building.rows_done
        yield {"pid": connection.pid, "datid": database_oid(connection.database),
               "datname": connection.database, "relid": building.table_oid,
               "index_relid": building.index_oid, "command": building.command,
               "phase": building.phase, "lockers_total": 0, "lockers_done": 0,
               "current_locker_pid": 0, "blocks_total": -(-total // _BLOCK_ROWS),
               "blocks_done": done // _BLOCK_ROWS, "tuples_total": total, "tuples_done": done,
               "partitions_total": building.shards_total,
               "partitions_done": building.shards_done}  # fmt: skip


def _locks(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    here = database_oid(environment.database)
    for row in environment.locks():
        database = here if row.get("database") is not None else None
        yield row | {"fastpath": False, "database": database}


def _tenants(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for tenant in environment.tenants():
        table = catalog.relations.get(tenant.table_oid)
        if table is not None:
            yield {"relid": table.oid, "relname": table.name, "tenant": tenant.name,
                   "state": tenant.state, "rows": tenant.rows,
                   "bytes_in_memory": tenant.memory_bytes, "bytes_on_disk": tenant.disk_bytes,
                   "last_used": tenant.used_at}  # fmt: skip


def _counting(name: str, maker: Maker) -> Maker:
    """A view's rows, with 0 for all that is not counted here."""
    table = system_table("pg_catalog", name)
    assert table is not None, name
    numbers = (types.INT8.oid, types.FLOAT8.oid)
    zeros: Row = {column.name: 0 for column in table.columns if column.type.oid in numbers}
    return lambda catalog, environment: (zeros | row for row in maker(catalog, environment))


_COUNTERS = {
    "pg_stat_database": _databases,
    "pg_stat_bgwriter": _server,
    "pg_stat_wal": _server,
    "pg_stat_archiver": _server,
    "pg_stat_user_tables": _tables,
    "pg_stat_all_tables": _tables,
    "pg_statio_all_tables": _table_blocks,
    "pg_statio_user_tables": _table_blocks,
    "pg_stat_all_indexes": _indexes,
    "pg_stat_user_indexes": _indexes,
    "pg_statio_all_indexes": _indexes,
    "pg_statio_user_indexes": _indexes,
}
LIVE = {
    **{name: _counting(name, maker) for name, maker in _COUNTERS.items()},
    "sqlvec_tenants": _tenants,
    "pg_locks": _locks,
    "sqlvec_index_memory": _index_memory,
    "sqlvec_index_queue": _index_queue,
    "sqlvec_index_recall": _index_recall,
    "pg_stat_activity": _activity,
    "pg_stat_ssl": _encryption,
    "pg_stat_progress_create_index": _index_progress,
    "pg_settings": _settings,
    "pg_prepared_statements": _statements,
    "pg_cursors": _cursors,
}
