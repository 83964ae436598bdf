"""BM25 in process: our kernels against tantivy and bm25s, on the same terms of the same documents.

    glosses    the documents
    million    a million documents, each of three glosses drawn at random (seeded)

Every engine is given queries that are built already and returns the ids and scores of the ten best. What
crosses from Python to an engine and back is counted for all of them. All run on the thread that asks, and time
is that of the thread, so that what else the machine does matters less.
The row sets of 10 % and 1 % are drawn at random: tantivy answers without one, as it has none.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from time import thread_time
from typing import Any

import numpy as np

from benchmarks.measure import Line
from benchmarks.wordnet import Wordnet
from sqlvec.index.bm25 import Bm25Index, analyzer
from sqlvec.index.bm25.analysis import Analysis
from sqlvec.index.bm25.part import Part, assemble, build_part
from sqlvec.index.bm25.query import AnyTerm
from sqlvec.index.row_set import RowSet
from sqlvec.kernels.postings import BLOCK

K = 10
ROUNDS = 5
TERMS = 5
MILLION = 1_000_000
GLOSSES_OF_ONE = 3
SHARES = (0.1, 0.01)
BUILD = "bm25 build in the kernel, glosses/s"
Search = Callable[[Any], object]


def run(data: Wordnet, million: int = MILLION) -> list[Line]:
    glosses = build_part(0, [data.bodies], Analysis())
    queries = _queries(data)
    lines = [_build_line(glosses)]
    lines += _lines("glosses", glosses, queries, with_bm25s=True)
    if million:
        lines += _lines("million", _mixture(glosses, million), queries, with_bm25s=False)
    return lines


def _queries(data: Wordnet) -> list[list[str]]:
    """Five distinct terms of each question, fewer where it has not so many."""
    terms = [list(dict.fromkeys(analyzer("english").terms(text)))[:TERMS] for text in data.questions]
    return [some for some in terms if some]


def _mixture(glosses: Part, rows: int) -> Part:
    """Documents of three glosses each, over the same dictionary."""
    drawn = np.random.default_rng(7).integers(0, glosses.high, rows * GLOSSES_OF_ONE)
    sizes = np.diff(glosses.row_ends, prepend=0)
    begins = glosses.row_ends - sizes
    lengths = sizes[drawn]
    ends = np.cumsum(lengths)
    places = np.arange(int(ends[-1])) - np.repeat(ends - lengths - begins[drawn], lengths)
    row_ends = ends[GLOSSES_OF_ONE - 1 :: GLOSSES_OF_ONE].copy()
    row_terms = glosses.row_terms[places]
    return assemble(0, glosses.dictionary, row_terms, row_ends, [], Analysis())


def _build_line(glosses: Part) -> Line:
    """Postings and blocks from the numbers of terms, as every part is made."""
    given = (glosses.dictionary, glosses.row_terms, glosses.row_ends)
    seconds = [_timed(lambda: assemble(0, *given, [], Analysis())) for _ in range(ROUNDS)]
    rate = glosses.high / statistics.median(seconds)
    return Line(BUILD, f"{rate:,.0f}/s", "-", rate / 200_000, {"rate": rate, "block": BLOCK})


def _lines(name: str, part: Part, queries: list[list[str]], *, with_bm25s: bool) -> list[Line]:
    documents = _documents(part)
    index = Bm25Index()
    index.attach(0, part.high, part.arrays())
    visible = RowSet.full(part.high)
    dice = np.random.default_rng(11).random(part.high)
    asked = [AnyTerm(tuple(query)) for query in queries]
    searches: dict[str, tuple[Search, Sequence[Any]]] = {
        "sqlvec": (lambda query: index.search(query, K, visible, None), asked)
    }
    for share in SHARES:
        rows = RowSet.from_mask(dice < share)
        searches[f"sqlvec {share:.0%}"] = (
            lambda query, rows=rows: index.search(query, K, visible, rows), asked
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        searches["tantivy"] = _tantivy(documents, queries, folder)
        if with_bm25s:
            searches["bm25s"] = _bm25s(documents, queries)
        rates = _rates(searches)
    detail = {"collection": name, "rates": rates}
    found = [
        _line(f"BM25 kernel, {name}, top-10", detail, "sqlvec", "tantivy"),
        *(
            _line(f"BM25 kernel, {name}, {share:.0%} row set", detail, f"sqlvec {share:.0%}", "tantivy")
            for share in SHARES
        ),
    ]
    if with_bm25s:
        found.append(_line(f"BM25 kernel, {name}, against bm25s", detail, "sqlvec", "bm25s"))
    return found


def _line(question: str, detail: dict[str, Any], ours: str, theirs: str) -> Line:
    rates = detail["rates"]
    shown = [f"{rates[ours]:,.0f}/s", f"{rates[theirs]:,.0f}/s ({theirs})"]
    return Line(question, *shown, rates[ours] / rates[theirs], detail)


def _rates(searches: dict[str, tuple[Search, Sequence[Any]]]) -> dict[str, float]:
    """Queries a second, the median of rounds that go round the engines."""
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(ROUNDS):
        for name, (search, queries) in searches.items():
            search(queries[0])
            seconds[name].append(_timed(lambda s=search, q=queries: [s(one) for one in q]))
    return {
        name: len(searches[name][1]) / statistics.median(some) for name, some in seconds.items()
    }


def _documents(part: Part) -> list[str]:
    """Each document as its terms, separated by blanks: what the other engines index."""
    ends, data = part.dictionary
    raw = data.tobytes()
    terms = [
        raw[begin:end].decode()
        for begin, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ]
    row_ends = part.row_ends.tolist()
    numbers = part.row_terms.tolist()
    return [
        " ".join(terms[number] for number in numbers[begin:end] if number >= 0)
        for begin, end in zip([0, *row_ends[:-1]], row_ends, strict=True)
    ]


def _tantivy(
    documents: list[str], queries: list[list[str]], folder: str
) -> tuple[Search, Sequence[Any]]:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field("body", tokenizer_name="whitespace", index_option="freq")
    schema = builder.build()
    index = tantivy.Index(schema, path=folder)
    writer = index.writer(heap_size=1_500_000_000, num_threads=1)
    for document in documents:
        writer.add_document(tantivy.Document(body=document))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()
    should, term = tantivy.Occur.Should, tantivy.Query.term_query
    asked = [
        tantivy.Query.boolean_query([(should, term(schema, "body", word)) for word in query])
        for query in queries
    ]
    return lambda query: searcher.search(query, K, count=False).hits, asked


def _bm25s(documents: list[str], queries: list[list[str]]) -> tuple[Search, Sequence[Any]]:
    import bm25s

    found = bm25s.BM25(method="lucene", k1=1.2, b=0.75, backend="numba")
    found.index([document.split() for document in documents], show_progress=False)

    def search(query: list[list[str]]) -> object:
        return found.retrieve(query, k=K, show_progress=False, n_threads=1)

    return search, [[query] for query in queries]


def _timed(work: Callable[[], object]) -> float:
    started = thread_time()
    work()
    return thread_time() - started
