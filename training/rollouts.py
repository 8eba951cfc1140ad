"""A step's rollouts: which problems, who sits down, played by the torch engine and graded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from agents.chance import Stream, Uniforms, episode_key, stable_key
from agents.contract import Agent, AgentError
from arena.episode import Episode
from arena.grading import Grader
from arena.jobs import Engine, Job
from arena.plan import begun
from arena.policy import Once, Policy, Solo, parse
from arena.regrade import graded
from arena.tasks import Problem, Task
from training.clock import Clock
from training.config import TrainConfig

if TYPE_CHECKING:
    from training.world import World


class TrainingError(RuntimeError):
    """The run cannot go on; one line that says why. What was stored before is good."""


@dataclass(frozen=True)
class Rollout:
    """One sample of a problem."""

    episode: Episode
    """Whose answer is graded."""
    acted: Episode
    """Whose factors are trained: the episode itself, but under `once` the senior's own solution, of which the episode
    has the beginning. Where that was cut depends on all of it, so all of it has acted."""
    group: int
    """The same for all samples of a problem."""

    @property
    def correct(self) -> bool:
        return (self.episode.grade or {}).get("verdict") == "correct"


def in_order(size: int, seed: int, start: int, count: int, shuffle: bool) -> Iterator[tuple[int, int]]:
    """(epoch, index) of ``count`` of ``size`` problems from place ``start`` on: each once before any comes again."""
    for place in range(start, start + count):
        epoch, at = divmod(place, size)
        yield epoch, int(_order(size, seed, epoch)[at]) if shuffle else at


@lru_cache(maxsize=2)
def _order(size: int, seed: int, epoch: int) -> np.ndarray:
    key = np.array([seed % 2**64, stable_key("problems", epoch)], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).permutation(size)


def policy_for(policy: Policy, names: Sequence[str]) -> Policy:
    """The policy, but who is alone writes everything."""
    return Policy(policy.unit, Solo()) if len(names) == 1 else policy


class Rollouts:
    """Plans, plays and grades the rollouts of a run."""

    def __init__(
        self,
        config: TrainConfig,
        task: Task,
        agents: Mapping[str, Agent],
        engine: Engine,
        grader: Grader,
        world: World,
        clock: Clock | None = None,
    ):
        self.config, self.task, self.engine, self.grader, self.world = config, task, engine, grader, world
        self.clock = clock or Clock()
        self.policy = parse(config.handoff)
        self._vocabularies = {a.vocabulary.digest: a.vocabulary for a in agents.values() if hasattr(a, "vocabulary")}

    def jobs(self, step: int) -> list[Job]:
        """The jobs of a step, sample by sample of each problem. The same at every call."""
        config, jobs = self.config, []
        problems = self.task.problems("train")
        count = config.rollouts.problems
        for epoch, index in in_order(len(problems), config.seed, step * count, count, config.rollouts.shuffle):
            for number in range(config.rollouts.samples):
                # An epoch's episodes have coins and draws of their own, which hang on problem and sample.
                sample = epoch * config.rollouts.samples + number
                names = self._drawn(problems[index], sample)
                jobs.append(Job(problems[index], sample, policy_for(self.policy, names), names, step=step))
        return jobs

    def _drawn(self, problem: Problem, sample: int) -> tuple[str, ...]:
        """Who sits down: one of the pairs, by a number of the episode's own."""
        pairs = self.config.pairs
        if len(pairs) == 1:
            return pairs[0]
        key = episode_key(problem.id, sample)
        return pairs[int(Uniforms(self.config.seed, key, Stream.PAIR)[0] * len(pairs))]

    def play(self, step: int) -> list[Rollout]:
        """This process's share of a step's rollouts, graded, in the order of the jobs. Raises TrainingError."""
        whole = self.jobs(step)
        jobs = self.world.share(list(enumerate(whole)))
        mine = [job for _, job in jobs]
        with self.clock.on("rollout"):
            if isinstance(self.policy.schedule, Once) and any(len(job.names) > 1 for job in mine):
                acted, episodes = self._play_once(mine, self.policy.schedule.fraction)
            else:
                acted = episodes = self._played(mine)
        with self.clock.on("grade"):
            answers = [job.problem.answer for job in mine]
            grades = graded(list(zip(episodes, answers, strict=True)), self.task, self.grader)
            check_rollouts(mine, episodes, grades)
            begun = [(a, answer) for a, e, answer in zip(acted, episodes, answers, strict=True) if a is not e]
            for (parent, _), grade in zip(begun, graded(begun, self.task, self.grader), strict=True):
                parent.grade = grade
        for episode, grade in zip(episodes, grades, strict=True):
            episode.grade = grade
        samples = self.config.rollouts.samples
        return [Rollout(e, a, n // samples) for e, a, (n, _) in zip(episodes, acted, jobs, strict=True)]

    def _play_once(self, jobs: Sequence[Job], fraction: float) -> tuple[list[Episode], list[Episode]]:
        """The senior's own solutions, and the episodes that go on from their beginnings."""
        solo = Policy(self.policy.unit, Solo())
        senior = self.config.senior
        condition = f"solo:{senior}"
        begins = {
            n: Job(j.problem, j.sample, solo, (senior,), condition, j.step)
            for n, j in enumerate(jobs)
            if len(j.names) > 1
        }
        parents = dict(zip(begins, self._played(list(begins.values())), strict=True))
        episodes = self._played(
            [begun(j, parents[n], fraction, self._vocabularies) if n in parents else j for n, j in enumerate(jobs)]
        )
        return [parents.get(n, episode) for n, episode in enumerate(episodes)], episodes

    def _played(self, jobs: Sequence[Job]) -> list[Episode]:
        """The episodes of some jobs, in their order. Raises TrainingError where one failed."""
        found: dict[str, Episode] = {}
        try:
            for episode in self.engine.episodes(jobs):
                found[episode.id] = episode
        except AgentError as error:
            raise TrainingError(str(error)) from None
        failed = next((one for one in found.values() if one.ended == "error"), None)
        if failed is not None:
            raise TrainingError(f"rollout {failed.id} failed: {failed.error}")
        if found.keys() != {job.id for job in jobs}:
            raise TrainingError(f"{len(jobs)} rollouts were asked for, {len(found)} came back")
        return [found[job.id] for job in jobs]


def check_rollouts(jobs: Sequence[Job], episodes: Sequence[Episode], grades: Sequence[object]) -> None:
    """Raises TrainingError where a grade, an episode or an author is missing: no authors, no training."""
    if not len(jobs) == len(episodes) == len(grades):
        raise TrainingError(f"{len(jobs)} rollouts, {len(episodes)} episodes and {len(grades)} grades do not fit")
    for episode in episodes:
        at, lost = 0, False
        for span in episode.spans:
            lost = lost or span.author not in episode.authors or span.start != at
            at = at if lost else span.end
        if lost or at != len(episode.text):
            raise TrainingError(f"rollout {episode.id}: its authors are lost at character {at}; nothing was trained")
        if episode.digest != episode.fingerprint():  # as where a span of no text is gone, the end alone
            raise TrainingError(f"rollout {episode.id}: its authors are lost: it was changed; nothing was trained")
