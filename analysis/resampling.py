"""Intervals by resampling problems: solutions of one problem go together, so problems are what is drawn again.

One function, so that it can be replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def over_problems(
    problems: Sequence[str],
    values: Floats,
    weights: Floats | None = None,
    *,
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> tuple[Floats, Floats, Floats]:
    """Means and their percentile bootstrap intervals, with problems as the clusters (Davison & Hinkley 1997, ch. 3).

    ``values`` [n, k] are k figures of n cases, whose ``problems`` they are given; ``weights`` [n, k] (default 1) make
    each mean sum(values) / sum(weights): a ratio of sums. Returns (mean, low, high), each [k]; nan where there is no
    weight, and the interval is nan with fewer than two problems. The same seed gives the same interval.

    With few problems such intervals are too narrow, and where all problems are alike they have no width at all.
    """
    weights = np.ones_like(values) if weights is None else weights
    names = {name: number for number, name in enumerate(dict.fromkeys(problems))}
    sums, counts = np.zeros((len(names), values.shape[1])), np.zeros((len(names), values.shape[1]))
    at = [names[name] for name in problems]
    np.add.at(sums, at, values)
    np.add.at(counts, at, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums.sum(0) / counts.sum(0)
        if len(names) < 2:
            return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
        drawn = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), size=resamples)
        again = (drawn @ sums) / (drawn @ counts)
    tail = (1 - level) / 2
    edges = np.full((2, values.shape[1]), np.nan)
    some = ~np.isnan(again).all(0)
    edges[:, some] = np.nanquantile(again[:, some], [tail, 1 - tail], axis=0)
    return mean, edges[0], edges[1]
