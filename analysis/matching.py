"""Two sets of solutions compared where they are alike in length and repetition.

Coarsened exact matching (Iacus, King and Porro, 2012, "Causal Inference without Balance Checking"): each covariate is
cut into bins, solutions are compared within a stratum of equal bins only, and strata without solutions of both sets
are left out. The difference is that of the matched solutions of ``b``: strata weigh by how many of ``b`` they hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.legibility import Legibility
from analysis.reading import Numbers, Reading
from analysis.resampling import interval, ratio_interval

LENGTH, REPETITION = ("tokens",), ("repeated_ngrams",)
"""What is matched on; both: ``LENGTH + REPETITION``. Any number of `Legibility` will do, as ``compression``."""
BINS = 8
Cells = NDArray[np.int64]


@dataclass(frozen=True)
class Stratum:
    """Solutions of equal bins."""

    bins: dict[str, tuple[float, float]]
    """Of each covariate: from, and below which value; the outermost bins are open."""
    a: int
    """Solutions of a; 0 where b has no match."""
    b: int
    a_mean: float | None
    b_mean: float | None


@dataclass(frozen=True)
class Matched:
    """b minus a, before and after matching. None where there is nothing to compare."""

    measure: str
    on: tuple[str, ...]
    a: int
    """Solutions of a that have the measure and all covariates."""
    b: int
    left_out: int
    """Solutions of either that lack one of them, as an empty solution does."""
    matched_a: int
    matched_b: int
    unmatched_difference: float | None
    """Plain difference of means of all solutions."""
    unmatched_ci95: list[float] | None
    difference: float | None
    """Mean over the matched solutions of b of: its stratum's mean of b minus that of a."""
    ci95: list[float] | None
    """Problems drawn again with their solutions in both sets; bins and matches stay."""
    imbalance: dict[str, tuple[float | None, float | None]]
    """Of each covariate: mean of b minus mean of a, before and after matching. Within a bin some is left."""
    strata: list[Stratum]


def matched(
    a: Sequence[Legibility],
    b: Sequence[Legibility],
    on: Sequence[str] = LENGTH + REPETITION,
    *,
    seed: int,
    measure: str = "nats_per_token",
    bins: int = BINS,
    edges: Mapping[str, Sequence[float]] | None = None,
) -> Matched:
    """Compares two sets of solutions of the same problems: before and after training, say, or two conditions.

    Bins are cut at ``edges`` (by covariate, ascending), else at the quantiles of both sets together that make ``bins``
    of them; values that many solutions share make fewer. ``seed`` decides the resampling of the intervals.
    """
    rows = [(n, one) for n, some in enumerate((a, b)) for one in some]
    kept = [(n, one) for n, one in rows if all(getattr(one, name) is not None for name in (measure, *on))]
    side = np.array([n for n, _ in kept], dtype=int)
    problems = [one.problem_id for _, one in kept]
    values = np.array([getattr(one, measure) for _, one in kept], dtype=float)
    covariates = {name: np.array([getattr(one, name) for _, one in kept], dtype=float) for name in on}
    cuts = {name: _cuts(found, bins, (edges or {}).get(name)) for name, found in covariates.items()}
    numbers = np.array([np.searchsorted(cuts[name], covariates[name], side="right") for name in on]).T
    signatures, stratum = np.unique(numbers.reshape(len(kept), len(on)), axis=0, return_inverse=True)
    stratum = stratum.reshape(-1)  # numpy 2.0 gives it another shape
    everybody = np.zeros_like(stratum)

    def point(found: Numbers, cells: Cells) -> float | None:
        value = _difference(found, side, cells)[0]
        return value if np.isfinite(value) else None

    def limits(found: Numbers, cells: Cells) -> list[float] | None:
        value, influence = _difference(found, side, cells)
        if not np.isfinite(value):
            return None
        return interval(problems, influence[:, None], lambda sums: value + sums[:, 0], seed=seed)

    strata = [
        _stratum(dict(zip(on, map(int, signatures[s]), strict=True)), cuts, side[stratum == s], values[stratum == s])
        for s in range(len(signatures))
    ]
    both = [one for one in strata if one.a and one.b]
    return Matched(
        measure=measure,
        on=tuple(on),
        a=int((side == 0).sum()),
        b=int((side == 1).sum()),
        left_out=len(rows) - len(kept),
        matched_a=sum(one.a for one in both),
        matched_b=sum(one.b for one in both),
        unmatched_difference=point(values, everybody),
        unmatched_ci95=limits(values, everybody),
        difference=point(values, stratum),
        ci95=limits(values, stratum),
        imbalance={name: (point(found, everybody), point(found, stratum)) for name, found in covariates.items()},
        strata=strata,
    )


