"""Run in a process of its own: warms, uses the database in every way that has a kernel, and prints what was
compiled after the warming."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sqlvec.catalog.operator_classes import QUANTIZATIONS
from sqlvec.database import Cluster, Connection
from sqlvec.index.warm import warm, warm_all
from sqlvec.kernels.jit import KERNELS
from sqlvec.storage import quantization as quantization_module

METRICS = {"l2": "<->", "ip": "<#>", "cosine": "<=>", "l1": "<+>"}
DIMS = {"narrow": 3, "wide": 64}
ROWS = 300


def run(connection: Connection, sql: str) -> int:
    """The statements one after the other; the number of rows of the last."""
    count = 0
    for parsed in connection.parse(sql):
        prepared = connection.prepare(parsed)
        result = connection.execute(prepared)
        count = sum(len(batch[0]) for batch in result.batches() if batch)
        connection.wait(result.ticket)
        connection.wait(connection.end_group())
    return count


def vector(row: int, dims: int) -> str:
    return str([(row * 7 + place * 3) % 23 - 11 + row / 100 for place in range(dims)])


def write(connection: Connection) -> None:
    run(connection, "CREATE EXTENSION vector")
    for name, dims in DIMS.items():
        run(connection, f"CREATE TABLE {name} (id int PRIMARY KEY, body text, v vector({dims}))")
        for metric in METRICS:
            index = f"CREATE INDEX {name}_{metric} ON {name}"
            run(connection, f"{index} USING hnsw (v vector_{metric}_ops)")
        run(connection, f"CREATE INDEX ON {name} USING bm25 (body)")
        rows = ", ".join(
            f"({row}, 'red apple {row % 9}', '{vector(row, dims)}')" for row in range(ROWS)
        )
        run(connection, f"INSERT INTO {name} VALUES {rows}, ({ROWS}, 'none', NULL)")


def ask(connection: Connection) -> None:
    for name, dims in DIMS.items():
        for operator in METRICS.values():
            for where in ("", "WHERE id < 20", "WHERE id % 2 = 0", "WHERE body @@@ 'apple'"):
                near = f"v {operator} '{vector(5, dims)}'"
                sql = f"SELECT id, {near} FROM {name} {where} ORDER BY {near} LIMIT 5"
                assert run(connection, sql) == 5, sql
            assert run(connection, f"SELECT id FROM {name} WHERE {near} < 1000")
            fused = f"rrf({near}, body <@> 'apple')"
            assert run(connection, f"SELECT id FROM {name} ORDER BY {fused} DESC LIMIT 5") == 5
        for query in ("apple", '"red apple"', "apple -3", "app*", "apple AND red"):
            assert run(connection, f"SELECT id FROM {name} WHERE body @@@ '{query}'")
            sql = f"SELECT id FROM {name} WHERE id < 99 ORDER BY body <@> 'apple 3' LIMIT 5"
            assert run(connection, sql) == 5


def maintain(connection: Connection) -> None:
    run(connection, "CHECKPOINT")
    run(connection, "VACUUM")
    for job in connection.store.jobs():
        job.run(lambda: False)


def change_codes(connection: Connection, name: str, quantization: str) -> None:
    for metric in ("l2", "ip", "cosine"):
        run(connection, f"ALTER INDEX {name}_{metric} SET (quantization = {quantization})")
    maintain(connection)


def known_signatures() -> dict[Any, set[Any]]:
    return {kernel: set(kernel.signatures) for kernel in KERNELS}


def tell_compiled(before: dict[Any, set[Any]]) -> None:
    for kernel, known in before.items():
        for signature in set(kernel.signatures) - known:
            print(f"{kernel.__module__}.{kernel.__name__}{signature}")


def main(directory: Path) -> None:
    warm()
    before = known_signatures()
    for step in ("write", "delete", "read"):
        cluster = Cluster.open(directory)
        connection = cluster.database("postgres").connect("postgres", 1, b"", {})
        if step == "write":
            write(connection)
            ask(connection)
        elif step == "delete":
            for name in DIMS:
                run(connection, f"DELETE FROM {name} WHERE id % 3 = 1; UPDATE {name} SET body = body")
        maintain(connection)
        ask(connection)
        connection.close()
        cluster.close()
    tell_compiled(before)
    warm_all()
    before = known_signatures()
    quantization_module.TRAINING_ROWS_MIN = 100
    for quantization in QUANTIZATIONS:
        for step in ("change", "read"):
            cluster = Cluster.open(directory)
            connection = cluster.database("postgres").connect("postgres", 1, b"", {})
            if step == "change":
                ask(connection)
                change_codes(connection, "wide", quantization)
            ask(connection)
            held = run(connection, f"SELECT 1 FROM sqlvec_index_memory WHERE quantization = '{quantization}'")
            assert held >= 3, quantization
            connection.close()
            cluster.close()
    tell_compiled(before)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
