"""Storage: shards of rows in segments and memtables, behind one write-ahead log and a manifest."""

from sqlvec.storage.commit import CommitTicket
from sqlvec.storage.seams import Clock, SystemClock
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.shard import Shard
from sqlvec.storage.store import Store
from sqlvec.storage.transaction import Transaction
from sqlvec.storage.vectors import VectorBatch, VectorView
from sqlvec.storage.vfs import OsFs, Vfs

__all__ = [
    "Clock",
    "CommitTicket",
    "OsFs",
    "Shard",
    "StorageSettings",
    "Store",
    "SystemClock",
    "Transaction",
    "VectorBatch",
    "VectorView",
    "Vfs",
]
