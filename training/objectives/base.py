"""What an objective is: numbers for episodes, terms for factors, and what their sum is divided by.

A step's loss is ``sum_f weight(f) * term(f) / divisor`` over the factors of its episodes (HANDOFF.md, section 5). The
three parts are asked for one by one, so that a batch can be cut into any micro-batches, or over processes, without a
change of its loss: advantages and divisor are of the whole batch, terms of one factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class ObjectiveError(ValueError):
    """The objective cannot be had as asked, or cannot be computed of these rollouts; one line."""


class Terms(NamedTuple):
    """Factors of some episodes, each of shape [F]. All log-probabilities are the senior's, in nats."""

    logprobs: Tensor
    """Under the weights that are being trained; differentiable."""
    old: Tensor
    """Under the weights that the step began with; no gradient."""
    advantages: Tensor
    """Of the factor's episode."""


@runtime_checkable
class Objective(Protocol):
    """A loss over rollouts. docs/TRAINING.md shows how to write one's own."""

    needs_groups: bool
    """It compares samples of one problem, so each needs two at least."""

    def advantages(self, correct: NDArray[np.bool_], groups: Ints) -> Floats:
        """The number [N] by which each episode counts. An episode with 0 is not read again.

        ``correct`` [N]: the team's answer was right; ``groups`` [N]: episodes of one problem have one number.
        """
        ...

    @property
    def others(self) -> float:
        """Weight (j) of the factors of what others wrote; the senior's own have 1. With 0 they are not in the loss."""
        ...

    def terms(self, given: Terms) -> Tensor:
        """Minus what is to be maximised, of each factor, [F]."""
        ...

    def divisor(self, episodes: int, factors: int, limit: int) -> float:
        """What the sum over a mini-batch is divided by.

        ``episodes`` in it, dropped ones included; ``factors`` of them that are in the loss; ``limit``: the maximum
        length of an episode in tokens.
        """
        ...


def leave_one_out(rewards: Floats, groups: Ints) -> Floats:
    """Each reward minus the mean of the others of its group, [N]: that does not depend on the episode itself.

    Raises ObjectiveError for a group of one.
    """
    sums, counts = _per_group(rewards, groups)
    alone(counts)
    return rewards - (sums - rewards) / (counts - 1)


def alone(counts: Ints) -> None:
    """Raises ObjectiveError where a group has a single episode: it has nothing to be compared with."""
    if (counts < 2).any():
        raise ObjectiveError("a problem has a single sample, which cannot be compared; give --set rollouts.samples=8")


def _per_group(values: Floats, groups: Ints) -> tuple[Floats, Ints]:
    """Sum and size of each episode's group, [N] both."""
    _, member, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.bincount(member, values)[member].astype(np.float64), counts[member].astype(np.int64)


def standardised(rewards: Floats, groups: Ints, epsilon: float) -> Floats:
    """(r - mean) / (std + epsilon) within each group, [N], with the unbiased standard deviation."""
    sums, counts = _per_group(rewards, groups)
    alone(counts)
    centred = rewards - sums / counts
    squares, _ = _per_group(centred**2, groups)
    return centred / (np.sqrt(squares / (counts - 1)) + epsilon)


def check_between(name: str, value: object, low: float, high: float) -> None:
    """Raises ObjectiveError for what is no number, or not in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ObjectiveError(f"objective.{name} must be a number from {low:g} to {high:g}, not {value!r}")


def check_one_of(name: str, value: object, choices: Sequence[str]) -> None:
    """Raises ObjectiveError for another choice."""
    if value not in choices:
        raise ObjectiveError(f"objective.{name} must be one of {', '.join(choices)}, not {value!r}")
