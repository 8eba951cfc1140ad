"""Intervals by drawing problems again, with all that belongs to each (the cluster bootstrap, percentile limits).

Small on purpose: `analysis.legibility`, `analysis.drift` and `analysis.matching` ask for `interval`, or for
`ratio_interval`, which is made of it, and know nothing of how it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

DRAWS = 2000


def interval(
    problems: Sequence[str], rows: Numbers, statistic: Callable[[Numbers], Numbers], *, seed: int, draws: int = DRAWS
) -> list[float] | None:
    """The 95% percentile interval of a statistic of sums.

    ``rows`` [n, K] are added up over all rows of the problems that are drawn; ``statistic`` makes of the sums
    [draws, K] the values [draws]. Values that are not finite (of a resample without a token, say) are left out.
    None for fewer than two problems, which say nothing of how problems differ. Efron and Tibshirani (1993).
    """
    names, of = np.unique(np.array(problems, dtype=str), return_inverse=True)
    if len(names) < 2:
        return None
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, of, rows)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = statistic(drawn @ sums)
    values = values[np.isfinite(values)]
    return [float(edge) for edge in np.quantile(values, [0.025, 0.975])] if len(values) else None


def ratio_interval(problems: Sequence[str], above: Numbers, below: Numbers, *, seed: int) -> list[float] | None:
    """The interval of a ratio of sums: of a mean per token, say."""
    rows = np.stack([above, below], axis=1) if len(problems) else np.zeros((0, 2))
    return interval(problems, rows, lambda sums: sums[:, 0] / sums[:, 1], seed=seed)
