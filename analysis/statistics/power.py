"""How likely a study is to find what is there, and how large it has to be. Every result carries its assumptions.

Student's tests with the noncentral t distribution (statsmodels' TTestPower), McNemar's by counting. People by problems
have no formula that covers unbalanced designs: `analysis.statistics.crossed` simulates the study.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analysis.statistics.data import StatisticsError
from analysis.statistics.estimate import Estimate

LARGEST = 1_000_000
"""Studies larger than this are not looked for."""


@dataclass(frozen=True)
class Power:
    """The power of a design. Prints as a sentence; `as_dict` is the same as plain data."""

    power: float
    clusters: int
    unit: str
    alpha: float
    method: str
    assumption: str
    error: float = 0.0
    """Monte Carlo standard error, where it was simulated."""
    seed: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        spread = f" ± {self.error:.3f} (Monte Carlo standard error), seed {self.seed}" if self.error else ""
        return (
            f"power {self.power:.3f}{spread} with {self.clusters} {self.unit}s, two-sided at {self.alpha:g}, "
            f"by {self.method}; assumes {self.assumption}"
        )


def paired_power(
    problems: int,
    samples: int,
    *,
    difference: float,
    discordance: float,
    correlation: float = 0.0,
    alpha: float = 0.05,
) -> Power:
    """Of a paired comparison of two arms over ``problems``, with ``samples`` of each problem in either arm.

    ``difference``: of the accuracies. ``discordance``: how often exactly one of a pair of samples is right (at least
    |difference|). ``correlation``: between the differences of two pairs of one problem: 0 where the arms differ
    everywhere alike, 1 where a problem's samples all fall the same way. A problem's mean difference then has variance
    (discordance - difference^2) (1 + (samples - 1) correlation) / samples.

    Of Student's test, and within three points of `paired_difference` leaving 0 out unless the arms are near 1 (there up
    to five less). `sign_flip_test` has up to five points less with 20 to 50 problems; with one sample a problem its
    power is `mcnemar_power`.
    """
    _check(alpha, correlation=correlation)
    variance = _paired_variance(samples, difference, discordance, correlation)
    return Power(
        _t_power(problems, difference, math.sqrt(variance), alpha),
        problems,
        "problem",
        alpha,
        "Student's t over problems (noncentral t)",
        f"difference {difference:g}, discordance {discordance:g}, correlation {correlation:g} within problems, "
        f"{samples} samples a problem, and enough problems that discordant for their mean to be about normal",
    )


def paired_problems_needed(
    power: float,
    samples: int,
    *,
    difference: float,
    discordance: float,
    correlation: float = 0.0,
    alpha: float = 0.05,
) -> Power:
    """The fewest problems with at least this power; see `paired_power`."""
    return fewest(
        power,
        lambda n: paired_power(
            n, samples, difference=difference, discordance=discordance, correlation=correlation, alpha=alpha
        ),
    )


def mcnemar_power(problems: int, *, difference: float, discordance: float, alpha: float = 0.05) -> Power:
    """Of the exact McNemar test, one sample of each problem in either arm: counted, not approximated.

    The sum over all numbers of discordant pairs of the chance of that number times that of a rejection with it.
    """
    import numpy as np
    from scipy import stats

    _check(alpha)
    _paired_variance(1, difference, discordance, 0.0)
    _check_size(problems, 1)
    total = np.arange(problems + 1)
    # The largest number on the smaller side that is rejected: the two-sided p of k of m is 2 P(X <= k).
    edge = stats.binom.ppf(alpha / 2, total, 0.5)
    edge -= 2 * stats.binom.cdf(edge, total, 0.5) > alpha
    share = (discordance + difference) / (2 * discordance)
    rejects = stats.binom.cdf(edge, total, share) + stats.binom.cdf(edge, total, 1 - share)
    power = float((stats.binom.pmf(total, problems, discordance) * rejects).sum())
    return Power(
        power,
        problems,
        "problem",
        alpha,
        "the exact McNemar test (counted)",
        f"difference {difference:g}, discordance {discordance:g}, one sample of each problem",
    )


def mcnemar_problems_needed(power: float, *, difference: float, discordance: float, alpha: float = 0.05) -> Power:
    """The number of problems from which on `mcnemar_power` stays at this power or above.

    Counted power goes up and down by a little from one number of problems to the next.
    """
    first = fewest(power, lambda n: mcnemar_power(n, difference=difference, discordance=discordance, alpha=alpha))
    sizes = range(first.clusters, first.clusters + max(50, first.clusters // 2))
    found = [mcnemar_power(n, difference=difference, discordance=discordance, alpha=alpha) for n in sizes]
    short = [i for i, one in enumerate(found) if one.power < power]
    return found[short[-1] + 1] if short else found[0]


def seed_power(seeds: int, *, difference: float, sd: float, alpha: float = 0.05) -> Power:
    """Of a comparison over training seeds. ``sd``: standard deviation over seeds of what is tested.

    For arms paired by seed that is the standard deviation of the differences.
    """
    _check(alpha)
    if sd <= 0:
        raise StatisticsError(f"sd {sd!r} is not positive: estimate it from runs that exist, or state a guess")
    return Power(
        _t_power(seeds, difference, sd, alpha),
        seeds,
        "seed",
        alpha,
        "Student's t over seeds (noncentral t)",
        f"difference {difference:g}, standard deviation {sd:g} over seeds, values about normal",
    )


def seeds_needed(power: float, *, difference: float, sd: float, alpha: float = 0.05) -> Power:
    """The fewest seeds with at least this power; see `seed_power`."""
    return fewest(power, lambda n: seed_power(n, difference=difference, sd=sd, alpha=alpha))


def detectable(difference: Estimate, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true difference that a study like the one that gave this estimate finds with this power.

    Its standard error is read from the width of its 95% interval, so it is as rough as that; nan where there is none.
    """
    from scipy import stats
    from statsmodels.stats.power import TTestPower

    n, width = difference.clusters, difference.high - difference.low
    if n < 2 or not 0 < width < math.inf:
        return math.nan
    error = width / 2 / stats.t.ppf(0.975, n - 1)
    effect = TTestPower().solve_power(nobs=n, alpha=alpha, power=power, alternative="two-sided")
    return float(effect * error * math.sqrt(n))


