"""Spans: what ranges are made of, and what two of them are to each other.

An edge is (side, key, offset): side -1 and 1 are before and after every value; offset 1 is just after the key, -1 just
before it, 0 at it. So a lower edge has offset 0 where it is inclusive and 1 where not, an upper one 0 and -1, and
edges order as range_cmp_bounds orders bounds. A span is (lower, upper), lower <= upper; there is no empty one: an
empty range is (), a range (span,), a multirange a tuple of spans in order that neither overlap nor touch.
Source: rangetypes.c, multirangetypes.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlvec.errors import DataException

Edge = tuple[int, Any, int]
Span = tuple[Edge, Edge]
Spans = tuple[Span, ...]
UNBOUNDED_BELOW: Edge = (-1, 0, 0)
UNBOUNDED_ABOVE: Edge = (1, 0, 0)


def edge(key: Any, *, lower: bool, inclusive: bool) -> Edge:
    if key is None:
        return UNBOUNDED_BELOW if lower else UNBOUNDED_ABOVE
    return (0, key, 0 if inclusive else 1 if lower else -1)


def span(lower: Edge, upper: Edge) -> Spans:
    """The range between two edges; empty where no value is between them."""
    if lower[0] == upper[0] == 0 and upper[1] < lower[1]:
        raise DataException("range lower bound must be less than or equal to range upper bound")
    return ((lower, upper),) if lower <= upper else ()


def normalized(spans: Iterable[Span]) -> Spans:
    """In order, those that overlap or touch made one."""
    found: list[Span] = []
    for lower, upper in sorted(spans):
        if found and (lower <= found[-1][1] or touches(found[-1][1], lower)):
            found[-1] = (found[-1][0], max(found[-1][1], upper))
        else:
            found.append((lower, upper))
    return tuple(found)


def after(upper: Edge) -> Edge:
    """The lower edge of what follows."""
    return (0, upper[1], upper[2] + 1)


def before(lower: Edge) -> Edge:
    """The upper edge of what is in front."""
    return (0, lower[1], lower[2] - 1)


def touches(upper: Edge, lower: Edge) -> bool:
    """Whether no value is between what ends and what begins there, nor in both."""
    return upper[0] == 0 and after(upper) == lower


# ---------------------------------------------------------------- relations; empty ones have none but containment


def contains(outer: Spans, inner: Spans) -> bool:
    return all(any(o[0] <= i[0] and i[1] <= o[1] for o in outer) for i in inner)


def contains_key(outer: Spans, key: Any) -> bool:
    at = (0, key, 0)
    return any(lower <= at <= upper for lower, upper in outer)


def overlaps(left: Spans, right: Spans) -> bool:
    return any(a[0] <= b[1] and b[0] <= a[1] for a in left for b in right)


def is_before(left: Spans, right: Spans) -> bool:
    return bool(left and right) and left[-1][1] < right[0][0]


def is_after(left: Spans, right: Spans) -> bool:
    return is_before(right, left)


def ends_within(left: Spans, right: Spans) -> bool:
    """left &< right."""
    return bool(left and right) and left[-1][1] <= right[-1][1]


def begins_within(left: Spans, right: Spans) -> bool:
    """left &> right."""
    return bool(left and right) and left[0][0] >= right[0][0]


def adjacent(left: Spans, right: Spans) -> bool:
    if not (left and right):
        return False
    return touches(left[-1][1], right[0][0]) or touches(right[-1][1], left[0][0])


RELATIONS: dict[str, Callable[[Spans, Spans], bool]] = {
    "@>": contains,
    "<@": lambda left, right: contains(right, left),
    "&&": overlaps,
    "<<": is_before,
    ">>": is_after,
    "&<": ends_within,
    "&>": begins_within,
    "-|-": adjacent,
}


# ---------------------------------------------------------------- arithmetic


def union(left: Spans, right: Spans) -> Spans:
    return normalized((*left, *right))


def intersection(left: Spans, right: Spans) -> Spans:
    met = [(max(a[0], b[0]), min(a[1], b[1])) for a in left for b in right]
    return tuple(sorted(pair for pair in met if pair[0] <= pair[1]))


def difference(left: Spans, right: Spans) -> Spans:
    rest = list(left)
    for cut in right:
        rest = [part for whole in rest for part in _without(whole, cut)]
    return tuple(rest)


def _without(whole: Span, cut: Span) -> list[Span]:
    if cut[1] < whole[0] or whole[1] < cut[0]:
        return [whole]
    parts = []
    if whole[0] < cut[0]:
        parts.append((whole[0], before(cut[0])))
    if cut[1] < whole[1]:
        parts.append((after(cut[1]), whole[1]))
    return parts


def hull(spans: Sequence[Span]) -> Spans:
    """The least range that holds all."""
    if not spans:
        return ()
    return ((min(lower for lower, _ in spans), max(upper for _, upper in spans)),)


def contiguous(spans: Spans, what: str) -> Spans:
    """Of ranges, whose results must be one."""
    if len(spans) > 1:
        raise DataException(f"result of range {what} would not be contiguous")
    return spans


ARITHMETIC: dict[str, tuple[Callable[[Spans, Spans], Spans], str]] = {
    "+": (union, "union"),
    "-": (difference, "difference"),
    "*": (intersection, "intersection"),
}
