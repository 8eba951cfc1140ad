"""GRPO without its biases: RLOO's advantage (Ahmadian et al. 2024, arXiv 2402.14740) and Dr. GRPO's constant length
(Liu et al. 2025, arXiv 2503.20783).

    loss = - 1/(N L) sum_f min(rho_f A, clip(rho_f, 1 - low, 1 + high) A),   A_i = r_i - mean of the others' r

over the senior's own factors of N episodes; the others are the other samples of the problem, L is the maximum length of
an episode (a constant: `limit` of the rollouts).

How it departs from the textbook: nothing is divided by a standard deviation or by how long the samples happen to be,
and the baseline leaves the episode itself out. So in the first update after the rollouts (rho = 1) its expected
gradient is that of the expected reward, over L; in later ones clipping makes it a trust region, as in PPO.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.objectives.base import Floats, Ints, Terms, check_between, leave_one_out
from training.objectives.grpo import clipped


@dataclass(frozen=True)
class GrpoUnbiased:
    """GRPO with a leave-one-out mean, no standard deviation and a constant length."""

    clip_low: float = 0.2
    clip_high: float = 0.2

    needs_groups = True
    others = 0.0

    def __post_init__(self) -> None:
        check_between("clip_low", self.clip_low, 0, 1)
        check_between("clip_high", self.clip_high, 0, 100)

    def advantages(self, correct: NDArray[np.bool_], groups: Ints) -> Floats:
        return leave_one_out(correct.astype(np.float64), groups)

    def terms(self, given: Terms) -> Tensor:
        return clipped(given, self.clip_low, self.clip_high, 0.0)

    def divisor(self, episodes: int, factors: int, limit: int) -> float:
        return float(episodes * limit)
