"""Freed memory stays with the process."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import resource
import sys
import numpy as np
from sqlvec.server.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        batch = [np.ones(1 << 20, np.uint8) for _ in range(16)]
        del batch
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

told = keep_freed_memory() if sys.argv[1] == "keep" else True
faults()
print(told, faults())
"""


def faults_of(mode: str) -> tuple[bool, int]:
    command = [sys.executable, "-c", PROGRAM, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told, faults = done.stdout.split()
    return told == "True", int(faults)


def test_batches_that_come_and_go_are_not_mapped_anew():
    told, faults = faults_of("keep")
    if told:
        _, untold = faults_of("leave")
        assert faults * 10 < untold
