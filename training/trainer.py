"""The loop: play, grade, weigh, differentiate, update; measure on held-out problems; keep what is needed to go on.

How it departs from a textbook's loop: rollouts are written by several authors, and only the factors of the senior (and,
with j > 0, those of others as the senior would have made them) are in the loss; there is no critic, and the policy that
wrote is the policy that is updated, so old log-probs matter only where a step has several updates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from agents.contract import Agent
from agents.language_model import LanguageModel
from arena.grading import Grader
from arena.jobs import Engine, Rests
from arena.measures import CUT_OFF, Tally
from arena.tasks import Task
from training import checkpoint
from training.clock import Clock
from training.config import TrainConfig
from training.evaluate import Evaluator, better, figure, figures
from training.learner import Learner
from training.records import Records
from training.rollouts import Rollouts, TrainingError
from training.senior import refresh
from training.world import World


class Show(Protocol):
    """What is told about a run while it goes on."""

    def began(self, step: int, steps: int) -> None: ...
    def stepped(self, line: Mapping[str, Any]) -> None: ...


class Trainer:
    """Trains the senior among ``agents``. Everything that may go wrong with a run is a TrainingError."""

    def __init__(
        self,
        config: TrainConfig,
        task: Task,
        agents: Mapping[str, Agent],
        senior: LanguageModel,
        engine: Engine,
        grader: Grader,
        world: World,
    ):
        self.config, self.senior, self.engine, self.world = config, senior, engine, world
        self.clock = Clock()
        self.rollouts = Rollouts(config, task, agents, engine, grader, world, self.clock)
        self.evaluator = Evaluator(config, task, agents, engine, grader, world)
        vocabularies = {a.vocabulary.digest: a.vocabulary for a in agents.values() if hasattr(a, "vocabulary")}
        self.learner = Learner(config, senior, vocabularies, world)
        self.step = 0
        """Steps that are done."""
        self.best: tuple[float, int] | None = None
        """The best held-out figure, and after which step."""
        self.held_out: dict[str, Any] = {}
        """The last evaluation's figures."""
        self.seconds = 0.0
        self.tokens = 0

    def run(self, folder: Path, records: Records | None, show: Show, asked: Callable[[], bool] = lambda: False) -> None:
        """Goes on to the last step, or until ``asked`` to stop: then there is a checkpoint, and KeyboardInterrupt.

        ``records`` is None in all processes but the first, whose ``asked`` counts.
        """
        config = self.config
        place = folder / "checkpoints"
        show.began(self.step, config.steps)
        if self.step == 0:
            line: dict[str, Any] = {"step": 0, "held_out": self._evaluate(records)}
            self._note(records, show, line)
        while self.step < config.steps:
            line = self._step(records)
            if self._due(config.evaluation.every) or config.steps - self.step < config.evaluation.last:
                line["held_out"] = self._evaluate(records)
            best = "held_out" in line and self._better(line["held_out"])
            self._note(records, show, line)
            stop = self.world.from_main(asked()) and self.step < config.steps
            if stop or self._due(config.checkpoints.every) or best:
                with self.clock.on("checkpoint"):
                    self._save(place, records, best)
            if stop:
                raise KeyboardInterrupt

    def _due(self, every: int) -> bool:
        return self.step == self.config.steps or (every > 0 and self.step % every == 0)

    def _step(self, records: Records | None) -> dict[str, Any]:
        """One round of rollouts and updates; its line of metrics, without the time that it took."""
        played = self.rollouts.play(self.step)
        with self.clock.on("store"):
            stored = self.world.gathered(rollout.episode for rollout in played)
            begun = self.world.gathered(one.acted for one in played if one.acted is not one.episode)
            if records and self.config.log.rollouts:
                records.rollouts([*begun, *stored])
        with self.clock.on("update"):
            if isinstance(self.engine, Rests):
                self.engine.rest()
            try:
                line = self.learner.update(played)
            except TrainingError as error:
                raise TrainingError(f"step {self.step + 1}: {error}") from None
        self.step += 1
        one, parents = Tally(), Tally()
        for episode in stored:
            one.add(episode)
        for episode in begun:
            parents.add(episode)
        self.tokens += one.tokens + parents.tokens
        found = one.summary()
        kept = ("episodes", "accuracy", "unreadable", "jargon_rate", "accuracy_by_difficulty")
        return {
            "step": self.step,
            **{name: found[name] for name in kept},
            "cut_off": round(sum(one.endings[kind] for kind in CUT_OFF) / one.episodes, 4),
            "tokens": one.tokens + parents.tokens,
            "p": next((episode.p for episode in stored if episode.p is not None), None),
            **line,
        }

    def _evaluate(self, records: Records | None) -> dict[str, Any]:
        """Figures on the held-out split; the partners' own only before the first step."""
        count = self.config.evaluation.problems
        if not count:
            return {}
        with self.clock.on("evaluate"):
            episodes = self.evaluator.evaluate("held-out", count, self.step, partners=self.step == 0)
            if records:
                records.validation(episodes)
            self.held_out = figures(episodes)
        return self.held_out

    def _better(self, found: Mapping[str, Any]) -> bool:
        """Whether this is the best so far; of equal ones the later."""
        if not found:
            return False
        value = figure(found, self.config.evaluation.best)
        if self.best is not None and not better(value, self.best[0], self.config.evaluation.best):
            return False
        self.best = (value, self.step)
        return True

    def _note(self, records: Records | None, show: Show, line: dict[str, Any]) -> None:
        """Writes and shows a line of metrics, with the time since the last one."""
        line["seconds"] = self.clock.taken()
        self.seconds += sum(line["seconds"].values())
        if records:
            records.metrics(line)
        show.stepped(line)

    def _save(self, place: Path, records: Records | None, better: bool) -> None:
        """Writes a checkpoint, by the first process; the others wait."""
        if not all(bool(torch.isfinite(weight).all()) for weight in self.learner.optimiser.weights):
            raise TrainingError(
                f"step {self.step}: the weights are no numbers any more; try a lower --set optimiser.learning_rate"
            )
        if records:
            state = {
                "best": self.best,
                "sizes": records.sizes(),
                "held_out": self.held_out,
                "spent_seconds": self.seconds,
                "tokens": self.tokens,
            }
            try:
                written = checkpoint.write(place, self.step, self.senior, self.learner.optimiser, state)
                if better:
                    checkpoint.point(place, "best", written)
                checkpoint.prune(place, self.config.checkpoints.keep)
            except OSError as error:
                last = checkpoint.last_of(place)
                kept = f"; the last good one is {last}" if last else ""
                raise TrainingError(f"{place}: the checkpoint could not be written: {error}{kept}") from None
        self.world.wait()

    def finish(self, records: Records | None) -> dict[str, Any]:
        """After the last step: the test split, if it was asked for, and the summary."""
        config, found = self.config, {}
        if config.evaluation.test:
            with self.clock.on("test"):
                episodes = self.evaluator.evaluate("test", config.evaluation.test, self.step, partners=True)
                found = figures(episodes)
                if records:
                    records.test(episodes)
        self.seconds += sum(self.clock.taken().values())
        measured = found or self.held_out
        summary = {
            **(measured.get("team") or next(iter(measured.values()), {})),
            "measured_on": "test" if found else "held-out" if measured else "",
            "steps": self.step,
            "best": None if self.best is None else {"step": self.best[1], config.evaluation.best: self.best[0]},
            "held_out": self.held_out,
            "test": found,
            "tokens": self.tokens,
            "tokens_per_second": round(self.tokens / self.seconds, 2) if self.seconds else 0.0,
            "seconds": round(self.seconds, 2),
            "processes": self.world.size,
        }
        if records:
            records.finish(summary)
        return summary

    def restore(self, place: Path) -> None:
        """Goes back to a checkpoint. Raises CheckpointError."""
        state = checkpoint.read(place, self.senior, self.learner.optimiser)
        refresh(self.senior)
        self.step, self.held_out = state["step"], state["held_out"]
        self.best = None if state["best"] is None else (state["best"][0], state["best"][1])
        if self.world.main:
            checkpoint.mend_links(place.parent, self.best[1] if self.best else None)
        self.seconds, self.tokens = state["spent_seconds"], state["tokens"]
