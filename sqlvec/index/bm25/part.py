"""A part: the postings of rows [low, high), immutable, over the arrays that layout.py names."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate

import numpy as np

from sqlvec.index.bm25.analysis import Analysis, field_marks
from sqlvec.index.bm25.analyzer import Analyzer
from sqlvec.index.bm25.layout import checked, fixed
from sqlvec.kernels.postings import (
    BARRIER,
    BLOCK,
    GAP,
    build_blocks,
    build_postings,
    cut_postings,
    find_terms,
    move_postings,
    renumber_terms,
    union_terms,
)

_CACHE_MAX = 65_536
Dictionary = tuple[np.ndarray, np.ndarray]  # term_ends, term_bytes
Place = tuple[int, int]


class Part:
    """sealed: the arrays are a segment's; they are checked, and not joined with others."""

    def __init__(
        self, low: int, high: int, arrays: Mapping[str, np.ndarray], *, sealed: bool = False
    ) -> None:
        self.low = low
        self.high = high
        self.sealed = sealed
        if sealed:
            kept = checked(arrays, high - low)
        else:
            kept = {name: fixed(array) for name, array in arrays.items()}
        self._arrays = kept
        self.starts = kept["starts"]
        self.rows = kept["rows"]
        self.freqs = kept["freqs"]
        self.row_terms = kept["row_terms"]
        self.row_ends = kept["row_ends"]
        self.dictionary: Dictionary = (kept["term_ends"], kept["term_bytes"])
        self.totals = list(zip(*[iter(kept["totals"].tolist())] * 2, strict=True))
        self.fields = len(self.totals)
        self.lengths = [fixed(part) for part in np.split(kept["lengths"], self.fields)]
        self.all_lengths = kept["lengths"].reshape(self.fields, high - low)
        self.postings = [(self.starts, self.rows, self.freqs, part) for part in self.lengths]
        self.blocks = tuple(
            kept[name] for name in ("block_starts", "block_lasts", "block_freqs", "block_lengths")
        )
        self._places: dict[str, Place] = {}

    def arrays(self) -> dict[str, np.ndarray]:
        """What a segment keeps."""
        return dict(self._arrays)

    def find(self, terms: Sequence[str]) -> list[Place]:
        """Of each term: (its number, how many postings); a negative number when no row has it."""
        known = self._places
        unknown = [term for term in terms if term not in known]
        if unknown:
            places = _search(self.dictionary, self.starts, [term.encode() for term in unknown])
            if len(known) + len(unknown) > _CACHE_MAX:
                self._places = known = {term: known[term] for term in terms if term in known}
            known.update(zip(unknown, places, strict=True))
        return [known[term] for term in terms]

    def prefixed(self, start: str) -> tuple[int, int]:
        """The range of the numbers of the terms that begin so."""
        # No byte of UTF-8 is FF, so this is above all terms that begin so and below those that
        # follow.
        wanted = start.encode()
        found = _search(self.dictionary, self.starts, [wanted, wanted + b"\xff"])
        low, high = (number for number, _ in found)
        return (low if low >= 0 else -1 - low), -1 - high


def _search(dictionary: Dictionary, starts: np.ndarray, wanted: Sequence[bytes]) -> list[Place]:
    ends = np.array(list(accumulate(map(len, wanted))), np.int64)
    places = np.empty((2, len(wanted)), np.int64)
    term_ends, term_bytes = dictionary
    data = np.frombuffer(b"".join(wanted), np.uint8)
    find_terms(term_ends, term_bytes, starts, ends, data, places)
    numbers, counts = places.tolist()
    return list(zip(numbers, counts, strict=True))


# -------------------------------------------------------------------- making a part


class _Numbering(dict[str, int]):
    """From words of a field to the numbers of their terms, given in the order of appearance."""

    def __init__(self, analyzer: Analyzer, mark: str, terms: dict[str, int]) -> None:
        self.analyzer = analyzer
        self.mark = mark
        self.terms = terms

    def __missing__(self, word: str) -> int:
        term = self.analyzer.term(word)
        number = GAP
        if term:
            number = self.terms.setdefault(self.mark + term, len(self.terms))
        self[word] = number
        return number


