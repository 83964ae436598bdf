"""Tenants as a client sees them: created, dropped, put to rest, and found again."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.harness.live_server import LiveServer
from tests.harness.queries import rows

SCHEMA = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE notes (tenant text, id int, body text, embedding vector(2), PRIMARY KEY (tenant, id))
    PARTITION BY TENANT (tenant);
CREATE INDEX ON notes USING hnsw (embedding vector_l2_ops);
CREATE INDEX notes_body ON notes USING bm25 (body);
INSERT INTO notes SELECT t, i, 'word' || i || ' of ' || t, ARRAY[i, length(t)]::real[]::vector
    FROM unnest(ARRAY['acme', 'zeta', 'omega']) t, generate_series(1, 4) i;
"""
STATES = "SELECT tenant, state, rows FROM sqlvec_tenants ORDER BY tenant"


@pytest.fixture
def notes(connection: psycopg.Connection) -> psycopg.Connection:
    for statement in SCHEMA.split(";")[:-1]:
        connection.execute(statement)
    return connection


def count(connection: psycopg.Connection, tenant: str) -> int:
    return rows(connection, f"SELECT count(*) FROM notes WHERE tenant = '{tenant}'")[0][0]


def test_the_view_tells_of_every_tenant(notes: psycopg.Connection) -> None:
    assert rows(notes, STATES) == [("acme", "active", 4), ("omega", "active", 4), ("zeta", "active", 4)]
    assert rows(
        notes,
        "SELECT relid::regclass::text, relname, bytes_in_memory > 0, now() - last_used < interval '1 hour' "
        "FROM sqlvec_tenants",
    ) == [("notes", "notes", True, True)] * 3


def test_a_tenant_is_created_and_dropped_by_name(notes: psycopg.Connection) -> None:
    notes.execute("CREATE TENANT 'new'")
    assert ("new", "active", 0) in rows(notes, STATES)
    with pytest.raises(psycopg.errors.DuplicateObject, match='tenant "new" already exists'):
        notes.execute("CREATE TENANT 'new'")
    notes.execute("CREATE TENANT IF NOT EXISTS 'new'")
    notes.execute("DROP TENANT 'new'")
    with pytest.raises(psycopg.errors.UndefinedObject, match='tenant "new" does not exist'):
        notes.execute("DROP TENANT 'new'")
    notes.execute("DROP TENANT IF EXISTS 'new'")
    notes.execute("DROP TENANT acme")
    assert count(notes, "acme") == 0 and count(notes, "zeta") == 4
    notes.execute("INSERT INTO notes (tenant, id) VALUES ('acme', 1)")
    assert count(notes, "acme") == 1


def test_what_is_rolled_back_was_not_done(notes: psycopg.Connection) -> None:
    before = rows(notes, STATES)
    with notes.transaction(force_rollback=True):
        notes.execute("DROP TENANT 'acme'")
        notes.execute("CREATE TENANT 'new'")
        notes.execute("ALTER TENANT 'zeta' SET STATE inactive")
        notes.execute("INSERT INTO notes (tenant, id) VALUES ('other', 1)")
        assert count(notes, "acme") == 0
        assert rows(notes, "SELECT id FROM notes WHERE tenant = 'acme' AND id = 2") == []
    assert rows(notes, STATES) == before and count(notes, "acme") == 4


def test_a_tenant_is_replaced_in_one_transaction(notes: psycopg.Connection) -> None:
    with notes.transaction():
        notes.execute("DROP TENANT 'acme'")
        notes.execute("INSERT INTO notes (tenant, id) VALUES ('acme', 2), ('acme', 9)")
        assert count(notes, "acme") == 2
        with notes.transaction(force_rollback=True):
            notes.execute("DROP TENANT 'acme'")
            assert count(notes, "acme") == 0
    assert rows(notes, "SELECT id FROM notes WHERE tenant = 'acme' ORDER BY id") == [(2,), (9,)]


