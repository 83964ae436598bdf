import math

import numpy as np

from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.part import build_part
from sqlvec.index.bm25.statistics import Scope, Statistics
from sqlvec.index.row_set import RowSet

ROWS = ["cat", "cat dog", None, "", "dog dog dog", "cat bird"]
PARTS = (
    build_part(0, [ROWS[:2]], Analysis("simple")),
    build_part(2, [ROWS[2:]], Analysis("simple")),
)


def counted(*rows: int, row_count: int = 6) -> Statistics:
    return Statistics(PARTS, RowSet.from_ids(np.array(rows, np.int64), row_count))


def idf(rows: int, doc_freq: int) -> float:
    return math.log(1 + (rows - doc_freq + 0.5) / (doc_freq + 0.5))


def test_rows_without_a_term_are_not_counted():
    whole = Statistics(PARTS, RowSet.full(6))
    assert (whole.texts, Scope(whole).average(0)) == ([4], 8 / 4)
    assert Scope(whole).idfs(["cat", "bird", "fish"], (0,)) == [
        idf(4, 3),
        idf(4, 1),
        0.0,
    ]


def test_only_visible_rows_are_counted():
    some = counted(0, 2, 4)
    assert (some.texts, Scope(some).average(0)) == ([2], 4 / 2)
    assert Scope(some).idfs(["cat", "dog", "bird"], (0,)) == [idf(2, 1), idf(2, 1), 0.0]
    assert Scope(counted()).average(0) == 1.0


def test_rows_beyond_the_row_set_are_not_visible():
    early = counted(0, 1, 2, row_count=3)
    assert early.texts == [2]
    assert Scope(early).idfs(["dog"], (0,)) == [idf(2, 1)]
    assert len(early.padded(RowSet.full(3))) == 1


def test_a_term_knows_its_place_in_each_part():
    term, missing = Statistics(PARTS, RowSet.full(6)).terms(["bird", "fish"])
    assert term.numbers[0] < 0 and (term.numbers[1], 1) == PARTS[1].find(["bird"])[0]
    assert term.posting_counts == (0, 1)
    assert missing.posting_counts == (0, 0)


def test_statistics_fit_the_same_objects_only():
    visible = RowSet.full(6)
    statistics = Statistics(PARTS, visible)
    assert statistics.fits(PARTS, visible)
    assert not statistics.fits(PARTS, RowSet.full(6))
    assert not statistics.fits(PARTS[:1], visible)


def test_the_cache_of_terms_is_bounded(monkeypatch):
    monkeypatch.setattr("sqlvec.index.bm25.statistics._CACHE_MAX", 4)
    statistics = Statistics(PARTS, RowSet.full(6))
    for i in range(50):
        assert statistics.terms([f"x{i}", "cat"])[1].doc_freq == 3
        assert len(statistics._terms) <= 6
