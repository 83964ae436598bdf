"""Functions over json and jsonb, both as text.

A part of a document is cut out of its text, so that numbers keep their digits and a json keeps its spelling;
a part of a canonical jsonb is canonical. What changes a document reads it, and writes it canonically.
Source: jsonfuncs.c, jsonb_op.c (containment), jsonb_util.c.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from json.decoder import scanstring  # type: ignore[attr-defined]  # not in the stubs
from typing import Any

from sqlvec.errors import (
    ArraySubscriptError,
    InvalidParameterValue,
    InvalidTextRepresentation,
    NullValueNotAllowed,
    ProgramLimitExceeded,
)
from sqlvec.types.json_types import canonical, load


class _Digits(str):
    """A number as it is written."""


_SCAN = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # not in the stubs
_DECODE = json.JSONDecoder(parse_float=_Digits, parse_int=_Digits).decode
_SPACE = re.compile(r"[ \t\n\r]*")
ITEMS_MAX = 44_739_242  # JB_MAX_ELEMS in jsonb_util.c
_INTEGER = re.compile(r"-?\d+\Z", re.ASCII)


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    assert match is not None
    return match.end()


def _kind(text: str) -> str:
    """The first character of the document."""
    return text[_skip(text, 0)]


def _members(text: str) -> Iterator[tuple[str, str]]:
    """Keys and values' texts of an object."""
    place = _skip(text, _skip(text, 0) + 1)
    while text[place] != "}":
        name, place = scanstring(text, place + 1)
        start = _skip(text, _skip(text, place) + 1)
        _, end = _SCAN(text, start)
        yield name, text[start:end]
        place = _skip(text, end)
        if text[place] == ",":
            place = _skip(text, place + 1)


@lru_cache(maxsize=256)
def _items(text: str) -> tuple[str, ...]:
    """Texts of an array's elements."""
    found = []
    place = _skip(text, _skip(text, 0) + 1)
    while text[place] != "]":
        _, end = _SCAN(text, place)
        found.append(text[place:end])
        place = _skip(text, end)
        if text[place] == ",":
            place = _skip(text, place + 1)
    return tuple(found)


@lru_cache(maxsize=256)
def _object(text: str) -> dict[str, str]:
    return dict(_members(text))


def _plain(part: str | None) -> str | None:
    """A part as text: a string without its quotes, null as NULL."""
    if part is None or part == "null":
        return None
    return scanstring(part, 1)[0] if part[0] == '"' else part


# ---------------------------------------------------------------- access


def get(text: str, key: str) -> str | None:
    return _object(text).get(key) if _kind(text) == "{" else None


def get_text(text: str, key: str) -> str | None:
    """The most used of all: a scalar member is read without cutting the text."""
    document = _DECODE(text)
    value = document.get(key) if type(document) is dict else None
    if value is None or type(value) in (str, _Digits):
        return value
    return _plain(get(text, key))


def item(text: str, index: int) -> str | None:
    if _kind(text) != "[":
        return None
    found = _items(text)
    return found[index] if -len(found) <= index < len(found) else None


def item_text(text: str, index: int) -> str | None:
    return _plain(item(text, index))


def path(text: str, steps: Sequence[str | None]) -> str | None:
    found: str | None = text
    for step in steps:
        if found is None or step is None:
            return None
        if _kind(found) == "[":
            found = item(found, int(step)) if _INTEGER.match(step) else None
        else:
            found = get(found, step)
    return found


def path_text(text: str, steps: Sequence[str | None]) -> str | None:
    return _plain(path(text, steps))


def typeof(text: str) -> str:
    kinds = {"{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean", "n": "null"}
    return kinds.get(_kind(text), "number")


def length(text: str) -> int:
    kind = _kind(text)
    if kind != "[":
        what = "a non-array" if kind == "{" else "a scalar"
        raise InvalidParameterValue(f"cannot get array length of {what}")
    return len(_items(text))