def test_a_tenant_at_rest_answers_every_kind_of_query(notes: psycopg.Connection) -> None:
    queries = (
        "SELECT id FROM notes WHERE tenant = 'acme' ORDER BY embedding <-> '[3,4]' LIMIT 2",
        "SELECT id FROM notes WHERE tenant = 'acme' AND id = 3",
        "SELECT id FROM notes WHERE tenant = 'acme' AND body @@@ 'word2'",
        "SELECT tenant, sum(id) FROM notes GROUP BY tenant ORDER BY tenant",
        "SELECT tenant, id FROM notes ORDER BY embedding <-> '[3,4]' LIMIT 5",
    )
    before = [rows(notes, sql) for sql in queries]
    for state in ("inactive", "offloaded"):
        for sql, answer in zip(queries, before, strict=True):
            for tenant in ("acme", "zeta", "omega"):
                notes.execute(f"ALTER TENANT '{tenant}' SET STATE {state}")
            notes.execute("VACUUM")
            notes.execute("VACUUM")
            assert {row[1] for row in rows(notes, STATES)} == {state}
            assert rows(notes, "SELECT sum(bytes_in_memory) FROM sqlvec_tenants") == [(0,)]
            assert rows(notes, sql) == answer
        assert rows(notes, STATES)[0] == ("acme", "active", 4)
    notes.execute("UPDATE notes SET body = 'new' WHERE tenant = 'zeta' AND id = 1")
    notes.execute("DELETE FROM notes WHERE id = 4")
    assert rows(notes, "SELECT count(*) FROM notes") == [(9,)]


def test_a_table_says_when_tenants_are_created_and_activated(notes: psycopg.Connection) -> None:
    notes.execute("ALTER TABLE notes SET (tenant_activation = 'manual', tenant_creation = manual)")
    notes.execute("ALTER TENANT 'acme' SET STATE inactive")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="is inactive") as info:
        count(notes, "acme")
    assert info.value.diag.message_hint == "Use ALTER TENANT 'acme' SET STATE active to activate it."
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match='"new" does not exist'):
        notes.execute("INSERT INTO notes (tenant, id) VALUES ('new', 1)")
    notes.execute("CREATE TENANT 'new'")
    notes.execute("INSERT INTO notes (tenant, id) VALUES ('new', 1)")
    notes.execute("ALTER TENANT 'acme' SET STATE active")
    assert count(notes, "acme") == 4
    notes.execute("ALTER TABLE notes RESET (tenant_activation, tenant_creation)")
    notes.execute("INSERT INTO notes (tenant, id) VALUES ('newer', 1)")


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("ALTER TENANT 'nobody' SET STATE active", "42704"),
        ("ALTER TENANT 'acme' SET STATE asleep", "22023"),
        ("ALTER TENANT 'acme'", "42601"),
        ("ALTER TENANT IF EXISTS 'acme' SET STATE active", "42601"),
        ("CREATE TENANT IF EXISTS 'acme'", "42601"),
        ("DROP TENANT 'acme' SET STATE active", "42601"),
        ("ALTER TABLE notes SET (tenant_activation = 'perhaps')", "22023"),
        ("CREATE TABLE plain (id int) WITH (tenant_activation = manual)", "22023"),
        ("SET sqlvec.open_shards_max = 5", "55P02"),
    ],
)
def test_what_is_wrong_is_told(notes: psycopg.Connection, sql: str, sqlstate: str) -> None:
    with pytest.raises(psycopg.Error) as info:
        notes.execute(sql)
    assert info.value.sqlstate == sqlstate
    assert count(notes, "acme") == 4


def test_a_tenant_needs_a_table_and_a_name_that_its_column_can_hold(
    connection: psycopg.Connection,
) -> None:
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="no table has tenants"):
        connection.execute("CREATE TENANT 'acme'")
    connection.execute(
        "CREATE TABLE t (tenant int, id int) PARTITION BY TENANT (tenant) WITH (tenant_activation = manual)"
    )
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        connection.execute("CREATE TENANT 'acme'")
    connection.execute("CREATE TENANT '007'")
    connection.execute("ALTER TENANT '007' SET STATE inactive")
    assert rows(connection, "SELECT tenant, state FROM sqlvec_tenants") == [("7", "inactive")]
    with pytest.raises(psycopg.errors.UndefinedObject):
        connection.execute("DROP TENANT 'acme'")
    options = rows(connection, "SELECT reloptions FROM pg_class WHERE relname = 't'")
    assert options == [(["tenant_activation=manual"],)]


