"""What pgvector's tests import, and its source distribution lacks. pg8000 alone does not know libpq's variables."""

import os

import numpy  # noqa: F401
import pg8000.native

_connect = pg8000.native.Connection.__init__


def _connect_to_suite(self, user, host=os.environ["PGHOST"], database=None, port=None, **others):
    port = port or int(os.environ["PGPORT"])
    _connect(self, user, host=os.environ["PGHOST"], database=database, port=port, **others)


pg8000.native.Connection.__init__ = _connect_to_suite
