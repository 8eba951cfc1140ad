"""Objectives by hand: which number an episode gets, what a factor adds, what the sum is divided by, what is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.objectives import OBJECTIVES, Objective, ObjectiveError, Terms, make_objective
from training.objectives.base import leave_one_out, standardised
from training.objectives.grpo import Grpo, clipped
from training.objectives.reinforce import Reinforce
from training.objectives.unbiased import GrpoUnbiased


def advantages(objective: Objective, correct: Sequence[int], groups: Sequence[int] | None = None) -> list[float]:
    found = objective.advantages(np.array(correct, dtype=bool), np.array(groups or [0] * len(correct), dtype=np.int64))
    assert found.dtype == np.float64
    return [float(value) for value in found]


# Advantages


def test_reinforce_rewards() -> None:
    assert advantages(Reinforce(), [1, 0, 1]) == [1, 0, 1]
    assert advantages(Reinforce(c=-0.5), [1, 0, 1], [0, 1, 1]) == [1, -0.5, 1]
    assert advantages(Reinforce(c=1), [1, 0, 1]) == [1, 1, 1]
    assert advantages(Reinforce(), [1]) == [1]


def test_reinforce_minus_the_mean_of_all_others() -> None:
    """Of the batch, whatever problem they are of: 1 - (0 + 1 + 0)/3 and so on."""
    found = advantages(Reinforce(baseline="mean"), [1, 0, 1, 0], [0, 1, 2, 2])
    assert found == pytest.approx([2 / 3, -2 / 3, 2 / 3, -2 / 3])
    found = advantages(Reinforce(c=-0.5, baseline="mean"), [1, 0, 0], [0, 1, 2])
    assert found == pytest.approx([1.5, -0.75, -0.75])


def test_grpo_within_each_problem() -> None:
    """(r - mean) / (std + epsilon), the standard deviation with one sample fewer beneath; groups in any order."""
    found = advantages(Grpo(), [1, 0, 1, 1, 1, 0, 0, 1], [7, 7, 3, 7, 3, 7, 3, 3])
    two, three = math.sqrt(4 * 0.5**2 / 3), math.sqrt((3 * 0.25**2 + 0.75**2) / 3)
    wanted = [0.5 / two, -0.5 / two, 0.25 / three, 0.5 / two, 0.25 / three, -0.5 / two, -0.75 / three, 0.25 / three]
    assert found == pytest.approx(wanted, rel=1e-5)
    high = 0.5 / (math.sqrt(0.5) + 0.5)
    assert advantages(Grpo(epsilon=0.5), [1, 0]) == pytest.approx([high, -high])
    assert advantages(Grpo(), [1, 1, 0, 0], [0, 0, 1, 1]) == [0, 0, 0, 0]


def test_unbiased_within_each_problem() -> None:
    """r minus the mean of the others of its problem."""
    found = advantages(GrpoUnbiased(), [1, 0, 0, 1, 1], [5, 5, 5, 2, 2])
    assert found == pytest.approx([1, -0.5, -0.5, 0, 0])
    assert advantages(GrpoUnbiased(), [1, 0, 1, 0], [0, 1, 0, 1]) == [0, 0, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=24), st.randoms())
def test_advantages_hang_on_an_episodes_own_problem_only(drawn: list[tuple[int, bool]], chance: Any) -> None:
    """Any order of the episodes gives the same numbers; a group's sum is 0; the rest of the batch changes nothing."""
    drawn = drawn + [(group, not right) for group, right in drawn]
    groups, correct = [group for group, _ in drawn], [right for _, right in drawn]
    for objective in (Grpo(), GrpoUnbiased()):
        found = advantages(objective, correct, groups)
        order = list(range(len(drawn)))
        chance.shuffle(order)
        again = advantages(objective, [correct[i] for i in order], [groups[i] * 10 + 3 for i in order])
        assert again == pytest.approx([found[i] for i in order])
        for group in set(groups):
            inside = [a for a, g in zip(found, groups, strict=True) if g == group]
            alone = advantages(objective, [c for c, g in zip(correct, groups, strict=True) if g == group])
            assert inside == pytest.approx(alone)
            assert sum(inside) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("right", [0, 1])
