"""The differences that are meant: differences.sql on both servers, as the table of docs/compatibility.md.

`python -m tests.compat.differences` writes it anew; test_differences.py says when that is due.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.harness.differential import Side, Statement
from tests.harness.live_server import LiveServer
from tests.harness.oracle import running_oracle

SCRIPT = Path(__file__).with_name("differences.sql")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
BEGIN, END = "<!-- from tests/compat/differences.sql -->\n", "<!-- end -->\n"
_CELL_MAX = 160


def table(ours: str, theirs: str) -> str:
    """Answers by the two servers, as Markdown. A statement with a reason that both answer alike is an error."""
    here, there = Side(ours, "differences"), Side(theirs, "differences")
    lines = ["| statement | PostgreSQL | sqlvec | why |", "|---|---|---|---|"]
    odd: list[str] = []
    try:
        for reason, sql in statements():
            mine, wanted = here.answer(Statement(0, sql)), there.answer(Statement(0, sql))
            if bool(reason) != (mine != wanted):
                odd.append(f"{sql}\nours: {mine}\nwanted: {wanted}")
            if reason:
                lines.append(f"| `{_cell(sql)}` | {_shown(wanted)} | {_shown(mine)} | {reason} |")
    finally:
        for side in (here, there):
            side.answer(Statement(0, "DROP SCHEMA differences CASCADE"))
            side.answer(Statement(0, "DROP ROLE IF EXISTS reader"))
            side.close()
    assert not odd, "\n".join(odd)
    return "\n".join(lines) + "\n"


def statements() -> list[tuple[str, str]]:
    """Each with why it differs; "" where it does not."""
    found, reason = [], ""
    for line in SCRIPT.read_text().splitlines():
        if line.startswith("--- "):
            reason = line.removeprefix("--- ")
        elif not line.startswith("--"):
            found.append((reason, line.removesuffix(";")))
            reason = ""
    return found


def _shown(answer: list[str]) -> str:
    """An error as its state and message, else the rows or the tag."""
    if answer[0].startswith("ERROR"):
        return _cell(answer[0].removeprefix("ERROR "))
    return _cell(" / ".join(answer[1:-1] or answer[-1:]))


def _cell(text: str) -> str:
    text = text.replace("|", "\\|")
    return text if len(text) <= _CELL_MAX else text[:_CELL_MAX] + "..."


def written(page: str) -> str:
    """The table as the page has it."""
    return page.partition(BEGIN)[2].partition(END)[0]


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, running_oracle() as theirs:
        server = LiveServer(Path(directory))
        try:
            page = PAGE.read_text()
            PAGE.write_text(page.replace(BEGIN + written(page), BEGIN + table(server.dsn, theirs)))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
