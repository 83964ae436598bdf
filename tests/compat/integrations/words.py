"""Embeddings without a model: a place for each word. And the texts that both programs store."""

from __future__ import annotations

import hashlib
import math

DIMS = 32
TEXTS = [
    "red apple pie with cream",
    "green apple from the tree",
    "blue sky over the trees",
    "a storm in the sky at night",
    "recipes for bread and butter",
]


def embedding(text: str) -> list[float]:
    vector = [0.0] * DIMS
    for word in text.lower().split():
        vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % DIMS] += 1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]