@pytest.mark.parametrize("count", [2, 3, 7, 152])
@pytest.mark.parametrize("objective", [Grpo(), GrpoUnbiased(), Reinforce(c=-0.3, baseline="mean")])
def test_equal_rewards_are_no_signal(objective: Objective, count: int, right: int) -> None:
    """Exactly 0, not nearly: what rounding leaves would have the whole batch read and differentiated again."""
    assert advantages(objective, [right] * count) == [0.0] * count


@pytest.mark.parametrize("objective", [Grpo(), GrpoUnbiased()])
def test_a_group_of_one_is_refused(objective: Objective) -> None:
    with pytest.raises(ObjectiveError, match=r"a single sample.*rollouts\.samples"):
        advantages(objective, [1, 0, 1], [0, 0, 1])


def test_a_batch_of_one_has_no_baseline() -> None:
    with pytest.raises(ObjectiveError):
        advantages(Reinforce(baseline="mean"), [1])


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=9))
def test_leave_one_out_leaves_itself_out(rewards: list[float]) -> None:
    found = leave_one_out(np.array(rewards), np.zeros(len(rewards), dtype=np.int64))
    for i, (own, value) in enumerate(zip(rewards, found, strict=True)):
        rest = rewards[:i] + rewards[i + 1 :]
        assert value == pytest.approx(own - sum(rest) / len(rest), abs=1e-9)


def test_standardised_is_numpys() -> None:
    rewards = np.array([0.5, 2.0, -1.0, 0.25, 0.75])
    found = standardised(rewards, np.array([0, 0, 0, 1, 1]), 0.01)
    for part in (slice(0, 3), slice(3, 5)):
        given = rewards[part]
        assert found[part] == pytest.approx((given - given.mean()) / (given.std(ddof=1) + 0.01))


# Terms and divisors


def term(objective: Objective, ratio: float, advantage: float) -> tuple[float, float]:
    """What a factor of a ratio adds, and its derivative by the log-probability."""
    old = torch.tensor([-1.25], dtype=torch.float64)
    now = (old + math.log(ratio)).requires_grad_(True)
    (found,) = objective.terms(Terms(now, old, torch.tensor([advantage], dtype=torch.float64)))
    (slope,) = torch.autograd.grad(found, now)
    return float(found.detach()), float(slope)


@pytest.mark.parametrize("objective", [Grpo(), GrpoUnbiased()])
@pytest.mark.parametrize(
    ("ratio", "advantage", "value", "slope"),
    [
        (1.0, 2.0, -2.0, -2.0),
        (1.1, 2.0, -2.2, -2.2),
        (1.5, 2.0, -2.4, 0.0),  # gone up far enough
        (0.5, 2.0, -1.0, -1.0),  # gone the wrong way: still pulled back
        (1.0, -2.0, 2.0, 2.0),
        (0.9, -2.0, 1.8, 1.8),
        (0.5, -2.0, 1.6, 0.0),  # gone down far enough
        (1.5, -2.0, 3.0, 3.0),  # gone the wrong way
        (2.9, -2.0, 5.8, 5.8),
        (1.5, 0.0, 0.0, 0.0),
    ],
)
def test_clip(objective: Objective, ratio: float, advantage: float, value: float, slope: float) -> None:
    assert term(objective, ratio, advantage) == pytest.approx((value, slope))


def test_dual_clip() -> None:
    """For A < 0 a ratio beyond 3 counts as 3 and has no gradient; for A > 0 it changes nothing."""
    assert term(Grpo(), 5.0, -2.0) == pytest.approx((6.0, 0.0))
    assert term(Grpo(dual_clip=4.0), 3.5, -2.0) == pytest.approx((7.0, 7.0))
    assert term(Grpo(dual_clip=4.0), 5.0, -2.0) == pytest.approx((8.0, 0.0))
    assert term(Grpo(dual_clip=0.0), 5.0, -2.0) == pytest.approx((10.0, 10.0))
    assert term(GrpoUnbiased(), 5.0, -2.0) == pytest.approx((10.0, 10.0))
    assert term(Grpo(), 5.0, 2.0) == pytest.approx((-2.4, 0.0))
    assert term(Grpo(), 0.1, 2.0) == pytest.approx((-0.2, -0.2))
    assert term(Grpo(), 0.1, -2.0) == pytest.approx((1.6, 0.0))


