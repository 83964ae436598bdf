"""The demo: a server on an embedded directory, the shipped sample, and queries over a real connection."""

from sqlvec.demo.demonstration import run

__all__ = ["run"]
