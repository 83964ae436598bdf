"""The pages of docs/ that are made from the code: `make docs` writes them, a test compares them.

    sql.md        the syntax of grammar/*.lark, the operators of grammar/operators.toml
    settings.md   sqlvec/settings.py
    errors.md     sqlvec/errors.py
    formats.md    the docstrings of the modules that lay out bytes
"""

from __future__ import annotations

import ast
import inspect
import tomllib
from pathlib import Path

from sqlvec import errors
from sqlvec.settings import DEFINITIONS

ROOT = Path(__file__).resolve().parents[1]
DOCS, GRAMMAR = ROOT / "docs", ROOT / "grammar"
NOTE = "<!-- Made by `make docs`; change its source instead. -->\n"
TOPICS = ("statement", "select", "search", "expression", "write", "definition", "function", "type", "session", "lexical")
FORMATS = (
    "storage/keys.py", "storage/records.py", "storage/wal.py", "storage/blocks.py",
    "storage/segment.py", "storage/manifest.py", "storage/history.py",
    "storage/catalog_codec.py",
    "storage/graph_files.py", "storage/link_log.py", "storage/offload.py",
    "index/bm25/part.py",
)  # fmt: skip


def pages() -> dict[str, str]:
    """The text of every page, by file name."""
    return {
        "sql.md": sql_page(),
        "settings.md": settings_page(),
        "errors.md": errors_page(),
        "formats.md": formats_page(),
    }


def sql_page() -> str:
    parts = [
        f"# SQL\n\n{NOTE}\n"
        "The syntax that is accepted, in [Lark](https://github.com/lark-parser/lark) notation: words in\n"
        "quotes are keywords, `?` is optional, `*` any number, `+` at least one. What is tested of it:\n"
        "[grammar/README.md](../grammar/README.md). Examples are in `grammar/accepted`.\n"
    ]
    for topic in TOPICS:
        title, _, rules = (GRAMMAR / f"{topic}.lark").read_text().partition("\n\n")
        prose = " ".join(line.removeprefix("//").strip() for line in title.splitlines())
        shown = "\n".join(line for line in rules.splitlines() if not line.startswith("%"))
        shown = _without_word_lists(shown) if topic == "lexical" else shown
        parts.append(f"## {topic.capitalize()}\n\n{prose}\n\n```lark\n{shown.strip()}\n```\n")
    parts.append(operators_section())
    return "\n".join(parts)


def _without_word_lists(rules: str) -> str:
    """The terminals whose pattern is a list of every reserved word are named, not shown."""
    return "\n".join(line for line in rules.splitlines() if len(line) < 200)


def operators_section() -> str:
    table = tomllib.loads((GRAMMAR / "operators.toml").read_text())["operator"]
    rows = [
        f"| `{_cell(o['spelling'])}` | {o.get('left', '')} | {o['right']} | {o['result']} | "
        f"{_cell(o['sentence'])} |"
        for o in table
    ]
    head = "| operator | left | right | result | meaning |\n|---|---|---|---|---|\n"
    return "## Operators\n\n" + head + "\n".join(rows) + "\n"


def settings_page() -> str:
    rows = [
        f"| `{s.name}` | `{s.default or ' '}` | {s.kind} | {s.unit or ''} | {_cell(s.description)} |"
        for s in sorted(DEFINITIONS, key=lambda s: s.name.lower())
    ]
    head = "| setting | default | kind | unit | what it does |\n|---|---|---|---|---|\n"
    return f"# Settings\n\n{NOTE}\n`SET name = value`; `SHOW ALL` lists them.\n\n{head}" + "\n".join(rows) + "\n"


def errors_page() -> str:
    found = {
        error.sqlstate: name
        for name, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.DatabaseError) and error.__module__ == errors.__name__
        and error is not errors.DatabaseError
    }  # fmt: skip
    rows = [f"| `{sqlstate}` | {_words(name)} |" for sqlstate, name in sorted(found.items())]
    head = "| SQLSTATE | condition |\n|---|---|\n"
    return (
        f"# Errors\n\n{NOTE}\nEvery error is a PostgreSQL error: SQLSTATE, message, and position where the "
        f"text is at fault.\n\n{head}" + "\n".join(rows) + "\n"
    )


def formats_page() -> str:
    parts = [f"# Formats\n\n{NOTE}\nEach format is described where it is written and read.\n"]
    for place in FORMATS:
        text = ast.get_docstring(ast.parse((ROOT / "sqlvec" / place).read_text()))
        assert text, place
        parts.append(f"## {Path(place).stem}\n\n`sqlvec/{place}`\n\n{text}\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _words(name: str) -> str:
    """InvalidTextRepresentation: invalid text representation."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


def main() -> None:
    for name, text in pages().items():
        (DOCS / name).write_text(text)


if __name__ == "__main__":
    main()
