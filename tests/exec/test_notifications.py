"""LISTEN and NOTIFY below the protocol: transactions, savepoints, delivery."""

from __future__ import annotations

import pytest

from sqlvec.errors import InvalidParameterValue
from sqlvec.exec.notifications import PAYLOAD_BYTES_MAX, Channels, Notifications


@pytest.fixture
def pair() -> tuple[Notifications, Notifications]:
    channels = Channels()
    return Notifications(channels, 1), Notifications(channels, 2)


def told(session: Notifications) -> list[tuple[str, str]]:
    return [(channel, payload) for _, channel, payload in session.take_news()]


def listen(session: Notifications, *channels: str) -> None:
    for channel in channels:
        session.listen(channel)
    session.commit()


def test_nothing_is_told_before_the_commit_and_its_publishing(
    pair: tuple[Notifications, Notifications],
) -> None:
    sender, listener = pair
    listen(listener, "a")
    sender.notify("a", "x")
    sender.publish()
    assert told(listener) == []
    sender.commit()
    assert told(listener) == []
    sender.publish()
    assert listener.take_news() == [(1, "a", "x")]


def test_each_is_told_once_in_the_order_of_the_first(
    pair: tuple[Notifications, Notifications],
) -> None:
    sender, listener = pair
    listen(listener, "a", "b")
    for channel, payload in [("a", "1"), ("b", "1"), ("a", "2"), ("a", "1"), ("c", "1")]:
        sender.notify(channel, payload)
    sender.commit()
    sender.publish()
    assert told(listener) == [("a", "1"), ("b", "1"), ("a", "2")]


def test_a_rollback_forgets_and_a_savepoint_forgets_its_part(
    pair: tuple[Notifications, Notifications],
) -> None:
    sender, listener = pair
    listen(listener, "a")
    sender.notify("a", "lost")
    sender.listen("a")
    sender.rollback()
    sender.notify("a", "kept")
    mark = sender.mark()
    sender.notify("a", "undone")
    sender.listen("a")
    sender.rollback_to(mark)
    sender.commit()
    sender.publish()
    assert told(listener) == [("a", "kept")]
    assert told(sender) == []


def test_unlisten_and_close_end_it(pair: tuple[Notifications, Notifications]) -> None:
    sender, listener = pair
    listen(listener, "a", "b", "c")
    listener.unlisten("a")
    listener.commit()
    assert list(listener.listening) == ["b", "c"]
    listener.close()
    for channel in "abc":
        sender.notify(channel, "")
    sender.commit()
    sender.publish()
    assert told(listener) == []


def test_a_listener_is_woken(pair: tuple[Notifications, Notifications]) -> None:
    sender, listener = pair
    listen(listener, "a")
    woken: list[int] = []
    listener.wake = lambda: woken.append(len(listener.news))
    sender.notify("a", "")
    sender.commit()
    sender.publish()
    assert woken == [1]


@pytest.mark.parametrize(
    ("channel", "payload"), [("", ""), ("c" * 64, ""), ("a", "x" * (PAYLOAD_BYTES_MAX + 1))]
)
def test_what_is_too_long_or_empty_is_refused(
    pair: tuple[Notifications, Notifications], channel: str, payload: str
) -> None:
    with pytest.raises(InvalidParameterValue):
        pair[0].notify(channel, payload)