def build_part(low: int, columns: Sequence[Sequence[str | None]], analysis: Analysis) -> Part:
    """Analyzes the texts of rows low, low + 1, ...: one list of texts a field."""
    terms: dict[str, int] = {}
    marks = field_marks(len(columns))
    readers = [
        (analyzer.words, _Numbering(analyzer, mark, terms).__getitem__)
        for analyzer, mark in zip(analysis.analyzers, marks, strict=True)
    ]
    row_terms, row_ends = array("i"), array("q")
    row_count = len(columns[0])
    nulls = [
        field * row_count + row
        for field, texts in enumerate(columns)
        for row, text in enumerate(texts)
        if text is None
    ]
    if len(readers) == 1:
        ((words, number),) = readers
        for text in columns[0]:
            if text is not None:
                row_terms.extend(map(number, words(text)))
            row_ends.append(len(row_terms))
    else:
        for texts in zip(*columns, strict=True):
            for field, (text, (words, number)) in enumerate(zip(texts, readers, strict=True)):
                if field:
                    row_terms.append(BARRIER)
                if text is not None:
                    row_terms.extend(map(number, words(text)))
            row_ends.append(len(row_terms))
    coded = [term.encode() for term in terms]
    order = sorted(range(len(coded)), key=coded.__getitem__)
    numbers = np.empty(len(coded), np.int32)
    numbers[order] = np.arange(len(coded), dtype=np.int32)
    ordered = [coded[i] for i in order]
    renumbered = np.empty(len(row_terms), np.int32)
    renumber_terms(np.array(row_terms, np.int32), numbers, renumbered)
    ends = np.cumsum(np.array([len(term) for term in ordered], np.int64))
    dictionary = (ends, np.frombuffer(b"".join(ordered), np.uint8))
    return assemble(low, dictionary, renumbered, np.array(row_ends, np.int64), nulls, analysis)


def assemble(
    low: int,
    dictionary: Dictionary,
    row_terms: np.ndarray,
    row_ends: np.ndarray,
    nulls: list[int],
    analysis: Analysis,
) -> Part:
    """The part of rows with these terms, counted and sorted; nulls are places in lengths."""
    starts = np.zeros(len(dictionary[0]) + 1, np.int64)
    rows = np.empty(len(row_terms), np.int32)
    freqs = np.empty(len(row_terms), np.uint8)
    lengths = np.zeros(len(analysis.analyzers) * len(row_ends), np.int32)
    used = build_postings(row_terms, row_ends, starts, rows, freqs, lengths)
    lengths[nulls] = -1
    postings = (starts, rows[:used].copy(), freqs[:used].copy(), lengths)
    if not analysis.positions:
        row_terms, row_ends = np.empty(0, np.int32), np.zeros(len(row_ends), np.int64)
    return _finished(low, dictionary, postings, (row_terms, row_ends), analysis)


