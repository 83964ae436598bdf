import json

import pytest

from sqlvec.catalog.objects import (
    Catalog,
    Column,
    Constraint,
    Index,
    IndexColumn,
    Schema,
    Sequence,
    Table,
    View,
    empty_catalog,
)
from sqlvec.errors import DataCorrupted
from sqlvec.storage.catalog_codec import apply_catalog_edit, encode_catalog_edit
from sqlvec.types import INT8, TEXT, VECTOR, SqlType

TABLE = Table(
    20000,
    "dócs",
    2200,
    (
        Column(1, "id", INT8, not_null=True, default="nextval('s')", sequence_oid=20002),
        Column(2, "v", SqlType(VECTOR.oid, 3), dropped=True),
    ),
    (Constraint(20001, "pk", "p", (1,)),),
    options={"fillfactor": "70"},
)
OTHERS = (
    Sequence(20002, "s", 2200, INT8, owned_by=(20000, 1)),
    Index(20003, "i", 20000, "bm25", (IndexColumn(1),), options={"k1": "1.5"}),
    View(20004, "w", 2200, (Column(1, "a", TEXT),), "SELECT 'a'"),
)


def same(left: Catalog, right: Catalog) -> bool:
    return (
        dict(left.relations) == dict(right.relations)
        and dict(left.schemas) == dict(right.schemas)
        and (left.version, left.next_oid) == (right.version, right.next_oid)
        and left.extensions == right.extensions
    )


def test_a_catalog_is_the_edit_from_the_empty_one() -> None:
    catalog = empty_catalog().with_relation(TABLE, *OTHERS)
    edit = encode_catalog_edit(Catalog(), catalog)
    assert same(apply_catalog_edit(Catalog(), edit), catalog)
    assert apply_catalog_edit(Catalog(), edit).indexes(20000) == (OTHERS[1],)


def test_an_edit_holds_the_difference_and_may_be_applied_twice() -> None:
    old = empty_catalog().with_relation(TABLE, *OTHERS)
    schemas = {**old.schemas, 30000: Schema(30000, "extra")}
    new = old.without(20003, 20004).with_relation(Sequence(20005, "t", 30000, INT8))
    new = Catalog(old.version + 1, 30001, schemas, new.relations, ("vector",))
    edit = encode_catalog_edit(old, new)
    assert b"fillfactor" not in edit
    once = apply_catalog_edit(old, edit)
    assert same(once, new) and same(apply_catalog_edit(once, edit), new)


def test_next_oid_never_falls() -> None:
    old = Catalog(next_oid=500)
    assert apply_catalog_edit(old, encode_catalog_edit(Catalog(), Catalog())).next_oid == max(
        500, Catalog().next_oid
    )


def test_an_unknown_kind_is_damage() -> None:
    edit = json.loads(encode_catalog_edit(Catalog(), empty_catalog()))
    edit["schemas"][0]["kind_"] = "Moon"
    with pytest.raises(DataCorrupted, match='"Moon"'):
        apply_catalog_edit(Catalog(), json.dumps(edit).encode())
