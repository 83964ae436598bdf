"""Locks: who holds what, and who waits for whom. Bookkeeping alone: nothing in here blocks.

    tag      what is locked, and the table of modes that goes with it:
             ("relation", oid)  ("row", shard id, row id)  ("transaction", id)  ("advisory", a, b, c)
             ("stall", oid), which storage holds while it is behind with a table (stall.py)
    owner    a session. Locks of its transaction end with that, session locks when they are released
    request  a lock that is waited for: LockWait carries it up to whoever runs statements, who runs the
             statement again once the request is granted

A lock that nobody disputes costs a dictionary entry. The three weak modes of a relation do not conflict
with each other and stay with their owner until somebody wants a strong mode of that relation (PostgreSQL's
fast path); the claims of writers stay in the shard (row_claims.py) until somebody runs into one. Requests
are granted in the order they came. A request that would close a circle of waiting fails at once (40P01).
Everything but lock_weakly() happens under the store's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from threading import RLock

from sqlvec.errors import DatabaseError, DeadlockDetected, LockNotAvailable

Tag = tuple[str | int, ...]


class Mode(IntEnum):
    """Modes of relations, transactions and advisory locks; src/include/storage/lockdefs.h."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def title(self) -> str:
        """As pg_locks shows it: AccessShareLock."""
        return self.name.title().replace("_", "") + "Lock"


class RowMode(IntEnum):
    """Strengths of row locks, weakest first."""

    KEY_SHARE = 1
    SHARE = 2
    NO_KEY_UPDATE = 3
    UPDATE = 4


def _masks(rows: dict[int, tuple[int, ...]]) -> dict[int, int]:
    return {mode: sum(1 << other for other in others) for mode, others in rows.items()}


# Table 13.2 of PostgreSQL's documentation: what each mode conflicts with, as a bit mask.
CONFLICTS = _masks({
    1: (8,), 2: (7, 8), 3: (5, 6, 7, 8), 4: (4, 5, 6, 7, 8), 5: (3, 4, 6, 7, 8),
    6: (3, 4, 5, 6, 7, 8), 7: (2, 3, 4, 5, 6, 7, 8), 8: (1, 2, 3, 4, 5, 6, 7, 8),
})  # fmt: skip
# Table 13.3.
ROW_CONFLICTS = _masks({1: (4,), 2: (3, 4), 3: (2, 3, 4), 4: (1, 2, 3, 4)})


def conflicts_of(tag: Tag, mode: int) -> int:
    return ROW_CONFLICTS[mode] if tag[0] == "row" else CONFLICTS[mode]


class LockOwner:
    """One session. transaction_id is that of its open transaction."""

    __slots__ = ("pid", "transaction_id", "weak", "taken", "counts", "waiting", "attempt", "credits")

    def __init__(self, pid: int = 0) -> None:
        self.pid = pid
        self.transaction_id = 0
        self.weak: dict[int, int] = {}  # relation oid -> mask of weak modes
        self.taken: dict[tuple[Tag, int], None] = {}  # the transaction's, in order
        self.counts: dict[tuple[Tag, int], int] = {}
        self.waiting: Request | None = None
        self.attempt: list[tuple[Tag, int]] = []  # session locks taken by the running statement
        self.credits: list[tuple[Tag, int]] = []  # and those of its attempts that ended in a wait


@dataclass(slots=True, eq=False)
class Request:
    """A lock waited for. `told` is called once, under the store's lock, when the wait is over."""

    owner: LockOwner
    tag: Tag
    mode: int
    session: bool
    done: bool = False
    error: DatabaseError | None = None
    told: Callable[[], None] | None = None

    @property
    def fresh_snapshot(self) -> bool:
        """Whether the statement has not begun: relations are locked before a snapshot is taken."""
        return self.tag[0] in ("relation", "stall")


class LockWait(LockNotAvailable):
    """The statement must wait. An error only to those who cannot."""

    def __init__(self, request: Request) -> None:
        super().__init__("could not obtain lock: another transaction holds it")
        self.request = request