def elements(text: str) -> list[str]:
    kind = _kind(text)
    if kind != "[":
        what = "an object" if kind == "{" else "a scalar"
        raise InvalidParameterValue(f"cannot extract elements from {what}")
    return list(_items(text))


def elements_text(text: str) -> list[str | None]:
    return [_plain(part) for part in elements(text)]


def _entries(text: str, what: str) -> dict[str, str]:
    kind = _kind(text)
    if kind != "{":
        shown = "an array" if kind == "[" else "a scalar"
        raise InvalidParameterValue(f"cannot {what} {shown}")
    return _object(text)


def keys(text: str) -> list[str]:
    return list(_entries(text, "call jsonb_object_keys on"))


def values(text: str) -> list[str]:
    return list(_entries(text, "call jsonb_each on a non-object:").values())


def values_text(text: str) -> list[str | None]:
    return [_plain(part) for part in values(text)]


# ---------------------------------------------------------------- tests


def has(text: str, key: str) -> bool:
    """The key of an object, or a string among an array's elements, or the string itself."""
    kind = _kind(text)
    if kind == "{":
        return key in _object(text)
    if kind == "[":
        return any(part[0] == '"' and scanstring(part, 1)[0] == key for part in _items(text))
    return kind == '"' and scanstring(text, _skip(text, 0) + 1)[0] == key


def has_any(text: str, names: Sequence[str | None]) -> bool:
    return any(has(text, name) for name in names if name is not None)


def has_all(text: str, names: Sequence[str | None]) -> bool:
    return all(has(text, name) for name in names if name is not None)


def contains(text: str, part: str) -> bool:
    """text @> part."""
    left, right = _DECODE(text), _DECODE(part)
    if isinstance(left, list) and not isinstance(right, (list, dict)):
        return any(_same(entry, right) for entry in left)
    return _contains(left, right)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return all(key in left and _contains(left[key], value) for key, value in right.items())
    if isinstance(left, list) and isinstance(right, list):
        return all(any(_contains(entry, value) for entry in left) for value in right)
    return _same(left, right)


def _same(left: Any, right: Any) -> bool:
    """Equality of scalars: true is not 1, "1" is not 1, 1.0 is 1."""
    if type(left) is not type(right) or isinstance(left, (dict, list)):
        return False
    if isinstance(left, _Digits):
        return bool(left == right) or Decimal(left) == Decimal(right)
    return bool(left == right)


# ---------------------------------------------------------------- change


def jsonb(text: str) -> str:
    return canonical(load(text))


def concat(left: str, right: str) -> str:
    a, b = load(left), load(right)
    if isinstance(a, dict) and isinstance(b, dict):
        return canonical({**a, **b})
    first = a if isinstance(a, list) else [a]
    return canonical(first + (b if isinstance(b, list) else [b]))


def delete(text: str, key: str) -> str:
    value = load(text)
    if isinstance(value, dict):
        value.pop(key, None)
    elif isinstance(value, list):
        value = [entry for entry in value if entry != key]
    else:
        raise InvalidParameterValue("cannot delete from scalar")
    return canonical(value)


def delete_all(text: str, keys: Sequence[str | None]) -> str:
    """jsonb - text[]."""
    value = load(text)
    if isinstance(value, dict):
        value = {key: entry for key, entry in value.items() if key not in keys}
    elif isinstance(value, list):
        value = [entry for entry in value if not isinstance(entry, str) or entry not in keys]
    else:
        raise InvalidParameterValue("cannot delete from scalar")
    return canonical(value)


def delete_item(text: str, index: int) -> str:
    value = load(text)
    if isinstance(value, dict):
        raise InvalidParameterValue("cannot delete from object using integer index")
    if not isinstance(value, list):
        raise InvalidParameterValue("cannot delete from scalar")
    if -len(value) <= index < len(value):
        del value[index]
    return canonical(value)


def delete_path(text: str, steps: Sequence[str]) -> str:
    value = load(text)
    if not isinstance(value, (dict, list)):
        raise InvalidParameterValue("cannot delete path in scalar")
    parent = _parent(value, steps)
    if isinstance(parent, dict):
        parent.pop(steps[-1], None)
    elif isinstance(parent, list):
        index = _index(steps[-1], len(steps))
        if -len(parent) <= index < len(parent):
            del parent[index]
    return canonical(value)


