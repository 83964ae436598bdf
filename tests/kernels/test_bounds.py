"""Every kernel over arrays whose bounds are checked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "tests.index.warm_workload", "{folder}/data"],
        ["-m", "pytest", "-q", "-x", "-o", "timeout=0", "tests/kernels", "-m", "not long"],
    ],
    ids=["graphs and texts", "tests of kernels"],
)
def test_no_kernel_reads_or_writes_beyond_an_array(arguments: list[str], tmp_path: Path) -> None:
    """In a process of its own with a cache of its own: bounds are checked by other machine code."""
    done = subprocess.run(
        [sys.executable, *(argument.format(folder=tmp_path) for argument in arguments)],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "NUMBA_BOUNDSCHECK": "1",
            "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
