"""What PostgreSQL 15 and pgvector say of their built-in objects, from facts/*.tsv.

The files are written by .ci/catalog_facts.py: a line of names, then a line an object, tabs between fields,
\\N for none. They are PostgreSQL's own words, under its licence; system tables show those objects of them
that the server has.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

Fact = dict[str, str | None]
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


@cache
def facts(name: str) -> tuple[Fact, ...]:
    """The objects of one file, in its order."""
    header, *lines = _lines(name)
    names = header.split("\t")
    return tuple(
        dict(zip(names, map(_field, line.split("\t")), strict=True)) for line in lines
    )


def text(fact: Fact, name: str) -> str:
    """A field that is never NULL."""
    value = fact[name]
    assert value is not None, (name, fact)
    return value


def number(fact: Fact, name: str) -> int:
    return int(text(fact, name))


def flag(fact: Fact, name: str) -> bool:
    return fact[name] == "t"


def _lines(name: str) -> list[str]:
    return (files(__package__) / "facts" / f"{name}.tsv").read_text("utf-8").splitlines()


def _field(value: str) -> str | None:
    if "\\" not in value:
        return value
    if value == "\\N":
        return None
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), value)
