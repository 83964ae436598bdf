"""Names of errors, as PL/pgSQL has them, and their SQLSTATEs (errcodes.txt)."""

from __future__ import annotations

from sqlvec.catalog.system.facts import facts, text


def _by_name() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for fact in facts("conditions"):
        name = text(fact, "name")
        found[name] = (*found.get(name, ()), text(fact, "sqlstate"))
    return found


CONDITIONS = _by_name()
CATEGORY_ENDS = "000"  # of a SQLSTATE that stands for its whole class


def is_in(sqlstate: str, wanted: str) -> bool:
    """Whether an error is meant by a SQLSTATE, which may be that of a class."""
    return sqlstate == wanted or (wanted.endswith(CATEGORY_ENDS) and sqlstate[:2] == wanted[:2])
