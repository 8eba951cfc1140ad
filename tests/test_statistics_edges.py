"""What is refused, and what is said where data have little to say."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.statistics import (
    StatisticsError,
    Study,
    bootstrap_difference,
    bootstrap_mean,
    crossed_people_needed,
    crossed_power,
    group_difference,
    group_permutation_test,
    group_ratio,
    holm,
    independent_proportion,
    mcnemar_power,
    mcnemar_test,
    over_seeds,
    paired_difference,
    paired_equivalence,
    paired_power,
    paired_problems_needed,
    pass_at_k,
    proportion,
    retention,
    seed_difference,
    seed_equivalence,
    seed_power,
    seed_test,
    sign_flip_test,
    student_mean,
    two_way_difference,
    two_way_mean,
    two_way_retention,
)

REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: proportion([], []), "empty"),
    (lambda: proportion([1, float("nan")], [0, 1]), "1 of 2 rows that are missing"),
    (lambda: proportion([1, None], [0, 1]), "1 of 2 rows that are missing"),  # type: ignore[arg-type]
    (lambda: proportion(["yes"], [0]), "no number"),  # type: ignore[arg-type]
    (lambda: proportion([[1, 0]], [0]), "2 dimensions"),  # type: ignore[arg-type]
    (lambda: proportion([1, 2], [0, 1]), r"outside of \[0, 1\]"),
    (lambda: proportion([1, 0], [0]), "1 labels for 2 rows"),
    (lambda: proportion([1, 0], [0, None]), "no usable label in row 1"),
    (lambda: proportion([1, 0], [0, float("nan")]), "no usable label in row 1"),
    (lambda: proportion([1, 0], np.zeros((2, 1))), "no usable label in row 0"),
    (lambda: proportion([1, 0], [0, 1], level=95), "level 95 is not between 0 and 1"),
    (lambda: independent_proportion(3, 2), "3 of 2 is no proportion"),
    (lambda: paired_difference([1, 0], [1], [0, 1]), "2 rows against 1"),
    (lambda: paired_difference([1, 0], [1], [0, 1], [0]), "1 of 2 problems are in one arm only"),
    (lambda: paired_difference([1, 0], [1, 0], [0, 1], bounds=(1, 0)), "not in order"),
    (lambda: retention([1, 0], [0, 0], [0, 1]), "denominator is 0"),
    (lambda: group_ratio([1, 0], [0, 1], [0, 0], [2, 3]), "denominator is 0"),
    (lambda: group_difference([1, 0], [0, 1], [0, 0], [1, 2]), "1 problems are in both arms"),
    (lambda: group_permutation_test([1, 0], [0, 1], [1], [2], seed=0), "a single participant"),
    (lambda: mcnemar_test([1, 0, 1], [1, 1, 0], ["p", "p", "q"]), "3 rows of 2 problems.*sign_flip_test"),
    (lambda: mcnemar_test([0.5], [1], ["p"]), "right and wrong"),
    (lambda: mcnemar_test([1, 0], [1], ["p", "q"]), "of pairs"),
    (lambda: mcnemar_test([1], [1], ["p"], alternative="larger"), "none of two-sided"),
    (lambda: sign_flip_test([1], [1], ["p"], seed=0, alternative="larger"), "none of two-sided"),
    (lambda: sign_flip_test(range(20), [0] * 20, range(20), seed=-1), "seed -1"),
    (lambda: bootstrap_mean([1, 2], [0, 1], seed=True), "seed True"),
    (lambda: bootstrap_mean([1, 2], [0, 1], seed=1, resamples=10), "10 resamples"),
    (lambda: bootstrap_mean([1, 2], [0, 1], seed=1, method="basic"), "'basic' is none of"),  # type: ignore[arg-type]
    (lambda: over_seeds({0: 0.5}), "one seed says nothing about others"),
    (lambda: seed_difference({0: 0.5, 1: 0.5}, {0: 0.5, 2: 0.5}), "seed 1 is in one arm only"),
    (lambda: seed_test({0: 0.5, 1: 0.6}, {0: 0.4, 1: 0.5}), "all 2 seeds differ by 0.1"),
    (lambda: paired_equivalence([1, 0], [1, 0], [0, 1], margin=0), "margin 0 is not a positive number"),
    (lambda: seed_equivalence({0: 1, 1: 2}, {0: 1, 1: 3}, margin=1, alpha=0.6), "alpha 0.6"),
    (lambda: holm([], "outcomes"), "without tests"),
    (lambda: holm([sign_flip_test([1], [0], "p", seed=0)], " "), "name the family"),
    (lambda: pass_at_k([1, 0, 1], ["p", "p", "q"], 2), "at least 2 samples of every problem, and 'q' has 1"),
    (lambda: pass_at_k([1, 0], ["p", "p"], 0), "pass@0 is not defined"),
    (lambda: pass_at_k([0.5, 0], ["p", "p"], 1), "0 or 1 for each"),
    (lambda: two_way_mean([1, 0], ["x", "x"], [0, 1]), "a single person"),
    (lambda: two_way_mean([1, 0], ["x", "y"], [0, 0]), "a single problem"),
    (lambda: two_way_retention([1, 0], [0, 0], ["x", "y"], [0, 1]), "0"),
    (lambda: two_way_retention([1, 0], [1], ["x", "y"], [0, 1]), "one for each"),
    (lambda: two_way_difference([1, 0], [1, 1], ["x", "y"], [0, 1]), "all rows are of one condition"),
    (lambda: two_way_difference([1, 0], ["yes", "no"], ["x", "y"], [0, 1]), "True or False"),
    (lambda: paired_power(20, 1, difference=0.3, discordance=0.2), "discordance 0.2 is not between"),
    (lambda: paired_power(20, 0, difference=0.1, discordance=0.2), "0 samples a problem"),
    (lambda: paired_power(1, 1, difference=0.1, discordance=0.2), "1 is too few"),
    (lambda: paired_power(20, 1, difference=1, discordance=1), "nothing to chance"),
    (lambda: paired_power(20, 2, difference=0.1, discordance=0.2, correlation=-1), "correlation -1"),
    (lambda: paired_problems_needed(1, 1, difference=0.1, discordance=0.2), "power 1 is not between"),
    (lambda: paired_problems_needed(0.9, 1, difference=0, discordance=0.2), "cannot be found"),
    (lambda: mcnemar_power(0, difference=0.1, discordance=0.2), "0 is too few"),
    (lambda: seed_power(3, difference=0.1, sd=0), "sd 0 is not positive"),
    (lambda: seed_power(3, difference=0.1, sd=1, alpha=5), "alpha 5"),
    (lambda: Study(1, 9, 4, (0.5, 0.4)), "is no study"),
    (lambda: Study(9, 9, 4, (1, 0.4)), "strictly between 0 and 1"),
    (lambda: Study(9, 9, 4, (0.5, 0.4), person_sd=-1), "negative"),
    (lambda: crossed_power(Study(9, 9, 4, (0.5, 0.4)), seed=0, simulations=10), "10 simulations"),
]


@pytest.mark.parametrize(("act", "says"), REFUSED)
def test_refused_in_one_sentence(act: Callable[[], Any], says: str) -> None:
    with pytest.raises(StatisticsError, match=says) as error:
        act()
    assert "\n" not in str(error.value)


def test_a_single_problem_gives_all_that_is_possible() -> None:
    found = proportion([1, 1, 0], ["p", "p", "p"])
    assert (found.value, found.low, found.high) == pytest.approx((2 / 3, 0, 1))
    assert "a single problem says nothing" in found.notes[0]
    gap = paired_difference([1, 1], [0, 1], ["p", "p"])
    assert (gap.low, gap.high) == (-1, 1)
    kept = retention([1, 1], [0, 1], ["p", "p"])
    assert (kept.low, kept.high) == (0, math.inf)
    for plain in (student_mean([3, 4], ["p", "p"]), paired_difference([3], [4], ["p"], bounds=None)):
        assert (plain.low, plain.high) == (-math.inf, math.inf)
    assert not paired_equivalence([1], [1], ["p"], margin=0.5).equivalent


def test_ten_problems_that_all_tie() -> None:
    """At the ceiling each arm is only known to be above Wilson's limit for 10 of 10 with t: 10 / (10 + t^2) = .6615."""
    found = paired_difference([1] * 80, [1] * 80, [i // 8 for i in range(80)])
    assert (found.value, found.low, found.high) == pytest.approx((0, -0.33851, 0.33851), abs=1e-5)
    assert any("only 0 of 10 problems differ" in note for note in found.notes)
    kept = retention([1] * 10, [1] * 10, range(10))
    assert (kept.value, kept.low, kept.high) == pytest.approx((1, 0.66149, 1 / 0.66149), abs=1e-5)


def test_alike_without_bounds_is_the_whole_line() -> None:
    for found in (
        student_mean([0.1, 0.1, 0.1, 0.1], "pppq"),
        paired_difference([3, 4, 5], [2, 3, 4], "pqr", bounds=None),
        bootstrap_mean([2, 2, 2], "pqr", seed=0),
        over_seeds({0: 0.0, 1: 0.0, 2: 0.0}),
        two_way_mean([2, 2, 2], "xyx", "ppq", bounds=None),
    ):
        assert (found.low, found.high) == (-math.inf, math.inf)
        assert any("alike" in note or "agree" in note for note in found.notes), found
    share = over_seeds({0: 0.0, 1: 0.0, 2: 0.0}, bounds=(0, 1))
    assert (share.value, share.low, share.high) == (0, 0, 1)
    gap = seed_difference({0: 0.0, 1: 0.0}, {0: 0.0, 1: 0.0}, bounds=(0, 1))
    assert (gap.low, gap.high) == (-1, 1)
    drawn = bootstrap_difference([1, 1, 0], [1, 1, 0], "pqr", seed=0, bounds=(0, 1))
    assert (drawn.low, drawn.high) == (-1, 1)


def test_everybody_right_in_two_ways() -> None:
    found = two_way_mean([1] * 12, [i // 4 for i in range(12)], [i % 4 for i in range(12)])
    assert found.high == 1
    assert 0.1 < found.low < 0.6
    gap = two_way_difference([1] * 12, [0, 1] * 6, [i // 4 for i in range(12)], [i % 4 for i in range(12)])
    assert gap.low == pytest.approx(-gap.high)
    assert gap.high > 0.4
    assert any("fewer than 6 clusters" in note for note in gap.notes)


def test_uneven_problems_count_once_each_and_it_is_said() -> None:
    found = proportion([1, 1, 1, 1, 0], ["p", "p", "p", "p", "q"])
    assert found.value == 0.5
    assert any("1 to 4 rows, each problem counts once" in note for note in found.notes)
    arms = paired_difference([1, 1, 0], [1, 0, 0, 0], ["p", "p", "q"], ["q", "p", "p", "q"])
    assert arms.value == pytest.approx(0.5 - 0.25)
    assert arms.n == 7


def test_ties_are_no_evidence() -> None:
    assert sign_flip_test([1, 1], [1, 1], "pq", seed=0).p_value == 1
    assert group_permutation_test([1, 1], "pq", [1, 1], "rs", seed=0).p_value == 1
    apart = group_permutation_test([1, 1, 1], "pqr", [0, 0, 0], "stu", seed=0)
    assert apart.p_value == pytest.approx(2 / 20)
    assert apart.statistic == math.inf
    few = sign_flip_test([1, 1, 1, 0], [0, 0, 0, 0], "pqrs", seed=0)
    assert any("only 3 of 4 problems differ: p cannot be below 0.25" in note for note in few.notes)


def test_two_seeds_are_said_to_be_hopeless() -> None:
    found = over_seeds({0: 0.5, 1: 0.6})
    assert found.high - found.low == pytest.approx(2 * 12.706 * 0.05, rel=1e-3)
    assert "hopeless" in str(found)


def test_what_a_result_says() -> None:
    """One sentence with the number, its interval, method, n, clusters and assumption; and the same as plain data."""
    found = proportion([1, 0, 1, 1] * 5, list(range(5)) * 4, name="handoff accuracy")
    text = str(found)
    for part in (
        "handoff accuracy: 0.75",
        "95% interval [",
        "Wilson's",
        "n = 20 of 5 problems",
        "assumes that problems",
    ):
        assert part in text
    assert "\n" not in text
    assert json.loads(json.dumps(found.as_dict()))["clusters"] == 5
    drawn = bootstrap_mean(range(30), range(30), seed=4)
    assert drawn.seed == 4
    assert "seed 4" in str(drawn)
    test = sign_flip_test(range(20), [0] * 20, range(20), seed=3, name="words")
    assert str(test).startswith("words: p < 0.0001" if test.p_value < 1e-4 else f"words: p = {test.p_value:.3g}")
    assert json.loads(json.dumps(test.as_dict()))["method"] == "sign flips by problem, 9999 draws"
    family = holm([test], "measures")
    assert str(family).startswith("measures, 1 tests, Holm's")
    assert json.loads(json.dumps(family.as_dict()))["adjusted"] == [test.p_value]
    equal = paired_equivalence([1, 0] * 20, [1, 0] * 20, range(40), margin=0.5)
    assert str(equal).startswith("shown to be within ±0.5 (two one-sided tests at 0.05")
    assert json.loads(json.dumps(equal.as_dict()))["equivalent"] is True
    assert "assumes" in str(paired_power(50, 8, difference=0.1, discordance=0.3))
    assert json.loads(json.dumps(seed_power(3, difference=0.1, sd=0.1).as_dict()))["clusters"] == 3


def test_labels_and_values_may_be_of_many_kinds() -> None:
    grades = np.array([True, False, True, True])
    for problems in (np.array(["p", "q", "p", "q"]), ("p", "q", "p", "q"), [(0, "p"), (1, "q"), (0, "p"), (1, "q")]):
        assert proportion(grades, problems).clusters == 2


def test_people_needed_for_a_study() -> None:
    study = Study(4, 12, 6, (0.9, 0.4), 0.5, 0.5, 0.0, 0.0)
    found = crossed_people_needed(0.8, study, simulations=100, seed=1)
    assert found.power >= 0.8
    assert 0 < found.error < 0.05
    assert crossed_power(study, simulations=100, seed=1) == crossed_power(study, simulations=100, seed=1)
    with pytest.raises(StatisticsError, match="cannot be found"):
        # two problems have one degree of freedom, and no crowd mends that
        crossed_people_needed(0.9, Study(64, 2, 2, (0.6, 0.55)), simulations=100, seed=1)


def test_importing_costs_neither_torch_nor_scipy() -> None:
    heavy = ("torch", "scipy", "pandas", "statsmodels")
    code = f"import sys, analysis.statistics; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent, timeout=120
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_retention_of_people_in_whom_nobody_differs_is_that_of_problems() -> None:
    """One person a row: what is left are the problems, so it is `retention` of their means."""
    problems = [n % 12 for n in range(48)]
    right = [int(n % 3 == 0 or n % 12 > 7) for n in range(48)]
    alone = [float(problem > 2) for problem in problems]
    found = two_way_retention(right, alone, range(48), problems)
    other = retention(right, alone, problems)
    assert found.value == pytest.approx(other.value)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=0.02)
    assert (found.n, found.clusters) == (48, 12)
