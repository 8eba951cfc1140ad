"""Over training seeds: each one shown, and Student's t over them.

A seed's number already holds its own noise of evaluation, so the spread between seeds is all that is needed. The
interval is about new seeds on the same problems; for new seeds and new problems at once see `two_way_mean`. Three seeds
are too few for any bootstrap: it would draw from 27 resamples and cannot leave the range of what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from analysis.statistics.data import (
    Bounds,
    Floats,
    StatisticsError,
    check_alternative,
    check_level,
    column,
    constant,
)
from analysis.statistics.estimate import Estimate, Test
from analysis.statistics.proportions import mean_limits

STUDENT = "Student's t over seeds"
ASSUMPTION = "that seeds are independent draws and their values about normal; for new seeds on these problems"

Values = Mapping[Any, float]
"""A run's number (an accuracy) by its seed."""


def over_seeds(
    values: Values, *, bounds: Bounds | None = None, level: float = 0.95, name: str = "mean over seeds"
) -> Estimate:
    """The mean of one number a training seed, e.g. ``{0: 0.61, 1: 0.58, 2: 0.64}``, each shown in the result.

    ``bounds``: of the measure, if it has any; the interval is cut there. Seeds that all agree give all that is
    possible: that they are alike is no evidence that others would be. Refuses a single seed.
    """
    labels, found = _checked(values, bounds)
    return _estimate(labels, found, bounds, level, name, "")


def seed_difference(
    a: Values, b: Values, *, bounds: Bounds | None = None, level: float = 0.95, name: str = "difference over seeds"
) -> Estimate:
    """Mean of ``a`` minus mean of ``b``, paired by seed, each seed's difference shown. Refuses seeds of one arm only.

    ``bounds``: of the measure itself, (0, 1) for an accuracy.
    """
    labels, found = _differences(a, b, bounds)
    width = None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])
    return _estimate(labels, found, width, level, name, "' differences")


def seed_test(a: Values, b: Values, *, alternative: str = "two-sided", name: str = "difference over seeds") -> Test:
    """Student's paired t-test over seeds (scipy's ttest_1samp of the differences). Refuses ones that all agree."""
    from scipy import stats

    check_alternative(alternative)
    _, found = _differences(a, b, None)
    if constant(found):
        raise StatisticsError(
            f"all {len(found)} seeds differ by {found[0]:g}, so there is no spread to test against: run more seeds"
        )
    tested = stats.ttest_1samp(found, 0.0, alternative=alternative)
    return Test(
        name,
        float(tested.statistic),
        float(tested.pvalue),
        2 * len(found),
        len(found),
        "seed",
        STUDENT + "' differences",
        ASSUMPTION,
        alternative,
        notes=_notes(found),
    )


def _estimate(labels: list[str], found: Floats, bounds: Bounds | None, level: float, name: str, of: str) -> Estimate:
    check_level(level)
    low, high = mean_limits(found, level)
    edges = bounds or (-math.inf, math.inf)
    return Estimate(
        name,
        float(found.mean()),
        max(low, edges[0]),
        min(high, edges[1]),
        level,
        len(found) * (2 if of else 1),
        len(found),
        "seed",
        STUDENT + of,
        ASSUMPTION,
        notes=_notes(found),
        each=tuple(zip(labels, found.tolist(), strict=True)),
    )


def _notes(found: Floats) -> tuple[str, ...]:
    notes = []
    if len(found) == 2:
        notes.append("two seeds are hopeless: the interval is 12.7 standard errors wide on either side at 95%")
    if constant(found):
        notes.append(
            "all seeds agree, which says nothing about how others would differ: the interval is all that is possible"
        )
    return tuple(notes)


def _checked(values: Values, bounds: Bounds | None) -> tuple[list[str], Floats]:
    """Labels and values, sorted by label: no order of the mapping changes what is printed."""
    keys = sorted(values, key=lambda key: (len(str(key)), str(key)))
    found = column([values[key] for key in keys], "the seeds' values", bounds)
    if len(found) < 2:
        raise StatisticsError("one seed says nothing about others: train at least three, or report it as a single run")
    return [str(key) for key in keys], found


def _differences(a: Values, b: Values, bounds: Bounds | None) -> tuple[list[str], Floats]:
    lonely = a.keys() ^ b.keys()
    if lonely:
        raise StatisticsError(
            f"seed {min(map(str, lonely))} is in one arm only: a comparison paired by seed needs every seed in both"
        )
    labels, one = _checked(a, bounds)
    _, other = _checked({key: b[key] for key in a}, bounds)
    found: Floats = one - other
    return labels, found
