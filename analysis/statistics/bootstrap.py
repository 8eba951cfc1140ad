"""The bootstrap over clusters: whole problems (or participants, or seeds) are drawn again with all their rows.

`bootstrap_mean` is the one to use for means of measures without bounds, which are skewed more often than not. Grades
have better (`proportion`, `paired_difference`, `retention`): with few problems, and near 0 and 1, bootstraps miss too
often, and BCa and percentiles more than the studentised one, which is the default (docs/COVERAGE.md).
A resample is a vector of weights, so many of them are one product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from analysis.statistics.data import (
    Bounds,
    Floats,
    Labels,
    Numbers,
    StatisticsError,
    check_level,
    check_resamples,
    clusters,
    column,
    generator,
    pairs,
)
from analysis.statistics.estimate import Estimate
from analysis.statistics.proportions import check_denominator, notes_on

Method = Literal["studentised", "bca", "percentile"]
METHODS = {
    "studentised": "the studentised bootstrap (bootstrap-t)",
    "bca": "the bias-corrected and accelerated bootstrap",
    "percentile": "the percentile bootstrap",
}
DRAWN = 4_000_000
"""Weights that are held at once."""
FEWEST = 50
"""Clusters below which every kind of bootstrap covered less than 93% of something in our simulations."""


def bootstrap_mean(
    values: Numbers,
    problems: Labels,
    *,
    seed: int,
    method: Method = "studentised",
    resamples: int = 4999,
    bounds: Bounds | None = None,
    level: float = 0.95,
    unit: str = "problem",
    name: str = "mean",
) -> Estimate:
    """The mean of values, shape (n,), over the clusters ``problems``, (n,), every one counted once."""
    found = clusters(column(values, "values", bounds), problems, f"the {unit} column")
    ones = np.ones(found.count)
    notes = notes_on(found.count, found.sizes, unit)
    return _interval(
        found.means, ones, found.n, notes, seed, method, resamples, bounds or (-math.inf, math.inf), level, unit, name
    )


def bootstrap_difference(
    a: Numbers,
    b: Numbers,
    problems: Labels,
    b_problems: Labels | None = None,
    *,
    seed: int,
    method: Method = "studentised",
    resamples: int = 4999,
    bounds: Bounds | None = None,
    level: float = 0.95,
    unit: str = "problem",
    name: str = "difference",
) -> Estimate:
    """Mean of ``a`` minus mean of ``b`` on the same clusters; arguments as for `paired_difference`."""
    given = pairs(column(a, "a", bounds), column(b, "b", bounds), problems, b_problems, unit)
    width = math.inf if bounds is None else bounds[1] - bounds[0]
    notes = notes_on(given.count, given.sizes, unit)
    differences = np.sort(given.differences)
    return _interval(
        differences,
        np.ones(given.count),
        given.n,
        notes,
        seed,
        method,
        resamples,
        (-width, width),
        level,
        unit,
        name,
    )


def bootstrap_ratio(
    a: Numbers,
    b: Numbers,
    problems: Labels,
    b_problems: Labels | None = None,
    *,
    seed: int,
    method: Method = "studentised",
    resamples: int = 4999,
    level: float = 0.95,
    unit: str = "problem",
    name: str = "ratio",
) -> Estimate:
    """Mean of ``a`` over mean of ``b`` on the same clusters; the mean of ``b`` must be positive."""
    given = pairs(column(a, "a"), column(b, "b"), problems, b_problems, unit)
    check_denominator(float(given.b.mean()))
    notes = notes_on(given.count, given.sizes, unit)
    whole = (-math.inf, math.inf)
    return _interval(given.a, given.b, given.n, notes, seed, method, resamples, whole, level, unit, name)


def _interval(
    top: Floats,
    bottom: Floats,
    n: int,
    notes: tuple[str, ...],
    seed: int,
    method: Method,
    resamples: int,
    bounds: Bounds,
    level: float,
    unit: str,
    name: str,
) -> Estimate:
    """Of a ratio of two means, which a mean is, too (over ones)."""
    check_level(level)
    check_resamples(resamples)
    if method not in METHODS:
        raise StatisticsError(f"method {method!r} is none of {', '.join(METHODS)}")
    drawn = generator(seed)
    count = len(top)
    value = float(top.mean() / bottom.mean())
    if 2 <= count < FEWEST:
        notes += (f"with fewer than {FEWEST} {unit}s bootstrap intervals can be too short",)
    alike = bool(np.abs(top - value * bottom).max() <= 1e-12 * np.abs(top).max())
    if count < 2 or alike:
        low, high = bounds
        if count > 1:
            notes += (f"all {unit}s are alike: every resample is the same, and the interval all that is possible",)
    else:
        limits: Callable[[Floats, Floats, Floats, float], tuple[float, float]]
        limits = {"studentised": _studentised, "bca": _bca, "percentile": _percentile}[method]
        with np.errstate(divide="ignore", invalid="ignore"):  # a resample may hold no success, or one cluster only
            low, high = limits(top, bottom, _moments(top, bottom, resamples, drawn), level)
        low, high = max(low, bounds[0]), min(high, bounds[1])
    return Estimate(
        name,
        value,
        low,
        high,
        level,
        n,
        count,
        unit,
        f"{METHODS[method]} over {unit}s, {resamples} resamples",
        f"that {unit}s are independent draws, and enough of them to stand for the population",
        seed=seed,
        notes=notes,
    )


def _moments(top: Floats, bottom: Floats, resamples: int, drawn: np.random.Generator) -> Floats:
    """Of every resample the means [B, 5] of top, bottom, top^2, top bottom and bottom^2.

    Weights are drawn some resamples at a time: all of them would be as large as resamples times clusters.
    """
    count = len(top)
    columns = np.stack([top, bottom, top * top, top * bottom, bottom * bottom], axis=1) / count
    out = np.empty((resamples, 5))
    step = max(1, DRAWN // count)
    for first in range(0, resamples, step):
        size = min(step, resamples - first)
        out[first : first + size] = drawn.multinomial(count, np.full(count, 1 / count), size=size) @ columns
    return out


def _percentile(top: Floats, bottom: Floats, moments: Floats, level: float) -> tuple[float, float]:
    return _quantiles(_ratios(moments), (0.5 - level / 2, 0.5 + level / 2))


def _bca(top: Floats, bottom: Floats, moments: Floats, level: float) -> tuple[float, float]:
    """Efron (1987): quantiles moved by the median's bias and by the jackknife's skewness. As scipy.stats.bootstrap."""
    from scipy.special import ndtr, ndtri

    found = _ratios(moments)
    value = top.mean() / bottom.mean()
    near = 1e-12 * float(np.abs(top).max() / bottom.mean())
    below = float((found < value - near).mean() + (np.abs(found - value) <= near).mean() / 2)
    bias = float(ndtri(np.clip(below, 0.5 / len(found), 1 - 0.5 / len(found))))
    left_out = (top.sum() - top) / (bottom.sum() - bottom)
    from_mean = left_out.mean() - left_out
    spread = float((from_mean**2).sum())
    skewness = float((from_mean**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    z = bias + ndtri(np.array([0.5 - level / 2, 0.5 + level / 2]))
    moved = ndtr(bias + z / (1 - skewness * z))
    return _quantiles(found, (float(moved[0]), float(moved[1])))


def _studentised(top: Floats, bottom: Floats, moments: Floats, level: float) -> tuple[float, float]:
    """Efron and Tibshirani (1993), chapter 12.5: quantiles of (resample - estimate) / its standard error.

    A resample without spread has an infinite quantity, so that with too few clusters the limits are infinite and
    nobody is misled.
    """
    found = _ratios(moments)
    value = top.mean() / bottom.mean()
    count = len(top)
    # Linearised: the error of a ratio is that of the mean of top - ratio * bottom, over the mean of bottom.
    squares = moments[:, 2] - 2 * found * moments[:, 3] + found**2 * moments[:, 4]
    own = float(np.sqrt(((top - value * bottom) ** 2).mean() / count) / bottom.mean())
    scale = float(((top - value * bottom) ** 2).mean())
    errors = np.sqrt(np.where(squares > 1e-12 * scale, squares, 0.0) / count) / moments[:, 1]
    near = 1e-12 * float(np.abs(top).max() / bottom.mean())
    away = np.where(np.abs(found - value) <= near, 0.0, found - value)
    t = np.where(away == 0, 0.0, away / errors)
    low, high = _quantiles(t, (0.5 - level / 2, 0.5 + level / 2))
    return value - high * own, value - low * own


def _ratios(moments: Floats) -> Floats:
    found: Floats = moments[:, 0] / moments[:, 1]
    return found


def _quantiles(found: Floats, where: tuple[float, float]) -> tuple[float, float]:
    """Order statistics, the (B + 1) p-th: with 4,999 resamples the 125th and the 4,875th, no interpolation."""
    ordered = np.sort(found[~np.isnan(found)])
    size = len(ordered)
    low = ordered[min(max(math.floor((size + 1) * where[0]), 1), size) - 1]
    high = ordered[min(max(math.ceil((size + 1) * where[1]), 1), size) - 1]
    return float(low), float(high)
