"""Rates and times of two servers in turn, and what is shown of them.

Absolute figures depend on the machine and the hour; the ratios are what to read. Rounds alternate
between the servers, and medians are taken.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import psycopg

ROUNDS = 3
ASKED_MIN = 10
SERVERS = ("sqlvec", "pgvector")
Found = list[list[Any]]


@dataclass(slots=True)
class Pair:
    """Both servers: their addresses, one connection to each."""

    dsns: dict[str, str]
    connections: dict[str, psycopg.Connection]

    def execute(self, sql: str) -> None:
        for connection in self.connections.values():
            connection.execute(sql)


@dataclass(slots=True)
class Line:
    """One line of the table. ratio above 1: sqlvec is ahead; goal: what the ratio is meant to reach."""

    question: str
    sqlvec: str
    pgvector: str
    ratio: float
    detail: dict[str, Any] = field(default_factory=dict)
    goal: float | None = None


def seconds_line(question: str, seconds: dict[str, float]) -> Line:
    """Less is better."""
    shown = [f"{seconds[name]:.3g} s" for name in SERVERS]
    return Line(question, *shown, seconds["pgvector"] / seconds["sqlvec"], {"seconds": seconds})


def limit_line(question: str, value: float, limit: float, unit: str) -> Line:
    """What is to stay below a limit. ratio above 1: it does."""
    shown = f"{value:.3g} {unit}", f"limit {limit:g} {unit}"
    return Line(question, *shown, limit / value, {"value": value}, 1.0)


def floor_line(question: str, value: float, floor: float) -> Line:
    """What is to reach a floor. ratio above 1: it does."""
    return Line(
        question, f"{value:.3f}", f"at least {floor:g}", value / floor, {"value": value}, 1.0
    )


def rate_line(
    question: str, rates: dict[str, float], recalls: dict[str, float] | None = None
) -> Line:
    """More is better; recalls are shown beside the rates."""
    shown = [f"{rates[name]:.0f}/s" for name in SERVERS]
    if recalls:
        shown = [f"{rates[name]:.0f}/s at recall {recalls[name]:.3f}" for name in SERVERS]
    detail = {"rates": rates, "recall": recalls or {}}
    return Line(question, *shown, rates["sqlvec"] / rates["pgvector"], detail)


def in_turn(measure: Callable[[str], float], rounds: int = ROUNDS) -> dict[str, float]:
    """The median of what `measure` says of each server, asked in turn."""
    values: dict[str, list[float]] = {name: [] for name in SERVERS}
    for _ in range(rounds):
        for name in SERVERS:
            values[name].append(measure(name))
    return {name: statistics.median(some) for name, some in values.items()}


def timed(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def rates(
    pair: Pair, statements: dict[str, tuple[str, Sequence[Any]]], *, simple: bool = False
) -> tuple[dict[str, float], dict[str, Found]]:
    """Queries a second of one connection, and the first column of the rows. statements: by server,
    the text and the parameters of each query. They are prepared and binary, or whole texts in the
    simple protocol."""
    found: dict[str, Found] = {}

    def measure(name: str) -> float:
        value, found[name] = rate(pair.connections[name], *statements[name], simple=simple)
        return value

    return in_turn(measure), found


def rate(
    connection: psycopg.Connection,
    sql: str,
    parameters: Sequence[Any],
    *,
    simple: bool = False,
    seconds: float = math.inf,
) -> tuple[float, Found]:
    """rates() of one server, once; the first ASKED_MIN questions, and others as long as there is time."""
    cursor = psycopg.ClientCursor(connection) if simple else connection.cursor(binary=True)
    cursor.execute(sql, parameters[0], prepare=not simple).fetchall()
    answers: Found = []
    started = perf_counter()
    for some in parameters:
        if len(answers) >= ASKED_MIN and perf_counter() - started > seconds:
            break
        answers.append([row[0] for row in cursor.execute(sql, some, prepare=not simple).fetchall()])
    return len(answers) / (perf_counter() - started), answers


def recall(found: Found, exact: np.ndarray) -> float:
    """The mean share of the exact answer that was found."""
    pairs = zip(found, exact, strict=True)
    return float(np.mean([len(set(some) & set(best.tolist())) / len(best) for some, best in pairs]))
