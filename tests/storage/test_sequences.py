from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlvec.catalog.objects import Catalog, Sequence, empty_catalog
from sqlvec.errors import NumericValueOutOfRange, SequenceLimitExceeded
from sqlvec.storage.manifest import SequenceValue
from sqlvec.storage.sequences import Sequences, without_dropped
from sqlvec.types import INT8


def sequence(**fields: int | bool) -> Sequence:
    return Sequence(1, "s", 2200, INT8, **fields)  # type: ignore[arg-type]


def test_values_count_from_the_start_and_are_logged_ahead() -> None:
    sequences, definition = Sequences({}, ahead=4), sequence(start=10)
    logged = []
    values = []
    for _ in range(9):
        value, log = sequences.next_value(definition)
        values.append(value)
        logged.append(None if log is None else log.last_value)
    assert values == list(range(10, 19))
    assert logged == [14, None, None, None, None, 19, None, None, None]
    assert sequences.value(definition) == SequenceValue(18, True)


@given(st.integers(1, 40), st.integers(-3, 3).filter(bool))
def test_after_a_crash_no_value_is_given_twice(count: int, increment: int) -> None:
    definition = sequence(increment=increment, minimum=-1000, maximum=1000)
    sequences, durable, given_out = Sequences({}, ahead=5), {}, []
    for _ in range(count):
        value, log = sequences.next_value(definition)
        given_out.append(value)
        if log is not None:
            durable = {1: log}
    value, _ = Sequences(durable, ahead=5).next_value(definition)
    assert value not in given_out
    assert abs(value - given_out[-1]) <= 6 * abs(increment)


def test_the_end_is_an_error_or_a_new_start() -> None:
    sequences, definition = Sequences({}, ahead=32), sequence(maximum=2)
    assert [sequences.next_value(definition)[0] for _ in range(2)] == [1, 2]
    with pytest.raises(
        SequenceLimitExceeded, match='reached maximum value of sequence "s" \\(2\\)'
    ):
        sequences.next_value(definition)
    down = sequence(start=-1, increment=-1, minimum=-1, maximum=-1)
    sequences.forget(1)
    sequences.next_value(down)
    with pytest.raises(SequenceLimitExceeded, match="reached minimum value"):
        sequences.next_value(down)
    circle = sequence(maximum=2, cycle=True)
    sequences.forget(1)
    assert [sequences.next_value(circle)[0] for _ in range(5)] == [1, 2, 1, 2, 1]


def test_setval_sets_what_comes_next() -> None:
    sequences, definition = Sequences({}, ahead=32), sequence()
    assert sequences.set_value(definition, 100, is_called=True) == SequenceValue(100, True)
    assert sequences.next_value(definition)[0] == 101
    sequences.set_value(definition, 7, is_called=False)
    assert sequences.next_value(definition)[0] == 7
    with pytest.raises(NumericValueOutOfRange, match="value 0 is out of bounds"):
        sequences.set_value(definition, 0, is_called=True)


def test_dropped_sequences_are_forgotten() -> None:
    values = {1: SequenceValue(1, True), 2: SequenceValue(2, True), 9: SequenceValue(3, True)}
    committed = Catalog(next_oid=9, schemas=empty_catalog().schemas, relations={2: _named(2)})
    open_ = committed.with_relation(_named(9))  # of a transaction that makes a sequence
    kept = {2: SequenceValue(2, True), 9: SequenceValue(3, True)}
    assert without_dropped(values, [committed, open_]) == kept


def test_a_restarted_sequence_counts_anew_and_its_old_count_is_forgotten() -> None:
    values = {2: SequenceValue(50, True)}
    restarted = replace(_named(2), value_oid=7, first=5)
    assert Sequences(values, ahead=4).next_value(restarted)[0] == 5
    catalog = Catalog(next_oid=9, schemas=empty_catalog().schemas, relations={2: restarted})
    assert without_dropped(values, [catalog]) == {}


def _named(oid: int) -> Sequence:
    return Sequence(oid, "s", 2200, INT8)
