"""One arm, or two arms that share no problems: accuracy, jargon rate and other shares; means of unbounded measures.

Here and everywhere in this package every cluster counts once: with equally many samples a problem that is the share
of all episodes, else it is the mean of the problems' shares.
"""

from __future__ import annotations

import math

from analysis.statistics.data import (
    UNIT_INTERVAL,
    Clusters,
    Floats,
    Labels,
    Numbers,
    StatisticsError,
    check_level,
    clusters,
    column,
    constant,
)
from analysis.statistics.estimate import Estimate
from analysis.statistics.intervals import (
    ALONE,
    Share,
    difference_limits,
    ratio_limits,
    share,
    t_limits,
    t_quantile,
    variance_of_mean,
)
from arena.measures import wilson

CLUSTERED_WILSON = "Wilson's score interval for the effective number of trials (design effect, t quantile)"
STUDENT = "Student's t over the means of the clusters"
FEW = 10
"""Clusters below which every estimate warns. At 6, intervals of shares covered 94 to 100% (docs/COVERAGE.md)."""
SCARCE = 5
"""Clusters' worth of failures or successes below which one arm's coverage hangs on the true value (the same page)."""


def independent_proportion(right: int, trials: int, *, level: float = 0.95, name: str = "proportion") -> Estimate:
    """The share of ``right`` among independent trials: Wilson's interval (1927), as every run prints.

    Where fewer than five fail, or succeed, it covers 90 to 99% as the number of trials changes (Brown, Cai and
    DasGupta, 2001); `proportion` is a little wider, and the one to use for samples of problems.
    """
    check_level(level)
    if not (0 <= right <= trials and trials >= 1):
        raise StatisticsError(f"{right} of {trials} is no proportion: give 0 to all of at least one trial")
    low, high = wilson(right, trials, t_quantile(level, math.inf))
    value = right / trials
    method, assumption = "Wilson's score interval", "that trials are independent, as of one sample a problem"
    low, high = min(low, value), max(high, value)
    notes = notes_near_the_edge(value, trials, "trial")
    return Estimate(name, value, low, high, level, trials, trials, "trial", method, assumption, notes=notes)


def proportion(
    values: Numbers, problems: Labels, *, level: float = 0.95, unit: str = "problem", name: str = "proportion"
) -> Estimate:
    """The mean of values in [0, 1] (grades, or shares already), shape (n,), whose rows belong to ``problems``, (n,).

    Wilson's interval for the effective number of trials, with t on clusters - 1 degrees of freedom: with one row a
    problem a little wider than Wilson's own, which misses too often where hardly any fail. One problem alone gives
    [0, 1].
    """
    check_level(level)
    found = clusters(column(values, "values", UNIT_INTERVAL), problems, f"the {unit} column")
    return of_arm(found, level, unit, name, f"that {unit}s are independent draws; rows of one {unit} may hang together")


def student_mean(
    values: Numbers, problems: Labels, *, level: float = 0.95, unit: str = "problem", name: str = "mean"
) -> Estimate:
    """The mean of a measure without bounds (words, nats, handoffs), shape (n,): Student's t over the problems' means.

    For measures that are about normal over problems, as few are: `bootstrap_mean` covers better where they are skewed.
    Where all problems have the same mean, or there is one, the data say nothing of its error: the interval is the whole
    line. For grades use `proportion`, which has an answer there.
    """
    check_level(level)
    found = clusters(column(values, "values"), problems, f"the {unit} column")
    mean = float(found.means.mean())
    low, high = mean_limits(found.means, level)
    return Estimate(
        name,
        mean,
        low,
        high,
        level,
        found.n,
        found.count,
        unit,
        STUDENT,
        f"that {unit}s are independent draws, and their number large for the skewness of their means",
        notes=notes_on(found.count, found.sizes, unit) + notes_on_spread(found.means, unit),
    )


def group_difference(
    a: Numbers,
    a_problems: Labels,
    b: Numbers,
    b_problems: Labels,
    *,
    level: float = 0.95,
    unit: str = "problem",
    name: str = "difference",
) -> Estimate:
    """Mean of ``a`` minus mean of ``b``, values in [0, 1], where no problem (or person) is in both arms.

    Newcombe's square-and-add of the two arms' Wilson limits (1998, method 10; Zou and Donner, 2008). Refuses arms that
    share a cluster: `paired_difference` uses what they share.
    """
    one, other, n, count, notes = _two_arms(a, a_problems, b, b_problems, level, unit)
    low, high = difference_limits(one, other, 0.0, level)
    method = "square-and-add of both arms' Wilson limits (Newcombe's method 10)"
    assumption = _independent(unit)
    return Estimate(name, one.mean - other.mean, low, high, level, n, count, unit, method, assumption, notes=notes)


