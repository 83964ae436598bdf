"""The files of an HNSW graph: a snapshot, mapped copy-on-write, and the log of what was linked since.

    link   rows that wait are linked batch by batch; each batch goes to the link log
    save   the graph is written out as it is, with an empty log: when it has none yet, and when the
           log has grown as large as the snapshot, so that opening never reads more than twice the
           graph
    open   the snapshot and its log, applied: nothing is linked again

The snapshot is a block file (blocks.py) of these arrays, over the rows [0, linked):

    settings   i64[10]: metric, dims, m, ef_construction, seed, linked, entry point | level << 32 or -1,
               nodes taken out, quantization (0 none, 1 int8, 2 bit, 3 pq), rows it was trained among;
               a file of eight has bytes
    links      i32[linked, 2m], -1 ends a row       upper    i32[n, m], the levels above
    offsets    i64[linked], a row's first in upper  levels   u8[linked]
    scales     f32[linked], 1/norm under cosine     factors  f32[linked, 2]
    codes      [linked, ...] of the quantization: i8 bytes, i64 signs, u8 pieces (index/hnsw/quantizer.py)
    center     f32[padded], flips f32[4, width]     what bit codes are about, and their rotation
    codebooks  f32[pieces, piece dims, 256]         the centroids of pq

Codes and what they learned are kept, since to learn and encode again would read every vector; codes of rows
that only the log holds are made again when the graph is opened, which reads those rows. A file
without codes, because some rows had none yet, is opened the same way. Every array has its checksum.

A graph whose files are damaged is begun anew, with a warning; until its rows are linked they are
scanned exactly. The last frames of a log that fail to verify cost their rows' links, no more.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlvec.catalog.objects import Index, Table
from sqlvec.errors import DatabaseError, DataCorrupted, IoError, UndefinedFile
from sqlvec.index.hnsw import HnswGraph
from sqlvec.index.warm import warm_codes
from sqlvec.storage.blocks import BlockFile, FileKind, write_blocks
from sqlvec.storage.flush import install_files, must_flush
from sqlvec.storage.index_rows import GRAPH_METHODS
from sqlvec.storage.link_log import LinkLog, read_links
from sqlvec.storage.manifest import GraphFile
from sqlvec.storage.marks import mark
from sqlvec.storage.quantization import Choice, begin_with, explain_codes, quantize

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlvec.storage.shard import Shard
    from sqlvec.storage.store import Store

log = logging.getLogger(__name__)

LINK_ROWS = 1_000  # between two looks at cancelled(), and in one frame of the log


def link_rows(store: Store, shard: Shard, index_oid: int, cancelled: Callable[[], bool]) -> None:
    """Link rows that wait, until none is left or something is to be flushed, and log the links."""
    try:
        while store.holds(shard) and not cancelled():
            if index_oid not in shard.link_logs:
                save_graph(store, shard, index_oid)
            with shard.link_lock:
                left = shard.link_step(index_oid, LINK_ROWS, 1, cancelled)
                log_links(store, shard, index_oid)
            store.stall.review()
            if not left or must_flush(store):
                break
    finally:
        with shard.link_lock:
            links = shard.link_logs.get(index_oid)
            if links is not None:
                links.close()


def log_links(store: Store, shard: Shard, index_oid: int) -> None:
    """The caller holds link_lock. Without a log the next snapshot has the links."""
    links, graph = shard.link_logs.get(index_oid), shard.indexes.get(index_oid)
    if links is None or not isinstance(graph, HnswGraph):
        return
    changes = graph.take_changes()
    if changes is None:
        return
    try:
        store.sync()
        links.append(changes)
    except DatabaseError:
        del shard.link_logs[index_oid]
        raise


def give_codes(
    store: Store, shard: Shard, index: Index, wanted: Choice, cancelled: Callable[[], bool]
) -> None:
    """Give a graph the codes that it is to have, and have them in its snapshot."""
    if not store.holds(shard):
        return
    changed = quantize(shard, index, wanted, cancelled)
    graph = shard.indexes.get(index.oid)
    if isinstance(graph, HnswGraph):
        graph.explain(explain_codes(graph, wanted))
    if changed:
        save_graph(store, shard, index.oid)


def wants_saving(shard: Shard, index_oid: int) -> bool:
    """Whether a graph has no log yet, or one as long as its snapshot."""
    links = shard.link_logs.get(index_oid)
    graph = shard.indexes[index_oid]
    if links is None:
        return isinstance(graph, HnswGraph) and graph.linked > 0
    return links.size > max(links.snapshot_bytes, shard.directory.settings.link_log_bytes_min)


def is_saved(shard: Shard, index_oid: int) -> bool:
    """Whether the snapshot alone holds all links."""
    links, graph = shard.link_logs.get(index_oid), shard.indexes.get(index_oid)
    if not isinstance(graph, HnswGraph):
        return True
    return graph.linked == 0 if links is None else links.is_empty and not graph.has_changes


def save_graph(store: Store, shard: Shard, index_oid: int) -> bool:
    """Write a graph's snapshot and begin an empty log; the caller does not hold maintenance."""
    with store.maintenance:
        return save_graph_maintained(store, shard, index_oid)


