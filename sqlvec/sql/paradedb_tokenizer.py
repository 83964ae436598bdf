"""ParadeDB's tokenizers as text search configurations, and index definitions that name them.

    CREATE INDEX ON t USING bm25 (id, title, (body::pdb.simple('stemmer=english')), (kind::pdb.literal), price)
    WITH (key_field = 'id', text_fields = '{"title": {"tokenizer": {"type": "whitespace"}}}')

Without one a column is split into words that are not stemmed. A literal column is compared as a whole, and a column
that is no text is filtered as any column is: neither is in the index.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlvec.catalog.objects import Column, Table
from sqlvec.errors import FeatureNotSupported, InvalidParameterValue, UndefinedColumn
from sqlvec.sql.parse import Node
from sqlvec.sql.type_rules import TEXTS

LITERAL = "literal_fields"  # the option with the columns that are compared as a whole
_LITERAL = "literal"
_CONFIGS = {
    "unicode_words": "simple", "unicode": "simple", "default": "simple", "simple": "simple", "icu": "simple",
    "en_stem": "english", "whitespace": "whitespace", "ngram": "ngram", "edge_ngram": "edge_ngram",
    "jieba": "chinese", "chinese_compatible": "chinese", "chinese_lindera": "chinese", "lindera": "chinese",
    "literal": _LITERAL, "literal_normalized": _LITERAL, "raw": _LITERAL, "keyword": _LITERAL,
}  # fmt: skip
_IGNORED = frozenset(
    [
        "numeric_fields", "boolean_fields", "json_fields", "range_fields", "datetime_fields", "inet_fields",
        "search_tokenizer", "sort_by", "partition_by", "target_segment_count", "layer_sizes",
        "background_layer_sizes", "mutable_segment_rows",
    ]
)  # fmt: skip


def is_tokenizer(name: str) -> bool:
    return name in _CONFIGS


def tokenizer_config(name: str, modifiers: Sequence[Any], position: int | None = None) -> str:
    """The configuration of a tokenizer with its options: numbers, and texts such as stemmer=english."""
    options = dict(str(m).split("=", 1) for m in modifiers if "=" in str(m))
    numbers = [m for m in modifiers if isinstance(m, int) and not isinstance(m, bool)]
    config = _CONFIGS.get(name)
    if config is None:
        raise FeatureNotSupported(f'tokenizer "{name}" is not supported', position=position)
    if config in ("ngram", "edge_ngram") and len(numbers) > 1:
        return f"{config}({numbers[0]},{numbers[1]})"
    stemmer = options.get("stemmer", "").lower()
    return stemmer if config == "simple" and stemmer else config


def paradedb_definition(
    table: Table, params: Sequence[Node], options: Sequence[Node]
) -> tuple[list[Node], list[Node], list[str]]:
    """Index columns and options as ours are, and what to tell the user. For an index with a key_field."""
    given = {node["DefElem"]["defname"]: node for node in options}
    key = _text(given["key_field"])
    configs = _text_fields(_text(given["text_fields"])) if "text_fields" in given else {}
    columns: list[Node] = []
    names: list[str] = []
    literals: list[str] = []
    others: list[str] = []
    for node in params:
        name, config = _element(node["IndexElem"])
        column = _existing(table, name)
        config = config or configs.get(name, "simple")
        if name == key:
            columns.append(_plain(name))
        elif column.type.oid not in TEXTS:
            others.append(f'column "{name}" of type {column.type.name} is filtered without the index')
        elif config == _LITERAL:
            literals.append(name)
        else:
            columns.append(_plain(name))
            names.append(config)
    if key not in [node["IndexElem"]["name"] for node in columns]:
        raise InvalidParameterValue(
            f'key_field "{key}" must be one of the columns of the index',
            hint="It is the first of them, and unique.",
        )
    kept = [n for k, n in given.items() if k not in _IGNORED and k != "text_fields"]
    if "text_config" not in given:
        kept.append(_option("text_config", names[0] if len(set(names)) == 1 else ", ".join(names)))
    if literals:
        kept.append(_option(LITERAL, ",".join(literals)))
    return columns, kept, others


def _element(body: Node) -> tuple[str, str | None]:
    """A column's name and the configuration that its cast asks for."""
    if "name" in body:
        return body["name"], None
    cast = body["expr"].get("TypeCast", {})
    target = [part["String"]["sval"] for part in cast.get("typeName", {}).get("names", ())]
    inner = cast.get("arg", {}).get("ColumnRef", {}).get("fields", [])
    if len(target) != 2 or target[0] != "pdb" or not inner:
        raise FeatureNotSupported("bm25 indexes on expressions are not supported")
    modifiers = [_modifier(node) for node in cast["typeName"].get("typmods", ())]
    return inner[-1]["String"]["sval"], tokenizer_config(target[1], modifiers)


def _modifier(node: Node) -> Any:
    constant = node.get("A_Const", {})
    if "ival" in constant:
        return constant["ival"].get("ival", 0)
    return constant.get("sval", {}).get("sval", "")


def _text_fields(text: str) -> Mapping[str, str]:
    """Configurations by column, of the older option."""
    try:
        document = json.loads(text)
        found = {}
        for name, settings in document.items():
            tokenizer = settings.get("tokenizer", {"type": "default"})
            kind = tokenizer["type"]
            limits = [tokenizer[k] for k in ("min_gram", "max_gram") if k in tokenizer]
            stemmer = tokenizer.get("stemmer", "")
            found[name] = tokenizer_config(kind, [*limits, *([f"stemmer={stemmer}"] if stemmer else [])])
        return found
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InvalidParameterValue(
            f'invalid value for option "text_fields": {text[:80]}',
            detail='It is JSON of the form {"column": {"tokenizer": {"type": "default"}}}.',
        ) from None


def _existing(table: Table, name: str) -> Column:
    column = table.column(name)
    if column is None:
        raise UndefinedColumn(f'column "{name}" does not exist')
    return column


def _text(node: Node) -> str:
    _, part = next(iter(node["DefElem"]["arg"].items()))
    return str(part.get("sval", "")) if "sval" in part else str(part["names"][-1]["String"]["sval"])


def _plain(name: str) -> Node:
    return {"IndexElem": {"name": name, "ordering": "SORTBY_DEFAULT", "nulls_ordering": "SORTBY_NULLS_DEFAULT"}}


def _option(name: str, value: str) -> Node:
    return {"DefElem": {"defname": name, "arg": {"String": {"sval": value}}}}
