"""Two sets of solutions compared where they are alike in length and repetition.

Coarsened exact matching (Iacus, King and Porro, 2012, "Causal Inference without Balance Checking"): each covariate is
cut into bins, solutions are compared within a stratum of equal bins only, and strata without solutions of both sets
are left out. The difference is that of the matched solutions of ``b``: strata weigh by how many of ``b`` they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.legibility import Legibility
from analysis.reading import Numbers, Reading
from analysis.resampling import interval, ratio_interval

LENGTH, REPETITION = ("tokens",), ("repeated_ngrams",)
"""What is matched on; both: ``LENGTH + REPETITION``. Any number of `Legibility` will do, as ``compression``."""
BINS = 8


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
    """Problems drawn again with their solutions in both sets; the bins stay."""
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
    count = len(signatures)

    def table(found: Numbers, *, apart: bool) -> Numbers:
        """Sums for `_difference`: strata apart, or all in one."""
        return _table(found, side, stratum if apart else np.zeros_like(stratum), count if apart else 1)

    def difference(found: Numbers, *, apart: bool) -> float | None:
        value = float(_difference(table(found, apart=apart).sum(0)[None])[0])
        return value if np.isfinite(value) else None

    strata = [
        _stratum(dict(zip(on, map(int, signatures[s]), strict=True)), cuts, side[stratum == s], values[stratum == s])
        for s in range(count)
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
        unmatched_difference=difference(values, apart=False),
        unmatched_ci95=interval(problems, table(values, apart=False), _difference, seed=seed),
        difference=difference(values, apart=True),
        ci95=interval(problems, table(values, apart=True), _difference, seed=seed),
        imbalance={
            name: (difference(found, apart=False), difference(found, apart=True)) for name, found in covariates.items()
        },
        strata=strata,
    )


def _cuts(values: Numbers, bins: int, edges: Sequence[float] | None) -> Numbers:
    """Where one bin ends and the next begins."""
    if edges is not None:
        return np.array(edges, dtype=float)
    if not len(values):
        return np.zeros(0)
    return np.unique(np.quantile(values, np.arange(1, bins) / bins))


def _table(values: Numbers, side: Any, stratum: Any, count: int) -> Numbers:
    """[n, 4 * strata]: of each solution, in the cells of its stratum, one of a, its value, one of b, its value."""
    table = np.zeros((len(values), count, 4))
    rows = np.arange(len(values))
    table[rows, stratum, 2 * side] = 1
    table[rows, stratum, 2 * side + 1] = values
    return table.reshape(len(values), 4 * count)


def _difference(sums: Numbers) -> Numbers:
    """[draws]: the matched difference of sums [draws, 4 * strata]; nan where nothing is matched."""
    a, a_sum, b, b_sum = np.moveaxis(sums.reshape(len(sums), -1, 4), 2, 0)
    both = (a > 0) & (b > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        within = np.where(both, b_sum / b - a_sum / a, 0.0)
        weight = np.where(both, b, 0.0)
        found: Numbers = (within * weight).sum(1) / weight.sum(1)
    return found


def _stratum(bins: Mapping[str, int], cuts: Mapping[str, Numbers], side: Any, values: Numbers) -> Stratum:
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
