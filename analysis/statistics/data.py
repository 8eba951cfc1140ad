"""What the functions are given: checked, and reduced to one mean for each cluster.

A cluster is what was drawn independently of the rest: a problem, a person, a training seed. Rows of one cluster go
together, so that all that follows looks at one number for each. Every cluster counts once, however many rows it has:
the population is one of problems, and who happens to have more samples of one does not make it likelier.

Sums within clusters are exactly rounded (`math.fsum`) and clusters are sorted by value: no order of rows, order of
clusters or naming of clusters changes a single bit of what is printed, resamples included.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = Sequence[float] | Sequence[int] | Sequence[bool] | npt.NDArray[Any]
Labels = Sequence[Hashable] | npt.NDArray[Any]
Bounds = tuple[float, float]

UNIT_INTERVAL: Bounds = (0.0, 1.0)
"""Bounds of a grade (0 or 1) and of every share of grades."""


class StatisticsError(ValueError):
    """What was asked has no honest answer; the message says why, and what to do instead."""


def column(values: Numbers, what: str, bounds: Bounds | None = None) -> Floats:
    """``values`` as floats of shape (n,). Refuses none at all, missing ones, and ones outside ``bounds``."""
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise StatisticsError(f"{what} holds something that is no number: give one number a row") from None
    if found.ndim != 1:
        raise StatisticsError(f"{what} has {found.ndim} dimensions: give one number a row")
    if not found.size:
        raise StatisticsError(f"{what} is empty: there is nothing to estimate")
    missing = np.flatnonzero(~np.isfinite(found))
    if missing.size:
        raise StatisticsError(
            f"{what} has {missing.size} of {found.size} rows that are missing or infinite (the first is row "
            f"{missing[0]}): count them as wrong or leave them out, and report how many"
        )
    if bounds is not None:
        low, high = bounds
        if not low < high:
            raise StatisticsError(f"bounds {bounds} are not in order: give (smallest, largest) possible value")
        outside = np.flatnonzero((found < low) | (found > high))
        if outside.size:
            raise StatisticsError(
                f"{what} has {found[outside[0]]:g} (row {outside[0]}), outside of [{low:g}, {high:g}]: "
                "state the measure's own bounds, or bounds=None if it has none"
            )
    return found


def names(labels: Labels, n: int, what: str) -> list[Hashable]:
    """``labels`` as a list of ``n`` names. Refuses another number of them, and missing ones."""
    found = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    if len(found) != n:
        raise StatisticsError(f"{what} has {len(found)} labels for {n} rows: give one a row")
    for row, label in enumerate(found):
        if not isinstance(label, Hashable) or label is None or label != label:
            raise StatisticsError(f"{what} has no usable label in row {row} ({label!r}): name the cluster of every row")
    return found


def grouped(values: Floats, labels: Iterable[Hashable]) -> dict[Hashable, list[float]]:
    """The values of each cluster."""
    out: dict[Hashable, list[float]] = {}
    for value, label in zip(values.tolist(), labels, strict=True):
        out.setdefault(label, []).append(value)
    return out


@dataclass(frozen=True)
class Clusters:
    """One mean for each cluster, sorted by value."""

    means: Floats
    n: int
    """Rows."""
    sizes: tuple[int, int]
    """Rows of the smallest and of the largest cluster."""

    @property
    def count(self) -> int:
        return len(self.means)


def clusters(values: Floats, labels: Labels, what: str) -> Clusters:
    """The clusters' means."""
    found = grouped(values, names(labels, len(values), what))
    means = np.sort(np.array([_mean(rows) for rows in found.values()]))
    return Clusters(means, len(values), _sizes(found.values()))


@dataclass(frozen=True)
class Pairs:
    """Of each cluster: its mean in one arm and in the other, sorted by value."""

    a: Floats
    b: Floats
    n: int
    """Rows of both arms together."""
    sizes: tuple[int, int]
    """Rows of the smallest and of the largest cluster, in one arm."""

    @property
    def count(self) -> int:
        return len(self.a)

    @property
    def differences(self) -> Floats:
        found: Floats = self.a - self.b
        return found


def pairs(a: Floats, b: Floats, labels: Labels, b_labels: Labels | None, unit: str) -> Pairs:
    """Both arms' means of each cluster. ``labels`` are those of both arms, or of ``a`` alone if ``b_labels`` are given.

    Refuses clusters that are in one arm only: there is nothing to compare them with.
    """
    if b_labels is None and len(a) != len(b):
        raise StatisticsError(
            f"{len(a)} rows against {len(b)}: give the {unit} of every row of both arms (`b_labels`), "
            "or rows that belong together"
        )
    one = grouped(a, names(labels, len(a), f"the {unit} column"))
    other = grouped(b, names(labels if b_labels is None else b_labels, len(b), f"the {unit} column of b"))
    lonely = one.keys() ^ other.keys()
    if lonely:
        raise StatisticsError(
            f"{len(lonely)} of {len(one.keys() | other.keys())} {unit}s are in one arm only (one is "
            f"{min(map(repr, lonely))}): a paired comparison needs both; play them in both or leave them out of both"
        )
    means = sorted((_mean(rows), _mean(other[label])) for label, rows in one.items())
    both = np.array(means)
    sizes = _sizes([*one.values(), *other.values()])
    return Pairs(both[:, 0].copy(), both[:, 1].copy(), len(a) + len(b), sizes)


def generator(seed: int) -> np.random.Generator:
    """Numbers of this seed, and of nothing else."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise StatisticsError(
            f"seed {seed!r} is not a whole number from 0: give one, so that the numbers can be had again"
        )
    return np.random.Generator(np.random.PCG64(int(seed)))


def check_level(level: float) -> None:
    if not 0 < level < 1:
        raise StatisticsError(f"level {level!r} is not between 0 and 1: 0.95 is a 95% interval")


def check_alternative(alternative: str) -> None:
    if alternative not in ("two-sided", "greater", "less"):
        raise StatisticsError(f"alternative {alternative!r} is none of two-sided, greater and less")


def check_resamples(resamples: int) -> None:
    if resamples < 99:
        raise StatisticsError(
            f"{resamples} resamples cannot carry a 95% interval or a p-value of .05: take 999 or more"
        )


def constant(values: Floats) -> bool:
    """Whether all values are the same but for rounding."""
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max())


def _mean(rows: list[float]) -> float:
    return math.fsum(rows) / len(rows)


def _sizes(groups: Iterable[list[float]]) -> tuple[int, int]:
    counts = [len(rows) for rows in groups]
    return min(counts), max(counts)
