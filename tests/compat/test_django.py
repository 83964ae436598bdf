"""Django's ORM with pgvector-python's fields, indexes and distances, for all four types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django
import numpy as np
import pytest
from django.conf import settings
from django.db import connection, connections, models
from pgvector import HalfVector, SparseVector, Vector
from pgvector.django import (
    BitField,
    CosineDistance,
    HalfVectorField,
    HammingDistance,
    HnswIndex,
    IvfflatIndex,
    JaccardDistance,
    L1Distance,
    L2Distance,
    MaxInnerProduct,
    SparseVectorField,
    VectorExtension,
    VectorField,
)

from tests.harness.live_server import LiveServer

ALIASES = ("default", "bound_by_the_server")


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A model and its table, on one server that two aliases name."""
    live = LiveServer(tmp_path_factory.mktemp("django"))
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": live.host,
        "PORT": live.port,
        "USER": "postgres",
        "NAME": "postgres",
    }
    options = {"OPTIONS": {"server_side_binding": True}}
    settings.configure(
        DATABASES=dict(zip(ALIASES, (database, database | options), strict=True)),
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()
    model = _item_model()
    with connection.schema_editor() as editor:
        VectorExtension().database_forwards("tests", editor, None, None)
        editor.create_model(model)
    yield model
    with connection.schema_editor() as editor:
        editor.delete_model(model)
    connections.close_all()
    live.stop()


def _item_model() -> Any:
    class Item(models.Model):
        name = models.TextField()
        v = VectorField(dimensions=3, null=True)
        h = HalfVectorField(dimensions=3, null=True)
        s = SparseVectorField(dimensions=4, null=True)
        b = BitField(length=4, null=True)

        class Meta:
            app_label = "tests"
            indexes = (
                HnswIndex(
                    name="by_v",
                    fields=["v"],
                    opclasses=["vector_cosine_ops"],
                    m=8,
                    ef_construction=32,
                ),
                HnswIndex(name="by_h", fields=["h"], opclasses=["halfvec_l2_ops"]),
                HnswIndex(name="by_s", fields=["s"], opclasses=["sparsevec_ip_ops"]),
                HnswIndex(name="by_b", fields=["b"], opclasses=["bit_hamming_ops"]),
                IvfflatIndex(name="by_v_l2", fields=["v"], opclasses=["vector_l2_ops"], lists=2),
            )

    return Item


@pytest.mark.parametrize("alias", ALIASES)
def test_the_orm_writes_reads_and_searches(items: Any, alias: str) -> None:
    rows = items.objects.using(alias)
    rows.all().delete()
    rows.create(name="a", v=[1, 2, 3], h=[1, 2, 3], s=SparseVector([0, 1, 2, 0]), b="1010")
    rows.bulk_create(
        [
            items(
                name="b",
                v=np.array([9, 2, 3]),
                h=HalfVector([9, 2, 3]),
                s=SparseVector([5, 0, 0, 1]),
                b="0101",
            ),
            items(name="c"),
        ]
    )
    first = rows.get(name="a")
    assert list(first.v) == [1, 2, 3] and list(first.h) == [1, 2, 3]
    assert first.s == SparseVector([0, 1, 2, 0]) and first.b == "1010"
    known = rows.exclude(v=None)
    for distance, wanted in (
        (L2Distance("v", Vector([1, 2, 3])), 8.0),
        (L1Distance("h", HalfVector([1, 2, 3])), 8.0),
        (MaxInnerProduct("s", SparseVector([0, 1, 2, 0])), 0.0),
        (HammingDistance("b", "1010"), 4.0),
        (JaccardDistance("b", "1010"), 1.0),
    ):
        near = known.annotate(distance=distance).order_by(distance).values_list("name", "distance")
        assert [name for name, _ in near] == ["a", "b"]
        assert near[1][1] == wanted, distance
    alike = known.alias(distance=CosineDistance("v", [1, 2, 3])).filter(distance__lt=0.1)
    assert [item.name for item in alike] == ["a"]
    assert known.aggregate(average=models.Avg("v"))["average"] is not None
    rows.filter(name="a").update(b="1111")
    assert rows.get(name="a").b == "1111"
    assert "by_v" in connection.introspection.get_constraints(
        connection.cursor(), items._meta.db_table
    )
