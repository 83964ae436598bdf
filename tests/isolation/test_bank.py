"""Money is moved by eight connections at once, and an auditor always finds all of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event

import psycopg
import pytest

ACCOUNTS, WRITERS, BALANCE = 6, 8, 100
RETRIED = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


def dsn_of(connection: psycopg.Connection) -> str:
    info = connection.info
    return f"host={info.host} port={info.port} user=postgres dbname={info.dbname}"


def transfer(session: psycopg.Connection, level: str, rng: Random) -> None:
    """Reads both balances and writes what it has computed from them."""
    source, target = rng.sample(range(ACCOUNTS), 2)
    locking = " FOR UPDATE" if level == "READ COMMITTED" else ""
    session.execute(f"BEGIN ISOLATION LEVEL {level}")
    balances = []
    for account in (source, target):
        found = session.execute(
            f"SELECT balance FROM accounts WHERE id = %s{locking}", (account,)
        ).fetchone()
        assert found is not None
        balances.append(found[0])
    amount = rng.randint(0, balances[0])
    for account, balance in ((source, balances[0] - amount), (target, balances[1] + amount)):
        session.execute("UPDATE accounts SET balance = %s WHERE id = %s", (balance, account))
    session.execute("INSERT INTO transfers VALUES (%s, %s, %s)", (source, target, amount))
    session.execute("COMMIT")


def write(dsn: str, level: str, seed: int, count: int) -> int:
    """Makes `count` transfers; returns how many attempts were refused."""
    rng, refused, made = Random(seed), 0, 0
    with psycopg.connect(dsn, autocommit=True) as session:
        while made < count:
            try:
                transfer(session, level, rng)
                made += 1
            except RETRIED:
                session.execute("ROLLBACK")
                refused += 1
    return refused


def audit(dsn: str, done: Event) -> list[int]:
    """Every sum that it sees, in snapshots of its own."""
    sums = []
    with psycopg.connect(dsn, autocommit=True) as session:
        while not done.is_set() or not sums:
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = session.execute("SELECT sum(balance), min(balance) FROM accounts").fetchone()
            assert found is not None and found[1] >= 0
            sums.append(int(found[0]))
            session.execute("COMMIT")
    return sums


def check_bank(connection: psycopg.Connection, level: str, count: int) -> None:
    connection.execute("CREATE TABLE accounts (id int PRIMARY KEY, balance int CHECK (balance >= 0))")
    connection.execute("CREATE TABLE transfers (source int, target int, amount int)")
    for account in range(ACCOUNTS):
        connection.execute("INSERT INTO accounts VALUES (%s, %s)", (account, BALANCE))
    dsn, done = dsn_of(connection), Event()
    with ThreadPoolExecutor(WRITERS + 1) as pool:
        auditor = pool.submit(audit, dsn, done)
        writers = [pool.submit(write, dsn, level, seed, count) for seed in range(WRITERS)]
        try:
            for writer in writers:
                writer.result()
        finally:
            done.set()
        assert set(auditor.result()) == {ACCOUNTS * BALANCE}
    made = connection.execute("SELECT count(*) FROM transfers").fetchone()
    assert made == (WRITERS * count,)
    expected = [BALANCE] * ACCOUNTS
    for source, target, amount in connection.execute("SELECT * FROM transfers"):
        expected[source] -= amount
        expected[target] += amount
    found = [row[0] for row in connection.execute("SELECT balance FROM accounts ORDER BY id")]
    assert found == expected
    assert connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,)


LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


@pytest.mark.parametrize("level", LEVELS)
def test_the_sum_of_all_accounts_stays(connection: psycopg.Connection, level: str) -> None:
    check_bank(connection, level, 5)


@pytest.mark.long
@pytest.mark.parametrize("level", LEVELS)
def test_the_sum_of_all_accounts_stays_for_long(connection: psycopg.Connection, level: str) -> None:
    check_bank(connection, level, 200)
