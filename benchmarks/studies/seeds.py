"""Training seeds: t over a few runs, and why no bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from analysis.statistics import bootstrap_mean, over_seeds, seed_test
from benchmarks.populations import Floats
from benchmarks.studies.base import RESAMPLES, Once, Simulations, Table, columns, fill, holds, rejects

RUNS: dict[str, tuple[Callable[[np.random.Generator, int], Floats], float]] = {
    "normal": (lambda drawn, n: 0.6 + 0.05 * drawn.standard_normal(n), 0.6),
    "one run in ten collapses": (
        lambda drawn, n: 0.6 + 0.02 * drawn.standard_normal(n) - 0.3 * (drawn.random(n) < 0.1),
        0.57,
    ),
}
"""How runs differ, and their mean."""


def by_seed(values: Floats) -> dict[int, float]:
    return dict(enumerate(values.tolist()))


def seeds_once(kind: str, n: int) -> Once:
    run, truth = RUNS[kind]

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        values, others = run(drawn, n), run(drawn, n)
        drawn_again = bootstrap_mean(
            values, range(n), seed=number, method="percentile", resamples=RESAMPLES, unit="seed"
        )
        return {
            "over_seeds (t)": holds(over_seeds(by_seed(values)), truth),
            "percentile bootstrap": holds(drawn_again, truth),
            "seed_test": rejects(seed_test(by_seed(values), by_seed(others))),
        }

    return once


def seed_study(simulations: Simulations) -> list[Table]:
    """Training seeds."""
    sizes = (2, 3, 5, 10)
    tables = [
        Table(
            "Training seeds",
            "coverage",
            "How runs differ; by number of seeds. A bootstrap of three is there to show why it is not offered.",
            columns(["over_seeds (t)", "percentile bootstrap"], sizes),
        ),
        Table("Training seeds, null", "rejection", "Paired by seed, at .05.", columns(["seed_test"], sizes)),
    ]
    for kind, n in product(RUNS, sizes):
        fill(tables, kind, simulations.rates(seeds_once(kind, n)), n)
    return tables
