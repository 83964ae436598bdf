"""HNSW over flat arrays: search, filtered search, two-hop search, and linking.

    links    i32[capacity, 2m]   neighbors on level 0, -1 ends a row
    upper    i32[rows, m]        neighbors above: row offsets[node] + level - 1
    state    i64[2]              [0] rows linked, [1] entry point | top level << 32, -1 while empty

Malkov and Yashunin, arXiv:1603.09320: Algorithms 1 (insert), 2 (search layer), 4 (select neighbors).
The two-hop walk is ACORN-1's (arXiv:2403.04871). A node is linked bottom-up after all its searches and the
entry point is one word, so that a concurrent search never meets a node whose lower levels are missing.

Where a parameter is called `read`, it is the vectors or their codes; `aid` is what form_of() takes for a query.
"""

from __future__ import annotations

import numpy as np

from sqlvec.kernels.bitmap import has
from sqlvec.kernels.distance import form_of, near, rank_found
from sqlvec.kernels.forms import prefetch_bytes, query_of, room_of, row_of
from sqlvec.kernels.heap import (
    key_distance,
    key_row,
    pack,
    pop_min,
    push_max,
    push_min,
    replace_max,
)
from sqlvec.kernels.jit import inlined, kernel, prefetch, publish, try_lock, unlock

LEVELS_MAX = 16
_PREFETCH_BYTES = 512  # of a row; the hardware sees the stream then
AHEAD = 4  # rows on their way from memory while one is computed
PLAIN, FILTERED, TWO_HOP = 0, 1, 2
_LOW = 0xFFFFFFFF


@kernel
def descend(metric, vectors, scales, offsets, upper, query, node, top, stop):  # type: ignore[no-untyped-def]
    """Greedy search from level top down to level stop + 1; the nearest node found."""
    nearest = near(metric, vectors, query, node, scales)
    for level in range(top, stop, -1):
        improved = True
        while improved:
            improved = False
            row = offsets[node] + level - 1
            for j in range(upper.shape[1]):
                other = upper[row, j]
                if other < 0:
                    break
                distance = near(metric, vectors, query, other, scales)
                if distance < nearest:
                    nearest = distance
                    node = np.int64(other)
                    improved = True
    return node


@inlined
def _offer(key, ef, candidates, waiting, results, found):  # type: ignore[no-untyped-def]
    """Takes a visited node into both heaps when it is near enough."""
    if found < ef:
        waiting = push_min(candidates, waiting, key)
        found = push_max(results, found, key)
    elif key < results[0]:
        waiting = push_min(candidates, waiting, key)
        replace_max(results, found, key)
    return waiting, found


@kernel
def search_layer(metric, vectors, scales, links, query, node, ef, visited, epoch, candidates, results, buffer):  # type: ignore[no-untyped-def]
    """Algorithm 2 on level 0: results becomes a max-heap of keys; (its size, distances computed)."""
    key = pack(near(metric, vectors, query, node, scales), node)
    waiting = push_min(candidates, 0, key)
    found = push_max(results, 0, key)
    visited[node] = epoch
    computed = 1
    width = links.shape[1]
    while waiting > 0:
        best = candidates[0]
        if found >= ef and best > results[0]:
            break
        waiting = pop_min(candidates, waiting)
        current = key_row(best)
        fresh = 0
        for j in range(width):
            other = links[current, j]
            if other < 0:
                break
            if visited[other] != epoch:
                visited[other] = epoch
                buffer[fresh] = other
                fresh += 1
                prefetch(scales, other, 0)
                if fresh <= AHEAD:
                    prefetch_bytes(vectors, other, _PREFETCH_BYTES)
        if waiting > 0:
            prefetch(links, key_row(candidates[0]), 0)
            prefetch(links, key_row(candidates[0]), 64)
        computed += fresh
        for j in range(fresh):
            if j + AHEAD < fresh:
                prefetch_bytes(vectors, buffer[j + AHEAD], _PREFETCH_BYTES)
            key = pack(near(metric, vectors, query, buffer[j], scales), buffer[j])
            waiting, found = _offer(key, ef, candidates, waiting, results, found)
    return found, computed


