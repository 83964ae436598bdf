"""pgcli's own connection and completion, without its prompt: what it offers, as JSON."""

import json
import sys
import threading

from pgcli.completion_refresher import CompletionRefresher
from pgcli.pgexecute import PGExecute
from pgspecial.main import PGSpecial
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

TYPED = ("SELECT * FROM ", "SELECT * FROM sales.", "SELECT d. FROM docs d|9", "INSERT INTO authors (", "\\d ",
         "SELECT * FROM docs d JOIN reviews r ON ", "ALTER TABLE docs DROP COLUMN ", "SELECT 1::mo")  # fmt: skip


def offered(completer, typed):
    text, _, place = typed.partition("|")
    document = Document(text, int(place) if place else len(text))
    found = completer.get_completions(document, CompleteEvent(), smart_completion=True)
    return [c.text for c in found]


def main() -> None:
    dsn = sys.argv[1]
    executor = PGExecute(dsn=dsn)
    special = PGSpecial()
    done, ready = [], threading.Event()

    def finished(completer):
        done.append(completer)
        ready.set()

    CompletionRefresher().refresh(executor, special, finished, settings={})
    assert ready.wait(30), "the completion was never ready"
    answers = {typed: offered(done[0], typed) for typed in TYPED}
    rows = []
    for sql in ("SELECT id, embedding FROM docs", "\\dt", "\\d authors", "SELECT nothing"):
        for title, cursor, headers, status, *_ in executor.run(sql, special, lambda *_: None, True):
            shown = [list(map(str, row)) for row in cursor] if cursor else []
            rows.append([sql, title, headers, shown, str(status)])
    print(json.dumps({"offered": answers, "rows": rows, "databases": executor.databases()}))


main()
