"""What `training.sft` learns from, its loss, its updates, and what is measured and kept between them."""

from __future__ import annotations

import hashlib
import math
import os
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.chance import stable_key
from arena.tasks import Problem

if TYPE_CHECKING:
    from torch import Tensor

    from agents.language_model import LanguageModel
    from arena.store import Run
    from training.sft_config import SftConfig


@dataclass(frozen=True)
class Example:
    """A problem and its solution in the agent's tokens."""

    ids: array[int]
    """Prompt, solution and the end."""
    prompt: int
    """How many of them are the prompt."""

    @property
    def learnt(self) -> int:
        """How many are in the loss: the solution's and the end."""
        return len(self.ids) - self.prompt


def examples_of(
    agent: LanguageModel, problems: Iterable[Problem], max_length: int, most: int = 0
) -> tuple[list[Example], Counter[str]]:
    """The first ``most`` (0: all) that can be learnt, and how many before them cannot, by reason. Nothing is cut."""
    found: list[Example] = []
    left_out: Counter[str] = Counter()
    never, longest = set(agent.vocabulary.never), min(max_length, agent.context)
    for problem in problems:
        example = _example(agent, problem, never, longest)
        if isinstance(example, str):
            left_out[example] += 1
            continue
        found.append(example)
        if len(found) == most:
            break
    return found, left_out


def _example(agent: LanguageModel, problem: Problem, never: set[int], longest: int) -> Example | str:
    """The example, or why there is none."""
    from agents.prompting import PromptError

    if not problem.solution or not problem.solution.strip():
        return "without a solution"
    try:
        prompt = agent.prompt_ids(problem.question)
    except PromptError:
        prompt = []
    solution, exact = agent.encode(problem.solution)
    if not exact or not never.isdisjoint(solution):  # its tokeniser cannot spell it, or it never draws such tokens
        return "not writable"
    ids = array("i", [*prompt, *solution, agent.vocabulary.end])
    return "not askable" if not prompt else "too long" if len(ids) > longest else Example(ids, len(prompt))


def nats(agent: LanguageModel, examples: Sequence[Example]) -> Tensor:
    """Sum of -log p of the solutions' tokens and their ends: a differentiable scalar.

    Texts are padded on the right, where causal attention does not look, and logits are made only in the columns from
    which something is predicted that is in the loss.
    """
    import torch

    device = agent.model.device
    ids = torch.zeros(len(examples), max(len(one.ids) for one in examples) - 1, dtype=torch.long)
    for n, one in enumerate(examples):
        ids[n, : len(one.ids) - 1] = torch.tensor(one.ids[:-1])
    learnt = [(n, at - 1, one.ids[at]) for n, one in enumerate(examples) for at in range(one.prompt, len(one.ids))]
    row, column, token = torch.tensor(learnt, device=device).unbind(1)
    columns, column = torch.unique(column, return_inverse=True)
    out = agent.model(input_ids=ids.to(device), use_cache=False, logits_to_keep=columns).logits
    return torch.nn.functional.cross_entropy(out[row, column].float(), token, reduction="sum")


def parts_of(examples: Sequence[Example], tokens: int) -> Iterator[list[Example]]:
    """All of them, those of like lengths together, at most so many tokens (padding included) at a time, or one."""
    part: list[Example] = []
    for one in sorted(examples, key=lambda one: len(one.ids)):
        if part and (len(part) + 1) * len(one.ids) > tokens:
            yield part
            part = []
        part.append(one)
    yield part


