"""python -m tests.sim --seed S --steps N [--seeds K]: K simulations of N steps, from seed S on.

The seed is printed before it runs. A seed that fails is to be added to seeds.txt, which every test run repeats.
"""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from time import monotonic

from sqlvec.storage.marks import MARKS, hit
from tests.sim.simulation import Simulation


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    logging.disable(logging.ERROR)
    failed: list[int] = []
    deaths: dict[str, int] = {}
    started, steps = monotonic(), 0
    for seed in range(args.seed, args.seed + args.seeds):
        print(f"seed {seed}", flush=True)
        simulation = Simulation(seed)
        try:
            simulation.run(args.steps)
        except Exception:  # noqa: BLE001 (whatever ends it is a finding)
            traceback.print_exc()
            print(f"seed {seed} failed at step {simulation.steps}", flush=True)
            failed.append(seed)
        steps += simulation.steps
        for fate, count in simulation.deaths.items():
            deaths[fate] = deaths.get(fate, 0) + count
    print(f"{steps} steps over {args.seeds} seeds in {monotonic() - started:.0f} s, ends: {deaths}")
    print(f"marks not hit: {sorted(MARKS - hit)}")
    print(f"failed seeds: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
