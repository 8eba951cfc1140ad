"""The intervals themselves: from means and the variance of means to limits.

Everything in [0, 1] goes through Wilson's score interval, for two reasons that the simulations of
`benchmarks.coverage` show (docs/COVERAGE.md): near 0 and 1 a t interval over few clusters misses far too often, and
where all clusters are alike it claims certainty. A mean over clusters is given the number of independent trials that
its variance is worth (the design effect; Kish, 1965; Korn and Graubard, 1998), and two means are joined by the
square-and-add rule that keeps their limits' asymmetry (MOVER; Newcombe, 1998; Zou and Donner, 2008).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from analysis.statistics.data import Bounds, Floats
from arena.measures import wilson

ALONE = 0.1
PAIRED = 0.02
"""How much of a prior the design effect gets: one of 1 (all rows of a cluster are alike), as if clusters worth these
many failures had been seen. Where hardly anything fails, few clusters tell how failures cluster, and an estimate of
their variance from none is 0. Chosen by simulation ("Chosen" in docs/COVERAGE.md): without a prior accuracies of .95
were covered by 87% of intervals where problems differ a lot; larger ones are needlessly wide where problems are alike.
Limits that enter a difference or a ratio need less than one that stands alone."""

STEPS = 8
"""Smaller quantiles that are looked at, in a search for the farthest limit."""


@dataclass(frozen=True)
class Share:
    """A mean in [0, 1], and how many independent trials its variance is worth."""

    mean: float
    trials: float
    df: float
    """Degrees of freedom of the variance."""

    def quantile(self, level: float) -> float:
        return t_quantile(level, self.df)

    def limits(self, z: float) -> tuple[float, float]:
        """Wilson's, at this quantile; [0, 1] where there is no degree of freedom."""
        if self.df < 1:
            return 0.0, 1.0
        low, high = wilson(self.mean * self.trials, self.trials, z)
        return min(low, self.mean), max(high, self.mean)  # at 0 and 1 rounding may leave the mean just outside


def variance_of_mean(values: Floats) -> float:
    """Of independent values, from their own spread; 0 for one value, which has none."""
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0


def t_quantile(level: float, df: float) -> float:
    """Half the width of an interval of this level in standard errors."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.5 + level / 2))


def t_limits(value: float, variance: float, df: float, level: float) -> tuple[float, float]:
    """Student's interval; the whole line where the variance is 0 or no degree of freedom is left."""
    if df < 1 or variance <= 0:
        return -math.inf, math.inf
    half = t_quantile(level, df) * math.sqrt(variance)
    return value - half, value + half


def share(mean: float, variance: float, count: int, prior: float) -> Share:
    """A mean in [0, 1] over ``count`` clusters as so many independent trials.

    With trials N: p (1 - p) / N = variance. Written as N = count / effect, the effect is 1 where every cluster is all
    right or all wrong and 1/m where m rows of a cluster are independent; ``prior`` pulls it towards 1. Limits take t's
    quantile with count - 1 degrees of freedom, since the effect is estimated.
    """
    mean = min(max(mean, 0.0), 1.0)
    effect = (count * count * variance + prior) / (count * mean * (1 - mean) + prior)
    return Share(mean, count / effect, count - 1)


def correlation(covariance: float, a_variance: float, b_variance: float, count: int) -> float:
    """Of two arms' means. A positive one narrows what follows, so it is shrunk by 1/count: few clusters often
    overstate it (with 10, differences of .95 and .85 were covered by 92.2% of intervals as it is, 93.6% shrunk)."""
    if a_variance <= 0 or b_variance <= 0:
        return 0.0
    found = min(1.0, max(-1.0, covariance / math.sqrt(a_variance * b_variance)))
    return found * (1 - 1 / count) if found > 0 else found


def difference_limits(a: Share, b: Share, r: float, level: float) -> tuple[float, float]:
    """Limits of mean a - mean b, whose estimates correlate by ``r`` (Zou and Donner, 2008; r = 0: Newcombe, 1998).

    The distance to a limit is that of two errors at an angle, where each arm's error is the distance to its own limit
    on that side. With r > 0 it may shrink as the level grows, once an arm's limits near 0 or 1; the farthest limit of
    this and all lower levels is taken, so that intervals of higher levels hold those of lower ones.
    """
    value = a.mean - b.mean
    down = _farthest(lambda e: _added(e.a_down, e.b_up, r), a, b, r, level)
    up = _farthest(lambda e: _added(e.a_up, e.b_down, r), a, b, r, level)
    return max(-1.0, value - down), min(1.0, value + up)


def ratio_limits(a: Share, b: Share, r: float, level: float) -> tuple[float, float]:
    """Limits of mean a / mean b: all ratios q for which the interval of a - q b holds 0 (Donner and Zou, 2012).

    Both are roots of a quadratic. The mean of b must be positive; where its lower limit is 0 there is no upper limit.
    """
    low = -_farthest(lambda e: -_root(a.mean, b.mean, r, e.a_down, e.b_up, upper=False), a, b, r, level)
    return low, _farthest(lambda e: _root(a.mean, b.mean, r, e.a_up, e.b_down, upper=True), a, b, r, level)


@dataclass(frozen=True)
class _Errors:
    """Distances from the means to their limits."""

    a_down: float
    a_up: float
    b_down: float
    b_up: float


def _farthest(reach: Callable[[_Errors], float], a: Share, b: Share, r: float, level: float) -> float:
    """The largest reach at this level or a lower one."""
    a_z, b_z = a.quantile(level), b.quantile(level)

    def at(part: float) -> float:
        (a_low, a_high), (b_low, b_high) = a.limits(part * a_z), b.limits(part * b_z)
        return reach(_Errors(a.mean - a_low, a_high - a.mean, b.mean - b_low, b_high - b.mean))

    whole = at(1.0)
    if r <= 0 or math.isinf(whole):  # it only grows
        return whole
    found = [at(step / STEPS) for step in range(1, STEPS)]
    best = max(range(STEPS), key=[*found, whole].__getitem__)
    if best == STEPS - 1 and at(1 - 1e-6) <= whole:
        return whole
    from scipy.optimize import minimize_scalar

    near = (best / STEPS, min(1.0, (best + 2) / STEPS))
    return max(whole, *found, -float(minimize_scalar(lambda part: -at(part), bounds=near, method="bounded").fun))


def _root(a: float, b: float, r: float, a_error: float, b_error: float, *, upper: bool) -> float:
    # (a - q b)^2 = a_error^2 - 2 r q a_error b_error + q^2 b_error^2, as  square q^2 - 2 half q + rest = 0
    square = b**2 - b_error**2
    half = a * b - r * a_error * b_error
    rest = a**2 - a_error**2
    under = math.sqrt(max(0.0, half * half - square * rest))
    if upper:
        return (half + under) / square if square > 0 else math.inf
    # The smaller root, written so that it is the one between 0 and a/b also where square is negative.
    return max(0.0, rest / (half + under)) if half + under > 0 else 0.0


def _added(one: float, other: float, r: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * r * one * other + other * other))


def scaled(limits: tuple[float, float], bounds: Bounds) -> tuple[float, float]:
    """Limits of a difference in [0, 1] as ones of a measure with these bounds."""
    width = bounds[1] - bounds[0]
    return limits[0] * width, limits[1] * width