def _cuts(values: Numbers, bins: int, edges: Sequence[float] | None) -> Numbers:
    """Where one bin ends and the next begins."""
    if edges is not None:
        return np.array(edges, dtype=float)
    if not len(values):
        return np.zeros(0)
    return np.unique(np.quantile(values, np.arange(1, bins) / bins))


def _difference(values: Numbers, side: Cells, stratum: Cells) -> tuple[float, Numbers]:
    """The matched difference (nan where nothing is matched), and each solution's influence on it, [n], of sum 0.

    Resampling the influence rather than the solutions keeps an interval's rate: what problems have in common cancels
    between the sets to first order, and drawing solutions again would add what does not cancel a second time.
    Residuals are scaled by n / (n - 1) for the mean that was taken of n (MacKinnon and White, 1985, HC2).
    """
    n = np.zeros((int(stratum.max(initial=0)) + 1, 2))
    sums = np.zeros_like(n)
    np.add.at(n, (stratum, side), 1)
    np.add.at(sums, (stratum, side), values)
    both: NDArray[np.bool_] = np.all(n > 0, axis=1)
    if not both.any():
        return math.nan, np.zeros(len(values))
    means = sums / np.maximum(n, 1)
    within = np.where(both, means[:, 1] - means[:, 0], 0.0)
    total = n[both, 1].sum()
    weight = np.where(both, n[:, 1], 0.0) / total
    value = float((weight * within).sum())
    size, inside = n[stratum, side], weight[stratum]
    residual = (values - means[stratum, side]) * np.sqrt(size / np.maximum(size - 1, 1))
    influence = np.where(side == 1, 1.0, -1.0) * inside * residual / size
    influence += np.where((side == 1) & both[stratum], within[stratum] - value, 0.0) / total
    return value, influence


def _stratum(bins: Mapping[str, int], cuts: Mapping[str, Numbers], side: Cells, values: Numbers) -> Stratum:
    def mean(number: int) -> float | None:
        return float(values[side == number].mean()) if (side == number).any() else None

    limits = {name: np.concatenate([[-np.inf], cuts[name], [np.inf]]) for name in bins}
    found = {name: (float(limits[name][at]), float(limits[name][at + 1])) for name, at in bins.items()}
    return Stratum(found, int((side == 0).sum()), int((side == 1).sum()), mean(0), mean(1))


@dataclass(frozen=True)
class SharedLength:
    """Pairs of solutions of a problem (and sample), each over as many first tokens as both have."""

    pairs: int
    tokens: float | None
    """Mean length that is shared."""
    a_mean: float | None
    """Mean over pairs of a's nats per token over the shared length."""
    b_mean: float | None
    difference: float | None
    """b minus a."""
    ci95: list[float] | None


Solutions = Mapping[tuple[str, int], Numbers]
"""Nats of each token that counts, by problem and sample."""


def nats_of(readings: Iterable[Reading]) -> Solutions:
    """What `shared_length` compares; `analysis.reading_files.stored` gives the same of a stored reading."""
    return {(one.text.episode.problem_id, one.text.episode.sample): one.nats for one in readings}


def shared_length(a: Solutions, b: Solutions, *, seed: int) -> SharedLength:
    """Compares solutions over their first L tokens, where L is the shorter one's length: length cannot differ.

    Repetition can: what stands later in a text is left out, and with it most of what repeats. Solutions without a
    partner, and pairs in which one is empty, are left out.
    """
    problems, rows = [], []
    for key in (key for key in a if key in b):
        if length := min(len(a[key]), len(b[key])):
            problems.append(key[0])
            rows.append((length, a[key][:length].mean(), b[key][:length].mean()))
    if not rows:
        return SharedLength(0, None, None, None, None, None)
    table = np.array(rows)
    shared, a_mean, b_mean = map(float, table.mean(0))
    ci = ratio_interval(problems, table[:, 2] - table[:, 1], np.ones(len(rows)), seed=seed)
    return SharedLength(len(rows), shared, a_mean, b_mean, b_mean - a_mean, ci)
