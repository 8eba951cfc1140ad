"""GRPO (Shao et al. 2024, arXiv 2402.03300, equation 3) as tandem RL with verifiable rewards has it (2606.28166).

    loss = - 1/F sum_f min(rho_f A, clip(rho_f, 1 - low, 1 + high) A),   for A < 0 not below dual * A
    A_i  = (r_i - mean) / (std + epsilon) within the samples of a problem,   rho_f = p(f) / p_old(f)

over the senior's own F factors of the mini-batch (j = 0), r = 1 if correct, else 0. Dual clip: Ye et al. 2020, arXiv
1912.09729, equation 5. Clipping stops the gradient of factors whose ratio has gone too far.

How it departs from the textbook: no KL term unless asked for (`loss.kl_base`); the mean is over all factors of the
mini-batch rather than within each episode first; an `end` factor is an action with a ratio of its own; factors of
others are neither in the loss nor in F. The standard deviation (it raises problems that are almost always or almost
never solved) and the mean with the episode itself in it make it biased: `grpo-unbiased` is the other one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.objectives.base import Floats, Ints, Terms, check_between, standardised


@dataclass(frozen=True)
class Grpo:
    """The objective of paper 2."""

    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float = 3.0
    """Largest ratio that counts for A < 0; 0 leaves it out."""
    epsilon: float = 1e-6
    """Added to the standard deviation."""

    needs_groups = True
    others = 0.0

    def __post_init__(self) -> None:
        check_between("clip_low", self.clip_low, 0, 1)
        check_between("clip_high", self.clip_high, 0, 100)
        check_between("epsilon", self.epsilon, 0, 1)
        if self.dual_clip:
            check_between("dual_clip", self.dual_clip, 1 + self.clip_high, 1000)

    def advantages(self, correct: NDArray[np.bool_], groups: Ints) -> Floats:
        return standardised(correct.astype(np.float64), groups, self.epsilon)

    def terms(self, given: Terms) -> Tensor:
        return clipped(given, self.clip_low, self.clip_high, self.dual_clip)

    def divisor(self, episodes: int, factors: int, limit: int) -> float:
        return float(factors)


def clipped(given: Terms, low: float, high: float, dual: float) -> Tensor:
    """Minus PPO's clipped objective (Schulman et al. 2017, arXiv 1707.06347, equation 7), dual clip included; [F]."""
    ratio, advantage = (given.logprobs - given.old).exp(), given.advantages
    best = torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)
    if dual:
        best = torch.where(advantage < 0, torch.maximum(best, dual * advantage), best)
    return -best
