"""DDL: a new catalog for the transaction, and the storage work that follows from it."""

from __future__ import annotations

from sqlvec.catalog.objects import Index, Sequence, Table
from sqlvec.exec.context import Context
from sqlvec.exec.domain_values import verify_domains
from sqlvec.exec.existing_rows import table_rows, verify_domain, verify_rows
from sqlvec.exec.index_progress import LOADING, progress_of
from sqlvec.exec.late_keys import verify_unique
from sqlvec.exec.result import Result
from sqlvec.exec.row_rules import row_rules
from sqlvec.exec.select import run_query
from sqlvec.exec.side_by_side import CORES
from sqlvec.exec.write import Writer
from sqlvec.plan.planner import plan_query
from sqlvec.sql import bound
from sqlvec.sql.bind_sequence import check_last_value
from sqlvec.storage.index_build import build_index
from sqlvec.storage.shard_files import make_bm25


def run_ddl(statement: bound.Ddl, context: Context) -> Result:
    """Applies the change inside the transaction; others see it after the commit."""
    if statement.alone and context.connection is not None:
        context.connection.block.forbid(statement.alone)
    for sqlstate, message, *detail in statement.notices:
        context.notice(message, sqlstate=sqlstate, detail=detail[0] if detail else None)
    if context.settings.sends("DEBUG"):
        _tell_implied(statement, context)
    tx = context.tx
    old = tx.catalog
    _verify_counts(statement, context)
    new = statement.catalog if statement.catalog is not None else old
    if statement.dropped:
        new = new.without(*statement.dropped)
    if statement.changed:
        new = new.with_relation(*statement.changed)
    if new is not old:
        tx.catalog = new
        context.catalog = new
    for relation in statement.changed:
        if isinstance(relation, Index) and relation.method == "bm25":
            make_bm25(relation, context.catalog.table(relation.table_oid))
    for table in statement.truncate:
        tx.truncate(table.oid)
    for fill in statement.fills:
        column_type = context.catalog.table(fill.table_oid).column_by_attnum(fill.attnum).type
        value = column_type.definition.to_arrow([fill.value.value], column_type.typmod)
        tx.set_fill(fill.table_oid, fill.attnum, value)
    for rewritten in _by_table(statement.rewrites):
        _rewrite(rewritten, context)
    for check in statement.verify:
        verify_rows(check, context)
    for domain in statement.verify_domains:
        verify_domain(domain, context)
    for index in statement.build:
        _build(index, statement.tag, context)
    result = Result(None, statement.tag)
    if statement.query is not None:
        result = _fill(statement, context)
    return result


def _tell_implied(statement: bound.Ddl, context: Context) -> None:
    """What comes with a table though nobody named it: sequences, then the indexes of keys."""
    made = [r for r in statement.changed if r.oid not in context.catalog.relations]
    tables = {r.oid: r for r in statement.changed if isinstance(r, Table)}
    for relation in made:
        if isinstance(relation, Sequence) and relation.owned_by[0] in tables:
            table = tables[relation.owned_by[0]]
            column = table.column_by_attnum(relation.owned_by[1]).name
            what = f'sequence "{relation.name}" for serial column "{table.name}.{column}"'
            context.notice(f"{statement.tag} will create implicit {what}", severity="DEBUG")
    indexes = [r for r in made if isinstance(r, Index) and r.table_oid in tables]
    for index in sorted(indexes, key=lambda index: not index.primary):
        table = tables[index.table_oid]
        if any(c.index_oid == index.oid and c.kind in "pu" for c in table.constraints):
            key = "PRIMARY KEY" if index.primary else "UNIQUE"
            command = f"{statement.tag} / {'ADD ' if statement.tag == 'ALTER TABLE' else ''}{key}"
            what = f'index "{index.name}" for table "{table.name}"'
            context.notice(f"{command} will create implicit {what}", severity="DEBUG")


def _verify_counts(statement: bound.Ddl, context: Context) -> None:
    """A changed sequence goes on counting between its new bounds."""
    for relation in statement.changed:
        before = context.catalog.relations.get(relation.oid)
        if isinstance(relation, Sequence) and isinstance(before, Sequence):
            if relation.count_oid == before.count_oid:
                check_last_value(relation, context.store.sequence_value(before).last_value)


def _by_table(rewrites: tuple[bound.Rewrite, ...]) -> list[list[bound.Rewrite]]:
    found: dict[int, list[bound.Rewrite]] = {}
    for rewrite in rewrites:
        found.setdefault(rewrite.target.relation_id, []).append(rewrite)
    return list(found.values())


def _rewrite(rewrites: list[bound.Rewrite], context: Context) -> None:
    """Gives every row of a table a new version with the new values, under the new definition of the table."""
    target = rewrites[0].target
    table = context.catalog.table(target.table.oid)
    rules = row_rules(context, table, target.relation_id)
    old = Writer(target.table, context, target.relation_id)
    new = Writer(table, context, target.relation_id, rules.checks)
    for shard, ids in list(table_rows(target.table, context)):
        rows = [shard.gather(column.attnum, ids) for column in old.columns]
        values = old.evaluate([rewrite.expression for rewrite in rewrites], rows)
        by_attnum = {c.attnum: v for c, v in zip(old.columns, rows, strict=True)}
        by_attnum |= {r.attnum: v for r, v in zip(rewrites, values, strict=True)}
        written = [by_attnum.get(c.attnum, [None] * len(ids)) for c in new.columns]
        for place in new.domains:
            verify_domains(new.columns[place].type, written[place], context)
        context.tx.delete(shard, ids)
        shards = new.shards_of(written) if table.split_by else [shard] * len(ids)
        new.insert(written, shards, replacing=True)


def _build(index: Index, command: str, context: Context) -> None:
    """Indexes the rows there are, beside who reads and writes; a unique index is checked over them first, while
    nobody writes."""
    table = context.catalog.table(index.table_oid)
    if index.unique:
        verify_unique(index, table, context)
    count = len(context.store.tenants(table.oid))
    with progress_of(index, command, count, context) as progress:
        for shard in context.store.each_shard(table.oid):
            progress.rows_total, progress.rows_done = shard.row_count, 0
            progress.phase = LOADING

            def told(left: int) -> None:
                progress.rows_done = max(progress.rows_done, progress.rows_total - left)
                context.check_cancelled()

            build_index(
                context.store, shard, index, table,
                threads=CORES, cancelled=context.cancelled, told=told,
            )  # fmt: skip
            progress.rows_done = progress.rows_total
            progress.shards_done += 1
    if index.method == "ivfflat":
        context.notice(
            f'index "{index.name}" is served by an hnsw graph',
        )


def _fill(statement: bound.Ddl, context: Context) -> Result:
    """CREATE TABLE AS: the rows of the query."""
    assert statement.query is not None
    table = next(r for r in statement.changed if isinstance(r, Table))
    writer = Writer(table, context, 0)
    count = 0
    for batch in run_query(plan_query(statement.query, context.catalog), context):
        rows = [list(column) for column in batch]
        count += len(rows[0]) if rows else 0
        writer.insert(rows, writer.shards_of(rows))
    if statement.tag != "SELECT":
        return Result(None, statement.tag)
    return Result(None, "SELECT", iter(()), count, counted=True)
