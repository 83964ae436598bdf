"""The tables of states: complete, and answered by the session."""

from __future__ import annotations

import pytest

from sqlvec.pgwire.frontend import Framing
from sqlvec.pgwire.states import ACTIONS, EXTENDED, KINDS, TRANSITIONS, Event, State
from sqlvec.server.session import Session
from tests.pgwire.conversation import startup


@pytest.mark.parametrize("state", State)
def test_every_message_means_something_in_every_state(state: State) -> None:
    assert {kind[0] for kind in ACTIONS[state]} == set(KINDS)


@pytest.mark.parametrize("action", sorted({a for table in ACTIONS.values() for a in table.values()}))
def test_every_action_is_the_sessions(action: str) -> None:
    assert callable(getattr(Session, f"_{action}"))


@pytest.mark.parametrize("kind", KINDS)
def test_framing_knows_the_same_messages(kind: int) -> None:
    framing = Framing()
    framing.feed(startup({"user": "postgres"}) + bytes([kind]) + b"\0\0\0\4")
    framing.next()
    found = framing.next()
    assert found is not None and found.kind == kind  # type: ignore[union-attr]


def test_every_state_is_reached_and_left() -> None:
    reached = {after for table in TRANSITIONS.values() for after in table.values()}
    assert reached == set(State)
    for state in State:
        assert any(after is not state for after in TRANSITIONS[state].values())


def test_only_sync_ends_the_discarding() -> None:
    assert TRANSITIONS[State.DISCARDING] == {Event.SYNC: State.READY}
    answered = {kind for kind, action in ACTIONS[State.DISCARDING].items() if action != "ignore"}
    assert answered == {b"S", b"X"}


def test_the_extended_protocol_is_known_to_the_framing() -> None:
    assert set(EXTENDED) < set(KINDS)
