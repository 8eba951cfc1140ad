"""What the functions give back: an estimate with its interval, or a test, with all that is needed to doubt it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from analysis.statistics.data import check_alternative


@dataclass(frozen=True)
class Estimate:
    """A number with its interval. Prints as a sentence; `as_dict` is the same as plain data."""

    name: str
    value: float
    low: float
    high: float
    level: float
    """Confidence level of the interval: 0.95."""
    n: int
    """Rows (episodes) that went in."""
    clusters: int
    """How many independent units they belong to."""
    unit: str
    """What the units are: "problem", "participant", "seed"; of two-way clustering the scarcer kind."""
    method: str
    assumption: str
    seed: int | None = None
    """Seed of the resamples; None where nothing is drawn."""
    notes: tuple[str, ...] = ()
    """What a reader should know before trusting the interval."""
    each: tuple[tuple[str, float], ...] = ()
    """Each unit's own value, where there are few enough to be shown one by one (training seeds)."""

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        shown = f" ({', '.join(f'{label}: {number(value)}' for label, value in self.each)})" if self.each else ""
        interval = f"{self.level * 100:g}% interval [{number(self.low)}, {number(self.high)}]"
        return (
            f"{self.name}: {number(self.value)}{shown}, {interval} by {self.method}, "
            f"{_size(self.n, self.clusters, self.unit)}{_tail(self.seed, self.assumption, self.notes)}"
        )


@dataclass(frozen=True)
class Test:
    """A p-value. Prints as a sentence; `as_dict` is the same as plain data."""

    __test__ = False  # not one of pytest's

    name: str
    statistic: float
    p_value: float
    n: int
    clusters: int
    unit: str
    method: str
    assumption: str
    alternative: str
    """ "two-sided", "greater" (a is larger) or "less"."""
    seed: int | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_alternative(self.alternative)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.name}: {p_text(self.p_value)} ({self.alternative}; statistic {number(self.statistic)}) by "
            f"{self.method}, {_size(self.n, self.clusters, self.unit)}{_tail(self.seed, self.assumption, self.notes)}"
        )


def number(value: float) -> str:
    return f"{value:.4g}"


def p_text(p: float) -> str:
    return f"p = {p:.3g}" if p >= 1e-4 else "p < 0.0001"


def _size(n: int, clusters: int, unit: str) -> str:
    noun, space, rest = unit.partition(" ")  # "person crossed with 30 problems"
    return f"n = {n} of {clusters} {noun}{'' if clusters == 1 else 's'}{space}{rest}"


def _tail(seed: int | None, assumption: str, notes: tuple[str, ...]) -> str:
    drawn = "" if seed is None else f", seed {seed}"
    return f"{drawn}; assumes {assumption}" + "".join(f"; note: {note}" for note in notes)
