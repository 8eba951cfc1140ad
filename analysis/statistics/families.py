"""Several tests of one question: p-values adjusted so that the whole family keeps its level."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.statistics.data import StatisticsError
from analysis.statistics.estimate import Test, p_text


@dataclass(frozen=True)
class Family:
    """Tests and their adjusted p-values, in the order in which they came."""

    name: str
    tests: tuple[Test, ...]
    adjusted: tuple[float, ...]
    method: str = "Holm's step-down correction"
    assumption: str = "nothing about how the tests depend on each other; that the family was named before looking"

    def rejected(self, alpha: float = 0.05) -> tuple[bool, ...]:
        """Which nulls go while the chance of rejecting any true one stays at most ``alpha``."""
        return tuple(p <= alpha for p in self.adjusted)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        shown = ", ".join(
            f"{test.name}: {p_text(p)} ({p_text(test.p_value)} alone)"
            for test, p in zip(self.tests, self.adjusted, strict=True)
        )
        return f"{self.name}, {len(self.tests)} tests, {self.method}: {shown}; assumes {self.assumption}"


def holm(tests: Sequence[Test], family: str) -> Family:
    """Holm's adjusted p-values (1979), by statsmodels' multipletests. ``family`` names what the tests are all about.

    A single test is a family, too, and keeps its p-value. Refuses none, and a family without a name.
    """
    from statsmodels.stats.multitest import multipletests

    if not tests:
        raise StatisticsError("a family without tests: give at least one")
    if not family.strip():
        raise StatisticsError("name the family: what its tests have in common is what the adjusted p-values are about")
    adjusted = multipletests([test.p_value for test in tests], method="holm")[1]
    return Family(family, tuple(tests), tuple(float(p) for p in adjusted))
