"""The store against a dict, for any order of transactions, flushes, merges, kills and crashes."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.sim.history import TINY, History, check_structure, rows_of
from tests.sim.simfs import SimFs


class StoreModel(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32))
    def open(self, seed: int) -> None:
        self.history = History(
            SimFs(), Random(seed), [{}], settings=replace(TINY, retention_us=1_000)
        )
        self.history.open()

    @rule()
    def write(self) -> None:
        self.history.write()

    @rule()
    def roll_back(self) -> None:
        self.history.rolled_back()

    @rule()
    def commit_two(self) -> None:
        self.history.two_at_once()

    @rule()
    def commit_without_waiting(self) -> None:
        self.history.unwaited()

    @rule()
    def flush(self) -> None:
        self.history.flush()

    @rule()
    def run_jobs(self) -> None:
        self.history.jobs()

    @rule()
    def truncate(self) -> None:
        self.history.truncate()

    @rule()
    def change_columns(self) -> None:
        self.history.add_column()

    @rule()
    def begin_reader(self) -> None:
        self.history.begin_reader()

    @rule()
    def read_again(self) -> None:
        self.history.read_again()

    @rule()
    def look_back(self) -> None:
        self.history.look_back()

    @rule()
    def reopen(self) -> None:
        self.history.reopen()

    @rule()
    def kill(self) -> None:
        self.history.recover(self.history.fs.kill())

    @rule(seed=st.integers(0, 2**32))
    def crash(self, seed: int) -> None:
        self.history.recover(self.history.fs.crash(Random(seed)))

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        store = self.history.store
        assert store is not None
        found = rows_of(store)
        assert found == self.history.states[-1]
        check_structure(store, found)


StoreModel.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestStoreModel = StoreModel.TestCase
