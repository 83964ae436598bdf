"""I6: whatever the crash, recovery yields a prefix of history that holds every acknowledged
commit.
"""

from __future__ import annotations

import errno
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlvec.errors import DatabaseError
from tests.sim.history import History, check_structure, rows_of
from tests.sim.simfs import Crashed, SimFs


def run_until_crash(history: History, steps: int) -> None:
    try:
        if history.store is None:
            history.open()
        for _ in range(steps):
            history.step()
    except Crashed:
        pass


@given(
    seed=st.integers(0, 2**32),
    crashes=st.lists(st.integers(1, 150), min_size=1, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_recovery_after_a_crash_holds_every_acknowledged_commit(
    seed: int, crashes: list[int]
) -> None:
    rng = Random(seed)
    history = History(SimFs(), rng, [{}])
    for after in crashes:
        history.fs.crash_at = history.fs.operations + after
        run_until_crash(history, steps=25)
        history.recover(history.fs.crash(rng))
    history.write()
    assert rows_of(history.store) == history.states[-1]
    history.reopen()
    assert rows_of(history.store) == history.states[-1]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_a_crash_during_recovery_loses_nothing(seed: int) -> None:
    rng = Random(seed)
    history = History(SimFs(), rng, [{}])
    history.fs.crash_at = rng.randint(30, 200)
    run_until_crash(history, steps=30)
    fs = history.fs.crash(rng)
    for after in range(1, 12, 2):
        fs.crash_at = fs.operations + after
        try:
            history.recover(fs)
        except Crashed:
            fs = fs.crash(rng)
        else:
            break
    fs.crash_at = None
    history.recover(fs.crash(rng))


def script(history: History) -> None:
    history.open()
    for step in (
        history.write,
        history.two_at_once,
        history.flush,
        history.write,
        history.sequence,
        history.rolled_back,
        history.jobs,
        history.truncate,
        history.write,
        history.reopen,
        history.write,
        history.flush,
    ):
        step()


@pytest.mark.parametrize(("kind", "failed_at"), [(errno.EIO, 0), (errno.ENOSPC, 1)])
def test_every_single_failure_leaves_a_store_that_recovers(kind: int, failed_at: int) -> None:
    """Each operation fails in one of the two ways."""
    while True:
        failed_at += 2
        history = History(SimFs(), Random(5), [{}])
        history.fs.fail_at, history.fs.fail_errno = failed_at, kind
        try:
            script(history)
        except DatabaseError as error:
            assert error.sqlstate in ("58030", "53100")
            history.recover(history.fs.crash(Random(failed_at)))
        else:
            if history.fs.operations < failed_at:  # else it was one that may fail: removing a file
                break
    assert failed_at > 100


def test_after_a_failed_write_the_store_goes_on_or_says_that_it_is_closed() -> None:
    closed = 0
    for failed_at in range(40, 140):
        history = History(SimFs(), Random(6), [{}])
        history.open()
        history.fs.fail_at = failed_at
        for _ in range(12):
            try:
                history.write()
            except DatabaseError:
                break
        store = history.store
        assert store is not None
        found = rows_of(store)
        assert found in history.states[history.acknowledged :]
        check_structure(store, found)
        history.forget_all_but(found)
        if store.failure is not None:
            closed += 1
            with pytest.raises(DatabaseError, match="database is closed to writes"):
                history.write()
        elif history.fs.operations >= failed_at:
            for tx in list(store._transactions.values()):
                tx.rollback()
            history.write()
        history.recover(history.fs.crash(Random(failed_at)))
    assert closed > 5


def test_one_seed_gives_one_history() -> None:
    traces = []
    for _ in range(2):
        history = History(SimFs(), Random(11), [{}])
        history.open()
        for _ in range(40):
            history.step()
        traces.append(history.fs.trace)
    assert traces[0] == traces[1]
