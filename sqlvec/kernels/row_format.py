"""DataRow messages from columns: 'D', int32 length, int16 fields, then int32 length and bytes for each.

Two passes over every column: the lengths of its fields first, so that each row knows its place in the
output, then the fields. A null has length -1. `places` (i64) says where the next byte of each row goes.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.jit import inlined, kernel

NULL = -1
_D, _MINUS, _COLON, _DOT, _SPACE, _ZERO = 68, 45, 58, 46, 32, 48
_DAY, _SECOND = 86_400_000_000, 1_000_000
_HEAD = 7  # the kind, the length and the number of fields
DECIMAL_LOW, DECIMAL_HIGH = 1e-4, 1e9  # written without an exponent, and exact as an integer of millionths
MOMENT_LENGTH = 19  # 2024-01-02 03:04:05


@inlined
def _put_int32(out, place, value):  # type: ignore[no-untyped-def]
    out[place] = (value >> 24) & 255
    out[place + 1] = (value >> 16) & 255
    out[place + 2] = (value >> 8) & 255
    out[place + 3] = value & 255


@kernel
def add_lengths(lengths, totals):  # type: ignore[no-untyped-def]
    """Adds a column's fields (lengths i32[rows]) to the sizes of the rows (totals i64[rows])."""
    for i in range(lengths.shape[0]):
        totals[i] += 4 + max(lengths[i], 0)


@kernel
def put_heads(totals, fields, places, out):  # type: ignore[no-untyped-def]
    """Writes the head of each row at its place and moves the place behind it."""
    for i in range(totals.shape[0]):
        place = places[i]
        out[place] = _D
        _put_int32(out, place + 1, totals[i] + _HEAD - 1)
        out[place + 5] = (fields >> 8) & 255
        out[place + 6] = fields & 255
        places[i] = place + _HEAD


@kernel
def put_bytes(offsets, data, lengths, places, out):  # type: ignore[no-untyped-def]
    """Fields that lie in data (u8) from offsets[i] (i64) on."""
    for i in range(lengths.shape[0]):
        place = places[i]
        size = lengths[i]
        _put_int32(out, place, size)
        place += 4
        start = offsets[i]
        for j in range(size):
            out[place + j] = data[start + j]
        places[i] = place + max(size, 0)


@kernel
def join_bytes(data, starts, lengths, out):  # type: ignore[no-untyped-def]
    """Pieces of data (u8), lengths[i] bytes from starts[i] (i64) on, one behind the other; nulls have none."""
    place = 0
    for i in range(lengths.shape[0]):
        for j in range(lengths[i]):
            out[place + j] = data[starts[i] + j]
        place += max(lengths[i], 0)


@kernel
def put_binary(values, lengths, places, out):  # type: ignore[no-untyped-def]
    """Integers (i64) in network order, lengths[i] bytes wide."""
    for i in range(lengths.shape[0]):
        place = places[i]
        size = lengths[i]
        _put_int32(out, place, size)
        place += 4
        value = values[i]
        for j in range(size):
            out[place + j] = (value >> (8 * (size - 1 - j))) & 255
        places[i] = place + max(size, 0)


@inlined
def _magnitude(value):  # type: ignore[no-untyped-def]
    return np.uint64(value) if value >= 0 else np.uint64(0) - np.uint64(value)


@kernel
def integer_lengths(values, valid, lengths):  # type: ignore[no-untyped-def]
    """How long integers (i64) are as text."""
    ten = np.uint64(10)
    for i in range(values.shape[0]):
        if not valid[i]:
            lengths[i] = NULL
            continue
        size = 1 if values[i] >= 0 else 2
        rest = _magnitude(values[i])
        while rest >= ten:
            rest //= ten
            size += 1
        lengths[i] = size


@kernel
def put_integers(values, lengths, places, out):  # type: ignore[no-untyped-def]
    """Integers as text."""
    ten = np.uint64(10)
    for i in range(values.shape[0]):
        place = places[i]
        size = lengths[i]
        _put_int32(out, place, size)
        place += 4
        if size < 0:
            places[i] = place
            continue
        if values[i] < 0:
            out[place] = _MINUS
        rest = _magnitude(values[i])
        digit = place + size - 1
        while True:
            out[digit] = _ZERO + np.int64(rest % ten)
            rest //= ten
            digit -= 1
            if rest == 0:
                break
        places[i] = place + size


@inlined
def _decimal(value):  # type: ignore[no-untyped-def]
    """(n, k) with value = n / 10^k, k least; k is -1 where there is none of at most 15 digits, 6 of them decimals.

    Two decimals of at most 15 digits are never the same double, so n / 10^k is the shortest one that reads as value.
    """
    number = np.int64(np.rint(value * 1e6))
    if number / 1e6 != value:
        return np.int64(0), -1
    decimals = 6
    while decimals and number % 10 == 0:
        number //= 10
        decimals -= 1
    return number, decimals


