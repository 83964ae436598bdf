"""Paths evaluated over documents, as PostgreSQL's jsonpath_exec.c does.

Items are found one by one, so that who asks whether there is any stops at the first. In lax mode arrays are unwrapped and
items wrapped where a step wants the other, and what is not there is no error. A predicate is True, False, or None for
unknown; an error inside one makes it unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from typing import Any

from sqlvec.errors import (
    DivisionByZero,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidSqlJsonSubscript,
    NonNumericSqlJsonItem,
    SingletonSqlJsonItemRequired,
    SqlJsonArrayNotFound,
    SqlJsonMemberNotFound,
    SqlJsonNumberNotFound,
    SqlJsonObjectNotFound,
    UndefinedObject,
)
from sqlvec.exec.relational_numeric import add, divide, multiply, subtract
from sqlvec.exec.relational_text import compiled
from sqlvec.types.json_types import canonical
from sqlvec.types.jsonpath import PREDICATES, Node, Path, read

_SUPPRESSED = (
    DivisionByZero, InvalidSqlJsonSubscript, NonNumericSqlJsonItem, SingletonSqlJsonItemRequired,
    SqlJsonArrayNotFound, SqlJsonMemberNotFound, SqlJsonNumberNotFound, SqlJsonObjectNotFound,
)  # fmt: skip
_ARITHMETIC = {"+": add, "-": subtract, "*": multiply, "/": divide}
_ORDERS = {
    "==": lambda order: order == 0, "!=": lambda order: order != 0, "<": lambda order: order < 0,
    "<=": lambda order: order <= 0, ">": lambda order: order > 0, ">=": lambda order: order >= 0,
}  # fmt: skip
_WHOLE = {"floor": ROUND_FLOOR, "ceiling": ROUND_CEILING}
_FLAGS = {"i": "i", "x": "x", "m": "n"}  # of like_regex, in a regular expression's words
Tristate = bool | None


class _Number(Decimal):
    """A number of a document, which canonical() prints with its digits."""

    def __repr__(self) -> str:
        return f"{self:f}"


@lru_cache(maxsize=256)
def _load(text: str) -> Any:
    return json.loads(text, parse_float=_Number, parse_int=_Number)


# ---------------------------------------------------------------- what statements call


def exists(text: str, path: str, variables: str, silent: bool) -> Tristate:
    """jsonb_path_exists, and @? with silent."""
    try:
        return next(_found(text, path, variables), _NOTHING) is not _NOTHING
    except _SUPPRESSED:
        if silent:
            return None
        raise


def match(text: str, path: str, variables: str, silent: bool) -> Tristate:
    """jsonb_path_match, and @@ with silent."""
    try:
        items = list(_found(text, path, variables))
        if len(items) == 1 and (items[0] is None or isinstance(items[0], bool)):
            return items[0]
        raise SingletonSqlJsonItemRequired("single boolean result is expected")
    except _SUPPRESSED:
        if silent:
            return None
        raise


def query(text: str, path: str, variables: str, silent: bool) -> list[str]:
    """What jsonb_path_query returns, a text an item."""
    try:
        return [canonical(_printed(item)) for item in _found(text, path, variables)]
    except _SUPPRESSED:
        if silent:
            return []
        raise


def query_array(text: str, path: str, variables: str, silent: bool) -> str:
    return f"[{', '.join(query(text, path, variables, silent))}]"


def query_first(text: str, path: str, variables: str, silent: bool) -> str | None:
    return next(iter(query(text, path, variables, silent)), None)


_NOTHING = object()


def _printed(item: Any) -> Any:
    return _Number(item) if isinstance(item, Decimal) else item


def _found(text: str, path: str, variables: str) -> Iterator[Any]:
    named = _load(variables)
    if not isinstance(named, dict):
        raise InvalidParameterValue(
            '"vars" argument is not an object',
            detail="Jsonpath parameters should be encoded as key-value pairs of \"vars\" object.",
        )
    document = _load(text)
    known = read(path)
    return _Evaluation(known, document, named).items(known.expression, document)


# ---------------------------------------------------------------- evaluation


class _Evaluation:
    def __init__(self, path: Path, root: Any, variables: dict[str, Any]) -> None:
        self.strict = path.strict
        self.root = root
        self.variables = variables
        self.sizes: list[int] = []  # of the arrays whose subscripts are being computed

    def items(self, node: Node, current: Any) -> Iterator[Any]:
        kind = node.kind
        if kind == "path":
            base, *steps = node.parts
            found = self.items(base, current)
            for step in steps:
                found = self._stepped(step, found)
            yield from found
        elif kind in PREDICATES:
            yield self.holds(node, current)
        elif kind == "sign":
            yield from self._signed(node, current)
        elif kind in ("+", "-", "*", "/", "%"):
            yield self._computed(node, current)
        else:
            yield self._leaf(node, current)

    def _leaf(self, node: Node, current: Any) -> Any:
        match node.kind:
            case "root":
                return self.root
            case "current":
                return current
            case "literal":
                return node.value
            case "last":
                return Decimal(self.sizes[-1] - 1)
        if node.value not in self.variables:
            raise UndefinedObject(f'could not find jsonpath variable "{node.value}"')
        return self.variables[node.value]

    def unwrapped(self, node: Node, current: Any) -> Iterator[Any]:
        """In lax mode the elements of arrays."""
        for item in self.items(node, current):
            if isinstance(item, list) and not self.strict:
                yield from item
            else:
                yield item

    # ---------------------------------------------------------------- steps

    def _stepped(self, step: Node, found: Iterator[Any]) -> Iterator[Any]:
        for item in found:
            if isinstance(item, list) and not self.strict and _unwraps(step):
                for element in item:
                    yield from self._step(step, element)
            else:
                yield from self._step(step, item)

    def _step(self, step: Node, item: Any) -> Iterator[Any]:
        match step.kind:
            case "key":
                yield from self._member(step.value, item)
            case "members":
                if isinstance(item, dict):
                    yield from item.values()
                elif self.strict:
                    raise SqlJsonObjectNotFound(
                        "jsonpath wildcard member accessor can only be applied to an object"
                    )
            case "elements":
                yield from self._array(item, "wildcard array accessor")
            case "subscripts":
                yield from self._subscripted(step, self._array(item, "array accessor"), item)
            case "levels":
                yield from _descendants(item, *step.value)
            case "filter":
                if self.holds(step.parts[0], item):
                    yield item
            case "method":
                yield from self._method(step.value, item)

    def _member(self, key: str, item: Any) -> Iterator[Any]:
        if isinstance(item, dict):
            if key in item:
                yield item[key]
            elif self.strict:
                raise SqlJsonMemberNotFound(f'JSON object does not contain key "{key}"')
        elif self.strict:
            raise SqlJsonMemberNotFound("jsonpath member accessor can only be applied to an object")

    def _array(self, item: Any, what: str) -> list[Any]:
        if isinstance(item, list):
            return item
        if self.strict:
            raise SqlJsonArrayNotFound(f"jsonpath {what} can only be applied to an array")
        return [item]

    def _subscripted(self, step: Node, array: list[Any], item: Any) -> Iterator[Any]:
        for part in step.parts:
            self.sizes.append(len(array))
            try:
                low = self._subscript(part.parts[0], item)
                high = self._subscript(part.parts[1], item) if len(part.parts) > 1 else low
            finally:
                self.sizes.pop()
            if self.strict and (low < 0 or low > high or high >= len(array)):
                raise InvalidSqlJsonSubscript("jsonpath array subscript is out of bounds")
            yield from array[max(low, 0) : high + 1] if high >= 0 else []

    def _subscript(self, node: Node, item: Any) -> int:
        found = list(self.items(node, item))
        if len(found) != 1 or not isinstance(found[0], Decimal):
            raise InvalidSqlJsonSubscript("jsonpath array subscript is not a single numeric value")
        number = int(found[0])
        if not -(2**31) <= number < 2**31:
            raise InvalidSqlJsonSubscript("jsonpath array subscript is out of integer range")
        return number

    def _method(self, name: str, item: Any) -> Iterator[Any]:
        if name == "type":
            yield _type_name(item)
        elif name == "size":
            if not isinstance(item, list) and self.strict:
                raise SqlJsonArrayNotFound("jsonpath item method .size() can only be applied to an array")
            yield Decimal(len(item) if isinstance(item, list) else 1)
        elif name == "keyvalue":
            raise FeatureNotSupported("jsonpath item method .keyvalue() is not supported")
        elif name == "double":
            yield _double(item)
        elif not isinstance(item, Decimal):
            raise NonNumericSqlJsonItem(
                f"jsonpath item method .{name}() can only be applied to a numeric value"
            )
        else:
            yield abs(item) if name == "abs" else item.to_integral_value(_WHOLE[name])

    # ---------------------------------------------------------------- numbers

    def _signed(self, node: Node, current: Any) -> Iterator[Any]:
        for item in self.unwrapped(node.parts[0], current):
            if not isinstance(item, Decimal):
                raise SqlJsonNumberNotFound(
                    f"operand of unary jsonpath operator {node.value} is not a numeric value"
                )
            yield -item if node.value == "-" else item

    def _computed(self, node: Node, current: Any) -> Decimal:
        sides = []
        for side, part in zip(("left", "right"), node.parts, strict=True):
            found = list(self.unwrapped(part, current))
            if len(found) != 1 or not isinstance(found[0], Decimal):
                raise SingletonSqlJsonItemRequired(
                    f"{side} operand of jsonpath operator {node.kind} is not a single numeric value"
                )
            sides.append(found[0])
        if node.kind == "%":
            if sides[1] == 0:
                raise DivisionByZero("division by zero")
            return sides[0] % sides[1]
        return _ARITHMETIC[node.kind](*sides)

    # ---------------------------------------------------------------- predicates

    def holds(self, node: Node, current: Any) -> Tristate:
        parts = node.parts
        match node.kind:
            case "and":
                return _both(self.holds(parts[0], current), lambda: self.holds(parts[1], current))
            case "or":
                left = _negated(self.holds(parts[0], current))
                return _negated(_both(left, lambda: _negated(self.holds(parts[1], current))))
            case "not":
                return _negated(self.holds(parts[0], current))
            case "unknown":
                return self.holds(parts[0], current) is None
            case "exists":
                return self._exists(parts[0], current)
        return self._any_pair(node, current)

    def _exists(self, node: Node, current: Any) -> Tristate:
        try:
            found = self.items(node, current)
            return bool(list(found)) if self.strict else next(found, _NOTHING) is not _NOTHING
        except _SUPPRESSED:
            return None

    def _any_pair(self, node: Node, current: Any) -> Tristate:
        """Whether an item of the left and one of the right are so; in strict mode all are looked at."""
        try:
            left = list(self.unwrapped(node.parts[0], current))
            right: list[Any] = [None]
            if node.kind == "compare":
                right = list(self.unwrapped(node.parts[1], current))
            elif node.kind == "starts":
                right = list(self.items(node.parts[1], current))
        except _SUPPRESSED:
            return None
        found, unknown = False, False
        for a in left:
            for b in right:
                result = _test(node, a, b)
                if result is None and self.strict:
                    return None
                if result and not self.strict:
                    return True
                found, unknown = found or bool(result), unknown or result is None
        return True if found else None if unknown else False


def _unwraps(step: Node) -> bool:
    """Steps that go through an array's elements by themselves in lax mode."""
    return step.kind in ("key", "members", "filter") or (
        step.kind == "method" and step.value not in ("type", "size")
    )


