"""What must hold for any data: orders and names change nothing, swapped arms change signs, seeds decide the rest."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.statistics import (
    Estimate,
    Test,
    bootstrap_difference,
    bootstrap_mean,
    group_difference,
    group_permutation_test,
    paired_difference,
    paired_equivalence,
    pass_at_k,
    proportion,
    retention,
    sign_flip_test,
    student_mean,
    two_way_difference,
    two_way_mean,
)

Row = tuple[int, float, float]
"""Problem, outcome in either arm."""

ROWS = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from([0.0, 1.0, 0.5]), st.sampled_from([0.0, 1.0])), min_size=2, max_size=40
).filter(lambda rows: len({row[0] for row in rows}) > 1)

ONE_ARM: dict[str, Callable[[Any, Any], Estimate]] = {
    "proportion": proportion,
    "student_mean": student_mean,
    "bootstrap_mean": lambda a, p: bootstrap_mean(a, p, seed=1, resamples=199),
    "bca": lambda a, p: bootstrap_mean(a, p, seed=1, method="bca", resamples=199),
}
TWO_ARMS: dict[str, Callable[[Any, Any, Any], Estimate | Test]] = {
    "paired_difference": paired_difference,
    "t": lambda a, b, p: paired_difference(a, b, p, bounds=None),
    "bootstrap": lambda a, b, p: bootstrap_difference(a, b, p, seed=1, method="percentile", resamples=199),
    "sign_flip_test": lambda a, b, p: sign_flip_test(a, b, p, seed=1, resamples=199),
}


def numbers(found: Estimate | Test) -> tuple[float, ...]:
    if isinstance(found, Test):
        return found.statistic, found.p_value
    return found.value, found.low, found.high


def unpacked(rows: list[Row]) -> tuple[list[float], list[float], list[int]]:
    problems, a, b = (list(column) for column in zip(*rows, strict=True))
    return a, b, problems


@given(ROWS, st.randoms(use_true_random=False))
def test_orders_and_names_change_nothing(rows: list[Row], chance: Any) -> None:
    """Not one bit, resamples included."""
    a, b, problems = unpacked(rows)
    again = rows.copy()
    chance.shuffle(again)
    a_again, b_again, shuffled = unpacked(again)
    renamed = [f"problem {(problem * 5 + 3) % 7}" for problem in shuffled]
    for one in ONE_ARM.values():
        assert numbers(one(a_again, renamed)) == numbers(one(a, problems))
    for two in TWO_ARMS.values():
        assert numbers(two(a_again, b_again, renamed)) == numbers(two(a, b, problems))
    if any(b):
        assert numbers(retention(a_again, b_again, renamed)) == numbers(retention(a, b, problems))


@given(ROWS)
def test_swapped_arms_change_signs(rows: list[Row]) -> None:
    a, b, problems = unpacked(rows)
    for name in ("paired_difference", "t"):
        value, low, high = numbers(TWO_ARMS[name](a, b, problems))
        assert numbers(TWO_ARMS[name](b, a, problems)) == pytest.approx((-value, -high, -low), abs=1e-9)
    one, other = (sign_flip_test(x, y, problems, seed=1) for x, y in ((a, b), (b, a)))
    assert (one.statistic, one.p_value) == pytest.approx((-other.statistic, other.p_value))
    if any(a) and any(b):
        ours, swapped = retention(a, b, problems), retention(b, a, problems)
        turned = (1 / ours.value, 1 / ours.high, 1 / ours.low if ours.low else math.inf)
        assert numbers(swapped) == pytest.approx(turned, rel=1e-6)
    ids = [problem + 100 for problem in problems]
    value, low, high = numbers(group_difference(a, problems, b, ids))
    assert numbers(group_difference(b, ids, a, problems)) == pytest.approx((-value, -high, -low), abs=1e-9)
    dealt, back = (
        group_permutation_test(*arms, seed=1, resamples=99) for arms in ((a, problems, b, ids), (b, ids, a, problems))
    )
    assert (dealt.statistic, dealt.p_value) == pytest.approx((-back.statistic, back.p_value))


@given(ROWS, st.sampled_from([0.5, 0.8, 0.95, 0.99]))
def test_intervals_hold_their_value_and_stay_in_bounds(rows: list[Row], level: float) -> None:
    a, b, problems = unpacked(rows)
    share = proportion(a, problems, level=level)
    assert 0 <= share.low <= share.value <= share.high <= 1
    gap = paired_difference(a, b, problems, level=level)
    assert -1 <= gap.low <= gap.value <= gap.high <= 1
    assert gap.high > gap.low
    assert share.high > share.low
    wider = paired_difference(a, b, problems, level=(1 + level) / 2)
    assert wider.low <= gap.low + 1e-7
    assert wider.high >= gap.high - 1e-7
    if any(b):
        kept = retention(a, b, problems, level=level)
        assert 0 <= kept.low <= kept.value + 1e-12
        assert kept.value <= kept.high + 1e-12


@given(ROWS)
def test_certainty_is_never_claimed(rows: list[Row]) -> None:
    """Arms that tie everywhere still have an interval of some width, and no equivalence for a small margin."""
    a, _, problems = unpacked(rows)
    found = paired_difference(a, a, problems)
    assert found.value == 0
    assert found.high - found.low > 0.02
    assert not paired_equivalence(a, a, problems, margin=0.01).equivalent


@given(ROWS, st.floats(0.05, 0.5))
@settings(max_examples=40)
def test_both_one_sided_tests_are_the_interval(rows: list[Row], margin: float) -> None:
    a, b, problems = unpacked(rows)
    found = paired_equivalence(a, b, problems, margin=margin)
    assert 0 <= found.p_low <= 1
    assert 0 <= found.p_high <= 1
    if abs(found.p_value - 0.05) > 1e-6:
        assert found.equivalent == (found.p_value < 0.05)
    swapped = paired_equivalence(b, a, problems, margin=margin)
    assert (found.p_low, found.p_high) == pytest.approx((swapped.p_high, swapped.p_low), abs=1e-6)


@given(st.integers(1, 30), st.data())
def test_pass_at_k_grows_with_k_and_with_what_is_right(samples: int, data: Any) -> None:
    right = data.draw(st.integers(0, samples))
    grades = [1] * right + [0] * (samples - right)
    found = [
        pass_at_k(grades + [0] * samples, ["p"] * samples + ["q"] * samples, k).value for k in range(1, samples + 1)
    ]
    assert all(one <= other + 1e-12 for one, other in itertools.pairwise(found))
    assert found[0] == pytest.approx(right / samples / 2)
    assert found[-1] == pytest.approx(0.5 if right else 0)


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_two_way_orders_names_and_swaps(seed: int) -> None:
    drawn = np.random.default_rng(seed)
    people, problems = np.divmod(np.flatnonzero(drawn.random(48) < 0.7), 8)
    n = len(people)
    y, treated = (drawn.random(n) < 0.6).astype(float), drawn.permutation(n) % 2
    if min(len(set(people)), len(set(problems))) < 2:
        return
    order = drawn.permutation(n)
    names = np.array([f"person {6 - i}" for i in range(6)])
    found = two_way_difference(y, treated, people, problems)
    again = two_way_difference(y[order], treated[order], names[people][order], problems[order] * 3)
    assert numbers(again) == pytest.approx(numbers(found), abs=1e-12)
    swapped = two_way_difference(y, 1 - treated, people, problems)
    assert numbers(swapped) == pytest.approx((-found.value, -found.high, -found.low), abs=1e-9)
    turned = two_way_mean(y, problems, people)
    assert numbers(turned) == pytest.approx(numbers(two_way_mean(y, people, problems)), abs=1e-12)


def test_a_seed_decides_all_draws() -> None:
    drawn = np.random.default_rng(0)
    a, b = drawn.random((2, 40))
    np.random.seed(7)
    for run in (
        lambda seed: bootstrap_mean(a, range(40), seed=seed),
        lambda seed: sign_flip_test(a, b, range(40), seed=seed),
        lambda seed: group_permutation_test(a, range(40), b, range(40, 80), seed=seed),
    ):
        one, same, other = (numbers(run(seed)) for seed in (5, 5, 6))
        assert one == same
        assert one != other
        assert one == pytest.approx(other, abs=0.02)
    assert np.random.random() == np.random.RandomState(7).random()  # nobody drew from the global generator
