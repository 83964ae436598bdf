"""The arrays of one HNSW graph, and the room in which one search works."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from sqlvec.index.hnsw.quantizer import Quantizer
from sqlvec.kernels.distance import COSINE
from sqlvec.kernels.hnsw import LEVELS_MAX

CACHE_LINE = 64


@dataclass(slots=True)
class Arrays:
    """What a search reads; replaced as a whole when it grows, and when other codes are to be read."""

    links: np.ndarray  # i32[capacity, 2m]
    upper: np.ndarray  # i32[upper rows, m]
    offsets: np.ndarray  # i64[capacity]
    levels: np.ndarray  # u8[capacity]
    scales: np.ndarray  # f32[capacity], 1/norm; one element unless cosine
    locks: np.ndarray  # i32[capacity + 1]
    quantizer: Quantizer
    codes: np.ndarray  # of the quantizer, [capacity, ...]; no rows where there are none, or none yet
    factors: np.ndarray  # f32[capacity, 2]
    changed: np.ndarray  # u8[capacity], nodes whose links changed since take_changes()
    changed_upper: np.ndarray  # u8[upper rows]
    upper_used: int
    coded: int  # rows below it have their codes


@dataclass(slots=True)
class Workspace:
    """One search at a time works in it."""

    visited: np.ndarray
    epochs: np.ndarray
    candidates: np.ndarray
    results: np.ndarray
    buffer: np.ndarray = field(default_factory=lambda: np.empty(1024, np.int64))

    @classmethod
    def make(cls, capacity: int, ef: int) -> Workspace:
        return cls(
            np.zeros(capacity, np.uint16),
            np.zeros(1, np.int64),
            np.empty(capacity + 64, np.uint64),
            np.empty(ef + 8, np.uint64),
        )

    def next_epoch(self) -> np.uint16:
        epoch = int(self.epochs[0]) + 1
        if epoch > 65535:
            self.visited[:] = 0
            epoch = 1
        self.epochs[0] = epoch
        return np.uint16(epoch)


def empty_arrays(quantizer: Quantizer, m: int) -> Arrays:
    return Arrays(
        np.empty((0, 2 * m), np.int32),
        np.empty((0, m), np.int32),
        np.empty(0, np.int64),
        np.empty(0, np.uint8),
        np.empty(0 if quantizer.metric == COSINE else 1, np.float32),
        np.zeros(0, np.int32),
        quantizer,
        *quantizer.empty(),
        *unmarked(0, 0),
        0,
        0,
    )


def unmarked(nodes: int, upper_rows: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(nodes, np.uint8), np.zeros(upper_rows, np.uint8)


def packed(links: np.ndarray) -> np.ndarray:
    """Rows of links with those that lead nowhere at their end."""
    order = np.argsort(links < 0, axis=1, kind="stable")
    return np.ascontiguousarray(np.take_along_axis(links, order, axis=1))


def grown(array: np.ndarray, rows: int, fill: int) -> np.ndarray:
    """A copy with room for more rows. It begins on a cache line: a row of codes or links then takes no line
    more than it must, and a walk waits for memory more than for anything else. Room that is zero takes no
    memory before it is written to."""
    shape = (rows, *array.shape[1:])
    size = math.prod(shape) * array.itemsize
    raw = np.zeros(size + CACHE_LINE, np.uint8) if fill == 0 else np.empty(size + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    made = raw[start : start + size].view(array.dtype).reshape(shape)
    made[: len(array)] = array
    if fill:
        made[len(array) :] = fill
    return made


def draw_levels(rows: np.ndarray, m: int, seed: int) -> np.ndarray:
    """Levels by the exponential law of the paper, from a hash of the row id (splitmix64): a graph depends on
    nothing but its rows."""
    with np.errstate(over="ignore"):
        z = (rows + np.uint64(seed + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    uniform = (z >> np.uint64(11)).astype(np.float64) / 2.0**53
    levels = (-np.log(np.maximum(uniform, 1e-18)) / np.log(m)).astype(np.int64)
    return np.minimum(levels, LEVELS_MAX).astype(np.uint8)
