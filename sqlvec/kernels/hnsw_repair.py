"""Taking dead rows out of a graph: the neighbors of each are connected with each other instead.

A live node that links to dead ones chooses anew among its live neighbors and those of its dead ones, by
Algorithm 4 of the HNSW paper, as FreshDiskANN's delete consolidation does (arXiv:2105.09613, Algorithm 4).
Each neighbor that it gains gets a link back where there is room. Then nothing leads to a dead node.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.bitmap import has
from sqlvec.kernels.distance import near
from sqlvec.kernels.forms import query_of, room_of
from sqlvec.kernels.heap import key_row, pack
from sqlvec.kernels.hnsw import select_neighbors
from sqlvec.kernels.jit import kernel

CANDIDATES_MAX = 512


@kernel
def _gather(table, row, node, level, offsets, dead, candidates):  # type: ignore[no-untyped-def]
    """The live nodes that are one step away, or two over a dead one; each once. (how many, dead ones met)"""
    count = met = 0
    for j in range(table.shape[1]):
        other = np.int64(table[row, j])
        if other < 0:
            break
        if not has(dead, other):
            if count < candidates.shape[0]:
                candidates[count] = other
                count += 1
            continue
        met += 1
        step = other if level == 0 else offsets[other] + level - 1
        for t in range(table.shape[1]):
            third = np.int64(table[step, t])
            if third < 0:
                break
            if third != node and not has(dead, third) and count < candidates.shape[0]:
                candidates[count] = third
                count += 1
    if met == 0:
        return 0, 0
    ordered = np.sort(candidates[:count])
    kept = 0
    for i in range(count):
        if i == 0 or ordered[i] != ordered[i - 1]:
            candidates[kept] = ordered[i]
            kept += 1
    return kept, met


@kernel
def _link_back(table, other_row, node, changed):  # type: ignore[no-untyped-def]
    for j in range(table.shape[1]):
        if table[other_row, j] == node:
            return
        if table[other_row, j] < 0:
            table[other_row, j] = node
            changed[other_row] = 1
            return


@kernel
def repair_nodes(metric, vectors, scales, table, level, offsets, levels, low, high, dead, changed):  # type: ignore[no-untyped-def]
    """Reconnects the live nodes [low, high) on one level; dead: words of the rows to leave out. Searches may
    run meanwhile, linking may not. Returns how many nodes chose anew."""
    width = table.shape[1]
    candidates = np.empty(CANDIDATES_MAX, np.int64)
    keys = np.empty(CANDIDATES_MAX, np.uint64)
    chosen = np.empty(width, np.int64)
    room = room_of(vectors)
    repaired = 0
    for node in range(low, high):
        if level > levels[node] or has(dead, node):
            continue
        row = node if level == 0 else offsets[node] + level - 1
        count, met = _gather(table, row, node, level, offsets, dead, candidates)
        if met == 0:
            continue
        repaired += 1
        query = query_of(metric, vectors, scales, node, room)
        for i in range(count):
            distance = near(metric, vectors, query, candidates[i], scales)
            keys[i] = pack(distance, candidates[i])
        ordered = np.sort(keys[:count])
        kept = select_neighbors(metric, vectors, scales, ordered, count, width, chosen)
        for i in range(count):  # what the choice left out fills what room there is, nearest first
            if kept >= width:
                break
            other = key_row(ordered[i])
            known = False
            for j in range(kept):
                known = known or chosen[j] == other
            if not known:
                chosen[kept] = other
                kept += 1
        changed[row] = 1
        for j in range(kept):
            table[row, j] = chosen[j]
        for j in range(kept, width):
            table[row, j] = -1
        for j in range(kept):
            other_row = chosen[j] if level == 0 else offsets[chosen[j]] + level - 1
            _link_back(table, other_row, node, changed)
    return repaired


@kernel
def clear_nodes(links, upper, offsets, levels, low, high, dead, changed, changed_upper):  # type: ignore[no-untyped-def]
    """Takes the links of the dead nodes [low, high) away; returns how many had any."""
    cleared = 0
    for node in range(low, high):
        if not has(dead, node) or links[node, 0] < 0:
            continue
        cleared += 1
        links[node, :] = -1
        changed[node] = 1
        for level in range(levels[node]):
            upper[offsets[node] + level, :] = -1
            changed_upper[offsets[node] + level] = 1
    return cleared


@kernel
def mark_targets(links, linked, reached):  # type: ignore[no-untyped-def]
    """Sets reached (u8) of every node that a link on level 0 leads to."""
    for node in range(linked):
        for j in range(links.shape[1]):
            if links[node, j] < 0:
                break
            reached[links[node, j]] = 1
