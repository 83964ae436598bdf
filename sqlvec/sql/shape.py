"""The shape of a statement: its text with the string literals taken out, the key of the plan cache.

psycopg2 and psycopg's simple mode put values into the text: the same shape comes again and again with other
literals. Numbers stay in the key, since their size decides their type.
"""

from __future__ import annotations

import re

# Strings ('' doubled, unrolled for speed), quoted names, comments, dollar quotes, parameters.
_TOKEN = re.compile(
    r"(?<![\w$])[eEbBxXnN]'|(?<![\w$])[uU]&'|'([^']*(?:''[^']*)*)'|\"[^\"]*\"|--|/\*|\$\w*\$|\$\d+|\bTENANT\b",
    re.I,
)


def shape(text: str) -> tuple[str, list[str]] | None:
    """(text with $1, $2 ... for its plain string literals, the literals); None when it cannot be told, or
    when there is nothing to lift."""
    literals: list[str] = []
    pieces: list[str] = []
    last = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token[0] == '"':
            continue
        if token[0] != "'":
            return None
        literals.append(match.group(1).replace("''", "'"))
        pieces += [text[last : match.start()], f"${len(literals)}"]
        last = match.end()
    if not literals:
        return None
    pieces.append(text[last:])
    return "".join(pieces), literals
