"""One HNSW graph: here are the vectors of a shard, give me the nearest rows of a row set.

The graph holds links only; vectors are given with each call and stay raw (cosine keeps 1/norm a row). Walks
read codes of the vectors (index.hnsw.quantizer), made when they are first needed; all that a walk finds is then
ordered by exact distances. Codes can be changed at any time, the links stay.
Rows are offered in row-id order: `linked` counts those offered. Rows that are absent, and under cosine zero
vectors, are offered but not linked. Searching while one thread links is safe: a search works on the arrays
it found, growth swaps them, and rows linked meanwhile are simply not all seen.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqlvec.catalog.operator_classes import QUANTIZATIONS
from sqlvec.index.hnsw.arrays import (
    Arrays,
    Workspace,
    draw_levels,
    empty_arrays,
    grown,
    packed,
    unmarked,
)
from sqlvec.index.hnsw.changes import GraphChanges
from sqlvec.index.hnsw.quantizer import RESCORE_DEFAULTS, TRAINED, Quantizer, opened, untrained
from sqlvec.index.hnsw.recall import RecallMeter
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.distance import (
    COSINE,
    INNER_PRODUCT,
    METRICS,
    code_scan,
    flat_search,
    inverse_norms,
)
from sqlvec.kernels.hnsw import FILTERED, PLAIN, TWO_HOP, link_rows, walk
from sqlvec.kernels.hnsw_repair import clear_nodes, mark_targets, repair_nodes

EF_WIDER = 1.25  # the walk looks so much farther than asked: then it finds what pgvector's finds at the same ef
FLAT_ROWS_MAX = 12_000  # an exact scan of fewer rows is about as fast as a walk, and exact
FLAT_VECTORS_MAX = 3_000  # the same where the scan would read vectors and the walk reads few of them
WALK_SHARE_MIN = 0.12  # below this share of allowed rows the two-hop walk is cheaper
TWO_HOP_EF_FACTOR = 3
PROBE_ROWS_EXPECTED = 8  # of a neighborhood, if the filter knows nothing of the query
PROBE_SHARE_MIN = 0.3  # below this part of what was expected a filter is taken for one that keeps away
PROBE_ROWS_MAX = 512
ENCODED_ROWS = 4_096  # between two looks at cancelled()
_SEED_ROWS = 256  # linked by one thread before others join, so that all find an entry


_STRATEGIES = {PLAIN: "walk", FILTERED: "filtered walk", TWO_HOP: "two-hop walk"}
_FAR = "rows far from the query"
_NO_DIRECTION = "some of the rows, and no metric that leads to them"
_INCOMPLETE = "a walk did not find enough"
_NO_WORDS = np.zeros(1, np.uint64)


@dataclass(slots=True)
class SearchResult:
    """Nearest first; distances are exact (f64). strategy: exact, walk, filtered walk, two-hop walk; reason:
    why it was taken, for EXPLAIN."""

    row_ids: np.ndarray
    distances: np.ndarray
    strategy: str
    distances_computed: int
    reason: str = ""


class HnswGraph:
    """See the module. Not to be linked by two callers at once; link() takes care of its own threads."""

    def __init__(
        self, metric: str, dims: int, m: int, ef_construction: int, seed: int, arrays: Arrays
    ) -> None:
        self.metric = metric
        self.number = METRICS[metric]
        self.dims = dims
        self.m = m
        self.ef_construction = ef_construction
        self.seed = seed
        self.state = np.array([0, -1], np.int64)
        self._linked = 0
        self._cleared = 0  # nodes taken out, of the rows offered
        self._taken = (0, 0)  # rows offered, and upper rows in use, when changes were last taken
        self._arrays = arrays
        self._spare: list[Workspace] = []
        self._link_lock = threading.Lock()
        self._swap_lock = threading.Lock()
        self.rescore = RESCORE_DEFAULTS[arrays.quantizer.name]  # a walk keeps so many times ef rows
        self.walks_by = arrays.quantizer.name  # for EXPLAIN
        self.recall = RecallMeter()

    @classmethod
    def create(
        cls,
        metric: str,
        dims: int,
        m: int = 16,
        ef_construction: int = 64,
        seed: int = 0,
        quantization: str = "int8",
    ) -> HnswGraph:
        """One that has no rows; a quantization that learns is adopt()ed later."""
        quantizer = untrained(quantization, METRICS[metric], dims)
        return cls(metric, dims, m, ef_construction, seed, empty_arrays(quantizer, m))

    @property
    def quantizer(self) -> Quantizer:
        """What walks go by."""
        return self._arrays.quantizer

    @property
    def linked(self) -> int:
        """Rows [0, linked) were offered."""
        return self._linked

    @property
    def taken_out(self) -> int:
        """Dead nodes that are no part of the graph any more."""
        return self._cleared

    # ---------------------------------------------------------------- keeping

    def arrays(self) -> dict[str, np.ndarray]:
        """What a snapshot keeps; rows beyond `linked` are not in it."""
        with self._link_lock:
            arrays, linked, coded = self._arrays, self._linked, 0
            quantizer = arrays.quantizer
            if quantizer.coded and arrays.coded >= linked:
                coded = linked
            settings = [self.number, self.dims, self.m, self.ef_construction, self.seed, linked]
            settings += [self.state.item(1), self._cleared]
            settings += [QUANTIZATIONS.index(quantizer.name), quantizer.trained]
            scales = arrays.scales[:linked] if self.number == COSINE else arrays.scales
            return {
                "settings": np.array(settings, np.int64),
                "links": arrays.links[:linked].copy(),
                "upper": arrays.upper[: arrays.upper_used].copy(),
                "offsets": arrays.offsets[:linked].copy(),
                "levels": arrays.levels[:linked].copy(),
                "scales": scales.copy(),
                "codes": arrays.codes[:coded].copy(),
                "factors": arrays.factors[:coded].copy(),
                **quantizer.kept(),
            }

    def selected(self, row_ids: np.ndarray) -> dict[str, np.ndarray] | None:
        """arrays() of a graph of these rows (ascending) alone, numbered from 0 on, with the links among them;
        None when the entry point is none of them. Nothing is linked again, so rows that are left out should
        have been reconnected around."""
        kept = self.arrays()
        settings, levels = kept["settings"].copy(), kept["levels"]
        rows = row_ids[row_ids < len(levels)]
        numbers = np.full(len(levels) + 1, -1, np.int32)  # the last is that of no row
        numbers[rows] = np.arange(len(rows), dtype=np.int32)
        entry = int(settings[6])
        if entry >= 0:
            place = int(numbers[entry & 0xFFFFFFFF])
            if place < 0:
                return None
            settings[6] = place | entry >> 32 << 32
        settings[5], settings[7] = len(rows), 0
        heights = levels[rows].astype(np.int64)
        ends = np.cumsum(heights)
        upper = np.repeat(kept["offsets"][rows] - (ends - heights), heights) + np.arange(heights.sum())
        coded = rows if len(kept["codes"]) else rows[:0]
        return kept | {
            "settings": settings,
            "links": packed(numbers[kept["links"][rows]]),
            "upper": packed(numbers[kept["upper"][upper]]),
            "offsets": ends - heights,
            "levels": levels[rows],
            "scales": kept["scales"][rows] if self.number == COSINE else kept["scales"],
            "codes": kept["codes"][coded],
            "factors": kept["factors"][coded],
        }

    @classmethod
    def from_arrays(cls, kept: dict[str, np.ndarray]) -> HnswGraph:
        """Opens a snapshot; the arrays are used as they are until the next link()."""
        settings = [*map(int, kept["settings"]), 1, 0]  # files from before there were others have bytes
        number, dims, m, ef_construction, seed, linked, entry, cleared, codes, trained = settings[:10]
        metric = next(name for name, n in METRICS.items() if n == number)
        arrays = Arrays(
            kept["links"], kept["upper"], kept["offsets"], kept["levels"], kept["scales"],
            np.zeros(1, np.int32), opened(kept, codes, number, dims, trained), kept["codes"],
            kept["factors"], *unmarked(0, 0), len(kept["upper"]), len(kept["codes"]),
        )  # fmt: skip
        graph = cls(metric, dims, m, ef_construction, seed, arrays)
        graph._linked = linked
        graph._taken = (linked, arrays.upper_used)
        graph._cleared = cleared
        graph.state[1] = entry
        return graph

    @property
    def has_changes(self) -> bool:
        """Whether take_changes() would give any."""
        return self._linked != self._taken[0]

    def take_changes(self) -> GraphChanges | None:
        """What linking did since this was last called; None when it did nothing."""
        with self._link_lock:
            arrays, linked = self._arrays, self._linked
            low, upper_low = self._taken
            self._taken = (linked, arrays.upper_used)
            rows = np.flatnonzero(arrays.changed[:linked]).astype(np.int32)
            if linked == low and not len(rows):
                return None
            upper_rows = np.flatnonzero(arrays.changed_upper[: arrays.upper_used]).astype(np.int32)
            arrays.changed[rows] = 0
            arrays.changed_upper[upper_rows] = 0
            scales = arrays.scales[low:linked] if self.number == COSINE else arrays.scales[:0]
            return GraphChanges(
                low, linked, upper_low, self.state.item(1), rows, arrays.links[rows], upper_rows,
                arrays.upper[upper_rows], scales.copy(),
            )  # fmt: skip

    def apply(self, changes: GraphChanges) -> bool:
        """Brings a graph that was just opened forward; False, and no change, when others are missing between."""
        if changes.low > self._linked or changes.upper_low != self._arrays.upper_used:
            return False
        self._reserve(changes.low, changes.high)
        arrays = self._arrays
        arrays.links[changes.rows] = changes.links
        arrays.upper[changes.upper_rows] = changes.upper
        if self.number == COSINE:
            arrays.scales[changes.low : changes.high] = changes.scales
        arrays.coded = min(arrays.coded, changes.low)
        self.state[1] = changes.entry
        self._linked = changes.high
        self._taken = (changes.high, arrays.upper_used)
        return True

    # ---------------------------------------------------------------- removing

    def reconnect(self, vectors: np.ndarray, dead: RowSet, low: int, high: int) -> int:
        """Reconnects the live nodes [low, high) around the dead ones; returns how many chose anew. When all
        rows have been passed over, take_out() follows."""
        with self._link_lock:
            self._encoded(vectors)
            self._reserve(self._linked, self._linked)
            arrays, words = self._arrays, dead.extend(len(self._arrays.offsets)).words
            self._leave_entry(dead)
            done = 0
            for level in range(int(arrays.levels[low:high].max(initial=0)) + 1):
                table = arrays.links if level == 0 else arrays.upper
                marks = arrays.changed if level == 0 else arrays.changed_upper
                done += repair_nodes(
                    self.number, vectors, arrays.scales, table, level, arrays.offsets, arrays.levels,
                    low, high, words, marks,
                )  # fmt: skip
            return done

    def take_out(self, vectors: np.ndarray, dead: RowSet, live: RowSet) -> int:
        """Takes the dead nodes out, to which reconnect() has left no link, and links live ones again that
        only they led to. Returns how many were taken out."""
        with self._link_lock:
            arrays, linked = self._arrays, self._linked
            words = dead.extend(len(arrays.offsets)).words
            cleared = clear_nodes(
                arrays.links, arrays.upper, arrays.offsets, arrays.levels, 0, linked, words,
                arrays.changed, arrays.changed_upper,
            )  # fmt: skip
            self._cleared += cleared
            reached = np.zeros(len(arrays.offsets), np.uint8)
            mark_targets(arrays.links, linked, reached)
            rows = live.ids()
            rows = rows[rows < linked]
            if self.number == COSINE:
                rows = rows[arrays.scales[rows] > 0]
            lost = rows[reached[rows] == 0]
            self._run(vectors, lost[lost != (self.state.item(1) & 0xFFFFFFFF)])
            return int(cleared)

    def _leave_entry(self, dead: RowSet) -> None:
        """Moves the entry point off a dead node, to a live one of the highest level."""
        entry = self.state.item(1)
        if entry < 0 or not dead.contains(np.array([entry & 0xFFFFFFFF])).any():
            return
        arrays = self._arrays
        levels = arrays.levels[: self._linked].astype(np.int64)
        levels[arrays.links[: self._linked, 0] < 0] = -1
        ids = dead.ids()
        levels[ids[ids < self._linked]] = -1
        best = int(levels.argmax())
        self.state[1] = best | int(levels[best]) << 32 if levels[best] >= 0 else -1

    def forget_from(self, row_count: int) -> None:
        """Rows from row_count on were offered and are unknown now: none of them was committed, so none was
        linked, and their ids will be given to others."""
        self._linked = min(self._linked, row_count)
        self._arrays.coded = min(self._arrays.coded, self._linked)
        self._taken = (self._linked, self._arrays.upper_used)

    # ---------------------------------------------------------------- linking

    def link(
        self,
        vectors: np.ndarray,
        upto: int,
        present: np.ndarray | None,
        *,
        threads: int = 1,
        budget: int | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> int:
        """Offers rows [linked, upto), at most `budget` of them; returns `linked` after it.

        vectors f32[rows, padded]; present: words of the rows that have a vector, None for all."""
        with self._link_lock:
            self._encoded(vectors)
            high = upto if budget is None else min(upto, self._linked + budget)
            while self._linked < high:
                if cancelled is not None and cancelled():
                    break
                step = min(high, self._linked + 4096)
                self._link_range(vectors, self._linked, step, present, threads)
                self._linked = step
        return self._linked

    def _link_range(
        self, vectors: np.ndarray, low: int, high: int, present: np.ndarray | None, threads: int
    ) -> None:
        self._reserve(low, high)
        arrays = self._arrays
        rows = np.arange(low, high, dtype=np.int64)
        if present is not None:
            chosen = RowSet(present, len(present) * 64).contains(rows)
            rows = rows[chosen]
        arrays.quantizer.encode(vectors, low, high, arrays.codes, arrays.factors)
        arrays.coded = high
        if self.number == COSINE:
            inverse_norms(vectors, low, high, arrays.scales)
            rows = rows[arrays.scales[rows] > 0]
        alone = rows
        if threads > 1 and len(rows) > _SEED_ROWS:
            alone = rows[:_SEED_ROWS] if low == 0 else rows[:0]
        self._run(vectors, alone)
        rest = rows[len(alone) :]
        if not len(rest):
            return
        workers = [
            threading.Thread(target=self._run, args=(vectors, np.ascontiguousarray(rest[i::threads])))
            for i in range(1, threads)
        ]
        for worker in workers:
            worker.start()
        self._run(vectors, np.ascontiguousarray(rest[::threads]))
        for worker in workers:
            worker.join()

    def _run(self, vectors: np.ndarray, rows: np.ndarray) -> None:
        if not len(rows):
            return
        arrays = self._arrays
        ef = max(self.ef_construction, self.m)
        space = self._take(len(arrays.links), ef)
        link_rows(
            self.number, vectors, arrays.scales, *_read(arrays, vectors), arrays.links, arrays.offsets,
            arrays.upper, self.state, arrays.levels, arrays.locks, arrays.changed, arrays.changed_upper,
            rows, ef, space.visited, space.epochs, space.candidates, space.results, space.buffer,
        )  # fmt: skip
        self._spare.append(space)

    def _reserve(self, low: int, high: int) -> None:
        """Room for rows [low, high), with their levels drawn; arrays grow by doubling."""
        with self._swap_lock:
            self._reserve_locked(low, high)

    def _reserve_locked(self, low: int, high: int) -> None:
        old = self._arrays
        levels = draw_levels(np.arange(low, high, dtype=np.uint64), self.m, self.seed)
        needed = old.upper_used + int(levels.sum())
        capacity, upper_rows = len(old.offsets), len(old.upper)
        if len(old.locks) <= capacity:
            # Just opened: locks and marks are made, the arrays stay mapped until they must grow.
            locks = np.zeros(capacity + 1, np.int32)
            changed, changed_upper = unmarked(capacity, upper_rows)
            old = replace(old, locks=locks, changed=changed, changed_upper=changed_upper)
        if high > capacity or needed > upper_rows:
            capacity = max(high, capacity * 2, 1024) if high > capacity else capacity
            upper_rows = max(needed, upper_rows * 2, 256) if needed > upper_rows else upper_rows
            scale_rows = capacity if self.number == COSINE else 1
            old = Arrays(
                grown(old.links, capacity, -1),
                grown(old.upper, upper_rows, -1),
                grown(old.offsets, capacity, 0),
                grown(old.levels, capacity, 0),
                grown(old.scales, scale_rows, 1),
                np.zeros(capacity + 1, np.int32),
                old.quantizer,
                grown(old.codes, capacity if old.quantizer.coded else 0, 0),
                grown(old.factors, capacity if old.quantizer.coded else 0, 0),
                grown(old.changed, capacity, 0),
                grown(old.changed_upper, upper_rows, 0),
                old.upper_used,
                old.coded,
            )
        old.levels[low:high] = levels
        starts = np.cumsum(levels, dtype=np.int64) - levels
        old.offsets[low:high] = old.upper_used + starts
        old.upper_used = needed
        self._arrays = old

    # ---------------------------------------------------------------- searching

    def _take(self, capacity: int, ef: int) -> Workspace:
        """A workspace that is large enough, a used one where possible."""
        while self._spare:
            try:
                space = self._spare.pop()
            except IndexError:
                break
            if len(space.visited) >= capacity and len(space.results) >= ef + 8:
                return space
        return Workspace.make(capacity, ef)

    def search(
        self,
        vectors: np.ndarray,
        query: np.ndarray,
        k: int,
        ef: int,
        allowed: RowSet | None,
        strategy: str = "auto",
    ) -> SearchResult:
        """The k nearest allowed rows among those linked; min(k, allowed and linked) of them.

        query f32[padded]. Few allowed rows are scanned exactly; many are found by a walk that falls back to
        the exact scan when it does not come to an end."""
        linked = self._linked
        count = linked if allowed is None else min(allowed.count, linked)
        ef = math.ceil(max(ef, k) * self.rescore * EF_WIDER)
        if count == 0 or self.state[1] < 0:
            return self._exact(vectors, query, k, allowed, "no graph")
        if strategy == "exact":
            return self._exact(vectors, query, k, allowed, "asked for")
        if allowed is None or allowed.count >= linked:
            found = self._walk_in(PLAIN, vectors, query, k, ef, None, 0)
            if len(found.row_ids) >= min(k, linked):
                return found
            return self._exact(vectors, query, k, RowSet.full(linked), _INCOMPLETE, found)
        few = FLAT_VECTORS_MAX if self._arrays.quantizer.name in TRAINED else FLAT_ROWS_MAX
        if count <= max(min(few, FLAT_ROWS_MAX), 2 * k):
            return self._exact(vectors, query, k, allowed, "few rows")
        most, share = min(k, count), count / (linked - self._cleared)
        if share >= WALK_SHARE_MIN:
            found = self._walk_in(FILTERED, vectors, query, most, ef, allowed, count // 2)
            found.reason = "many rows"
            if len(found.row_ids) == most:
                return found
            return self._exact(vectors, query, k, allowed, _FAR, found)
        if self.number == INNER_PRODUCT:
            return self._exact(vectors, query, k, allowed, _NO_DIRECTION)
        probed, expected = self._probe(vectors, query, allowed, share)
        if len(probed.row_ids) < expected * PROBE_SHARE_MIN:
            return self._exact(vectors, query, k, allowed, _FAR, probed)
        wide = min(ef * TWO_HOP_EF_FACTOR, 4096)
        found = self._walk_in(TWO_HOP, vectors, query, most, wide, allowed, count)
        found.distances_computed += probed.distances_computed
        found.reason = "some of the rows, near the query too"
        if len(found.row_ids) == most:
            return found
        return self._exact(vectors, query, k, allowed, _INCOMPLETE, found)

    def _probe(
        self, vectors: np.ndarray, query: np.ndarray, allowed: RowSet, share: float
    ) -> tuple[SearchResult, float]:
        """The allowed ones of the query's neighborhood, and how many a filter that knows nothing of the query
        would leave of it. One that leaves far fewer keeps away from the query: the graph of what it allows
        would be entered far from the nearest, and lead nowhere."""
        size = int(min(max(PROBE_ROWS_EXPECTED / share, 64), PROBE_ROWS_MAX))
        found = self._walk_in(PLAIN, vectors, query, size, size, None, 0)
        inside = found.row_ids[found.row_ids < allowed.row_count]
        found.row_ids = inside[allowed.contains(inside)]
        return found, size * share

    def adopt(
        self,
        quantizer: Quantizer,
        rescore: int,
        vectors: Callable[[], Any],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Has walks go by another quantizer, over the same links; false when cancelled. vectors gives those of
        all linked rows, or None when the graph is no longer in use. Searches and linking go on meanwhile, by
        the codes that there are."""
        codes, factors = quantizer.empty()
        done = 0
        while True:
            rows, upto, capacity = vectors(), self._linked, len(self._arrays.offsets)
            if rows is None:
                return False
            if quantizer.coded and capacity > len(codes):
                codes, factors = grown(codes, capacity, 0), grown(factors, capacity, 0)
            while quantizer.coded and done < upto:
                if cancelled():
                    return False
                step = min(done + ENCODED_ROWS, upto)
                quantizer.encode(rows, done, step, codes, factors)
                done = step
            with self._link_lock, self._swap_lock:
                arrays, linked = self._arrays, self._linked
                if quantizer.coded and linked > done:
                    continue  # more came in; each round has fewer of them
                if quantizer.coded and len(codes) < len(arrays.offsets):
                    codes = grown(codes, len(arrays.offsets), 0)
                    factors = grown(factors, len(arrays.offsets), 0)
                self._arrays = replace(
                    arrays, quantizer=quantizer, codes=codes, factors=factors, coded=linked
                )
                self.rescore = rescore
                break
        self.explain("")
        self.recall.forget_curve()
        return True

    def set_rescore(self, rescore: int) -> None:
        if self.rescore != rescore:
            self.rescore = rescore
            self.recall.forget_curve()

    def explain(self, reason: str) -> None:
        """Notes why it has the codes that it has, if not because its definition says so."""
        name = self.quantizer.name
        self.walks_by = f"{name} ({reason})" if reason else name

    def memory(self) -> tuple[int, int]:
        """Bytes of the codes that walks read, and of the links, of the rows that are linked."""
        arrays, linked = self._arrays, self._linked
        codes = sum(math.prod(a.shape[1:]) * a.itemsize for a in (arrays.codes, arrays.factors))
        learned = sum(array.nbytes for array in arrays.quantizer.kept().values())
        per_row = (arrays.links, arrays.offsets, arrays.levels, arrays.scales)
        links = sum(array[:linked].nbytes for array in per_row)
        upper = arrays.upper[: arrays.upper_used].nbytes
        return (codes * linked + learned if arrays.quantizer.coded else 0), links + upper

    def _encoded(self, vectors: np.ndarray) -> Arrays:
        """The arrays, with the codes of what was linked before the graph was opened."""
        arrays = self._arrays
        if arrays.coded >= self._linked or not arrays.quantizer.coded:
            return arrays
        with self._swap_lock:
            arrays, linked = self._arrays, self._linked
            if arrays.coded < linked:
                capacity = len(arrays.offsets)
                codes, factors = grown(arrays.codes, capacity, 0), grown(arrays.factors, capacity, 0)
                arrays.quantizer.encode(vectors, arrays.coded, linked, codes, factors)
                arrays = replace(arrays, codes=codes, factors=factors, coded=linked)
                self._arrays = arrays
            return arrays

    def _walk_in(
        self,
        mode: int,
        vectors: np.ndarray,
        query: np.ndarray,
        k: int,
        ef: int,
        allowed: RowSet | None,
        budget: int,
    ) -> SearchResult:
        """The k nearest that a walk finds; none when it gave up. Rows that are being linked at this moment
        belong to the queue, not to the answer. Every node that the entry point or a link names lies within
        the arrays, since these are looked at after it."""
        entry, linked = self.state.item(1), self._linked
        arrays = self._encoded(vectors)
        space = self._take(len(arrays.offsets), ef)
        words = _NO_WORDS if allowed is None else allowed.words
        needed = (len(arrays.offsets) + 63) >> 6
        if mode != PLAIN and len(words) < needed:
            words = np.concatenate([words, np.zeros(needed - len(words), np.uint64)])
        ids, distances = np.empty(ef, np.int64), np.empty(ef, np.float64)
        read, factors, aid = _read(arrays, vectors)
        found, computed, _ = walk(
            mode, self.number, vectors, read, factors, query, aid, entry, arrays.offsets, arrays.upper,
            arrays.links, linked, ef, space.visited, space.next_epoch(), space.candidates, space.results,
            space.buffer, words, budget, k, ids, distances,
        )  # fmt: skip
        self._spare.append(space)
        return SearchResult(ids[:found], distances[:found], _STRATEGIES[mode], computed)

    def _exact(
        self,
        vectors: np.ndarray,
        query: np.ndarray,
        k: int,
        allowed: RowSet | None,
        reason: str,
        tried: SearchResult | None = None,
    ) -> SearchResult:
        """Every allowed row is looked at, as a code where there are codes, and exactly where that does not
        decide. tried: a walk that came to nothing."""
        linked = self._linked
        spent = 0 if tried is None else tried.distances_computed
        rows = RowSet.full(linked) if allowed is None else allowed.extend(linked)
        count = rows.count
        arrays = self._arrays
        if arrays.quantizer.name != "int8" or k == 0 or count <= k:
            ids, distances = flat_search(vectors, query, self.metric, rows.words, rows.row_count, k)
            return SearchResult(ids, distances, "exact", spent + count, reason)
        if arrays.coded < linked:
            arrays = self._encoded(vectors)
        ids, distances = np.empty(count, np.int64), np.empty(k, np.float64)
        found, _ = code_scan(
            self.number, vectors, arrays.codes, arrays.factors, query,
            np.empty(len(query), np.int16), rows.words, k, ids, np.empty(count, np.float32), distances,
        )  # fmt: skip
        return SearchResult(ids[:found], distances[:found], "exact", spent + count, reason)


def _read(arrays: Arrays, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
    """What a walk reads: codes and their factors, or the vectors and their scales; with what a query takes."""
    quantizer = arrays.quantizer
    if quantizer.coded:
        return arrays.codes, arrays.factors, quantizer.aid()
    return vectors, arrays.scales, quantizer.aid()
