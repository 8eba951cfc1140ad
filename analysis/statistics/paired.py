"""Two arms on the same problems: the difference, and handoff over solo (retention).

The pairing is what makes small differences visible: which problems are hard is the same for both arms and drops out.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.statistics.data import (
    UNIT_INTERVAL,
    Bounds,
    Floats,
    Labels,
    Numbers,
    Pairs,
    check_level,
    column,
    pairs,
)
from analysis.statistics.estimate import Estimate
from analysis.statistics.intervals import (
    PAIRED,
    Share,
    correlation,
    difference_limits,
    ratio_limits,
    scaled,
    share,
    variance_of_mean,
)
from analysis.statistics.proportions import STUDENT, check_denominator, mean_limits, notes_on, notes_on_spread

SQUARE_AND_ADD = "square-and-add of clustered Wilson limits with the arms' correlation (MOVER)"


def paired_difference(
    a: Numbers,
    b: Numbers,
    problems: Labels,
    b_problems: Labels | None = None,
    *,
    bounds: Bounds | None = UNIT_INTERVAL,
    level: float = 0.95,
    unit: str = "problem",
    name: str = "difference",
) -> Estimate:
    """Mean of ``a`` minus mean of ``b`` over the problems that both arms played; the one to use for such a question.

    ``a`` and ``b``: outcomes, one a row, shapes (n,) and (m,); ``problems``: the cluster of each row of ``a``, and of
    ``b`` unless ``b_problems`` has its own. Any number of samples a problem; every problem counts once.

    ``bounds`` of the outcomes: (0, 1) for grades and shares. Within bounds: Newcombe's square-and-add with the arms'
    correlation (1998, method 10 for pairs; clustered as in Zou and Donner, 2008), nothing drawn, and problems that all
    tie do not give an interval of no width. With ``bounds=None``: Student's t over the problems' differences.
    """
    check_level(level)
    given = pairs(column(a, "a", bounds), column(b, "b", bounds), problems, b_problems, unit)
    value = float(given.a.mean() - given.b.mean())
    notes = notes_on(given.count, given.sizes, unit)
    assumption = f"that {unit}s are independent draws; rows of one {unit} may depend on each other"
    if bounds is None:
        low, high = mean_limits(given.differences, level)
        notes += notes_on_spread(given.differences, unit)
        method = STUDENT + "' differences"
        assumption += "; and many of them for the skewness of their differences"
    else:
        low, high = difference_within(given, bounds)(level)
        method = SQUARE_AND_ADD
        notes += _notes_on_ceiling(given, bounds, unit)
    return Estimate(name, value, low, high, level, given.n, given.count, unit, method, assumption, notes=notes)


def retention(
    handoff: Numbers,
    solo: Numbers,
    problems: Labels,
    solo_problems: Labels | None = None,
    *,
    level: float = 0.95,
    unit: str = "problem",
    name: str = "retention",
) -> Estimate:
    """Mean handoff outcome over mean solo outcome on the same problems, both in [0, 1]: a ratio of means, not a mean of
    ratios (a problem that solo never solves has none).

    Arguments as for `paired_difference`. Limits by MOVER-R with the arms' correlation (Donner and Zou, 2012), which,
    like Fieller's, asks which ratios q leave handoff - q solo indistinguishable from 0. Refuses solo outcomes that are
    all 0.
    """
    check_level(level)
    one, other = column(handoff, "handoff", UNIT_INTERVAL), column(solo, "solo", UNIT_INTERVAL)
    given = pairs(one, other, problems, solo_problems, unit)
    check_denominator(float(given.b.mean()))
    a, b, r = _arms(given, UNIT_INTERVAL)
    low, high = ratio_limits(a, b, r, level)
    return Estimate(
        name,
        a.mean / b.mean,
        low,
        high,
        level,
        given.n,
        given.count,
        unit,
        "MOVER-R of clustered Wilson limits with the arms' correlation",
        f"that {unit}s are independent draws; rows of one {unit} may depend on each other",
        notes=notes_on(given.count, given.sizes, unit) + _notes_on_ceiling(given, UNIT_INTERVAL, unit),
    )


def difference_within(given: Pairs, bounds: Bounds) -> Callable[[float], tuple[float, float]]:
    """Limits of the difference at any level, for outcomes within bounds; all that is possible for one cluster."""
    if given.count < 2:
        return lambda level: scaled((-1.0, 1.0), bounds)
    a, b, r = _arms(given, bounds)
    return lambda level: scaled(difference_limits(a, b, r, level), bounds)


def _arms(given: Pairs, bounds: Bounds) -> tuple[Share, Share, float]:
    width = bounds[1] - bounds[0]
    a, b = (given.a - bounds[0]) / width, (given.b - bounds[0]) / width
    a_variance, b_variance = variance_of_mean(a), variance_of_mean(b)
    r = correlation(_covariance_of_means(a, b), a_variance, b_variance, given.count)
    one = share(float(a.mean()), a_variance, given.count, PAIRED)
    return one, share(float(b.mean()), b_variance, given.count, PAIRED), r


def _covariance_of_means(a: Floats, b: Floats) -> float:
    if len(a) < 2:
        return 0.0
    return float(((a - a.mean()) * (b - b.mean())).sum()) / (len(a) - 1) / len(a)


def _notes_on_ceiling(given: Pairs, bounds: Bounds, unit: str) -> tuple[str, ...]:
    """Where few problems differ, no interval of this level is short and right; ours is then too wide."""
    differ = int((given.a != given.b).sum())
    if given.count < 2 or differ >= 5:
        return ()
    return (
        f"only {differ} of {given.count} {unit}s differ between the arms: the interval is wider than its level needs",
    )
