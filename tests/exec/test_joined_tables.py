"""What tables are tested by before they are joined changes no answer."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from tests.harness.world import world

KINDS = ("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")


def test_tests_of_one_table_may_come_before_the_join_where_they_do(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        for name, step in (("a", 1), ("b", 2), ("c", 3)):
            place.sql(f"CREATE TABLE {name} (id int PRIMARY KEY, n int)")
            place.sql(f"INSERT INTO {name} SELECT i, i % 4 FROM generate_series(0, 20, {step}) i")
        place.session.store.flush()
        sql = (
            "SELECT a.id, b.id, c.id FROM a {} b ON a.id = b.id AND {} AND {} {} c ON b.id = c.id AND {} AND {} "
            "ORDER BY 1, 2, 3"
        )
        # The same, said so that more than one table is asked.
        plain = ("a.n > 1", "b.n < 3", "b.n > 0", "c.n < 3")
        mixed = ("(a.n > 1 OR b.id <> b.id)", "(b.n < 3 OR a.id <> a.id)", "(b.n > 0 OR c.id <> c.id)",
                 "(c.n < 3 OR b.id <> b.id)")  # fmt: skip
        for first, second in product(KINDS, KINDS):
            found = [place.sql(sql.format(first, t[0], t[1], second, t[2], t[3])) for t in (plain, mixed)]
            assert found[0] == found[1], (first, second)
        ((left,),) = place.sql("SELECT count(*) FROM a LEFT JOIN b ON a.id = b.id AND b.n = 1 AND a.n = 1")
        assert left == 21


def test_a_volatile_condition_is_asked_once_of_a_row(tmp_path: Path) -> None:
    with world(tmp_path) as place:
        for name in "ab":
            place.sql(f"CREATE TABLE {name} (id int PRIMARY KEY)")
            place.sql(f"INSERT INTO {name} SELECT i FROM generate_series(1, 10000) i")
        for sql in (
            "SELECT count(*) FROM a WHERE id > random() * 20000",
            "SELECT count(*) FROM a JOIN b USING (id) WHERE a.id > random() * 20000",
            "SELECT count(*) FROM a JOIN b ON a.id = b.id AND a.id > random() * 20000",
        ):
            ((count,),) = place.sql(sql)
            assert isinstance(count, int) and 2_200 < count < 2_800, sql  # a quarter; twice: a sixth
