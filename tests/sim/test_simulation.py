"""Seeded lives and deaths, see simulation.py; the long runs are `python -m tests.sim`."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqlvec.storage.marks import MARKS, hit
from tests.sim.simulation import Simulation

SEEDS = Path(__file__).with_name("seeds.txt").read_text().splitlines()
FAILED_ONCE = [tuple(map(int, line.split()[:2])) for line in SEEDS if not line.startswith("#")]


@pytest.mark.parametrize(("seed", "steps"), FAILED_ONCE)
def test_seeds_that_failed_once(seed: int, steps: int) -> None:
    Simulation(seed).run(steps)


def test_lives_and_deaths_keep_every_promise_and_reach_every_mark() -> None:
    hit.clear()
    for seed in range(500, 512):
        Simulation(seed).run(120)
    seed = 512
    while (missing := MARKS - hit) and seed < 600:  # rare ones need some more
        Simulation(seed).run(120)
        seed += 1
    assert not missing


def test_one_seed_gives_one_history() -> None:
    one, other = Simulation(77), Simulation(77)
    one.run(150)
    other.run(150)
    assert (one.trace, one.deaths, one.steps) == (other.trace, other.deaths, other.steps)


@pytest.mark.long
def test_a_hundred_fresh_seeds() -> None:
    for seed in range(10_000, 10_100):
        Simulation(seed).run(1_000)
