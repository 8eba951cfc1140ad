"""Many paired comparisons at once: sign flips, corrected by the largest statistic (max-T)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_AT_ONCE = 100
"""Flips multiplied in one go: bounds the memory."""


def corrected(differences: Floats, flips: int, seed: Sequence[int]) -> Floats:
    """One-sided p-values [n-grams], corrected by the largest statistic, of differences [problems, n-grams].

    Null: each row's sign is a fair coin. With the unflipped data counted among the flips, the probability that any
    p-value is at most a is at most a, exactly, however the columns depend on each other.
    """
    norm = np.sqrt((differences**2).sum(axis=0))
    scaled = differences / np.where(norm > 0, norm, 1.0)
    rng = np.random.default_rng(list(seed))
    largest = np.full(flips, -np.inf)
    for at in range(0, flips, _AT_ONCE):
        signs = rng.choice([-1.0, 1.0], size=(min(_AT_ONCE, flips - at), len(differences)))
        largest[at : at + len(signs)] = (signs @ scaled).max(axis=1, initial=-np.inf)
    # A flip that differs from the data by rounding alone is as large.
    reached = flips - np.searchsorted(np.sort(largest), scaled.sum(axis=0) - 1e-9)
    return np.asarray((1 + reached) / (flips + 1), dtype=np.float64)
