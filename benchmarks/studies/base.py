"""What simulated studies share: tables of rates, scenarios that are drawn again and again, and what counts as a hit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

import numpy as np

from analysis.statistics import Estimate, Test

Kind = Literal["coverage", "rejection", "power"]
SIZES = (6, 10, 20, 50, 200)
"""Numbers of problems."""
FEWER_SIZES = (10, 20, 50)
RESAMPLES = 999
"""Of bootstraps, in simulations: their noise averages out over studies."""

Interval = tuple[float, float]
Once = Callable[[np.random.Generator, int], dict[str, bool]]
"""Draws one study and says what happened in it. The number is a seed for resamples."""


@dataclass
class Table:
    """Rates of some methods in some scenarios. A column's name begins with its method's."""

    title: str
    kind: Kind
    words: str
    columns: list[str]
    rows: dict[str, list[float]] = field(default_factory=dict)
    promised: dict[str, list[float | None]] = field(default_factory=dict)

    def add(self, row: str, column: str, rate: float, promised: float | None = None) -> None:
        if column not in self.columns:
            raise KeyError(column)
        place = self.columns.index(column)
        self.rows.setdefault(row, [math.nan] * len(self.columns))[place] = rate
        self.promised.setdefault(row, [None] * len(self.columns))[place] = promised

    def by_method(self) -> dict[str, list[tuple[float, float | None]]]:
        """All rates of each method, which is what comes before the comma in a column's name."""
        out: dict[str, list[tuple[float, float | None]]] = {}
        for row, values in self.rows.items():
            for column, value, promise in zip(self.columns, values, self.promised[row], strict=True):
                out.setdefault(column.partition(",")[0], []).append((value, promise))
        return out


def columns(methods: Sequence[str], sizes: Sequence[int | str]) -> list[str]:
    return [_column(method, size) for method, size in product(methods, sizes)]


def fill(tables: list[Table], row: str, found: dict[str, float], size: int | str | None = None) -> None:
    """Every method's rate into the one table that has a column for it."""
    for method, rate in found.items():
        column = _column(method, size)
        (table,) = (table for table in tables if column in table.columns)
        table.add(row, column, rate)


def _column(method: str, size: int | str | None) -> str:
    return method if size is None else f"{method}, {size}"


def label(accuracies: Sequence[float], samples: int, problems: str) -> str:
    """A row's: what is right in each arm, and how problems differ."""
    return f"{listed(accuracies)}, {samples} a problem, {problems}"


def listed(accuracies: Sequence[float]) -> str:
    return " and ".join(f"{accuracy:g}" for accuracy in accuracies)


@dataclass(frozen=True)
class Simulations:
    """How many of each scenario, and where their numbers come from."""

    count: int
    sequence: np.random.SeedSequence

    def rates(self, once: Once) -> dict[str, float]:
        """Of the next scenario, which has numbers of its own."""
        return rates(self.count, np.random.Generator(np.random.PCG64(self.sequence.spawn(1)[0])), once)


def rates(simulations: int, numbers: np.random.Generator, once: Once) -> dict[str, float]:
    """The share of simulated studies in which each of some things happens."""
    total: dict[str, int] = {}
    for number in range(simulations):
        for name, hit in once(numbers, number).items():
            total[name] = total.get(name, 0) + bool(hit)
    return {name: hits / simulations for name, hits in total.items()}


def holds(interval: Estimate | Interval, truth: float) -> bool:
    """Whether the interval holds the truth, but for rounding."""
    low, high = (interval.low, interval.high) if isinstance(interval, Estimate) else interval
    return low - 1e-9 <= truth <= high + 1e-9


def bounded(estimate: Estimate) -> bool:
    """Whether the interval has a lower limit: where all data tie it may be the whole line, which holds anything."""
    return math.isfinite(estimate.low)


def rejects(test: Test) -> bool:
    return test.p_value <= 0.05