def _parent(value: Any, steps: Sequence[str]) -> Any:
    """What the last step is taken from; None where the path leads nowhere."""
    if not steps:
        return None
    for place, step in enumerate(steps[:-1], 1):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list):
            index = _index(step, place)
            value = value[index] if -len(value) <= index < len(value) else None
    return value


def _index(step: str, place: int) -> int:
    if not _INTEGER.match(step):
        raise InvalidTextRepresentation(f'path element at position {place} is not an integer: "{step}"')
    return int(step)


def set_path(text: str, steps: Sequence[str], new: str, create: bool) -> str:
    value = load(text)
    if not isinstance(value, (dict, list)):
        raise InvalidParameterValue("cannot set path in scalar")
    parent, entry = _parent(value, steps), load(new)
    if isinstance(parent, dict):
        if create or steps[-1] in parent:
            parent[steps[-1]] = entry
    elif isinstance(parent, list):
        _set_item(parent, _index(steps[-1], len(steps)), entry, create=create)
    return canonical(value)


def set_lax(
    text: str | None, steps: Sequence[str] | None, new: str | None, create: bool | None, treatment: str | None
) -> str | None:
    """jsonb_set for which NULL is a value: what becomes of the key is said by the treatment."""
    if text is None or steps is None or create is None:
        return None
    if new is not None:
        return set_path(text, steps, new, create)
    if treatment == "use_json_null":
        return set_path(text, steps, "null", create)
    if treatment == "delete_key":
        return delete_path(text, steps)
    if treatment == "return_target":
        return text
    if treatment == "raise_exception":
        raise NullValueNotAllowed(
            "JSON value must not be null",
            detail="Exception was raised because null_value_treatment is \"raise_exception\".",
            hint="To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is "
            "not passed.",
        )
    raise InvalidParameterValue(
        'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"'
    )


def object_of(keys: Sequence[str | None] | None, values: Sequence[str | None] | None) -> str | None:
    """json_object: of an array of keys and values in turn, or of one each."""
    if keys is None:
        return None
    if values is None:
        if len(keys) % 2:
            raise ArraySubscriptError("array must have even number of elements")
        keys, values = keys[::2], keys[1::2]
    if len(keys) != len(values):
        raise ArraySubscriptError("mismatched array dimensions")
    if None in keys:
        raise NullValueNotAllowed("null value not allowed for object key")
    pairs = zip(keys, values, strict=True)
    shown = ", ".join(f"{_quote(key)} : {_quote(value)}" for key, value in pairs)
    return f"{{{shown}}}"


def _quote(text: str | None) -> str:
    return "null" if text is None else json.dumps(text, ensure_ascii=False)


def assign_path(text: str, steps: Sequence[str | None], new: str) -> str:
    """What lacks on the way is made: an array for a step that is an integer, with null before its place."""
    if None in steps:
        raise NullValueNotAllowed("jsonb subscript in assignment must not be null")
    value, entry = load(text), load(new)
    parent: Any = value
    for place, step in enumerate(steps, 1):
        rest = steps[place:]
        if isinstance(parent, dict):
            if step not in parent or not rest:
                parent[step] = _made(rest, entry)
                break
            parent = parent[step]
        elif isinstance(parent, list):
            index = _reached(parent, _index(str(step), place), place)
            if index == len(parent) or not rest:
                parent[index : index + 1] = [_made(rest, entry)]
                break
            parent = parent[index]
        else:
            raise InvalidParameterValue(
                "cannot replace existing key",
                detail="The path assumes key is a composite object, but it is a scalar value.",
            )
    return canonical(value)


def _reached(array: list[Any], index: int, place: int) -> int:
    """From the beginning, and no more than one past the end."""
    if index < -len(array):
        raise InvalidParameterValue(f"path element at position {place} is out of range: {index}")
    if index > len(array):
        array.extend(_nulls(index - len(array)))
    return index + len(array) if index < 0 else index


