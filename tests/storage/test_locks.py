from threading import RLock

import pytest

from sqlvec.errors import DeadlockDetected, QueryCanceled
from sqlvec.storage.locks import CONFLICTS, ROW_CONFLICTS, LockOwner, LockTable, LockWait, Mode

KEY = ("advisory", 0, 1, 1)


class World:
    """A lock table and sessions with an open transaction each."""

    def __init__(self, sessions: int = 3) -> None:
        self.table = LockTable(RLock(), 16000)
        self.owners = [LockOwner(100 + i) for i in range(sessions)]
        for i, owner in enumerate(self.owners):
            self.table.begin(owner, 10 + i)

    def take(self, index: int, tag: tuple, mode: int, **options: bool) -> bool:
        """True when granted at once, False when it waits."""
        try:
            return self.table.acquire(self.owners[index], tag, mode, **options)
        except LockWait:
            return False

    def end(self, session: int) -> None:
        self.table.end(self.owners[session], 10 + session)

    def waits(self, session: int) -> bool:
        return self.owners[session].waiting is not None


@pytest.mark.parametrize("conflicts", [CONFLICTS, ROW_CONFLICTS])
def test_conflicts_are_mutual(conflicts: dict[int, int]) -> None:
    for a in conflicts:
        for b in conflicts:
            assert conflicts[a] >> b & 1 == conflicts[b] >> a & 1


def test_requests_are_granted_in_the_order_they_came() -> None:
    world = World(5)
    assert world.take(0, KEY, Mode.SHARE)
    assert not world.take(1, KEY, Mode.EXCLUSIVE)
    assert not world.take(2, KEY, Mode.SHARE), "does not overtake who waits"
    assert not world.take(3, KEY, Mode.SHARE)
    told = []
    for session in (1, 2, 3):
        request = world.owners[session].waiting
        assert request is not None
        world.table.when_done(request, lambda session=session: told.append(session))
    world.end(0)
    assert told == [1] and world.waits(2)
    world.end(1)
    assert told == [1, 2, 3]


def test_a_held_lock_is_taken_again_whoever_waits() -> None:
    world = World()
    assert world.take(0, KEY, Mode.SHARE)
    assert not world.take(1, KEY, Mode.EXCLUSIVE)
    assert world.take(0, KEY, Mode.SHARE) and world.take(0, KEY, Mode.EXCLUSIVE)


def test_without_waiting_a_taken_lock_is_refused_and_leaves_nothing() -> None:
    world = World()
    assert world.take(0, KEY, Mode.EXCLUSIVE)
    assert not world.table.acquire(world.owners[1], KEY, Mode.SHARE, wait=False)
    assert not world.waits(1)
    world.end(0)
    assert world.table.locks == {}


def test_weak_relation_locks_meet_strong_ones() -> None:
    world = World()
    table, (first, second, third) = world.table, world.owners
    table.lock_relation(first, 7, Mode.ROW_EXCLUSIVE)
    assert table.locks == {} and first.weak == {7: 1 << Mode.ROW_EXCLUSIVE}
    with pytest.raises(LockWait):
        table.lock_relation(second, 7, Mode.SHARE)
    with pytest.raises(LockWait):
        table.lock_relation(third, 7, Mode.ROW_EXCLUSIVE)
    table.lock_relation(first, 7, Mode.ROW_EXCLUSIVE)
    world.end(0)
    assert not world.waits(1) and world.waits(2)
    world.end(1)
    assert not world.waits(2)
    world.end(2)
    assert table.locks == {} and table.relations == set()


def test_a_circle_of_waiting_is_refused_and_described() -> None:
    world = World()
    rows = [("row", 1, row) for row in range(3)]
    for session in range(3):
        assert world.take(session, rows[session], 4)
    assert not world.take(0, rows[1], 4)
    assert not world.take(1, rows[2], 4)
    with pytest.raises(DeadlockDetected) as error:
        world.table.acquire(world.owners[2], rows[0], 4)
    assert error.value.detail == (
        "Process 102 waits for ShareLock on transaction 10; blocked by process 100.\n"
        "Process 100 waits for ShareLock on transaction 11; blocked by process 101.\n"
        "Process 101 waits for ShareLock on transaction 12; blocked by process 102."
    )
    assert not world.waits(2)
    world.end(2)
    assert not world.waits(1) and world.waits(0)


def test_a_place_in_the_queue_is_given_up_before_a_circle_is_found() -> None:
    world = World()
    other = ("advisory", 0, 2, 1)
    assert world.take(0, KEY, Mode.SHARE) and world.take(2, other, Mode.EXCLUSIVE)
    assert not world.take(1, KEY, Mode.EXCLUSIVE)
    assert not world.take(0, other, Mode.SHARE)
    with pytest.raises(LockWait) as wait:
        world.table.acquire(world.owners[2], KEY, Mode.SHARE)
    assert wait.value.request.done and wait.value.request.error is None


def test_a_savepoint_gives_back_what_came_after_it() -> None:
    world = World()
    table, owner = world.table, world.owners[0]
    assert world.take(0, KEY, Mode.SHARE)
    table.lock_weakly(owner, 7, Mode.ACCESS_SHARE)
    mark = table.mark(owner)
    assert world.take(0, KEY, Mode.EXCLUSIVE) and world.take(0, ("row", 1, 0), 4)
    table.lock_weakly(owner, 8, Mode.ROW_EXCLUSIVE)
    assert not world.take(1, KEY, Mode.SHARE)
    table.release_after(owner, mark)
    assert not world.waits(1) and table.rows == {} and set(owner.weak) == {7}
    assert owner.taken == {(KEY, Mode.SHARE): None}


def test_session_locks_count_and_outlive_the_transaction() -> None:
    world = World()
    table, owner = world.table, world.owners[0]
    assert world.take(0, KEY, Mode.EXCLUSIVE, session=True)
    assert world.take(0, KEY, Mode.EXCLUSIVE, session=True)
    assert world.take(0, KEY, Mode.EXCLUSIVE)
    table.end_statement(owner)
    world.end(0)
    assert table.release(owner, KEY, Mode.EXCLUSIVE)
    assert not world.take(1, KEY, Mode.SHARE)
    assert table.release(owner, KEY, Mode.EXCLUSIVE) and not world.waits(1)
    assert not table.release(owner, KEY, Mode.EXCLUSIVE)


def test_a_statement_run_again_takes_its_session_locks_once() -> None:
    world = World()
    table, owner, other = world.table, world.owners[0], ("advisory", 0, 2, 1)
    assert world.take(1, other, Mode.EXCLUSIVE)
    assert world.take(0, KEY, Mode.EXCLUSIVE, session=True)
    assert not world.take(0, other, Mode.EXCLUSIVE, session=True)
    table.retry_statement(owner)
    world.end(1)
    for tag in (KEY, other):
        assert world.take(0, tag, Mode.EXCLUSIVE, session=True)
    table.end_statement(owner)
    assert table.release(owner, KEY, Mode.EXCLUSIVE) and table.release(owner, other, Mode.EXCLUSIVE)
    assert table.locks == {}


def test_a_cancelled_wait_lets_those_behind_go_on() -> None:
    world = World()
    assert world.take(0, KEY, Mode.SHARE)
    assert not world.take(1, KEY, Mode.EXCLUSIVE) and not world.take(2, KEY, Mode.SHARE)
    request, error = world.owners[1].waiting, QueryCanceled("enough")
    assert world.table.cancel(world.owners[1], error) and not world.table.cancel(world.owners[1], error)
    assert request is not None and request.error is error and not world.waits(2)
