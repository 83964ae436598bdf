"""Values of sequences. As in PostgreSQL (sequence.c) they are outside transactions: a value is
handed out once, rolled back or not, and a crash may leave a gap.

The log is told a value some steps ahead, so that most calls write nothing. After a restart
counting goes on from what was logged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlvec.catalog.objects import Catalog, Sequence
from sqlvec.errors import NumericValueOutOfRange, SequenceLimitExceeded
from sqlvec.storage.manifest import SequenceValue


class Sequences:
    """Current values by sequence oid, and how far ahead the log knows."""

    def __init__(self, values: Mapping[int, SequenceValue], ahead: int) -> None:
        self._values = dict(values)
        self._logged = dict(values)
        self._ahead = ahead

    @property
    def logged(self) -> dict[int, SequenceValue]:
        """What recovery would find."""
        return dict(self._logged)

    def value(self, sequence: Sequence) -> SequenceValue:
        return self._values.get(sequence.count_oid) or SequenceValue(
            sequence.first_value, is_called=False
        )

    def next_value(self, sequence: Sequence) -> tuple[int, SequenceValue | None]:
        """The next value; and what must be logged before it is handed out, or None."""
        current = self.value(sequence)
        value = _following(sequence, current)
        self._values[sequence.count_oid] = SequenceValue(value, is_called=True)
        if self._covered(sequence, value):
            return value, None
        return value, self._log(sequence, value)

    def set_value(self, sequence: Sequence, value: int, is_called: bool) -> SequenceValue:
        """setval; returns what must be logged."""
        if not sequence.minimum <= value <= sequence.maximum:
            raise NumericValueOutOfRange(
                f'setval: value {value} is out of bounds for sequence "{sequence.name}" '
                f"({sequence.minimum}..{sequence.maximum})"
            )
        self._values[sequence.count_oid] = self._logged[sequence.count_oid] = SequenceValue(value, is_called)
        return self._logged[sequence.count_oid]

    def replay(self, oid: int, value: SequenceValue) -> None:
        self._values[oid] = self._logged[oid] = value

    def state(self, oid: int) -> tuple[SequenceValue | None, SequenceValue | None]:
        """For restore(), when what must be logged could not be."""
        return self._values.get(oid), self._logged.get(oid)

    def restore(self, oid: int, state: tuple[SequenceValue | None, SequenceValue | None]) -> None:
        self.forget(oid)
        value, logged = state
        if value is not None:
            self._values[oid] = value
        if logged is not None:
            self._logged[oid] = logged

    def forget(self, oid: int) -> None:
        self._values.pop(oid, None)
        self._logged.pop(oid, None)

    def _covered(self, sequence: Sequence, value: int) -> bool:
        logged = self._logged.get(sequence.count_oid)
        if logged is None or not logged.is_called:
            return False
        distance = (logged.last_value - value) // sequence.increment
        return 0 <= distance < self._ahead

    def _log(self, sequence: Sequence, value: int) -> SequenceValue:
        ahead = value + self._ahead * sequence.increment
        within = max(sequence.minimum, min(sequence.maximum, ahead))
        steps = (within - value) // sequence.increment
        logged = SequenceValue(value + steps * sequence.increment, is_called=True)
        self._logged[sequence.count_oid] = logged
        return logged


def _following(sequence: Sequence, current: SequenceValue) -> int:
    if not current.is_called:
        return current.last_value
    value = current.last_value + sequence.increment
    if sequence.minimum <= value <= sequence.maximum:
        return value
    if sequence.cycle:
        return sequence.minimum if sequence.increment > 0 else sequence.maximum
    bound, limit = ("maximum", sequence.maximum)
    if sequence.increment < 0:
        bound, limit = ("minimum", sequence.minimum)
    raise SequenceLimitExceeded(
        f'nextval: reached {bound} value of sequence "{sequence.name}" ({limit})'
    )


def without_dropped(
    values: Mapping[int, SequenceValue], catalogs: Iterable[Catalog]
) -> dict[int, SequenceValue]:
    """The counts of the sequences of all catalogs: what is committed, and what is being made."""
    relations = (r for catalog in catalogs for r in catalog.relations.values())
    known = {relation.count_oid for relation in relations if isinstance(relation, Sequence)}
    return {oid: replace(value) for oid, value in values.items() if oid in known}
