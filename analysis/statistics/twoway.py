"""People by problems: outcomes that go together in two ways, because a person gave them and because of the problem.

Each person sees some of the problems, so neither is nested in the other. What is independent is people, and problems;
the interval is about new people on new problems. Training seeds by problems is the same shape.

The variance is Cameron, Gelbach and Miller's (2011): that of clustering by person, plus by problem, minus by both, from
the estimate's linearisation. With few people the sum is noisy and may come out too small or negative, so the largest of
it and its first two terms is taken (MacKinnon, Nielsen and Webb, 2024), with t on min(people, problems) - 1 degrees of
freedom. In docs/COVERAGE.md: CGM's alone covers as little as 86%; Owen's pigeonhole bootstrap (2007) 99% and more of
differences, since it counts each answer's own noise three times.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from analysis.statistics.data import (
    UNIT_INTERVAL,
    Bounds,
    Floats,
    Labels,
    Numbers,
    StatisticsError,
    check_level,
    column,
    names,
)
from analysis.statistics.estimate import Estimate
from analysis.statistics.intervals import (
    PAIRED,
    correlation,
    difference_limits,
    ratio_limits,
    scaled,
    share,
    t_limits,
)
from analysis.statistics.proportions import check_denominator

Codes = npt.NDArray[np.int64]

METHOD = "two-way clustered variance (the largest of Cameron, Gelbach and Miller's and its one-way terms)"


def two_way_mean(
    values: Numbers,
    people: Labels,
    problems: Labels,
    *,
    bounds: Bounds | None = UNIT_INTERVAL,
    level: float = 0.95,
    units: tuple[str, str] = ("person", "problem"),
    name: str = "mean",
) -> Estimate:
    """The mean of outcomes, one a row, shape (n,), of ``people``, (n,), on ``problems``, (n,). Every row counts once.

    Within ``bounds``: Wilson's interval for the effective number of trials. With ``bounds=None``: Student's t. Refuses
    fewer than two people or problems.
    """
    check_level(level)
    given = column(values, "values", bounds)
    clustering = _clustering(people, problems, len(given), units)
    fewest = min(clustering.people, clustering.problems)
    mean = float(given.mean())
    variance = clustering.variance((given - mean) / len(given))
    if bounds is None:
        low, high = t_limits(mean, variance, fewest - 1, level)
    else:
        width = bounds[1] - bounds[0]
        found = share((mean - bounds[0]) / width, variance / width**2, fewest, PAIRED)
        low, high = (bounds[0] + limit * width for limit in found.limits(found.quantile(level)))
    return _estimate(name, mean, low, high, level, len(given), clustering, units, bounds)


def two_way_difference(
    values: Numbers,
    treated: Labels,
    people: Labels,
    problems: Labels,
    *,
    bounds: Bounds | None = UNIT_INTERVAL,
    level: float = 0.95,
    units: tuple[str, str] = ("person", "problem"),
    name: str = "difference",
) -> Estimate:
    """Mean of the rows that are ``treated`` (True or 1) minus mean of the others; all columns of shape (n,).

    The condition may change within people (each in both) or between them, and within problems or between. Within
    ``bounds``: both means' Wilson limits by square-and-add, as in `paired_difference`; else Student's t.
    """
    check_level(level)
    given = column(values, "values", bounds)
    in_arm = _arm(treated, len(given))
    clustering = _clustering(people, problems, len(given), units)
    fewest = min(clustering.people, clustering.problems)
    (a, a_part), (b, b_part) = (_linearised(given, chosen) for chosen in (in_arm, ~in_arm))
    both = clustering.variance(a_part - b_part)
    if bounds is None:
        low, high = t_limits(a - b, both, fewest - 1, level)
    else:
        width = bounds[1] - bounds[0]
        a_variance, b_variance = clustering.variance(a_part), clustering.variance(b_part)
        r = correlation((a_variance + b_variance - both) / 2, a_variance, b_variance, fewest)
        one = share((a - bounds[0]) / width, a_variance / width**2, fewest, PAIRED)
        other = share((b - bounds[0]) / width, b_variance / width**2, fewest, PAIRED)
        low, high = scaled(difference_limits(one, other, r, level), bounds)
    return _estimate(name, a - b, low, high, level, len(given), clustering, units, bounds)


def two_way_retention(
    right: Numbers,
    alone: Numbers,
    people: Labels,
    problems: Labels,
    *,
    level: float = 0.95,
    units: tuple[str, str] = ("person", "problem"),
    name: str = "retention",
) -> Estimate:
    """Mean outcome over the mean outcome that the senior alone had on the same problems: a ratio of means.

    Arguments of shape (n,), a row each time that somebody went on: whether that became ``right``, and the senior's mean
    outcome ``alone`` on that problem, both in [0, 1]. Limits as in `retention`, by MOVER-R with the correlation of the
    two means, whose variances are clustered both ways. Refuses solo outcomes that are all 0.
    """
    check_level(level)
    one, other = column(right, "right", UNIT_INTERVAL), column(alone, "alone", UNIT_INTERVAL)
    if len(one) != len(other):
        raise StatisticsError(f"right has {len(one)} rows, alone has {len(other)}: give one for each")
    check_denominator(float(other.mean()))
    clustering = _clustering(people, problems, len(one), units)
    fewest = min(clustering.people, clustering.problems)
    a_part, b_part = (one - one.mean()) / len(one), (other - other.mean()) / len(one)
    a_variance, b_variance = clustering.variance(a_part), clustering.variance(b_part)
    r = correlation(
        (a_variance + b_variance - clustering.variance(a_part - b_part)) / 2, a_variance, b_variance, fewest
    )
    a, b = share(float(one.mean()), a_variance, fewest, PAIRED), share(float(other.mean()), b_variance, fewest, PAIRED)
    low, high = ratio_limits(a, b, r, level)
    whole = _estimate(name, a.mean / b.mean, low, high, level, len(one), clustering, units, UNIT_INTERVAL)
    return replace(whole, method=f"{METHOD}, MOVER-R of Wilson's limits, {fewest - 1} degrees of freedom")


class Clustering:
    """Who gave each row, on what, and the variance that follows."""

    def __init__(self, person: Codes, problem: Codes) -> None:
        self.people, self.problems = int(person.max()) + 1, int(problem.max()) + 1
        self._person, self._problem = person, problem
        _, self._cell = np.unique(person * self.problems + problem, return_inverse=True)

    def variance(self, parts: Floats) -> float:
        """Of an estimate whose error is the sum of ``parts``, each row's, shape (n,)."""
        by_person = squares(parts, self._person) * self.people / (self.people - 1)
        by_problem = squares(parts, self._problem) * self.problems / (self.problems - 1)
        return max(by_person + by_problem - squares(parts, self._cell), by_person, by_problem)


