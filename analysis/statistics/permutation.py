"""Permutation tests over clusters: the arms of a pair exchanged, or clusters dealt anew to two groups.

Exact where all arrangements can be counted, else by seeded draws, with the observed arrangement among them
((hits + 1) / (draws + 1); Phipson and Smyth, 2010), so that p is never 0 and the level is kept at any number of draws.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from analysis.statistics.data import (
    Floats,
    Labels,
    Numbers,
    StatisticsError,
    check_alternative,
    check_resamples,
    clusters,
    column,
    generator,
    pairs,
)
from analysis.statistics.estimate import Test
from analysis.statistics.proportions import notes_on

EXACT_FLIPS = 16
"""With up to this many clusters that differ, all 2^16 sign patterns are counted."""
EXACT_DEALS = 50_000
"""Up to this many ways to deal the clusters to two groups, all are counted."""
FEW_TO_DEAL = 30
"""Clusters of the smaller group below which a difference in spread alone was found in more than 6% of studies."""
BLOCK = 2_000
"""Arrangements held at once: memory does not grow with their number."""


def sign_flip_test(
    a: Numbers,
    b: Numbers,
    problems: Labels,
    b_problems: Labels | None = None,
    *,
    seed: int,
    alternative: str = "two-sided",
    resamples: int = 9999,
    unit: str = "problem",
    name: str = "difference",
) -> Test:
    """Whether ``a`` and ``b`` differ on the same clusters; arguments as for `paired_difference`.

    Under the null the arms of a cluster can be exchanged, all its rows together, which flips the sign of its mean
    difference (Fisher, 1935). Exact under that null for any number of clusters; where the arms have equal means but
    unequal distributions within clusters, approximate (the statistic orders patterns as Student's t does). With one
    0/1 sample a cluster it is the exact McNemar test. Clusters that tie add nothing either way.
    """
    check_alternative(alternative)
    given = pairs(column(a, "a"), column(b, "b"), problems, b_problems, unit)
    differences = np.sort(given.differences)
    moving = differences[np.abs(differences) > 1e-12 * np.abs(differences).max()]
    slack = 1e-12 * float(np.abs(moving).sum())
    k = len(moving)
    statistic = float(differences.mean())
    exact = k <= EXACT_FLIPS
    notes = notes_on(given.count, given.sizes, unit)
    if k < 6:
        notes += (f"only {k} of {given.count} {unit}s differ: p cannot be below {2.0 ** (1 - k):.3g} two-sided",)
    if exact:
        p = _share(_all_sums(moving), float(moving.sum()), alternative, slack)
        method = f"sign flips by {unit}, exact over {2**k} patterns"
    else:
        check_resamples(resamples)
        drawn = generator(seed)
        sums = [
            (1 - 2.0 * drawn.integers(0, 2, (min(BLOCK, resamples - done), k))) @ moving
            for done in range(0, resamples, BLOCK)
        ]
        p = _share(np.append(np.concatenate(sums), moving.sum()), float(moving.sum()), alternative, slack)
        method = f"sign flips by {unit}, {resamples} draws"
    assumption = f"that under the null the arms of a {unit} could be exchanged, and {unit}s are independent"
    return Test(
        name,
        statistic,
        p,
        given.n,
        given.count,
        unit,
        method,
        assumption,
        alternative,
        seed=None if exact else seed,
        notes=notes,
    )


def group_permutation_test(
    a: Numbers,
    a_problems: Labels,
    b: Numbers,
    b_problems: Labels,
    *,
    seed: int,
    alternative: str = "two-sided",
    resamples: int = 9999,
    unit: str = "participant",
    name: str = "difference",
) -> Test:
    """Whether two groups of clusters differ, none of which is in both (people, each in one condition).

    Clusters are dealt anew to the groups, all rows of one together: exact where people were dealt by chance and the
    condition does nothing. The statistic is Welch's t of the clusters' means, so that for many clusters the test also
    keeps its level where only the means are equal (Janssen, 1997). For few it does not: with 5 clusters that differ a
    lot against 10 that are alike it rejected equal means in 13%.
    """
    check_alternative(alternative)
    one = clusters(column(a, "a"), a_problems, f"the {unit} column of a")
    other = clusters(column(b, "b"), b_problems, f"the {unit} column of b")
    if min(one.count, other.count) < 2:
        raise StatisticsError(f"a group has a single {unit}: two of each are the least that can be told from chance")
    values = np.concatenate([one.means, other.means])
    # In an order that does not hang on which group is which: swapping the arms flips the sign and nothing else.
    smaller = min(one.count, other.count)
    flip = one.count > other.count or (one.count == other.count and one.means.tolist() > other.means.tolist())
    if flip:
        values = np.concatenate([other.means, one.means])
    observed = float(_welch(values, np.arange(smaller)[None])[0])
    deals = math.comb(len(values), smaller)
    exact = deals <= EXACT_DEALS
    blocks = []
    if exact:
        every = np.array(list(combinations(range(len(values)), smaller)))
        for start in range(0, deals, BLOCK):
            blocks.append(_welch(values, every[start : start + BLOCK]))
        method = f"{unit}s dealt to the groups, exact over {deals} ways, Welch's t"
    else:
        check_resamples(resamples)
        drawn = generator(seed)
        for done in range(0, resamples, BLOCK):
            order = drawn.random((min(BLOCK, resamples - done), len(values))).argsort(axis=1)
            blocks.append(_welch(values, order[:, :smaller]))
        blocks.append(np.array([observed]))
        method = f"{unit}s dealt to the groups, {resamples} draws, Welch's t"
    sign = -1.0 if flip else 1.0
    slack = 1e-9 * max(1.0, abs(observed)) if math.isfinite(observed) else 0.0
    p = _share(sign * np.concatenate(blocks), sign * observed, alternative, slack)
    sizes = (min(one.sizes[0], other.sizes[0]), max(one.sizes[1], other.sizes[1]))
    notes = notes_on(smaller, sizes, unit)
    if smaller < FEW_TO_DEAL:
        notes += (f"with {smaller} {unit}s in a group it is no test of equal means where the groups' spreads differ",)
    return Test(
        name,
        sign * observed,
        p,
        one.n + other.n,
        len(values),
        unit,
        method,
        f"that {unit}s are independent and under the null dealt to the groups by chance",
        alternative,
        seed=None if exact else seed,
        notes=notes,
    )


def _all_sums(values: Floats) -> Floats:
    """The sums of all 2^k ways to give k values signs."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _share(found: Floats, observed: float, alternative: str, slack: float) -> float:
    """The share of arrangements at least as far out as the observed one; within ``slack`` is rounding, and a tie."""
    if alternative == "two-sided":
        found, observed = np.abs(found), abs(observed)
    elif alternative == "less":
        found, observed = -found, -observed
    return float((found >= observed - slack).mean())


def _welch(values: Floats, chosen: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Floats:
    """Welch's t of the chosen against the rest, of each row. Without spread: 0 if the means agree, else infinite."""
    m, n = chosen.shape[1], len(values) - chosen.shape[1]
    values = values - values.mean()  # keeps the sums of squares below exact enough
    one = values[chosen]
    mean = one.mean(axis=1)
    spread = ((one - mean[:, None]) ** 2).sum(axis=1)
    rest_mean = (values.sum() - m * mean) / n
    squares = float((values**2).sum())
    rest_spread = np.maximum(squares - (one**2).sum(axis=1) - n * rest_mean**2, 0.0)
    error = spread / (m - 1) / m + rest_spread / (n - 1) / n
    away = mean - rest_mean
    tiny = 1e-12 * max(squares, 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = away / np.sqrt(np.where(error > tiny, error, 0.0))
    found: Floats = np.where(np.abs(away) <= 1e-9 * math.sqrt(max(squares, 1e-300)), 0.0, t)
    return found
