"""A small version of the simulated studies (`make coverage-sims`): known truth, seconds instead of minutes.

Bounds allow for chance: three binomial standard errors of this many studies around what docs/COVERAGE.md promises.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.statistics import Study, mcnemar_power, paired_power
from benchmarks import coverage
from benchmarks.populations import ALIKE, ALL, EXTREME, FEW_HARD, MIXED, Problems, discordance, paired
from benchmarks.studies import power
from benchmarks.studies.base import Kind, Once, Table, rates
from benchmarks.studies.intervals import group_once, paired_once, proportion_once
from benchmarks.studies.levels import comparison_once, equivalence_once, family_once, groups_once
from benchmarks.studies.people import crossed_once
from benchmarks.studies.seeds import seeds_once

SIMULATIONS = 300


def slack(rate: float) -> float:
    return 3 * math.sqrt(rate * (1 - rate) / SIMULATIONS)


def found(once: Once) -> dict[str, float]:
    return rates(SIMULATIONS, np.random.default_rng(20261121), once)


@pytest.mark.parametrize("n", [10, 20, 50])
@pytest.mark.parametrize("samples", [1, 8])
@pytest.mark.parametrize("accuracies", [(0.5, 0.35), (0.95, 0.95), (0.95, 0.85)])
@pytest.mark.parametrize("population", [MIXED, EXTREME], ids=lambda population: population.name)
def test_paired_intervals_cover(population: Problems, accuracies: tuple[float, float], samples: int, n: int) -> None:
    """93% or more; at most 97% where there is enough that differs."""
    rate = found(paired_once(population, accuracies, samples, n))
    for name in ("paired_difference", "retention"):
        assert rate[name] >= 0.93 - slack(0.93), name
    if n == 50 and samples == 8 and accuracies[1] < 0.9:
        assert rate["paired_difference"] <= 0.97 + slack(0.97)


@pytest.mark.parametrize("n", [10, 20, 50])
@pytest.mark.parametrize("accuracy", [0.5, 0.95])
@pytest.mark.parametrize("population", ALL, ids=lambda population: population.name)
def test_one_arm_is_covered(population: Problems, accuracy: float, n: int) -> None:
    if not population.allows(accuracy):
        pytest.skip("few hard problems are few")
    for samples in (1, 8):
        rate = found(proportion_once(population, accuracy, samples, n))
        assert rate["proportion"] >= 0.93 - slack(0.93)


def test_groups_are_covered() -> None:
    rate = found(group_once(MIXED, (0.8, 0.5), 8, 20))
    assert min(rate.values()) >= 0.93 - slack(0.93)


@pytest.mark.parametrize(("accuracy", "samples"), [(0.5, 1), (0.5, 8), (0.95, 1), (0.95, 8)])
def test_paired_tests_keep_their_level(accuracy: float, samples: int) -> None:
    rate = found(comparison_once((MIXED, MIXED), (accuracy, accuracy), samples, 20))
    for name in ("sign_flip_test", "mcnemar_test"):
        assert rate.get(name, 0) <= 0.05 + slack(0.05), name


def test_groups_that_differ_in_spread_alone_are_not_told_apart() -> None:
    for populations in ((MIXED, MIXED), (ALIKE, EXTREME)):
        rate = found(groups_once(populations, (10, 10)))
        assert rate["group_permutation_test"] <= 0.06 + slack(0.06)


def test_three_seeds() -> None:
    """t covers; the bootstrap of three, which we do not offer over seeds, does not come near."""
    rate = found(seeds_once("normal", 3))
    assert rate["over_seeds (t)"] == pytest.approx(0.95, abs=slack(0.95))
    assert rate["percentile bootstrap"] < 0.85
    assert rate["seed_test"] <= 0.05 + slack(0.05)


def test_arms_at_the_margin_are_rarely_called_equal() -> None:
    rate = found(equivalence_once(MIXED, (0.8, 0.75), 50))
    assert rate["paired_equivalence"] <= 0.05 + slack(0.05)


def test_a_family_keeps_its_level() -> None:
    rate = found(family_once((0.0,) * 5))
    assert rate["holm"] <= 0.05 + slack(0.05)
    assert rate["each alone"] > 0.1


@pytest.mark.parametrize("spreads", [(0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 0.0, 0.0), (0.7, 1.5, 0.7, 0.7)])
def test_people_by_problems_are_covered(spreads: tuple[float, float, float, float]) -> None:
    rate = found(crossed_once(Study(12, 20, 10, (0.8, 0.65), *spreads)))
    for name in ("mean|default", "difference|default"):
        assert rate[name] >= 0.93 - slack(0.93), name


def test_power_is_what_was_promised() -> None:
    """Within three points, and chance."""
    disagree, correlated = discordance(MIXED, (0.7, 0.6))
    promised = paired_power(50, 8, difference=0.1, discordance=disagree, correlation=correlated).power
    rate = found(comparison_once((MIXED, MIXED), (0.7, 0.6), 8, 50, power.DEALS))
    assert rate["sign_flip_test"] == pytest.approx(promised, abs=0.03 + slack(promised))
    disagree, _ = discordance(ALIKE, (0.6, 0.4))
    exact = mcnemar_power(50, difference=0.2, discordance=disagree).power
    rate = found(comparison_once((ALIKE, ALIKE), (0.6, 0.4), 1, 50, power.DEALS))
    assert rate["mcnemar_test"] == pytest.approx(exact, abs=slack(exact))


def test_populations_have_the_accuracies_they_say() -> None:
    drawn = np.random.default_rng(1)
    for population in ALL:
        a, b = paired(population, drawn, 200_000, 4, (0.9, 0.8))
        assert (a.mean() / 4, b.mean() / 4) == pytest.approx((0.9, 0.8), abs=0.003)
        chances, _ = population.chances(drawn, 200_000, (0.9, 0.8))
        assert population.pass_at(3, 0.9) == pytest.approx((1 - (1 - chances) ** 3).mean(), abs=0.002)
    assert discordance(ALIKE, (0.6, 0.4)) == pytest.approx((0.6 * 0.6 + 0.4 * 0.4, 0.0))
    # few hard ones: .2 and .4 of problems, half of the time: a(1 - b) + b(1 - a), and Var(a - b) of independent arms
    disagree, correlated = discordance(FEW_HARD, (0.9, 0.8))
    assert disagree == pytest.approx(0.9 * 0.2 + 0.8 * 0.1, abs=1e-3)
    assert correlated == pytest.approx((0.04 + 0.06) / (0.26 - 0.01), abs=2e-3)


@pytest.mark.parametrize(
    ("value", "kind", "promised", "shown"),
    [
        (0.929, "coverage", None, "**92.9**"),
        (0.95, "coverage", None, "95.0"),
        (0.98, "coverage", None, "*98.0*"),
        (0.061, "rejection", None, "**6.1**"),
        (0.02, "rejection", None, "2.0"),
        (0.8, "power", 0.82, "80.0 (82.0)"),
        (0.8, "power", 0.85, "**80.0 (85.0)**"),
        (math.nan, "power", None, ""),
    ],
)
def test_a_miss_shows(value: float, kind: Kind, promised: float | None, shown: str) -> None:
    assert coverage.cell(value, kind, promised) == shown


def test_the_page_counts_misses() -> None:
    table = Table("T", "coverage", "words", ["x, 1", "x, 2", "y, 1"])
    table.add("row", "x, 1", 0.92)
    table.add("row", "x, 2", 0.98)
    page = coverage.page([table], coverage.CoverageConfig(simulations=100), 60.0)
    assert "| T: x | 2 | 92.0 | 98.0 | 1 | 1 |  |  |" in page
    assert "| row | **92.0** | *98.0* |  |" in page
    with pytest.raises(KeyError):
        table.add("row", "z", 0.5)
