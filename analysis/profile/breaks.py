"""Where a solution breaks: the largest fall of V between neighbouring places that chance does not explain.

Continuations from two places draw by the same numbers, rollout by rollout, so they are pairs, and what counts are the
pairs that differ: were the two places alike, each of those would be as likely to fall as to rise. The test is McNemar's
(1947) in its exact, one-sided form; over all neighbouring places of a solution its p-values are Holm's (1979), which
holds however they depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
"""A fall is significant where Holm's p is at most this: of solutions without any fall so many are said to break."""


@dataclass(frozen=True)
class Fall:
    """What becomes of V from one place to the next."""

    place: int
    """Index of the first of the two."""
    size: float
    """V before, less V after: above 0 where it falls."""
    fell: int
    """Pairs that were right before and are not after."""
    rose: int
    """... and the other way round."""
    p: float
    """One-sided, against no fall."""
    p_holm: float
    """For all places of the solution together."""

    @property
    def significant(self) -> bool:
        return self.p_holm <= LEVEL


def falls(right: NDArray[np.bool_]) -> list[Fall]:
    """Every step of a profile [P, R] from a place to the next: P - 1 of them."""
    fell, rose = (right[:-1] & ~right[1:]).sum(1), (~right[:-1] & right[1:]).sum(1)
    ps = mcnemar(fell, rose)
    rows = zip(fell.tolist(), rose.tolist(), ps.tolist(), holm(ps).tolist(), strict=True)
    size = right.shape[1]
    return [Fall(place, (down - up) / size, down, up, p, held) for place, (down, up, p, held) in enumerate(rows)]


def break_of(steps: Sequence[Fall]) -> Fall | None:
    """The largest significant fall, of equal ones the first; None where no fall is significant.

    It was chosen for its size, so the size is overestimated: another seed at this place alone tells how much.
    """
    return max((step for step in steps if step.significant), key=lambda step: step.size, default=None)


def mcnemar(fell: NDArray[np.int64], rose: NDArray[np.int64]) -> NDArray[np.float64]:
    """P(at least so many of the pairs that differ fell), were both directions equally likely. Of each place [P]."""
    from scipy import stats

    return np.asarray(stats.binom.sf(fell - 1, fell + rose, 0.5))


def holm(ps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values: all that are at most a level may be rejected at it, with its family-wise error.

    Every solution asks for it, and statsmodels' collects all garbage at every call: a hundred times slower.
    """
    order = np.argsort(ps)
    out = np.empty(len(ps))
    out[order] = np.minimum(np.maximum.accumulate(ps[order] * np.arange(len(ps), 0, -1)), 1)
    return out
