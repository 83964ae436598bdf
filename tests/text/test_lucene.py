"""BM25 against tantivy, which computes Lucene's formula: the same scores over the same terms.

tantivy keeps a document's length in a byte, exact up to 40 terms; the documents here are no longer. Its formula
has the factor k1 + 1, which orders nothing, and Lucene since version 8 leaves it out.
"""

import numpy as np
import pytest
import tantivy

from sqlvec.index.bm25 import Bm25Index, parse_match
from sqlvec.index.row_set import RowSet

K1 = 1.2
WORDS = [f"w{i}" for i in range(60)]


def documents(count: int) -> list[str]:
    dice = np.random.default_rng(5)
    sizes = dice.integers(1, 40, count)
    return [" ".join(WORDS[w] for w in (dice.zipf(1.4, size) - 1).clip(0, 59)) for size in sizes]


@pytest.fixture(scope="module")
def both() -> tuple[Bm25Index, tantivy.Index, int]:
    texts = documents(3_000)
    ours = Bm25Index("simple")
    ours.add(0, [texts[:1_700]])
    ours.match(parse_match("w1", "simple"), RowSet.full(1_700))
    ours.add(1_700, [texts[1_700:]])
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("body", tokenizer_name="whitespace", index_option="position")
    builder.add_unsigned_field("id", stored=True)
    theirs = tantivy.Index(builder.build())
    writer = theirs.writer(num_threads=1)
    for number, text in enumerate(texts):
        writer.add_document(tantivy.Document(body=text, id=number))
    writer.commit()
    writer.wait_merging_threads()
    theirs.reload()
    return ours, theirs, len(texts)


@pytest.mark.parametrize(
    "query",
    [
        "w0", "w59", "w1 w2", "w0 w5 w40", "w1 w2 w3 w4 w5 w6 w7 w50 w51", "w7^2.5 w8",
        '"w0 w1"', '"w2 w1 w0"', "w4 AND w9", "w4 AND w9 w30", "(w1 w2 w3 w30) -w0", '"w1 w2"^3 w20',
    ],
)  # fmt: skip
def test_scores_are_lucenes(both: tuple[Bm25Index, tantivy.Index, int], query: str) -> None:
    assert_lucenes(both, query, query)


def test_a_term_counts_as_often_as_the_query_has_it(both: tuple[Bm25Index, tantivy.Index, int]) -> None:
    assert_lucenes(both, "w3 w9 w3 w3", "w3^3 w9")


def assert_lucenes(both: tuple[Bm25Index, tantivy.Index, int], asked: str, query: str) -> None:
    ours, theirs, count = both
    ids, scores = ours.search(parse_match(asked, "simple"), count, RowSet.full(count), None)
    searcher = theirs.searcher()
    hits = searcher.search(theirs.parse_query(query, ["body"]), count).hits
    expected = {searcher.doc(place)["id"][0]: score / (K1 + 1) for score, place in hits}
    assert dict(zip(ids.tolist(), scores.tolist(), strict=True)) == pytest.approx(expected, rel=1e-5)
    assert len(expected) > 0