def test_dropping_waits_for_who_uses_the_table(notes: psycopg.Connection) -> None:
    dsn = notes.info.dsn
    with psycopg.connect(dsn, autocommit=True) as other:
        with other.transaction():
            assert count(other, "acme") == 4
            notes.execute("SET lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                notes.execute("DROP TENANT 'acme'")
            assert count(other, "acme") == 4
        notes.execute("DROP TENANT 'acme'")
        assert count(other, "acme") == 0


def test_copy_brings_rows_of_many_tenants_at_once(notes: psycopg.Connection) -> None:
    found = [(f"t{i % 3}", i, f"word{i}", f"[{i},1]") for i in range(30)]
    with notes.cursor().copy("COPY notes FROM STDIN") as stream:
        for row in found:
            stream.write_row(row)
    sql = "SELECT tenant, id, body, embedding::text FROM notes WHERE tenant < 'u' AND tenant > 't' ORDER BY id"
    assert rows(notes, sql) == found
    with pytest.raises(psycopg.errors.UniqueViolation, match=r"\(tenant, id\)|notes_pkey"):
        with notes.cursor().copy("COPY notes FROM STDIN") as stream:
            for row in [("new", 1, None, None), ("t1", 1, None, None)]:
                stream.write_row(row)
    assert ("new", "active", 0) not in rows(notes, STATES)
    notes.execute("SET sqlvec.tenant = 't0'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        with notes.cursor().copy("COPY notes FROM STDIN") as stream:
            stream.write_row(("t1", 100, None, None))


def test_a_tenant_that_others_refer_to_is_not_dropped(notes: psycopg.Connection) -> None:
    notes.execute(
        "CREATE TABLE remarks (tenant text, note int, FOREIGN KEY (tenant, note) REFERENCES notes (tenant, id)) "
        "PARTITION BY TENANT (tenant)"
    )
    notes.execute("INSERT INTO remarks VALUES ('acme', 1), ('zeta', 2)")
    notes.execute("DROP TENANT 'acme'")
    assert rows(notes, "SELECT tenant, note FROM remarks") == [("zeta", 2)]
    notes.execute("CREATE TABLE plain (t text, note int, FOREIGN KEY (t, note) REFERENCES notes (tenant, id))")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist, match="may be referred to"):
        notes.execute("DROP TENANT 'zeta'")
    assert count(notes, "zeta") == 4


def test_an_empty_tenant_comes_back_from_everywhere(notes: psycopg.Connection) -> None:
    notes.execute("CREATE TENANT 'empty'")
    for state in ("inactive", "offloaded"):
        notes.execute(f"ALTER TENANT 'empty' SET STATE {state}")
        notes.execute("VACUUM")
        notes.execute("VACUUM")
        assert ("empty", state, 0) in rows(notes, STATES)
        assert count(notes, "empty") == 0


def test_a_tenant_gets_a_graph_when_it_is_large_enough(tmp_path: Path) -> None:
    live = LiveServer(tmp_path, "--flat-to-hnsw-rows", "200")
    with psycopg.connect(live.dsn, autocommit=True) as connection:
        assert rows(connection, "SHOW sqlvec.flat_to_hnsw_rows") == [("200",)]
        connection.execute("CREATE EXTENSION vector")
        connection.execute(
            "CREATE TABLE n (tenant text, id int, v vector(3), PRIMARY KEY (tenant, id)) PARTITION BY TENANT (tenant)"
        )
        connection.execute("CREATE INDEX ON n USING hnsw (v vector_l2_ops)")
        for tenant, count in (("small", 199), ("large", 200)):
            connection.execute(
                "INSERT INTO n SELECT %s, i, ARRAY[i, 1, 2]::vector FROM generate_series(1, %s) i",
                (tenant, count),
            )
        linked = "SELECT tenant, rows_linked FROM sqlvec_index_queue WHERE rows_linked > 0"
        while not rows(connection, linked):
            pass
        assert rows(connection, linked) == [("large", 200)]
    assert live.stop() == 0
