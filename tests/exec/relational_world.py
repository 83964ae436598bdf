"""Two tables and the relational engine over them, without storage: for the tests of rendering and running.

WORLD_SQL makes the same tables in PostgreSQL. read_answers reads relational_answers.txt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from sqlvec.catalog.objects import Catalog, Table, empty_catalog
from sqlvec.exec.context import Context
from sqlvec.exec.relational import EngineLimits, Relational, RelationalEngine
from sqlvec.settings import SessionSettings
from sqlvec.sql import bound
from sqlvec.sql.bind import bind
from sqlvec.sql.context import BindContext
from sqlvec.sql.parse import parse
from sqlvec.sql.render import used_columns

NOW_US = 1_709_600_000_000_000  # 2024-03-05 00:53:20 UTC
ANSWERS = Path(__file__).with_name("relational_answers.txt")
WORLD_SQL = [
    """create table goods(id int4 primary key, name text, kind text, price numeric(10,2), weight numeric,
    quantity int4, score float8, due date, stamp timestamp, span interval, tags text[], meta jsonb,
    embedding vector(3))""",
    r"""insert into goods values
    (1, 'Apple', 'a', 12.50, 1.50, 3, 0.5, '2024-01-10', '2024-01-10 08:30:00', '1 day 02:00', '{x,y}',
     '{"lvl": 5, "skills": ["py", "c"], "addr": {"city": "Oslo"}}', '[1,2,3]'),
    (2, 'Berry', 'a', 7.25, 1.5, 5, 1.25, '2024-01-15', '2024-01-15 12:00:00.25', '2 hours', '{y}',
     '{"lvl": 3, "remote": true}', '[4,5,6]'),
    (3, 'cherry', 'b', 100.00, 0.25, null, null, '2024-02-29', null, '1 mon', null, null, '[0,0,0]'),
    (4, 'Date', 'b', null, 2, 2, -3.75, null, '2023-12-31 23:59:59', '-3 days', '{}', '{"lvl": null}', null),
    (5, 'Elder', null, 5.00, null, 1, 2.0, '2024-03-01', '2024-03-01 00:00:00', null, '{x,NULL}',
     '{"lvl": 2.50, "s": "x"}', '[1,1,1]')""",
    "create table sales(id int4 primary key, good_id int4, qty int4, at timestamptz)",
    """insert into sales values (1, 1, 2, '2024-01-31 10:11:12.345678+00'), (2, 1, 5, '2024-02-29 00:00:00+00'),
    (3, 2, 1, '2024-03-31 23:59:59+00'), (4, 9, 4, null)""",
]


@dataclass
class World:
    """The tables' rows are Arrow tables by name, with columns c0 ... in their storage form."""

    engine: RelationalEngine
    catalog: Catalog = field(default_factory=empty_catalog)
    settings: SessionSettings = field(default_factory=SessionSettings)
    rows: dict[str, pa.Table] = field(default_factory=dict)
    cancelled: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.relational: Relational = self.engine.cursor()

    def bind(self, sql: str, parameter_oids: Sequence[int] = ()) -> Any:
        context = BindContext(self.catalog, ("public",), self.settings.show)
        return bind(parse(sql)[0], context, parameter_oids).statement

    def context(self, parameters: Sequence[Any] = ()) -> Context:
        return Context(
            store=None,  # type: ignore[arg-type]
            tx=None,  # type: ignore[arg-type]
            catalog=self.catalog,
            settings=self.settings,
            relational=lambda: self.relational,
            environment=lambda: None,  # type: ignore[arg-type,return-value]
            user="postgres",
            database="postgres",
            pid=1,
            transaction_us=NOW_US,
            statement_us=NOW_US,
            clock_us=lambda: NOW_US,
            cancelled=self.cancelled,
            random=lambda: 0.5,
            parameters=parameters,
        )

    def define(self, sql: str) -> None:
        """A CREATE TABLE without rows, or an INSERT of constants into such a table."""
        statement = self.bind(sql)
        if isinstance(statement, bound.Insert):
            batches = list(self.run(statement.source))
            self.rows[statement.target.table.name] = pa.Table.from_batches(batches)
        else:
            self.catalog = statement.catalog or self.catalog.with_relation(*statement.changed)

    def run(
        self, query: bound.Query, parameters: Sequence[Any] = ()
    ) -> Iterator[pa.RecordBatch]:
        context = self.context(parameters)
        return self.relational.run(query, dict(self.sources(query)), context, {})

    def sources(self, query: bound.Query) -> Iterator[tuple[int, pa.Table]]:
        used = used_columns(query)
        for scan in scans(query):
            rows = self.rows[scan.table.name]
            names = [f"c{ordinal}" for ordinal in sorted(used.get(scan.relation_id, ()))]
            if not names:
                yield scan.relation_id, pa.table({"c_": pa.nulls(rows.num_rows, pa.bool_())})
            else:
                yield scan.relation_id, rows.select(names)

    def answer(self, sql: str, parameters: Sequence[Any] = (), oids: Sequence[int] = ()) -> list[list[Any]]:
        """Rows of output texts; None for NULL. Every batch has the Arrow forms of the output types."""
        query = self.bind(sql, oids)
        shown = []
        for batch in self.run(query, parameters):
            columns = []
            for column, output in zip(batch.columns, query.columns, strict=True):
                definition = output.type.definition
                assert column.type == definition.arrow(output.type.typmod), output
                datums = definition.from_arrow(column)
                columns.append([None if d is None else definition.render(d) for d in datums])
            shown += [list(row) for row in zip(*columns, strict=True)]
        return shown


def scans(node: Any) -> Iterator[bound.TableScan]:
    """Every table of a bound tree."""
    if isinstance(node, bound.TableScan):
        yield node
    elif isinstance(node, tuple):
        for item in node:
            yield from scans(item)
    elif hasattr(node, "__dataclass_fields__") and not isinstance(node, Table):
        for part in fields(node):
            yield from scans(getattr(node, part.name))


def new_world(directory: Path) -> World:
    world = World(RelationalEngine(str(directory), EngineLimits()))
    for sql in WORLD_SQL:
        world.define(sql)
    return world


# ---------------------------------------------------------------- recorded answers


@dataclass(frozen=True)
class Answer:
    """rows is None where the statement fails with error: (SQLSTATE, message)."""

    sql: str
    rows: list[list[str | None]] | None
    error: tuple[str, str] | None

    @property
    def ordered(self) -> bool:
        return " order by " in self.sql


def read_answers() -> list[Answer]:
    found = []
    for block in ANSWERS.read_text().split("\n\n"):
        sql, *lines = block.strip("\n").split("\n")
        if not sql or sql.startswith(("#", "--")):
            continue
        if lines[0].startswith("! "):
            state, _, message = lines[0][2:].partition(" ")
            found.append(Answer(sql, None, (state, message)))
        else:
            rows = [] if lines == ["(no rows)"] else [_row(line) for line in lines]
            found.append(Answer(sql, rows, None))
    return found


def _row(line: str) -> list[str | None]:
    return [None if text == "\\N" else _unescaped(text) for text in line.split("\t")]


def _unescaped(text: str) -> str:
    marks = {"t": "\t", "n": "\n", "\\": "\\", "E": ""}
    return re.sub(r"\\(.)", lambda match: marks[match[1]], text)