@pytest.mark.parametrize("make", [Grpo, GrpoUnbiased])
def test_the_two_sides_of_the_clip(make: type[Grpo] | type[GrpoUnbiased]) -> None:
    objective = make(clip_low=0.1, clip_high=0.5)
    assert term(objective, 1.4, 1.0) == pytest.approx((-1.4, -1.4))
    assert term(objective, 1.6, 1.0) == pytest.approx((-1.5, 0.0))
    assert term(objective, 0.85, -1.0) == pytest.approx((0.9, 0.0))
    assert term(objective, 0.95, -1.0) == pytest.approx((0.95, 0.95))


@given(st.floats(0.02, 20), st.floats(-3, 3), st.floats(0, 0.9), st.floats(0, 2), st.floats(3.1, 9))
def test_clipped_is_ppos(ratio: float, advantage: float, low: float, high: float, dual: float) -> None:
    """min(rho A, clip(rho) A), and for A < 0 not below dual A, of many factors at once."""
    old = torch.tensor([-0.5, -2.0], dtype=torch.float64)
    now = old + math.log(ratio)
    found = clipped(Terms(now, old, torch.tensor([advantage, -advantage], dtype=torch.float64)), low, high, dual)
    for value, a in zip(found.tolist(), (advantage, -advantage), strict=True):
        wanted = min(ratio * a, min(max(ratio, 1 - low), 1 + high) * a)
        assert value == pytest.approx(-(max(wanted, dual * a) if a < 0 else wanted))


def test_reinforce_terms() -> None:
    """- A log p, whatever it was before."""
    now = torch.tensor([-0.5, -2.0], requires_grad=True)
    found = Reinforce(c=-1).terms(Terms(now, torch.tensor([-9.0, -9.0]), torch.tensor([1.0, -0.5])))
    assert found.tolist() == [0.5, -1.0]
    assert torch.autograd.grad(found.sum(), now)[0].tolist() == [-1.0, 0.5]


def test_divisors() -> None:
    assert Reinforce().divisor(8, 120, 64) == 8
    assert Grpo().divisor(8, 120, 64) == 120
    assert GrpoUnbiased().divisor(8, 120, 64) == 512


def test_what_objectives_ask_for() -> None:
    assert (Reinforce().needs_groups, Grpo().needs_groups, GrpoUnbiased().needs_groups) == (False, True, True)
    assert (Reinforce(j=0.25).others, Grpo().others, GrpoUnbiased().others) == (0.25, 0, 0)
    assert Reinforce().others == 0


# Making them


def test_by_name() -> None:
    assert make_objective({}) == Reinforce()
    assert make_objective({"name": "reinforce", "c": -0.25, "j": 1}) == Reinforce(c=-0.25, j=1)
    assert make_objective({"name": "grpo", "clip_high": 0.28}) == Grpo(clip_high=0.28)
    assert make_objective({"name": "grpo-unbiased"}) == GrpoUnbiased()
    given = {"name": "grpo", "dual_clip": 0}
    assert make_objective(given) == Grpo(dual_clip=0)
    assert given == {"name": "grpo", "dual_clip": 0}, "the table is not eaten"
    assert all(isinstance(make_objective({"name": name}), Objective) for name in OBJECTIVES)