class Tuner:
    """The updates, what is measured between them, and what a checkpoint must remember."""

    def __init__(
        self,
        config: SftConfig,
        agent: LanguageModel,
        train: Sequence[Example],
        held_out: Sequence[Example] = (),
        left_out: Mapping[str, int] | None = None,
    ):
        """``agent`` is trainable already (`training.senior.make_trainable`); ``left_out`` is for the summary."""
        from training.optimiser import Optimiser

        self.config, self.agent, self.train, self.held_out, self.left_out = config, agent, train, held_out, left_out
        self.steps = config.steps or -(-config.epochs * len(train) // config.batch_size)
        self.optimiser = Optimiser(agent.model, config.optimiser, self.steps)
        self.step = self.kept = 0
        """Steps that are done, and those that are in the last checkpoint."""
        self.whole = True
        """Nothing of the next step is done yet."""
        texts = hashlib.blake2b(digest_size=8)
        for one in (*train, *held_out):
            texts.update(one.ids)
        self.origin = [agent.weights, texts.hexdigest()]
        """The model before training and what it learns: what is gone on with must be the same."""
        self.state: dict[str, Any] = {"loss": None, "before": None, "held_out": None, "tokens": 0, "seconds": 0.0}

    def batch(self) -> list[Example]:
        """The next update's: each example once before any comes again, in an order that seed and epoch decide."""
        from training.rollouts import in_order

        count, size = len(self.train), self.config.batch_size
        start = self.step * size
        if self.config.epochs:
            size = min(size, self.config.epochs * count - start)
        return [self.train[at] for _, at in in_order(count, self.config.seed, start, size, True)]

    def update(self) -> dict[str, Any]:
        """One update; its line of metrics. Raises TrainingError for what is no number, and leaves the weights then."""
        import torch

        from training.rollouts import TrainingError
        from training.senior import training_mode

        batch, rate, loss = self.batch(), self.optimiser.rate(), 0.0
        learnt = sum(one.learnt for one in batch)
        torch.manual_seed(stable_key("sft", self.config.seed, self.step) % 2**63)  # for dropout
        with training_mode(self.agent, self.config.learning):
            for part in parts_of(batch, self.config.optimiser.micro_tokens):
                share = nats(self.agent, part) / learnt
                torch.autograd.backward(share)
                loss += float(share.detach())
        norm = self.optimiser.norm()
        if not math.isfinite(loss) or not math.isfinite(norm):
            what = "gradient" if math.isfinite(loss) else "loss"
            raise TrainingError(
                f"step {self.step + 1}: the {what} is not a number; try a lower --set optimiser.learning_rate"
            )
        self.whole = False
        self.optimiser.step(norm)
        self.step += 1
        self.state |= {"loss": round(loss, 6), "tokens": self.state["tokens"] + learnt}
        numbers = {"loss": round(loss, 6), "grad_norm": round(norm, 6), "learning_rate": rate}
        return {"step": self.step, **numbers, "tokens": learnt}

    def validated(self) -> dict[str, float]:
        """Nats a token of the held-out solutions, as the metrics have it; nothing where there are none."""
        import torch

        from training.rollouts import TrainingError

        if not self.held_out:
            return {}
        with torch.no_grad():
            parts = parts_of(self.held_out, self.config.optimiser.micro_tokens)
            total = sum(float(nats(self.agent, part)) for part in parts)
        if not math.isfinite(total):
            raise TrainingError(f"step {self.step}: the loss of the held-out solutions is not a number")
        self.state["held_out"] = round(total / sum(one.learnt for one in self.held_out), 6)
        if self.step == 0:
            self.state["before"] = self.state["held_out"]
        return {"held_out": self.state["held_out"]}

    def run(self, run: Run, tell: Callable[[Mapping[str, Any]], None]) -> None:
        """Goes on to the last step; measures, notes and keeps on the way."""
        began, fresh = time.perf_counter(), self.step == 0
        while fresh or self.step < self.steps:
            line: dict[str, Any] = {"step": 0} if fresh else self.update()
            if fresh or self._due(self.config.validate_every):
                line |= self.validated()
            line["seconds"], began = round(time.perf_counter() - began, 4), time.perf_counter()
            self.state["seconds"] += line["seconds"]
            run.measure(**line)
            self.whole = True
            tell(line)
            if not fresh and self._due(self.config.checkpoints.every):
                self.save(run.folder)
            fresh = False

    def _due(self, every: int) -> bool:
        return self.step == self.steps or (every > 0 and self.step % every == 0)

    def save(self, folder: Path) -> None:
        """Writes a checkpoint. Raises TrainingError where that cannot be; the one before it is good then."""
        from training import checkpoint
        from training.rollouts import TrainingError

        sizes = {"metrics.jsonl": (folder / "metrics.jsonl").stat().st_size}
        state = {**self.state, "origin": self.origin, "sizes": sizes}
        try:
            checkpoint.write(folder / "checkpoints", self.step, self.agent, self.optimiser, state)
            checkpoint.prune(folder / "checkpoints", self.config.checkpoints.keep)
        except OSError as error:
            raise TrainingError(f"the checkpoint could not be written: {error.strerror or error}") from None
        self.kept = self.step

    def restore(self, folder: Path) -> None:
        """Goes back to the last checkpoint, if there is one, else to the beginning. Raises CheckpointError."""
        from training import checkpoint

        size, last = 0, checkpoint.last_of(folder / "checkpoints")
        if last:
            found = checkpoint.read(last, self.agent, self.optimiser)
            if found["origin"] != self.origin:
                what = "another model" if found["origin"][0] != self.origin[0] else "other solutions"
                raise checkpoint.CheckpointError(f"--resume: {folder} was begun with {what}; choose another --out")
            self.step = self.kept = found["step"]
            size = found["sizes"]["metrics.jsonl"]
            self.state = {name: found[name] for name in self.state}
            checkpoint.point(last.parent, "last", last)  # a kill may have come before this was done
        if size < (folder / "metrics.jsonl").stat().st_size:
            os.truncate(folder / "metrics.jsonl", size)

    def summary(self, folder: Path) -> dict[str, Any]:
        state, seen = self.state, self.steps * self.config.batch_size / len(self.train)
        held_out = {"solutions": len(self.held_out), "before": state["before"], "after": state["held_out"]}
        return {
            "steps": self.step,
            "epochs": self.config.epochs or round(seen, 4),
            "solutions": len(self.train),
            "left_out": self.left_out or {},
            "tokens": state["tokens"],
            "loss": state["loss"],
            "held_out": held_out if self.held_out else None,
            "seconds": round(state["seconds"], 2),
            "checkpoint": str(folder / "checkpoints" / "last"),
        }
