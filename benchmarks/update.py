"""``python -m benchmarks.update``: what an update costs beside a bare forward and backward over the same tokens.

The same rollouts of the embedded pair, the same micro-batches. *update* is all that `training.trainer` does between the
grades and the next rollouts: views, factors, loss, gradients, clipping, AdamW, digest of the weights. *bare* is the
model's own cross entropy on the same padded ids, forward and backward, and nothing else.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass

import torch

from arena.command import run_command
from arena.grading import Grader
from arena.terminal import say
from arena.torch_engine.engine import TorchEngine
from training.loss import Sample, micro_batches
from training.reading import defaults
from training.rollouts import Rollout
from training.senior import make_trainable
from training.settle import load_agents_of, load_task_of, settled
from training.trainer import Trainer
from training.world import World


@dataclass
class UpdateConfig:
    """Measures the update of a recipe, side by side."""

    recipe: str = "tiny"
    """Whose rollouts and objective."""
    steps: int = 6
    """Rollouts of so many steps are measured; the first is not counted."""
    rounds: int = 3
    """How often each is measured."""
    threads: int = 1
    json: bool = False
    """Print JSON instead of a line."""


def bare(trainer: Trainer, samples: list[Sample]) -> float:
    """Seconds of forward and backward over the samples' tokens."""
    model = trainer.senior.model
    model.zero_grad(set_to_none=True)
    batches = []
    for batch in micro_batches(samples, trainer.config.optimiser.micro_tokens):
        ids = torch.zeros(len(batch), max(len(sample.view.ids) for sample in batch), dtype=torch.long)
        for row, sample in enumerate(batch):
            ids[row, : len(sample.view.ids)] = torch.tensor(sample.view.ids)
        batches.append(ids)
    began = time.perf_counter()
    for ids in batches:
        torch.autograd.backward(model(input_ids=ids, labels=ids, use_cache=False).loss)
    seconds = time.perf_counter() - began
    model.zero_grad(set_to_none=True)
    return seconds


def whole(trainer: Trainer, played: list[Rollout]) -> float:
    """Seconds of the trainer's update on rollouts."""
    began = time.perf_counter()
    trainer.learner.update(played)
    return time.perf_counter() - began


def main(config: UpdateConfig) -> None:
    """Prints both times and their ratio."""
    given = settled(defaults(config.recipe))
    torch.set_num_threads(config.threads)
    agents = load_agents_of(given)
    senior = make_trainable(agents[given.senior], given.senior, given.agents[given.senior], given)
    rows = given.rollouts.problems * given.rollouts.samples
    engine = TorchEngine(agents, seed=given.seed, limit=given.rollouts.limit, batch_size=rows)
    updates, bares, tokens = [], [], 0
    with Grader() as grader:
        trainer = Trainer(given, load_task_of(given), agents, senior, engine, grader, World())
        for step in range(config.steps):
            played = trainer.rollouts.play(step)
            samples = [sample for sample, _ in trainer.learner.prepared(played).samples]
            seconds = []
            for _ in range(config.rounds):
                seconds.append((whole(trainer, played), bare(trainer, samples)))
            if step:  # the first has what is done once
                updates.append(statistics.median(one for one, _ in seconds))
                bares.append(statistics.median(two for _, two in seconds))
                tokens += sum(len(sample.view.ids) for sample in samples)
    ratios = sorted(a / b for a, b in zip(updates, bares, strict=True))
    found = {
        "update_over_bare": round(statistics.median(ratios), 3),
        "range": [round(ratios[0], 3), round(ratios[-1], 3)],
        "update_seconds": round(statistics.mean(updates), 4),
        "bare_seconds": round(statistics.mean(bares), 4),
        "tokens_per_update": round(tokens / len(updates)),
    }
    say(json.dumps(found) if config.json else "  ".join(f"{name} {value}" for name, value in found.items()))


if __name__ == "__main__":
    run_command(main, UpdateConfig, prog="python -m benchmarks.update")