def _paired_variance(samples: int, difference: float, discordance: float, correlation: float) -> float:
    if samples < 1:
        raise StatisticsError(f"{samples} samples a problem: at least one is needed")
    if not abs(difference) <= discordance <= 1:
        raise StatisticsError(
            f"discordance {discordance:g} is not between |difference| = {abs(difference):g} and 1: arms cannot differ "
            "by more than they disagree"
        )
    variance = (discordance - difference**2) * (1 + (samples - 1) * correlation) / samples
    if variance <= 0:
        raise StatisticsError("these assumptions leave nothing to chance: one problem would show the difference")
    return variance


def _t_power(n: int, difference: float, sd: float, alpha: float) -> float:
    from statsmodels.stats.power import TTestPower

    _check_size(n, 2)
    return float(TTestPower().power(abs(difference) / sd, nobs=n, alpha=alpha, df=n - 1, alternative="two-sided"))


def _check(alpha: float, correlation: float = 0.0) -> None:
    if not 0 < alpha < 1:
        raise StatisticsError(f"alpha {alpha!r} is not between 0 and 1")
    if not 0 <= correlation <= 1:
        raise StatisticsError(f"correlation {correlation!r} within problems is not between 0 and 1")


def _check_size(n: int, least: int) -> None:
    if n < least:
        raise StatisticsError(f"{n} is too few: this test needs at least {least}")


def fewest(power: float, of: Callable[[int], Power], largest: int = LARGEST) -> Power:
    """The fewest clusters with this power, by doubling and halving: power grows with the size of a study."""
    if not 0 < power < 1:
        raise StatisticsError(f"power {power!r} is not between 0 and 1")
    low, high = 1, 2
    while (found := of(high)).power < power:
        low, high = high, high * 2
        if high > largest:
            raise StatisticsError(
                f"even {low} would have power {found.power:.3f} only: so small a difference cannot be found"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if of(middle).power >= power else (middle, high)
    return of(high)
