"""Array literals: {1,2,NULL,"a b"}, {{1,2},{3,4}}, [1:2]={5,6}.

parse_array gives lists of lists, which have no place for lower bounds other than 1; parse_shape all there is.
Source: array_in and ArrayCount in arrayfuncs.c.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from sqlvec.errors import (
    ArraySubscriptError,
    FeatureNotSupported,
    InvalidTextRepresentation,
    ProgramLimitExceeded,
)
from sqlvec.types.sql_type import TypeDefinition

DIMENSIONS_MAX = 6
MANY_DIMENSIONS = "arrays of more than one dimension are not supported here"
OTHER_BOUNDS = "array lower bounds other than 1 are not supported here"
DECLARE_DIMENSIONS = "Declare the array with more than one dimension, as in integer[][]."
_SPACES = " \t\n\r\v\f"
_SPECIAL = frozenset('{}"\\' + _SPACES)
_DIMENSION = re.compile(r"\[(?:([+-]?\d+):)?([+-]?\d+)\]", re.ASCII)
_RAGGED = "Multidimensional arrays must have sub-arrays with matching dimensions."
_UNEXPECTED_ELEMENT = "Unexpected array element."
_END_OF_INPUT = "Unexpected end of input."


def parse_array(text: str, element: TypeDefinition, typmod: int) -> list[Any]:
    """The items, nested for more than one dimension; [] for an empty array."""
    reader = _Reader(text, element, typmod)
    items = reader.read()
    if any(lower != 1 for lower in reader.lowers) and items:
        raise FeatureNotSupported(OTHER_BOUNDS, hint=DECLARE_DIMENSIONS)
    return items


def parse_shape(
    text: str, element: TypeDefinition, typmod: int
) -> tuple[tuple[int, ...], tuple[int, ...], list[Any]]:
    """Lower bounds and sizes of the dimensions, and the items, flat; empty dimensions for an empty array."""
    if text == "{}":
        return (), (), []
    reader = _Reader(text, element, typmod)
    items = reader.read()
    if not items:
        return (), (), []
    sizes = tuple(size for size in reader.sizes if size is not None)
    for _ in sizes[1:]:
        items = [item for one in items for item in one]
    return tuple(reader.lowers) or (1,) * len(sizes), sizes, items


def quoted_item(text: str | None, delimiter: str = ",") -> str:
    """An element as array_out shows it."""
    if text is None:
        return "NULL"
    special = not _SPECIAL.isdisjoint(text) or delimiter in text
    if special or text == "" or text.upper() == "NULL":
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


class _Reader:
    def __init__(self, text: str, element: TypeDefinition, typmod: int) -> None:
        self.text = text
        self.element = element
        self.typmod = typmod
        self.place = 0
        self.lowers: list[int] = []  # those that are given
        self.sizes: list[int | None] = []  # of each level, once its first list is read
        self.leaf_depth = 0  # at which items, not lists, were found; 0 before the first

    def malformed(self, detail: str | None) -> NoReturn:
        raise InvalidTextRepresentation(
            f'malformed array literal: "{self.text}"', detail=detail
        )

    def read(self) -> list[Any]:
        declared = self._dimensions()
        self._skip_spaces()
        if self.text[self.place : self.place + 1] != "{":
            self.malformed(
                'Array contents must start with "{".'
                if declared
                else 'Array value must start with "{" or dimension information.'
            )
        items = self._list(1)
        self._skip_spaces()
        if self.place < len(self.text):
            self.malformed("Junk after closing right brace.")
        if not items:
            return []
        if declared and declared != self.sizes:
            self.malformed("Specified array dimensions do not match array contents.")
        return items

    def _skip_spaces(self) -> None:
        while self.text[self.place : self.place + 1] in _SPACES and self.place < len(self.text):
            self.place += 1

    def _peek(self) -> str:
        """The next character that is no white space."""
        self._skip_spaces()
        if self.place >= len(self.text):
            self.malformed(_END_OF_INPUT)
        return self.text[self.place]

    def _dimensions(self) -> list[int | None]:
        """The sizes of [1:2][1:3]= in front; empty when there are none."""
        sizes: list[int | None] = []
        while True:
            self._skip_spaces()
            if self.text[self.place : self.place + 1] != "[":
                break
            match = _DIMENSION.match(self.text, self.place)
            if match is None:
                self.malformed('"[" must introduce explicitly-specified array dimensions.')
            lower, upper = int(match[1] or 1), int(match[2])
            if upper < lower:
                raise ArraySubscriptError("upper bound cannot be less than lower bound")
            self.lowers.append(lower)
            sizes.append(upper - lower + 1)
            self.place = match.end()
        if sizes and self.text[self.place : self.place + 1] != "=":
            self.malformed('Missing "=" after array dimensions.')
        self.place += bool(sizes)
        return sizes

    def _list(self, depth: int) -> list[Any]:
        """One brace pair; the place is on the opening brace."""
        if depth > DIMENSIONS_MAX:
            raise ProgramLimitExceeded(
                f"number of array dimensions ({depth}) exceeds the maximum allowed ({DIMENSIONS_MAX})"
            )
        if len(self.sizes) < depth:
            self.sizes.append(None)
        self.place += 1
        items: list[Any] = []
        if self._peek() == "}":
            if depth > 1:
                self.malformed('Unexpected "}" character.')
            self.place += 1
            return items
        while True:
            items.append(self._element(depth))
            char = self._peek()
            self.place += 1
            if char == "}":
                break
            if char != self.element.delimiter:
                self.malformed(_UNEXPECTED_ELEMENT)
        if self.sizes[depth - 1] not in (None, len(items)):
            self.malformed(_RAGGED)
        self.sizes[depth - 1] = len(items)
        return items

    def _element(self, depth: int) -> Any:
        char = self._peek()
        if char == "{":
            if self.leaf_depth and depth >= self.leaf_depth:
                self.malformed('Unexpected "{" character.')
            return self._list(depth + 1)
        if self.leaf_depth and depth != self.leaf_depth:
            self.malformed(_UNEXPECTED_ELEMENT)
        self.leaf_depth = depth
        if char == '"':
            return self.element.parse(self._quoted(), self.typmod)
        return self._bare()

    def _bare(self) -> Any:
        """An item without quotes; white space around it does not count, escaped white space does."""
        taken: list[str] = []
        kept = 0  # characters up to the last that counts
        stops = '{}"' + self.element.delimiter
        while (char := self.text[self.place : self.place + 1]) and char not in stops:
            escaped = char == "\\"
            if escaped:
                self.place += 1
                char = self.text[self.place : self.place + 1]
                if not char:
                    self.malformed(_END_OF_INPUT)
            taken.append(char)
            if escaped or char not in _SPACES:
                kept = len(taken)
            self.place += 1
        if not char:
            self.malformed(_END_OF_INPUT)
        if char == '"':
            self.malformed(_UNEXPECTED_ELEMENT)
        if not kept or char == "{":
            self.malformed(f'Unexpected "{char}" character.')
        word = "".join(taken[:kept])
        if word.upper() == "NULL" and "\\" not in self.text[self.place - len(taken) : self.place]:
            return None
        return self.element.parse(word, self.typmod)

    def _quoted(self) -> str:
        taken: list[str] = []
        self.place += 1
        while char := self.text[self.place : self.place + 1]:
            self.place += 1
            if char == '"':
                return "".join(taken)
            if char == "\\":
                char = self.text[self.place : self.place + 1]
                self.place += 1
            taken.append(char)
        self.malformed(_END_OF_INPUT)
