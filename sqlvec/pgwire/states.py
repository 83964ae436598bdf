"""The states of a session, as two tables: what a message means in each, and what leads from one to another.

A message means the name of an action. In READY every message is answered; after an error in the extended
protocol the rest is discarded up to Sync (I10); during COPY FROM STDIN the data come. After a COPY that failed
the client may go on sending data for a while: READY and DISCARDING ignore it, as PostgreSQL does
(src/backend/tcop/postgres.c, PostgresMain).
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    READY = "ready"
    DISCARDING = "discarding"
    COPYING = "copying"


class Event(Enum):
    FAILED = "an error in a simple query or a function call"
    FAILED_EXTENDED = "an error in the extended protocol"
    SYNC = "Sync"
    COPY_STARTED = "COPY FROM STDIN asks for data"
    COPY_ENDED = "the data have come, or will not be taken"


KINDS = b"QPBDECHSXdcfFp"
EXTENDED = b"PBDECH"  # an error in one of these discards what follows

ACTIONS: dict[State, dict[bytes, str]] = {
    State.READY: {
        b"Q": "query", b"P": "parse", b"B": "bind", b"D": "describe", b"E": "execute",
        b"C": "close", b"H": "flush", b"S": "sync", b"X": "terminate", b"F": "function_call",
        b"d": "ignore", b"c": "ignore", b"f": "ignore", b"p": "unexpected",
    },
    State.DISCARDING: {
        b"Q": "ignore", b"P": "ignore", b"B": "ignore", b"D": "ignore", b"E": "ignore",
        b"C": "ignore", b"H": "ignore", b"S": "sync", b"X": "terminate", b"F": "ignore",
        b"d": "ignore", b"c": "ignore", b"f": "ignore", b"p": "ignore",
    },
    State.COPYING: {
        b"Q": "copy_interrupted", b"P": "copy_interrupted", b"B": "copy_interrupted",
        b"D": "copy_interrupted", b"E": "copy_interrupted", b"C": "copy_interrupted",
        b"H": "ignore", b"S": "ignore", b"X": "terminate", b"F": "copy_interrupted",
        b"d": "copy_data", b"c": "copy_done", b"f": "copy_fail", b"p": "copy_interrupted",
    },
}  # fmt: skip

TRANSITIONS: dict[State, dict[Event, State]] = {
    State.READY: {
        Event.FAILED: State.READY,
        Event.FAILED_EXTENDED: State.DISCARDING,
        Event.SYNC: State.READY,
        Event.COPY_STARTED: State.COPYING,
    },
    State.DISCARDING: {Event.SYNC: State.READY},
    State.COPYING: {Event.COPY_ENDED: State.READY},
}
