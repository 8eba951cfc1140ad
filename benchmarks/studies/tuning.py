"""What was chosen by simulation: the prior of the design effect, the shrunk correlation."""

from __future__ import annotations

from itertools import product

import numpy as np

from analysis.statistics.intervals import PAIRED, correlation, difference_limits, share
from benchmarks.populations import ALL, Problems, paired_means
from benchmarks.studies.base import FEWER_SIZES, Once, Simulations, Table, columns, holds, label

PRIORS = (0.0, 0.02, 0.1, 0.5)


def _tuning_once(population: Problems, accuracies: tuple[float, float], n: int) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = paired_means(population, drawn, n, 8, accuracies)
        covariance = float(np.cov(a, b)[0, 1]) / n
        arms = [(float(x.mean()), float(x.var(ddof=1)) / n) for x in (a, b)]
        shrunk = correlation(covariance, arms[0][1], arms[1][1], n)
        truth = accuracies[0] - accuracies[1]
        out = {}
        for prior in PRIORS:
            one, other = (share(mean, variance, n, prior or 1e-12) for mean, variance in arms)
            out[f"arm|{prior:g}"] = holds(one.limits(one.quantile(0.95)), accuracies[0])
            out[f"pair|{prior:g}"] = holds(difference_limits(one, other, shrunk, 0.95), truth)
            if prior <= PAIRED:
                plain = shrunk * n / (n - 1) if shrunk > 0 else shrunk
                out[f"pair|{prior:g} r"] = holds(difference_limits(one, other, plain, 0.95), truth)
        return out

    return once


def tuning_study(simulations: Simulations) -> list[Table]:
    """What the prior of the design effect and the shrunk correlation do."""
    tables = {
        "arm": Table(
            "Chosen: the prior of one arm",
            "coverage",
            "Wilson's interval for the effective number of trials with several priors of the design effect; ours is "
            "0.1. 8 samples a problem; the first accuracy's interval.",
            columns([f"{prior:g}" for prior in PRIORS], FEWER_SIZES),
        ),
        "pair": Table(
            "Chosen: the prior of a pair, and its correlation",
            "coverage",
            "The difference in the same studies; ours is 0.02, the correlation shrunk. *r*: the correlation not "
            "shrunk.",
            columns(["0 r", "0", "0.02 r", "0.02", "0.1", "0.5"], FEWER_SIZES),
        ),
    }
    cases = product(ALL, ((0.95, 0.85), (0.95, 0.95), (0.99, 0.97), (0.5, 0.35)), FEWER_SIZES)
    for population, accuracies, n in cases:
        if population.allows(*accuracies):
            for key, rate in simulations.rates(_tuning_once(population, accuracies, n)).items():
                which, name = key.split("|")
                tables[which].add(label(accuracies, 8, population.name), f"{name}, {n}", rate)
    return list(tables.values())