def save_graph_maintained(store: Store, shard: Shard, index_oid: int) -> bool:
    """save_graph for a caller that holds store.maintenance."""
    graph = shard.indexes.get(index_oid)
    if not isinstance(graph, HnswGraph) or not _is_committed(store, shard, index_oid):
        return False
    directory, vfs = shard.directory, store.vfs
    with shard.link_lock:
        store.sync()
        graph.take_changes()
        shard.link_logs.pop(index_oid, None)
        linked, name, size = graph.linked, "", 0
        if linked:
            name = directory.new_name("graph")
            size = write_blocks(vfs, name, FileKind.GRAPH, graph.arrays())
        links = LinkLog.create(vfs, directory.new_name("links"), size)
        directory.sync_names()
        with store.lock:
            if not _is_committed(store, shard, index_oid):
                store.discard(filter(None, (name, links.name)))
                return False
            files = directory.files
            others = tuple(g for g in files.graphs if g.index_oid != index_oid)
            file = GraphFile(index_oid, name, linked, links.name)
            install_files(store, {shard: replace(files, graphs=(*others, file))})
            shard.link_logs[index_oid] = links
    log.info("graph saved", extra={"shard": shard.shard_id, "rows": linked, "bytes": size})
    return True


def _is_committed(store: Store, shard: Shard, index_oid: int) -> bool:
    """A graph of an index, or a shard, that is not committed must not get into the manifest."""
    known = store.holds(shard) and shard.logged
    return known and index_oid in store.catalog.relations


def open_graphs(shard: Shard, table: Table, indexes: tuple[Index, ...]) -> None:
    """Give a shard the graphs of its table that it does not have; every row and vector is there."""
    files = {file.index_oid: file for file in shard.directory.files.graphs}
    for index in indexes:
        if index.oid in shard.indexes or index.method not in GRAPH_METHODS:
            continue
        shard.add_index_rows(index)
        file = files.get(index.oid)
        graph = _open_graph(shard, index, file) if file is not None else None
        if graph is None:
            shard.add_index(index, table)
        else:
            shard.indexes = {**shard.indexes, index.oid: graph}
            shard.definitions[index.oid] = index


def _open_graph(shard: Shard, index: Index, file: GraphFile) -> HnswGraph | None:
    """The graph as its files have it; None, with a warning, when they are damaged."""
    directory, vfs = shard.directory, shard.directory.vfs
    try:
        graph, size = directory.make_index(index, shard), 0
        if file.name:
            blocks = BlockFile(vfs, file.name, FileKind.GRAPH, private=True)
            graph, size = HnswGraph.from_arrays(blocks.arrays("")), vfs.size(file.name)
            warm_codes(graph.quantizer.name)
            begin_with(graph, index)
        frames, end, error = read_links(vfs, file.log)
    except (DataCorrupted, UndefinedFile, IoError) as damage:
        log.warning("graph rebuilt from its vectors", extra={"reason": damage.message})
        return None
    assert isinstance(graph, HnswGraph)
    for changes in frames:
        if not graph.apply(changes):
            error = DataCorrupted(f'file "{file.log}" does not continue file "{file.name}"')
            break
    if graph.linked > shard.row_count:
        mark("links.rows_unknown")
        graph.forget_from(shard.row_count)
    if error is not None:
        # Without a log the next job writes the graph out as it is, and begins another.
        mark("links.lost_tail")
        log.warning("end of link log lost", extra={"reason": error.message, "offset": end})
    else:
        shard.link_logs[index.oid] = LinkLog(vfs, file.log, end, size)
    return graph
