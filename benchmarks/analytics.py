"""Questions of a dashboard over a million rows."""

from __future__ import annotations

import numpy as np
import psycopg

from benchmarks.measure import Line, Pair, in_turn, seconds_line, timed

ROWS = 1_000_000
CUSTOMERS = 10_000
SALES = """CREATE TABLE sales (
    id int PRIMARY KEY, customer int, region text, amount float8, at timestamp)"""
QUESTIONS = {
    "group by": """SELECT region, count(*), sum(amount), avg(amount) FROM sales
        GROUP BY region ORDER BY region""",
    "by month": "SELECT date_trunc('month', at) m, sum(amount) FROM sales GROUP BY m ORDER BY m",
    "top 3 of each group": """SELECT region, customer, total FROM (
        SELECT region, customer, sum(amount) AS total,
            row_number() OVER (PARTITION BY region ORDER BY sum(amount) DESC) AS place
        FROM sales GROUP BY region, customer) ranked WHERE place <= 3 ORDER BY region, place""",
    "join": """SELECT c.segment, count(*), sum(s.amount)
        FROM sales s JOIN customers c ON c.id = s.customer GROUP BY c.segment ORDER BY c.segment""",
    "window": """SELECT max(running) FROM (
        SELECT sum(amount) OVER (PARTITION BY customer ORDER BY at) AS running FROM sales) s""",
}


def run(pair: Pair, rows: int = ROWS) -> list[Line]:
    random = np.random.default_rng(7)
    customers = random.integers(0, CUSTOMERS, rows)
    regions = random.integers(0, 12, rows)
    amounts = random.integers(1, 100_000, rows) / 100
    days = np.datetime64("2023-01-01") + random.integers(0, 730, rows)
    columns = zip(range(rows), customers, regions, amounts, days, strict=True)
    sales = "".join(f"{i}\t{c}\tr{r}\t{a:.2f}\t{d}\n" for i, c, r, a, d in columns)
    people = "".join(f"{i}\tsegment {i % 5}\n" for i in range(CUSTOMERS))
    for connection in pair.connections.values():
        connection.execute(SALES)
        connection.execute("CREATE TABLE customers (id int PRIMARY KEY, segment text)")
        for table, text in (("sales", sales), ("customers", people)):
            with connection.cursor().copy(f"COPY {table} FROM STDIN") as stream:
                stream.write(text)
            connection.execute(f"ANALYZE {table}")
    shown = []
    for name, sql in QUESTIONS.items():
        seconds = in_turn(lambda server, q=sql: _answered(pair.connections[server], q))
        shown.append(seconds_line(f"{rows:,} rows: {name}", seconds))
    return shown


def _answered(connection: psycopg.Connection, sql: str) -> float:
    return timed(lambda: connection.execute(sql).fetchall())
