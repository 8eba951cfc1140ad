"""The senior's updates: from graded rollouts to gradients and a step of the optimiser.

Everything that belongs to a whole step (advantages, groups, divisors) is computed from the rollouts of all processes,
and only then is anything differentiated: each process its own rollouts, in micro-batches; gradients are summed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.language_model import LanguageModel
from agents.vocabulary import Vocabulary
from arena.policy import parse
from training.config import TrainConfig
from training.loss import Loss, Sample, Watch, micro_batches, mismatch, own_factors, sample_of
from training.objectives import ObjectiveError, make_objective
from training.objectives.base import Floats, Ints
from training.optimiser import Optimiser
from training.rollouts import Rollout, TrainingError
from training.senior import base_of, refresh, training_mode
from training.world import World


@dataclass(frozen=True)
class Prepared:
    """A step's rollouts, ready to be differentiated."""

    samples: list[tuple[Sample, int]]
    """Of this process: those that have a part in the loss, each with the number of its mini-batch."""
    divisors: list[float]
    """Of each mini-batch, over all processes."""
    in_loss: int
    """Episodes of all processes whose advantage is not 0."""


class Learner:
    """Updates the senior. What goes wrong is a TrainingError, raised before the weights are touched."""

    def __init__(
        self, config: TrainConfig, senior: LanguageModel, vocabularies: Mapping[str, Vocabulary], world: World
    ):
        self.config, self.senior, self.vocabularies, self.world = config, senior, vocabularies, world
        self.objective = make_objective(config.objective)
        rule = parse(config.handoff).rule
        self.loss = Loss(senior, rule, self.objective, config.loss, base_of(senior, config))
        updates = config.steps * config.optimiser.mini_batches * config.optimiser.epochs
        self.optimiser = Optimiser(senior.model, config.optimiser, updates)

    def update(self, played: Sequence[Rollout]) -> dict[str, Any]:
        """Trains on this process's rollouts of a step; what the metrics say of it."""
        config, ready, rate = self.config.optimiser, self.prepared(played), self.optimiser.rate()
        watch, norms = Watch(), []
        with training_mode(self.senior, self.config):
            if len(ready.divisors) * config.epochs > 1:
                self.loss.remember([sample for sample, _ in ready.samples], config.micro_tokens)
            for epoch in range(config.epochs):
                for part, divisor in enumerate(ready.divisors):
                    samples = [sample for sample, its in ready.samples if its == part]
                    norms.append(self._step(samples, divisor, watch, first=epoch == part == 0))
        refresh(self.senior)
        return {
            "loss": round(self._sum(watch.loss) / len(norms), 6),
            "grad_norm": round(float(np.mean(norms)), 6),
            "learning_rate": rate,
            "in_loss": ready.in_loss,
            "factors": int(self._sum(watch.factors)) // config.epochs,
            "moved": round(self._mean(watch.moved, watch.own), 6),
            "mismatch": mismatch(self.world.gathered(watch.gaps)),
            **({"kl_base": self._mean(watch.kl_base, watch.own)} if self.config.loss.kl_base else {}),
            **({"kl_junior": self._mean(watch.kl_junior, watch.theirs)} if self.config.loss.kl_junior else {}),
        }

    def _sum(self, value: float) -> float:
        return sum(self.world.gathered([value]))

    def _mean(self, value: float, count: int) -> float:
        """Over the factors of all processes: nats, or a share."""
        return self._sum(value) / max(1.0, self._sum(count))

    def prepared(self, played: Sequence[Rollout]) -> Prepared:
        """Advantages and divisors of the whole step, and this process's samples."""
        config = self.config
        # Where others' factors are in the loss, too, only the views know how many those are in the senior's tokens.
        read = [self._sample(rollout) for rollout in played] if self.objective.others else None
        if read is None:
            counts = [own_factors(rollout.acted, config.senior, self.senior.vocabulary) for rollout in played]
        else:
            counts = [len(sample.view.factors) for sample in read]
        everybody = self.world.gathered((r.group, r.correct, n) for r, n in zip(played, counts, strict=True))
        groups = np.array([group for group, _, _ in everybody], dtype=np.int64)
        correct = np.array([right for _, right, _ in everybody], dtype=np.bool_)
        factors = np.array([count for _, _, count in everybody], dtype=np.int64)
        check_groups(groups, config.rollouts.problems, config.rollouts.samples)
        advantages = self._advantages(correct, groups)
        parts = groups * config.optimiser.mini_batches // config.rollouts.problems
        at = self._place()
        samples = []
        for n, (rollout, advantage) in enumerate(zip(played, advantages[at : at + len(played)], strict=True)):
            if advantage != 0 or self.loss.reads_all:
                sample = read[n] if read else self._sample(rollout)
                sample.advantage = float(advantage)
                samples.append((sample, int(parts[at + n])))
        divisors = []
        for inside in (parts == part for part in range(config.optimiser.mini_batches)):
            count = int(factors[inside].sum())
            divisor = self.objective.divisor(int(inside.sum()), count, config.rollouts.limit)
            divisors.append(divisor or 1.0)  # 0 where nobody wrote a factor: there is nothing to divide, but a KL
        return Prepared(samples, divisors, int((advantages != 0).sum()))

    def _place(self) -> int:
        """Where this process's rollouts begin among all: those of the processes before it come first."""
        count = self.config.rollouts.problems * self.config.rollouts.samples
        return sum(len(range(rank, count, self.world.size)) for rank in range(self.world.rank))

    def _advantages(self, correct: NDArray[np.bool_], groups: Ints) -> Floats:
        """Raises TrainingError for an objective that gives something else than a number for each episode."""
        try:
            found = np.asarray(self.objective.advantages(correct, groups), dtype=np.float64)
        except ObjectiveError as error:
            raise TrainingError(str(error)) from None
        if found.shape != correct.shape:
            raise TrainingError(f"the objective gave advantages of shape {found.shape} for {len(correct)} episodes")
        if not np.isfinite(found).all():
            raise TrainingError("the objective gave an advantage that is not a number")
        return found

    def _sample(self, rollout: Rollout) -> Sample:
        others = self.loss.reads_others
        try:
            return sample_of(self.senior, self.config.senior, rollout.acted, self.vocabularies, others=others)
        except ValueError as error:
            raise TrainingError(f"rollout {rollout.acted.id}: {error}") from None

    def _step(self, samples: Sequence[Sample], divisor: float, watch: Watch, *, first: bool) -> float:
        """Accumulates the gradients of a mini-batch and updates the weights; the norm that the gradient had."""
        for batch in micro_batches(samples, self.config.optimiser.micro_tokens):
            self.loss.backward(batch, divisor, watch, gaps=first)
        self.world.sum_gradients(self.optimiser.weights)
        norm, loss = self.optimiser.norm(), self._sum(watch.loss)  # of all processes: they stop together
        if not math.isfinite(norm) or not math.isfinite(loss):
            self.optimiser.forget()
            what = "gradient" if math.isfinite(loss) else "loss"
            raise TrainingError(f"the {what} is not a number; try a lower --set optimiser.learning_rate")
        self.optimiser.step(norm)
        return norm


def check_groups(groups: Ints, problems: int, samples: int) -> None:
    """Raises TrainingError where a problem of the step lacks a sample."""
    counts = np.bincount(groups, minlength=problems)
    if len(counts) != problems or (counts != samples).any():
        short = int(np.argmax(counts != samples))
        raise TrainingError(
            f"problem {short + 1} of {problems} has {counts[short]} rollouts, not {samples}; nothing was trained"
        )