@dataclass(slots=True)
class Lock:
    granted: dict[LockOwner, int] = field(default_factory=dict)  # masks of modes
    queue: list[Request] = field(default_factory=list)

    def is_held_against(self, owner: LockOwner, conflicts: int) -> bool:
        for other, mask in self.granted.items():
            if mask & conflicts and other is not owner:
                return True
        return False


@dataclass(frozen=True, slots=True)
class LockMark:
    taken: int
    weak: dict[int, int]


class LockTable:
    """The locks of one database."""

    def __init__(self, lock: RLock, database_oid: int = 0) -> None:
        self.lock = lock
        self.database_oid = database_oid
        self.locks: dict[Tag, Lock] = {}
        self.relations: set[int] = set()  # oids of the relation locks in `locks`
        self.rows: dict[int, set[int]] = {}  # shard id -> rows with a lock in `locks`
        self.owners: dict[int, LockOwner] = {}  # by id of their open transaction
        self.sessions: set[LockOwner] = set()

    # ------------------------------------------------------------ acquiring

    def lock_weakly(self, owner: LockOwner, oid: int, mode: int) -> None:
        """ACCESS SHARE, ROW SHARE or ROW EXCLUSIVE of a relation, for the transaction."""
        held, bit = owner.weak.get(oid, 0), 1 << mode
        if held & bit:
            return
        # Entered before looking: whoever takes a strong lock registers the relation before it collects
        # the weak ones, so that one of the two sees the other.
        owner.weak[oid] = held | bit
        if oid in self.relations:
            with self.lock:
                mine = owner.weak.get(oid, 0) & ~bit
                if mine:
                    owner.weak[oid] = mine
                else:
                    owner.weak.pop(oid, None)
                self.acquire(owner, ("relation", oid), mode)

    def lock_relation(
        self, owner: LockOwner, oid: int, mode: int, *, wait: bool = True
    ) -> bool:
        """Any mode of a relation, for the transaction."""
        if mode <= Mode.ROW_EXCLUSIVE and wait:
            self.lock_weakly(owner, oid, mode)
            return True
        with self.lock:
            tag: Tag = ("relation", oid)
            self._lock_of(tag)
            for other in list(self.sessions):
                mask = other.weak.pop(oid, 0)
                for weak in (1, 2, 3):
                    if mask >> weak & 1:
                        self.grant(other, tag, weak)
            return self.acquire(owner, tag, mode, wait=wait)

    def acquire(
        self, owner: LockOwner, tag: Tag, mode: int, *, session: bool = False, wait: bool = True
    ) -> bool:
        """Takes the lock, or raises LockWait; without `wait` returns False instead. A session lock counts
        how often it was taken."""
        if session and (tag, mode) in owner.credits:
            owner.credits.remove((tag, mode))
            owner.attempt.append((tag, mode))
            return True
        lock = self._lock_of(tag)
        held = lock.granted.get(owner, 0)
        if not self._is_free(lock, owner, tag, mode, held):
            if not wait:
                self._drop_if_unused(tag, lock)
                return False
            raise LockWait(self._enqueue(Request(owner, tag, mode, session), lock, bool(held)))
        self.grant(owner, tag, mode, session=session)
        if session:
            owner.attempt.append((tag, mode))
        return True

    def _is_free(
        self, lock: Lock, owner: LockOwner, tag: Tag, mode: int, held: int
    ) -> bool:
        if held >> mode & 1:
            return True
        conflicts = conflicts_of(tag, mode)
        if lock.is_held_against(owner, conflicts):
            return False
        # A newcomer does not overtake those who wait for what it would keep from them.
        return bool(held) or not any(conflicts >> other.mode & 1 for other in lock.queue)

    def grant(self, owner: LockOwner, tag: Tag, mode: int, *, session: bool = False) -> None:
        key = (tag, mode)
        count = owner.counts.get(key, 0)
        if not session:
            if key in owner.taken:
                return
            owner.taken[key] = None
        owner.counts[key] = count + 1
        lock = self._lock_of(tag)
        lock.granted[owner] = lock.granted.get(owner, 0) | 1 << mode

    def _lock_of(self, tag: Tag) -> Lock:
        lock = self.locks.get(tag)
        if lock is None:
            lock = self.locks[tag] = Lock()
            if tag[0] == "relation":
                self.relations.add(tag[1])  # type: ignore[arg-type]
            elif tag[0] == "row":
                self.rows.setdefault(tag[1], set()).add(tag[2])  # type: ignore[arg-type]
        return lock

    # ------------------------------------------------------------ waiting

    def _enqueue(self, request: Request, lock: Lock, holds: bool) -> Request:
        """One who holds the lock in another mode goes first, as everybody behind waits for it anyway. If
        the place in the queue is what closes a circle, the request goes first too."""
        places = (0,) if holds else (len(lock.queue), 0)
        request.owner.waiting = request
        circle: list[Request] = []
        for place in places:
            lock.queue.insert(place, request)
            circle = self._circle(request)
            if not circle:
                if place == 0:
                    self._advance(request.tag, lock)
                return request
            lock.queue.remove(request)
        request.owner.waiting = None
        self._advance(request.tag, lock)
        self._drop_if_unused(request.tag, lock)
        raise DeadlockDetected(
            "deadlock detected",
            detail="\n".join(self._describe(step, circle) for step in range(len(circle))),
            hint="See server log for query details.",
        )

    def blockers(self, request: Request) -> Iterator[LockOwner]:
        """Whom the request waits for: holders, then those before it in the queue."""
        lock = self.locks[request.tag]
        conflicts = conflicts_of(request.tag, request.mode)
        for owner, mask in lock.granted.items():
            if mask & conflicts and owner is not request.owner:
                yield owner
        for other in lock.queue:
            if other is request:
                return
            if conflicts >> other.mode & 1 and other.owner is not request.owner:
                yield other.owner

    def _circle(self, request: Request) -> list[Request]:
        """The requests of a circle of waiting that begins and ends with the owner; or none."""
        path, seen = [request], {request.owner}
        ahead = [self.blockers(request)]
        while ahead:
            owner = next(ahead[-1], None)
            if owner is None:
                ahead.pop()
                path.pop()
            elif owner is request.owner:
                return path
            elif owner not in seen and owner.waiting is not None:
                seen.add(owner)
                path.append(owner.waiting)
                ahead.append(self.blockers(owner.waiting))
        return []

    def _describe(self, step: int, circle: list[Request]) -> str:
        request, blocker = circle[step], circle[(step + 1) % len(circle)].owner
        return (
            f"Process {request.owner.pid} waits for {self._wanted(request, blocker)}; "
            f"blocked by process {blocker.pid}."
        )

    def _wanted(self, request: Request, blocker: LockOwner) -> str:
        kind = request.tag[0]
        if kind == "row":
            return f"ShareLock on transaction {blocker.transaction_id}"
        title = Mode(request.mode).title
        if kind == "transaction":
            return f"{title} on transaction {request.tag[1]}"
        if kind == "relation":
            return f"{title} on relation {request.tag[1]} of database {self.database_oid}"
        numbers = ",".join(str(part) for part in (self.database_oid, *request.tag[1:]))
        return f"{title} on advisory lock [{numbers}]"

    def cancel(self, owner: LockOwner, error: DatabaseError) -> bool:
        """Ends the owner's wait with an error; False when it does not wait."""
        with self.lock:
            request = owner.waiting
            if request is None:
                return False
            lock = self.locks[request.tag]
            lock.queue.remove(request)
            self._end(request, error)
            self._advance(request.tag, lock)
            self._drop_if_unused(request.tag, lock)
            return True

    def when_done(self, request: Request, told: Callable[[], None]) -> None:
        """Calls `told` when the wait is over, at once if it is."""
        with self.lock:
            if not request.done:
                request.told = told
                return
        told()

    def _end(self, request: Request, error: DatabaseError | None) -> None:
        request.done, request.error = True, error
        request.owner.waiting = None
        if request.told is not None:
            request.told()

    def _advance(self, tag: Tag, lock: Lock) -> None:
        """Grants what can be granted, in order."""
        before = 0  # modes wanted by those who go on waiting
        for request in list(lock.queue):
            conflicts = conflicts_of(tag, request.mode)
            if before & conflicts or lock.is_held_against(request.owner, conflicts):
                before |= 1 << request.mode
                continue
            lock.queue.remove(request)
            self.grant(request.owner, tag, request.mode, session=request.session)
            if request.session:
                request.owner.credits.append((tag, request.mode))
            self._end(request, None)

    # ------------------------------------------------------------ releasing

    def release(self, owner: LockOwner, tag: Tag, mode: int) -> bool:
        """Gives back one session lock; False when it is not held."""
        with self.lock:
            if (tag, mode) not in owner.counts:
                return False
            in_transaction = (tag, mode) in owner.taken
            if owner.counts[tag, mode] == int(in_transaction):
                return False
            self._release(owner, tag, mode)
            return True

    def _release(self, owner: LockOwner, tag: Tag, mode: int) -> None:
        key = (tag, mode)
        left = owner.counts.get(key, 0) - 1
        if left > 0:
            owner.counts[key] = left
            return
        owner.counts.pop(key, None)
        lock = self.locks[tag]
        mask = lock.granted.get(owner, 0) & ~(1 << mode)
        if mask:
            lock.granted[owner] = mask
        else:
            lock.granted.pop(owner, None)
        if lock.queue:
            self._advance(tag, lock)
        self._drop_if_unused(tag, lock)

    def _drop_if_unused(self, tag: Tag, lock: Lock) -> None:
        if lock.granted or lock.queue or tag not in self.locks:
            return
        del self.locks[tag]
        if tag[0] == "relation":
            self.relations.discard(tag[1])  # type: ignore[arg-type]
        elif tag[0] == "row":
            rows = self.rows[tag[1]]  # type: ignore[index]
            rows.discard(tag[2])  # type: ignore[arg-type]
            if not rows:
                del self.rows[tag[1]]  # type: ignore[arg-type]

    def mark(self, owner: LockOwner) -> LockMark:
        return LockMark(len(owner.taken), dict(owner.weak))

    def release_after(self, owner: LockOwner, mark: LockMark) -> None:
        """Gives back what the transaction took since the mark: ROLLBACK TO SAVEPOINT."""
        owner.weak = dict(mark.weak)
        while len(owner.taken) > mark.taken:
            self._release(owner, *owner.taken.popitem()[0])

    def release_session(self, owner: LockOwner) -> None:
        """Gives back every session lock: pg_advisory_unlock_all."""
        with self.lock:
            for key, count in list(owner.counts.items()):
                for _ in range(count - (key in owner.taken)):
                    self._release(owner, *key)

    # ------------------------------------------------------------ sessions, transactions, statements

    def begin(self, owner: LockOwner, transaction_id: int) -> None:
        owner.transaction_id = transaction_id
        self.owners[transaction_id] = owner
        self.sessions.add(owner)

    def end(self, owner: LockOwner, transaction_id: int) -> None:
        """The transaction is over, and what it did visible or undone."""
        self.owners.pop(transaction_id, None)
        if owner.waiting is not None:
            self.cancel(owner, LockNotAvailable("the transaction has ended"))
        if owner.weak:
            owner.weak = {}
        if owner.taken:
            taken, owner.taken = owner.taken, {}
            for key in taken:
                self._release(owner, *key)
        if not owner.counts:
            self.sessions.discard(owner)

    def end_statement(self, owner: LockOwner) -> None:
        """What attempts took and the last one did not take again is given back."""
        owner.attempt.clear()
        if owner.credits:
            with self.lock:
                for key in owner.credits:
                    self._release(owner, *key)
            owner.credits.clear()

    def retry_statement(self, owner: LockOwner) -> None:
        """The attempt ended in a wait; the next one takes the same session locks."""
        owner.credits += owner.attempt
        owner.attempt.clear()

    def entries(self) -> Iterator[tuple[Tag, LockOwner, int, bool]]:
        """What pg_locks shows: tag, owner, mode, whether it is granted."""
        with self.lock:
            for owner in self.sessions:
                for oid, mask in list(owner.weak.items()):
                    for mode in (1, 2, 3):
                        if mask >> mode & 1:
                            yield ("relation", oid), owner, mode, True
            for tag, lock in self.locks.items():
                for owner, mask in lock.granted.items():
                    for mode in range(1, 9):
                        if mask >> mode & 1:
                            yield tag, owner, mode, True
                for request in lock.queue:
                    yield tag, request.owner, request.mode, False