REFUSED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"name": "reinforc"}, ("objective.name", "'reinforc'", "did you mean reinforce", "grpo-unbiased", "python:")),
    ({"name": "qqq"}, ("objective.name", "known are reinforce, grpo")),
    ({"name": 3}, ("objective.name", "'3'")),
    ({"name": "reinforce", "gamma": 1}, ("objective.gamma", "c, j, baseline")),
    ({"name": "grpo", "c": 0}, ("objective.c", "clip_low")),
    ({"c": 1.5}, ("objective.c", "-10 to 1", "1.5")),
    ({"c": "low"}, ("objective.c", "'low'")),
    ({"c": True}, ("objective.c", "True")),
    ({"c": math.nan}, ("objective.c", "nan")),
    ({"j": -0.1}, ("objective.j", "0 to 1")),
    ({"j": 1.1}, ("objective.j", "0 to 1")),
    ({"j": None}, ("objective.j", "None")),
    ({"baseline": "median"}, ("objective.baseline", "none, mean", "'median'")),
    ({"baseline": ["mean"]}, ("objective.baseline",)),
    ({"name": "grpo", "clip_low": 1.2}, ("objective.clip_low", "0 to 1")),
    ({"name": "grpo", "clip_high": -1}, ("objective.clip_high",)),
    ({"name": "grpo", "epsilon": -1e-6}, ("objective.epsilon",)),
    ({"name": "grpo", "dual_clip": 1.1}, ("objective.dual_clip", "1.2")),
    ({"name": "grpo", "dual_clip": -3}, ("objective.dual_clip",)),
    ({"name": "grpo", "dual_clip": "3"}, ("objective.dual_clip",)),
    ({"name": "grpo-unbiased", "clip_low": -0.2}, ("objective.clip_low",)),
    ({"name": "grpo-unbiased", "clip_high": 1000}, ("objective.clip_high",)),
    ({"name": "grpo-unbiased", "dual_clip": 3}, ("objective.dual_clip", "clip_low, clip_high")),
]


@pytest.mark.parametrize(("table", "said"), REFUSED, ids=lambda one: str(one) if isinstance(one, dict) else "")
def test_refused_in_one_line(table: dict[str, Any], said: tuple[str, ...]) -> None:
    with pytest.raises(ObjectiveError) as found:
        make_objective(table)
    message = str(found.value)
    assert "\n" not in message
    for part in said:
        assert part in message


# One's own


@dataclass(frozen=True)
class Squared:
    """An objective of one's own: it wants the log-probability of right answers high, and counts it squared."""

    power: float = 2.0

    needs_groups = False
    others = 0.5

    def advantages(self, correct: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return correct * 1.0

    def terms(self, given: Terms) -> Tensor:
        return given.advantages * given.logprobs**self.power

    def divisor(self, episodes: int, factors: int, limit: int) -> float:
        return float(episodes)


class Unfinished:
    """Lacks most of what an objective has."""

    needs_groups = False

    def terms(self, given: Terms) -> Tensor:
        return given.logprobs


class Fussy(Squared):
    """Raises what it likes."""

    def __init__(self, power: float = 2.0, **more: float):
        if power < 0:
            raise ObjectiveError("objective.power must be 0 or more")
        raise ValueError("cannot be\nmade at all")


def test_ones_own() -> None:
    made = make_objective({"name": "python:tests.test_objectives:Squared", "power": 3.0})
    assert made == Squared(3.0)
    assert isinstance(made, Objective)
    assert make_objective({"name": "python:training.objectives.grpo:Grpo", "epsilon": 0.1}) == Grpo(epsilon=0.1)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "python:"}, ("objective.name python:",)),
        ({"name": "python:tests.test_objectives"}, ("objective.name",)),
        ({"name": "python:no.such.module:X"}, ("objective.name python:no.such.module:X", "ModuleNotFoundError")),
        ({"name": "python:tests.test_objectives:Missing"}, ("objective.name", "Missing")),
        ({"name": "python:math:pi"}, ("objective.name python:math:pi: ", "no class or function 'pi'")),
        ({"name": "python:tests.test_objectives:Unfinished"}, ("lacks others, advantages, divisor",)),
        ({"name": "python:tests.test_objectives:Unfinished", "power": 1}, ("python:tests.test_objectives:Unfinished",)),
        ({"name": "python:tests.test_objectives:Squared", "lower": 1}, ("objective.lower", "it has power")),
        ({"name": "python:tests.test_objectives:Fussy", "power": -1}, ("objective.power must be 0 or more",)),
        ({"name": "python:tests.test_objectives:Fussy"}, ("Fussy", "ValueError")),
    ],
)
def test_ones_own_refused(table: dict[str, Any], said: tuple[str, ...]) -> None:
    with pytest.raises(ObjectiveError) as found:
        make_objective(table)
    message = str(found.value)
    assert "\n" not in message
    for part in said:
        assert part in message
