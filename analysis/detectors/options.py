"""What the miner of jargon takes for an n-gram, for usual and for improbable. Costs no import, as a command's flags."""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.detectors.base import DetectorError


@dataclass(frozen=True)
class Options:
    """What counts as an n-gram, as usual and as improbable."""

    longest: int = 4
    """Pieces of the longest n-gram."""
    least_share: float = 0.05
    """An n-gram is looked at, and a piece is common, if so large a share of the mining half's solutions (of both
    authors) has it."""
    least_excess: float = math.log(100)
    """Nats: a hundred times less probable than what the junior is used to."""
    alpha: float = 0.01
    """In each half, the probability that chance alone reports anything is at most this."""
    flips: int = 1999
    """Random flips for the null; the smallest p-value is 1 / (flips + 1)."""
    seed: int = 0
    """Of the halves and the flips."""

    @property
    def least_problems(self) -> int:
        """With fewer no p-value can reach ``alpha`` in either half: n problems have 2^n flips."""
        return 2 * math.ceil(-math.log2(self.alpha))

    def check(self) -> None:
        """Raises DetectorError, which names the option, for what makes no sense."""
        for fine, what in (
            (self.longest >= 1, "longest must be at least 1"),
            (self.seed >= 0, "seed must be 0 or more"),
            (0 <= self.least_share <= 1, "least_share must be between 0 and 1"),
            (math.isfinite(self.least_excess), "least_excess must be a number"),
            (0 < self.alpha < 1, "alpha must be between 0 and 1"),
            ((self.flips + 1) * self.alpha >= 1, "flips are too few for a p-value as small as alpha"),
        ):
            if not fine:
                raise DetectorError(f"ngrams: {what}")