def _both(left: Tristate, right: Any) -> Tristate:
    if left is False:
        return False
    other: Tristate = right()
    return False if other is False else None if left is None or other is None else True


def _negated(value: Tristate) -> Tristate:
    return None if value is None else not value


def _test(node: Node, left: Any, right: Any) -> Tristate:
    if node.kind == "compare":
        return _compared(node.value, left, right)
    if not isinstance(left, str):
        return None
    if node.kind == "starts":
        return left.startswith(right) if isinstance(right, str) else None
    pattern, flags = node.value
    if "q" in flags:
        return pattern.lower() in left.lower() if "i" in flags else pattern in left
    wanted = "".join(letter for flag, letter in _FLAGS.items() if flag in flags)
    return compiled(pattern, wanted).search(left) is not None


def _compared(operator: str, left: Any, right: Any) -> Tristate:
    if left is None or right is None:
        same = left is None and right is None
        return _ORDERS[operator](0) if same else operator == "!="
    if _type_name(left) != _type_name(right) or isinstance(left, (dict, list)):
        return None
    order = (left > right) - (left < right)
    return _ORDERS[operator](order)


def _type_name(item: Any) -> str:
    if item is None:
        return "null"
    for kind, name in ((bool, "boolean"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(item, kind):
            return name
    return "number"


def _double(item: Any) -> Decimal:
    if isinstance(item, str):
        try:
            number = float(item)
        except ValueError:
            number = float("nan")
        if number - number != 0:  # not a number, or infinite
            raise NonNumericSqlJsonItem(
                "string argument of jsonpath item method .double() is not a valid representation of a "
                "double precision number"
            )
        return Decimal(repr(number))
    if not isinstance(item, Decimal):
        raise NonNumericSqlJsonItem(
            "jsonpath item method .double() can only be applied to a string or numeric value"
        )
    return item


def _descendants(item: Any, low: int | None, high: int | None, level: int = 0) -> Iterator[Any]:
    """The item and what is below it, from level low to high; None is the last level, of scalars alone."""
    inside = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []
    is_scalar = not isinstance(item, (dict, list))
    if (low is None and high is None and is_scalar) or (low is not None and level >= low):
        yield item
    if high is None or level < high:
        for part in inside:
            yield from _descendants(part, low, high, level + 1)
