"""LISTEN, NOTIFY, UNLISTEN: what a transaction asks for takes effect when it commits.

    Channels        of a database: who listens to what
    Notifications   of a session: asked for in this transaction; committed, to be published; received

A transaction's notifications of one channel with one payload are one. Publishing is the server's: it does it
once the commit is durable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sqlvec.errors import InvalidParameterValue

CHANNEL_BYTES_MAX = 63
PAYLOAD_BYTES_MAX = 7_999  # PostgreSQL's NOTIFY_PAYLOAD_MAX_LENGTH is 8000 with its terminator
News = tuple[int, str, str]  # pid, channel, payload


class Channels:
    """Sessions by channel, in the order in which they began to listen."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[Notifications, None]] = {}

    def listen(self, channel: str, session: Notifications) -> None:
        self._listeners.setdefault(channel, {})[session] = None

    def unlisten(self, channel: str, session: Notifications) -> None:
        found = self._listeners.get(channel)
        if found is not None and found.pop(session, False) is None and not found:
            del self._listeners[channel]

    def publish(self, news: News) -> None:
        for session in list(self._listeners.get(news[1], ())):
            session.receive(news)


class Notifications:
    """One session's."""

    def __init__(self, channels: Channels, pid: int) -> None:
        self.channels = channels
        self.pid = pid
        self.wake: Callable[[], None] | None = None  # told when news arrive
        self.listening: dict[str, None] = {}
        self.outbox: list[News] = []
        self.news: deque[News] = deque()
        self._asked: dict[News, None] = {}
        self._changes: list[tuple[bool, str | None]] = []  # listen or not; None is all channels

    # ---------------------------------------------------------------- asked for

    def notify(self, channel: str, payload: str) -> None:
        if not channel:
            raise InvalidParameterValue("channel name cannot be empty")
        if len(channel.encode()) > CHANNEL_BYTES_MAX:
            raise InvalidParameterValue("channel name too long")
        if len(payload.encode()) > PAYLOAD_BYTES_MAX:
            raise InvalidParameterValue("payload string too long")
        self._asked[self.pid, channel, payload] = None

    def listen(self, channel: str) -> None:
        self._changes.append((True, channel))

    def unlisten(self, channel: str | None) -> None:
        self._changes.append((False, channel))

    # ---------------------------------------------------------------- transactions

    def mark(self) -> tuple[int, int]:
        """For rollback_to."""
        return len(self._asked), len(self._changes)

    def rollback_to(self, mark: tuple[int, int]) -> None:
        for news in list(self._asked)[mark[0] :]:
            del self._asked[news]
        del self._changes[mark[1] :]

    def commit(self) -> None:
        if self._changes:
            changes, self._changes = self._changes, []
            for listen, channel in changes:
                self._change(listen, channel)
        if self._asked:
            self.outbox += self._asked
            self._asked.clear()

    def rollback(self) -> None:
        self._asked.clear()
        self._changes.clear()

    def _change(self, listen: bool, channel: str | None) -> None:
        if channel is None:
            for name in self.listening:
                self.channels.unlisten(name, self)
            self.listening.clear()
        elif listen:
            self.listening[channel] = None
            self.channels.listen(channel, self)
        else:
            self.listening.pop(channel, None)
            self.channels.unlisten(channel, self)

    # ---------------------------------------------------------------- delivery

    def publish(self) -> None:
        """Gives what was committed to all that listen, this session too."""
        outbox, self.outbox = self.outbox, []
        for news in outbox:
            self.channels.publish(news)

    def receive(self, news: News) -> None:
        self.news.append(news)
        if self.wake is not None:
            self.wake()

    def take_news(self) -> list[News]:
        taken = list(self.news)
        self.news.clear()
        return taken

    def close(self) -> None:
        self.rollback()
        self._change(False, None)
