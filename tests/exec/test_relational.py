"""The engine: slots, plans, streaming, cancelling, predicates, errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from sqlvec import types
from sqlvec.errors import (
    DatabaseError,
    DataException,
    DivisionByZero,
    NumericValueOutOfRange,
    OutOfMemory,
    QueryCanceled,
)
from sqlvec.exec.relational import BATCH_ROWS, SLOTS_MAX, EngineLimits, RelationalEngine
from sqlvec.sql import bound
from tests.exec.relational_world import World, new_world

R = 7  # a relation id


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = new_world(tmp_path_factory.mktemp("relational"))
    yield made
    made.relational.close()
    made.engine.close()


def _column(ordinal: int, sql_type: types.SqlType = types.INT8) -> bound.ColumnRef:
    return bound.ColumnRef(sql_type, R, ordinal, f"x{ordinal}")


def _select(*expressions: bound.Expression, where: bound.Expression | None = None) -> bound.Select:
    columns = tuple(bound.OutputColumn(f"v{i}", e.type) for i, e in enumerate(expressions))
    targets = tuple(bound.Target(f"v{i}", e) for i, e in enumerate(expressions))
    return bound.Select(columns, targets, (bound.CteScan(R, "rows", (), "rows"),), where)


def _operator(name: str, *args: bound.Expression, result: types.SqlType = types.BOOL) -> bound.Expression:
    return bound.FunctionCall(result, name, args, True)


def _run(world: World, query: bound.Query, table: pa.Table) -> pa.Table:
    batches = list(world.relational.run(query, {R: table}, world.context(), {}))
    return pa.Table.from_batches(batches) if batches else pa.table({})


def _numbers(count: int) -> pa.Table:
    return pa.table({"c0": pa.array(np.arange(count))})


# ---------------------------------------------------------------- slots and plans


def test_a_plan_sees_the_table_that_is_in_the_slot_now(world: World) -> None:
    total = _select(bound.Aggregate(types.NUMERIC, "sum", (_column(0),)))
    total = replace(total, grouped=True)
    sums = [_run(world, total, _numbers(n)).column(0).to_pylist() for n in (3, 4, 5, 6)]
    assert sums == [["3"], ["6"], ["10"], ["15"]]


def test_one_relation_may_have_another_schema_in_every_statement(world: World) -> None:
    for table, sql_type in [
        (_numbers(2), types.INT8),
        (pa.table({"c0": ["a", "b"]}), types.TEXT),
        (_numbers(3), types.INT8),
        (pa.table({"c0": ["c"]}), types.TEXT),
        (_numbers(1), types.INT8),
    ] * 2:
        found = _run(world, _select(_column(0, sql_type)), table)
        assert found.column(0).to_pylist() == table.column(0).to_pylist()


def test_slots_of_two_sessions_are_apart(world: World) -> None:
    other = world.engine.cursor()
    query = _select(_column(0))
    mine = world.relational.run(query, {R: _numbers(2)}, world.context(), {})
    theirs = other.run(query, {R: _numbers(3)}, world.context(), {})
    assert (next(mine).num_rows, next(theirs).num_rows) == (2, 3)
    mine.close()
    theirs.close()
    other.close()


def test_a_statement_keeps_its_slots_when_there_are_too_many(world: World) -> None:
    for i in range(1_000, 1_000 + SLOTS_MAX - 1):
        _run_over(world, i)
    _run_over(world, 1, 2)
    _run_over(world, 1, 2, 3)


def _run_over(world: World, *relations: int) -> None:
    """A cross join of relations of one row."""
    targets = tuple(
        bound.Target(f"v{i}", bound.ColumnRef(types.INT8, i, 0, "v")) for i in relations
    )
    columns = tuple(bound.OutputColumn(t.name, types.INT8) for t in targets)
    from_ = tuple(bound.CteScan(i, "rows", (), "rows") for i in relations)
    sources = {i: _numbers(1) for i in relations}
    batches = world.relational.run(bound.Select(columns, targets, from_), sources, world.context(), {})
    assert sum(batch.num_rows for batch in batches) == 1


def test_many_schemas_do_not_pile_up(world: World) -> None:
    for i in range(SLOTS_MAX + 10):
        query = bound.Select(
            (bound.OutputColumn("v", types.INT8),),
            (bound.Target("v", bound.ColumnRef(types.INT8, i, 0, "v")),),
            (bound.CteScan(i, "rows", (), "rows"),),
        )
        batch = next(world.relational.run(query, {i: _numbers(1)}, world.context(), {}))
        assert batch.column(0).to_pylist() == [0]
    assert len(world.relational._slots) <= SLOTS_MAX


def test_an_arrow_stream_without_columns_of_the_query_still_counts(world: World) -> None:
    count = bound.Aggregate(types.INT8, "count", (), star=True)
    query = replace(_select(count), grouped=True)
    table = pa.table({"c_": pa.nulls(5, pa.bool_())})
    assert _run(world, query, table).column(0).to_pylist() == [5]


# ---------------------------------------------------------------- rows


def test_large_answers_come_in_batches_first_run_and_later(world: World) -> None:
    table = _numbers(50_000)
    for _ in range(4):
        batches = list(world.relational.run(_select(_column(0)), {R: table}, world.context(), {}))
        assert max(batch.num_rows for batch in batches) <= BATCH_ROWS
        values = np.concatenate([batch.column(0).to_numpy() for batch in batches])
        assert np.array_equal(np.sort(values), np.arange(50_000))


def test_an_answer_left_half_read_does_not_stop_the_next_statement(world: World) -> None:
    for _ in range(3):
        rows = world.relational.run(_select(_column(0)), {R: _numbers(50_000)}, world.context(), {})
        next(rows)
        assert world.answer("select 1") == [["1"]]
        with pytest.raises(StopIteration):
            while True:
                next(rows)


def test_every_type_passes_through_unchanged(world: World) -> None:
    columns = {
        types.BOOL: [True, None], types.INT2: [1, None], types.INT4: [-5, None], types.INT8: [2**40, None],
        types.FLOAT4: [1.5, None], types.FLOAT8: [0.1, None], types.TEXT: ["é", None],
        types.BYTEA: [b"\x00\xff", None], types.DATE: [19000, None], types.TIME: [3_600_000_000, None],
        types.TIMESTAMP: [1_700_000_000_123_456, None], types.TIMESTAMPTZ: [-1, None],
        types.INTERVAL: [(14, -3, 5_000_000), None], types.NUMERIC: [None, None], types.JSONB: ['{"a": 1}', None],
        types.UUID: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None], types.OID: [2**32 - 1, None],
        types.array_of(types.INT4): [[1, None], None], types.SqlType(types.VECTOR.oid, 2): [None, None],
        types.SqlType(types.NUMERIC.oid, (10 << 16 | 2) + 4): [None, None],
    }  # fmt: skip
    arrays = [t.definition.to_arrow(values, t.typmod) for t, values in columns.items()]
    table = pa.table({f"c{i}": array for i, array in enumerate(arrays)})
    query = _select(*(_column(i, t) for i, t in enumerate(columns)))
    found = _run(world, query, table)
    for i, (sql_type, values) in enumerate(columns.items()):
        column = found.column(i)
        assert column.type == sql_type.definition.arrow(sql_type.typmod), sql_type
        assert sql_type.definition.from_arrow(column.chunk(0)) == values, sql_type


def test_computed_columns_stand_for_their_expressions(world: World) -> None:
    vector = types.SqlType(types.VECTOR.oid, 2)
    distance = bound.Distance(types.FLOAT8, "l2", _column(0, vector), bound.Const(vector, np.zeros(2, np.float32)))
    table = pa.table({"rank_key": [3.0, 1.0, 2.0]})
    query = replace(_select(distance), order_by=(bound.SortKey(distance),))
    batches = world.relational.run(query, {R: table}, world.context(), {distance: (R, "rank_key")})
    assert next(batches).column(0).to_pylist() == [1.0, 2.0, 3.0]


# ---------------------------------------------------------------- filter and evaluate


def test_filter_gives_the_places_of_true_rows_only(world: World) -> None:
    table = pa.table({"c0": pa.array([5, None, 1, 9, 5])})
    test = _operator("=", _column(0), bound.Const(types.INT8, 5))
    found = world.relational.filter(test, R, table, (), world.context(), {})
    assert found.dtype == np.int64 and found.tolist() == [0, 4]
    negated = bound.Boolean(types.BOOL, "not", (test,))
    assert world.relational.filter(negated, R, table, (), world.context(), {}).tolist() == [2, 3]
    nothing = bound.Const(types.BOOL, None)
    assert world.relational.filter(nothing, R, table, (), world.context(), {}).tolist() == []


def test_expressions_without_relations_are_evaluated_to_datums(world: World) -> None:
    three = bound.Const(types.INT4, 3)
    param = bound.Param(types.TEXT, 1)
    shout = bound.FunctionCall(types.TEXT, "upper", (param,))
    power = _operator("^", bound.Cast(types.FLOAT8, three), bound.Const(types.FLOAT8, 2.0), result=types.FLOAT8)
    context = world.context(["it's"])
    assert world.relational.evaluate([three, shout, power], context) == [3, "IT'S", 9.0]


def test_now_is_the_transactions(world: World) -> None:
    assert world.answer("select now(), current_date, now() = transaction_timestamp()") == [
        ["2024-03-05 00:53:20+00", "2024-03-05", "t"]
    ]


def test_the_session_zone_decides_days_and_texts(world: World) -> None:
    world.settings.set("TimeZone", "America/New_York")
    assert world.answer(
        "select timestamptz '2024-07-01 02:00+00'::date, extract(hour from timestamptz '2024-07-01 12:00+00'), "
        "date_trunc('day', timestamptz '2024-07-01 02:00+00'), timestamptz '2024-07-01 12:00+00'::text, "
        "timestamptz '2024-03-09 12:00-05' + interval '1 day', '2024-07-01 10:00'::text::timestamptz"
    ) == [["2024-06-30", "8", "2024-06-30 04:00:00+00", "2024-07-01 08:00:00-04", "2024-03-10 16:00:00+00",
           "2024-07-01 14:00:00+00"]]  # fmt: skip


def test_catalog_functions_are_called_row_by_row(world: World) -> None:
    assert world.answer("select format_type(case id when 1 then 23 else 25 end, -1) from goods where id < 3") == [
        ["integer"],
        ["text"],
    ]


def test_parameters_are_values_of_one_execution(world: World) -> None:
    sql = "select name from goods where price > $1 and kind = $2 order by name"
    for price, names in [(Decimal("10"), ["Apple"]), (Decimal("1"), ["Apple", "Berry"])]:
        assert [row[0] for row in world.answer(sql, [price, "a"])] == names
    assert world.answer(sql, [None, "a"]) == []


# ---------------------------------------------------------------- errors and limits


def test_errors_of_functions_arrive_as_they_were_raised(world: World) -> None:
    with pytest.raises(DatabaseError) as raised:
        world.answer("select name::int4 from goods order by id")
    assert raised.value.sqlstate == "22P02"
    assert raised.value.message == 'invalid input syntax for type integer: "Apple"'
    assert world.answer("select 1") == [["1"]]


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("select 1 / (id - 1) from goods", DivisionByZero),
        ("select (id + 2147483646)::int4 from goods", NumericValueOutOfRange),
        ("select price::numeric(3,1) from goods", NumericValueOutOfRange),
        ("select array[id, id]::vector(3) from goods", DataException),
    ],
)
def test_errors_have_their_class(world: World, sql: str, error: type[DatabaseError]) -> None:
    with pytest.raises(error):
        world.answer(sql)


def test_an_error_in_the_middle_of_an_answer_frees_the_cursor(world: World) -> None:
    table = pa.table({"c0": pa.array([1] * 100_000 + [0])})
    quotient = _operator("/", bound.Const(types.INT8, 1), _column(0), result=types.INT8)
    with pytest.raises(DivisionByZero):
        _run(world, _select(quotient), table)
    assert world.answer("select 1") == [["1"]]


def test_interrupting_from_another_thread_cancels(world: World) -> None:
    table = _numbers(100_000)
    stop = threading.Event()
    world.cancelled = stop.is_set
    left = bound.CteScan(R, "rows", (), "rows")
    right = bound.CteScan(R + 1, "rows", (), "rows")
    other = bound.ColumnRef(types.INT8, R + 1, 0, "y")
    product = _operator("*", _column(0), other, result=types.INT8)
    pairs = _operator(">", product, bound.Const(types.INT8, 1))
    count = bound.Aggregate(types.INT8, "count", (), star=True)
    query = replace(_select(count, where=pairs), from_=(left, right), grouped=True)

    def cancel() -> None:
        stop.set()
        world.relational.interrupt()

    timer = threading.Timer(0.2, cancel)
    timer.start()
    with pytest.raises(QueryCanceled, match="canceling statement due to user request"):
        list(world.relational.run(query, {R: table, R + 1: table}, world.context(), {}))
    timer.join()
    stop.clear()
    assert world.answer("select 1") == [["1"]]


def test_a_cancelled_context_stops_between_batches(world: World) -> None:
    stop = threading.Event()
    world.cancelled = stop.is_set
    rows = world.relational.run(_select(_column(0)), {R: _numbers(50_000)}, world.context(), {})
    next(rows)
    stop.set()
    with pytest.raises(QueryCanceled):
        next(rows)


def test_interrupting_an_idle_session_does_nothing(world: World) -> None:
    world.relational.interrupt()
    assert world.answer("select 1") == [["1"]]


def test_a_statement_that_needs_too_much_memory_fails_alone(tmp_path: Path) -> None:
    engine = RelationalEngine(str(tmp_path), EngineLimits(memory_kb=40_000, threads=1))
    world = World(engine)
    texts = pa.array([f"{i:0100d}" for i in range(1_000_000)])
    everything = bound.Aggregate(types.array_of(types.TEXT), "array_agg", (_column(0, types.TEXT),))
    with pytest.raises(OutOfMemory, match="out of memory"):
        _run(world, replace(_select(everything), grouped=True), pa.table({"c0": texts}))
    assert world.answer("select 1") == [["1"]]
    engine.close()


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "copy (select 1) to '/tmp/leak.csv'",
        "attach '/tmp/leak.db'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
    ],
)
def test_the_engine_reaches_nothing_outside(world: World, sql: str) -> None:
    with pytest.raises(duckdb.Error):
        world.engine.connection.execute(sql).fetchall()
