"""What pgvector's tests import, and its source distribution lacks. pg8000 alone does not know libpq's variables."""

import os

import numpy  # noqa: F401
from pg8000.core import CoreConnection

_connect = CoreConnection.__init__


def _connect_to_suite(self, *arguments, **named):
    named.pop("port", None)
    _connect(self, *arguments[:3], port=int(os.environ["PGPORT"]), **named)


CoreConnection.__init__ = _connect_to_suite
