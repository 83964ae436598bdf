from types import SimpleNamespace

import pytest

from sqlvec.errors import SerializationFailure
from sqlvec.storage.serializable import Footprint, SerializableTransactions, Tracked

TABLE, OTHER = 20000, 20001


class World:
    """Serializable transactions by number; snapshots and commits count seqnos."""

    def __init__(self) -> None:
        self.known = SerializableTransactions()
        self.seqno = 0

    def begin(self, tx_id: int, *, read_only: bool = False) -> Tracked:
        tx = SimpleNamespace(id=tx_id, snapshot_seqno=self.seqno, read_only=read_only)
        return self.known.begin(tx)  # type: ignore[arg-type]

    def commit(self, one: Tracked) -> None:
        self.known.check(one)
        if one.writes.tables:
            self.seqno += 1
        self.known.commit(one, self.seqno)


def key(value: int) -> list:
    return [((1,), (value,))]


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (key(1), key(2), False),
        (key(1), key(1), True),
        (None, key(1), True),
        (key(1), None, True),
        ([], None, True),
        ([], key(1), False),
    ],
)
def test_footprints_meet_in_keys_or_whole_tables(mine: list, theirs: list, expected: bool) -> None:
    prints = []
    for keys in (mine, theirs):
        one = Footprint()
        one.add_whole(TABLE) if keys is None else one.add(TABLE, keys)
        one.add(OTHER if keys is mine else OTHER + 1, key(7))
        prints.append(one)
    assert prints[0].meets(prints[1]) is expected and prints[1].meets(prints[0]) is expected


def test_a_whole_table_stays_whole() -> None:
    one = Footprint()
    one.add_whole(TABLE)
    one.add(TABLE, key(1))
    assert one.tables == {TABLE: None}


def test_of_two_that_read_what_the_other_writes_the_second_is_refused() -> None:
    world = World()
    first, second = world.begin(1), world.begin(2)
    for one, value in ((first, 1), (second, 2)):
        one.reads.add_whole(TABLE)
        one.writes.add(TABLE, key(value))
    world.commit(first)
    with pytest.raises(SerializationFailure, match="read/write dependencies") as error:
        world.commit(second)
    assert error.value.sqlstate == "40001" and error.value.hint is not None


def test_one_dependency_alone_is_allowed() -> None:
    world = World()
    reader, writer = world.begin(1), world.begin(2)
    reader.reads.add(TABLE, key(1))
    writer.writes.add(TABLE, key(1))
    world.commit(writer)
    reader.writes.add(OTHER, key(1))
    world.commit(reader)
    assert world.known.open == {} and world.known.committed == []


def test_one_after_the_other_is_no_danger() -> None:
    world = World()
    long = world.begin(9)
    for tx_id in (1, 2, 3):
        one = world.begin(tx_id)
        one.reads.add_whole(TABLE)
        one.writes.add_whole(TABLE)
        world.commit(one)
    assert len(world.known.committed) == 3
    world.known.abort(long.tx_id)
    assert world.known.committed == []


@pytest.mark.parametrize("report_begins_late", [True, False])
def test_a_report_is_a_danger_if_it_saw_the_last_of_three(report_begins_late: bool) -> None:
    world = World()
    early = None if report_begins_late else world.begin(3, read_only=True)
    pivot, last = world.begin(1), world.begin(2)
    pivot.reads.add_whole(TABLE)
    last.writes.add(TABLE, key(2))
    world.commit(last)
    report = early or world.begin(3, read_only=True)
    report.reads.add_whole(TABLE)
    pivot.writes.add(TABLE, key(1))
    if report_begins_late:
        with pytest.raises(SerializationFailure):
            world.commit(pivot)
    else:
        world.commit(pivot)


def test_a_report_that_reads_after_the_pivot_committed_is_refused_itself() -> None:
    world = World()
    pivot, last = world.begin(1), world.begin(2)
    pivot.reads.add_whole(TABLE)
    pivot.writes.add(TABLE, key(1))
    last.writes.add(TABLE, key(2))
    world.commit(last)
    report = world.begin(3)
    world.commit(pivot)
    report.reads.add(TABLE, key(1))
    with pytest.raises(SerializationFailure):
        world.commit(report)
