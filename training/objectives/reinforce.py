"""REINFORCE on the team's answer (Williams 1992; tandem training: West et al. 2025, arXiv 2510.13551).

    loss = - 1/N sum_i A_i sum_f w_f log p(f),   A_i = R_i - baseline_i,   R_i = 1 if correct, c if not

over the factors f of HANDOFF.md, section 4, as the senior computes them: w_f = 1 for what it wrote, j for what others
wrote. N counts all episodes, dropped ones (A = 0) too.

How it departs from the textbook: a token that opens a unit after a handoff counts given that one opens, and the
decision that a unit is over is an action of its own. Paper 1's main runs have c = 0 and j = 1, which is the whole
text's likelihood; its appendix tunes -.5 <= c <= 0 and 0 < j < 1. With j > 0 it is partly imitation of the junior, no
gradient of the reward: only j = 0 is unbiased, for any c (c shifts and scales the reward; with c = 1 it is ignored).
The baseline is the mean reward of the batch's other episodes: it leaves the expectation alone. There is no ratio to the
policy that wrote, so with several updates a step all but the first are off-policy: GRPO is for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.objectives.base import Floats, Ints, Terms, check_between, check_one_of, leave_one_out


@dataclass(frozen=True)
class Reinforce:
    """The objective of paper 1."""

    c: float = 0.0
    """Reward of an episode that is not correct."""
    j: float = 0.0
    """Weight of what others wrote."""
    baseline: str = "none"
    """none, or mean: that of the batch's other episodes."""

    needs_groups = False

    def __post_init__(self) -> None:
        check_between("c", self.c, -10, 1)
        check_between("j", self.j, 0, 1)
        check_one_of("baseline", self.baseline, ("none", "mean"))

    @property
    def others(self) -> float:
        return self.j

    def advantages(self, correct: NDArray[np.bool_], groups: Ints) -> Floats:
        if self.baseline == "none":
            rewards: Floats = np.where(correct, 1.0, float(self.c))
            return rewards
        # Counted in whole numbers, so that equal rewards give exactly 0.
        return leave_one_out(correct.astype(np.float64), np.zeros_like(groups)) * (1 - self.c)

    def terms(self, given: Terms) -> Tensor:
        return -given.advantages * given.logprobs

    def divisor(self, episodes: int, factors: int, limit: int) -> float:
        return float(episodes)
