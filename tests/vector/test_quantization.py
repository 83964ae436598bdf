"""WITH (quantization, rescore): what is taken, refused and shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sqlvec.errors import DatabaseError
from tests.harness.world import World, world

DIMS = 64


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("options")) as made:
        made.sql(
            f"CREATE TABLE t (id int PRIMARY KEY, v vector({DIMS}), h halfvec({DIMS}), "
            f"s sparsevec({DIMS}), b bit({DIMS}), narrow vector(3))"
        )
        yield made


def create(options: str, column: str = "v vector_cosine_ops") -> str:
    return f"CREATE INDEX i ON t USING hnsw ({column}) WITH ({options})"


def told(error: DatabaseError) -> tuple[str, str, str | None]:
    return error.sqlstate, error.message, error.detail or error.hint


ENUM = 'Valid values are "none", "int8", "bit", and "pq".'
RANGE = 'Valid values are between "1" and "64".'


@pytest.mark.parametrize(
    "options, sqlstate, message, more",
    [
        ("quantization = x", "22023", 'invalid value for enum option "quantization": x', ENUM),
        ("quantization = ''", "22023", 'invalid value for enum option "quantization": ', ENUM),
        ("quantization", "22023", 'invalid value for enum option "quantization": true', ENUM),
        ("quantization = 8", "22023", 'invalid value for enum option "quantization": 8', ENUM),
        ("rescore = 0", "22023", 'value 0 out of bounds for option "rescore"', RANGE),
        ("rescore = 65", "22023", 'value 65 out of bounds for option "rescore"', RANGE),
        ("rescore = -1", "22023", 'value -1 out of bounds for option "rescore"', RANGE),
        ("rescore = 1.5", "22023", 'invalid value for integer option "rescore": 1.5', None),
        ("rescore = many", "22023", 'invalid value for integer option "rescore": many', None),
        ("quantisation = bit", "22023", 'unrecognized parameter "quantisation"', None),
    ],
)
def test_what_means_nothing_is_refused(
    place: World, options: str, sqlstate: str, message: str, more: str | None
) -> None:
    assert told(place.error(create(options))) == (sqlstate, message, more)
    place.sql(create("m = 16"))
    assert told(place.error(f"ALTER INDEX i SET ({options})")) == (sqlstate, message, more)
    place.sql("DROP INDEX i")


@pytest.mark.parametrize("name", ["int8", "bit", "pq"])
@pytest.mark.parametrize(
    "column, operator_class",
    [
        ("v", "vector_l1_ops"), ("h", "halfvec_l1_ops"), ("s", "sparsevec_l2_ops"),
        ("s", "sparsevec_cosine_ops"), ("b", "bit_hamming_ops"), ("b", "bit_jaccard_ops"),
    ],
)  # fmt: skip
def test_what_has_no_codes_cannot_ask_for_them(
    place: World, column: str, operator_class: str, name: str
) -> None:
    wanted = (
        "0A000",
        f'operator class "{operator_class}" does not support quantization "{name}"',
        'Its index is walked by the values themselves, which is quantization "none".',
    )
    indexed = f"{column} {operator_class}"
    assert told(place.error(create(f"quantization = {name}", indexed))) == wanted
    place.sql(create("quantization = none, rescore = 2", indexed))
    assert told(place.error(f"ALTER INDEX i SET (quantization = {name})")) == wanted
    place.sql("DROP INDEX i")


def test_other_methods_know_no_quantization(place: World) -> None:
    sql = "CREATE INDEX i ON t USING ivfflat (v vector_l2_ops) WITH (quantization = bit)"
    assert place.error(sql).message == 'unrecognized parameter "quantization"'


def test_options_are_shown_as_they_were_written_and_make_the_index_again(place: World) -> None:
    place.sql(create("quantization = BIT, rescore = '12', m = 8"))
    shown = "SELECT reloptions FROM pg_class WHERE relname = 'i'"
    definition = "SELECT indexdef FROM pg_indexes WHERE indexname = 'i'"
    ((options,),) = place.sql(shown)
    assert options == ["quantization=bit", "rescore=12", "m=8"]
    ((text,),) = place.sql(definition)
    assert str(text).endswith(
        "USING hnsw (v vector_cosine_ops) WITH (quantization='bit', rescore='12', m='8')"
    )
    place.sql(f"DROP INDEX i; {text}")
    assert (place.sql(shown), place.sql(definition)) == ([(options,)], [(text,)])
    place.sql("ALTER INDEX i SET (quantization = 'PQ'); ALTER INDEX i RESET (rescore)")
    assert place.sql(shown) == [(["quantization=PQ", "m=8"],)]
    place.reopen()
    assert place.sql(shown) == [(["quantization=PQ", "m=8"],)]
    place.sql("ALTER INDEX i RESET (quantization, m)")
    assert place.sql(shown) == [(None,)]
    place.sql("DROP INDEX i")


def test_a_change_is_undone_with_its_transaction(place: World) -> None:
    place.sql(create("rescore = 2"))
    place.sql("BEGIN; ALTER INDEX i SET (quantization = bit, rescore = 5); ROLLBACK")
    place.maintain()
    assert place.sql("SELECT reloptions FROM pg_class WHERE relname = 'i'") == [(["rescore=2"],)]
    place.sql("DROP INDEX i")


def test_an_expression_and_a_part_of_the_rows_have_codes_too(place: World) -> None:
    rows = ", ".join(f"({i}, '{[i % 7 + j / 9 + i / 1000 for j in range(DIMS)]}')" for i in range(1_200))
    place.sql(f"INSERT INTO t (id, v) VALUES {rows}")
    place.sql(create("quantization = pq", f"(v::halfvec({DIMS})) halfvec_l2_ops"))
    place.sql(
        "CREATE INDEX p ON t USING hnsw (v vector_l2_ops) WITH (quantization = bit) WHERE id < 1100"
    )
    view = "SELECT indexrelname, quantization, reason FROM sqlvec_index_memory ORDER BY 1"
    assert place.sql(view) == [("i", "pq", ""), ("p", "bit", "")]
    question = str([3 + j / 9 + 0.5 for j in range(DIMS)])
    for key, where in ((f"v::halfvec({DIMS})", "true"), ("v", "id < 1100")):
        sql = f"SELECT id FROM t WHERE {where} ORDER BY {key} <-> '{question}' LIMIT 5"
        assert "quantization: " in str(place.sql(f"EXPLAIN ANALYZE {sql}"))
        exact = f"SELECT id FROM t WHERE {where} ORDER BY (v <-> '{question}') + 0, id LIMIT 5"
        assert len(set(place.sql(sql)) & set(place.sql(exact))) >= 4
    place.reopen()
    assert len(place.sql(sql)) == 5 and len(place.sql(exact)) == 5
    place.sql("DROP INDEX i, p; DELETE FROM t")


def test_narrow_vectors_are_walked_as_they_are(place: World) -> None:
    place.sql(create("quantization = bit, rescore = 2", "narrow vector_l2_ops"))
    place.sql("INSERT INTO t (id, narrow) SELECT i, array[i, 1, 2]::vector FROM generate_series(1, 1500) i")
    place.maintain()
    view = "SELECT quantization, reason, code_bytes FROM sqlvec_index_memory"
    assert place.sql(view) == [("none", "fewer than 48 dimensions", 0)]
    plan = str(place.sql("EXPLAIN ANALYZE SELECT id FROM t ORDER BY narrow <-> '[4,1,2]' LIMIT 1"))
    assert "quantization: none (fewer than 48 dimensions)" in plan
    place.sql("DROP INDEX i; DELETE FROM t")
