"""Offloading: the files of a shard that nobody uses become blobs, and come back with its next use.

    blob     the bytes of a file, trailer
    key      identity of the database / name of the file without its folder
    trailer  u32 crc32c of key and bytes, u64 length, magic "SVOB"                        (16 bytes)

    offload  every file is put as a blob; then an edit says that the shard is offloaded; then the files
             are removed
    fetch    every blob is verified and written as the file that it was, durably; then an edit says that
             the shard is not offloaded; then the blobs are removed

What a crash leaves behind the edit is an orphan: a file, which the next opening removes, or a blob, which
the shard's next offloading replaces. Blobs that the database does not name are never removed otherwise, since
another database may keep its own beside them.
"""

from __future__ import annotations

import logging
import struct
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sqlvec.catalog.tenants import OFFLOADED
from sqlvec.errors import DatabaseError, DataCorrupted, UndefinedFile
from sqlvec.storage.checksum import crc32c
from sqlvec.storage.manifest import ShardFiles
from sqlvec.storage.marks import mark
from sqlvec.storage.seams import BlobStore
from sqlvec.storage.vfs import Bytes

if TYPE_CHECKING:
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)

DIRECTORY = "blobs"  # below the database's, unless another place is given
TRAILER = struct.Struct("<IQ4s")
MAGIC = b"SVOB"


def blob_key(identity: str, name: str) -> str:
    return f"{identity}/{name.rpartition('/')[2]}".strip("/")


def offload_shard(store: Store, shard_id: int) -> bool:
    """Make a closed shard's files blobs, if its tenant is still to be offloaded."""
    with store.maintenance:
        with store.lock:
            files = store.known_shards.get(shard_id)
        if files is None or files.offloaded or files.state != OFFLOADED:
            return False
        names = files.names()
        try:
            for name in names:
                _put(store, name)
        except UndefinedFile:
            if store.known_shards.get(shard_id) is files:
                raise
            return False  # dropped meanwhile
        with store.lock:
            if store.known_shards.get(shard_id) is not files:
                _delete(store.blobs, store.identity, names)
                return False
            offloaded = replace(files, offloaded=True)
            _install(store, offloaded)
            store.to_offload.discard(shard_id)
    mark("shard.offloaded")
    log.info("offloaded", extra={"shard": shard_id, "files": len(names)})
    return True


def fetch(store: Store, shard_id: int) -> None:
    """Bring an offloaded shard's files back. The caller holds the lock."""
    files = store.known_shards[shard_id]
    if not files.offloaded:
        return
    names = files.blob_names()
    try:
        for name in names:
            body = read_blob(store.blobs, blob_key(store.identity, name))
            file = store.vfs.create(name)
            try:
                file.append(body)
            finally:
                file.close()
        if names:
            store.vfs.sync_many(names)
        _install(store, replace(files, offloaded=False))
    except DatabaseError:
        store.discard(names)
        raise
    mark("shard.fetched")
    log.info("fetched", extra={"shard": shard_id, "files": len(names)})


def remove(store: Store, files: ShardFiles) -> None:
    """Delete the blobs that a shard had; what cannot be deleted is an orphan."""
    _delete(store.blobs, store.identity, files.blob_names())


def read_blob(blobs: BlobStore, key: str) -> Bytes:
    """The verified bytes: UndefinedFile (58P01) or DataCorrupted (XX001) when that is not possible."""
    if blobs.head(key) is None:
        raise UndefinedFile(
            f'blob "{key}" does not exist',
            hint="Is the server using the blob directory to which the tenant was offloaded?",
        )
    data = np.frombuffer(blobs.get(key), np.uint8)
    at = len(data) - TRAILER.size
    if at < 0:
        raise DataCorrupted(f'unexpected end of blob "{key}" at offset {len(data)}')
    crc, length, magic = TRAILER.unpack(data[at:].tobytes())
    body = data[:at]
    if magic != MAGIC or length != at or crc32c(key.encode(), body) != crc:
        raise DataCorrupted(f'checksum mismatch in blob "{key}" at offset 0')
    return body


def _put(store: Store, name: str) -> None:
    key = blob_key(store.identity, name)
    if store.blobs.head(key) is not None:
        store.blobs.delete(key)  # left by an earlier try: no edit names it
    body = store.vfs.map(name)
    store.blobs.put_new(key, body, TRAILER.pack(crc32c(key.encode(), body), len(body), MAGIC))


def _install(store: Store, files: ShardFiles) -> None:
    version = store.manifest.version
    store.install(replace(version, shards={**version.shards, files.shard_id: files}))
    store.known_shards[files.shard_id] = files


def _delete(blobs: BlobStore, identity: str, names: list[str]) -> None:
    for name in names:
        with suppress(DatabaseError):
            blobs.delete(blob_key(identity, name))
