"""Answers to queries over system tables alone, remembered with the catalog they are of.

Drivers ask the same at every connect, and a catalog is a value: until it is replaced, the answer stays, for every
session. It is remembered for the plan, the parameters and what else it may depend on: search path, user, time zone,
and the session's temporary schema if there is one.
Queries that read what goes on now, or call a function that does, are run every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from sqlvec.catalog.definitions import NAMES as CATALOG_FUNCTIONS
from sqlvec.catalog.system.rows import is_live
from sqlvec.exec.context import Context
from sqlvec.exec.result import Batch
from sqlvec.plan.physical import Remainder, SystemSource
from sqlvec.sql import bound
from sqlvec.sql.functions import VOLATILE
from sqlvec.sql.render_functions import STABLE
from sqlvec.sql.render_functions import VOLATILE as CALLED_BACK

PLANS_MAX = 512
ROWS_MAX = 10_000  # of one answer
ANSWERS_MAX = 64  # of one plan
Run = Callable[[Remainder, Context], Iterator[Batch]]
# What the session decides, and an answer is kept by.
_OF_SESSION = frozenset(
    ["current_database", "current_catalog", "current_user", "session_user", "user", "current_role", "version"]
)  # fmt: skip
_PASSING = (STABLE | VOLATILE | CALLED_BACK) - CATALOG_FUNCTIONS - _OF_SESSION


@dataclass(slots=True)
class _Answers:
    """Of one plan; the plan is held so that its number is not given to another."""

    plan: Remainder
    lasting: bool
    batches: dict[Any, list[Batch]] = field(default_factory=dict)


def answered(plan: Remainder, context: Context, run: Run) -> Iterator[Batch]:
    """The rows, from memory where they are known and cannot have changed."""
    if not plan.sources or not isinstance(plan.sources[0][1], SystemSource):
        return run(plan, context)
    memo: dict[int, _Answers] = context.catalog.memo.setdefault("answers", {})
    known = memo.get(id(plan))
    if known is None:
        if len(memo) >= PLANS_MAX:
            memo.clear()
        known = memo[id(plan)] = _Answers(plan, _is_lasting(plan))
    if not known.lasting:
        return run(plan, context)
    return _remembered(known, context, run)


def _remembered(known: _Answers, context: Context, run: Run) -> Iterator[Batch]:
    view = context.viewpoint()
    zone = context.settings.show("TimeZone")
    temporary = view.temporary_schema if context.catalog.schema(view.temporary_schema) else ""
    key = (repr(context.parameters), view.search_path, view.user, temporary, zone)
    batches = known.batches.get(key)
    if batches is not None:
        yield from batches
        return
    batches, row_count = [], 0
    for batch in run(known.plan, context):
        row_count += len(batch[0]) if batch else 0
        if row_count <= ROWS_MAX:
            batches.append(batch)
        yield batch
    if row_count <= ROWS_MAX and len(known.batches) < ANSWERS_MAX:
        known.batches[key] = batches


def _is_lasting(plan: Remainder) -> bool:
    sources = (source for _, source in plan.sources)
    if not all(isinstance(s, SystemSource) and not _reads_now(s) for s in sources):
        return False
    return not _calls_passing(plan.query)


def _reads_now(source: SystemSource) -> bool:
    if not source.scan.table.schema:  # a sequence, or what a statement of the WITH returned
        return True
    columns = source.scan.table.columns
    return is_live(
        source.scan.table, [columns[i].name for i in source.ordinals if i < len(columns)]
    )


def _calls_passing(node: Any) -> bool:
    """Whether a function is called whose value does not last as long as the catalog."""
    if isinstance(node, tuple):
        return any(map(_calls_passing, node))
    if isinstance(node, bound.FunctionCall) and not node.operator and node.name in _PASSING:
        return True
    if isinstance(node, bound.SystemScan) or not hasattr(node, "__dataclass_fields__"):
        return False
    return any(_calls_passing(getattr(node, part.name)) for part in fields(node))