def _made(steps: Sequence[str | None], entry: Any) -> Any:
    for step in reversed(steps):
        if _INTEGER.match(str(step)):
            entry = [*_nulls(int(str(step))), entry]
        else:
            entry = {step: entry}
    return entry


def _nulls(count: int) -> list[None]:
    if count > ITEMS_MAX:
        raise ProgramLimitExceeded(
            f"number of jsonb array elements exceeds the maximum allowed ({ITEMS_MAX})"
        )
    return [None] * count


def _set_item(array: list[Any], index: int, entry: Any, *, create: bool) -> None:
    if -len(array) <= index < len(array):
        array[index] = entry
    elif create:
        array.insert(0 if index < 0 else len(array), entry)


def insert_path(text: str, steps: Sequence[str], new: str, after: bool) -> str:
    value = load(text)
    if not isinstance(value, (dict, list)):
        raise InvalidParameterValue("cannot set path in scalar")
    parent, entry = _parent(value, steps), load(new)
    if isinstance(parent, dict):
        if steps[-1] in parent:
            raise InvalidParameterValue(
                "cannot replace existing key", hint="Try using the function jsonb_set to replace key value."
            )
        parent[steps[-1]] = entry
    elif isinstance(parent, list):
        index = _index(steps[-1], len(steps))
        place = max(0, index + len(parent)) if index < 0 else min(index, len(parent))
        parent.insert(place + (1 if after and place < len(parent) else 0), entry)
    return canonical(value)


def strip_nulls(text: str) -> str:
    return canonical(_stripped(load(text)))


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stripped(entry) for key, entry in value.items() if entry is not None}
    return [_stripped(entry) for entry in value] if isinstance(value, list) else value


def strip_nulls_plain(text: str) -> str:
    """Of json: without spaces, keys as they come."""
    return _compact(_stripped(_DECODE(text)))


def _compact(value: Any) -> str:
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quote(key)}:{_compact(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def pretty(text: str) -> str:
    return _pretty(load(text), 0)


def _pretty(value: Any, depth: int) -> str:
    pad = "    " * (depth + 1)
    if isinstance(value, dict):
        order = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        lines = [f"{pad}{canonical(key)}: {_pretty(value[key], depth + 1)}" for key in order]
        brackets = "{}"
    elif isinstance(value, list):
        lines = [pad + _pretty(entry, depth + 1) for entry in value]
        brackets = "[]"
    else:
        return canonical(value)
    inner = ",\n".join(lines)
    end = "    " * depth + brackets[1]
    return f"{brackets[0]}\n{inner}\n{end}" if lines else f"{brackets[0]}\n{end}"


# ---------------------------------------------------------------- conversion


def of_number(text: str) -> str:
    """A number's text as JSON; NaN and the infinities are strings."""
    return f'"{text}"' if text[-1] in "yN" else text


def key_text(text: str | None, maker: str) -> str:
    """A key, which must not be null; maker is the function that makes the object."""
    if text is not None:
        return text
    if maker == "json_object_agg":
        raise NullValueNotAllowed("null value not allowed for object key")
    raise InvalidParameterValue(
        "field name must not be null" if maker == "jsonb_object_agg" else "argument 1: key must not be null"
    )


def number(text: str, target: str) -> str | None:
    """The number that a jsonb is; a cast says what it is otherwise."""
    kind = typeof(text)
    if kind == "null":
        return None
    if kind != "number":
        raise _cannot_cast(kind, target)
    return text


def boolean(text: str) -> bool | None:
    kind = typeof(text)
    if kind == "null":
        return None
    if kind != "boolean":
        raise _cannot_cast(kind, "boolean")
    return text.strip() == "true"


def _cannot_cast(kind: str, target: str) -> Exception:
    shown = {"boolean": "boolean", "number": "numeric"}.get(kind, kind)
    return InvalidParameterValue(f"cannot cast jsonb {shown} to type {target}")


