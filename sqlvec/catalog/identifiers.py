"""Identifiers and string constants as SQL writes them: quoted where they must be, and taken apart."""

from __future__ import annotations

from functools import cache

from sqlvec.catalog.system.facts import facts, text


@cache
def _keywords() -> frozenset[str]:
    """Words that are quoted where a name is meant: all but the unreserved (ruleutils.c)."""
    return frozenset(text(f, "word") for f in facts("keywords") if f["catcode"] != "U")


def quote_identifier(name: str) -> str:
    """With double quotes where a bare name would not be read back as itself."""
    plain = name[:1].isalpha() or name[:1] == "_"
    if plain and name.isascii() and name == name.lower() and name.replace("_", "a").isalnum():
        if name not in _keywords():
            return name
    return '"' + name.replace('"', '""') + '"'


def quote_string(text: str) -> str:
    """A string constant. Backslashes are themselves: standard_conforming_strings is on."""
    return "'" + text.replace("'", "''") + "'"


def split_name(name: str) -> list[str]:
    """The parts of a possibly quoted, possibly qualified name, folded to lower case where unquoted."""
    parts, current, quoted = [], [], False
    i = 0
    while i < len(name):
        char = name[i]
        if char == '"':
            if quoted and name[i + 1 : i + 2] == '"':
                current.append('"')
                i += 1
            else:
                quoted = not quoted
        elif char == "." and not quoted:
            parts.append("".join(current))
            current = []
        else:
            current.append(char if quoted else char.lower())
        i += 1
    parts.append("".join(current))
    return [part.strip() for part in parts]
