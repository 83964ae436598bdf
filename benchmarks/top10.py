"""The nearest ten, at equal recall: of one connection, of eight, and in the simple protocol."""

from __future__ import annotations

from typing import Any

from pgvector import Vector

from benchmarks.connections import sweep_connections
from benchmarks.measure import Line, Pair
from benchmarks.sweep import Point, line_at, sweep
from benchmarks.wordnet import Wordnet

SQL = "SELECT id FROM docs ORDER BY embedding <=> %s LIMIT 10"
EF_SEARCH = (16, 24, 40, 64, 100, 200)
AROUND = (16, 40, 64, 100)  # on both sides of 0.95, for what is asked at that recall alone
GOALS = {0.90: 5.0, 0.95: 5.0, 0.99: 8.0}
CONNECTIONS, CONNECTIONS_GOAL, TEXT_GOAL = 8, 5.0, 3.0


def run(pair: Pair, data: Wordnet) -> tuple[list[Line], dict[str, Any]]:
    """Lines, and the points that they are read off: sweep, connections, text."""
    exact = data.nearest(10)
    points = sweep(pair, SQL, list(data.question_vectors), exact, EF_SEARCH)
    around = [point for point in points if point["ef"] in AROUND]
    many = sweep_connections(pair, SQL, data.question_vectors, around, CONNECTIONS)
    # How long a client takes to render a vector is not what is asked about: it is given the text.
    texts = [Vector(vector).to_text() for vector in data.question_vectors]
    text = sweep(pair, SQL, texts, exact, AROUND, simple=True)
    lines = [_line("top-10", points, recall, goal) for recall, goal in GOALS.items()]
    lines.append(_line(f"top-10, {CONNECTIONS} connections", many, 0.95, CONNECTIONS_GOAL))
    lines.append(_line("top-10, text in the simple protocol", text, 0.95, TEXT_GOAL))
    return lines, {"sweep": points, "connections": many, "text": text}


def _line(question: str, points: list[Point], recall: float, goal: float) -> Line:
    return line_at(question, (points, "sqlvec"), (points, "pgvector"), recall, goal)
