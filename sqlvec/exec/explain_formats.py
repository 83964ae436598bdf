"""EXPLAIN's formats other than text: one document, of names and values, as JSON, XML or YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

_NOT_IN_TAGS = re.compile(r"[^-A-Za-z0-9_.]")
_NAMESPACE = "http://www.postgresql.org/2009/explain"
_PARTS = {"Plans": "Plan"}  # what an element of a list is called


def rendered(document: dict[str, Any], form: str) -> str:
    if form == "xml":
        return "\n".join(_xml_document(document))
    if form == "yaml":
        return "\n".join(_listed(_yaml(document)))
    return json.dumps([document], indent=2)


# ---------------------------------------------------------------- XML


def _xml_document(document: dict[str, Any]) -> Iterator[str]:
    yield f'<explain xmlns="{_NAMESPACE}">'
    yield from _xml("Query", document, 1)
    yield "</explain>"


def _xml(name: str, value: Any, depth: int) -> Iterator[str]:
    tag, margin = _NOT_IN_TAGS.sub("-", name), "  " * depth
    if not isinstance(value, (dict, list)):
        yield f"{margin}<{tag}>{escape(_plain(value))}</{tag}>"
        return
    yield f"{margin}<{tag}>"
    parts = value.items() if isinstance(value, dict) else ((_PARTS.get(name, "Item"), v) for v in value)
    for part, inner in parts:
        yield from _xml(part, inner, depth + 1)
    yield f"{margin}</{tag}>"


# ---------------------------------------------------------------- YAML


def _yaml(document: dict[str, Any]) -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield f"{name}: "
            yield from ("  " + line for line in _yaml(value))
        elif isinstance(value, list):
            yield f"{name}: "
            for item in value:
                lines = _yaml(item) if isinstance(item, dict) else iter([_quoted(item)])
                yield from ("  " + line for line in _listed(lines))
        else:
            yield f"{name}: {_quoted(value)}"


def _listed(lines: Iterator[str]) -> Iterator[str]:
    """As an element of a list."""
    for number, line in enumerate(lines):
        yield ("  " if number else "- ") + line


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _plain(value)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