@kernel
def decimal_lengths(values, valid, lengths):  # type: ignore[no-untyped-def]
    """How long doubles (f64) are as their shortest decimals; False when one is not such a short decimal."""
    for i in range(values.shape[0]):
        if not valid[i]:
            lengths[i] = NULL
            continue
        value = values[i]
        size = abs(value)
        if not (DECIMAL_LOW <= size < DECIMAL_HIGH or (value == 0.0 and not np.signbit(value))):
            return False
        number, decimals = _decimal(value)
        if decimals < 0:
            return False
        rest = abs(number)
        digits = 0
        while rest:
            rest //= 10
            digits += 1
        lengths[i] = max(digits, decimals + 1) + (1 if decimals else 0) + (1 if value < 0 else 0)
    return True


@kernel
def put_decimals(values, lengths, places, out):  # type: ignore[no-untyped-def]
    """Doubles as text, those that decimal_lengths agreed to."""
    for i in range(values.shape[0]):
        place = places[i]
        size = lengths[i]
        _put_int32(out, place, size)
        place += 4
        if size < 0:
            places[i] = place
            continue
        number, decimals = _decimal(values[i])
        first = place
        if number < 0:
            out[place] = _MINUS
            first += 1
            number = -number
        digit = place + size - 1
        while digit >= first:
            if decimals == 0 and digit < place + size - 1:
                out[digit] = _DOT
                decimals = -1
            else:
                out[digit] = _ZERO + number % 10
                number //= 10
                decimals -= 1
            digit -= 1
        places[i] = place + size


@kernel
def moment_lengths(values, valid, suffix, lengths):  # type: ignore[no-untyped-def]
    """How long moments (microseconds, i64) are as text, fractions without trailing zeros."""
    for i in range(values.shape[0]):
        if not valid[i]:
            lengths[i] = NULL
            continue
        size = MOMENT_LENGTH + suffix
        fraction = values[i] % _SECOND
        if fraction:
            size += 7
            while fraction % 10 == 0:
                fraction //= 10
                size -= 1
        lengths[i] = size


@inlined
def _put_pair(out, place, value):  # type: ignore[no-untyped-def]
    tens = value // np.uint64(10)
    out[place] = np.uint64(_ZERO) + tens
    out[place + 1] = np.uint64(_ZERO) + value - tens * np.uint64(10)


@inlined
def _put_day(out, place, days):  # type: ignore[no-untyped-def]
    """YYYY-MM-DD of a day since 1970 in the years 1 to 9999 (Hinnant, civil_from_days); unsigned throughout."""
    shifted = np.uint64(days + 719_468)
    era = shifted // np.uint64(146_097)
    day_of_era = shifted - era * np.uint64(146_097)
    year_of_era = (
        day_of_era
        - day_of_era // np.uint64(1_460)
        + day_of_era // np.uint64(36_524)
        - day_of_era // np.uint64(146_096)
    ) // np.uint64(365)
    leaps = year_of_era // np.uint64(4) - year_of_era // np.uint64(100)
    day_of_year = day_of_era - (np.uint64(365) * year_of_era + leaps)
    part = (np.uint64(5) * day_of_year + np.uint64(2)) // np.uint64(153)
    month = part + np.uint64(3) if part < 10 else part - np.uint64(9)
    year = year_of_era + era * np.uint64(400) + np.uint64(1 if month <= 2 else 0)
    century = year // np.uint64(100)
    _put_pair(out, place, century)
    _put_pair(out, place + 2, year - century * np.uint64(100))
    out[place + 4] = _MINUS
    _put_pair(out, place + 5, month)
    out[place + 7] = _MINUS
    before = (np.uint64(153) * part + np.uint64(2)) // np.uint64(5)
    _put_pair(out, place + 8, day_of_year - before + np.uint64(1))


@kernel
def put_days(values, lengths, places, out):  # type: ignore[no-untyped-def]
    """Dates (days, i64) as text."""
    for i in range(values.shape[0]):
        place = places[i]
        _put_int32(out, place, lengths[i])
        if lengths[i] > 0:
            _put_day(out, place + 4, values[i])
        places[i] = place + 4 + max(lengths[i], 0)


@kernel
def put_moments(values, suffix, lengths, places, out):  # type: ignore[no-untyped-def]
    """Moments as text, each followed by the suffix (u8)."""
    for i in range(values.shape[0]):
        place = places[i]
        size = lengths[i]
        _put_int32(out, place, size)
        place += 4
        if size < 0:
            places[i] = place
            continue
        days = values[i] // _DAY
        rest = values[i] - days * _DAY
        _put_day(out, place, days)
        out[place + 10] = _SPACE
        seconds = np.uint64(rest) // np.uint64(_SECOND)
        minutes = seconds // np.uint64(60)
        hours = minutes // np.uint64(60)
        _put_pair(out, place + 11, hours)
        out[place + 13] = _COLON
        _put_pair(out, place + 14, minutes - hours * np.uint64(60))
        out[place + 16] = _COLON
        _put_pair(out, place + 17, seconds - minutes * np.uint64(60))
        end = place + size - suffix.shape[0]
        if end > place + MOMENT_LENGTH:
            out[place + MOMENT_LENGTH] = _DOT
            fraction = rest % _SECOND
            scale = 100_000
            for j in range(place + MOMENT_LENGTH + 1, end):
                out[j] = _ZERO + fraction // scale % 10
                scale //= 10
        for j in range(suffix.shape[0]):
            out[end + j] = suffix[j]
        places[i] = place + size