@kernel
def search_filtered(metric, vectors, scales, links, query, node, ef, visited, epoch, candidates, results, buffer, words, budget):  # type: ignore[no-untyped-def]
    """Walks every node, keeps the allowed ones: (size of results, distances, whether it came to an end).

    Gives up when the budget of distances is spent, or when hardly any node met is allowed although the
    filter holds many: the filter and the neighborhood of the query have little in common."""
    key = pack(near(metric, vectors, query, node, scales), node)
    waiting = push_min(candidates, 0, key)
    found = 0
    hits = 0
    if has(words, node):
        found = push_max(results, 0, key)
        hits = 1
    visited[node] = epoch
    computed = 1
    width = links.shape[1]
    while waiting > 0:
        best = candidates[0]
        if found >= ef and best > results[0]:
            break
        if computed > budget or (computed > 600 and hits * 12 < computed):
            return found, computed, False
        waiting = pop_min(candidates, waiting)
        current = key_row(best)
        fresh = 0
        for j in range(width):
            other = links[current, j]
            if other < 0:
                break
            if visited[other] != epoch:
                visited[other] = epoch
                buffer[fresh] = other
                fresh += 1
                if fresh <= AHEAD:
                    prefetch_bytes(vectors, other, _PREFETCH_BYTES)
        computed += fresh
        for j in range(fresh):
            if j + AHEAD < fresh:
                prefetch_bytes(vectors, buffer[j + AHEAD], _PREFETCH_BYTES)
            other = buffer[j]
            key = pack(near(metric, vectors, query, other, scales), other)
            allowed = has(words, other)
            hits += allowed
            if found < ef or key < results[0]:
                waiting = push_min(candidates, waiting, key)
                if allowed:
                    if found < ef:
                        found = push_max(results, found, key)
                    else:
                        replace_max(results, found, key)
    return found, computed, True


@kernel
def search_two_hop(metric, vectors, scales, links, query, node, ef, visited, epoch, candidates, results, buffer, words, budget):  # type: ignore[no-untyped-def]
    """Computes distances of allowed nodes only; a neighbor that is not allowed is replaced by its own
    neighbors. (size of results, distances, whether it came to an end)"""
    width = links.shape[1]
    most = buffer.shape[0]
    key = pack(near(metric, vectors, query, node, scales), node)
    waiting = push_min(candidates, 0, key)
    found = 0
    if has(words, node):
        found = push_max(results, 0, key)
    visited[node] = epoch
    computed = 1
    while waiting > 0:
        best = candidates[0]
        if found >= ef and best > results[0]:
            break
        if computed > budget:
            return found, computed, False
        waiting = pop_min(candidates, waiting)
        current = key_row(best)
        fresh = 0
        for j in range(width):
            other = links[current, j]
            if other < 0:
                break
            if visited[other] == epoch:
                continue
            visited[other] = epoch
            if has(words, other):
                if fresh < most:
                    buffer[fresh] = other
                    fresh += 1
                    if fresh <= AHEAD:
                        prefetch_bytes(vectors, other, _PREFETCH_BYTES)
                continue
            for second in range(width):
                far = links[other, second]
                if far < 0 or fresh >= most:
                    break
                if visited[far] != epoch and has(words, far):
                    visited[far] = epoch
                    buffer[fresh] = far
                    fresh += 1
                    if fresh <= AHEAD:
                        prefetch_bytes(vectors, far, _PREFETCH_BYTES)
        computed += fresh
        for j in range(fresh):
            if j + AHEAD < fresh:
                prefetch_bytes(vectors, buffer[j + AHEAD], _PREFETCH_BYTES)
            other = buffer[j]
            key = pack(near(metric, vectors, query, other, scales), other)
            waiting, found = _offer(key, ef, candidates, waiting, results, found)
        if waiting == 0 and found == 0:
            # No allowed node within two hops: go on through the others.
            for j in range(width):
                other = links[current, j]
                if other < 0:
                    break
                for second in range(width):
                    far = links[other, second]
                    if far < 0:
                        break
                    if visited[far] != epoch:
                        visited[far] = epoch
                        computed += 1
                        key = pack(near(metric, vectors, query, far, scales), far)
                        waiting = push_min(candidates, waiting, key)
    return found, computed, True


