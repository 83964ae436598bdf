"""The nearest ten of some of the rows: queries a second and recall, by which rows and how many.

    random            a column of random numbers
    correlated        the rows that are nearest to where the questions lie (benchmarks.correlation)
    anti-correlated   those that are farthest from there
    pos, lexname      columns of WordNet, as they are

All columns have a btree index. Each server gets the setting that serves it best in each cell: of
those with a recall of 0.95 the fastest, and where none has it the one with the best recall. Where
PostgreSQL's planner takes the btree and sorts, being as fast is the goal; where it walks its graph,
five times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import psycopg

from benchmarks.exact import nearest
from benchmarks.measure import SERVERS, Found, Line, Pair, in_turn, rate, rate_line, recall
from benchmarks.wordnet import Wordnet

QUESTIONS = 60
SECONDS = 2.0  # of one measurement, at most
TARGET = 0.95
WALKS_GOAL, EXACT_GOAL = 5.0, 1.0
SHARES = (0.5, 0.1, 0.01, 0.001)
POS = ("n", "v", "s", "a", "r")
LEXNAMES = ("adj.all", "noun.person", "noun.food", "verb.motion", "verb.weather")
INDEXED = ("luck", "closeness", "pos", "lexname")
GRAPH = "docs_embedding_idx"
WIDTH = "SET hnsw.ef_search = {}"
ITERATIVE = "SET hnsw.iterative_scan = {}; SET hnsw.ef_search = {}; SET hnsw.max_scan_tuples = {}"
SETTINGS = {
    "sqlvec": [WIDTH.format(ef) for ef in (40, 64, 100, 200)],
    "pgvector": [
        ITERATIVE.format("off", 200, 20_000),
        *(
            ITERATIVE.format(order, ef, 20_000)
            for order in ("relaxed_order", "strict_order")
            for ef in (40, 100, 200)
        ),
        ITERATIVE.format("relaxed_order", 200, 200_000),
    ],
}


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """Some rows, and those who ask for the nearest of them. kind: the curve that it belongs to."""

    title: str
    kind: str
    where: str
    rows: np.ndarray  # i64, ids
    questions: np.ndarray


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting and what was measured with it. walks: whether PostgreSQL's plan reads the graph."""

    setting: str
    rate: float
    recall: float
    walks: bool


def run(pair: Pair, data: Wordnet) -> list[Line]:
    for column in INDEXED:
        pair.execute(f"CREATE INDEX ON docs ({column})")
    pair.execute("ANALYZE docs")
    return [_line(pair, data, cell) for cell in cells(data)]


def cells(data: Wordnet) -> list[Cell]:
    """Those that have rows; a part of the documents may have none of a kind."""
    some, near = data.question_vectors[:QUESTIONS], data.near_vectors[:QUESTIONS]
    made = []

    def add(title: str, kind: str, where: str, mask: np.ndarray, questions: np.ndarray) -> None:
        if mask.any():
            made.append(Cell(title, kind, where, np.flatnonzero(mask), questions))

    for share in SHARES:
        title, rest = f"{100 * share:g} % of the rows", 1 - share
        add(f"{title}, random", "random", f"luck < {share:g}", data.luck < share, some)
        inside, outside = data.closeness < share, data.closeness >= rest
        add(f"{title}, correlated", "correlated", f"closeness < {share:g}", inside, near)
        add(f"{title}, anti-correlated", "anti-correlated", f"closeness >= {rest:g}", outside, near)
    for column, values in (("pos", POS), ("lexname", LEXNAMES)):
        there = np.array(getattr(data, column))
        for value in values:
            where = f"{column} = '{value}'"
            add(f"the rows with {where}", "natural", where, there == value, some)
    return made


def _line(pair: Pair, data: Wordnet, cell: Cell) -> Line:
    sql = f"SELECT id FROM docs WHERE {cell.where} ORDER BY embedding <=> %s LIMIT 10"
    exact = nearest(data.vectors, cell.questions, 10, cell.rows)
    asked = [(vector,) for vector in cell.questions]
    chosen = {name: _best(pair, name, sql, asked, exact) for name in SERVERS}
    found: dict[str, Found] = {}

    def measure(name: str) -> float:
        value, found[name] = _ask(pair.connections[name], chosen[name].setting, sql, asked)
        return value

    both = in_turn(measure)
    recalls = {name: recall(found[name], exact[: len(found[name])]) for name in SERVERS}
    line = rate_line(f"top-10 of {cell.title}", both, recalls)
    line.goal = WALKS_GOAL if chosen["pgvector"].walks else EXACT_GOAL
    if not chosen["pgvector"].walks:
        line.pgvector += ", btree"
    for name, shown in (("sqlvec", line.sqlvec), ("pgvector", line.pgvector)):
        if chosen[name].recall < TARGET:
            setattr(line, name, f"{shown}, its best recall")
    settings = {name: choice.setting for name, choice in chosen.items()}
    share = len(cell.rows) / len(data.vectors)
    line.detail |= {"share": share, "kind": cell.kind, "settings": settings}
    return line


def _best(
    pair: Pair, name: str, sql: str, asked: list[tuple[np.ndarray]], exact: np.ndarray
) -> Choice:
    choices: list[Choice] = []
    connection = pair.connections[name]
    for setting in SETTINGS[name]:
        connection.execute(setting)
        walks = name != "pgvector" or _walks(connection, sql, asked[0])
        if not walks and any(not choice.walks for choice in choices):
            continue  # what a graph is told makes no difference to an exact plan
        value, found = _ask(connection, setting, sql, asked)
        choices.append(Choice(setting, value, recall(found, exact[: len(found)]), walks))
    return best(choices)


def best(choices: list[Choice]) -> Choice:
    """The fastest that finds enough, or else the one that finds most."""
    enough = [choice for choice in choices if choice.recall >= TARGET]
    if enough:
        return max(enough, key=lambda choice: choice.rate)
    return max(choices, key=lambda choice: (choice.recall, choice.rate))


def _ask(
    connection: psycopg.Connection, setting: str, sql: str, asked: list[tuple[np.ndarray]]
) -> tuple[float, Found]:
    """Under a setting, which is part of the text: a prepared statement may keep its plan."""
    connection.execute(setting)
    return rate(connection, f"{sql} /* {setting} */", asked, seconds=SECONDS)


def _walks(connection: psycopg.Connection, sql: str, parameters: tuple[np.ndarray]) -> bool:
    plan = connection.execute(f"EXPLAIN {sql}", parameters).fetchall()
    return any(GRAPH in row[0] for row in plan)