def _finished(
    low: int,
    dictionary: Dictionary,
    postings: tuple[np.ndarray, ...],
    positions: tuple[np.ndarray, np.ndarray],
    analysis: Analysis,
) -> Part:
    """A part of all its arrays but blocks and totals."""
    starts, rows, freqs, lengths = postings
    fields = len(analysis.analyzers)
    block_starts = np.zeros(len(starts), np.int64)
    np.cumsum((np.diff(starts) + (BLOCK - 1)) // BLOCK, out=block_starts[1:])
    blocks = int(block_starts[-1])
    lasts, most, least = (np.empty(blocks, kind) for kind in (np.int32, np.uint8, np.int32))
    totals = np.zeros(2 * fields, np.int64)
    borders = _field_borders(dictionary, fields)
    for field, own in enumerate(np.split(lengths, fields)):
        span = slice(borders[field], borders[field + 1] + 1)
        build_blocks(starts[span], rows, freqs, own, block_starts[span], lasts, most, least)
        texts = own[own > 0]
        totals[2 * field : 2 * field + 2] = len(texts), texts.sum(dtype=np.int64)
    arrays = {
        "starts": starts,
        "rows": rows,
        "freqs": freqs,
        "lengths": lengths,
        "term_ends": dictionary[0],
        "term_bytes": dictionary[1],
        "block_starts": block_starts,
        "block_lasts": lasts,
        "block_freqs": most,
        "block_lengths": least,
        "row_terms": positions[0],
        "row_ends": positions[1],
        "totals": totals,
        "analysis": analysis.coded,
    }
    return Part(low, low + len(lengths) // fields, arrays)


def _field_borders(dictionary: Dictionary, fields: int) -> list[int]:
    """Where the terms of each field begin, and the end of the last's."""
    ends, data = dictionary
    if fields == 1 or not len(ends):
        return [0, *[len(ends)] * fields]
    firsts = data[np.concatenate([[0], ends[:-1]])]
    return [*np.searchsorted(firsts, np.arange(fields)).tolist(), len(ends)]


# -------------------------------------------------------------------- joining parts


def join(parts: Sequence[Part], low: int, high: int, analysis: Analysis) -> Part:
    """One part of the rows [low, high) out of those that hold them, in order; others get null texts."""
    pieces: list[Part] = []
    place = low
    for part in parts:
        start, end = max(part.low, low), min(part.high, high)
        if start >= end:
            continue
        if place < start:
            pieces.append(_nulls(place, start, analysis))
        whole = (start, end) == (part.low, part.high)
        pieces.append(part if whole else _cut(part, start, end, analysis))
        place = end
    if place < high:
        pieces.append(_nulls(place, high, analysis))
    return pieces[0] if len(pieces) == 1 else _joined(pieces, analysis)


def _nulls(low: int, high: int, analysis: Analysis) -> Part:
    nothing = np.empty(0, np.int64), np.empty(0, np.uint8)
    rows = high - low
    nulls = list(range(rows * len(analysis.analyzers)))
    return assemble(
        low, nothing, np.empty(0, np.int32), np.zeros(rows, np.int64), nulls, analysis
    )


def _cut(part: Part, low: int, high: int, analysis: Analysis) -> Part:
    """The rows [low, high) of a part; terms that none of them has are dropped."""
    first, last = low - part.low, high - part.low
    starts = np.zeros(len(part.starts), np.int64)
    rows, freqs = np.empty(len(part.rows), np.int32), np.empty(len(part.rows), np.uint8)
    count = cut_postings(part.starts, part.rows, part.freqs, first, last, starts, rows, freqs)
    begin = int(part.row_ends[first - 1]) if first else 0
    row_ends = part.row_ends[first:last] - begin
    row_terms = part.row_terms[begin : begin + int(row_ends[-1])]
    postings = starts, rows[:count].copy(), freqs[:count].copy()
    lengths = np.concatenate([lengths[first:last] for lengths in part.lengths])
    return _with_rows(part, low, postings, lengths, (row_terms, row_ends), analysis)


def select(part: Part, offsets: np.ndarray, low: int, analysis: Analysis) -> Part:
    """Some rows of a part, ascending, as the rows low, low + 1, ..."""
    numbers = np.full(part.high - part.low, -1, np.int32)
    numbers[offsets] = np.arange(len(offsets), dtype=np.int32)
    kept = numbers[part.rows] >= 0
    starts = np.concatenate([[0], np.cumsum(kept)])[part.starts]
    postings = starts, numbers[part.rows[kept]], part.freqs[kept]
    lengths = np.concatenate([lengths[offsets] for lengths in part.lengths])
    ends = part.row_ends[offsets]
    sizes = np.diff(part.row_ends, prepend=0)[offsets]
    row_ends = np.cumsum(sizes)
    # Where each term comes from: its row begins at ends - sizes there, and at row_ends - sizes here.
    places = np.repeat(ends - row_ends, sizes) + np.arange(int(sizes.sum()))
    positions = part.row_terms[places], row_ends
    return _with_rows(part, low, postings, lengths, positions, analysis)


def _with_rows(
    part: Part,
    low: int,
    postings: tuple[np.ndarray, np.ndarray, np.ndarray],
    lengths: np.ndarray,
    positions: tuple[np.ndarray, np.ndarray],
    analysis: Analysis,
) -> Part:
    """A part of rows whose terms are numbered as in another one."""
    starts, rows, freqs = postings
    row_terms, row_ends = positions
    used = np.flatnonzero(np.diff(starts))
    numbers = np.full(len(part.starts), -1, np.int32)
    numbers[used] = np.arange(len(used), dtype=np.int32)
    renumbered = np.empty(len(row_terms), np.int32)
    renumber_terms(row_terms, numbers, renumbered)
    postings = np.concatenate([starts[:1], starts[1:][used]]), rows, freqs
    dictionary = _selected(part.dictionary, used)
    return _finished(low, dictionary, (*postings, lengths), (renumbered, row_ends), analysis)


def _selected(dictionary: Dictionary, numbers: np.ndarray) -> Dictionary:
    """The dictionary of some of the terms."""
    ends, data = dictionary
    sizes = np.diff(ends, prepend=0)
    kept = np.zeros(len(ends), bool)
    kept[numbers] = True
    return np.cumsum(sizes[numbers]), data[np.repeat(kept, sizes)]


def _joined(parts: Sequence[Part], analysis: Analysis) -> Part:
    """Neighboring parts as one: rows of a term come part by part, so they stay in order."""
    dictionary, numberings = _union([part.dictionary for part in parts])
    starts = np.zeros(len(dictionary[0]) + 1, np.int64)
    for part, numbers in zip(parts, numberings, strict=True):
        starts[1:][numbers] += np.diff(part.starts)
    np.cumsum(starts, out=starts)
    rows, freqs = np.empty(int(starts[-1]), np.int32), np.empty(int(starts[-1]), np.uint8)
    row_terms = np.empty(sum(len(part.row_terms) for part in parts), np.int32)
    row_ends: list[np.ndarray] = []
    places = starts.copy()
    begin = 0
    for part, numbers in zip(parts, numberings, strict=True):
        shift = part.low - parts[0].low
        move_postings(part.starts, part.rows, part.freqs, numbers, shift, places, rows, freqs)
        end = begin + len(part.row_terms)
        renumber_terms(part.row_terms, numbers, row_terms[begin:end])
        row_ends.append(part.row_ends + begin)
        begin = end
    by_field = zip(*[part.lengths for part in parts], strict=True)
    lengths = np.concatenate([own for field in by_field for own in field])
    return _finished(
        parts[0].low,
        dictionary,
        (starts, rows, freqs, lengths),
        (row_terms, np.concatenate(row_ends)),
        analysis,
    )


def _union(dictionaries: Sequence[Dictionary]) -> tuple[Dictionary, list[np.ndarray]]:
    """The union of dictionaries, and the numbers (i32) in it of each one's terms."""
    # The last are the smallest: joining from the end copies the large ones once.
    union = dictionaries[-1]
    numberings = [np.arange(len(union[0]), dtype=np.int32)]
    for dictionary in reversed(dictionaries[:-1]):
        old = np.empty(len(union[0]), np.int32)
        numbers = np.empty(len(dictionary[0]), np.int32)
        ends = np.empty(len(old) + len(numbers), np.int64)
        data = np.empty(len(union[1]) + len(dictionary[1]), np.uint8)
        a, b = dictionary, (fixed(union[0]), fixed(union[1]))
        count, size = union_terms(a[0], a[1], b[0], b[1], numbers, old, ends, data)
        union = ends[:count].copy(), data[:size].copy()
        numberings = [numbers, *(old[others] for others in numberings)]
    return union, numberings