def squares(parts: Floats, codes: Codes) -> float:
    """The sum over clusters of the squared sum of each: the one-way clustered variance, uncorrected."""
    sums = np.bincount(codes, parts)
    return float(sums @ sums)


def _linearised(values: Floats, chosen: npt.NDArray[np.bool_]) -> tuple[float, Floats]:
    """The mean of the chosen rows, and each row's part in its error."""
    mean = float(values[chosen].mean())
    parts: Floats = np.where(chosen, values - mean, 0.0) / int(chosen.sum())
    return mean, parts


def _clustering(people: Labels, problems: Labels, n: int, units: tuple[str, str]) -> Clustering:
    person = _codes(names(people, n, f"the {units[0]} column"))
    problem = _codes(names(problems, n, f"the {units[1]} column"))
    for unit, codes in zip(units, (person, problem), strict=True):
        if codes.max() == 0:
            raise StatisticsError(f"a single {unit} says nothing about others: cluster by the other column alone")
    return Clustering(person, problem)


def _codes(labels: Iterable[Hashable]) -> Codes:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)


def _arm(treated: Labels, n: int) -> npt.NDArray[np.bool_]:
    found = names(treated, n, "the column `treated`")
    if not set(found) <= {0, 1}:
        raise StatisticsError("`treated` is True or False for each row: compare two conditions at a time")
    if len(set(found)) < 2:
        raise StatisticsError("all rows are of one condition: there is nothing to compare")
    return np.array(found, dtype=bool)


def _estimate(
    name: str,
    value: float,
    low: float,
    high: float,
    level: float,
    n: int,
    clustering: Clustering,
    units: tuple[str, str],
    bounds: Bounds | None,
) -> Estimate:
    fewest = min(clustering.people, clustering.problems)
    notes = []
    if fewest < 6:
        notes.append("fewer than 6 clusters of a kind: not simulated, not to be trusted")
    if bounds is None and not math.isfinite(low):
        notes.append("all rows are alike, which says nothing about others: the interval is the whole line")
    few, many = sorted(zip((clustering.people, clustering.problems), units, strict=True))
    unit = f"{few[1]} crossed with {many[0]} {many[1]}s"
    kind = "Student's t" if bounds is None else "Wilson's limits for the effective number of trials"
    return Estimate(
        name,
        value,
        low,
        high,
        level,
        n,
        fewest,
        unit,
        f"{METHOD}, {kind}, {fewest - 1} degrees of freedom",
        f"that rows which share neither {units[0]} nor {units[1]} are independent",
        notes=tuple(notes),
    )