@kernel
def walk(mode, metric, vectors, read, scales, query, aid, entry, offsets, upper, links, below, ef, visited, epoch, candidates, results, buffer, words, budget, k, ids, out):  # type: ignore[no-untyped-def]
    """A whole search, PLAIN, FILTERED or TWO_HOP: the k nearest rows below `below` by exact distance in ids and
    out, which have room for ef rows. (how many, distances computed, whether it came to an end)"""
    form = form_of(metric, read, query, aid)
    node = entry & _LOW
    top = entry >> 32
    if top > 0:
        node = descend(metric, read, scales, offsets, upper, form, node, top, 0)
    done = True
    if mode == PLAIN:
        size, computed = search_layer(
            metric, read, scales, links, form, node, ef, visited, epoch, candidates, results, buffer
        )
    elif mode == FILTERED:
        size, computed, done = search_filtered(
            metric, read, scales, links, form, node, ef, visited, epoch, candidates, results, buffer,
            words, budget,
        )  # fmt: skip
    else:
        size, computed, done = search_two_hop(
            metric, read, scales, links, form, node, ef, visited, epoch, candidates, results, buffer,
            words, budget,
        )  # fmt: skip
    found = 0
    if done:
        found = rank_found(
            metric, vectors, query, read, form, scales, k, results, size, below, ids, out
        )
    return found, computed, done


# ---------------------------------------------------------------- linking


@inlined
def _between(metric, vectors, scales, a, b):  # type: ignore[no-untyped-def]
    distance = near(metric, vectors, row_of(vectors, a), b, scales)
    if metric == 2:
        distance *= scales[a]
    return distance


@kernel
def select_neighbors(metric, vectors, scales, keys, count, most, chosen):  # type: ignore[no-untyped-def]
    """Algorithm 4 over ascending keys. Kept neighbors are nearer to the node than to each other, so that
    a cluster does not take all links and cut itself off."""
    kept = 0
    for i in range(count):
        if kept >= most:
            break
        candidate = key_row(keys[i])
        distance = key_distance(keys[i])
        good = True
        for j in range(kept):
            if _between(metric, vectors, scales, candidate, chosen[j]) < distance:
                good = False
                break
        if good:
            chosen[kept] = candidate
            kept += 1
    return kept


@kernel
def _search_upper(metric, vectors, scales, offsets, upper, level, query, node, ef, visited, epoch, candidates, results):  # type: ignore[no-untyped-def]
    key = pack(near(metric, vectors, query, node, scales), node)
    waiting = push_min(candidates, 0, key)
    found = push_max(results, 0, key)
    visited[node] = epoch
    while waiting > 0:
        best = candidates[0]
        if found >= ef and best > results[0]:
            break
        waiting = pop_min(candidates, waiting)
        row = offsets[key_row(best)] + level - 1
        for j in range(upper.shape[1]):
            other = upper[row, j]
            if other < 0:
                break
            if visited[other] == epoch:
                continue
            visited[other] = epoch
            key = pack(near(metric, vectors, query, other, scales), other)
            waiting, found = _offer(key, ef, candidates, waiting, results, found)
    return found


