"""Tests, which must keep their level: how often they find what is not there."""

from __future__ import annotations

import gc
from itertools import product

import numpy as np

from analysis.statistics import (
    group_permutation_test,
    holm,
    mcnemar_test,
    paired_difference,
    paired_equivalence,
    seed_equivalence,
    seed_test,
    sign_flip_test,
)
from benchmarks.populations import ALIKE, ALL, EXTREME, FEW_HARD, MIXED, Problems, paired, paired_means
from benchmarks.studies.base import FEWER_SIZES, Once, Simulations, Table, bounded, columns, fill, holds, label, rejects
from benchmarks.studies.seeds import by_seed

DEALS = 499
"""Of permutations: (499 + 1) * .05 is whole, so that the level is exact."""
MARGIN = 0.05
"""Of equivalence."""


def comparison_once(
    populations: tuple[Problems, Problems], accuracies: tuple[float, float], samples: int, n: int, deals: int = DEALS
) -> Once:
    """Which methods find a difference between two arms, at .05."""
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = paired(populations[0], drawn, n, samples, accuracies)
        if populations[1] is not populations[0]:
            _, b = paired(populations[1], drawn, n, samples, accuracies)
        one, other = a / samples, b / samples
        plain = paired_difference(one, other, ids, bounds=None)
        out = {
            "sign_flip_test": rejects(sign_flip_test(one, other, ids, seed=number, resamples=deals)),
            "paired_difference": not holds(paired_difference(one, other, ids), 0),
            "t": not holds(plain, 0) or (not bounded(plain) and plain.value != 0),
        }
        if samples == 1:
            out["mcnemar_test"] = rejects(mcnemar_test(a, b, ids))
            out["mcnemar_test mid-p"] = rejects(mcnemar_test(a, b, ids, mid_p=True))
        return out

    return once


def null_study(simulations: Simulations) -> list[Table]:
    """Tests of two arms on the same problems that do not differ."""
    table = Table(
        "Paired tests under the null",
        "rejection",
        "At .05. *paired_difference* and *t*: their interval leaves 0 out. The last rows have equal means but not the "
        "same distribution, where exchanging the arms is not exact.",
        columns(["sign_flip_test", "paired_difference", "t", "mcnemar_test", "mcnemar_test mid-p"], FEWER_SIZES),
    )
    cases: list[tuple[tuple[Problems, Problems], float, int]] = [
        ((population, population), accuracy, samples)
        for population, accuracy, samples in product(ALL, (0.5, 0.95), (1, 8))
        if population.allows(accuracy)
    ]
    cases += [((ALIKE, EXTREME), accuracy, 8) for accuracy in (0.5, 0.95)]
    for (populations, accuracy, samples), n in product(cases, FEWER_SIZES):
        problems = " against ".join(dict.fromkeys(population.name for population in populations))
        found = simulations.rates(comparison_once(populations, (accuracy, accuracy), samples, n))
        fill([table], label([accuracy], samples, problems), found, n)
    return [table]


def groups_once(populations: tuple[Problems, Problems], sizes: tuple[int, int]) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = (
            paired_means(population, drawn, n, 8, (0.7, 0.7))[0]
            for population, n in zip(populations, sizes, strict=True)
        )
        ids = range(sum(sizes))
        found = group_permutation_test(a, ids[: len(a)], b, ids[len(a) :], seed=number, resamples=DEALS)
        return {"group_permutation_test": rejects(found)}

    return once


def group_null_study(simulations: Simulations) -> list[Table]:
    """Two groups of people that do not differ in the mean."""
    groups = {f"{one} and {other}": (one, other) for one, other in ((5, 10), (10, 10), (10, 40), (30, 30))}
    table = Table(
        "Group permutation test under the null",
        "rejection",
        "Equal accuracy (.7), 8 samples a cluster; how clusters differ in either group; by the groups' sizes.",
        columns(["group_permutation_test"], list(groups)),
    )
    every = ((MIXED, MIXED), (EXTREME, EXTREME), (ALIKE, EXTREME), (EXTREME, ALIKE))
    for populations, (both, sizes) in product(every, groups.items()):
        problems = " and ".join(population.name for population in populations)
        fill([table], problems, simulations.rates(groups_once(populations, sizes)), both)
    return [table]


def equivalence_once(population: Problems, accuracies: tuple[float, float], n: int) -> Once:
    ids = list(range(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a, b = paired_means(population, drawn, n, 8, accuracies)
        return {
            "paired_equivalence": paired_equivalence(a, b, ids, margin=MARGIN).equivalent,
            "t": paired_equivalence(a, b, ids, margin=MARGIN, bounds=None).equivalent,
        }

    return once


def _seed_equivalence_once(n: int) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        a = by_seed(0.02 * drawn.standard_normal(n))
        b = by_seed(0.02 * drawn.standard_normal(n) - MARGIN)
        return {"seed_equivalence": seed_equivalence(a, b, margin=MARGIN).equivalent}

    return once


def equivalence_study(simulations: Simulations) -> list[Table]:
    """Arms that differ by just the margin."""
    sizes = (20, 50, 200)
    table = Table(
        "Equivalence at the margin",
        "rejection",
        "How often arms are declared equal that differ by exactly the margin, .05; at .05. 8 samples a problem.",
        columns(["paired_equivalence", "t"], sizes),
    )
    cases = product((MIXED, FEW_HARD), ((0.8, 0.75), (0.95, 0.9), (0.9, 0.95)), sizes)
    for population, accuracies, n in cases:
        found = simulations.rates(equivalence_once(population, accuracies, n))
        fill([table], label(accuracies, 8, population.name), found, n)
    runs = (3, 5, 10)
    seeds = Table("Equivalence at the margin, seeds", "rejection", "", columns(["seed_equivalence"], runs))
    for n in runs:
        fill([seeds], "normal, sd .02, margin .05", simulations.rates(_seed_equivalence_once(n)), n)
    return [table, seeds]


def family_once(effects: tuple[float, ...]) -> Once:
    gc.freeze()  # statsmodels' multipletests collects garbage at every call: not among what is there already
    zero = by_seed(np.zeros(6))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        shared = drawn.standard_normal(6)
        tests = [seed_test(by_seed(effect + 0.5 * shared + drawn.standard_normal(6)), zero) for effect in effects]
        family = holm(tests, "outcomes").rejected()
        return {
            "holm": any(hit for hit, effect in zip(family, effects, strict=True) if not effect),
            "each alone": any(rejects(test) for test, effect in zip(tests, effects, strict=True) if not effect),
        }

    return once


def family_study(simulations: Simulations) -> list[Table]:
    """Several outcomes of the same runs."""
    table = Table(
        "Families",
        "rejection",
        "How often any true null of five correlated outcomes is rejected at .05, 6 seeds.",
        ["holm", "each alone"],
    )
    for row, effects in {"five nulls": (0.0,) * 5, "three nulls, two effects": (0.0, 0.0, 0.0, 3.0, 3.0)}.items():
        fill([table], row, simulations.rates(family_once(effects)))
    return [table]
