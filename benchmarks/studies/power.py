"""The power that was promised, and the one that is had."""

from __future__ import annotations

import numpy as np

from analysis.statistics import (
    Study,
    crossed_power,
    mcnemar_power,
    paired_power,
    seed_power,
    seed_test,
    two_way_difference,
)
from analysis.statistics.crossed import simulate
from benchmarks.populations import ALIKE, EXTREME, FEW_HARD, MIXED, discordance
from benchmarks.studies.base import Once, Simulations, Table, holds, label, listed, rejects
from benchmarks.studies.levels import comparison_once
from benchmarks.studies.seeds import by_seed

DEALS = 1999
"""Of permutations: fewer would cost power."""
PAIRED_STUDIES = (
    (ALIKE, (0.5, 0.35), 8, 20),
    (ALIKE, (0.9, 0.8), 1, 150),
    (ALIKE, (0.6, 0.4), 1, 50),
    (MIXED, (0.7, 0.6), 8, 50),
    (MIXED, (0.7, 0.6), 1, 200),
    (MIXED, (0.95, 0.9), 8, 50),
    (MIXED, (0.95, 0.9), 1, 300),
    (MIXED, (0.7, 0.55), 4, 30),
    (EXTREME, (0.6, 0.5), 8, 100),
    (EXTREME, (0.95, 0.85), 8, 20),
    (FEW_HARD, (0.95, 0.85), 8, 50),
)


def power_study(simulations: Simulations) -> list[Table]:
    """Of paired comparisons, over seeds, of people by problems."""
    return [_paired_power(simulations), _seed_power(simulations), _crossed_power(simulations)]


def _paired_power(simulations: Simulations) -> Table:
    table = Table(
        "Power of paired comparisons",
        "power",
        "Accuracies, samples a problem, how problems differ, number of problems. Promised by `paired_power` from the "
        "population's own discordance and correlation; with one sample a problem by `mcnemar_power` for McNemar's test "
        "and sign flips, which then are the same test.",
        ["sign_flip_test", "paired_difference", "t", "mcnemar_test"],
    )
    for population, accuracies, samples, n in PAIRED_STUDIES:
        disagree, correlated = discordance(population, accuracies)
        gap = accuracies[0] - accuracies[1]
        promised = paired_power(n, samples, difference=gap, discordance=disagree, correlation=correlated).power
        exact = mcnemar_power(n, difference=gap, discordance=disagree).power
        once = comparison_once((population, population), accuracies, samples, n, DEALS)
        for name, rate in simulations.rates(once).items():
            if name in table.columns:
                counted = samples == 1 and name in ("mcnemar_test", "sign_flip_test")
                place = f"{label(accuracies, samples, population.name)}, {n} problems"
                table.add(place, name, rate, exact if counted else promised)
    return table


def _seed_power_once(n: int, difference: float, sd: float) -> Once:
    zero = by_seed(np.zeros(n))

    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        return {"seed_test": rejects(seed_test(by_seed(difference + sd * drawn.standard_normal(n)), zero))}

    return once


def _seed_power(simulations: Simulations) -> Table:
    table = Table("Power over seeds", "power", "Normal values; promised by `seed_power`.", ["seed_test"])
    for n, difference, sd in ((3, 0.05, 0.02), (5, 0.03, 0.02), (10, 0.02, 0.02), (20, 0.01, 0.02)):
        promised = seed_power(n, difference=difference, sd=sd).power
        found = simulations.rates(_seed_power_once(n, difference, sd))
        table.add(f"{n} seeds, difference {difference:g}, sd {sd:g}", "seed_test", found["seed_test"], promised)
    return table


def _crossed_power_once(study: Study) -> Once:
    def once(drawn: np.random.Generator, number: int) -> dict[str, bool]:
        answers = simulate(study, drawn)
        estimate = two_way_difference(answers.right, answers.treated, answers.people, answers.problems)
        return {"two_way_difference": not holds(estimate, 0)}

    return once


def _crossed_power(simulations: Simulations) -> Table:
    table = Table(
        "Power of people by problems",
        "power",
        "Promised by `crossed_power` with 2,000 simulations of its own, so that the two differ by chance alone.",
        ["two_way_difference"],
    )
    seed = int(simulations.sequence.generate_state(1)[0])
    for study in (Study(12, 20, 10, (0.75, 0.55)), Study(20, 40, 20, (0.7, 0.6)), Study(40, 20, 10, (0.9, 0.8))):
        promised = crossed_power(study, simulations=2000, seed=seed).power
        found = simulations.rates(_crossed_power_once(study))
        place = f"{study.people} people, {study.problems} problems, {study.per_person} each, {listed(study.accuracy)}"
        table.add(place, "two_way_difference", found["two_way_difference"], promised)
    return table