def group_ratio(
    a: Numbers,
    a_problems: Labels,
    b: Numbers,
    b_problems: Labels,
    *,
    level: float = 0.95,
    unit: str = "problem",
    name: str = "ratio",
) -> Estimate:
    """Mean of ``a`` over mean of ``b``, values in [0, 1], where no problem (or person) is in both arms.

    By the same limits as `group_difference` (MOVER-R; Donner and Zou, 2012). Refuses a ``b`` without any success, for
    which no ratio exists, and arms that share a cluster: `retention` uses what they share.
    """
    one, other, n, count, notes = _two_arms(a, a_problems, b, b_problems, level, unit)
    check_denominator(other.mean)
    low, high = ratio_limits(one, other, 0.0, level)
    method = "MOVER-R of both arms' Wilson limits"
    assumption = _independent(unit)
    return Estimate(name, one.mean / other.mean, low, high, level, n, count, unit, method, assumption, notes=notes)


def arm(found: Clusters) -> Share:
    """One arm in [0, 1]."""
    return share(float(found.means.mean()), variance_of_mean(found.means), found.count, ALONE)


def of_arm(found: Clusters, level: float, unit: str, name: str, assumption: str) -> Estimate:
    """The estimate of one arm in [0, 1]."""
    one = arm(found)
    low, high = one.limits(one.quantile(level))
    notes = notes_on(found.count, found.sizes, unit) + notes_near_the_edge(one.mean, found.count, unit)
    return Estimate(
        name,
        one.mean,
        low,
        high,
        level,
        found.n,
        found.count,
        unit,
        CLUSTERED_WILSON,
        assumption,
        notes=notes,
    )


def mean_limits(values: Floats, level: float) -> tuple[float, float]:
    """Student's interval of the mean of independent values; the whole line where they are all the same."""
    variance = 0.0 if constant(values) else variance_of_mean(values)
    return t_limits(float(values.mean()), variance, len(values) - 1, level)


def check_denominator(mean: float) -> None:
    if mean <= 0:
        raise StatisticsError("the denominator is 0, so there is no ratio: report the difference instead")


def notes_on(count: int, sizes: tuple[int, int], unit: str) -> tuple[str, ...]:
    """What every estimate says of its clusters where they are few or uneven."""
    notes = []
    if count == 1:
        notes.append(f"a single {unit} says nothing about others: the interval is all that is possible")
    elif count < FEW:
        notes.append(f"fewer than {FEW} {unit}s: so few say little about others, and intervals of shares are too wide")
    if sizes[0] != sizes[1]:
        notes.append(f"{unit}s have {sizes[0]} to {sizes[1]} rows, each {unit} counts once")
    return tuple(notes)


def notes_near_the_edge(mean: float, count: int, unit: str) -> tuple[str, ...]:
    """What is said where few fail or few succeed: no interval holds its level there for every true value."""
    rarer, what = min((1 - mean, "failures"), (mean, "successes"))
    if count < 2 or rarer * count >= SCARCE:
        return ()
    return (f"fewer than {SCARCE} {unit}s' worth of {what}: in simulations intervals covered 90 to 100% here",)


def notes_on_spread(values: Floats, unit: str) -> tuple[str, ...]:
    """What is said where a measure without bounds has nothing to estimate a variance from."""
    if len(values) > 1 and constant(values):
        return (f"all {unit}s are alike: they say nothing about how {unit}s differ, the interval is the whole line",)
    return ()


def _two_arms(
    a: Numbers, a_problems: Labels, b: Numbers, b_problems: Labels, level: float, unit: str
) -> tuple[Share, Share, int, int, tuple[str, ...]]:
    check_level(level)
    one = clusters(column(a, "a", UNIT_INTERVAL), a_problems, f"the {unit} column of a")
    other = clusters(column(b, "b", UNIT_INTERVAL), b_problems, f"the {unit} column of b")
    shared = set(_plain(a_problems)) & set(_plain(b_problems))
    if shared:
        raise StatisticsError(
            f"{len(shared)} {unit}s are in both arms (one is {min(map(repr, shared))}), so the arms are not "
            "independent: use paired_difference or retention"
        )
    smallest = min(one.count, other.count)
    sizes = (min(one.sizes[0], other.sizes[0]), max(one.sizes[1], other.sizes[1]))
    notes = notes_on(smallest, sizes, unit)
    return arm(one), arm(other), one.n + other.n, one.count + other.count, notes


def _plain(labels: Labels) -> list[object]:
    return list(labels.tolist() if hasattr(labels, "tolist") else labels)


def _independent(unit: str) -> str:
    return f"that {unit}s are independent draws, within and between the arms"
