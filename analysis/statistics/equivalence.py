"""Equivalence: the test behind "matches". Not to be significantly different is no evidence of being equal.

Two one-sided tests (Schuirmann, 1987): equal within a margin that was stated before, if the difference is
significantly above -margin and significantly below +margin; the same as the 1 - 2 alpha interval lying inside. The
tests are those that our intervals invert, so that p-values and intervals cannot disagree.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from analysis.statistics.data import UNIT_INTERVAL, Bounds, Labels, Numbers, StatisticsError, column, pairs
from analysis.statistics.estimate import Estimate, number, p_text
from analysis.statistics.paired import difference_within, paired_difference
from analysis.statistics.proportions import mean_limits
from analysis.statistics.seeds import Values, seed_difference


@dataclass(frozen=True)
class Equivalence:
    """Whether a difference is within a margin. Prints as a sentence; `as_dict` is the same as plain data."""

    estimate: Estimate
    """The difference with its 1 - 2 alpha interval: 90% at .05."""
    margin: float
    """Half the width of what counts as equal, in the measure's own unit."""
    p_low: float
    """Of the difference being -margin or less."""
    p_high: float
    """Of the difference being margin or more."""
    alpha: float = 0.05

    @property
    def p_value(self) -> float:
        """The larger of the two: both tests must reject."""
        return max(self.p_low, self.p_high)

    @property
    def equivalent(self) -> bool:
        """Whether the interval lies inside the margins."""
        return -self.margin < self.estimate.low and self.estimate.high < self.margin

    def as_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "p_value": self.p_value, "equivalent": self.equivalent}

    def __str__(self) -> str:
        verdict = "shown to be" if self.equivalent else "not shown to be"
        return (
            f"{verdict} within ±{number(self.margin)} (two one-sided tests at {self.alpha:g}: above -margin "
            f"{p_text(self.p_low)}, below margin {p_text(self.p_high)}); {self.estimate}"
        )


def paired_equivalence(
    a: Numbers,
    b: Numbers,
    problems: Labels,
    b_problems: Labels | None = None,
    *,
    margin: float,
    bounds: Bounds | None = UNIT_INTERVAL,
    alpha: float = 0.05,
    unit: str = "problem",
    name: str = "difference",
) -> Equivalence:
    """Whether ``a`` and ``b`` are equal within ``margin`` on the same problems; arguments as for `paired_difference`.

    ``margin`` is in the outcomes' own unit (0.02 is two points of accuracy), and has to be chosen before looking.
    With ``bounds=None`` the two tests are Student's, as statsmodels' ttost_paired over problems.
    """
    _check(margin, alpha)
    given = pairs(column(a, "a", bounds), column(b, "b", bounds), problems, b_problems, unit)
    limits = partial(mean_limits, given.differences) if bounds is None else difference_within(given, bounds)
    shown = paired_difference(a, b, problems, b_problems, bounds=bounds, level=1 - 2 * alpha, unit=unit, name=name)
    return Equivalence(shown, margin, *_one_sided(limits, shown.value, margin), alpha)


def seed_equivalence(
    a: Values,
    b: Values,
    *,
    margin: float,
    bounds: Bounds | None = None,
    alpha: float = 0.05,
    name: str = "difference over seeds",
) -> Equivalence:
    """Whether two arms are equal within ``margin`` over training seeds, paired by seed; see `seed_difference`."""
    _check(margin, alpha)

    def limits(level: float) -> tuple[float, float]:
        found = seed_difference(a, b, level=level)
        return found.low, found.high

    shown = seed_difference(a, b, bounds=bounds, level=1 - 2 * alpha, name=name)
    return Equivalence(shown, margin, *_one_sided(limits, shown.value, margin), alpha)


def _check(margin: float, alpha: float) -> None:
    if not (margin > 0 and math.isfinite(margin)):
        raise StatisticsError(f"margin {margin!r} is not a positive number: state what difference would still be equal")
    if not 0 < alpha < 0.5:
        raise StatisticsError(f"alpha {alpha!r} is not between 0 and 0.5")


def _one_sided(limits: Callable[[float], tuple[float, float]], value: float, margin: float) -> tuple[float, float]:
    """The p-values of the difference being -margin or less, and margin or more."""
    return _below(limits, value, -margin), 1 - _below(limits, value, margin)


def _below(limits: Callable[[float], tuple[float, float]], value: float, edge: float) -> float:
    """The confidence distribution at ``edge``: p of the difference being that or less.

    An interval of level L whose lower limit touches the edge leaves (1 - L) / 2 below it; one whose upper limit does
    has (1 + L) / 2 below.
    """
    from scipy.optimize import brentq

    if value == edge:
        return 0.5
    side, sign = (0, -1) if edge < value else (1, 1)
    most, least = 1 - 1e-9, 1e-9

    def reach(level: float) -> float:
        """How far the limit is beyond the edge: grows with the level."""
        return sign * (limits(level)[side] - edge)

    if reach(least) >= 0:
        return 0.5
    level = most if reach(most) <= 0 else float(brentq(reach, least, most, xtol=1e-12))
    return (1 + sign * level) / 2
