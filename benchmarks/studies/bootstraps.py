"""The bootstrap beside Student's t: on measures without bounds, which it is for, and on grades, which it is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Literal

import numpy as np

from analysis.statistics import bootstrap_difference, bootstrap_mean, bootstrap_ratio, paired_difference, student_mean
from benchmarks.populations import MIXED, Floats, paired_means
from benchmarks.studies.base import (
    FEWER_SIZES,
    RESAMPLES,
    Once,
    Simulations,
    Table,
    bounded,
    columns,
    fill,
    holds,
    label,
)

METHODS: tuple[Literal["studentised", "bca", "percentile"], ...] = ("studentised", "bca", "percentile")
SHAPES: dict[str, tuple[Callable[[Floats], Floats], float]] = {
    "normal": (lambda normal: normal, 0.0),
    "log-normal, sigma 0.5": (lambda normal: np.exp(normal / 2), math.exp(0.125)),
    "log-normal, sigma 1": (np.exp, math.exp(0.5)),
}
"""How problems' means of a measure without bounds come from normal ones, and the mean of that."""


def _mean_once(shape: str, n: int) -> Once:
    ids = list(range(n))
    shaped, truth = SHAPES[shape]

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        values = shaped(drawn.standard_normal(n))
        return {
            "student_mean (t)": holds(student_mean(values, ids), truth),
            **{
                method: holds(bootstrap_mean(values, ids, seed=number, method=method, resamples=RESAMPLES), truth)
                for method in METHODS
            },
        }

    return once


def _grades_once(accuracies: tuple[float, float], n: int) -> Once:
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = paired_means(MIXED, drawn, n, 8, accuracies)
        truth = accuracies[0] - accuracies[1]
        ratio = bootstrap_ratio(b, a, ids, seed=number, resamples=RESAMPLES)
        out = {"studentised ratio": holds(ratio, accuracies[1] / accuracies[0])}
        for method in METHODS:
            found = bootstrap_difference(a, b, ids, seed=number, method=method, resamples=RESAMPLES)
            out[method] = holds(found, truth) and bounded(found)
        return out

    return once


def mean_study(simulations: Simulations) -> list[Table]:
    """Measures without bounds, and what the bootstrap makes of grades."""
    means = Table(
        "Means of a measure without bounds",
        "coverage",
        "How problems' means are distributed; by number of problems. The skewed ones are like counts of words or nats. "
        f"Bootstraps with {RESAMPLES} resamples.",
        columns(["student_mean (t)", *METHODS], FEWER_SIZES),
    )
    for shape, n in product(SHAPES, FEWER_SIZES):
        fill([means], shape, simulations.rates(_mean_once(shape, n)), n)
    grades = Table(
        "The bootstrap on grades",
        "coverage",
        "Paired differences and ratios by bootstraps over problems, where the defaults are `paired_difference` and "
        "`retention`; 8 samples a problem.",
        columns([*METHODS, "studentised ratio"], FEWER_SIZES),
    )
    for accuracies, n in product(((0.5, 0.35), (0.95, 0.95), (0.95, 0.85)), FEWER_SIZES):
        fill([grades], label(accuracies, 8, MIXED.name), simulations.rates(_grades_once(accuracies, n)), n)
    return [means, grades]


def _skewed_once(kind: str, n: int) -> Once:
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        if kind == "counts":
            rate = drawn.gamma(3, 1, n)
            a, b, truth = drawn.poisson(rate), drawn.poisson(0.8 * rate), 0.6
        else:
            shared, one, other = 0.7 * drawn.standard_normal((3, n))
            size = {"log-normal arms": 1.0, "log-normal arms, one half as large": 0.5}[kind]
            a, b, truth = np.exp(shared + one), size * np.exp(shared + other), (1 - size) * math.exp(0.49)
        again = bootstrap_difference(a, b, ids, seed=number, resamples=RESAMPLES)
        return {
            "paired_difference (t)": holds(paired_difference(a, b, ids, bounds=None), truth),
            "studentised": holds(again, truth),
        }

    return once


def skewed_study(simulations: Simulations) -> list[Table]:
    """Paired differences of measures without bounds."""
    table = Table(
        "Paired differences without bounds",
        "coverage",
        "Counts (Poisson, rates gamma over problems, one arm's 0.8 of the other's) and log-normal arms that share "
        "half of their variance (sigma 1); by number of problems. *paired_difference* is with `bounds=None`.",
        columns(["paired_difference (t)", "studentised"], FEWER_SIZES),
    )
    for kind, n in product(("counts", "log-normal arms", "log-normal arms, one half as large"), FEWER_SIZES):
        fill([table], kind, simulations.rates(_skewed_once(kind, n)), n)
    return [table]