@kernel
def _link(metric, vectors, scales, table, changed, node, level, offsets, chosen, count, locks, keys, kept):  # type: ignore[no-untyped-def]
    """Writes the node's neighbors, then the links back; a full neighbor chooses anew. Marks every row that
    it writes in `changed`."""
    width = table.shape[1]
    row = node if level == 0 else offsets[node] + level - 1
    changed[row] = 1
    for j in range(count, width):
        table[row, j] = -1
    for j in range(count):
        table[row, j] = chosen[j]
    for j in range(count):
        other = chosen[j]
        other_row = other if level == 0 else offsets[other] + level - 1
        while not try_lock(locks, other):
            pass
        changed[other_row] = 1
        used = 0
        while used < width and table[other_row, used] >= 0:
            used += 1
        if used < width:
            table[other_row, used] = node
        else:
            for t in range(width):
                third = table[other_row, t]
                keys[t] = pack(_between(metric, vectors, scales, other, third), third)
            keys[width] = pack(_between(metric, vectors, scales, other, node), node)
            ordered = np.sort(keys[: width + 1])
            used = select_neighbors(metric, vectors, scales, ordered, width + 1, width, kept)
            for t in range(used):
                table[other_row, t] = kept[t]
            for t in range(used, width):
                table[other_row, t] = -1
        unlock(locks, other)


@kernel
def link_rows(metric, vectors, scales, read, factors, aid, links, offsets, upper, state, levels, locks, changed, changed_upper, rows, ef, visited, epochs, candidates, results, buffer):  # type: ignore[no-untyped-def]
    """Algorithm 1 for each of rows (i64). Others may link and search at the same time. changed, changed_upper:
    u8 per row of links and upper, set where links were written."""
    m = upper.shape[1]
    chosen = np.empty((LEVELS_MAX + 1, m + 1), np.int64)
    counts = np.zeros(LEVELS_MAX + 1, np.int64)
    keys = np.empty(2 * m + 2, np.uint64)
    kept = np.empty(2 * m + 2, np.int64)
    room = room_of(vectors)
    last = locks.shape[0] - 1
    for index in range(rows.shape[0]):
        node = rows[index]
        level = np.int64(levels[node])
        query = query_of(metric, vectors, scales, node, room)
        raises = state[1] < 0 or level > (state[1] >> 32)
        if raises:
            while not try_lock(locks, last):
                pass
        entry = state[1]
        if entry < 0:
            publish(state, 1, node | (level << 32))
            unlock(locks, last)
            continue
        top = entry >> 32
        shared = min(level, top)
        form = form_of(metric, read, query, aid)
        current = descend(metric, read, factors, offsets, upper, form, entry & _LOW, top, shared)
        for at in range(shared, -1, -1):
            epoch = np.uint16(epochs[0] + 1)
            if epoch == 0:
                visited[:] = 0
                epoch = np.uint16(1)
            epochs[0] = epoch
            visited[node] = epoch
            if at == 0:
                found, _ = search_layer(
                    metric, read, factors, links, form, current, ef, visited, epoch,
                    candidates, results, buffer,
                )  # fmt: skip
            else:
                found = _search_upper(
                    metric, read, factors, offsets, upper, at, form, current, ef, visited, epoch,
                    candidates, results,
                )  # fmt: skip
            for i in range(found):
                other = key_row(results[i])
                results[i] = pack(near(metric, vectors, query, other, scales), other)
            ordered = np.sort(results[:found])
            counts[at] = select_neighbors(metric, vectors, scales, ordered, found, m, chosen[at])
            current = key_row(ordered[0])
        for at in range(shared + 1):
            table = links if at == 0 else upper
            marks = changed if at == 0 else changed_upper
            _link(
                metric, vectors, scales, table, marks, node, at, offsets, chosen[at], counts[at], locks,
                keys, kept,
            )  # fmt: skip
        if raises:
            if level > (state[1] >> 32):
                publish(state, 1, node | (level << 32))
            unlock(locks, last)
