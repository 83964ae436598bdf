"""Operator classes of vector indexes, as pgvector names them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlvec import types

METHODS = ("hnsw", "ivfflat")
QUANTIZATIONS = ("none", "int8", "bit", "pq")  # what an hnsw index may walk by; their places are in files


@dataclass(frozen=True, slots=True)
class OperatorClass:
    """type_oid: what it indexes; metric: by which distance; ivfflat: whether that method has it too."""

    name: str
    type_oid: int
    metric: str
    ivfflat: bool

    @property
    def quantizes(self) -> bool:
        """Whether its vectors can be walked by codes: what sums products of dense elements."""
        dense = self.type_oid in (types.VECTOR.oid, types.HALFVEC.oid)
        return dense and self.metric != "l1"


def _classes() -> dict[str, OperatorClass]:
    found = []
    metrics = {"l2": "l2", "ip": "inner_product", "cosine": "cosine", "l1": "l1"}
    for sql_type in (types.VECTOR, types.HALFVEC, types.SPARSEVEC):
        for short, metric in metrics.items():
            ivfflat = short != "l1" and sql_type.oid != types.SPARSEVEC.oid
            name = f"{sql_type.definition.name}_{short}_ops"
            found.append(OperatorClass(name, sql_type.oid, metric, ivfflat))
    for metric in ("hamming", "jaccard"):
        name = f"bit_{metric}_ops"
        found.append(OperatorClass(name, types.BIT.oid, metric, metric == "hamming"))
    return {operator_class.name: operator_class for operator_class in found}


OPERATOR_CLASSES = _classes()
DEFAULTS = {("ivfflat", types.VECTOR.oid): "vector_l2_ops"}
