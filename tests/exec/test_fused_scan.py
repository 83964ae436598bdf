"""Legs beside each other in threads, over a database in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlvec.exec import fused_scan, side_by_side
from tests.harness.world import world


def test_legs_in_threads_give_the_same_ranking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path) as place:
        place.sql("CREATE TABLE t (id int PRIMARY KEY, body text, e vector(2), f vector(2))")
        place.sql("CREATE INDEX ON t USING bm25 (body)")
        values = ", ".join(
            f"({i}, 'word{i % 3} word{i % 7}', '[{i % 5},{i % 11}]', '[{i % 4},1]')" for i in range(200)
        )
        place.sql(f"INSERT INTO t VALUES {values}")
        for call in (
            "rrf(e <-> '[1,2]', body <@> 'word1 word5', f <=> '[1,1]', weights => '{1,2,3}')",
            "relative_score(e <-> '[1,2]', body <@> 'word2')",
            "rrf(e <-> '[1,2]', body <@> NULL)",
        ):
            sql = f"SELECT id, {call} AS s, explain_score() FROM t ORDER BY s DESC LIMIT 60"
            one_after_the_other = place.sql(sql)
            with monkeypatch.context() as patched:
                patched.setattr(fused_scan, "PARALLEL_ROWS_MIN", 1)
                patched.setattr(side_by_side, "CORES", 2)
                assert place.sql(sql) == one_after_the_other
