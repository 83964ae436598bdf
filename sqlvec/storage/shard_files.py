"""The files of one shard: opening it from them, and naming new ones.

    data/N.segment     segment.py
    data/N.tombstones  segment.py
    data/N.vectors     vectors.py
    data/N.graph       graph_files.py
    data/N.links       link_log.py

N is a number of the database, never used twice. Opening maps the files and reads begins, ends and
presence; columns, filters, keys and postings are mapped, and verified when first read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock

import numpy as np

from sqlvec.catalog.objects import Catalog, Index, Table
from sqlvec.catalog.operator_classes import OPERATOR_CLASSES
from sqlvec.errors import InvalidParameterValue
from sqlvec.fulltext.config import DEFAULT
from sqlvec.index.bm25 import Bm25Index, LexemeIndex, PostingIndex
from sqlvec.index.hnsw import HnswGraph
from sqlvec.storage.growing import Words, mask_of_words, word_count, words_of_mask
from sqlvec.storage.index_rows import (
    GRAPH_METHODS,
    IndexRows,
    IndexValues,
    has_lexemes,
    indexed_type,
)
from sqlvec.storage.key_search import key_definitions
from sqlvec.storage.keys import KeyDefinition
from sqlvec.storage.manifest import ShardFiles, VectorsFile
from sqlvec.storage.memtable import Memtable
from sqlvec.storage.part import ShardColumns, vector_dims
from sqlvec.storage.quantization import begin_with
from sqlvec.storage.segment import Segment
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.shard import Shard
from sqlvec.storage.vectors import VectorColumn
from sqlvec.storage.vfs import Vfs
from sqlvec.types import BOOL

DIRECTORY = "data"


def make_bm25(index: Index, table: Table) -> Bm25Index:
    """An empty index; 22023 for options that mean nothing."""
    options = index.options
    fields = len(index.fields(table))
    weights = tuple(float(part) for part in options.get("weights", "").strip("{}").split(",") if part)
    if weights and len(weights) != fields:
        raise InvalidParameterValue(f"{len(weights)} weights are given for {fields} columns")
    return Bm25Index(
        options.get("text_config", DEFAULT),
        k1=float(options.get("k1", 1.2)),
        b=float(options.get("b", 0.75)),
        fields=fields,
        weights=weights,
        positions=BOOL.definition.parse(options.get("positions", "true")),
    )


class ShardDirectory:
    """What a shard needs to know of its surroundings."""

    def __init__(
        self,
        vfs: Vfs,
        settings: StorageSettings,
        files: ShardFiles,
        number: Callable[[], int],
        catalog: Callable[[], Catalog],
        index_values: IndexValues,
        horizon: Callable[[], int],
        siblings: Callable[[], list[Shard]],
    ) -> None:
        self.vfs = vfs
        self.settings = settings
        self.files = files
        self._number = number
        self._catalog = catalog
        self.index_values = index_values
        self.horizon = horizon
        self.siblings = siblings  # the table's shards
        self._definitions: tuple[Catalog | None, dict[tuple[int, ...], KeyDefinition]] = (None, {})

    def new_name(self, kind: str) -> str:
        return f"{DIRECTORY}/{self._number():010d}.{kind}"

    def disk_bytes(self) -> int:
        names = {name for name in self.files.names() if self.vfs.exists(name)}
        return sum(self.vfs.size(name) for name in names)

    def key_definition(
        self, attnums: tuple[int, ...], catalog: Catalog | None = None
    ) -> KeyDefinition:
        """The key over these columns, as the catalog declares it; the committed one if none is given."""
        catalog = catalog or self._catalog()
        known, definitions = self._definitions
        if known is not catalog:
            definitions = {}
            table = catalog.relations.get(self.files.table_oid)
            if isinstance(table, Table):
                definitions = {d.attnums: d for d in key_definitions(table, catalog)}
            self._definitions = (catalog, definitions)
        return definitions.get(attnums) or KeyDefinition(attnums)

    def vectors_for(self, columns: ShardColumns, attnum: int, dims: int) -> VectorColumn:
        """The vector file of a column with that many dimensions, made if there is none."""
        vector = columns.vectors.get((attnum, dims))
        if vector is None:
            vector = VectorColumn(self.vfs, self.new_name("vectors"), dims)
            columns.vectors[attnum, dims] = vector
        return vector

    def make_vectors(self, columns: ShardColumns, attnum: int) -> VectorColumn:
        """The file of a vector(n) column to which nothing was written yet."""
        dims = vector_dims(columns.types.get(attnum))
        assert dims, (attnum, columns.types.get(attnum))
        return self.vectors_for(columns, attnum, dims)

    def make_index(self, index: Index, shard: Shard) -> HnswGraph | PostingIndex | None:
        """An empty index of the kind; None for one that storage does not keep (btree and such)."""
        table, options = shard.columns.table, index.options
        assert table is not None, index.name
        if index.method == "bm25":
            return make_bm25(index, table)
        if has_lexemes(index, table):
            return LexemeIndex()
        if index.method not in GRAPH_METHODS:
            return None
        graph = HnswGraph.create(
            OPERATOR_CLASSES[index.columns[0].operator_class].metric,
            vector_dims(indexed_type(index, table)),  # 0: bits and sparse have no codes
            m=int(options.get("m", 16)),
            ef_construction=int(options.get("ef_construction", 64)),
            quantization=options.get("quantization", "int8").lower(),
        )
        begin_with(graph, index)
        return graph

    def make_index_rows(self, index: Index, shard: Shard) -> IndexRows:
        """Room for the values of a vector index whose rows are its own."""
        table, columns = shard.columns.table, shard.columns
        assert table is not None, index.name
        sql_type, attnum = indexed_type(index, table), index.columns[0].attnum
        return IndexRows(
            sql_type,
            (lambda: columns.vector(attnum) or self.make_vectors(columns, attnum)) if attnum else None,
            lambda: VectorColumn(self.vfs, self.new_name("vectors"), sql_type.typmod),
        )

    def sync_names(self) -> None:
        """Make the names of new files durable."""
        self.vfs.sync_dir(DIRECTORY)


def open_shard(directory: ShardDirectory, lock: RLock, columns: ShardColumns) -> Shard:
    """The shard as its files have it; columns knows the types and fills of its table."""
    files = directory.files
    shard = Shard(directory, lock, columns)
    shard.segments = tuple(
        Segment(directory.vfs, file.name, columns, tombstones=file.tombstones)
        for file in files.segments
    )
    for segment, file in zip(shard.segments, files.segments, strict=True):
        assert (segment.low, segment.high) == (file.low, file.high), file
    if shard.segments:
        begins = np.concatenate([segment.begins for segment in shard.segments])
        ends = np.concatenate([s.ends() for s in shard.segments])
        shard.take_times(begins, ends)
    shard.memtable = Memtable(files.high, directory.settings.block_bytes_max)
    for vectors in files.vectors:
        vector = open_vectors(directory.vfs, shard.segments, vectors)
        columns.vectors[vectors.attnum, vectors.dims] = vector
    shard.replace_parts(shard.segments, files.high)
    return shard


def open_vectors(vfs: Vfs, segments: Sequence[Segment], file: VectorsFile) -> VectorColumn:
    """A vector file with those of its rows that the segments say it has."""
    vector = VectorColumn(vfs, file.name, file.dims)
    mask = np.zeros(segments[-1].high if segments else 0, np.bool_)
    for segment in segments:
        kept: Words | None = segment.presence().get((file.attnum, file.dims))
        if kept is not None:
            mask[segment.low : segment.high] = mask_of_words(kept, 0, len(segment))
    words = words_of_mask(mask)
    assert len(words) == word_count(len(mask)), len(words)
    checks = [c for segment in segments for c in segment.vector_checks(file.attnum, file.dims)]
    vector.load(words, len(mask), checks)
    return vector


def open_texts(shard: Shard, indexes: tuple[Index, ...]) -> None:
    """Give a shard the indexes with postings of its table that it does not have."""
    for index in indexes:
        if index.oid not in shard.indexes and index.method not in GRAPH_METHODS:
            _open_postings(shard, index)


def _open_postings(shard: Shard, index: Index) -> None:
    """Postings of the segments as they are; rows that have none, or of another analysis, are analyzed
    now."""
    made = shard.directory.make_index(index, shard)
    if made is None:
        return
    assert isinstance(made, PostingIndex)
    shard.definitions[index.oid] = index
    for segment in shard.segments:
        arrays = segment.bm25(index.oid)
        if made.fits(arrays):
            made.attach(segment.low, segment.high, arrays)
        else:
            made.add(segment.low, shard.part_texts(index, segment))
    for part in shard.memtable.parts(shard.columns):
        made.add(part.low, shard.part_texts(index, part))
    shard.indexes = {**shard.indexes, index.oid: made}
