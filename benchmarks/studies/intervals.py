"""Intervals of grades: two arms on the same problems, one arm, two groups that share nothing."""

from __future__ import annotations

from itertools import product

import numpy as np

from analysis.statistics import (
    group_difference,
    group_ratio,
    independent_proportion,
    paired_difference,
    pass_at_k,
    proportion,
    retention,
    student_mean,
)
from benchmarks.populations import ALIKE, ALL, EXTREME, MIXED, Problems, paired, paired_means, rows
from benchmarks.studies.base import FEWER_SIZES, SIZES, Once, Simulations, Table, bounded, columns, fill, holds, label


def paired_once(population: Problems, accuracies: tuple[float, float], samples: int, n: int) -> Once:
    ids = list(range(n))
    truth = accuracies[0] - accuracies[1]

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        # A problem's mean for its rows: the same to these functions, which take means first, and quicker.
        a, b = paired_means(population, drawn, n, samples, accuracies)
        plain = paired_difference(a, b, ids, bounds=None)
        return {
            "paired_difference": holds(paired_difference(a, b, ids), truth),
            "t": holds(plain, truth) and bounded(plain),
            "retention": bool(a.any()) and holds(retention(b, a, ids), accuracies[1] / accuracies[0]),
        }

    return once


def paired_study(simulations: Simulations) -> list[Table]:
    """Differences and ratios of two arms on the same problems."""
    tables = [
        Table(
            "Paired difference",
            "coverage",
            "Accuracies of the two arms, samples a problem, how problems differ; by number of problems. "
            "*paired_difference* is the default; *t* is the same with `bounds=None`: where all problems tie it has no "
            "interval, which is counted as a miss.",
            columns(["paired_difference", "t"], SIZES),
        ),
        Table(
            "Retention",
            "coverage",
            "The ratio of the second arm to the first, in the same studies. Solo without any success, which is "
            "refused, is counted as a miss (once in a thousand at 10 problems and .5).",
            columns(["retention"], SIZES),
        ),
    ]
    cases = product(ALL, ((0.5, 0.5), (0.5, 0.35), (0.95, 0.95), (0.95, 0.85)), (1, 8), SIZES)
    for population, accuracies, samples, n in cases:
        if population.allows(*accuracies):
            found = simulations.rates(paired_once(population, accuracies, samples, n))
            fill(tables, label(accuracies, samples, population.name), found, n)
    return tables


def proportion_once(population: Problems, accuracy: float, samples: int, n: int) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        right, _ = paired(population, drawn, n, samples, (accuracy, accuracy))
        values, problems = rows(right, samples)
        plain = student_mean(values, problems)
        out = {
            "proportion": holds(proportion(values, problems), accuracy),
            "t": holds(plain, accuracy) and bounded(plain),
            "Wilson over rows": holds(independent_proportion(int(right.sum()), len(values)), accuracy),
        }
        if samples > 1:
            out["pass_at_k"] = holds(pass_at_k(values, problems, 4), population.pass_at(4, accuracy))
        return out

    return once


def proportion_study(simulations: Simulations) -> list[Table]:
    """One arm: accuracy and pass@4."""
    tables = [
        Table(
            "Accuracy of one arm",
            "coverage",
            "Accuracy, samples a problem, how problems differ; by number of problems. *proportion* is the default; *t* "
            "is `student_mean`, no interval being a miss; *Wilson over rows* takes all samples for independent, as "
            "they are with one a problem only. One a problem is a binomial count whatever the problems; coverage jumps "
            "with n.",
            columns(["proportion", "t", "Wilson over rows"], SIZES),
        ),
        Table("pass@4 of 8 samples", "coverage", "The same studies.", columns(["pass_at_k"], SIZES)),
    ]
    for population, accuracy, samples, n in product(ALL, (0.2, 0.5, 0.95, 0.99), (1, 8), SIZES):
        if population.allows(accuracy) and (samples > 1 or population is ALIKE):
            found = simulations.rates(proportion_once(population, accuracy, samples, n))
            fill(tables, label([accuracy], samples, population.name), found, n)
    return tables


def group_once(population: Problems, accuracies: tuple[float, float], samples: int, n: int) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, a_ids = rows(paired(population, drawn, n, samples, accuracies)[0], samples)
        b, b_ids = rows(paired(population, drawn, n, samples, accuracies)[1], samples)
        ratio = bool(b.any()) and holds(group_ratio(a, a_ids, b, b_ids + n), accuracies[0] / accuracies[1])
        difference = group_difference(a, a_ids, b, b_ids + n)
        return {"group_difference": holds(difference, accuracies[0] - accuracies[1]), "group_ratio": ratio}

    return once


def group_study(simulations: Simulations) -> list[Table]:
    """Two arms that share no problems, or no people."""
    table = Table(
        "Two groups that share no cluster",
        "coverage",
        "Accuracies, samples a cluster, how clusters differ; by number of clusters in each group.",
        columns(["group_difference", "group_ratio"], FEWER_SIZES),
    )
    cases = product((ALIKE, MIXED, EXTREME), ((0.5, 0.5), (0.8, 0.5), (0.95, 0.85)), (1, 8), FEWER_SIZES)
    for population, accuracies, samples, n in cases:
        found = simulations.rates(group_once(population, accuracies, samples, n))
        fill([table], label(accuracies, samples, population.name), found, n)
    return [table]
